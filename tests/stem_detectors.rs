//! Detectors, diffraction patterns and foci behind a multislice, against closed forms and each other.

use dosewise::stem::{
    Aberrations, AnnularDetector, AtomicMotion, Beam, Coherence, Detector, FocalSpread, Focus,
    Multislice, PixelatedDetector, PlacedAtom, Probe, Recorder, Recording, Sampling, Simulation,
    Source, Structure, Tilt, Vibration,
};
use dosewise::units::{Point, Seed};
use nalgebra::Vector3;
use ndarray::Axis;
use std::f64::consts::TAU;

const SAMPLING: Sampling = Sampling::Pixels {
    rows: 72,
    columns: 96,
};

fn beam() -> Beam {
    Beam::new(200.0).unwrap()
}

/// A box of 8 × 6 Å with one atom in its middle.
fn lone_atom(symbol: &str, rms_displacement: f64, height: f64) -> Structure {
    let place = Vector3::new(4.0, 3.0, 0.0);
    let atom = PlacedAtom::new(symbol.parse().unwrap(), place)
        .vibration(Vibration::Isotropic(rms_displacement));
    Structure::new(Vector3::new(8.0, 6.0, height), vec![atom]).unwrap()
}

fn simulation(structure: &Structure, motion: AtomicMotion) -> Simulation {
    tilted(structure, motion, Tilt::default())
}

fn tilted(structure: &Structure, motion: AtomicMotion, tilt: Tilt) -> Simulation {
    let multislice = Multislice::new(structure, beam(), SAMPLING).unwrap();
    multislice.motion(motion).tilt(tilt).build().unwrap()
}

fn frozen(configurations: usize) -> AtomicMotion {
    let seed = Seed(4);
    AtomicMotion::FrozenPhonons {
        configurations,
        seed,
    }
}

fn probe() -> Probe {
    Probe::new(beam(), 14.8, "C10=-30".parse().unwrap()).unwrap()
}

fn around_the_atom() -> Vec<Point> {
    let places = [(0.0, 0.0), (0.3, 0.0), (-0.4, 0.5), (0.2, -1.1), (2.5, 3.2)];
    places.map(|(y, x)| Point::new(3.0 + y, 4.0 + x)).to_vec()
}

fn centre_of_mass(simulation: &Simulation) -> [Detector; 2] {
    Detector::centre_of_mass(simulation.largest_angle_mrad()).unwrap()
}

#[test]
fn segments_of_a_ring_add_up_to_the_ring() {
    let simulation = simulation(&lone_atom("Au", 0.08, 2.0), frozen(2));
    let ring = AnnularDetector::new(12.0, 45.0).unwrap();
    let scan = |detectors: &[Detector]| {
        simulation
            .scan(&probe(), &around_the_atom(), detectors)
            .unwrap()
    };
    let whole = scan(&[ring.into()]);
    for count in [1, 3, 4, 16] {
        let parts = scan(&ring.segments(count, 0.3).unwrap());
        let sum = parts.sum_axis(Axis(0));
        for (sum, whole) in sum.iter().zip(&whole) {
            assert!((sum - whole).abs() < 1e-6 * whole, "{count}: {sum} {whole}");
        }
        let least = parts.iter().fold(f64::MAX, |a, b| a.min(*b));
        assert!(least > 1e-6, "{count}: every segment sees some electrons");
    }
}

