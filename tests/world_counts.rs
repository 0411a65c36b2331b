//! The counts against the laws they are drawn from: Poisson, readout, damage, and one stream per place.

use dosewise::prelude::*;
use dosewise::world::Definition;
use dosewise::world::definition::DisplacementSection;
use dosewise::world::distortion::ScanSettings;

/// A world of `level` without defects, damage and distortions other than jitter, and with exact readings of the detector,
/// changed at will.
fn clean(level: u8, change: impl Fn(&mut Definition)) -> World {
    let file = format!("worlds/mos2-l{level}.toml");
    let mut definition = Definition::load(&file).unwrap();
    for class in &mut definition.defects.as_mut().unwrap().class {
        class.density = 0.0;
    }
    still(&mut definition);
    definition.detector.gain_noise = 0.0;
    definition.damage = Default::default();
    change(&mut definition);
    World::from_definition(&definition, file).unwrap()
}

/// Of the distortions only the jitter stays: the others depend on time.
fn still(definition: &mut Definition) {
    let scan = &definition.scan;
    definition.scan = ScanSettings {
        settle_us: scan.settle_us,
        flyback_us: scan.flyback_us,
        line_jitter: scan.line_jitter,
        pixel_jitter: scan.pixel_jitter,
        ..ScanSettings::default()
    };
}

fn small(definition: &mut Definition) {
    definition.field.height = 12.0;
    definition.field.width = 12.0;
    definition.budget.dose = 1e6;
}

/// Sulphur lost with `square_angstrom` per atom.
fn fragile(square_angstrom: f64) -> impl Fn(&mut Definition) {
    move |definition| {
        definition.damage.element = vec![DisplacementSection {
            symbol: "S".parse().unwrap(),
            cross_section_barn: Some(square_angstrom * 1e8),
            threshold_ev: None,
            enhancement: 1.0,
        }];
        definition.budget.dose = 1e5;
    }
}

/// Mean and variance over seeds against `mean` and `variance`, with the fourth moment of a Poisson law plus noise.
fn assert_moments(samples: &[f64], mean: f64, variance: f64, what: &str) {
    let n = samples.len() as f64;
    let found = samples.iter().sum::<f64>() / n;
    let spread = samples.iter().map(|s| (s - found).powi(2)).sum::<f64>() / (n - 1.0);
    assert!(
        (found - mean).abs() < 4.0 * (variance / n).sqrt(),
        "{what}: mean {found}, expected {mean}"
    );
    // Var(s²) = (μ₄ − σ⁴)/n, with μ₄ = λ + 3σ⁴ for a Poisson count with Gaussian noise
    let error = ((2.0 * variance * variance + mean) / n).sqrt();
    assert!(
        (spread - variance).abs() < 4.5 * error,
        "{what}: variance {spread}, expected {variance}"
    );
}

#[test]
fn counts_are_poisson_about_electrons_times_image() {
    let world = clean(1, small);
    let places = [
        Point::new(6.0, 6.0),
        Point::new(3.1, 7.4),
        Point::new(8.2, 2.7),
        Point::new(1.0, 11.0),
    ];
    let doses = [30.0, 300.0, 3_000.0, 50_000.0];
    let mut samples = vec![Vec::new(); doses.len()];
    for seed in 0..2000 {
        let mut episode = world.episode(Seed(seed));
        let visits = places.iter().copied().zip(doses.map(Dose));
        let frame = episode.scan(&Scan::visits(visits)).unwrap();
        for (list, &signal) in samples.iter_mut().zip(&frame.signal) {
            assert!(signal >= 0.0 && signal.fract() == 0.0);
            list.push(signal);
        }
    }
    for ((place, dose), list) in places.iter().zip(doses).zip(&samples) {
        let expected = dose * world.briefing().perfect_image(*place);
        assert_moments(list, expected, expected, &format!("{dose} electrons"));
    }
}

#[test]
fn readout_noise_adds_its_variance_at_every_readout() {
    for level in [2, 3] {
        let world = clean(level, |d| {
            small(d);
            (d.scan.line_jitter, d.scan.pixel_jitter) = (0.0, 0.0);
        });
        let noise = world.briefing().readout_noise;
        let place = Point::new(5.0, 7.0);
        let (mut once, mut split) = (Vec::new(), Vec::new());
        for seed in 0..1200 {
            let look = |parts: usize| {
                let scan = Scan::at(vec![place; parts], Dose(600.0 / parts as f64));
                let frame = world.episode(Seed(seed)).scan(&scan).unwrap();
                frame.signal.iter().sum::<f64>()
            };
            once.push(look(1));
            split.push(look(10));
        }
        let mean = 600.0 * world.briefing().perfect_image(place);
        assert_moments(
            &once,
            mean,
            mean + noise * noise,
            &format!("level {level}, one readout"),
        );
        assert_moments(
            &split,
            mean,
            mean + 10.0 * noise * noise,
            &format!("level {level}, ten readouts"),
        );
    }
}

