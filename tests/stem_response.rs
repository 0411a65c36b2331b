//! Dark-field images of single atoms against independent computations (`tests/reference/stem_response.py`): the same model
//! on another grid, coherent imaging in the first Born approximation, cross-sections, convolutions, and bad input.

use dosewise::stem::{
    Aberration, Aberrations, AnnularDetector, Beam, Element, Grid, IncoherentModel, KERNEL_RADIUS,
    Kernel, PerfectImage, Probe, ScatteringFactor,
};
use dosewise::units::Point;
use serde_json::Value;
use std::sync::OnceLock;

/// One optical setting of the reference: the three worlds, and one with a detector from 80 mrad.
struct Case {
    reference: Value,
    /// Without any blur.
    model: IncoherentModel,
    source: f64,
    thermal: f64,
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn element(symbol: &str) -> Element {
    symbol.parse().unwrap()
}

impl Case {
    fn new(reference: Value) -> Self {
        let list = reference["aberrations"].as_array().unwrap();
        let terms = list.iter().map(|term| Aberration {
            order: term[0].as_u64().unwrap() as u32,
            symmetry: term[1].as_u64().unwrap() as u32,
            magnitude: term[2].as_f64().unwrap(),
            angle: term[3].as_f64().unwrap(),
        });
        let beam = Beam::new(number(&reference, "energy_kev")).unwrap();
        let lens = Aberrations::new(terms.collect()).unwrap();
        let probe = Probe::new(beam, number(&reference, "semiangle_mrad"), lens).unwrap();
        let [inner, outer] = numbers(&reference["detector"]).try_into().unwrap();
        let detector = AnnularDetector::new(inner, outer).unwrap();
        Self {
            model: IncoherentModel::new(probe, detector, 0.0).unwrap(),
            source: number(&reference, "source"),
            thermal: number(&reference, "thermal"),
            reference,
        }
    }

    fn name(&self) -> &str {
        self.reference["name"].as_str().unwrap()
    }

    fn atom(&self, symbol: &str) -> Kernel {
        self.model.atom(element(symbol), 0.0).unwrap()
    }

    fn cross_section(&self, symbol: &str) -> f64 {
        let [inner, outer] = numbers(&self.reference["detector"]).try_into().unwrap();
        ScatteringFactor::lobato(element(symbol))
            .cross_section(self.model.probe().beam(), inner, outer)
            .unwrap()
    }

    /// Reference offsets of the probe from the atom as (dy, dx).
    fn offsets(&self) -> Vec<(f64, f64)> {
        let list = self.reference["offsets"].as_array().unwrap();
        list.iter()
            .map(|p| (p[1].as_f64().unwrap(), p[0].as_f64().unwrap()))
            .collect()
    }

    #[track_caller]
    fn compare(&self, kernel: &Kernel, expected: &Value, peak: f64, tolerance: f64) {
        for ((dy, dx), expected) in self.offsets().into_iter().zip(numbers(expected)) {
            let error = (kernel.at(dy, dx) - expected).abs() / peak;
            let name = self.name();
            assert!(error < tolerance, "{name} ({dy}, {dx}): {error:e}");
        }
    }
}

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let list: Vec<Value> =
            serde_json::from_str(include_str!("reference/stem_response.json")).unwrap();
        list.into_iter().map(Case::new).collect()
    })
}

#[test]
fn kernels_agree_with_the_model_computed_elsewhere() {
    for case in cases() {
        // The staircase edge of the aperture on the box, and the look-up between pixels; blur smooths both.
        let tolerance = if case.source > 0.0 { 1.6e-3 } else { 2.2e-3 };
        let blurred = case.model.with_blur(case.source).unwrap();
        for symbol in ["S", "Mo", "W"] {
            let expected = &case.reference["elements"][symbol]["blurred"];
            let kernel = blurred.atom(element(symbol), case.thermal).unwrap();
            case.compare(&kernel, expected, kernel.at(0.0, 0.0), tolerance);
        }
        let expected = &case.reference["illumination_blurred"];
        let illumination = blurred.illumination();
        let peak = illumination.at(0.0, 0.0);
        case.compare(&illumination, expected, peak, tolerance);
        // Against a continuous aperture, integrated without any grid.
        let illumination = case.model.illumination();
        let expected = &case.reference["illumination"];
        case.compare(&illumination, expected, illumination.at(0.0, 0.0), 2.2e-3);
    }
}

