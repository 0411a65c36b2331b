//! Multislice against a plain one in numpy (`tests/reference/stem_multislice.py`), and what must hold for any specimen.

use dosewise::stem::{
    Aberration, Aberrations, AnnularDetector, AtomicMotion, Beam, FocalSpread, Multislice,
    Parametrisation, PixelatedDetector, PlacedAtom, Probe, Recorder, Sampling, Structure,
    Vibration,
};
use dosewise::units::{Point, Seed};
use nalgebra::Vector3;
use rustfft::num_complex::{Complex32, Complex64};
use serde_json::Value;
use std::f64::consts::TAU;

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/stem_multislice.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

/// The specimen of the reference; each atom through `change`.
fn specimen(reference: &Value, change: impl Fn(PlacedAtom) -> PlacedAtom) -> Structure {
    let rows = reference["atoms"].as_array().unwrap();
    let atoms = rows.iter().map(|row| {
        let values = numbers(&Value::from(&row.as_array().unwrap()[1..]));
        let place = Vector3::new(values[0], values[1], values[2]);
        let atom = PlacedAtom::new(row[0].as_str().unwrap().parse().unwrap(), place);
        change(
            atom.occupancy(values[3])
                .vibration(Vibration::Isotropic(values[4])),
        )
    });
    let extent = Vector3::from_vec(numbers(&reference["extent"]));
    Structure::new(extent, atoms.collect()).unwrap()
}

fn as_given(atom: PlacedAtom) -> PlacedAtom {
    atom
}

fn beam() -> Beam {
    Beam::new(200.0).unwrap()
}

const SAMPLING: Sampling = Sampling::Pixels {
    rows: 40,
    columns: 48,
};

fn multislice(structure: &Structure) -> Multislice<'_> {
    Multislice::new(structure, beam(), SAMPLING)
        .unwrap()
        .slice_thickness(2.0)
}

fn probe(reference: &Value) -> Probe {
    let terms = reference["probe"]["terms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| Aberration {
            order: row[0].as_u64().unwrap() as u32,
            symmetry: row[1].as_u64().unwrap() as u32,
            magnitude: row[2].as_f64().unwrap(),
            angle: row[3].as_f64().unwrap(),
        });
    let semiangle = reference["probe"]["semiangle"].as_f64().unwrap();
    Probe::new(
        beam(),
        semiangle,
        Aberrations::new(terms.collect()).unwrap(),
    )
    .unwrap()
}

fn positions(reference: &Value) -> Vec<Point> {
    let rows = reference["positions"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers);
    rows.map(|place| Point::new(place[0], place[1])).collect()
}

fn detectors(reference: &Value) -> Vec<AnnularDetector> {
    let rows = reference["detectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers);
    rows.map(|angles| AnnularDetector::new(angles[0], angles[1]).unwrap())
        .collect()
}

#[track_caller]
fn waves_agree<'a>(found: impl Iterator<Item = &'a Complex32>, expected: &Value, tolerance: f64) {
    let (re, im) = (numbers(&expected[0]), numbers(&expected[1]));
    let mut count = 0;
    for (index, found) in found.enumerate() {
        let error = (f64::from(found.re) - re[index]).hypot(f64::from(found.im) - im[index]);
        assert!(error < tolerance, "pixel {index}: {found}, error {error:e}");
        count += 1;
    }
    assert_eq!(count, re.len());
}

#[test]
fn potentials_agree_with_numpy() {
    let reference = reference();
    let structure = specimen(&reference, as_given);
    let potential = multislice(&structure).projected_potential(0).unwrap();
    let expected = numbers(&reference["potential"]);
    let peak = expected.iter().fold(0.0, |a: f64, b| a.max(*b));
    for (found, expected) in potential.iter().step_by(37).zip(expected) {
        assert!((found - expected).abs() < 1e-6 * peak, "{found} {expected}");
    }
}

#[test]
fn exit_waves_agree_with_numpy() {
    let reference = reference();
    let structure = specimen(&reference, as_given);
    let simulation = multislice(&structure).build().unwrap();
    let plane = simulation.plane_wave().unwrap();
    waves_agree(plane.iter(), &reference["plane"], 3e-6);
    let exit = simulation
        .exit_waves(&probe(&reference), positions(&reference)[1])
        .unwrap();
    waves_agree(exit.iter().step_by(7), &reference["probe_exit"], 1e-6);
}

