//! A tilted specimen: against vacuum, a tilted beam and atoms that are moved, by multislice, in windows and by PRISM.

use dosewise::stem::{
    Aberrations, AnnularDetector, Beam, Detector, Multislice, PlacedAtom, Probe, Sampling,
    Structure, Tilt,
};
use dosewise::units::Point;
use nalgebra::Vector3;
use ndarray::{Array3, ArrayView2, s};
use rustfft::num_complex::{Complex32, Complex64};
use std::f64::consts::TAU;

fn beam() -> Beam {
    Beam::new(200.0).unwrap()
}

fn probe() -> Probe {
    let lens = "C10=-30, C12=15@0.4".parse::<Aberrations>().unwrap();
    Probe::new(beam(), 18.0, lens).unwrap()
}

/// 8 × 8 Å, so deep; an atom every 2 Å on the face of a slice, or `within` it.
fn crystal(depth: usize, within: f64) -> Structure {
    let symbols = ["Al", "Si", "O", "C"];
    let atoms = (0..depth / 2).flat_map(|layer| {
        (0..4).map(move |atom| {
            let (n, z) = (
                (3 * layer + 5 * atom) as f64,
                2.0 * layer as f64 + within * atom as f64 / 4.0,
            );
            let place = Vector3::new((1.3 + 3.7 * n) % 8.0, (2.1 + 6.1 * n) % 8.0, z);
            PlacedAtom::new(symbols[atom].parse().unwrap(), place)
        })
    });
    Structure::new(Vector3::new(8.0, 8.0, depth as f64), atoms.collect()).unwrap()
}

/// 0.1 Å pixels, which keep 83 mrad.
fn multislice(structure: &Structure) -> Multislice<'_> {
    let sampling = Sampling::Pixels {
        rows: 80,
        columns: 80,
    };
    Multislice::new(structure, beam(), sampling)
        .unwrap()
        .slice_thickness(2.0)
}

/// Each atom moved against the drift of a beam through the untilted specimen, by its own depth.
fn sheared(structure: &Structure, tilt: Tilt) -> Structure {
    let moved = |atom: &PlacedAtom| {
        let drift = tilt.drift(atom.position.z);
        PlacedAtom {
            position: atom.position - Vector3::new(drift.x, drift.y, 0.0),
            ..*atom
        }
    };
    Structure::new(
        structure.extent(),
        structure.atoms().iter().map(moved).collect(),
    )
    .unwrap()
}

fn positions() -> Vec<Point> {
    let places = [
        (2.1, 1.3),
        (3.0, 1.3),
        (4.4, 1.3),
        (1.2, 6.0),
        (0.2, 7.7),
        (5.5, 4.1),
    ];
    places.map(|(y, x)| Point::new(y, x)).to_vec()
}

fn detectors() -> Vec<Detector> {
    let mut all: Vec<Detector> = [(40.0, 80.0), (0.0, 12.0)]
        .map(|(inner, outer)| AnnularDetector::new(inner, outer).unwrap().into())
        .to_vec();
    all.extend(Detector::centre_of_mass(60.0).unwrap());
    all
}

fn scan(case: &Multislice) -> Array3<f64> {
    let simulation = case.build().unwrap();
    simulation
        .scan(&probe(), &positions(), &detectors())
        .unwrap()
}

/// The largest difference of the signals of each detector as a share of their range.
fn differences(found: &Array3<f64>, expected: &Array3<f64>) -> Vec<f64> {
    let pairs = found.outer_iter().zip(expected.outer_iter());
    pairs
        .map(|(found, expected)| {
            let range = expected.fold(f64::NEG_INFINITY, |a, b| a.max(*b))
                - expected.fold(f64::INFINITY, |a, b| a.min(*b));
            let errors = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            errors.fold(0.0, f64::max) / range
        })
        .collect()
}

/// The tilt by which the wave drifts so many pixels along (y, x) per slice.
fn whole_pixels(y: f64, x: f64) -> Tilt {
    let mrad = |pixels: f64| 1e3 * (0.1 * pixels / 2.0).atan();
    Tilt::new(mrad(y), mrad(x)).unwrap()
}

/// The largest difference of two waves as a share of the largest amplitude, whatever their common phase.
fn wave_difference(a: ArrayView2<Complex32>, b: &[Complex64]) -> f64 {
    let wide = |z: &Complex32| Complex64::new(z.re.into(), z.im.into());
    let common: Complex64 = a.iter().zip(b).map(|(a, b)| wide(a).conj() * b).sum();
    let turn = common / common.norm();
    let peak = b.iter().map(|b| b.norm()).fold(0.0, f64::max);
    let errors = a.iter().zip(b).map(|(a, b)| (wide(a) * turn - b).norm());
    errors.fold(0.0, f64::max) / peak
}

