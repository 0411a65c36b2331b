//! What defects look like, against Born cross-sections; and how many there are, against their law.

use dosewise::prelude::*;
use dosewise::stem::{Beam, ScatteringFactor};
use dosewise::world::definition::DefectClassSection;
use dosewise::world::{Defect, Definition};

/// Looks at nothing: the record then holds the noise-free image of the pristine specimen.
struct Still;

impl Navigator for Still {
    fn next(&mut self, _: &View<'_>) -> Result<Step> {
        Ok(Step::Stop)
    }
}

fn only(level: u8, class: DefectClassSection, change: impl Fn(&mut Definition)) -> World {
    let file = format!("worlds/mos2-l{level}.toml");
    let mut definition = Definition::load(&file).unwrap();
    definition.defects.class = vec![class];
    definition.damage.enhancement = 0.0;
    change(&mut definition);
    World::from_definition(&definition, file).unwrap()
}

fn vacancy(removed: u8, density: f64) -> DefectClassSection {
    let element = "S".into();
    DefectClassSection::Vacancy {
        element,
        removed,
        density,
    }
}

fn tungsten(density: f64) -> DefectClassSection {
    let (element, with) = ("Mo".into(), "W".into());
    DefectClassSection::Substitution {
        element,
        with,
        density,
    }
}

/// A specimen with a defect that no other one, inside the field or hidden beyond it, can touch.
fn lonely_defect(world: &World) -> (Seed, Point) {
    let briefing = world.briefing();
    for seed in 0..4000 {
        let truth = world.episode(Seed(seed)).finish().truth;
        let places: Vec<Point> = (0..truth.len())
            .filter(|&i| truth[i].is_some())
            .map(|i| briefing.sites[i].position)
            .collect();
        let lonely = |p: &&Point| {
            let inner = |v: f64, length: f64| v > 16.5 && v < length - 16.5;
            inner(p.y, briefing.height)
                && inner(p.x, briefing.width)
                && places.iter().all(|q| q == *p || q.distance(**p) > 16.5)
        };
        if let Some(&place) = places.iter().find(lonely) {
            return (Seed(seed), place);
        }
    }
    panic!("no lonely defect in 4000 specimens");
}

/// Image with the defect minus image without it, and the place of each pixel.
fn difference(world: &World, seed: Seed) -> Vec<(Point, f64)> {
    let analyst = SiteLikelihood::for_world(world).unwrap();
    let record = Agent::new(Still, analyst)
        .record(world.episode(seed))
        .unwrap();
    let pixel = 0.25;
    record
        .field
        .indexed_iter()
        .map(|((row, column), value)| {
            let place = Point::new((row as f64 + 0.5) * pixel, (column as f64 + 0.5) * pixel);
            (place, value - world.briefing().perfect_image(place))
        })
        .collect()
}

fn born(symbol: &str, level: u8) -> f64 {
    let (energy, outer) = if level == 1 {
        (60.0, 200.0)
    } else {
        (80.0, 180.0)
    };
    ScatteringFactor::lobato(symbol.parse().unwrap())
        .cross_section(Beam::new(energy).unwrap(), 60.0, outer)
        .unwrap()
}

#[test]
fn the_signal_of_a_defect_is_the_change_of_its_cross_section() {
    // Without jitter the briefing's image is that of the specimen; aberrations and source size stay as they are.
    let still = |d: &mut Definition| (d.scan.line_jitter, d.scan.pixel_jitter) = (0.0, 0.0);
    for level in [1, 2] {
        let (sulphur, molybdenum, heavy) = (born("S", level), born("Mo", level), born("W", level));
        for (class, expected) in [
            (vacancy(1, 0.003), -sulphur),
            (vacancy(2, 0.003), -2.0 * sulphur),
            (tungsten(0.003), heavy - molybdenum),
        ] {
            let world = only(level, class, still);
            let (seed, place) = lonely_defect(&world);
            let inside = |p: &Point| p.distance(place) < 8.2;
            let integral: f64 = difference(&world, seed)
                .iter()
                .filter(|(p, _)| inside(p))
                .map(|(_, d)| d * 0.25 * 0.25)
                .sum();
            let error = integral / expected - 1.0;
            assert!(
                error.abs() < 1e-3,
                "level {level}: {integral}, expected {expected}"
            );
        }
    }
}

