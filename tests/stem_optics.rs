//! Aberrations, apertures, tilts and partial coherence against numbers computed elsewhere
//! (`tests/reference/stem_optics.py`) and against their own symmetries.

use dosewise::stem::{
    Aberration, Aberrations, ApertureEdge, Beam, Coherence, Edges, FocalSpread, Grid, Probe,
    Source, Tilt, scherzer_defocus,
};
use ndarray::Array2;
use proptest::prelude::*;
use rustfft::num_complex::Complex64;
use serde_json::Value;
use std::f64::consts::PI;

const NAMES: [&str; 14] = [
    "C10", "C12", "C21", "C23", "C30", "C32", "C34", "C41", "C43", "C45", "C50", "C52", "C54",
    "C56",
];

fn reference() -> Value {
    serde_json::from_str(include_str!("reference/stem_optics.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|number| number.as_f64().unwrap()).collect()
}

fn spread(case: &Value, key: &str) -> FocalSpread {
    FocalSpread::new(case[key].as_f64().unwrap_or(0.0)).unwrap()
}

fn probe(case: &Value) -> Probe {
    let beam = Beam::new(case["kev"].as_f64().unwrap()).unwrap();
    let lens = case["lens"].as_str().unwrap().parse().unwrap();
    let edge = match &case["edge"] {
        Value::String(_) => ApertureEdge::AntiAliased,
        Value::Number(width) => ApertureEdge::Soft {
            width_mrad: width.as_f64().unwrap(),
        },
        _ => ApertureEdge::Hard,
    };
    let tilt = match &case["tilt"] {
        Value::Null => Tilt::default(),
        tilt => Tilt::new(numbers(tilt)[1], numbers(tilt)[0]).unwrap(),
    };
    Probe::new(beam, case["semiangle"].as_f64().unwrap(), lens)
        .unwrap()
        .with_edge(edge)
        .unwrap()
        .with_tilt(tilt)
        .with_envelope(spread(case, "envelope"))
}

#[test]
fn partially_coherent_probes_agree_with_numpy_and_abtem() {
    let reference = reference();
    let mut largest: f64 = 0.0;
    for case in reference["cases"].as_array().unwrap() {
        let (shape, pixel) = (numbers(&case["shape"]), numbers(&case["pixel"]));
        let grid = Grid {
            rows: shape[1] as usize,
            columns: shape[0] as usize,
            pixel_y: pixel[1],
            pixel_x: pixel[0],
        };
        let coherence = Coherence {
            focal_spread: spread(case, "spread"),
            source: Source::gaussian_sigma(case["sigma"].as_f64().unwrap_or(0.0)).unwrap(),
        };
        let intensity = coherence.intensity(&probe(case), grid, 1e-12).unwrap();
        let electrons = intensity.sum() * grid.pixel_y * grid.pixel_x;
        assert!((electrons - 1.0).abs() < 1e-12, "{electrons}");
        // The reference is indexed [x, y] and has a sum of 1.
        let peak = case["peak"].as_f64().unwrap() / (grid.pixel_y * grid.pixel_x);
        let (xs, ys) = (numbers(&case["picked"][0]), numbers(&case["picked"][1]));
        for (x, line) in xs.iter().zip(case["samples"].as_array().unwrap()) {
            for (y, expected) in ys.iter().zip(numbers(line)) {
                let found = intensity[[*y as usize, *x as usize]] / peak;
                largest = largest.max((found - expected).abs());
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{case}: {found} {expected}"
                );
            }
        }
        if let Some(difference) = case["abtem_difference"].as_f64() {
            assert!(difference < 1e-7, "{case}"); // constants of another year
        }
    }
    println!("largest difference to numpy {largest:.1e} of the peak");
}

#[test]
fn tilted_propagation_tails_and_scherzer_agree_with_numbers_made_elsewhere() {
    let reference = reference();
    let propagator = &reference["propagator"];
    let tilt = numbers(&propagator["tilt"]);
    let tilt = Tilt::new(tilt[1], tilt[0]).unwrap();
    let distance = propagator["distance"].as_f64().unwrap();
    for factor in propagator["factors"].as_array().unwrap() {
        let [kx, ky, re, im] = numbers(factor)[..] else {
            panic!("four numbers");
        };
        let (sine, cosine) = tilt.propagation_phase(ky, kx, distance).sin_cos();
        assert!((cosine - re).abs() < 1e-12 && (sine - im).abs() < 1e-12);
    }
    let tail = &reference["tail"];
    let source = Source::POINT.with_tail(1.0, tail["fwhm"].as_f64().unwrap());
    for pair in tail["transfer"].as_array().unwrap() {
        let pair = numbers(pair);
        assert!((source.as_ref().unwrap().transfer(pair[0]) - pair[1]).abs() < 1e-12);
    }
    for triple in reference["scherzer"].as_array().unwrap() {
        let triple = numbers(triple);
        let found = scherzer_defocus(triple[1], Beam::new(triple[0]).unwrap()).unwrap();
        assert!((found / triple[2] - 1.0).abs() < 1e-7);
    }
}

fn any_lens() -> impl Strategy<Value = Aberrations> {
    let term = |name: &'static str| {
        prop::option::of((-1e10..1e10_f64, -10.0..10.0_f64)).prop_map(move |values| {
            let round = name.ends_with('0');
            values.map(|(c, angle)| {
                Aberration::new(name, c, if round { 0.0 } else { angle }).unwrap()
            })
        })
    };
    NAMES
        .map(term)
        .prop_map(|terms| Aberrations::new(terms.into_iter().flatten().collect()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn text_comes_back_bit_by_bit(lens in any_lens()) {
        let back: Aberrations = lens.to_string().parse().unwrap();
        prop_assert_eq!(&back, &lens);
        // The Cartesian parts carry the same lens.
        let parts: Vec<String> = lens.terms().iter().map(|term| {
            let (a, b) = term.components();
            let name = term.name();
            if term.symmetry == 0 { format!("{name}={a}") } else { format!("{name}b={b}, {name}a={a}") }
        }).collect();
        let again: Aberrations = parts.join(",").parse().unwrap();
        for (ky, kx) in [(0.1, 0.2), (-0.3, 0.1), (0.0, -0.4)] {
            let (one, other) = (lens.phase(ky, kx, 0.04), again.phase(ky, kx, 0.04));
            let bound: f64 = lens.terms().iter().map(|t| t.magnitude.abs()).sum();
            prop_assert!((one - other).abs() <= 1e-12 * (1.0 + bound));
        }
    }

    /// Nothing that a user may write makes the reader panic, and what it takes it gives back.
    #[test]
    fn any_text_is_read_or_refused(
        junk in "[C0-9ab=@,. eEnif+-]{0,30}",
        head in prop::sample::select(vec!["", "C12=3@", "C34a=", "C56=1e9, "]),
    ) {
        if let Ok(lens) = format!("{head}{junk}").parse::<Aberrations>() {
            prop_assert_eq!(lens.to_string().parse::<Aberrations>().unwrap(), lens);
        }
    }

    /// C_nm has m-fold symmetry, and turns with its angle.
    #[test]
    fn each_aberration_has_its_own_symmetry(
        index in 0_usize..14,
        k in 0.05_f64..0.8,
        azimuth in -3.0_f64..3.0,
        angle in -3.0_f64..3.0,
    ) {
        let round = NAMES[index].ends_with('0');
        let at = |turn: f64, azimuth: f64| {
            let angle = if round { 0.0 } else { angle + turn };
            let lens = Aberrations::default().with(NAMES[index], 1e5, angle).unwrap();
            lens.phase(k * azimuth.sin(), k * azimuth.cos(), 0.04)
        };
        let term = Aberration::new(NAMES[index], 1e5, 0.0).unwrap();
        let scale = 2.0 * PI / 0.04 * 1e5 / f64::from(term.order + 1) * (0.04 * k).powi(term.order as i32 + 1);
        let phase = at(0.0, azimuth);
        prop_assert!((phase - at(0.7, azimuth + 0.7)).abs() < 1e-12 * scale);
        if round {
            prop_assert!((phase - at(0.0, azimuth + 1.0)).abs() < 1e-12 * scale);
        } else {
            let m = f64::from(term.symmetry);
            prop_assert!((phase - at(0.0, azimuth + 2.0 * PI / m)).abs() < 1e-12 * scale);
            prop_assert!((phase + at(0.0, azimuth + PI / m)).abs() < 1e-12 * scale);
        }
    }

    /// In the plane of the aperture and in that of the specimen there is the same one electron, whatever the optics.
    #[test]
    fn one_electron_through_any_edge_tilt_and_envelope(
        width in 0.1_f64..40.0,
        kind in 0_usize..3,
        tilt_y in -20.0_f64..20.0,
        tilt_x in -20.0_f64..20.0,
        spread in 0.0_f64..60.0,
        defocus in -200.0_f64..200.0,
    ) {
        let edge = [ApertureEdge::Hard, ApertureEdge::AntiAliased, ApertureEdge::Soft { width_mrad: width }][kind];
        let lens = Aberrations::default().with("C10", defocus, 0.0).unwrap();
        let probe = Probe::new(Beam::new(80.0).unwrap(), 25.0, lens).unwrap()
            .with_edge(edge).unwrap()
            .with_tilt(Tilt::new(tilt_y, tilt_x).unwrap())
            .with_envelope(FocalSpread::new(spread).unwrap());
        let grid = Grid { rows: 40, columns: 54, pixel_y: 0.25, pixel_x: 0.2 };
        let wave = probe.wave(grid).unwrap();
        let total: f64 = wave.iter().map(|z| z.norm_sqr()).sum::<f64>() * 0.05;
        prop_assert!((total - 1.0).abs() < 1e-12);
        // Parseval, by the plainest sums there are: nothing lies beyond the cutoff.
        let cis = |turns: f64| Complex64::cis(-2.0 * PI * turns);
        let half_pixel = if kind == 1 { 0.05 } else { 0.0 };
        let mut inside = 0.0;
        for m in -20..20 {
            let ky = f64::from(m) / 10.0;
            let down = wave.columns().into_iter().map(|column| -> Complex64 {
                column.iter().enumerate().map(|(row, value)| value * cis(ky * 0.25 * row as f64)).sum()
            }).collect::<Vec<_>>();
            for n in -27..27 {
                let kx = f64::from(n) / 10.8;
                let sum: Complex64 = down.iter().enumerate().map(|(column, value)| value * cis(kx * 0.2 * column as f64)).sum();
                let share = sum.norm_sqr() * 0.05 * 0.05 / (10.0 * 10.8);
                if ky.hypot(kx) > probe.cutoff() + half_pixel {
                    prop_assert!(share < 1e-20, "{} at {} {}", share, ky, kx);
                }
                inside += share;
            }
        }
        prop_assert!((inside - 1.0).abs() < 1e-10, "{}", inside);
    }
}

fn lens() -> Aberrations {
    "C10=-30, C12=15@0.4, C21=300@1.1, C30=5e4".parse().unwrap()
}

fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let peak = b.iter().fold(0.0, |peak: f64, value| peak.max(*value));
    (a - b).iter().fold(0.0, |worst: f64, d| worst.max(d.abs())) / peak
}

#[test]
fn the_sum_over_foci_converges_and_keeps_its_promise() {
    let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, lens()).unwrap();
    let ideal = Probe::new(Beam::new(80.0).unwrap(), 30.0, Aberrations::default()).unwrap();
    let grid = Grid::square(64, 0.2);
    let spread = FocalSpread::new(40.0).unwrap();
    let coherence = Coherence {
        focal_spread: spread,
        ..Coherence::default()
    };
    let exact = coherence.intensity(&probe, grid, 1e-13).unwrap();
    let peak = ideal.intensity(grid).unwrap()[[32, 32]];
    for tolerance in [1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-9] {
        let foci = coherence.foci(&probe, tolerance).unwrap();
        let total: f64 = foci.iter().map(|focus| focus.weight).sum();
        let variance: f64 = (foci.iter())
            .map(|focus| focus.weight * focus.offset.powi(2))
            .sum();
        assert!((total - 1.0).abs() < 1e-13);
        assert!((variance / 1600.0 - 1.0).abs() < 1e-12);
        let sum = coherence.intensity(&probe, grid, tolerance).unwrap();
        let error = (&sum - &exact).iter().fold(0.0, |a: f64, d| a.max(d.abs())) / peak;
        println!(
            "tolerance {tolerance:.0e}: {} foci, error {error:.1e} of the ideal peak",
            foci.len()
        );
        assert!(error <= tolerance, "{tolerance}: {error}");
    }
}