#[test]
fn gain_noise_multiplies_what_is_counted() {
    let gain = 0.05;
    let world = clean(1, |d| {
        small(d);
        d.detector.gain_noise = gain;
    });
    let (place, electrons) = (Point::new(5.0, 7.0), 600_000.0);
    let readings: Vec<f64> = (0..1500)
        .map(|seed| {
            let scan = Scan::at([place], Dose(electrons));
            world.episode(Seed(seed)).scan(&scan).unwrap().signal[0]
        })
        .collect();
    // Var(n(1 + g)) = λ + γ²(λ + λ²) for a count n of mean λ and a gain of variance γ²
    let mean = electrons * world.briefing().perfect_image(place);
    let variance = mean + gain * gain * (mean + mean * mean);
    assert!(
        variance > 2.0 * mean,
        "the gain must matter here: {mean}, {variance}"
    );
    assert_moments(&readings, mean, variance, "noisy gain");
}

#[test]
fn the_briefing_image_is_the_mean_over_the_jitter() {
    // Jitter far beyond the shipped worlds, so that the blurred image differs visibly from the sharp one.
    let jittery = |d: &mut Definition| {
        small(d);
        (
            d.scan.line_jitter,
            d.scan.pixel_jitter,
            d.detector.readout_noise,
        ) = (0.3, 0.25, 0.0);
    };
    let (world, sharp) = (clean(2, jittery), clean(2, small));
    let briefing = world.briefing();
    let places: Vec<Point> = briefing.sites.iter().map(|s| s.position).take(6).collect();
    let electrons = 2e4;
    let mut sums = vec![(0.0, 0.0); places.len()];
    let n = 1500;
    for seed in 0..n {
        let frame = world
            .episode(Seed(seed))
            .scan(&Scan::at(places.clone(), Dose(electrons)))
            .unwrap();
        for (sum, signal) in sums.iter_mut().zip(&frame.signal) {
            *sum = (sum.0 + signal, sum.1 + signal * signal);
        }
    }
    for (place, (sum, squares)) in places.iter().zip(sums) {
        let mean = sum / n as f64;
        let error = ((squares / n as f64 - mean * mean) / n as f64).sqrt();
        let expected = electrons * briefing.perfect_image(*place);
        assert!(
            (mean - expected).abs() < 4.0 * error,
            "{place:?}: {mean} ± {error}, expected {expected}"
        );
        let unblurred = electrons * sharp.briefing().perfect_image(*place);
        assert!(
            (unblurred - expected).abs() > 20.0 * error,
            "the jitter must matter here"
        );
    }
}

/// Places so far apart that no atom is both hit from one and seen from another.
fn far_apart() -> Vec<Point> {
    let along = [4.0, 22.0, 40.0, 58.0];
    along
        .iter()
        .flat_map(|&y| along.iter().map(move |&x| Point::new(y, x)))
        .collect()
}

#[test]
fn a_dose_in_parts_is_the_dose_at_once() {
    let world = clean(1, fragile(0.02));
    let places = far_apart();
    let probe = Scan::rectangle(Point::new(0.0, 0.0), 64.0, 64.0, 3.2, Dose(40.0)).unwrap();
    for seed in [1, 2, 3] {
        let run = |parts: usize| {
            let mut episode = world.episode(Seed(seed));
            let mut totals = vec![0.0; places.len()];
            for _ in 0..parts {
                let frame = episode
                    .scan(&Scan::at(places.clone(), Dose(1008.0 / parts as f64)))
                    .unwrap();
                totals
                    .iter_mut()
                    .zip(&frame.signal)
                    .for_each(|(t, s)| *t += s);
            }
            let spent = episode.spent();
            let after = episode.scan(&probe).unwrap().signal;
            (totals, spent, after, episode.finish().damaged_fraction)
        };
        let whole = run(1);
        assert!(
            whole.3 > 0.02 && whole.3 < 0.98,
            "the damage must be partial: {}",
            whole.3
        );
        for parts in [2, 3, 7, 16] {
            assert_eq!(run(parts), whole, "{parts} parts");
        }
    }
}

