//! Slopes of kernels and of the posterior by the place, against central differences taken here.

mod compositions;

use compositions::{Cosine, composition, places, points};
use dosewise::gp::{
    Categorical, Constant, ExactGp, Kernel, Linear, Matern12, Matern32, Matern52, Mean, Noise,
    Parameter, Periodic, Points, PointsView, Polynomial, RationalQuadratic, Rbf, Surrogate, White,
};
use dosewise::{Error, Result};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

/// The slope of `f` along each coordinate: central differences of two step lengths, extrapolated to none.
fn slopes_of(f: impl Fn(&[f64]) -> f64, point: &[f64]) -> Vec<f64> {
    let central = |c: usize, h: f64| {
        let (mut up, mut down) = (point.to_vec(), point.to_vec());
        up[c] += h;
        down[c] -= h;
        (f(&up) - f(&down)) / (up[c] - down[c])
    };
    let coordinates = 0..point.len();
    coordinates
        .map(|c| (4.0 * central(c, 1e-4) - central(c, 2e-4)) / 3.0)
        .collect()
}

/// Σⱼ weights[j] k(point, others[j]), and the sum of all magnitudes.
fn weighted(kernel: &dyn Kernel, point: &[f64], others: &Points, weights: &[f64]) -> (f64, f64) {
    let mut row = vec![0.0; others.len()];
    kernel.covariances(point, others.view(), &mut row);
    let terms = || row.iter().zip(weights).map(|(k, w)| k * w);
    (terms().sum(), terms().map(f64::abs).sum())
}

/// Both gradients by the point, each started at one to see that it is added to.
fn gradients(
    kernel: &dyn Kernel,
    point: &[f64],
    others: &Points,
    weights: &[f64],
) -> [Vec<f64>; 2] {
    let mut both = [vec![1.0; point.len()], vec![1.0; point.len()]];
    kernel.accumulate_input_gradient(point, others.view(), weights, &mut both[0]);
    kernel.accumulate_variance_gradient(point, 0.7, &mut both[1]);
    both.map(|gradient| gradient.iter().map(|g| g - 1.0).collect())
}

/// Compares both gradients with differences of the kernel.
fn check(kernel: &dyn Kernel, point: &[f64], others: &Points) {
    let weights: Vec<f64> = (0..others.len())
        .map(|j| (j as f64 * 1.7).cos() / 10.0)
        .collect();
    let size = 1.0 + weighted(kernel, point, others, &weights).1 + kernel.variance(point);
    let [by_input, by_variance] = gradients(kernel, point, others, &weights);
    let differences = slopes_of(|x| weighted(kernel, x, others, &weights).0, point);
    for (found, expected) in by_input.iter().zip(&differences) {
        let off = (found - expected).abs();
        assert!(off < 2e-9 * size, "{kernel:?}: {found} against {expected}");
    }
    let differences = slopes_of(|x| 0.7 * kernel.variance(x), point);
    for (found, expected) in by_variance.iter().zip(&differences) {
        let off = (found - expected).abs();
        assert!(off < 2e-9 * size, "{kernel:?}: {found} against {expected}");
    }
}

/// A kernel of which only what every kernel must have is known, so that the defaults of the trait are used.
#[derive(Debug, Clone)]
struct Own(Box<dyn Kernel>);