#[test]
fn no_tilt_changes_no_bit() {
    let structure = crystal(8, 1.0);
    let case = multislice(&structure);
    let upright = case.clone().tilt(Tilt::default());
    assert_eq!(scan(&case), scan(&upright));
    let wave = |case: Multislice| case.build().unwrap().plane_wave().unwrap();
    assert_eq!(wave(case), wave(upright));
}

#[test]
fn in_vacuum_the_wave_drifts() {
    let vacuum = Structure::new(Vector3::new(8.0, 8.0, 40.0), vec![]).unwrap();
    let (dy, dx) = (3, -7); // pixels over 40 Å, 17.5 mrad
    let tilt = whole_pixels(dy as f64 / 20.0, dx as f64 / 20.0);
    for merged in [true, false] {
        let case = multislice(&vacuum).merge_empty_slices(merged);
        let wave = |case: Multislice| {
            let simulation = case.build().unwrap();
            simulation
                .exit_waves(&probe(), Point::new(3.3, 4.2))
                .unwrap()
        };
        let upright = wave(case.clone());
        let tilted = wave(case.tilt(tilt));
        let peak = upright.iter().map(|z| z.norm()).fold(0.0, f32::max);
        for ((_, _, row, column), value) in upright.indexed_iter() {
            let there = [(row as i64 + dy) % 80, (column as i64 + dx + 80) % 80];
            let found = tilted[[0, 0, there[0] as usize, there[1] as usize]];
            assert!((found - value).norm() < 1e-5 * peak, "{row} {column}");
        }
    }
}

#[test]
fn a_tilted_specimen_is_one_with_its_atoms_moved() {
    // where the atoms stand on the faces of slices and move by whole pixels nothing is left but rounding
    let structure = crystal(40, 0.0);
    let tilt = whole_pixels(1.0, -2.0); // 50 mrad and −100 mrad
    let moved = scan(&multislice(&sheared(&structure, tilt)));
    let found = differences(&scan(&multislice(&structure).tilt(tilt)), &moved);
    println!("whole pixels: {found:?}");
    assert!(found.iter().all(|error| *error < 1e-4), "{found:?}");
    let upright = differences(&scan(&multislice(&structure)), &moved);
    assert!(upright.iter().all(|error| *error > 0.1), "{upright:?}");

    // atoms all over slices of 2 Å, 10 mrad: each misplaced by up to 0.02 Å
    let structure = crystal(40, 2.0);
    let tilt = Tilt::new(6.0, -8.0).unwrap();
    let moved = scan(&multislice(&sheared(&structure, tilt)));
    let [coarse, fine] = [2.0, 0.5].map(|thickness| {
        let case = multislice(&structure).slice_thickness(thickness);
        let moved = match thickness {
            2.0 => moved.clone(),
            _ => scan(&multislice(&sheared(&structure, tilt)).slice_thickness(thickness)),
        };
        differences(&scan(&case.tilt(tilt)), &moved)
    });
    println!("slices of 2 Å: {coarse:?}, of 0.5 Å: {fine:?}");
    assert!(coarse.iter().all(|error| *error < 0.06), "{coarse:?}");
    assert!(fine.iter().all(|error| *error < 0.006), "{fine:?}");
}

#[test]
fn a_tilted_beam_sees_the_same_along_its_own_direction() {
    // ψ = exp(2πi k_t·r) φ, with φ what the untilted beam becomes in the tilted specimen; k_t on the lattice of the box
    let structure = crystal(40, 0.0);
    let numbers = [2.0, -1.0];
    let mrad = |number: f64| 1e3 * beam().wavelength() * number / 8.0;
    let tilt = Tilt::new(mrad(numbers[0]), mrad(numbers[1])).unwrap();
    let place = Point::new(5.5, 4.1);
    let plain = Probe::new(beam(), 18.0, Aberrations::default()).unwrap();
    let wave = |case: Multislice, probe: &Probe| {
        let simulation = case.build().unwrap();
        simulation.exit_waves(probe, place).unwrap()
    };
    let specimen = wave(multislice(&structure).tilt(tilt), &plain);
    let by_beam = wave(multislice(&structure), &plain.clone().with_tilt(tilt));
    let turned: Vec<_> = (specimen.indexed_iter())
        .map(|((_, _, row, column), value)| {
            let turn = TAU * (numbers[0] * row as f64 + numbers[1] * column as f64) / 80.0;
            Complex64::new(value.re.into(), value.im.into()) * Complex64::cis(turn)
        })
        .collect();
    let error = wave_difference(by_beam.slice(s![0, 0, .., ..]), &turned);
    println!("tilt of the beam against tilt of the specimen: {error:.1e} of the peak");
    assert!(error < 0.01, "{error}"); // the circles that are kept lie k_t apart
    let upright: Vec<_> = (wave(multislice(&structure), &plain).iter())
        .map(|z| Complex64::new(z.re.into(), z.im.into()))
        .collect();
    let without = wave_difference(by_beam.slice(s![0, 0, .., ..]), &upright);
    assert!(without > 0.2, "{without}");
}

