//! Probes against intensities computed elsewhere (`tests/reference/stem_probe.py`), conservation laws, and bad input.

use dosewise::stem::{Aberration, Aberrations, AnnularDetector, Beam, Grid, Probe};
use ndarray::Array2;
use proptest::prelude::*;
use serde_json::Value;

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap()
}

fn aberrations(case: &Value) -> Aberrations {
    let list = case["aberrations"].as_array().unwrap();
    let terms = list.iter().map(|term| Aberration {
        order: term[0].as_u64().unwrap() as u32,
        symmetry: term[1].as_u64().unwrap() as u32,
        magnitude: term[2].as_f64().unwrap(),
        angle: term[3].as_f64().unwrap(),
    });
    Aberrations::new(terms.collect()).unwrap()
}

/// Intensity normalised to a sum of 1, `[row = y, column = x]`.
fn normalised(probe: &Probe, grid: Grid) -> Array2<f64> {
    let intensity = probe.intensity(grid).unwrap();
    let electrons = intensity.sum() * grid.pixel_y * grid.pixel_x;
    assert!((electrons - 1.0).abs() < 1e-12, "{electrons}");
    intensity * (grid.pixel_y * grid.pixel_x)
}

#[test]
fn probes_agree_with_numpy_and_abtem() {
    let cases: Value = serde_json::from_str(include_str!("reference/stem_probe.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let name = &case["name"];
        let beam = Beam::new(number(case, "energy_kev")).unwrap();
        let probe = Probe::new(beam, number(case, "semiangle_mrad"), aberrations(case)).unwrap();
        let grid = Grid {
            rows: number(case, "rows") as usize,
            columns: number(case, "columns") as usize,
            pixel_y: number(case, "pixel_y"),
            pixel_x: number(case, "pixel_x"),
        };
        let intensity = normalised(&probe, grid);
        let peak = intensity.iter().fold(0.0, |a: f64, b| a.max(*b));
        assert!((peak / number(case, "peak") - 1.0).abs() < 1e-9, "{name}");
        let (centre_y, centre_x) = (grid.rows as isize / 2, grid.columns as isize / 2);

        // The reference is indexed [x, y].
        let stride = number(case, "stride") as isize;
        let lines = case["samples"].as_array().unwrap();
        let mut worst: f64 = 0.0;
        for (i, line) in (-8_isize..).zip(lines) {
            for (j, expected) in (-8_isize..).zip(line.as_array().unwrap()) {
                let place = [
                    (centre_y + stride * j) as usize,
                    (centre_x + stride * i) as usize,
                ];
                worst = worst.max((intensity[place] / peak - expected.as_f64().unwrap()).abs());
            }
        }
        assert!(worst < 1e-9, "{name}: {worst:e} of the peak");

        let (mut square, mut wave, mut mean_x, mut mean_y) = (0.0, 0.0, 0.0, 0.0);
        for ((row, column), value) in intensity.indexed_iter() {
            let y = (row as isize - centre_y) as f64 * grid.pixel_y;
            let x = (column as isize - centre_x) as f64 * grid.pixel_x;
            let near = (-(x * x + y * y) / 8.0).exp();
            square += value * value;
            wave += value * (0.7 * x - 1.3 * y + 0.4).cos();
            mean_x += value * near * x;
            mean_y += value * near * y;
        }
        let moments = &case["moments"];
        assert!((square / number(moments, "square") - 1.0).abs() < 1e-9);
        assert!((wave - number(moments, "wave")).abs() < 1e-9);
        assert!((mean_x - number(moments, "x")).abs() < 1e-9);
        assert!((mean_y - number(moments, "y")).abs() < 1e-9);
        assert!(number(case, "abtem_difference") < 1e-8, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any lens keeps the one electron, and no lens makes the centre brighter than none at all.
    #[test]
    fn one_electron_on_every_grid(
        rows in 20_usize..70,
        columns in 20_usize..70,
        pixel_y in 0.05_f64..0.4,
        pixel_x in 0.05_f64..0.4,
        coma in -2e3_f64..2e3,
        defocus in -500_f64..500.0,
        angle in -10.0_f64..10.0,
    ) {
        let term = |order, symmetry, magnitude| Aberration { order, symmetry, magnitude, angle };
        let lens = Aberrations::new(vec![term(1, 0, defocus), term(2, 1, coma)]).unwrap();
        let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, lens).unwrap();
        let grid = Grid { rows, columns, pixel_y, pixel_x };
        let wave = probe.wave(grid).unwrap();
        let electrons: f64 = wave.iter().map(|z| z.norm_sqr()).sum::<f64>() * pixel_y * pixel_x;
        prop_assert!((electrons - 1.0).abs() < 1e-12);
        // Parseval: the same plane waves without aberrations carry the same mean amplitude squared.
        let ideal = Probe::new(Beam::new(80.0).unwrap(), 30.0, Aberrations::default()).unwrap();
        let centre = [rows / 2, columns / 2];
        let brightest = ideal.intensity(grid).unwrap()[centre];
        // Peak of the ideal probe = number of plane waves over the area of the grid.
        let waves = brightest * (rows as f64 * pixel_y) * (columns as f64 * pixel_x);
        prop_assert!((waves - waves.round()).abs() < 1e-6);
        prop_assert!(wave.iter().all(|z| z.norm_sqr() <= brightest * (1.0 + 1e-12)));
    }

    /// Turning every aberration by 90° turns the probe by 90° from x towards y.
    #[test]
    fn orientation_runs_from_x_towards_y(magnitude in 50.0_f64..400.0, angle in -3.0_f64..3.0) {
        let at = |turn: f64| {
            let term = Aberration { order: 2, symmetry: 1, magnitude, angle: angle + turn };
            let lens = Aberrations::new(vec![term]).unwrap();
            let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, lens).unwrap();
            probe.intensity(Grid::square(65, 0.2)).unwrap()
        };
        let (straight, turned) = (at(0.0), at(std::f64::consts::FRAC_PI_2));
        let c = 32_isize;
        for y in -20_isize..=20 {
            for x in -20_isize..=20 {
                let before = straight[[(c + y) as usize, (c + x) as usize]];
                let after = turned[[(c + x) as usize, (c - y) as usize]];
                prop_assert!((before - after).abs() < 1e-10);
            }
        }
    }
}

#[test]
fn coma_throws_its_tail_against_its_axis() {
    // Rays land at r = ∇χ/2π, where the phase 2πk·r − χ of ψ is stationary: for C21 > 0 at angle 0 at x ∝ 3kx² + ky² ≥ 0.
    let term = Aberration {
        order: 2,
        symmetry: 1,
        magnitude: 2e3,
        angle: 0.0,
    };
    let lens = Aberrations::new(vec![term]).unwrap();
    let probe = Probe::new(Beam::new(80.0).unwrap(), 30.0, lens).unwrap();
    let intensity = probe.intensity(Grid::square(256, 0.1)).unwrap();
    let mut right = 0.0;
    for ((_, column), value) in intensity.indexed_iter() {
        right += if column > 128 { *value * 0.01 } else { 0.0 };
    }
    assert!(right > 0.85, "{right}");
}

#[test]
fn bad_input_is_refused_by_name() {
    let wrong = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0];
    let beam = Beam::new(80.0).unwrap();
    for semiangle in wrong.into_iter().chain([0.09, 200.1, 1e300]) {
        let error = Probe::new(beam, semiangle, Aberrations::default()).unwrap_err();
        assert!(error.to_string().contains("semiangle_mrad"), "{error}");
    }
    let probe = Probe::new(beam, 30.0, Aberrations::default()).unwrap();
    let good = Grid::square(64, 0.2);
    for pixel in wrong.into_iter().chain([1e-7, 1e7, 1e-300, 1e300]) {
        for grid in [
            Grid {
                pixel_y: pixel,
                ..good
            },
            Grid {
                pixel_x: pixel,
                ..good
            },
        ] {
            let error = probe.wave(grid).unwrap_err().to_string();
            assert!(error.contains("grid"), "{error}");
        }
    }
    for (rows, columns) in [
        (0, 64),
        (64, 0),
        (usize::MAX, 2),
        (usize::MAX, usize::MAX),
        (1 << 14, 1 << 13),
    ] {
        let grid = Grid {
            rows,
            columns,
            ..good
        };
        assert!(probe.intensity(grid).is_err(), "{rows} × {columns}");
    }
    // α/λ = 0.718 1/Å needs pixels of 0.696 Å or less, in both directions.
    assert!(probe.wave(Grid::square(64, 0.69)).is_ok());
    let oblong = Grid {
        pixel_x: 0.70,
        ..good
    };
    let error = probe.wave(oblong).unwrap_err().to_string();
    assert!(error.contains("at most 0.6960 Å"), "{error}");
    // The smallest grids hold the undiffracted plane wave alone.
    for (rows, columns) in [(1, 1), (1, 7), (2, 1)] {
        let grid = Grid {
            rows,
            columns,
            ..good
        };
        let electrons = probe.intensity(grid).unwrap().sum() * 0.04;
        assert!((electrons - 1.0).abs() < 1e-12);
    }
}