#[test]
fn for_small_spreads_the_envelope_errs_with_the_spread_squared() {
    let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, lens()).unwrap();
    let grid = Grid::square(64, 0.2);
    let errors = [8.0, 4.0, 2.0].map(|standard_deviation| {
        let focal_spread = FocalSpread::new(standard_deviation).unwrap();
        let coherence = Coherence {
            focal_spread,
            ..Coherence::default()
        };
        let sum = coherence.intensity(&probe, grid, 1e-12).unwrap();
        let envelope = probe.clone().with_envelope(focal_spread).intensity(grid);
        difference(&envelope.unwrap(), &sum)
    });
    println!("envelope against sum at 8, 4, 2 Å: {errors:?} of the peak");
    assert!(errors[0] < 0.05, "{errors:?}");
    for pair in errors.windows(2) {
        assert!((3.5..4.5).contains(&(pair[0] / pair[1])), "{errors:?}");
    }
}

#[test]
fn a_tilt_through_a_perfect_lens_leaves_the_intensity() {
    // By a whole number of pixels of k-space the aperture is the same set of waves.
    let beam = Beam::new(80.0).unwrap();
    let grid = Grid::square(128, 0.2);
    let pixel_mrad = 1e3 * beam.wavelength() / 25.6;
    let tilt = Tilt::new(6.0 * pixel_mrad, -4.0 * pixel_mrad).unwrap();
    for edge in [
        ApertureEdge::AntiAliased,
        ApertureEdge::Soft { width_mrad: 5.0 },
    ] {
        let probe = |lens| {
            Probe::new(beam, 25.0, lens)
                .unwrap()
                .with_edge(edge)
                .unwrap()
        };
        let straight = probe(Aberrations::default());
        let tilted = straight.clone().with_tilt(tilt);
        let still = straight.intensity(grid).unwrap();
        assert!(difference(&tilted.intensity(grid).unwrap(), &still) < 1e-11);
        assert!(tilted.cutoff() > straight.cutoff());
        // Out of focus, the tilted beam comes down beside its aim, by C10 θ_t.
        let defocus = Aberrations::default().with("C10", 100.0, 0.0).unwrap();
        let beside = |tilt: Tilt| {
            let intensity = probe(defocus.clone())
                .with_tilt(tilt)
                .intensity(grid)
                .unwrap();
            intensity
                .indexed_iter()
                .fold((0.0, 0.0), |(y, x), ((row, column), value)| {
                    let share = value * 0.04;
                    (
                        y + share * (row as f64 - 64.0) * 0.2,
                        x + share * (column as f64 - 64.0) * 0.2,
                    )
                })
        };
        let (still, moved) = (beside(Tilt::default()), beside(tilt));
        let expected = (0.1 * tilt.y_mrad(), 0.1 * tilt.x_mrad());
        assert!(
            (moved.0 - still.0 - expected.0).abs() < 0.03,
            "{moved:?} {expected:?}"
        );
        assert!(
            (moved.1 - still.1 - expected.1).abs() < 0.03,
            "{moved:?} {expected:?}"
        );
    }
}