#[test]
fn atoms_survive_as_the_exponential_of_their_dose() {
    let sigma = 0.01;
    let world = clean(1, fragile(sigma));
    let briefing = world.briefing();
    assert!((briefing.cross_section("S".parse().unwrap()) / sigma - 1.0).abs() < 1e-12);
    for dose in [10.0, 70.0, 200.0] {
        let scan = Scan::rectangle(Point::new(0.0, 0.0), 64.0, 64.0, 1.0, Dose(dose)).unwrap();
        // Local dose of each column: what every visit brings, computed from the published beam.
        let (mut expected, mut variance, mut atoms) = (0.0, 0.0, 0.0);
        let mut inner = Vec::new();
        for site in &briefing.sites {
            let kind = &briefing.kinds[site.kind];
            if kind.element.symbol() != "S" {
                continue;
            }
            let own = kind.atoms as f64;
            let fluence: f64 = (0..scan.len())
                .map(|i| scan.position(i) - site.position)
                .map(|offset| dose * briefing.illumination(offset.y, offset.x))
                .sum();
            let edge = [site.position.y, site.position.x].map(|v| v.min(64.0 - v));
            if edge[0].min(edge[1]) > 8.5 {
                inner.push(fluence / dose);
            }
            let survival = (-sigma * fluence).exp();
            expected += own * survival;
            variance += own * survival * (1.0 - survival);
            atoms += own;
        }
        // On average a column inside the scan gets the dose of the scan; a stride of 1 Å leaves ripples of a tenth.
        let mean = inner.iter().sum::<f64>() / inner.len() as f64;
        assert!((mean - 1.0).abs() < 5e-3, "{mean}");
        let seeds = 8;
        let survivors: f64 = (0..seeds)
            .map(|seed| {
                let mut episode = world.episode(Seed(seed));
                episode.scan(&scan).unwrap();
                atoms * (1.0 - episode.finish().damaged_fraction)
            })
            .sum();
        let error = (variance * seeds as f64).sqrt();
        let predicted = expected * seeds as f64;
        assert!(
            (survivors - predicted).abs() < 3.5 * error,
            "{survivors} of {predicted} ± {error}"
        );
    }
}

#[test]
fn the_order_of_two_scans_leaves_the_same_atoms() {
    let world = clean(1, fragile(0.02));
    let rectangle =
        |y, x, stride| Scan::rectangle(Point::new(y, x), 30.0, 30.0, stride, Dose(40.0)).unwrap();
    let (first, second) = (rectangle(5.0, 5.0, 1.0), rectangle(15.0, 20.0, 0.75));
    // Places that neither scan has visited show the specimen as it is then.
    let places = (0..400).map(|i| {
        Point::new(
            4.137 + 2.0 * f64::from(i / 20),
            4.163 + 2.0 * f64::from(i % 20),
        )
    });
    let look = Scan::at(places, Dose(2000.0));
    for seed in 0..4 {
        let run = |scans: [&Scan; 2]| {
            let mut episode = world.episode(Seed(seed));
            for scan in scans {
                episode.scan(scan).unwrap();
            }
            let signal = episode.scan(&look).unwrap().signal;
            (signal, episode.finish().damaged_fraction)
        };
        let forward = run([&first, &second]);
        assert!(forward.1 > 0.1);
        assert_eq!(forward, run([&second, &first]));
    }
}

#[test]
fn a_place_shows_the_same_electrons_whatever_was_scanned_elsewhere() {
    for level in 1..=3 {
        let file = format!("worlds/mos2-l{level}.toml");
        let mut definition = Definition::load(&file).unwrap();
        still(&mut definition);
        let world = World::from_definition(&definition, file).unwrap();
        let here: Vec<Scan> = (0..3)
            .map(|i| {
                Scan::rectangle(
                    Point::new(1.0 + f64::from(i), 1.0),
                    8.0,
                    8.0,
                    0.5,
                    Dose(800.0),
                )
                .unwrap()
            })
            .chain([Scan::at(
                [
                    Point::new(3.0, 3.0),
                    Point::new(3.0, 3.0),
                    Point::new(9.5, 4.0),
                ],
                Dose(900.0),
            )])
            .collect();
        let elsewhere =
            Scan::rectangle(Point::new(32.0, 32.0), 30.0, 30.0, 1.0, Dose(500.0)).unwrap();
        let mut quiet = world.episode(Seed(21));
        let mut busy = world.episode(Seed(21));
        let mut other = world.episode(Seed(22));
        for scan in &here {
            let expected = quiet.scan(scan).unwrap();
            busy.scan(&elsewhere).unwrap();
            let found = busy.scan(scan).unwrap();
            assert_eq!(
                (found.signal, found.electrons),
                (expected.signal.clone(), expected.electrons),
                "level {level}"
            );
            assert_ne!(other.scan(scan).unwrap().signal, expected.signal);
        }
    }
}

#[test]
fn time_passes_as_current_settling_and_flyback_say() {
    let world = clean(2, |_| ());
    let briefing = world.briefing();
    let per_second = briefing.electrons_per_second;
    assert!((per_second * 1.602_176_634e-19 / 1e-12 - 1.0).abs() < 1e-12); // 1 pA
    let mut episode = world.episode(Seed(0));
    let scan = Scan::rectangle(Point::new(0.0, 0.0), 4.0, 6.0, 1.0, Dose(100.0)).unwrap();
    let frame = episode.scan(&scan).unwrap();
    let visit = 1e-6 + 100.0 / per_second;
    assert!((frame.time[0] - (1e-6 + 50.0 / per_second)).abs() < 1e-12);
    assert!((frame.time[6] - frame.time[0] - 6.0 * visit - 50e-6).abs() < 1e-12);
    assert!((episode.finish().time - 24.0 * visit - 3.0 * 50e-6).abs() < 1e-12);
}
