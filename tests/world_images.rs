//! What defects look like, against full multislice and cross-sections; and how many there are, against their law.

use dosewise::prelude::*;
use dosewise::stem::library::{Change, Edit};
use dosewise::stem::{Beam, Element, ScatteringFactor};
use dosewise::world::definition::DefectClassSection;
use dosewise::world::material::Material;
use dosewise::world::{Definition, LatticeSite};

/// Pixel of the images, Å.
const PIXEL: f64 = 0.25;

/// A world of one kind of defect, without damage and jitter, changed at will.
fn only(level: u8, defect: &str, density: f64, change: impl Fn(&mut Definition)) -> World {
    let file = format!("worlds/mos2-l{level}.toml");
    let mut definition = Definition::load(&file).unwrap();
    let defect = defect.into();
    let defects = definition.defects.as_mut().unwrap();
    defects.class = vec![DefectClassSection { defect, density }];
    definition.damage = Default::default();
    (definition.scan.line_jitter, definition.scan.pixel_jitter) = (0.0, 0.0);
    change(&mut definition);
    World::from_definition(&definition, file).unwrap()
}

/// Where the defects of a specimen are.
fn defects(world: &World, seed: Seed) -> Vec<Point> {
    let Truth::PointDefects { positions, defects } = world.episode(seed).finish().truth else {
        panic!("a world of point defects");
    };
    let all = positions.into_iter().zip(defects);
    all.filter_map(|(place, class)| class.map(|_| place))
        .collect()
}

