//! The kernels between outputs: gradients by finite differences, and invariants.

use dosewise::gp::{Autoregressive, Coregionalised, Kernel, Points, Rbf};
use dosewise::linalg::Cholesky;
use ndarray::Array2;
use proptest::prelude::*;

/// One kernel over output codes 0..4.
fn outputs() -> impl Strategy<Value = Coregionalised> {
    (0..=4_usize, prop::collection::vec(-2.0..2.0_f64, 30)).prop_map(|(rank, numbers)| {
        let mut kernel = Coregionalised::new(4, rank);
        let count = kernel.parameter_count();
        kernel.set_log_parameters(&numbers[..count]).unwrap();
        kernel
    })
}

fn chain() -> impl Strategy<Value = Autoregressive> {
    (
        prop::array::uniform4(0.2..1.0_f64),
        prop::array::uniform3(-1.5..1.5_f64),
    )
        .prop_map(|(lengths, ratios)| {
            let level = |l: f64| Box::new(Rbf::isotropic(l).scaled(1.0 + l)) as Box<dyn Kernel>;
            Autoregressive::new(lengths.map(level), ratios)
        })
}

/// `n` places on a line with an output code 0..4 behind each.
fn labelled(n: usize) -> Points {
    let mut points = Points::default();
    for i in 0..n {
        let place = ((i as f64 + 0.5) * 0.754_877_666).fract();
        points.push(&[place, ((i * i + i / 3) % 4) as f64]).unwrap();
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(3),
        ..ProptestConfig::default()
    })]

    #[test]
    fn kernel_gradients_equal_finite_differences(
        mixed in outputs(),
        chain in chain(),
        index in 0..150_usize,
    ) {
        let all = labelled(150);
        let mixed = Rbf::isotropic(0.4).on_columns([0]) * mixed.on_columns([1]);
        for kernel in [Box::new(mixed) as Box<dyn Kernel>, Box::new(chain)] {
            prop_assert!(kernel.check_points(all.view()).is_ok());
            let point = all.view().point(index);
            let weights: Vec<f64> = (0..150).map(|j| (j as f64 * 1.7).cos() / 10.0).collect();
            let weighted = |kernel: &dyn Kernel, point: &[f64]| {
                let mut row = vec![0.0; 150];
                kernel.covariances(point, all.view(), &mut row);
                row.iter().zip(&weights).map(|(k, w)| k * w).sum::<f64>()
            };
            let theta = kernel.log_parameters();
            prop_assert_eq!(theta.len(), kernel.parameter_count());
            let mut gradient = vec![1.0; theta.len()];
            let sum = kernel.accumulate_gradient(&point, all.view(), &weights, &mut gradient);
            let size = 1.0 + kernel.variance(&point) * 10.0;
            prop_assert!((sum - weighted(kernel.as_ref(), &point)).abs() < 1e-12 * size);
            for p in 0..theta.len() {
                let central = |h: f64| {
                    let moved = |h: f64| {
                        let (mut kernel, mut theta) = (kernel.clone(), theta.clone());
                        theta[p] += h;
                        kernel.set_log_parameters(&theta).unwrap();
                        weighted(kernel.as_ref(), &point)
                    };
                    (moved(h) - moved(-h)) / (2.0 * h)
                };
                let slope = (4.0 * central(1e-3) - central(2e-3)) / 3.0;
                let name = &kernel.parameters()[p].name;
                let found = gradient[p] - 1.0;
                prop_assert!((slope - found).abs() < 1e-8 * size, "{}: {} for {}", name, found, slope);
            }
            let mut slopes = vec![1.0; 2];
            kernel.accumulate_input_gradient(&point, all.view(), &weights, &mut slopes);
            let at = |h: f64| weighted(kernel.as_ref(), &[point[0] + h, point[1]]);
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            prop_assert!((slopes[0] - 1.0 - slope).abs() < 1e-6 * size);
            prop_assert_eq!(slopes[1], 1.0);
        }
    }

    #[test]
    fn covariances_of_outputs_are_positive_definite_and_survive_files(mixed in outputs(), chain in chain()) {
        let matrix = mixed.covariance_matrix();
        let factor = Cholesky::factor(4, &mut |j, column| {
            column.iter_mut().enumerate().for_each(|(i, c)| *c = matrix[[j + i, j]]);
        }).unwrap();
        prop_assert_eq!(factor.jitter(), 0.0);
        let rebuilt = mixed.weights().dot(&mixed.weights().t())
            + Array2::from_diag(&ndarray::arr1(&mixed.specific_variances()));
        prop_assert!((rebuilt - &matrix).iter().all(|d| d.abs() < 1e-12 * (1.0 + matrix.sum().abs())));
        let again = Coregionalised::from_weights(&mixed.weights(), &mixed.specific_variances()).unwrap();
        for (a, b) in again.log_parameters().iter().zip(mixed.log_parameters()) {
            prop_assert!((a - b).abs() < 1e-9);
        }
        for kernel in [Box::new(mixed) as Box<dyn Kernel>, Box::new(chain)] {
            let text = serde_json::to_string(&kernel.as_ref()).unwrap();
            let read: Box<dyn Kernel> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{kernel:?}"));
        }
    }
}