#[test]
fn scans_agree_with_numpy() {
    let reference = reference();
    let structure = specimen(&reference, as_given);
    let still = multislice(&structure).exit_thicknesses(&[8.0, 4.0]);
    let blurred = still.clone().motion(AtomicMotion::DebyeWaller);
    let kirkland = still.clone().parametrisation(Parametrisation::Kirkland);
    let unmerged = still.clone().merge_empty_slices(false);
    for (case, name) in [
        (still, "still"),
        (unmerged, "still"),
        (blurred, "blurred"),
        (kirkland, "kirkland"),
    ] {
        let simulation = case.build().unwrap();
        assert_eq!(simulation.thicknesses(), [4.0, 8.0]);
        let scan = simulation.scan(
            &probe(&reference),
            &positions(&reference),
            &detectors(&reference),
        );
        for ((detector, thickness, position), found) in scan.unwrap().indexed_iter() {
            let expected = reference[name][position][thickness][detector]
                .as_f64()
                .unwrap();
            assert!(
                (found - expected).abs() < 2e-6 * expected.max(0.05),
                "{name}: {found} {expected}"
            );
        }
    }
}

#[test]
fn nothing_is_lost_within_the_angles_that_are_kept() {
    // the whole circle as a detector: vacuum passes every electron, atoms scatter a little beyond the circle
    let extent = Vector3::new(8.0, 6.0, 8.0);
    let carbon = PlacedAtom::new("C".parse().unwrap(), Vector3::new(4.0, 3.0, 1.0));
    for (atoms, most_lost) in [(vec![], 1e-6), (vec![carbon], 2e-3)] {
        let structure = Structure::new(extent, atoms).unwrap();
        let simulation = multislice(&structure)
            .merge_empty_slices(false)
            .build()
            .unwrap();
        let everything = AnnularDetector::new(0.0, simulation.largest_angle_mrad()).unwrap();
        let probe = Probe::new(beam(), 15.0, Aberrations::default()).unwrap();
        let flux = simulation
            .scan(&probe, &[Point::new(3.2, 4.1)], &[everything])
            .unwrap()[[0, 0, 0]];
        assert!(flux < 1.0 + 1e-6 && flux > 1.0 - most_lost, "{flux}");
    }
}

#[test]
fn a_specimen_and_probe_moved_together_give_the_same_signal() {
    let reference = reference();
    let (dy, dx) = (3.0 * 6.0 / 40.0, -7.0 * 8.0 / 48.0); // whole pixels
    let moved = |atom: PlacedAtom| PlacedAtom {
        position: atom.position + Vector3::new(dx, dy, 0.0),
        ..atom
    };
    let scan = |structure: &Structure, dy, dx| {
        let simulation = multislice(structure).build().unwrap();
        let positions: Vec<_> = positions(&reference)
            .iter()
            .map(|p| *p + Point::new(dy, dx))
            .collect();
        simulation
            .scan(&probe(&reference), &positions, &detectors(&reference))
            .unwrap()
    };
    let here = scan(&specimen(&reference, as_given), 0.0, 0.0);
    let there = scan(&specimen(&reference, moved), dy, dx);
    for (a, b) in here.iter().zip(&there) {
        assert!((a - b).abs() < 1e-5 * a, "{a} {b}");
    }
}

#[test]
fn a_thin_specimen_is_a_phase_object() {
    // blurred so strongly that t has nothing outside the circle
    let reference = reference();
    let thin = |atom: PlacedAtom| PlacedAtom {
        position: Vector3::new(atom.position.x, atom.position.y, 0.05),
        vibration: Vibration::Isotropic(0.3),
        ..atom
    };
    let atoms = specimen(&reference, thin).atoms().to_vec();
    let structure = Structure::new(Vector3::new(8.0, 6.0, 0.1), atoms).unwrap();
    let case = multislice(&structure).motion(AtomicMotion::DebyeWaller);
    let potential = case.projected_potential(0).unwrap();
    let wave = case.build().unwrap().plane_wave().unwrap();
    for (wave, v) in wave.iter().zip(&potential) {
        let expected = Complex64::cis(beam().interaction() * v);
        let found = Complex64::new(wave.re.into(), wave.im.into());
        assert!((found - expected).norm() < 5e-3, "{found} {expected}");
    }
}

