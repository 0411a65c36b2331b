//! The laws of damage in worlds made for them: what they do to the image, to the counts and to the score sheet.

use dosewise::prelude::*;
use dosewise::world::definition::{DamageSection, DisplacementSection};
use dosewise::world::{Definition, damage, distortion::ScanSettings};
use ndarray::Array2;
use std::f64::consts::{PI, TAU};

/// Beam positions along each axis are so far apart, Å.
const STRIDE: f64 = 2.0;
/// Pixel of noise-free images, Å.
const PIXEL: f64 = 1.0;
/// Dose after which 1/e of the halide is pristine, e⁻/Å².
const CRITICAL: f64 = 40.0;

/// A world file with a budget that does not matter, a beam that lands where it is aimed, and damage of one's own.
fn world(name: &str, damage: DamageSection, change: impl Fn(&mut Definition)) -> World {
    let file = format!("worlds/{name}.toml");
    let mut definition = Definition::load(&file).unwrap();
    definition.scan = ScanSettings::default();
    definition.budget.dose = 1e5;
    definition.detector.readout_noise = 0.0;
    definition.detector.gain_noise = 0.0;
    definition.damage = damage;
    change(&mut definition);
    World::from_definition(&definition, file).unwrap()
}

/// The halide with these laws and no others.
fn halide(damage: DamageSection) -> World {
    world("mapbi3-l1", damage, |_| ())
}

/// The halide's own chain of decay, at doses of the tests' own.
fn decaying() -> DamageSection {
    let mut decay = Definition::load("worlds/mapbi3-l1.toml")
        .unwrap()
        .damage
        .decay;
    decay[0].stages[0].dose = CRITICAL;
    decay[0].stages[1].dose = 3.0 * CRITICAL;
    DamageSection {
        decay,
        ..DamageSection::default()
    }
}

/// Sulphur that is lost with a cross section in Å².
fn fragile_sulphur(square_angstrom: f64) -> DamageSection {
    DamageSection {
        element: vec![DisplacementSection {
            symbol: "S".parse().unwrap(),
            cross_section_barn: Some(square_angstrom * 1e8),
            threshold_ev: None,
            enhancement: 1.0,
        }],
        ..DamageSection::default()
    }
}

/// The whole field, evenly.
fn whole(world: &World, dose: f64) -> Scan {
    let (height, width) = (world.briefing().height, world.briefing().width);
    Scan::rectangle(Point::new(0.0, 0.0), height, width, STRIDE, Dose(dose)).unwrap()
}

/// Horizontal stripes of the field, the last ones first.
fn from_below(world: &World, dose: f64) -> Vec<Scan> {
    let (height, width) = (world.briefing().height, world.briefing().width);
    let stripes = (height / 20.0) as usize;
    let corner = |n: usize| Point::new(20.0 * n as f64, 0.0);
    let stripe = |n| Scan::rectangle(corner(n), 20.0, width, STRIDE, Dose(dose)).unwrap();
    (0..stripes).rev().map(stripe).collect()
}

fn run(world: &World, seed: u64, scans: &[Scan]) -> Episode {
    let mut episode = world.episode(Seed(seed));
    for scan in scans {
        assert!(!episode.scan(scan).unwrap().truncated);
    }
    episode
}

fn image(world: &World, seed: u64, scans: &[Scan]) -> Array2<f64> {
    run(world, seed, scans).into_image(PIXEL).unwrap()
}

/// Pixels at least `margin` Å away from the edges of the field.
fn inner(image: &Array2<f64>, margin: usize) -> Vec<f64> {
    let (rows, columns) = image.dim();
    let rows = margin..rows - margin;
    rows.flat_map(|r| (margin..columns - margin).map(move |c| image[[r, c]]))
        .collect()
}

/// Share of the dose that a cell whose middle is `inside` Å within the edge of the scan gets, in units of the cell: what
/// secondary electrons spread linearly over neighbouring cells, ∫ (1 − |t|) dt up to the edge.
fn share_near_edge(inside: f64, cell: f64) -> f64 {
    let t = (inside / cell).min(1.0);
    1.0 - 0.5 * (1.0 - t).powi(2)
}

