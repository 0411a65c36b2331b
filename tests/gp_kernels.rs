//! Kernels and their compositions against scikit-learn, finite differences and their own invariants.

mod compositions;

use compositions::{Cosine, composition, places, points};
use dosewise::gp::{
    ActiveDimensions, Autoregressive, Categorical, Constant, ExactGp, FitOptions, Kernel, Linear,
    Matern52, Noise, Periodic, Points, PointsView, Polynomial, Product, RationalQuadratic, Rbf,
    Role, Sum, White,
};
use dosewise::linalg::Cholesky;
use dosewise::{Error, Result};
use ndarray::{Array2, array};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    kernel: Box<dyn Kernel>,
    x: Vec<Vec<f64>>,
    places: Vec<Vec<f64>>,
    /// A lower triangle, with which the gradient of the matrix is contracted.
    weights: Vec<Vec<f64>>,
    matrix: Vec<Vec<f64>>,
    cross: Vec<Vec<f64>>,
    gradient: Vec<f64>,
    slots: Vec<usize>,
}

fn matrix(kernel: &dyn Kernel, a: &Points, b: &Points) -> Vec<f64> {
    let mut out = vec![0.0; a.len() * b.len()];
    kernel.matrix(a.view(), b.view(), &mut out).unwrap();
    out
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: found {found}, expected {expected}"
    );
}

#[test]
fn matrices_and_gradients_equal_scikit_learn() {
    let text = include_str!("reference/gp_kernels.json");
    let reference: Reference = serde_json::from_str(text).unwrap();
    assert_eq!(reference.cases.len(), 15);
    for case in reference.cases {
        let (x, places) = (points(&case.x), points(&case.places));
        let kernel = case.kernel.as_ref();
        let own = matrix(kernel, &x, &x);
        let cross = matrix(kernel, &x, &places);
        for i in 0..x.len() {
            for j in 0..x.len() {
                close(own[i * x.len() + j], case.matrix[i][j], 1e-13, &case.name);
            }
            for j in 0..places.len() {
                close(
                    cross[i * places.len() + j],
                    case.cross[i][j],
                    1e-13,
                    &case.name,
                );
            }
        }
        let mut gradient = vec![0.0; kernel.parameters().len()];
        let mut sum = 0.0;
        for j in 0..x.len() {
            let below: Vec<f64> = (j..x.len()).map(|i| case.weights[i][j]).collect();
            let others = x.view().range(j, x.len());
            sum += kernel.accumulate_gradient(&case.x[j], others, &below, &mut gradient);
        }
        let products = (0..x.len()).flat_map(|i| (0..=i).map(move |j| (i, j)));
        let expected: f64 = products
            .map(|(i, j)| case.weights[i][j] * case.matrix[i][j])
            .sum();
        close(sum, expected, 1e-12, &case.name);
        assert_eq!(case.slots.len(), case.gradient.len());
        for (&slot, &expected) in case.slots.iter().zip(&case.gradient) {
            close(gradient[slot], expected, 1e-9, &case.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2),
        ..ProptestConfig::default()
    })]

    #[test]
    fn gradients_of_random_compositions_equal_finite_differences(
        kernel in composition(),
        index in 0..150_usize,
    ) {
        // More points than fit into one chunk.
        let all = places(150);
        prop_assert!(kernel.check_points(all.view()).is_ok());
        let point = all.view().point(index);
        let weights: Vec<f64> = (0..150).map(|j| (j as f64 * 1.7).cos() / 10.0).collect();
        let weighted = |theta: &[f64]| {
            let mut moved = kernel.clone();
            moved.set_log_parameters(theta).unwrap();
            let mut row = vec![0.0; 150];
            moved.covariances(&point, all.view(), &mut row);
            row.iter().zip(&weights).map(|(k, w)| k * w).sum::<f64>()
        };
        let theta = kernel.log_parameters();
        prop_assert_eq!(theta.len(), kernel.parameter_count());
        // Added to what is there, not written over it.
        let mut gradient = vec![1.0; theta.len()];
        let sum = kernel.accumulate_gradient(&point, all.view(), &weights, &mut gradient);
        let size: f64 = {
            let mut row = vec![0.0; 150];
            kernel.covariances(&point, all.view(), &mut row);
            1.0 + row.iter().zip(&weights).map(|(k, w)| (k * w).abs()).sum::<f64>()
        };
        prop_assert!((sum - weighted(&theta)).abs() < 1e-12 * size);
        for p in 0..theta.len() {
            let central = |h: f64| {
                let (mut up, mut down) = (theta.clone(), theta.clone());
                up[p] += h;
                down[p] -= h;
                (weighted(&up) - weighted(&down)) / (2.0 * h)
            };
            let slope = (4.0 * central(1e-4) - central(2e-4)) / 3.0;
            let name = &kernel.parameters()[p].name;
            prop_assert!(
                (slope - (gradient[p] - 1.0)).abs() < 1e-8 * size,
                "{}: {} against {}", name, gradient[p] - 1.0, slope
            );
        }
    }

    #[test]
    fn random_compositions_are_symmetric_positive_semi_definite_and_of_one_mind(
        kernel in composition(),
    ) {
        let all = places(40);
        let gram = matrix(kernel.as_ref(), &all, &all);
        let largest = (0..40).map(|i| gram[41 * i]).fold(0.0, f64::max);
        for i in 0..40 {
            let a = all.view().point(i);
            let variance = kernel.variance(&a);
            prop_assert!((variance - gram[41 * i]).abs() <= 1e-14 * largest);
            for j in 0..40 {
                prop_assert!((gram[40 * i + j] - gram[40 * j + i]).abs() <= 1e-14 * largest);
                let alone = kernel.covariance(&a, &all.view().point(j));
                prop_assert!((alone - gram[40 * i + j]).abs() <= 1e-14 * largest);
            }
        }
        // Repeated points make many of these singular; rounding needs no more than this on the diagonal.
        let factor = Cholesky::factor(40, &mut |j, column| {
            for (i, entry) in column.iter_mut().enumerate() {
                *entry = gram[40 * (j + i) + j];
            }
            column[0] += 1e-12 * largest;
        });
        prop_assert!(factor.is_ok_and(|f| f.jitter() == 0.0));
    }
}