#[test]
fn stem_and_the_plane_wave_run_backwards_are_reciprocal() {
    // J. M. Cowley, Appl. Phys. Lett. 15 (1969) 58: a point detector on the axis sees, for a probe at r, what a lens of
    // the same aperture makes at r of a plane wave that went through the specimen from the other side.
    let reference = reference();
    let upside_down = |atom: PlacedAtom| PlacedAtom {
        position: Vector3::new(atom.position.x, atom.position.y, 8.0 - atom.position.z),
        ..atom
    };
    // backwards, free space comes before each slice instead of behind it: a defocus by one slice
    let defocus = Aberration {
        order: 1,
        symmetry: 0,
        magnitude: 2.0,
        angle: 0.0,
    };
    let probe = Probe::new(beam(), 14.8, Aberrations::new(vec![defocus]).unwrap()).unwrap();
    let simulation = multislice(&specimen(&reference, as_given)).build().unwrap();
    let on_axis = AnnularDetector::new(0.0, 0.1).unwrap();
    let stem = simulation
        .scan(&probe, &positions(&reference), &[on_axis])
        .unwrap();

    let wave = multislice(&specimen(&reference, upside_down))
        .build()
        .unwrap()
        .plane_wave()
        .unwrap();
    let mut beams = Vec::new();
    for (ny, nx) in (-8_i32..8).flat_map(|ny| (-8_i32..8).map(move |nx| (ny, nx))) {
        let (ky, kx) = (f64::from(ny) / 6.0, f64::from(nx) / 8.0);
        if 1e3 * beam().wavelength() * ky.hypot(kx) > 14.8 {
            continue;
        }
        let amplitude: Complex64 = wave
            .indexed_iter()
            .map(|((_, _, row, column), z)| {
                let phase =
                    f64::from(ny) * row as f64 / 40.0 + f64::from(nx) * column as f64 / 48.0;
                Complex64::new(z.re.into(), z.im.into()) * Complex64::cis(-TAU * phase)
            })
            .sum();
        beams.push((ky, kx, amplitude / (40.0 * 48.0)));
    }
    for (place, stem) in positions(&reference).iter().zip(&stem) {
        let terms = beams
            .iter()
            .map(|(ky, kx, a)| a * Complex64::cis(TAU * (ky * place.y + kx * place.x)));
        let image = terms.sum::<Complex64>().norm_sqr() / beams.len() as f64;
        assert!((stem / image - 1.0).abs() < 1e-4, "{stem} {image}");
    }
}

#[test]
fn configurations_that_do_not_fit_together_are_made_one_by_one() {
    let reference = reference();
    let structure = specimen(&reference, as_given);
    let motion = AtomicMotion::FrozenPhonons {
        configurations: 12,
        seed: Seed(5),
    };
    let case = multislice(&structure).motion(motion);
    let all = case.memory_needed().unwrap();
    let [kept, anew] = [8e9, all - 1.0].map(|limit| {
        let case = case.clone().memory_limit(limit as u64);
        let needed = case.memory_needed().unwrap();
        (needed, case.build().unwrap())
    });
    let [kept, anew] = [kept, anew].map(|(needed, simulation)| {
        println!("{needed} bytes");
        assert!(needed == all || needed < 0.5 * all);
        let (probe, positions) = (probe(&reference), positions(&reference));
        let camera = PixelatedDetector::new(30.0, 1).unwrap();
        let recorder = Recorder {
            detectors: detectors(&reference).into_iter().map(Into::into).collect(),
            patterns: Some(camera),
        };
        let foci = FocalSpread::new(30.0).unwrap().foci(2).unwrap();
        let recording = simulation.record(&probe, &foci, &positions, &recorder);
        // so few beams that they fit
        let narrow = Probe::new(beam(), 4.0, Aberrations::default()).unwrap();
        let matrix = simulation.scattering_matrix(&narrow, [1, 1]).unwrap();
        let prism = matrix.scan(&narrow, &positions, &recorder.detectors);
        let signals = simulation.scan(&probe, &positions, &recorder.detectors);
        let plane = simulation.plane_wave().unwrap();
        (recording.unwrap(), signals.unwrap(), prism.unwrap(), plane)
    });
    assert!(kept == anew);
}