#[test]
fn an_even_dose_leaves_the_exponential_of_it_pristine() {
    let world = halide(decaying());
    let briefing = world.briefing();
    let Truth::Domains {
        positions, labels, ..
    } = world.episode(Seed(1)).finish().truth
    else {
        panic!("a world of domains");
    };
    // the grid of the crystal is that of the field here: the world is not rotated
    let along = |n: usize| {
        let cells = &briefing.cells;
        let (first, last) = (&cells[0], &cells[cells.len() - 1]);
        let steps = (last.index[n] - first.index[n]) as f64;
        let at = |p: Point| [p.y, p.x][n];
        (at(last.position) - at(first.position)) / steps
    };
    let cell = [along(0), along(1)];
    for dose in [8.0, 48.0, 160.0] {
        let near = |at: f64, length: f64, cell: f64| {
            share_near_edge(at, cell) + share_near_edge(length - at, cell) - 1.0
        };
        let lost = |p: &Point| {
            let share = near(p.y, briefing.height, cell[0]) * near(p.x, briefing.width, cell[1]);
            1.0 - (-share * dose / CRITICAL).exp()
        };
        // lead iodide, the second label, does not decay
        let decaying: Vec<f64> = (positions.iter().zip(&labels))
            .filter(|(_, label)| **label == 0)
            .map(|(place, _)| lost(place))
            .collect();
        let expected = decaying.iter().sum::<f64>() / decaying.len() as f64;
        let bulk = 1.0 - (-dose / CRITICAL).exp();
        let found = run(&world, 1, &[whole(&world, dose)])
            .finish()
            .damaged_fraction;
        println!("{dose} e/Å²: {found:.5}, with edges {expected:.5}, without {bulk:.5}");
        assert!(
            (found / expected - 1.0).abs() < 0.01,
            "{found}, expected {expected}"
        );
        assert!((expected / bulk - 1.0).abs() < 0.05);
    }
}

#[test]
fn order_and_split_of_the_dose_leave_the_same_damage() {
    let world = halide(decaying());
    let dose = 48.0;
    let fraction = |scans: &[Scan]| run(&world, 2, scans).finish().damaged_fraction;
    let expected = fraction(&[whole(&world, dose)]);
    assert!((0.3..0.9).contains(&expected), "{expected}");
    for parts in [2, 3, 8] {
        let found = fraction(&vec![whole(&world, dose / parts as f64); parts]);
        assert!((found - expected).abs() < 1e-9, "{parts} parts: {found}");
    }
    let mut passes = from_below(&world, 0.25 * dose);
    passes.push(whole(&world, 0.5 * dose));
    passes.extend(from_below(&world, 0.25 * dose));
    let found = fraction(&passes);
    assert!((found - expected).abs() < 1e-9, "from below: {found}");
}

#[test]
fn a_place_shows_the_same_electrons_in_any_split() {
    let everything = DamageSection {
        nucleation: Some(specks(50.0, 20.0)),
        contamination: Some(damage::Contamination {
            most: 0.05,
            dose: 100.0,
        }),
        ..decaying()
    };
    let world = halide(everything);
    let places: Vec<Point> = (0..9)
        .map(|n| {
            Point::new(
                30.0 + 45.0 * f64::from(n / 3),
                25.0 + 45.0 * f64::from(n % 3),
            )
        })
        .collect();
    let total = 20_160.0;
    for seed in 0..4 {
        let seen = |parts: usize| -> Vec<f64> {
            let mut episode = world.episode(Seed(seed));
            let scan = Scan::at(places.clone(), Dose(total / parts as f64));
            let mut sums = vec![0.0; places.len()];
            for _ in 0..parts {
                let signal = episode.scan(&scan).unwrap().signal;
                sums.iter_mut().zip(signal).for_each(|(sum, s)| *sum += s);
            }
            sums
        };
        let at_once = seen(1);
        assert!(at_once.iter().all(|sum| *sum > 100.0));
        for parts in [2, 7, 32, 120] {
            assert_eq!(seen(parts), at_once, "seed {seed}, {parts} parts");
        }
    }
}

/// An analyst that has nothing to say.
struct Mute(Finding);

impl Analyst for Mute {
    fn observe(&mut self, _: &Frame) -> dosewise::Result<()> {
        Ok(())
    }

    fn finding(&self) -> &Finding {
        &self.0
    }
}