#[test]
fn composition_keeps_names_order_and_values() {
    let boxed: Box<dyn Kernel> = Box::new(Rbf::isotropic(0.5));
    let kernel = boxed.clone() + Matern52::isotropic(0.2).scaled(2.0) + Constant::new(0.1);
    assert_eq!(kernel.terms().len(), 3);
    let names: Vec<String> = kernel.parameters().into_iter().map(|p| p.name).collect();
    let expected = [
        "term0.lengthscale",
        "term1.lengthscale",
        "term1.outputscale",
        "term2.constant",
    ];
    assert_eq!(names, expected);
    let product: Product = boxed * Cosine { period: 0.4 } * White::new(0.2);
    assert_eq!(product.factors().len(), 3);
    let own = Cosine { period: 0.4 }
        .plus(Cosine { period: 0.9 })
        .times(Constant::new(2.0));
    assert_eq!(own.variance(&[0.3]), 4.0);
    assert_eq!(own.parameters()[1].name, "factor0.term1.period");
    // A refused change leaves everything as it was.
    let mut changed = kernel.clone();
    assert!(changed.set_log_parameters(&[0.0; 3]).is_err());
    assert!(
        changed
            .set_log_parameters(&[0.0, 0.0, 0.0, f64::NAN])
            .is_err()
    );
    assert_eq!(changed.log_parameters(), kernel.log_parameters());
    // Roles speak of the columns of the whole points.
    let restricted = (Rbf::ard([1.0, 2.0]) + Periodic::isotropic(1.0, 1.0)).on_columns([4, 1]);
    let roles: Vec<Role> = restricted.parameters().iter().map(|p| p.role).collect();
    let expected = [
        Role::Lengthscale(Some(4)),
        Role::Lengthscale(Some(1)),
        Role::Shape,
        Role::Period(None),
    ];
    assert_eq!(roles, expected);
}

