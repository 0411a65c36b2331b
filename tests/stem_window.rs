//! Waves computed in a window around each probe, beside those of the whole box.

use dosewise::stem::{
    Aberrations, AnnularDetector, Beam, Detector, Focus, Multislice, PixelatedDetector, PlacedAtom,
    Probe, Recorder, Sampling, Simulation, Structure,
};
use dosewise::units::Point;
use nalgebra::Vector3;
use ndarray::{Array3, Axis};

const SULFUR_PLANES: [f64; 2] = [1.0, 4.13];

/// MoS2 of so many rectangular cells along (x, y), with a sulfur vacancy near the middle.
fn molybdenum_disulfide(cells: [usize; 2]) -> Structure {
    let (a, b) = (3.16, 3.16 * 3f64.sqrt());
    let extent = Vector3::new(cells[0] as f64 * a, cells[1] as f64 * b, 5.13);
    let mut atoms = Vec::new();
    for (i, j) in (0..cells[0]).flat_map(|i| (0..cells[1]).map(move |j| (i as f64, j as f64))) {
        for (x, y) in [(0.0, 0.0), (0.5 * a, 0.5 * b)] {
            let mut put = |symbol: &str, y: f64, z: f64| {
                let place = Vector3::new(i * a + x, j * b + y % b, z);
                atoms.push(PlacedAtom::new(symbol.parse().unwrap(), place));
            };
            put("Mo", y, 2.565);
            SULFUR_PLANES
                .into_iter()
                .for_each(|z| put("S", y + 2.0 / 3.0 * b, z));
        }
    }
    let from_middle = |atom: &PlacedAtom| {
        let offset = (atom.position - 0.5 * extent).xy().norm();
        let upper = atom.position.z == SULFUR_PLANES[1];
        if upper { offset } else { f64::INFINITY }
    };
    let vacancy =
        (0..atoms.len()).min_by(|i, j| from_middle(&atoms[*i]).total_cmp(&from_middle(&atoms[*j])));
    atoms.remove(vacancy.unwrap());
    Structure::new(extent, atoms).unwrap()
}

fn beam() -> Beam {
    Beam::new(80.0).unwrap()
}

fn probe() -> Probe {
    Probe::new(beam(), 30.0, Aberrations::default()).unwrap()
}

fn multislice(structure: &Structure) -> Multislice<'_> {
    Multislice::new(structure, beam(), Sampling::Pixel(0.08)).unwrap()
}

/// Places over a cell around the middle of a specimen.
fn positions(structure: &Structure) -> Vec<Point> {
    let middle = 0.5 * structure.extent();
    let place = |row, column| {
        let (y, x) = (f64::from(row) - 2.5, f64::from(column) - 2.0);
        Point::new(middle.y + 0.93 * y, middle.x + 0.67 * x)
    };
    (0..6)
        .flat_map(|row| (0..5).map(move |column| place(row, column)))
        .collect()
}

fn detectors() -> Vec<Detector> {
    let mut all: Vec<Detector> = [(80.0, 170.0), (15.0, 30.0)]
        .map(|(inner, outer)| AnnularDetector::new(inner, outer).unwrap().into())
        .to_vec();
    all.extend(Detector::centre_of_mass(60.0).unwrap());
    all
}

fn scan(simulation: &Simulation, positions: &[Point]) -> Array3<f64> {
    simulation.scan(&probe(), positions, &detectors()).unwrap()
}

/// To single precision: shares of the beam, and angles of up to tens of mrad.
#[track_caller]
fn agree(found: &Array3<f64>, expected: &Array3<f64>) {
    for (index, found) in found.indexed_iter() {
        let tolerance = if index.0 < 2 { 1e-6 } else { 3e-5 };
        let error = (found - expected[index]).abs();
        assert!(error < tolerance, "{index:?}: {found}, error {error:e}");
    }
}

/// Root mean square difference of the signals of one detector as a share of their range, and what is left of it without
/// the mean difference.
fn error(found: &Array3<f64>, expected: &Array3<f64>, detector: usize) -> [f64; 2] {
    let [found, expected] = [found, expected].map(|signal| signal.index_axis(Axis(0), detector));
    let range = expected.fold(f64::NEG_INFINITY, |a, b| a.max(*b))
        - expected.fold(f64::INFINITY, |a, b| a.min(*b));
    let differences = &found - &expected;
    let square = differences.mapv(|d| d * d).mean().unwrap();
    [square.sqrt() / range, differences.std(0.0) / range]
}

#[test]
fn a_window_as_large_as_the_box_gives_its_signals() {
    let gold = |x, y, z| PlacedAtom::new("Au".parse().unwrap(), Vector3::new(x, y, z));
    let atoms = vec![
        gold(1.0, 2.0, 0.5),
        gold(4.1, 7.9, 2.5),
        gold(7.3, 0.2, 4.5),
    ];
    let structure = Structure::new(Vector3::new(8.0, 8.0, 5.0), atoms).unwrap();
    let case = multislice(&structure).exit_thicknesses(&[3.0, 5.0]);
    let places = [(0.0, 0.0), (4.1, 5.3), (7.97, 0.33), (-3.0, 21.7)];
    let places = places.map(|(y, x)| Point::new(y, x));
    let whole = scan(&case.build().unwrap(), &places);
    let window = scan(&case.window(8.0).build().unwrap(), &places);
    agree(&window, &whole);
}