#[test]
fn in_vacuum_the_centre_of_mass_is_the_tilt_of_the_beam() {
    // tilts that are frequencies of the box: the tilted aperture then holds the same plane waves
    let empty = Structure::new(Vector3::new(8.0, 6.0, 20.0), vec![]).unwrap();
    let simulation = simulation(&empty, AtomicMotion::Still);
    let step = |length: f64| 1e3 * beam().wavelength() / length;
    for (ny, nx) in [(0.0, 0.0), (3.0, -2.0), (-1.0, 5.0)] {
        let (y, x) = (ny * step(6.0), nx * step(8.0));
        let tilted = Probe::new(beam(), 14.8, Aberrations::default()).unwrap();
        let tilted = tilted.with_tilt(Tilt::new(y, x).unwrap());
        let found = simulation
            .scan(&tilted, &around_the_atom(), &centre_of_mass(&simulation))
            .unwrap();
        for (axis, expected) in [(0, y), (1, x)] {
            for found in found.index_axis(Axis(0), axis) {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }
}

#[test]
fn differential_phase_contrast_points_to_the_atom_and_changes_sign_with_the_side() {
    let simulation = simulation(&lone_atom("Mo", 0.0, 2.0), AtomicMotion::Still);
    let ring = AnnularDetector::new(5.0, 30.0).unwrap();
    let mut detectors = centre_of_mass(&simulation).to_vec();
    detectors.extend(ring.segments(4, TAU / 8.0).unwrap());
    let scan = |places: &[Point]| simulation.scan(&probe(), places, &detectors).unwrap();
    let middle = Point::new(3.0, 4.0);
    let here = around_the_atom();
    let opposite: Vec<_> = here.iter().map(|p| middle + (middle - *p)).collect();
    let (here, opposite) = (scan(&here), scan(&opposite));
    for position in 0..5 {
        let value = |scan: &ndarray::Array3<f64>, detector| scan[[detector, 0, position]];
        for axis in 0..2 {
            let (a, b) = (value(&here, axis), value(&opposite, axis));
            assert!((a + b).abs() < 2e-5, "{a} {b}");
        }
        for segment in 0..4 {
            let (a, b) = (
                value(&here, 2 + segment),
                value(&opposite, 2 + (segment + 2) % 4),
            );
            assert!((a - b).abs() < 2e-6, "{a} {b}");
        }
    }
    assert!(here[[0, 0, 1]] < -0.5 && here[[1, 0, 3]] > 0.05); // towards smaller y, larger x
}

#[test]
fn behind_a_phase_object_the_centre_of_mass_is_the_mean_slope_of_the_phase() {
    // ⟨k⟩ = σ/2π ∫|ψ|² ∇v (K. Müller et al., Nat. Commun. 5 (2014) 5653); the atom blurred so strongly that nothing is
    // scattered beyond the circle
    let structure = lone_atom("C", 0.3, 0.1);
    let multislice = Multislice::new(&structure, beam(), SAMPLING)
        .unwrap()
        .motion(AtomicMotion::DebyeWaller);
    let potential = multislice.projected_potential(0).unwrap();
    let simulation = multislice.build().unwrap();
    let grid = simulation.grid();
    let intensity = probe().intensity(grid).unwrap(); // centred at [36, 48]
    for (row, column) in [(36, 48), (40, 48), (33, 53), (10, 80)] {
        let place = Point::new(row as f64 * grid.pixel_y, column as f64 * grid.pixel_x);
        let found = simulation
            .scan(&probe(), &[place], &centre_of_mass(&simulation))
            .unwrap();
        let (mut along_y, mut along_x) = (0.0, 0.0);
        for ((y, x), share) in intensity.indexed_iter() {
            let at = |dy: usize, dx: usize| {
                potential[[(y + row + 36 + dy) % 72, (x + column + 48 + dx) % 96]]
            };
            // fourth-order differences
            let slope = |one: f64, two: f64, pixel: f64| (8.0 * one - two) / (12.0 * pixel);
            along_y += share * slope(at(1, 0) - at(71, 0), at(2, 0) - at(70, 0), grid.pixel_y);
            along_x += share * slope(at(0, 1) - at(0, 95), at(0, 2) - at(0, 94), grid.pixel_x);
        }
        let factor = 1e3 * beam().wavelength() * beam().interaction() / TAU;
        let factor = factor * grid.pixel_y * grid.pixel_x;
        for (axis, expected) in [factor * along_y, factor * along_x].into_iter().enumerate() {
            let found = found[[axis, 0, 0]];
            assert!(
                (found - expected).abs() < 2e-3 * expected.abs().max(0.1),
                "{found} {expected}"
            );
        }
    }
}

fn record(simulation: &Simulation, foci: &[Focus], patterns: PixelatedDetector) -> Recording {
    let ring = AnnularDetector::new(0.0, 30.0).unwrap();
    let mut detectors = vec![ring.into()];
    detectors.extend(Detector::centre_of_mass(30.0).unwrap());
    let recorder = Recorder {
        detectors,
        patterns: Some(patterns),
    };
    simulation
        .record(&probe(), foci, &around_the_atom(), &recorder)
        .unwrap()
}

#[test]
fn patterns_hold_what_the_detectors_saw() {
    let simulation = simulation(&lone_atom("Mo", 0.1, 4.0), frozen(3));
    let largest = simulation.largest_angle_mrad();
    let camera = |outer, bin| PixelatedDetector::new(outer, bin).unwrap();
    let fine = record(&simulation, &[Focus::SHARP], camera(largest, 1));
    let patterns = fine.patterns.as_ref().unwrap();
    let [y, x] = simulation.pattern_axes(camera(largest, 1)).unwrap();
    let mean = fine.mean();
    for (position, pattern) in patterns.outer_iter().enumerate() {
        let mut sums = [0.0; 3];
        for ((row, column), share) in pattern.indexed_iter() {
            let (y, x, share) = (y.places[row], x.places[column], f64::from(*share));
            if y.hypot(x) < 30.0 {
                sums[0] += share;
                sums[1] += y * share;
                sums[2] += x * share;
            }
        }
        for (detector, sum) in sums.into_iter().enumerate() {
            let found = mean[[detector, 0, position]];
            assert!((found - sum).abs() < 2e-5, "{detector}: {found} {sum}");
        }
        let flux: f64 = pattern.iter().map(|share| f64::from(*share)).sum();
        assert!((0.99..1.00001).contains(&flux), "{flux}");
    }
    // coarser pixels hold the sums of finer ones
    let coarse = record(&simulation, &[Focus::SHARP], camera(40.0, 3));
    let coarse = coarse.patterns.unwrap();
    let [coarse_y, _] = simulation.pattern_axes(camera(40.0, 3)).unwrap();
    let first = y
        .places
        .iter()
        .position(|place| (place - coarse_y.places[0]).abs() < 1.5 * (y.places[1] - y.places[0]));
    let first = first.unwrap();
    let columns = x.places.len();
    let sums: Vec<f32> = (0..coarse.dim().2)
        .map(|bin| {
            let skipped = (columns - 3 * coarse.dim().2) / 2;
            (0..9)
                .map(|i| patterns[[2, first + i / 3, skipped + 3 * bin + i % 3]])
                .sum()
        })
        .collect();
    for (bin, sum) in sums.iter().enumerate() {
        let found = coarse[[2, 0, bin]];
        assert!((found - sum).abs() < 1e-6 * sum.max(1e-3), "{found} {sum}");
    }
}

#[test]
fn foci_are_averaged_by_weight() {
    let simulation = simulation(&lone_atom("Au", 0.0, 2.0), AtomicMotion::Still);
    let coherence = Coherence {
        focal_spread: FocalSpread::new(40.0).unwrap(),
        source: Source::POINT,
    };
    let foci = coherence.foci(&probe(), 1e-3).unwrap();
    assert!(foci.len() > 1);
    let camera = PixelatedDetector::new(30.0, 1).unwrap();
    let together = record(&simulation, &foci, camera);
    let apart: Vec<_> = (foci.iter())
        .map(|focus| {
            let sharp = Focus {
                weight: 1.0,
                ..*focus
            };
            (focus.weight, record(&simulation, &[sharp], camera))
        })
        .collect();
    for (index, value) in together.signals.indexed_iter() {
        let sum: f64 = apart.iter().map(|(w, one)| w * one.signals[index]).sum();
        assert!((value - sum).abs() < 1e-14);
    }
    let (one, all) = (&apart[0].1, &together);
    assert!((one.signals[[0, 0, 0, 0]] - all.signals[[0, 0, 0, 0]]).abs() > 1e-3);
    let (one, all) = (one.patterns.as_ref(), all.patterns.as_ref());
    assert_ne!(one, all);
}

#[test]
fn the_standard_error_of_the_phonon_average_is_honest() {
    // the mean of 40 sets lies within some standard errors of that of another 40
    let structure = lone_atom("Au", 0.12, 2.0);
    let haadf = [AnnularDetector::new(40.0, 70.0).unwrap().into()];
    let recorder = Recorder {
        detectors: haadf.to_vec(),
        patterns: None,
    };
    let recorded = |seed| {
        let motion = AtomicMotion::FrozenPhonons {
            configurations: 40,
            seed: Seed(seed),
        };
        let simulation = simulation(&structure, motion);
        simulation
            .record(
                &probe(),
                &[Focus::SHARP],
                &around_the_atom()[..2],
                &recorder,
            )
            .unwrap()
    };
    let (first, second) = (recorded(1), recorded(2));
    let errors = [&first, &second].map(|r| r.standard_error().unwrap());
    for ((index, a), b) in first.mean().indexed_iter().zip(&second.mean()) {
        let spread = errors[0][index].hypot(errors[1][index]);
        let relative = spread / a;
        assert!((a - b).abs() < 4.0 * spread, "{a} {b} {spread}");
        assert!((0.005..0.2).contains(&relative), "{relative}");
    }
    // and what it is, from the numbers themselves
    let values: Vec<f64> = first.signals.iter().step_by(2).copied().collect();
    assert_eq!(values.len(), 40);
    let mean = values.iter().sum::<f64>() / 40.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 39.0;
    let error = errors[0][[0, 0, 0]];
    assert!((error / (variance / 40.0).sqrt() - 1.0).abs() < 1e-12);
    let still = simulation(&structure, AtomicMotion::Still);
    let alone = still.record(&probe(), &[Focus::SHARP], &around_the_atom(), &recorder);
    assert!(alone.unwrap().standard_error().is_none());
}

#[test]
fn recordings_do_not_depend_on_the_number_of_threads() {
    let recorded = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let simulation = simulation(&lone_atom("Mo", 0.1, 4.0), frozen(3));
            let foci = FocalSpread::new(30.0).unwrap().foci(3).unwrap();
            record(&simulation, &foci, PixelatedDetector::new(40.0, 2).unwrap())
        })
    };
    assert_eq!(recorded(1), recorded(3));
}