impl Kernel for Own {
    fn check(&self, dimension: usize) -> Result<()> {
        self.0.check(dimension)
    }
    fn covariances(&self, point: &[f64], others: PointsView<'_>, out: &mut [f64]) {
        self.0.covariances(point, others, out);
    }
    fn variance(&self, point: &[f64]) -> f64 {
        self.0.variance(point)
    }
    fn parameters(&self) -> Vec<Parameter> {
        self.0.parameters()
    }
    fn set_log_parameters(&mut self, values: &[f64]) -> Result<()> {
        self.0.set_log_parameters(values)
    }
    fn accumulate_gradient(
        &self,
        point: &[f64],
        others: PointsView<'_>,
        weights: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        self.0.accumulate_gradient(point, others, weights, gradient)
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

/// A place beside those of [`places`], where no kernel has a kink.
fn beside(all: &Points, index: usize) -> Vec<f64> {
    let mut point = all.view().point(index);
    point[0] += 0.0137;
    point[1] -= 0.0211;
    point
}

#[test]
fn every_kernel_has_the_slopes_of_its_differences() {
    let kernels: Vec<Box<dyn Kernel>> = vec![
        Box::new(Rbf::isotropic(0.7)),
        Box::new(Rbf::ard([0.4, 0.9, 1.3])),
        Box::new(Matern12::isotropic(0.7)),
        Box::new(Matern12::ard([0.4, 0.9, 1.3])),
        Box::new(Matern32::isotropic(0.7)),
        Box::new(Matern32::ard([0.4, 0.9, 1.3])),
        Box::new(Matern52::isotropic(0.7)),
        Box::new(Matern52::ard([0.4, 0.9, 1.3])),
        Box::new(RationalQuadratic::isotropic(0.7, 0.3)),
        Box::new(RationalQuadratic::ard([0.4, 0.9, 1.3], 2.0)),
        Box::new(Periodic::isotropic(0.9, 0.8)),
        Box::new(Periodic::ard([0.8, 1.1, 2.0], [0.7, 1.9, 1.1])),
        Box::new(Linear::isotropic(1.4)),
        Box::new(Linear::ard([1.4, 0.2, 0.5]).with_offset(0.3)),
        Box::new(Polynomial::isotropic(1, 0.8)),
        Box::new(Polynomial::isotropic(3, 0.8).with_offset(0.4)),
        Box::new(Polynomial::ard(2, [0.3, 0.8, 0.1])),
        Box::new(Constant::new(2.0)),
        Box::new(White::new(0.6)),
        Box::new(Categorical::new(3, 0.4).on_columns([2])),
        Box::new(Rbf::ard([0.4, 0.9]).on_columns([1, 0])),
        Box::new(Linear::isotropic(0.5).on_columns([1]).scaled(3.0)),
        Box::new(
            (Linear::isotropic(0.5) * Rbf::isotropic(0.6) + Periodic::isotropic(1.0, 0.5))
                * Matern32::ard([0.4, 0.9, 2.0]),
        ),
        Box::new(
            (Matern52::ard([0.4, 0.9]).on_columns([1, 0])
                * Categorical::new(3, -0.2).on_columns([2])
                + Polynomial::isotropic(2, 0.3)
                    .on_columns([1])
                    .on_columns([2, 0]))
            .scaled(1.7),
        ),
        Box::new(Cosine { period: 0.8 }.on_columns([1]) * Linear::isotropic(0.3)),
    ];
    // Fewer points than a run of a kernel holds, and more.
    for all in [places(5), places(300)] {
        for kernel in &kernels {
            for index in [0, 3] {
                check(kernel.as_ref(), &beside(&all, index), &all);
            }
        }
    }
}

#[test]
fn at_its_own_place_a_kernel_has_the_mean_of_the_slopes_of_both_sides() {
    let all = places(20);
    let point = all.view().point(4);
    let kernels: [Box<dyn Kernel>; 7] = [
        Box::new(Rbf::isotropic(0.7)),
        Box::new(Matern12::isotropic(0.7)),
        Box::new(Matern12::ard([0.7, 1e-3, 1e3]).scaled(2.0)),
        Box::new(Matern32::isotropic(0.7)),
        Box::new(RationalQuadratic::isotropic(0.7, 0.3)),
        Box::new(Periodic::isotropic(0.7, 0.3)),
        Box::new(White::new(0.7)),
    ];
    for kernel in &kernels {
        let alone = Points::from_rows("x", Array2::from_shape_fn((3, 3), |(_, c)| point[c]).view());
        let [by_input, by_variance] =
            gradients(kernel.as_ref(), &point, &alone.unwrap(), &[1e9; 3]);
        assert_eq!(by_input, [0.0; 3], "{kernel:?}");
        assert_eq!(by_variance, [0.0; 3], "{kernel:?}");
    }
    // d/dx (exp(−|x − x′|/ℓ) x x′) at x = x′: nothing from the first factor, x′ from the second.
    let kernel = Matern12::isotropic(0.5) * Linear::isotropic(1.0);
    let own = points(&[vec![0.6]]);
    let [by_input, by_variance] = gradients(&kernel, &[0.6], &own, &[1.0]);
    assert!((by_input[0] - 0.6).abs() < 1e-15);
    assert!((by_variance[0] - 0.7 * 1.2).abs() < 1e-15);
    // Places apart by any length: a number.
    for far in [1e-300, 1e-160, 1e-20, 1e20, 1e146] {
        for kernel in &kernels {
            let [by_input, _] = gradients(kernel.as_ref(), &[0.0], &points(&[vec![far]]), &[1.0]);
            assert!(by_input[0].is_finite(), "{kernel:?} at {far}: {by_input:?}");
        }
    }
}

#[test]
fn surplus_points_and_weights_are_ignored() {
    let all = places(9);
    let point = beside(&all, 2);
    let kernel = (Linear::isotropic(0.4) + RationalQuadratic::isotropic(0.5, 1.0))
        * (Periodic::isotropic(0.7, 2.0) + Polynomial::isotropic(2, 0.3));
    let first = Points::from_rows(
        "x",
        Array2::from_shape_fn((6, 3), |(i, c)| all.view().coordinate(c)[i]).view(),
    )
    .unwrap();
    let expected = gradients(&kernel, &point, &first, &[0.3; 6]);
    assert_eq!(gradients(&kernel, &point, &all, &[0.3; 6]), expected);
    assert_eq!(gradients(&kernel, &point, &first, &[0.3; 9]), expected);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(11),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_compositions_have_the_slopes_of_their_differences(
        kernel in composition(),
        index in 0..150_usize,
    ) {
        let all = places(150);
        check(kernel.as_ref(), &beside(&all, index), &all);
    }

    #[test]
    fn the_default_of_the_trait_agrees_with_the_closed_forms(
        kernel in composition(),
        index in 0..150_usize,
    ) {
        let all = places(150);
        let point = beside(&all, index);
        let weights: Vec<f64> = (0..150).map(|j| (j as f64 * 1.7).cos() / 10.0).collect();
        let size = 1.0 + weighted(kernel.as_ref(), &point, &all, &weights).1 + kernel.variance(&point);
        let closed = gradients(kernel.as_ref(), &point, &all, &weights);
        let default = gradients(&Own(kernel.clone()), &point, &all, &weights);
        for (closed, default) in closed.iter().flatten().zip(default.iter().flatten()) {
            prop_assert!(
                (closed - default).abs() < 1e-6 * size,
                "{:?}: {} in closed form, {} by differences", kernel, closed, default
            );
        }
    }
}

/// Thirty measurements on two plain columns and one of codes.
fn measured(kernel: impl Kernel, noise: Noise, mean: Mean) -> ExactGp {
    let all = places(30);
    let x = Array2::from_shape_fn((30, 3), |(i, c)| all.view().coordinate(c)[i]);
    let y: Vec<f64> = (0..30).map(|i| (i as f64 * 0.9).sin() + 0.5).collect();
    let gp = ExactGp::new(kernel, noise).with_mean(mean);
    gp.condition(&x, &y).unwrap()
}

fn models() -> Vec<ExactGp> {
    let known = || Noise::Known((0..30).map(|i| 0.01 + 0.002 * f64::from(i)).collect());
    let mixed = || {
        Matern52::ard([0.6, 0.9]).on_columns([0, 1]) * Categorical::new(3, 0.5).on_columns([2])
            + Linear::isotropic(0.4).on_columns([1])
    };
    vec![
        measured(Rbf::ard([0.5, 0.8, 2.0]).scaled(1.5), known(), Mean::Zero),
        measured(mixed(), Noise::Homoscedastic(0.05), Mean::Constant(0.4)),
        measured(
            Matern32::isotropic(0.7) + Polynomial::isotropic(2, 0.2).on_columns([0, 1]),
            known(),
            Mean::Linear {
                intercept: 0.3,
                slopes: vec![1.0, -2.0, 0.1],
            },
        ),
        measured(
            RationalQuadratic::isotropic(0.6, 1.2).scaled(0.8),
            Noise::Homoscedastic(0.1),
            Mean::custom("wave", |x| (2.0 * x[0]).sin() * x[1] + 0.1 * x[2] * x[2]),
        ),
        // What is written by the user himself goes through the defaults of the trait.
        measured(Own(Box::new(mixed())), known(), Mean::Fixed(-0.2)),
    ]
}

#[test]
fn slopes_of_the_posterior_are_those_of_its_differences() {
    for gp in models() {
        let all = places(9);
        for index in 0..9 {
            let point = beside(&all, index);
            let slopes = gp.slopes(&point).unwrap();
            let at = |x: &[f64]| {
                // Codes between categories are refused, and slope along them is none.
                let mut x = x.to_vec();
                x[2] = if x[2] == point[2] { x[2] } else { f64::NAN };
                let row = Array1::from(x).insert_axis(ndarray::Axis(0));
                gp.posterior(&row).map(|p| (p.mean()[0], p.variance()[0]))
            };
            let (mean, variance) = at(&point).unwrap();
            assert_eq!((slopes.mean, slopes.variance), (mean, variance));
            let plain = |of: fn((f64, f64)) -> f64| {
                slopes_of(|x| of(at(&[x[0], x[1], point[2]]).unwrap()), &point[..2])
            };
            let (of_mean, of_variance) = (plain(|p| p.0), plain(|p| p.1));
            for c in 0..2 {
                let off = (slopes.of_mean[c] - of_mean[c]).abs();
                assert!(off < 1e-7, "mean, {gp:?} {c}: {off:e}");
                let off = (slopes.of_variance[c] - of_variance[c]).abs();
                assert!(off < 1e-7, "variance, {gp:?} {c}: {off:e}");
            }
        }
    }
}

#[test]
fn along_a_column_of_codes_the_slope_is_zero() {
    let codes = &models()[1];
    let slopes = codes.slopes(&[0.3, 0.2, 1.0]).unwrap();
    assert_eq!((slopes.of_mean[2], slopes.of_variance[2]), (0.0, 0.0));
    assert!(slopes.of_mean[0] != 0.0 && slopes.of_variance[0] != 0.0);
}

#[test]
fn many_places_have_the_slopes_of_each_alone() {
    let all = places(150);
    let rows = Array2::from_shape_fn((150, 3), |(i, c)| all.view().coordinate(c)[i]);
    for gp in models() {
        let together = gp.slopes_at(&rows).unwrap();
        let marginals = gp.marginals(rows.view()).unwrap();
        assert_eq!(together.len(), 150);
        for (i, slopes) in together.iter().enumerate() {
            let alone = gp.slopes(&all.view().point(i)).unwrap();
            assert!((slopes.mean - marginals.mean[i]).abs() < 1e-12);
            assert!((slopes.variance - marginals.variance[i]).abs() < 1e-12);
            let pairs = slopes.of_mean.iter().zip(&alone.of_mean);
            let pairs = pairs.chain(slopes.of_variance.iter().zip(&alone.of_variance));
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-8));
        }
    }
}