#[test]
fn interleaved_scanning_spares_the_specimen_where_energy_diffuses() {
    let fraction = |diffusion: Option<damage::EnergyDiffusion>, raster: Raster| {
        let damage = DamageSection {
            diffusion,
            ..decaying()
        };
        let world = world("mapbi3-l1", damage, |definition| {
            definition.budget.dose = 20.0;
            definition.scan.settle_us = 1.0;
        });
        let analyst = Mute(Finding::empty(world.briefing().task));
        let trace = Agent::new(raster, analyst).run(world.episode(Seed(3)));
        let trace = trace.unwrap();
        assert!((trace.spent.0 - 20.0).abs() < 1e-6, "{:?}", trace.spent);
        trace.damaged_fraction
    };
    let single = || Raster::new(STRIDE).unwrap();
    let interleaved = || single().interleaved(4).unwrap();
    let (plain, spread) = (fraction(None, single()), fraction(None, interleaved()));
    assert!((spread / plain - 1.0).abs() < 1e-6, "{spread} and {plain}");
    // a visit of 80 electrons takes 13 µs: some neighbours still feel it
    let law = damage::EnergyDiffusion {
        length: 4.0,
        time_us: 40.0,
        amplification: 0.1,
    };
    let (raster, lace) = (
        fraction(Some(law), single()),
        fraction(Some(law), interleaved()),
    );
    let ratio = lace / raster;
    println!(
        "damaged: raster {raster:.4}, interleaved {lace:.4}, ratio {ratio:.4}; without diffusion {plain:.4}"
    );
    assert!((0.5..0.97).contains(&ratio), "{ratio}");
    assert!(raster > lace && lace >= plain, "{raster}, {lace}, {plain}");
}

/// Specks that all appear where the local dose is between `onset` and little more.
fn specks(onset: f64, dose: f64) -> damage::Nucleation {
    damage::Nucleation {
        density: 4.0,
        onset,
        dose,
        brightness: 0.05,
        radius: 3.0,
    }
}

#[test]
fn specks_appear_above_the_onset_and_shine() {
    let law = specks(100.0, 1e-3);
    let world = halide(DamageSection {
        nucleation: Some(law),
        ..DamageSection::default()
    });
    let expected = 1e-3 * law.density * world.briefing().area();
    let mut found = 0.0;
    let seeds = 3;
    for seed in 0..seeds {
        let pristine = image(&world, seed, &[]);
        let below = image(&world, seed, &[whole(&world, 80.0)]);
        assert_eq!(below, pristine, "below the onset");
        let heavy = [whole(&world, 80.0), whole(&world, 80.0)];
        let shining = &image(&world, seed, &heavy) - &pristine;
        // what the interpolation undershoots between pixels
        assert!(shining.iter().all(|s| *s > -1e-3 * law.brightness));
        let brightest = shining.iter().copied().fold(0.0, f64::max);
        assert!(
            (0.9 * law.brightness..4.0 * law.brightness).contains(&brightest),
            "{brightest}"
        );
        // a round Gaussian has an integral of 2πr² times its height
        found += shining.sum() * PIXEL * PIXEL / (TAU * law.radius.powi(2) * law.brightness);
        assert_eq!(
            run(&world, seed, &heavy).finish().truth,
            world.episode(Seed(seed)).finish().truth
        );
    }
    let expected = expected * seeds as f64;
    println!("{found:.1} specks, expected {expected:.1}");
    assert!(
        (found - expected).abs() < 4.0 * expected.sqrt(),
        "{found} of {expected}"
    );
}

