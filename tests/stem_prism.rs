//! PRISM against multislice, against abTEM's PRISM (`tests/reference/stem_prism.py`), and where it must be exact.

use dosewise::stem::{
    Aberration, Aberrations, AnnularDetector, ApertureEdge, AtomicMotion, Beam, Detector,
    FocalSpread, Multislice, PixelatedDetector, PlacedAtom, Probe, Recorder, Sampling, Simulation,
    Structure, Tilt, Vibration,
};
use dosewise::units::{Point, Seed};
use nalgebra::Vector3;
use ndarray::Array3;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn beam() -> Beam {
    Beam::new(200.0).unwrap()
}

/// An uneven crystal of 6 × 8 Å (y, x), 8 Å thick, repeated so many times along (y, x).
fn crystal(repeats: [usize; 2]) -> Structure {
    let cell = [
        ("Au", [1.0, 2.0, 0.5]),
        ("Si", [5.3, 4.4, 0.5]),
        ("O", [3.1, 0.7, 2.2]),
        ("Au", [6.6, 5.1, 4.5]),
        ("Si", [2.4, 3.9, 6.7]),
    ];
    let mut atoms = Vec::new();
    for (row, column) in (0..repeats[0]).flat_map(|r| (0..repeats[1]).map(move |c| (r, c))) {
        let corner = Vector3::new(8.0 * column as f64, 6.0 * row as f64, 0.0);
        for (symbol, place) in cell {
            let atom = PlacedAtom::new(symbol.parse().unwrap(), corner + Vector3::from(place));
            atoms.push(atom.vibration(Vibration::Isotropic(0.08)));
        }
    }
    let extent = Vector3::new(8.0 * repeats[1] as f64, 6.0 * repeats[0] as f64, 8.0);
    Structure::new(extent, atoms).unwrap()
}

/// 40 × 48 pixels a cell, which keep 50 mrad; exits in the middle and behind.
fn multislice(structure: &Structure) -> Multislice<'_> {
    let extent = structure.extent();
    let sampling = Sampling::Pixels {
        rows: (extent.y / 0.15).round() as usize,
        columns: (extent.x * 6.0).round() as usize,
    };
    Multislice::new(structure, beam(), sampling)
        .unwrap()
        .slice_thickness(2.0)
        .exit_thicknesses(&[4.0, 8.0])
}

fn simulation(structure: &Structure) -> Simulation {
    multislice(structure).build().unwrap()
}

/// 15 mrad, with defocus, astigmatism and coma.
fn probe() -> Probe {
    let term = |order, symmetry, magnitude, angle| Aberration {
        order,
        symmetry,
        magnitude,
        angle,
    };
    let terms = vec![
        term(1, 0, -40.0, 0.0),
        term(1, 2, 15.0, 0.4),
        term(2, 1, 400.0, 1.1),
    ];
    Probe::new(beam(), 15.0, Aberrations::new(terms).unwrap()).unwrap()
}

/// Two columns of a scan and places on their own, one beyond the box.
fn positions() -> Vec<Point> {
    let columns = [(0.3, 2.0), (1.9, 2.0), (5.6, 2.0), (4.4, 5.2), (1.0, 5.2)];
    let alone = [(2.0, 0.15), (7.7, -3.35)];
    let all = columns.into_iter().chain(alone);
    all.map(|(y, x)| Point::new(y, x)).collect()
}

/// Annuli, the quarters of one, the centre of mass.
fn detectors() -> Vec<Detector> {
    let annuli = [(0.0, 8.0), (8.0, 15.0), (25.0, 50.0)];
    let annuli = annuli.map(|(inner, outer)| AnnularDetector::new(inner, outer).unwrap());
    let mut all = annuli.map(Detector::from).to_vec();
    all.extend(annuli[1].segments(4, 0.6).unwrap());
    all.extend(Detector::centre_of_mass(45.0).unwrap());
    all
}