#[test]
fn look_up_between_pixels_agrees_with_the_probe_itself() {
    // A grid of half the pixel on the same box holds the same plane waves: what differs is the interpolation alone.
    for case in cases() {
        let kernel = case.model.illumination();
        let probe = case.model.probe();
        let intensity = probe.intensity(Grid::square(1024, 0.05)).unwrap();
        let peak = kernel.at(0.0, 0.0);
        let mut worst: f64 = 0.0;
        for i in -120_isize..=120 {
            for j in -120_isize..=120 {
                // The place lies at minus the offset of the probe.
                let direct = intensity[[(512 - i) as usize, (512 - j) as usize]];
                let found = kernel.at(i as f64 * 0.05, j as f64 * 0.05);
                if (i * i + j * j) as f64 * 0.0025 < (KERNEL_RADIUS - 1.6).powi(2) {
                    worst = worst.max((found - direct).abs() / peak);
                }
            }
        }
        println!("{}: interpolation {worst:.2e} of the peak", case.name());
        assert!(worst < 1.3e-3, "{}: {worst:e}", case.name());
    }
}

#[test]
fn integrals_are_cross_sections() {
    for case in cases() {
        // The tail beyond the kernel is known to be 1.8 %, and is spread over the disc: nothing is lost.
        assert!((0.9815..0.9825).contains(&number(&case.reference, "inside_8")));
        let illumination = case.model.illumination().integral();
        assert!((illumination - 1.0).abs() < 1e-6, "{illumination}");
        for symbol in ["S", "Mo", "W"] {
            let cross_section = case.cross_section(symbol);
            let expected = number(&case.reference["elements"][symbol], "model_integrated");
            assert!((cross_section / expected - 1.0).abs() < 1e-9);
            let share = case.atom(symbol).integral() / cross_section;
            assert!((share - 1.0).abs() < 1e-6, "{symbol}: {share}");
        }
    }
}

#[test]
fn coherent_imaging_in_the_first_born_approximation_has_the_same_shape() {
    // Figures of the table in the documentation of `IncoherentModel`.
    let on_atom = [
        [0.900, 0.915],
        [0.924, 0.931],
        [0.928, 0.934],
        [0.948, 0.951],
    ];
    let integrated = [
        [0.796, 0.827],
        [0.845, 0.859],
        [0.845, 0.859],
        [0.897, 0.902],
    ];
    for (index, case) in cases().iter().enumerate() {
        let grid = numbers(&case.reference["grid"]);
        for (column, symbol) in ["S", "Mo"].into_iter().enumerate() {
            let kernel = case.atom(symbol);
            let reference = &case.reference["elements"][symbol];
            let born = numbers(&reference["born"]);
            let (model_peak, born_peak) = (kernel.at(0.0, 0.0), number(reference, "born_on_atom"));
            let (mut squares, mut mirrored) = (0.0, 0.0);
            for (i, x) in grid.iter().enumerate() {
                for (j, y) in grid.iter().enumerate() {
                    let expected = born[i * grid.len() + j] / born_peak;
                    squares += (kernel.at(*y, *x) / model_peak - expected).powi(2);
                    mirrored += (kernel.at(-*y, -*x) / model_peak - expected).powi(2);
                }
            }
            let count = born.len() as f64;
            let rms = (squares / count).sqrt();
            let name = case.name();
            println!(
                "{name} {symbol}: on atom {:.4}, integrated {:.4}, shape {rms:.4}, mirrored {:.4}",
                model_peak / born_peak,
                case.cross_section(symbol) / number(reference, "born_integrated"),
                (mirrored / count).sqrt()
            );
            assert!(rms < 5.5e-3, "{name} {symbol}: {rms}");
            let ratio = model_peak / born_peak;
            assert!((ratio - on_atom[index][column]).abs() < 3e-3, "{ratio}");
            let ratio = case.cross_section(symbol) / number(reference, "born_integrated");
            assert!((ratio - integrated[index][column]).abs() < 1e-3, "{ratio}");
            if ["mos2-l2", "mos2-l3"].contains(&name) {
                // Coma and threefold astigmatism tell r from −r.
                assert!((mirrored / count).sqrt() > 3.0 * rms);
            }
        }
    }
}