#[test]
fn carbon_adds_to_the_signal_as_its_law_says() {
    let law = damage::Contamination {
        most: 0.04,
        dose: 60.0,
    };
    let world = halide(DamageSection {
        contamination: Some(law),
        ..DamageSection::default()
    });
    let pristine = image(&world, 5, &[]);
    for dose in [15.0, 60.0, 240.0] {
        let mut episode = run(&world, 5, &[whole(&world, dose)]);
        // a look that deposits next to nothing, at places of its own
        let places = (0..2500).map(|n| {
            Point::new(
                20.3 + 2.4 * f64::from(n / 50),
                20.3 + 2.4 * f64::from(n % 50),
            )
        });
        let places: Vec<Point> = places.collect();
        let look = Scan::at(places, Dose(1.0));
        let seen = |episode: &mut Episode| {
            let frame = episode.scan(&look).unwrap();
            frame.signal.iter().sum::<f64>() / frame.electrons.iter().sum::<f64>()
        };
        let mut fresh = world.episode(Seed(6));
        let (clean, dirty) = (seen(&mut fresh), seen(&mut episode));
        let expected = law.most * (1.0 - (-dose / law.dose).exp());
        // counts of two looks; the specimens are alike on average
        let error = (2.0 * dirty / 2500.0).sqrt();
        assert!(
            (dirty - clean - expected).abs() < 5.0 * error,
            "{dirty} − {clean}, expected {expected}"
        );
        let added = inner(&(&image(&world, 5, &[whole(&world, dose)]) - &pristine), 12);
        let mean = added.iter().sum::<f64>() / added.len() as f64;
        println!("{dose} e/Å²: {mean:.5} added, expected {expected:.5}");
        assert!((mean / expected - 1.0).abs() < 0.01, "{mean}, {expected}");
    }
}

#[test]
fn what_the_beam_makes_is_not_in_the_truth() {
    let world = world("mos2-l1", fragile_sulphur(0.02), |_| ());
    let untouched = world.episode(Seed(7)).finish();
    assert_eq!(untouched.damaged_fraction, 0.0);
    let before = image(&world, 7, &[]);
    let heavy = Scan::rectangle(Point::new(0.0, 0.0), 64.0, 64.0, 1.0, Dose(300.0)).unwrap();
    let scanned = run(&world, 7, std::slice::from_ref(&heavy)).finish();
    assert!(
        scanned.damaged_fraction > 0.9,
        "{}",
        scanned.damaged_fraction
    );
    assert_eq!(scanned.truth, untouched.truth);
    let Truth::PointDefects { defects, .. } = &scanned.truth else {
        panic!("a world of point defects");
    };
    let marked = defects.iter().flatten().count() as f64;
    assert!(marked > 0.0 && marked < 0.2 * defects.len() as f64);
    // the image has lost its sulphur nevertheless
    let after = image(&world, 7, &[heavy]);
    assert!(after.sum() < 0.95 * before.sum());
}

/// Where the images differ on the whole, Å.
fn centroid(change: &Array2<f64>) -> Point {
    let mut sum = Point::default();
    for ((row, column), value) in change.indexed_iter() {
        sum.y += value * (row as f64 + 0.5) * PIXEL;
        sum.x += value * (column as f64 + 0.5) * PIXEL;
    }
    let total = change.sum();
    Point::new(sum.y / total, sum.x / total)
}

/// A stage that drifts by 10 Å/s for ever, and a beam that settles for a second before each visit.
fn drifting(definition: &mut Definition) {
    definition.scan.drift_speed = 10.0;
    definition.scan.drift_decay = 1e6;
    definition.scan.settle_us = 1e6;
}

#[test]
fn damage_is_where_the_beam_is_and_not_where_it_is_aimed() {
    let carbon = DamageSection {
        contamination: Some(damage::Contamination {
            most: 0.5,
            dose: 1e6,
        }),
        ..DamageSection::default()
    };
    let aim = Point::new(80.0, 80.0);
    let pristine = halide(carbon.clone()).episode(Seed(8));
    let pristine = pristine.into_image(PIXEL).unwrap();
    let deposit = |world: &World, visits: usize| {
        let mut episode = world.episode(Seed(8));
        // visits before the last are of next to nothing and only let time pass
        for _ in 1..visits {
            episode.scan(&Scan::at([aim], Dose(0.01))).unwrap();
        }
        let frame = episode.scan(&Scan::at([aim], Dose(1000.0))).unwrap();
        assert_eq!(frame.positions, [aim]);
        let change = &episode.into_image(PIXEL).unwrap() - &pristine;
        (centroid(&change), frame.time[0])
    };
    let (still, _) = deposit(&halide(carbon.clone()), 1);
    assert!(still.distance(aim) < 0.1, "{still:?}");
    let world = self::world("mapbi3-l1", carbon, drifting);
    let mut directions = Vec::new();
    for visits in [1, 2, 4] {
        let (place, time) = deposit(&world, visits);
        let (offset, expected) = (place - aim, 10.0 * time);
        assert!((time - visits as f64).abs() < 0.01);
        println!("after {time:.2} s {:.2} Å off", place.distance(aim));
        assert!(
            (place.distance(aim) - expected).abs() < 0.15,
            "{place:?}, {expected} Å from {aim:?}"
        );
        directions.push(offset.y.atan2(offset.x));
    }
    for direction in &directions {
        let turn = (direction - directions[2] + PI).rem_euclid(TAU) - PI;
        assert!(turn.abs() < 0.02, "{directions:?}");
    }
}