/// The largest difference, relative to the range of each detector's signals.
fn difference(a: &Array3<f64>, b: &Array3<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    let pairs = a.outer_iter().zip(b.outer_iter());
    let errors = pairs.map(|(a, b)| {
        let highest = b.fold(f64::NEG_INFINITY, |m, v| m.max(*v));
        let lowest = b.fold(f64::INFINITY, |m, v| m.min(*v));
        let errors = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
        errors.fold(0.0, f64::max) / (highest - lowest)
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn without_interpolation_it_is_multislice() {
    let structure = crystal([1, 1]);
    let motion = AtomicMotion::FrozenPhonons {
        configurations: 2,
        seed: Seed(5),
    };
    let tilt = Tilt::new(2.0, -3.0).unwrap();
    let soft = ApertureEdge::Soft { width_mrad: 3.0 };
    for (simulation, probe) in [
        (simulation(&structure), probe()),
        (
            multislice(&structure).motion(motion).build().unwrap(),
            probe().with_edge(ApertureEdge::AntiAliased).unwrap(),
        ),
        (
            simulation(&structure),
            probe().with_edge(soft).unwrap().with_tilt(tilt),
        ),
    ] {
        let matrix = simulation.scattering_matrix(&probe, [1, 1]).unwrap();
        assert_eq!(matrix.thicknesses(), simulation.thicknesses());
        let (window, extent) = (matrix.window(), structure.extent());
        assert!((window[0] - extent.y).abs() < 1e-12 && (window[1] - extent.x).abs() < 1e-12);
        let found = matrix.scan(&probe, &positions(), &detectors()).unwrap();
        let exact = simulation.scan(&probe, &positions(), &detectors()).unwrap();
        let error = difference(&found, &exact);
        assert!(error < 5e-5, "{error}"); // single precision
    }
}

#[test]
fn patterns_foci_and_configurations_are_those_of_multislice() {
    let structure = crystal([1, 1]);
    let motion = AtomicMotion::FrozenPhonons {
        configurations: 2,
        seed: Seed(5),
    };
    let simulation = multislice(&structure).exit_thicknesses(&[8.0]);
    let simulation = simulation.motion(motion).build().unwrap();
    let matrix = simulation.scattering_matrix(&probe(), [1, 1]).unwrap();
    let camera = PixelatedDetector::new(45.0, 2).unwrap();
    let recorder = Recorder {
        detectors: detectors(),
        patterns: Some(camera),
    };
    let axes = matrix.pattern_axes(camera).unwrap();
    assert_eq!(axes, simulation.pattern_axes(camera).unwrap());
    let foci = FocalSpread::new(30.0).unwrap().foci(3).unwrap();
    let (probe, places) = (probe(), positions());
    let found = matrix.record(&probe, &foci, &places, &recorder).unwrap();
    let exact = simulation.record(&probe, &foci, &places, &recorder);
    let exact = exact.unwrap();
    for (found, exact) in found.signals.outer_iter().zip(exact.signals.outer_iter()) {
        let error = difference(&found.to_owned(), &exact.to_owned());
        assert!(error < 5e-5, "{error}");
    }
    let [found, exact] = [found, exact].map(|recording| recording.patterns.unwrap());
    assert_eq!(found.dim(), exact.dim());
    let peak = exact.fold(0.0, |a: f32, b| a.max(*b));
    for (index, value) in found.indexed_iter() {
        assert!((value - exact[index]).abs() < 1e-5 * peak, "{index:?}");
    }
    let alone = Recorder {
        detectors: vec![],
        patterns: Some(camera),
    };
    let alone = matrix.record(&probe, &foci, &places, &alone).unwrap();
    assert_eq!(alone.patterns.unwrap(), found);
}

#[test]
fn a_specimen_that_repeats_with_the_window_is_exact() {
    // every beam then repeats with the window as well, which is the box of one cell
    let exact = simulation(&crystal([1, 1]))
        .scan(&probe(), &positions(), &detectors())
        .unwrap();
    for repeats in [[2, 1], [2, 3]] {
        let simulation = simulation(&crystal(repeats));
        let matrix = simulation.scattering_matrix(&probe(), repeats).unwrap();
        let found = matrix.scan(&probe(), &positions(), &detectors()).unwrap();
        let error = difference(&found, &exact);
        assert!(error < 5e-5, "{error}"); // single precision
    }
}

#[test]
fn one_matrix_serves_every_probe_within_its_aperture() {
    let simulation = simulation(&crystal([2, 2]));
    let matrix = simulation.scattering_matrix(&probe(), [2, 2]).unwrap();
    let narrow = Probe::new(beam(), 11.0, Aberrations::default()).unwrap();
    for probe in [
        probe().defocused(60.0).unwrap(),
        probe().defocused(-60.0).unwrap(),
        narrow,
    ] {
        let found = matrix.scan(&probe, &positions(), &detectors()).unwrap();
        let rebuilt = simulation.scattering_matrix(&probe, [2, 2]).unwrap();
        assert!(rebuilt.beams() <= matrix.beams());
        let expected = rebuilt.scan(&probe, &positions(), &detectors()).unwrap();
        let error = difference(&found, &expected);
        assert!(error < 1e-5, "{error}");
    }
}

#[test]
fn a_specimen_and_probe_moved_together_give_the_same_signal() {
    // a defect, so that the window matters, moved by whole pixels of the simulation and of the beams
    let defect = crystal([2, 2]).atoms()[1..].to_vec();
    let (dy, dx) = (3.0, 4.0);
    let moved = (defect.iter()).map(|atom| PlacedAtom {
        position: atom.position + Vector3::new(dx, dy, 0.0),
        ..*atom
    });
    let scan = |atoms: Vec<PlacedAtom>, dy, dx| {
        let structure = Structure::new(Vector3::new(16.0, 12.0, 8.0), atoms).unwrap();
        let matrix = simulation(&structure).scattering_matrix(&probe(), [2, 2]);
        let places: Vec<_> = (positions().iter())
            .map(|place| *place + Point::new(dy, dx))
            .collect();
        matrix
            .unwrap()
            .scan(&probe(), &places, &detectors())
            .unwrap()
    };
    let there = scan(moved.collect(), dy, dx);
    let error = difference(&there, &scan(defect, 0.0, 0.0));
    assert!(error < 5e-5, "{error}");
}

#[test]
fn probes_are_independent_of_one_another_and_of_the_threads() {
    let structure = crystal([2, 2]);
    let motion = AtomicMotion::FrozenPhonons {
        configurations: 2,
        seed: Seed(1),
    };
    let run = |threads, one_by_one: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let simulation = multislice(&structure).motion(motion).build().unwrap();
            let matrix = simulation.scattering_matrix(&probe(), [2, 2]).unwrap();
            let together = matrix.scan(&probe(), &positions(), &detectors()).unwrap();
            if !one_by_one {
                return together;
            }
            let mut apart = together.clone();
            for (index, place) in positions().into_iter().enumerate() {
                let alone = matrix.scan(&probe(), &[place], &detectors()).unwrap();
                for ((detector, thickness, _), value) in alone.indexed_iter() {
                    apart[[detector, thickness, index]] = *value;
                }
            }
            apart
        })
    };
    let alone = run(1, false);
    assert_eq!(alone, run(3, false));
    let error = difference(&run(1, true), &alone);
    assert!(error < 5e-5, "{error}");
}