#[test]
fn a_prior_has_the_slopes_of_its_mean_and_variance() {
    let trend = Mean::Linear {
        intercept: 0.0,
        slopes: vec![2.0, -1.0],
    };
    let gp = ExactGp::new(Linear::isotropic(0.5), Noise::Homoscedastic(0.1)).with_mean(trend);
    let slopes = gp.slopes(&[3.0, 4.0]).unwrap();
    assert_eq!((slopes.mean, slopes.variance), (2.0, 12.5));
    assert_eq!(slopes.of_mean, [2.0, -1.0]);
    assert_eq!(slopes.of_variance, [3.0, 4.0]);
    assert_eq!(gp.slopes_at(&Array2::zeros((0, 2))).unwrap(), []);
}

#[test]
fn unusable_places_are_refused_by_name() {
    let gp = &models()[1];
    let refused = |point: &[f64], expected: &str| match gp.slopes(point) {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("expected a refusal of {expected}, found {other:?}"),
    };
    refused(&[], "point");
    refused(&[0.1, 0.2], "point");
    refused(&[f64::NAN, 0.2, 1.0], "point");
    refused(&[f64::INFINITY, 0.2, 1.0], "point");
    refused(&[0.1, 0.2, 0.5], "category");
    assert!(gp.slopes_at(&array![[0.1, 0.2]]).is_err());
}