#[test]
fn what_the_edges_do_on_a_small_grid() {
    // The middle of a probe from a field of 12.8 Å against one of 64 Å: root mean square of the error of the shape over
    // four semi-angles, and mean error of the peak.
    let beam = Beam::new(80.0).unwrap();
    let errors = |edge| {
        let (mut shape, mut height) = (0.0, 0.0);
        for semiangle in [25.1, 26.3, 27.7, 29.2] {
            let probe = Probe::new(beam, semiangle, Aberrations::default()).unwrap();
            let probe = probe.with_edge(edge).unwrap();
            let small = probe.intensity(Grid::square(64, 0.2)).unwrap();
            let large = probe.intensity(Grid::square(320, 0.2)).unwrap();
            let middle = Array2::from_shape_fn((17, 17), |(r, c)| small[[r + 24, c + 24]]);
            let truth = Array2::from_shape_fn((17, 17), |(r, c)| large[[r + 152, c + 152]]);
            let (peak, true_peak) = (middle[[8, 8]], truth[[8, 8]]);
            shape += difference(&(middle / peak), &(truth / true_peak)).powi(2) / 4.0;
            height += (peak / true_peak - 1.0) / 4.0;
        }
        (shape.sqrt(), height)
    };
    let hard = errors(ApertureEdge::Hard);
    let anti_aliased = errors(ApertureEdge::AntiAliased);
    let soft = errors(ApertureEdge::Soft { width_mrad: 8.0 });
    println!("shape and peak: hard {hard:?}, anti-aliased {anti_aliased:?}, soft {soft:?}");
    assert!(anti_aliased.0 < 0.6 * hard.0 && soft.0 < 0.1 * hard.0);
    // Amplitudes between 0 and 1 carry less than their share of the electrons.
    assert!((0.02..0.06).contains(&anti_aliased.1) && soft.1.abs() < 2e-3);
}