#[test]
fn unusable_kernels_are_refused_by_name() {
    let refused = |outcome: Result<()>, expected: &str| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("expected a refusal of {expected}, found {other:?}"),
    };
    refused(RationalQuadratic::isotropic(1.0, 0.0).check(1), "alpha");
    refused(RationalQuadratic::ard([1.0], 1.0).check(2), "kernel");
    refused(Periodic::isotropic(1.0, f64::NAN).check(1), "period");
    refused(Periodic::ard([1.0, 1.0], [1.0]).check(2), "kernel");
    refused(Linear::isotropic(-1.0).check(1), "variance");
    refused(Linear::isotropic(1.0).with_offset(0.0).check(1), "offset");
    refused(Polynomial::isotropic(0, 1.0).check(1), "degree");
    refused(Polynomial::isotropic(u32::MAX, 1.0).check(1), "degree");
    refused(Constant::new(f64::INFINITY).check(1), "constant");
    refused(White::new(-0.1).check(1), "white");
    refused(Categorical::new(1, 0.5).check(1), "categories");
    refused(Categorical::new(3, 0.5).check(2), "kernel");
    for bad in [-0.5, -0.6, 1.0, 1.1, f64::NAN] {
        refused(Categorical::new(3, bad).check(1), "correlation");
    }
    refused(Rbf::isotropic(1.0).on_columns([]).check(2), "columns");
    refused(Rbf::isotropic(1.0).on_columns([0, 2]).check(2), "columns");
    refused(Rbf::isotropic(1.0).on_columns([1, 1]).check(2), "columns");
    refused(Sum::new([]).check(1), "kernel");
    refused(Product::new([]).check(1), "kernel");
    refused((Rbf::isotropic(1.0) + White::new(0.0)).check(1), "white");
    refused(
        (Rbf::isotropic(1.0) * Cosine { period: 1.0 }).check(2),
        "kernel",
    );

    let kernel: ActiveDimensions = Categorical::new(3, 0.5).on_columns([1]);
    let gp = || {
        ExactGp::new(
            kernel.clone() * Rbf::isotropic(1.0),
            Noise::Homoscedastic(0.1),
        )
    };
    for code in [3.0, -1.0, 0.5] {
        let outcome = gp().condition(&array![[0.0, code]], &[1.0]);
        refused(outcome.map(|_| ()), "category");
    }
    let mut gp = gp().condition(&array![[0.0, 2.0]], &[1.0]).unwrap();
    refused(gp.append(&[0.0, 7.0], 1.0, None), "category");
    refused(gp.posterior(&array![[0.0, 1.5]]).map(|_| ()), "category");
    gp.append(&[0.0, 1.0], 1.0, None).unwrap();
    // Called without their checks, kernels still do not panic.
    for kernel in [Box::new(kernel) as Box<dyn Kernel>, Box::new(Sum::new([]))] {
        assert!(kernel.covariance(&[0.0], &[0.0]).abs() <= 1.0);
    }
}

#[test]
fn the_exchangeable_kernel_covers_every_valid_correlation() {
    for categories in [2, 3, 10, 1000] {
        let lowest = -1.0 / (categories as f64 - 1.0);
        for share in [1e-6, 0.01, 0.3, 0.7, 0.99, 1.0 - 1e-6] {
            let correlation = lowest + share * (1.0 - lowest);
            let kernel = Categorical::new(categories, correlation);
            assert!((kernel.correlation() - correlation).abs() < 1e-12);
            assert!(kernel.check(1).is_ok());
        }
        // The other way round: whatever the fit tries is a valid correlation.
        let mut kernel = Categorical::new(categories, 0.0);
        for log in [-300.0, -3.0, 0.0, 3.0, 300.0] {
            kernel.set_log_parameters(&[log]).unwrap();
            assert!((lowest - 1e-15..=1.0).contains(&kernel.correlation()));
        }
        assert!(kernel.correlation() > 1.0 - 1e-12);
    }
}

#[test]
fn a_correlation_between_categories_is_learned() {
    let x = Array2::from_shape_fn((120, 2), |(i, k)| match k {
        0 => ((i as f64 + 0.5) * 0.618_033_988_7).fract(),
        _ => (i % 3) as f64,
    });
    let kernel = |correlation| {
        Rbf::isotropic(0.1).on_columns([0]) * Categorical::new(3, correlation).on_columns([1])
    };
    for truth in [0.9, 0.0] {
        let prior = ExactGp::new(kernel(truth), Noise::Known(vec![]));
        let mut rng = StdRng::seed_from_u64(12);
        let y = prior.posterior(&x).unwrap().sample(&mut rng).unwrap();
        let gp = ExactGp::new(kernel(0.5), Noise::Homoscedastic(0.1))
            .fit(&x, &y, &FitOptions::default())
            .unwrap();
        let coupling = gp.parameters()[1].value;
        let t = 3.0 * coupling;
        let found = (t - 1.0) / (t + 2.0);
        assert!(
            (found - truth).abs() < 0.15,
            "found {found}, drawn with {truth}"
        );
    }
}

#[test]
fn white_noise_on_distinct_places_is_homoscedastic_noise() {
    let x = array![[0.0], [0.3], [0.4], [0.9]];
    let y = [0.2, 0.5, -0.1, 1.0];
    let smooth = || Matern52::isotropic(0.3).scaled(1.2);
    let nugget = ExactGp::new(smooth() + White::new(0.05), Noise::Known(vec![0.0; 4]))
        .condition(&x, &y)
        .unwrap();
    let noisy = ExactGp::new(smooth(), Noise::Homoscedastic(0.05))
        .condition(&x, &y)
        .unwrap();
    let difference = nugget.log_marginal_likelihood() - noisy.log_marginal_likelihood();
    assert!(difference.abs() < 1e-12);
    // Elsewhere: the same mean, the white variance on top. At a measured place: what was measured.
    let (a, b) = (
        nugget.posterior(&array![[0.35], [0.3]]).unwrap(),
        noisy.posterior(&array![[0.35], [0.3]]).unwrap(),
    );
    assert!((a.mean()[0] - b.mean()[0]).abs() < 1e-12);
    assert!((a.variance()[0] - b.variance()[0] - 0.05).abs() < 1e-12);
    assert!((a.mean()[1] - 0.5).abs() < 1e-12 && a.variance()[1] < 1e-12);
}