/// A specimen with a defect that no other one, inside the field or hidden beyond it, can touch.
fn lonely_defect(world: &World) -> (Seed, Point) {
    let briefing = world.briefing();
    for seed in 0..4000 {
        let places = defects(world, Seed(seed));
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

/// The noise-free image as places with their values.
fn image(world: &World, seed: Seed) -> Vec<(Point, f64)> {
    let image = world.episode(seed).into_image(PIXEL).unwrap();
    let place = |(row, column): (usize, usize)| {
        Point::new((row as f64 + 0.5) * PIXEL, (column as f64 + 0.5) * PIXEL)
    };
    let pixels = image.indexed_iter();
    pixels.map(|(at, value)| (place(at), *value)).collect()
}

fn element(symbol: &str) -> Element {
    symbol.parse().unwrap()
}

/// What a probe at each offset from a column of an element shows in full multislice; `edits` are of the atoms of the column.
fn multislice(
    material: &Material,
    detector: usize,
    symbol: &str,
    edits: impl Fn(&[usize]) -> Vec<Edit>,
    offsets: &[Point],
) -> Vec<f64> {
    let recipe = material.recipe();
    let extent = recipe.cell().extent();
    let cells = [extent.x, extent.y].map(|edge| (20.0 / edge).ceil() as usize);
    let column = &recipe.columns(element(symbol))[0];
    let first = recipe.cell().atoms()[column[0]].position;
    let place = Point::new(first.y, first.x);
    let specimen = recipe.specimen(cells, &edits(column)).unwrap();
    let simulation = recipe
        .multislice(&specimen, cells)
        .unwrap()
        .build()
        .unwrap();
    let places: Vec<Point> = offsets.iter().map(|offset| place + *offset).collect();
    let signals = simulation
        .scan(recipe.probe(), &places, recipe.detectors())
        .unwrap();
    let behind = signals.dim().1 - 1; // the whole specimen
    (0..places.len())
        .map(|n| signals[[detector, behind, n]])
        .collect()
}

#[test]
fn a_defect_in_a_world_is_the_defect_in_multislice() {
    let file = "worlds/materials/mos2.toml";
    let material = Material::load(file).unwrap();
    let name = Definition::load("worlds/mos2-l1.toml")
        .unwrap()
        .detector
        .name;
    let detectors = &material.definition().detector;
    let detector = detectors.iter().position(|d| d.name == name).unwrap();
    // The bare probe over the crystal as it lies in its cell.
    let bare = |d: &mut Definition| {
        d.beam.source_fwhm = 0.0;
        (d.field.rotation_deg, d.field.origin) = (0.0, [0.0; 2]);
    };
    let removed = |atoms: &[usize]| -> Vec<Edit> {
        let edit = |atom: &usize| Edit::new(*atom, Change::Removed);
        atoms.iter().map(edit).collect()
    };
    for (defect, symbol) in [("V_S", "S"), ("V_2S", "S"), ("W_Mo", "Mo")] {
        let world = only(1, defect, 0.003, bare);
        let (seed, place) = lonely_defect(&world);
        let image = image(&world, seed);
        let values = image.iter().map(|(_, value)| *value);
        let range =
            values.clone().fold(f64::NEG_INFINITY, f64::max) - values.fold(f64::INFINITY, f64::min);
        // four places within the column's image
        let near = [(0.0, 0.0), (0.5, 0.25), (-0.25, 0.75), (0.25, -1.0)].map(|(y, x)| {
            let wanted = place + Point::new(y, x);
            let nearer = |a: &&(Point, f64), b: &&(Point, f64)| {
                a.0.distance(wanted).total_cmp(&b.0.distance(wanted))
            };
            *image.iter().min_by(nearer).unwrap()
        });
        let offsets: Vec<Point> = near.iter().map(|(at, _)| *at - place).collect();
        let full = |edits: &dyn Fn(&[usize]) -> Vec<Edit>| {
            multislice(&material, detector, symbol, edits, &offsets)
        };
        let expected = match defect {
            // either of the two atoms is as likely to be the one that is missing
            "V_S" => {
                let upper = full(&|atoms| removed(&atoms[..1]));
                let lower = full(&|atoms| removed(&atoms[1..]));
                upper
                    .iter()
                    .zip(lower)
                    .map(|(u, l)| 0.5 * (u + l))
                    .collect()
            }
            "V_2S" => full(&removed),
            _ => full(&|atoms| {
                let tungsten = Change::Replaced(element("W"));
                atoms
                    .iter()
                    .map(|atom| Edit::new(*atom, tungsten))
                    .collect()
            }),
        };
        for ((at, found), expected) in near.iter().zip(&expected) {
            eprintln!("{defect} at {at:?}: {found:.5}, multislice {expected:.5}, range {range:.5}");
            assert!(
                (found - expected).abs() < 0.02 * range,
                "{defect} at {at:?}: {found}, expected {expected} of {range}"
            );
        }
        let change = near[0].1 - world.briefing().perfect_image(near[0].0);
        assert!(change.abs() > 0.1 * range, "{defect}: {change} of {range}");
    }
}

/// What atoms of a column send to the detector in the first Born approximation, integrated over all places of the probe, Å²:
/// every direction of the aperture scatters by itself, and the two atoms of a column interfere, being `apart` Å from one
/// another along the beam.
///
/// ∫ dα over the aperture ∫ dk over the detector (σ C f(k − α))² w, with w = 1 for one atom and 2 + 2 cos(π λ apart (k² − α²)) for
/// two.
fn born(symbol: &str, apart: Option<f64>) -> f64 {
    let factor = ScatteringFactor::lobato(element(symbol));
    let beam = Beam::new(80.0).unwrap();
    // the constant before f², from a thin ring of the tabulated integral
    let (from, to) = (100.0, 100.5);
    let wavelength = beam.wavelength();
    let ring = 1e-3 / wavelength;
    let middle = 0.5 * (from + to) * ring;
    let area = std::f64::consts::TAU * middle * (to - from) * ring;
    let constant =
        factor.cross_section(beam, from, to).unwrap() / (area * factor.amplitude(middle).powi(2));
    let (aperture, inner, outer) = (30.0 * ring, 60.0 * ring, 180.0 * ring);
    let steps = |n: usize| (0..n).map(move |i| (i as f64 + 0.5) / n as f64);
    let mut sum = 0.0;
    for share in steps(16) {
        let alpha = aperture * share.sqrt(); // equal areas of the aperture
        for part in steps(160) {
            let k = inner + part * (outer - inner);
            let phase =
                |apart: f64| std::f64::consts::PI * wavelength * apart * (k * k - alpha * alpha);
            let weight = apart.map_or(1.0, |apart| 2.0 + 2.0 * phase(apart).cos());
            for turn in steps(24) {
                let angle = std::f64::consts::TAU * turn;
                let along = (k * k + alpha * alpha - 2.0 * k * alpha * angle.cos()).sqrt();
                sum += factor.amplitude(along).powi(2) * weight * std::f64::consts::TAU * k;
            }
        }
    }
    constant * sum * (outer - inner) / (16.0 * 160.0 * 24.0)
}

#[test]
fn the_signal_of_a_defect_is_the_change_of_its_cross_section() {
    let (one, two) = (born("S", None), born("S", Some(3.13)));
    for level in [1, 2] {
        for (defect, expected, tolerance) in [
            // the first Born approximation knows nothing of a beam that one atom focuses on the next
            ("V_S", one - two, 0.25),
            ("V_2S", -two, 0.25),
            // nor of phase shifts as large as one, Zα/β for tungsten
            ("W_Mo", born("W", None) - born("Mo", None), 0.6),
        ] {
            let world = only(level, defect, 0.003, |_| ());
            let briefing = world.briefing();
            let (seed, place) = lonely_defect(&world);
            let near = |p: &Point| p.distance(place) < 8.2;
            let change = |(p, value): (Point, f64)| value - briefing.perfect_image(p);
            let integral: f64 = image(&world, seed)
                .into_iter()
                .filter(|(p, _)| near(p))
                .map(|pixel| change(pixel) * PIXEL * PIXEL)
                .sum();
            // what the briefing says of it
            let kind = &briefing.kinds[0];
            let hypothesis = kind.hypotheses.iter().find(|h| h.class.is_some()).unwrap();
            let stated = kind.appearances[hypothesis.chain[0]].integral();
            eprintln!(
                "level {level}, {defect}: {integral:.5}, stated {stated:.5}, Born {expected:.5} Å²"
            );
            assert!(
                (integral / stated - 1.0).abs() < 5e-3,
                "level {level}, {defect}: {integral}, stated {stated}"
            );
            assert!(
                (integral / expected - 1.0).abs() < tolerance,
                "level {level}, {defect}: {integral}, expected {expected}"
            );
        }
    }
}

#[test]
fn counts_at_a_defect_follow_the_image() {
    for (defect, symbol) in [("V_S", "S"), ("V_2S", "S"), ("W_Mo", "Mo")] {
        let world = only(1, defect, 0.003, |d| d.budget.dose = 1e6);
        let briefing = world.briefing();
        let (seed, place) = lonely_defect(&world);
        let site = briefing.sites_near(place, 0.01).next().unwrap();
        let kind = briefing.sites[site].kind;
        assert_eq!(briefing.kinds[kind].element.symbol(), symbol);
        let hypotheses = &briefing.kinds[kind].hypotheses;
        let look = hypotheses
            .iter()
            .find(|h| h.class == Some(0))
            .unwrap()
            .chain[0];
        let elsewhere = defects(&world, seed);
        let perfect = briefing.sites.iter().find(|other| {
            let far = |p: &Point| p.distance(other.position) > 16.5;
            let inner = |v: f64| v > 16.5 && v < 47.5;
            other.kind == kind
                && inner(other.position.y)
                && inner(other.position.x)
                && elsewhere.iter().all(far)
        });
        let mut places = vec![place];
        places.extend(perfect.map(|other| other.position));
        let electrons = 4e7;
        let scan = Scan::at(places.clone(), Dose(electrons));
        let frame = world.episode(seed).scan(&scan).unwrap();
        let change = briefing.response(kind, look, 0.0, 0.0);
        // images are interpolated to a thousandth of their range
        let whole = electrons * briefing.perfect_image(place);
        for (index, (place, signal)) in places.iter().zip(&frame.signal).enumerate() {
            let own = if index == 0 { change } else { 0.0 };
            let expected = electrons * (briefing.perfect_image(*place) + own);
            assert!(
                (signal - expected).abs() < 4.0 * expected.sqrt() + 1e-3 * whole,
                "{defect}: {signal}, expected {expected}"
            );
        }
        let ratio = 1.0 + change / briefing.perfect_image(place);
        match defect {
            "W_Mo" => assert!(ratio > 1.5, "{ratio}"),
            _ => assert!(ratio < 0.8, "{ratio}"),
        }
    }
}

#[test]
fn the_number_of_defects_is_poisson() {
    let world = only(1, "V_S", 0.05, |d| {
        (d.field.height, d.field.width) = (24.0, 24.0);
    });
    let sulphur = world
        .briefing()
        .sites
        .iter()
        .filter(|s| world.briefing().kinds[s.kind].element.symbol() == "S")
        .count();
    let expected = 0.05 * sulphur as f64;
    let n = 600;
    let counts: Vec<f64> = (0..n)
        .map(|seed| defects(&world, Seed(seed)).len() as f64)
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
        let places = defects(world, Seed(seed));
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
            definition.defects.as_mut().unwrap().clusters = None;
        }
        World::from_definition(&definition, file).unwrap()
    };
    let (clustered, random) = (load(false), load(true));
    let briefing = random.briefing();
    let hosts = |of: Element| {
        let own = |site: &&LatticeSite| briefing.kinds[site.kind].element == of;
        briefing.sites.iter().filter(own).count() as f64
    };
    let classes = briefing.classes.iter();
    let expected: f64 = classes.map(|c| c.density * hosts(c.element)).sum();
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
        close > 2.0 * by_chance,
        "{close} close pairs against {by_chance}"
    );
}