#[test]
fn impossible_optics_are_refused_by_name() {
    let beam = Beam::new(80.0).unwrap();
    let probe = Probe::new(beam, 10.0, Aberrations::default()).unwrap();
    let soft = |width_mrad| probe.clone().with_edge(ApertureEdge::Soft { width_mrad });
    for width in [0.0, -1.0, f64::NAN, 20.1] {
        let error = soft(width).unwrap_err().to_string();
        assert!(error.starts_with("width_mrad"), "{error}");
    }
    // A soft edge and a tilt count for the coarsest pixel: (10 + 5 + 5) mrad.
    let tilted = soft(10.0).unwrap().with_tilt(Tilt::new(3.0, 4.0).unwrap());
    assert!((tilted.cutoff() * beam.wavelength() - 0.020).abs() < 1e-15);
    let coarsest = 0.5 / tilted.cutoff();
    assert!(tilted.wave(Grid::square(64, 0.999 * coarsest)).is_ok());
    assert!(tilted.wave(Grid::square(64, 1.001 * coarsest)).is_err());
    // Two plane waves of a field of 1 Å are 42 mrad apart: a beam tilted by 20 mrad falls between them.
    let between = probe.clone().with_tilt(Tilt::new(20.0, 20.0).unwrap());
    let error = between.wave(Grid::square(4, 0.25)).unwrap_err().to_string();
    assert!(error.contains("tilted aperture"), "{error}");
    let lost = between.with_envelope(FocalSpread::new(1e6).unwrap());
    assert!(lost.wave(Grid::square(16, 0.25)).is_err());
    let far = probe.defocused(9e9).unwrap();
    assert!(far.defocused(2e9).is_err() && far.defocused(f64::NAN).is_err());
    let blurred = Coherence {
        focal_spread: FocalSpread::new(1e5).unwrap(),
        source: Source::POINT,
    };
    let error = blurred
        .intensity(&probe, Grid::square(64, 0.2), 1e-3)
        .unwrap_err();
    assert!(error.to_string().starts_with("focal_spread"), "{error}");
    assert!(
        blurred
            .intensity(&probe, Grid::square(0, 0.2), 1e-3)
            .is_err()
    );
    let image = Array2::from_elem((2, 2), f64::NAN);
    assert!(
        Source::default()
            .blur(&image, 0.1, 0.1, Edges::Periodic)
            .is_err()
    );
}