#[test]
fn a_tilted_specimen_is_the_tilted_beam_seen_along_it() {
    // ψ = exp(2πi k_t·r) φ: with k_t a frequency of the box the patterns differ by a shift of one pixel; blurred atoms are the
    // same on pixels and between them
    let silver = |n: i32| {
        let place = Vector3::new(4.0, 3.0, 2.0 * f64::from(n));
        PlacedAtom::new("Ag".parse().unwrap(), place).vibration(Vibration::Isotropic(0.15))
    };
    let extent = Vector3::new(8.0, 6.0, 40.0);
    let standing = Structure::new(extent, (0..20).map(silver).collect()).unwrap();
    let tilt = Tilt::new(0.0, 1e3 * beam().wavelength() / 8.0).unwrap(); // 3.1 mrad
    let other_way = Tilt::new(0.0, -tilt.x_mrad()).unwrap();
    let pattern = |specimen: Tilt, probe: &Probe| {
        let recorder = Recorder {
            detectors: vec![],
            patterns: Some(PixelatedDetector::new(40.0, 1).unwrap()),
        };
        let place = [Point::new(3.0, 3.8)];
        let simulation = tilted(&standing, AtomicMotion::DebyeWaller, specimen);
        let recording = simulation.record(probe, &[Focus::SHARP], &place, &recorder);
        recording.unwrap().patterns.unwrap()
    };
    let sharp = Probe::new(beam(), 14.8, Aberrations::default()).unwrap();
    let expected = pattern(Tilt::default(), &sharp.clone().with_tilt(tilt));
    // both without the column that the shift leaves empty
    let distance = |found: &ndarray::Array3<f32>| {
        let columns = found.dim().2;
        let pairs = found
            .indexed_iter()
            .filter(|((_, _, column), _)| column + 1 < columns);
        let differences = pairs.map(|((p, row, column), share)| {
            f64::from((share - expected[[p, row, column + 1]]).abs())
        });
        differences.sum::<f64>()
    };
    let same = distance(&pattern(tilt, &sharp));
    let straight = distance(&pattern(Tilt::default(), &sharp));
    let opposite = distance(&pattern(other_way, &sharp));
    assert!(
        same < 0.01 && straight > 0.05 && opposite > straight,
        "{same} {straight} {opposite}"
    );
}