#[test]
fn frozen_phonons_do_not_depend_on_the_number_of_threads() {
    let reference = reference();
    let structure = specimen(&reference, as_given);
    let motion = AtomicMotion::FrozenPhonons {
        configurations: 3,
        seed: Seed(5),
    };
    let scan = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let simulation = multislice(&structure).motion(motion).build().unwrap();
            simulation
                .scan(
                    &probe(&reference),
                    &positions(&reference),
                    &detectors(&reference),
                )
                .unwrap()
        })
    };
    let alone = scan(1);
    assert_eq!(alone, scan(3));
    let frozen = |atom: PlacedAtom| atom.vibration(Vibration::Isotropic(0.0));
    let frozen = specimen(&reference, frozen);
    let still = |motion| {
        let simulation = multislice(&frozen).motion(motion).build().unwrap();
        simulation
            .scan(
                &probe(&reference),
                &positions(&reference),
                &detectors(&reference),
            )
            .unwrap()
    };
    let (still, unmoved) = (still(AtomicMotion::Still), still(motion));
    assert!(
        still
            .iter()
            .zip(&unmoved)
            .all(|(a, b)| (a - b).abs() < 1e-12)
    );
    assert!(still.iter().zip(&alone).any(|(a, b)| (a - b).abs() > 1e-4));
}

#[test]
fn absurd_input_is_refused_with_its_number() {
    let reference = reference();
    let structure = specimen(&reference, as_given);
    let simulation = multislice(&structure).build().unwrap();
    let here = [Point::default()];
    let detectors = detectors(&reference);
    let scan = |probe: &Probe, positions: &[Point], detectors: &[AnnularDetector]| {
        simulation
            .scan(probe, positions, detectors)
            .unwrap_err()
            .to_string()
    };
    let wide = Probe::new(beam(), 60.0, Aberrations::default()).unwrap();
    assert!(scan(&wide, &here, &detectors).contains("60.00 mrad"));
    let slow = Probe::new(Beam::new(80.0).unwrap(), 10.0, Aberrations::default()).unwrap();
    assert!(scan(&slow, &here, &detectors).contains("80 keV"));
    let sound = probe(&reference);
    let beyond = [AnnularDetector::new(20.0, 51.0).unwrap()];
    assert!(scan(&sound, &here, &beyond).contains("20 to 51 mrad"));
    assert!(scan(&sound, &here, &[]).contains("none"));
    assert!(scan(&sound, &[Point::new(f64::NAN, 0.0)], &detectors).contains("NaN"));
    let built = |case: Multislice| case.build().err().unwrap().to_string();
    let large = Multislice::new(&structure, beam(), Sampling::Pixel(2e-4 * 5.0)).unwrap();
    let large = large.memory_limit(1_000_000_000);
    let message = built(large.motion(AtomicMotion::FrozenPhonons {
        configurations: 100,
        seed: Seed(1),
    }));
    assert!(message.contains("GB for"), "{message}");
    assert!(built(multislice(&structure).slice_thickness(f64::NAN)).contains("NaN"));
    assert!(built(multislice(&structure).exit_thicknesses(&[9.0])).contains("9 Å"));
    let none = AtomicMotion::FrozenPhonons {
        configurations: 0,
        seed: Seed(1),
    };
    assert!(built(multislice(&structure).motion(none)).contains("configurations: found 0"));
    let message = multislice(&structure)
        .projected_potential(4)
        .unwrap_err()
        .to_string();
    assert!(message.contains("found 4"), "{message}");
    let doubled = [structure.atoms(), structure.atoms()].concat();
    let doubled = Structure::new(structure.extent(), doubled).unwrap();
    let message = Multislice::new(&doubled, beam(), SAMPLING)
        .unwrap_err()
        .to_string();
    assert!(message.contains("atoms within 0.1"), "{message}");
}

/// A case of `tests/reference/stem_abtem.py` with its specimen.
fn peer(name: &str) -> (Value, Structure) {
    let all: Value = serde_json::from_str(include_str!("reference/stem_abtem.json")).unwrap();
    let case = all[name].clone();
    let atoms = case["atoms"].as_array().unwrap().iter().map(|row| {
        let place = Vector3::from_vec(numbers(&Value::from(&row.as_array().unwrap()[1..])));
        PlacedAtom::new(row[0].as_str().unwrap().parse().unwrap(), place)
    });
    let extent = Vector3::from_vec(numbers(&case["extent"]));
    let structure = Structure::new(extent, atoms.collect()).unwrap();
    (case, structure)
}