#[test]
fn no_electron_is_lost_in_vacuum() {
    let vacuum = Structure::new(Vector3::new(16.0, 12.0, 4.0), vec![]).unwrap();
    let simulation = simulation_of_vacuum(&vacuum);
    let matrix = simulation.scattering_matrix(&probe(), [2, 2]).unwrap();
    let angles = [(0.0, 16.0), (16.0, 50.0)];
    let detectors = angles.map(|(a, b)| AnnularDetector::new(a, b).unwrap());
    let found = matrix.scan(&probe(), &positions(), &detectors).unwrap();
    for (place, _) in positions().iter().enumerate() {
        assert!((found[[0, 0, place]] - 1.0).abs() < 1e-5);
        assert!(found[[1, 0, place]] < 1e-9);
    }
}

fn simulation_of_vacuum(structure: &Structure) -> Simulation {
    Multislice::new(structure, beam(), Sampling::Pixel(0.15))
        .unwrap()
        .build()
        .unwrap()
}

#[test]
fn what_makes_no_sense_is_refused_with_its_number() {
    let structure = crystal([1, 1]);
    let simulation = simulation(&structure);
    let refused = |probe: &Probe, interpolation| {
        let matrix = simulation.scattering_matrix(probe, interpolation);
        matrix.err().expect("a refusal").to_string()
    };
    for interpolation in [[0, 1], [1, 0], [4, 1], [1, 5], [usize::MAX, 1]] {
        let message = refused(&probe(), interpolation);
        assert!(message.contains("interpolation: found"), "{message}");
    }
    let wide = Probe::new(beam(), 60.0, Aberrations::default()).unwrap();
    assert!(refused(&wide, [1, 1]).contains("at most 50.1"));
    let other = Probe::new(Beam::new(80.0).unwrap(), 15.0, Aberrations::default()).unwrap();
    assert!(refused(&other, [1, 1]).contains("a beam of 80 keV"));

    let matrix = simulation.scattering_matrix(&probe(), [1, 1]).unwrap();
    let scan = |probe: &Probe, place: f64, detectors: &[Detector]| {
        let found = matrix.scan(probe, &[Point::new(place, 0.0)], detectors);
        found.expect_err("a refusal").to_string()
    };
    let wider = Probe::new(beam(), 18.0, Aberrations::default()).unwrap();
    assert!(scan(&wider, 0.0, &detectors()).contains("a plane wave at 1"));
    assert!(scan(&other, 0.0, &detectors()).contains("80 keV"));
    assert!(scan(&probe(), f64::NAN, &detectors()).contains("NaN"));
    assert!(scan(&probe(), 0.0, &[]).contains("detectors: found none"));
    let beyond = AnnularDetector::new(20.0, 70.0).unwrap();
    assert!(scan(&probe(), 0.0, &[beyond.into()]).contains("at most 50.1"));
    let nowhere = matrix.scan(&probe(), &[], &detectors()).unwrap();
    assert_eq!(nowhere.dim(), (9, 2, 0));
    let ring = AnnularDetector::new(5.0, 6.0).unwrap();
    let thin = ring.segments(16, 0.0).unwrap();
    assert!(scan(&probe(), 0.0, &thin).contains("of 16 of 5 to 6 mrad"));
    let recorder = Recorder {
        detectors: vec![],
        patterns: Some(PixelatedDetector::new(20.0, 1).unwrap()),
    };
    let foci = FocalSpread::default().foci(1).unwrap();
    let exits = matrix.record(&probe(), &foci, &[], &recorder);
    assert!(exits.unwrap_err().to_string().contains("2 exit planes"));
    let weightless = matrix.record(&probe(), &[], &[], &recorder);
    assert!(weightless.is_err());
}