#[test]
fn bad_aberrations_are_refused_by_name() {
    let term = |order, symmetry, magnitude, angle| Aberration {
        order,
        symmetry,
        magnitude,
        angle,
    };
    for bad in [f64::NAN, f64::INFINITY, -1.1e10] {
        let error = Aberrations::new(vec![term(1, 2, bad, 0.0)]).unwrap_err();
        assert!(error.to_string().starts_with("C12"), "{error}");
    }
    for angle in [f64::NAN, f64::NEG_INFINITY, 1e308, -1e7] {
        assert!(Aberrations::new(vec![term(5, 6, 1.0, angle)]).is_err());
    }
    for (order, symmetry) in [(0, 0), (0, 1), (1, 1), (2, 0), (6, 1), (u32::MAX, u32::MAX)] {
        assert!(Aberrations::new(vec![term(order, symmetry, 1.0, 0.0)]).is_err());
    }
    let twice = Aberrations::new(vec![term(3, 0, 1.0, 0.0), term(3, 0, 2.0, 0.0)]);
    assert!(twice.unwrap_err().to_string().contains("C30 twice"));
    // The largest that are accepted still give finite numbers.
    let wild = Aberrations::new(vec![term(5, 6, 1e10, 1e6), term(1, 0, -1e10, 0.0)]).unwrap();
    let probe = Probe::new(Beam::new(1.0).unwrap(), 200.0, wild).unwrap();
    let intensity = probe.intensity(Grid::square(32, 0.5)).unwrap();
    assert!(intensity.iter().all(|value| value.is_finite()));
}

#[test]
fn bad_annuli_are_refused_by_name() {
    for inner in [f64::NAN, f64::NEG_INFINITY, -0.1, 1000.1] {
        let error = AnnularDetector::new(inner, 2000.0).unwrap_err().to_string();
        assert!(error.contains("inner_mrad"), "{error}");
    }
    for outer in [f64::NAN, f64::INFINITY, 60.0, 59.0, 1000.1] {
        let error = AnnularDetector::new(60.0, outer).unwrap_err().to_string();
        assert!(error.contains("outer_mrad"), "{error}");
    }
    let detector = AnnularDetector::new(0.0, 1000.0).unwrap();
    let beam = Beam::new(200.0).unwrap();
    let (inner, outer) = detector.spatial_frequencies(beam);
    assert_eq!(inner, 0.0);
    assert!((outer * beam.wavelength() - 1.0).abs() < 1e-14);
}