#[test]
fn peaks_follow_the_cross_sections_and_the_counts_follow_the_image() {
    let counted = |d: &mut Definition| d.budget.dose = 1e6;
    for (class, symbol, defect) in [
        (vacancy(1, 0.003), "S", Defect::Vacancy { removed: 1 }),
        (
            tungsten(0.003),
            "Mo",
            Defect::Substitution {
                with: "W".parse().unwrap(),
            },
        ),
    ] {
        let world = only(1, class, counted);
        let briefing = world.briefing();
        let (seed, place) = lonely_defect(&world);
        let peak = |symbol: &str| briefing.atom_response(symbol.parse().unwrap(), 0.0, 0.0);
        let change = match defect {
            Defect::Vacancy { .. } => -peak("S"),
            Defect::Substitution { .. } => peak("W") - peak("Mo"),
        };
        let atom = if symbol == "S" { "S" } else { "W" };
        let ratio = (peak(atom) / peak("Mo")) / (born(atom, 1) / born("Mo", 1));
        let mut episode = world.episode(seed);
        let perfect = briefing
            .sites
            .iter()
            .map(|s| s.position)
            .find(|p| {
                p.distance(place) > 20.0
                    && briefing
                        .sites_near(*p, 0.1)
                        .any(|i| briefing.sites[i].element.symbol() == symbol)
            })
            .unwrap();
        let electrons = 4e7;
        let frame = episode
            .scan(&Scan::at([place, perfect], Dose(electrons)))
            .unwrap();
        let expected = electrons * (briefing.perfect_image(place) + change);
        assert!(
            (frame.signal[0] - expected).abs() < 4.0 * expected.sqrt(),
            "{} {expected}",
            frame.signal[0]
        );
        let unchanged = electrons * briefing.perfect_image(perfect);
        // The reference may have unlucky neighbours beyond the field, but no defect of its own.
        assert!((frame.signal[1] / unchanged - 1.0).abs() < 0.05);
        match defect {
            Defect::Vacancy { .. } => assert!(frame.signal[0] < 0.75 * frame.signal[1]),
            Defect::Substitution { .. } => assert!(frame.signal[0] > 1.5 * frame.signal[1]),
        }
        assert!((ratio - 1.0).abs() < 0.03, "{atom}: {ratio}");
    }
}

#[test]
fn the_number_of_defects_is_poisson() {
    let world = only(1, vacancy(1, 0.05), |d| {
        (d.field.height, d.field.width) = (24.0, 24.0);
    });
    let sulphur = world
        .briefing()
        .sites
        .iter()
        .filter(|s| s.element.symbol() == "S")
        .count();
    let expected = 0.05 * sulphur as f64;
    let n = 600;
    let counts: Vec<f64> = (0..n)
        .map(|seed| {
            let truth = world.episode(Seed(seed)).finish().truth;
            truth.iter().flatten().count() as f64
        })
        .collect();
    let mean = counts.iter().sum::<f64>() / n as f64;
    assert!(
        (mean - expected).abs() < 4.0 * (expected / n as f64).sqrt(),
        "{mean}, expected {expected}"
    );
    // Dispersion: Σ(k − k̄)²/k̄ is χ² with n − 1 degrees of freedom, normal to good accuracy here.
    let chi_square = counts.iter().map(|k| (k - mean).powi(2)).sum::<f64>() / mean;
    let freedom = n as f64 - 1.0;
    // Distinct columns hold less scatter than a Poisson number: the share of occupied columns, 5 %.
    assert!(
        chi_square < freedom + 4.0 * (2.0 * freedom).sqrt(),
        "{chi_square}"
    );
    assert!(
        chi_square > 0.95 * freedom - 4.0 * (2.0 * freedom).sqrt(),
        "{chi_square}"
    );
}

/// Mean number of defects, and mean number of pairs closer than 8 Å, over specimens.
fn numbers_and_pairs(world: &World, specimens: u64) -> (f64, f64, f64) {
    let (mut number, mut squares, mut pairs) = (0.0, 0.0, 0.0);
    for seed in 0..specimens {
        let truth = world.episode(Seed(seed)).finish().truth;
        let places: Vec<Point> = (0..truth.len())
            .filter(|&i| truth[i].is_some())
            .map(|i| world.briefing().sites[i].position)
            .collect();
        for (index, place) in places.iter().enumerate() {
            pairs += places[..index]
                .iter()
                .filter(|p| p.distance(*place) < 8.0)
                .count() as f64;
        }
        number += places.len() as f64;
        squares += (places.len() as f64).powi(2);
    }
    let n = specimens as f64;
    (
        number / n,
        ((squares / n - (number / n).powi(2)) / n).sqrt(),
        pairs / n,
    )
}

#[test]
fn clusters_gather_defects_without_adding_any() {
    let load = |scatter: bool| {
        let file = "worlds/mos2-l3.toml";
        let mut definition = Definition::load(file).unwrap();
        (definition.field.height, definition.field.width) = (60.0, 60.0);
        if scatter {
            definition.defects.clusters = None;
        }
        World::from_definition(&definition, file).unwrap()
    };
    let (clustered, random) = (load(false), load(true));
    let expected: f64 = random
        .briefing()
        .classes
        .iter()
        .map(|c| {
            c.density
                * random
                    .briefing()
                    .sites
                    .iter()
                    .filter(|s| s.element == c.element)
                    .count() as f64
        })
        .sum();
    let (gathered, error, close) = numbers_and_pairs(&clustered, 150);
    assert!(
        (gathered - expected).abs() < 4.0 * error,
        "{gathered} ± {error}, the world file says {expected}"
    );
    let (scattered, error, by_chance) = numbers_and_pairs(&random, 150);
    assert!(
        (scattered - expected).abs() < 4.0 * error,
        "{scattered} ± {error}, the world file says {expected}"
    );
    // Poisson: pairs within r number about n² π r² / (2 area), less at the edges.
    let poisson = expected * expected * std::f64::consts::PI * 64.0 / (2.0 * 3600.0);
    assert!(
        by_chance > 0.5 * poisson && by_chance < 1.3 * poisson,
        "{by_chance} vs {poisson}"
    );
    assert!(
        close > 3.0 * by_chance,
        "{close} close pairs against {by_chance}"
    );
}