#[test]
fn a_linear_kernel_is_bayesian_regression() {
    // Posterior of the slope with one measurement (x, y): v x y/(v x² + s), closed form.
    let gp = ExactGp::new(Linear::isotropic(2.0), Noise::Known(vec![0.5]))
        .condition(&array![[3.0]], &[4.0])
        .unwrap();
    let posterior = gp.posterior(&array![[1.0]]).unwrap();
    assert!((posterior.mean()[0] - 2.0 * 3.0 * 4.0 / (2.0 * 9.0 + 0.5)).abs() < 1e-14);
    assert!((posterior.variance()[0] - (2.0 - 36.0 / 18.5)).abs() < 1e-14);
}

#[test]
fn kernels_at_the_edge_of_their_range_stay_numbers() {
    let far = [([0.0], [0.0]), ([1e150], [-1e150]), ([1.0], [2.0])];
    let kernels: [Box<dyn Kernel>; 4] = [
        Box::new(RationalQuadratic::isotropic(1e-150, 1e-150)),
        Box::new(RationalQuadratic::isotropic(1e-150, 1e150)),
        Box::new(Periodic::isotropic(1e-150, 1e-150)),
        Box::new(White::new(1e150)),
    ];
    for kernel in kernels {
        assert!(
            far.iter().all(|(a, b)| kernel.covariance(a, b).is_finite()),
            "{kernel:?}"
        );
    }
    // Gradients too, as long as squared distances do not overflow.
    let kernels: [Box<dyn Kernel>; 4] = [
        Box::new(RationalQuadratic::isotropic(1e-3, 1e-150)),
        Box::new(RationalQuadratic::isotropic(1e-3, 1e150)),
        Box::new(Periodic::isotropic(1e-150, 1e-150)),
        Box::new(White::new(1e150)),
    ];
    for kernel in kernels {
        for (a, b) in [([0.0], [0.0]), ([1e146], [-1e146]), ([1.0], [2.0])] {
            let mut gradient = vec![0.0; kernel.parameter_count()];
            let others = PointsView::single(&b);
            let value = kernel.accumulate_gradient(&a, others, &[1.0], &mut gradient);
            assert!(value.is_finite(), "{kernel:?} {a:?} {b:?}");
            assert!(
                gradient.iter().all(|g| g.is_finite()),
                "{kernel:?} {a:?} {gradient:?}"
            );
        }
    }
}

#[test]
fn a_matrix_is_only_of_points_that_the_kernel_knows() {
    let (known, unknown) = (points(&[vec![1.0]]), points(&[vec![7.0]]));
    let kernel = Categorical::new(3, 0.4);
    let mut out = [0.0];
    for (a, b) in [(&known, &unknown), (&unknown, &known)] {
        let refused = kernel.matrix(a.view(), b.view(), &mut out);
        assert!(matches!(refused, Err(Error::Argument { .. })));
    }
    assert!(kernel.matrix(known.view(), known.view(), &mut out).is_ok());
}

#[test]
fn surplus_entries_of_a_gradient_stay_as_they_are() {
    let levels = || [0.4, 0.9].map(|l| Box::new(Rbf::isotropic(l).scaled(1.2)) as Box<dyn Kernel>);
    let kernels: [Box<dyn Kernel>; 4] = [
        Box::new(Matern52::ard([0.5, 0.8]).scaled(2.0)),
        Box::new(Autoregressive::new(levels(), [0.7])),
        Box::new(Autoregressive::new(levels(), [0.7]).scaled(2.0) + Rbf::isotropic(1.0)),
        Box::new(Periodic::isotropic(1.0, 0.5).scaled(2.0) * Rbf::isotropic(1.0)),
    ];
    let others = points(&[vec![0.1, 0.0], vec![0.6, 1.0], vec![0.8, 1.0]]);
    for kernel in kernels {
        let count = kernel.parameter_count();
        let gradient = |length: usize| {
            let mut gradient = vec![7.0; length];
            let sum = kernel.accumulate_gradient(
                &[0.3, 1.0],
                others.view(),
                &[0.3, -1.1, 0.7],
                &mut gradient,
            );
            (sum, gradient)
        };
        let ((sum, exact), (same, longer)) = (gradient(count), gradient(count + 3));
        assert_eq!((sum, &exact[..]), (same, &longer[..count]), "{kernel:?}");
        assert_eq!(longer[count..], [7.0; 3], "{kernel:?}");
    }
}