#[test]
fn ratios_of_kernels_are_ratios_of_cross_sections() {
    for case in cases() {
        let source = case.model.with_blur(case.source).unwrap();
        let kernel = |symbol| source.atom(element(symbol), case.thermal).unwrap();
        let molybdenum = kernel("Mo");
        for symbol in ["S", "W"] {
            let other = kernel(symbol);
            let expected = case.cross_section(symbol) / case.cross_section("Mo");
            let integrated = other.integral() / molybdenum.integral() / expected - 1.0;
            let peak = other.at(0.0, 0.0) / molybdenum.at(0.0, 0.0) / expected - 1.0;
            println!("{} {symbol}/Mo: {integrated:.1e}, {peak:.1e}", case.name());
            assert!(integrated.abs() < 1e-4, "{integrated:e}");
            assert!(peak.abs() < 5e-3, "{peak:e}");
        }
    }
}

#[test]
fn blur_is_a_convolution_with_a_gaussian() {
    for case in &cases()[..3] {
        let sharp = case.atom("Mo");
        let (source, thermal) = (0.25_f64, 0.15_f64);
        let model = case.model.with_blur(source).unwrap();
        let blurred = model.atom(element("Mo"), thermal).unwrap();
        let variance = source * source + thermal * thermal;
        for (dy, dx) in [(0.0, 0.0), (0.4, -0.3), (-1.2, 0.7), (2.5, 2.0)] {
            let mut sum = 0.0;
            for i in -20..=20 {
                for j in -20..=20 {
                    let (y, x) = (f64::from(i) * 0.1, f64::from(j) * 0.1);
                    let weight = (-(y * y + x * x) / (2.0 * variance)).exp();
                    sum += weight * sharp.at(dy - y, dx - x);
                }
            }
            let expected = sum * 0.01 / (2.0 * std::f64::consts::PI * variance);
            let error = (blurred.at(dy, dx) - expected).abs() / sharp.at(0.0, 0.0);
            assert!(error < 1e-6, "({dy}, {dx}): {error:e}");
        }
    }
}

#[test]
fn perfect_image_agrees_with_the_sum_over_atoms_wherever_they_are_given() {
    let case = &cases()[2];
    let model = case.model.with_blur(case.source).unwrap();
    let (mo, s) = (
        model.atom(element("Mo"), 0.06).unwrap(),
        model.atom(element("S"), 0.07).unwrap(),
    );
    let vectors = [Point::new(0.5, 3.12), Point::new(2.95, -1.13)];
    let lattice = |m: f64, n: f64| {
        Point::new(
            m * vectors[0].y + n * vectors[1].y,
            m * vectors[0].x + n * vectors[1].x,
        )
    };
    let (first, second) = (Point::new(0.3, 0.2), Point::new(1.6, 1.1));
    let image = PerfectImage::new(vectors, &[(first, &mo), (second, &s), (second, &s)]).unwrap();
    // The same crystal with its atoms given hundreds of cells away.
    let far = [
        (first + lattice(40.0, -31.0), &mo),
        (second + lattice(-300.0, 7.0), &s),
        (second, &s),
    ];
    let moved = PerfectImage::new(vectors, &far).unwrap();
    let peak = image.at(first);
    let mut worst: f64 = 0.0;
    for index in 0..60 {
        let place = Point::new(
            0.37 * f64::from(index) - 9.0,
            13.0 - 0.71 * f64::from(index),
        );
        let mut sum = 0.0;
        for m in -24..=24 {
            for n in -24..=24 {
                let cell = lattice(f64::from(m), f64::from(n));
                for (atom, kernel) in [(first, &mo), (second, &s), (second, &s)] {
                    sum += kernel.at(place.y - atom.y - cell.y, place.x - atom.x - cell.x);
                }
            }
        }
        worst = worst.max((image.at(place) - sum).abs() / peak);
        assert!((moved.at(place) - image.at(place)).abs() < 1e-9 * peak);
    }
    println!("perfect image: {worst:.1e} of the peak");
    assert!(worst < 2e-4, "{worst:e}");
}