#[test]
fn atoms_go_where_the_beam_truly_hits() {
    let aim = Point::new(32.0, 32.0);
    let hit = |change: &dyn Fn(&mut Definition)| {
        let world = world("mos2-l1", fragile_sulphur(0.02), change);
        let before = image(&world, 9, &[]);
        let scan = Scan::at([aim], Dose(2000.0));
        let after = image(&world, 9, &[scan]);
        assert!(before != after, "atoms have gone");
        centroid(&(&before - &after))
    };
    let (still, moved) = (hit(&|_| ()), hit(&drifting));
    println!("aimed at {aim:?}, hit {still:?}, with drift {moved:?}");
    // electrons land within 4 Å
    assert!(still.distance(aim) < 4.0, "{still:?}");
    assert!((moved.distance(aim) - 10.0).abs() < 2.0, "{moved:?}");
}

#[test]
fn atoms_that_hop_land_beside_their_columns() {
    let section = DamageSection {
        hop_cross_section: 0.01,
        ..DamageSection::default()
    };
    let world = world("gold-l1", section, |_| ());
    let (height, width) = (world.briefing().height, world.briefing().width);
    let part = |top: f64, height: f64, dose: f64| {
        Scan::rectangle(Point::new(top, 0.0), height, width, 0.5, Dose(dose)).unwrap()
    };
    let (dose, half) = (50.0, 0.5 * height);
    let lost = |scans: &[Scan]| run(&world, 4, scans).finish().damaged_fraction;
    let shares: Vec<f64> = (0..8)
        .map(|seed| {
            let scans = [part(0.0, height, dose)];
            run(&world, seed, &scans).finish().damaged_fraction
        })
        .collect();
    let (found, expected) = (shares.iter().sum::<f64>() / 8.0, 1.0 - (-0.5_f64).exp());
    // about 130 columns a particle, each with one atom that may hop
    let error = (expected * (1.0 - expected) / (8.0 * 130.0)).sqrt();
    println!("hopped: {found:.4}, law {expected:.4} ± {error:.4}");
    assert!((found - expected).abs() < 4.0 * error);

    // what was brought to one column is not lost to the image
    let total = |scans: &[Scan]| inner(&image(&world, 4, scans), 0).iter().sum::<f64>();
    let (before, after) = (total(&[]), total(&[part(0.0, height, dose)]));
    let counted = run(&world, 4, &[]).finish().truth;
    let Truth::Counting { numbers, .. } = counted else {
        panic!("a world of counting");
    };
    let atoms: f64 = numbers.iter().sum();
    let hopped =
        lost(&[part(0.0, height, dose)]) * numbers.iter().filter(|n| **n > 0.0).count() as f64;
    let vanished = hopped / atoms;
    let missing = 1.0 - after / before;
    println!(
        "{hopped} of {atoms} atoms hopped; the image lost {missing:.4}, {vanished:.4} had they vanished"
    );
    assert!(vanished > 0.05, "many have hopped");
    // an atom beside a column does not shine quite as it did upon it
    assert!(missing.abs() < 0.4 * vanished);

    // whichever came first, and in however many parts
    let orders = [
        vec![part(half, half, dose), part(0.0, half, dose)],
        vec![part(0.0, height, 0.3 * dose), part(0.0, height, 0.7 * dose)],
    ];
    let at_once = image(&world, 4, &[part(0.0, height, dose)]);
    for scans in orders {
        let found = image(&world, 4, &scans);
        let largest = (&found - &at_once)
            .iter()
            .fold(0.0_f64, |m, d| m.max(d.abs()));
        assert!(largest < 1e-5, "{largest}");
    }
}