fn peer_multislice<'a>(case: &Value, structure: &'a Structure) -> Multislice<'a> {
    let size = |name: &str| case[name].as_u64().unwrap() as usize;
    let sampling = Sampling::Pixels {
        rows: size("rows"),
        columns: size("columns"),
    };
    let beam = Beam::new(case["energy_kev"].as_f64().unwrap()).unwrap();
    let thickness = case["slice_thickness"].as_f64().unwrap();
    Multislice::new(structure, beam, sampling)
        .unwrap()
        .slice_thickness(thickness)
}

#[test]
fn a_small_crystal_agrees_with_abtem() {
    let (case, structure) = peer("strontium_titanate");
    let multislice = peer_multislice(&case, &structure);
    let potential = multislice.projected_potential(0).unwrap();
    let peak = potential.iter().fold(0.0, |a: f64, b| a.max(*b));
    for (found, expected) in potential
        .iter()
        .step_by(13)
        .zip(numbers(&case["potential"]))
    {
        assert!((found - expected).abs() < 1e-6 * peak, "{found} {expected}");
    }
    // abTEM's circle has a soft edge, and its potential is lifted at high frequencies (see the script): one complex
    // factor, then 3e-3 of the mean amplitude
    let wave = multislice.build().unwrap().plane_wave().unwrap();
    let (re, im) = (
        numbers(&case["exit_wave"][0]),
        numbers(&case["exit_wave"][1]),
    );
    let places = (0..64)
        .step_by(2)
        .flat_map(|row| (0..64).step_by(2).map(move |column| (row, column)));
    let pairs: Vec<_> = places
        .zip(re.iter().zip(&im))
        .map(|((row, column), (re, im))| {
            let found = wave[[0, 0, row, column]];
            (
                Complex64::new(found.re.into(), found.im.into()),
                Complex64::new(*re, *im),
            )
        })
        .collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / pairs.len() as f64;
    let overlap: Complex64 = pairs
        .iter()
        .map(|(ours, theirs)| theirs.conj() * ours)
        .sum();
    let ours = mean(&mut pairs.iter().map(|(ours, _)| ours.norm()));
    let theirs = mean(&mut pairs.iter().map(|(_, theirs)| theirs.norm()));
    let factor = overlap / overlap.norm() * ours / theirs;
    let square = mean(&mut pairs.iter().map(|(a, b)| (a - factor * b).norm_sqr()));
    assert!(square.sqrt() / ours < 3e-3, "{}", square.sqrt() / ours);
}

/// The largest difference of a detector's signals from abTEM's: root mean square in shares of their range and their mean.
fn worst_of_peer(name: &str) -> [f64; 2] {
    let (case, structure) = peer(name);
    let simulation = peer_multislice(&case, &structure).build().unwrap();
    let semiangle = case["semiangle"].as_f64().unwrap();
    let probe = Probe::new(simulation.beam(), semiangle, Aberrations::default()).unwrap();
    let scan = simulation
        .scan(&probe, &positions(&case), &detectors(&case))
        .unwrap();
    let mut worst = [0.0_f64; 2];
    for (detector, image) in scan.outer_iter().enumerate() {
        let expected = numbers(&case["signals"][detector]);
        assert_eq!(image.len(), expected.len());
        let count = expected.len() as f64;
        let squares = image.iter().zip(&expected).map(|(a, b)| (a - b).powi(2));
        let rms = (squares.sum::<f64>() / count).sqrt();
        let (low, high) = (expected.iter()).fold((f64::INFINITY, 0.0_f64), |(low, high), v| {
            (low.min(*v), high.max(*v))
        });
        let mean = expected.iter().sum::<f64>() / count;
        println!(
            "{name}, detector {detector}: {:.2} % of the range, {:.2} % of the mean",
            100.0 * rms / (high - low),
            100.0 * rms / mean
        );
        worst = [worst[0].max(rms / (high - low)), worst[1].max(rms / mean)];
    }
    worst
}

/// `cargo test --test stem_multislice abtem -- --nocapture` prints the figures.
#[test]
fn line_profiles_and_the_image_of_a_vacancy_agree_with_abtem() {
    for name in ["strontium_titanate_lines", "molybdenum_disulfide"] {
        let worst = worst_of_peer(name);
        assert!(worst.iter().all(|error| *error < 0.01), "{name}: {worst:?}");
    }
}