#[test]
fn half_the_box_gives_the_dark_field_within_a_hundredth_but_not_the_bright_field() {
    let structure = molybdenum_disulfide([10, 6]);
    let places = positions(&structure);
    let whole = scan(&multislice(&structure).build().unwrap(), &places);
    let window = multislice(&structure).window(15.8).build().unwrap();
    assert_eq!((window.grid().rows, window.grid().columns), (216, 200));
    let window = scan(&window, &places);
    let [dark, bright, ..] = [0, 1, 2, 3].map(|d| {
        let [all, varying] = error(&window, &whole, d).map(|share| 100.0 * share);
        println!("{all:.3} % of the range, {varying:.3} % without the mean");
        all
    });
    assert!(dark < 0.7, "HAADF: {dark} %");
    assert!(
        bright > 2.0,
        "ABF: {bright} %, better than the documentation says"
    );
}

#[test]
fn a_larger_window_is_nearer_to_the_box() {
    let structure = molybdenum_disulfide([4, 3]);
    let places = positions(&structure);
    let whole = scan(&multislice(&structure).build().unwrap(), &places);
    let errors = [4.0, 8.0, 12.0].map(|width| {
        let window = multislice(&structure).window(width).build().unwrap();
        error(&scan(&window, &places), &whole, 0)[0]
    });
    assert!(errors[0] > errors[1] && errors[1] > errors[2], "{errors:?}");
}

#[test]
fn places_a_box_apart_give_the_same_signals() {
    let structure = molybdenum_disulfide([3, 2]);
    let window = multislice(&structure).window(8.0).build().unwrap();
    let places = [(0.0, 0.0), (2.04, 9.3), (10.9, 4.4)].map(|(y, x)| Point::new(y, x));
    let extent = structure.extent();
    let elsewhere = places.map(|p| Point::new(p.y - 2.0 * extent.y, p.x + 7.0 * extent.x));
    let (found, expected) = (scan(&window, &elsewhere), scan(&window, &places));
    agree(&found, &expected);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let structure = molybdenum_disulfide([3, 2]);
    let places = &positions(&structure)[..9];
    let [one, three] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let window = multislice(&structure).window(8.0).build().unwrap();
            scan(&window, places)
        })
    });
    assert_eq!(one, three);
}

#[test]
fn diffraction_patterns_of_a_window_add_up_to_the_beam() {
    let structure = molybdenum_disulfide([3, 2]);
    let window = multislice(&structure).window(8.0).build().unwrap();
    let recorder = Recorder {
        detectors: vec![AnnularDetector::new(0.0, 150.0).unwrap().into()],
        patterns: Some(PixelatedDetector::new(150.0, 1).unwrap()),
    };
    let places = [Point::new(5.0, 4.0)];
    let recording = window
        .record(&probe(), &[Focus::SHARP], &places, &recorder)
        .unwrap();
    let sum = f64::from(recording.patterns.unwrap().sum());
    let signal = recording.signals[[0, 0, 0, 0]];
    assert!(signal > 0.95 && signal <= 1.0 + 1e-5, "{signal}");
    assert!(sum >= signal - 1e-5 && sum <= 1.0 + 1e-5, "{sum} {signal}"); // the square holds the disc
}

#[test]
fn windows_that_cannot_be_are_refused_with_their_number() {
    let structure = molybdenum_disulfide([3, 2]);
    let case = multislice(&structure);
    let message = |error: dosewise::Error| error.to_string();
    for width in [0.0, -1.0, f64::NAN, f64::INFINITY, 9.6] {
        let found = message(case.clone().window(width).build().err().unwrap());
        let number = format!("window: found {width} Å");
        assert!(found.contains(&number) && found.contains("9.48"), "{found}");
    }
    let odd = Sampling::Pixels {
        rows: 140,
        columns: 128,
    };
    let odd = Multislice::new(&structure, beam(), odd).unwrap();
    let found = message(odd.window(8.0).build().err().unwrap());
    assert!(found.contains("rows: found 140"), "{found}");

    let place = [Point::new(3.0, 3.0)];
    let window = case.clone().window(8.0).build().unwrap();
    let haadf = [AnnularDetector::new(80.0, 170.0).unwrap()];
    let out_of_focus = probe().defocused(400.0).unwrap();
    let found = message(window.scan(&out_of_focus, &place, &haadf).unwrap_err());
    assert!(found.contains("at least 27.0"), "{found}"); // 2 (405 Å · 30 mrad + 1.39 Å)
    let thin = [AnnularDetector::new(80.0, 84.0).unwrap()];
    let found = message(window.scan(&probe(), &place, &thin).unwrap_err());
    assert!(found.contains("at least 10.44 Å"), "{found}"); // 41.76 mÅ / 4 mrad

    for found in [
        window.exit_waves(&probe(), place[0]).map(drop),
        window.plane_wave().map(drop),
        window.scattering_matrix(&probe(), [2, 2]).map(drop),
    ] {
        let found = message(found.unwrap_err());
        assert!(found.starts_with("window: found 8."), "{found}");
    }
}