#[test]
fn beams_that_do_not_fit_are_refused_with_the_memory_they_need() {
    // nothing to pass, so the simulation itself is small
    let vacuum = Structure::new(Vector3::new(100.0, 100.0, 2.0), vec![]).unwrap();
    let sampling = Sampling::Pixels {
        rows: 1000,
        columns: 1000,
    };
    let case = Multislice::new(&vacuum, beam(), sampling).unwrap();
    let simulation = case.build().unwrap();
    let probe = Probe::new(beam(), 30.0, Aberrations::default()).unwrap();
    let refused = |interpolation| {
        let matrix = simulation.scattering_matrix(&probe, interpolation);
        let message = matrix.err().expect("a refusal").to_string();
        let before = case.scattering_matrix_needed(&probe, interpolation);
        let needed = message.split("beams").next().unwrap().split("which").last();
        let before = before.expect_err("a refusal").to_string();
        assert!(before.contains(needed.unwrap()), "{before}");
        message
    };
    let few = case.scattering_matrix_needed(&probe, [20, 20]).unwrap();
    let plan = simulation.plan_scattering_matrix(&probe, [20, 20]);
    assert_eq!(few, plan.unwrap().bytes());
    // π (0.030/0.02508)² · 100² beams of 672² pixels of 8 bytes
    let message = refused([1, 1]);
    assert!(
        message.contains("memory: found a need of 162."),
        "{message}"
    );
    assert!(message.contains("44953 beams of 672 × 672"), "{message}");
    assert!(message.contains("a larger interpolation"), "{message}");
    let message = refused([4, 4]);
    assert!(message.contains("2810 beams of"), "{message}");
}

/// SrTiO3 of so many cells, [001] up.
fn strontium_titanate(a: f64, cells: [usize; 3]) -> Structure {
    let cell = [
        ("Sr", [0.0, 0.0, 0.0]),
        ("Ti", [0.5, 0.5, 0.5]),
        ("O", [0.5, 0.5, 0.0]),
        ("O", [0.5, 0.0, 0.5]),
        ("O", [0.0, 0.5, 0.5]),
    ];
    let [nx, ny, nz] = cells;
    let atoms = (0..nx * ny * nz).flat_map(|n| {
        let corner = [n % nx, n / nx % ny, n / (nx * ny)].map(|i| i as f64);
        cell.map(|(symbol, place)| {
            let place = Vector3::from_fn(|axis, _| a * (corner[axis] + place[axis]));
            PlacedAtom::new(symbol.parse().unwrap(), place)
        })
    });
    let extent = Vector3::new(nx as f64, ny as f64, nz as f64) * a;
    Structure::new(extent, atoms.collect()).unwrap()
}

