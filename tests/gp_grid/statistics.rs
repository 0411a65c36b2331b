//! Moments of samples and calibration.

use crate::problem::{Product, dense, problem};
use dosewise::gp::{Grid, GridGp, GridKernel, Kernel, Matern12, Matern52, Mean, Noise, Surrogate};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::{Array1, Array2};

#[test]
fn pathwise_samples_have_the_posterior_moments() {
    let count = 1500;
    for kernel in [
        GridKernel::rbf([1.5, 2.0], 2.0),
        GridKernel::stationary(Matern52::ard([1.5, 2.0]).scaled(2.0)),
    ] {
        let problem = problem(7, 9, [1.0, 1.0], 40);
        let dense_kernel: Box<dyn Kernel> = match &kernel {
            GridKernel::Stationary(kernel) => kernel.clone(),
            product => Box::new(Product(product.clone())),
        };
        let gp = GridGp::new(
            problem.grid,
            kernel.clone(),
            Noise::Known(problem.variances.clone()),
        )
        .unwrap()
        .with_mean(Mean::Constant(-0.5))
        .condition_where(&problem.image, &problem.observed)
        .unwrap();
        let posterior = gp.posterior().unwrap();
        let drawn = gp.posterior_samples(count, Seed(3)).unwrap();
        assert!(drawn.solve.converged);
        if let Some(embedding) = drawn.embedding {
            assert!(embedding.negative_share < 1e-10, "{embedding:?}");
        }
        let mut worst: (f64, f64) = (0.0, 0.0);
        for p in 0..63 {
            let at = (p / 9, p % 9);
            let values: Array1<f64> = drawn.images.iter().map(|image| image[at]).collect();
            let (mean, variance) = (values.mean().unwrap(), values.var(1.0));
            let deviate =
                (mean - posterior.mean[at]) / (posterior.variance[at] / count as f64).sqrt();
            let ratio = variance / posterior.variance[at] - 1.0;
            worst.0 = worst.0.max(deviate.abs());
            worst.1 = worst.1.max(ratio.abs() / (2.0 / count as f64).sqrt());
        }
        // The largest of 63 correlated standard deviates.
        assert!(worst.0 < 4.0 && worst.1 < 4.0, "{worst:?}");

        let slow = dense(&problem, dense_kernel, Mean::Constant(-0.5), gp.noise());
        let joint = slow.joint(problem.grid.coordinates().view()).unwrap();
        for (p, q) in [(0, 1), (0, 9), (20, 40), (31, 32), (62, 61), (5, 60)] {
            let value = |image: &Array2<f64>, p: usize| image[[p / 9, p % 9]] - joint.mean[p];
            let products = drawn.images.iter().map(|i| value(i, p) * value(i, q));
            let found = products.sum::<f64>() / count as f64;
            let expected = joint.covariance[[p, q]];
            let variances = joint.covariance[[p, p]] * joint.covariance[[q, q]];
            let error = ((variances + expected * expected) / count as f64).sqrt();
            assert!(
                (found - expected).abs() < 4.0 * error,
                "{p} {q}: {found} {expected}"
            );
        }
    }
}

#[test]
fn prior_samples_have_the_prior_covariance() {
    let grid = Grid::new(6, 8, [1.0, 0.5]).unwrap();
    let kernel = Matern12::isotropic(2.0).scaled(3.0);
    let truth = |d: [f64; 2]| kernel.covariance(&[0.0, 0.0], &d);
    let gp = GridGp::new(
        grid,
        GridKernel::stationary(kernel.clone()),
        Noise::Homoscedastic(0.1),
    )
    .unwrap();
    let drawn = gp.prior_samples(4000, Seed(1)).unwrap();
    assert!(drawn.embedding.unwrap().negative_share < 1e-10);
    for d in [[0, 0], [0, 1], [2, 0], [3, 5]] {
        let products = drawn
            .images
            .iter()
            .map(|f| f[[1, 1]] * f[[1 + d[0], 1 + d[1]]]);
        let found = products.sum::<f64>() / 4000.0;
        let expected = truth([d[0] as f64, 0.5 * d[1] as f64]);
        let spread = (9.0 + expected * expected).sqrt();
        assert!((found - expected).abs() < 4.0 * spread / 4000.0_f64.sqrt());
    }
}

#[test]
fn intervals_hold_the_field_as_often_as_stated() {
    let grid = Grid::new(48, 40, [1.0, 1.0]).unwrap();
    let levels = [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964)];
    for kernel in [
        GridKernel::rbf([4.0, 3.0], 1.0),
        GridKernel::stationary(Matern52::isotropic(4.0)),
    ] {
        let prior = GridGp::new(grid, kernel, Noise::Homoscedastic(0.04)).unwrap();
        let truths = prior.prior_samples(4, Seed(0)).unwrap().images;
        // One pixel in ten, judged by the others; all pixels, judged by the field behind the noise.
        for threshold in [1.281_55, f64::NEG_INFINITY] {
            let (mut inside, mut total) = ([0_u32; 3], 0);
            for (seed, truth) in truths.iter().enumerate() {
                let mut stream = Stream::new(Seed(seed as u64), Purpose::Counts, [0, 0]);
                let image = truth.mapv(|f| f + 0.2 * stream.normal());
                let observed = truth.mapv(|_| stream.normal() > threshold);
                let gp = prior.clone().condition_where(&image, &observed).unwrap();
                let posterior = gp.posterior().unwrap();
                assert_eq!(posterior.variance_error, 0.0);
                let all = threshold == f64::NEG_INFINITY;
                for (at, _) in observed.indexed_iter().filter(|(_, seen)| all || !**seen) {
                    let deviate = (truth[at] - posterior.mean[at]).abs();
                    let deviation = posterior.variance[at].sqrt();
                    for (held, (_, z)) in inside.iter_mut().zip(levels) {
                        *held += u32::from(deviate < z * deviation);
                    }
                    total += 1;
                }
            }
            // Pixels within a lengthscale are one measurement rather than many.
            let independent = total as f64 / 12.0;
            for (held, (level, _)) in inside.iter().zip(levels) {
                let share = f64::from(*held) / total as f64;
                let error: f64 = (level * (1.0 - level) / independent).sqrt();
                assert!((share - level).abs() < 4.0 * error, "{share} of {level}");
            }
        }
    }
}