#[test]
fn what_cannot_be_recorded_is_refused_by_name() {
    let simulation = simulation(&lone_atom("Mo", 0.0, 2.0), AtomicMotion::Still);
    let ring: Detector = AnnularDetector::new(0.0, 30.0).unwrap().into();
    let refused = |foci: &[Focus], recorder: &Recorder| {
        let here = [Point::default()];
        let error = simulation.record(&probe(), foci, &here, recorder);
        error.unwrap_err().to_string()
    };
    let recorder = Recorder {
        detectors: vec![ring],
        patterns: None,
    };
    assert!(refused(&[], &recorder).starts_with("foci"));
    let half = Focus {
        offset: 0.0,
        weight: 0.5,
    };
    assert!(refused(&[half], &recorder).contains("add up to 1"));
    let unknown = Focus {
        offset: f64::NAN,
        weight: 1.0,
    };
    assert!(refused(&[unknown], &recorder).contains("NaN"));
    assert!(refused(&[Focus::SHARP], &Recorder::default()).starts_with("detectors"));
    let wide = Recorder {
        patterns: Some(PixelatedDetector::new(500.0, 1).unwrap()),
        ..recorder.clone()
    };
    assert!(refused(&[Focus::SHARP], &wide).contains("angles up to 500 mrad"));
    let structure = lone_atom("Mo", 0.0, 4.0);
    let two = Multislice::new(&structure, beam(), SAMPLING)
        .unwrap()
        .exit_thicknesses(&[2.0, 4.0])
        .build()
        .unwrap();
    let patterns = Recorder {
        patterns: Some(PixelatedDetector::new(20.0, 1).unwrap()),
        ..recorder
    };
    let error = two.record(&probe(), &[Focus::SHARP], &[Point::default()], &patterns);
    assert!(error.unwrap_err().to_string().contains("2 exit planes"));
}