/// √(mean square difference) over the mean size of `exact`.
fn relative_rms<'a>(
    found: impl IntoIterator<Item = &'a f64>,
    exact: impl IntoIterator<Item = &'a f64>,
) -> f64 {
    let (found, exact) = (found.into_iter(), exact.into_iter());
    let pairs: Vec<_> = found.zip(exact).collect();
    let count = pairs.len() as f64;
    let square: f64 = pairs.iter().map(|(a, b)| (*a - *b).powi(2)).sum();
    let mean = pairs.iter().map(|(_, exact)| exact.abs()).sum::<f64>() / count;
    (square / count).sqrt() / mean
}

#[test]
fn scans_agree_with_those_of_abtem() {
    let case: Value = serde_json::from_str(include_str!("reference/stem_prism.json")).unwrap();
    let cells = numbers(&case["cells"]);
    let a = case["a"].as_f64().unwrap();
    let structure = strontium_titanate(a, [0, 1, 2].map(|axis| cells[axis] as usize));
    let pixels = case["pixels"].as_u64().unwrap() as usize;
    let sampling = Sampling::Pixels {
        rows: pixels,
        columns: pixels,
    };
    let simulation = Multislice::new(&structure, beam(), sampling)
        .unwrap()
        .slice_thickness(a / 2.0)
        .build()
        .unwrap();
    let semiangle = case["semiangle"].as_f64().unwrap();
    let probe = Probe::new(beam(), semiangle, Aberrations::default()).unwrap();
    let probe = probe.with_edge(ApertureEdge::AntiAliased).unwrap();
    let rows = case["positions"].as_array().unwrap().iter().map(numbers);
    let positions: Vec<_> = rows.map(|place| Point::new(place[0], place[1])).collect();
    let rows = case["detectors"].as_array().unwrap().iter().map(numbers);
    let detectors: Vec<_> = rows
        .map(|angles| AnnularDetector::new(angles[0], angles[1]).unwrap())
        .collect();
    for f in [1, 2] {
        let matrix = simulation.scattering_matrix(&probe, [f, f]).unwrap();
        let found = matrix.scan(&probe, &positions, &detectors).unwrap();
        for (detector, signal) in found.outer_iter().enumerate() {
            let expected = numbers(&case["signals"][f.to_string()][detector]);
            let error = relative_rms(signal, &expected);
            println!("interpolation {f}, detector {detector}: {error:.5}");
            assert!(
                error < 0.01,
                "interpolation {f}, detector {detector}: {error}"
            );
        }
    }
}

#[test]
fn the_error_of_interpolation_on_a_crystal_is_a_few_per_cent() {
    let a = 3.905;
    let structure = strontium_titanate(a, [4, 4, 20]);
    let sampling = Sampling::Pixels {
        rows: 320,
        columns: 320,
    };
    let simulation = Multislice::new(&structure, beam(), sampling)
        .unwrap()
        .slice_thickness(a / 2.0)
        .build()
        .unwrap();
    let probe = Probe::new(beam(), 20.2, Aberrations::default()).unwrap();
    // from strontium to strontium over titanium
    let line: Vec<_> = (0..17)
        .map(|n| Point::new(a + a * f64::from(n) / 16.0, a + a * f64::from(n) / 16.0))
        .collect();
    let haadf = Detector::from(AnnularDetector::new(60.0, 160.0).unwrap());
    let mut all = vec![haadf];
    let ring = AnnularDetector::new(5.0, 20.0).unwrap();
    all.extend(ring.segments(4, 0.0).unwrap());
    all.extend(Detector::centre_of_mass(60.0).unwrap());
    let exact = simulation.scan(&probe, &line, &all).unwrap();
    let matrix = simulation.scattering_matrix(&probe, [2, 2]).unwrap();
    assert_eq!(matrix.bytes(), matrix.beams() * 224 * 224 * 8);
    let found = matrix.scan(&probe, &line, &all).unwrap();
    println!("{} beams", matrix.beams());
    let pairs = found.outer_iter().zip(exact.outer_iter());
    for (detector, (found, exact)) in all.iter().zip(pairs) {
        let error = relative_rms(found, exact);
        println!("{detector:?}: {error:.4}");
        assert!((0.02..0.06).contains(&error), "{error}");
    }
}