#[test]
fn prism_and_windows_see_the_tilt() {
    let structure = crystal(40, 0.0);
    let case = multislice(&structure)
        .tilt(Tilt::new(30.0, -20.0).unwrap())
        .exit_thicknesses(&[20.0, 40.0]);
    let simulation = case.build().unwrap();
    let annuli = [(40.0, 80.0), (0.0, 12.0)]
        .map(|(inner, outer)| AnnularDetector::new(inner, outer).unwrap());
    let exact = simulation.scan(&probe(), &positions(), &annuli).unwrap();
    let matrix = simulation.scattering_matrix(&probe(), [1, 1]).unwrap();
    let found = matrix.scan(&probe(), &positions(), &annuli).unwrap();
    let errors = differences(&found, &exact);
    assert!(errors.iter().all(|error| *error < 5e-5), "{errors:?}");

    let window = case.clone().window(8.0).build().unwrap();
    let found = window.scan(&probe(), &positions(), &annuli).unwrap();
    let errors = differences(&found, &exact);
    assert!(errors.iter().all(|error| *error < 5e-5), "{errors:?}");
    let narrow = case.window(5.0).build().unwrap();
    let refused = narrow.scan(&probe(), &positions(), &annuli).unwrap_err();
    // 2 (40 Å · tan 36 mrad + rays of the probe + λ/α), in the least window of those pixels
    assert!(refused.to_string().starts_with("window: found 5"));
    let upright = multislice(&structure).window(5.0).build().unwrap();
    assert!(
        upright
            .scan(
                &Probe::new(beam(), 18.0, Aberrations::default()).unwrap(),
                &positions(),
                &annuli
            )
            .is_ok()
    );
}

#[test]
fn the_windows_of_prism_follow_the_drift() {
    // one heavy atom below 80 Å of vacuum, where the wave has drifted by 8 Å, a quarter of the box
    let tilt = Tilt::new(0.0, -1e3 * 0.1_f64.atan()).unwrap();
    let deep = PlacedAtom::new("Au".parse().unwrap(), Vector3::new(11.0, 5.0, 80.0));
    let structure = Structure::new(Vector3::new(32.0, 32.0, 84.0), vec![deep]).unwrap();
    let sampling = Sampling::Pixels {
        rows: 160,
        columns: 160,
    };
    let case = Multislice::new(&structure, beam(), sampling).unwrap();
    let case = case.slice_thickness(4.0);
    let sharp = Probe::new(beam(), 15.0, Aberrations::default()).unwrap();
    let focused = sharp.defocused(80.0).unwrap();
    let haadf = [AnnularDetector::new(20.0, 40.0).unwrap()];
    let [places, moved] = [19.0, 11.0].map(|x| {
        [(5.0, x), (5.7, x + 0.4), (5.0, x - 8.0), (21.0, x)].map(|(y, x)| Point::new(y, x))
    });
    let prism = |case: &Multislice, places: &[Point]| {
        let matrix = case.build().unwrap().scattering_matrix(&sharp, [2, 2]);
        matrix.unwrap().scan(&focused, places, &haadf).unwrap()
    };
    let upright = prism(&case, &moved);
    let case = case.tilt(tilt);
    let simulation = case.build().unwrap();
    let exact = simulation.scan(&focused, &places, &haadf).unwrap();
    let found = prism(&case, &places);
    println!("exact {exact}, PRISM {found}, upright {upright}");
    let brightest = exact[[0, 0, 0]];
    assert!(exact[[0, 0, 2]] < 0.01 * brightest);
    for ((found, exact), upright) in found.iter().zip(&exact).zip(&upright) {
        assert!((found - exact).abs() < 0.08 * brightest, "{found} {exact}");
        let error = (found - upright).abs();
        assert!(error < 0.01 * brightest, "{found} {upright}");
    }
}