#[test]
fn impossible_models_are_refused_by_name() {
    let beam = Beam::new(80.0).unwrap();
    let sharp = Probe::new(beam, 30.0, Aberrations::default()).unwrap();
    let detector = AnnularDetector::new(60.0, 180.0).unwrap();
    let model = IncoherentModel::new(sharp.clone(), detector, 0.3).unwrap();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 3.1] {
        for error in [
            IncoherentModel::new(sharp.clone(), detector, bad).unwrap_err(),
            model.with_blur(bad).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("blur"), "{error}");
        }
        let error = model.atom(element("S"), bad).unwrap_err();
        assert!(error.to_string().starts_with("u:"), "{error}");
    }
    let inside = AnnularDetector::new(29.9, 180.0).unwrap();
    let error = IncoherentModel::new(sharp.clone(), inside, 0.3).unwrap_err();
    assert!(error.to_string().contains("30.000 mrad"), "{error}");
    assert!(IncoherentModel::new(sharp, AnnularDetector::new(30.1, 180.0).unwrap(), 0.3).is_ok());

    // Fast electrons in a wide cone: the intensity would be finer than the pixels of a kernel.
    let wide = Probe::new(Beam::new(300.0).unwrap(), 60.0, Aberrations::default()).unwrap();
    let error = IncoherentModel::new(wide, detector, 0.3).unwrap_err();
    assert!(error.to_string().contains("at most 2.5 1/Å"), "{error}");

    // A probe that does not fit into the kernel: strong defocus, or an aperture of a few mrad.
    for (semiangle, defocus) in [(30.0, 1000.0), (3.0, 0.0)] {
        let term = Aberration {
            order: 1,
            symmetry: 0,
            magnitude: defocus,
            angle: 0.0,
        };
        let lens = Aberrations::new(vec![term]).unwrap();
        let blurred = Probe::new(beam, semiangle, lens).unwrap();
        let error = IncoherentModel::new(blurred, detector, 0.3).unwrap_err();
        assert!(error.to_string().contains("within 8 Å"), "{error}");
    }
}

#[test]
fn kernels_are_zero_outside_and_for_offsets_that_are_not_numbers() {
    let kernel = cases()[0].atom("Mo");
    for bad in [
        f64::NAN,
        f64::INFINITY,
        1e300,
        KERNEL_RADIUS,
        -KERNEL_RADIUS,
    ] {
        assert_eq!(kernel.at(bad, 0.0), 0.0);
        assert_eq!(kernel.at(0.1, bad), 0.0);
    }
    let rim = kernel.at(KERNEL_RADIUS - 1e-9, 0.0).abs();
    assert!(rim < 1e-8 * kernel.at(0.0, 0.0), "{rim:e}");
}

#[test]
fn impossible_lattices_are_refused_by_name() {
    let kernel = cases()[0].atom("S");
    let good = [Point::new(3.0, 0.0), Point::new(0.0, 3.0)];
    for bad in [
        Point::new(f64::NAN, 1.0),
        Point::new(f64::INFINITY, 1.0),
        Point::new(0.0, 0.0),
        Point::new(0.0, 0.4),
        Point::new(0.0, 200.1),
        Point::new(3.0, 0.2), // nearly parallel
        Point::new(-150.0, 0.5),
    ] {
        let error = PerfectImage::new([good[0], bad], &[]).unwrap_err();
        assert!(error.to_string().starts_with("vectors"), "{error}");
    }
    for bad in [f64::NAN, f64::INFINITY] {
        let error = PerfectImage::new(good, &[(Point::new(0.0, bad), &kernel)]).unwrap_err();
        assert!(error.to_string().starts_with("atoms"), "{error}");
    }
    let image = PerfectImage::new(good, &[(Point::new(0.0, 0.0), &kernel)]).unwrap();
    assert!(image.at(Point::new(f64::NAN, 0.0)).is_nan());
    assert!(image.at(Point::new(1e15, -1e15)).is_finite());
}
