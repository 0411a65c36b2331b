//! Moments of samples and calibration.

use crate::problem::problem;
use dosewise::gp::{Grid, GridGp, GridKernel, Kernel, Matern12, Matern52, Mean, Noise};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::Array1;

#[test]
fn pathwise_samples_have_the_posterior_moments() {
    let count = 1500;
    for kernel in [
        GridKernel::rbf([1.5, 2.0], 2.0),
        GridKernel::stationary(Matern52::ard([1.5, 2.0]).scaled(2.0)),
    ] {
        let problem = problem(7, 9, [1.0, 1.0], 40);
        let gp = GridGp::new(
            problem.grid,
            kernel,
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
fn held_out_pixels_are_covered_as_often_as_stated() {
    let grid = Grid::new(48, 40, [1.0, 1.0]).unwrap();
    for kernel in [
        GridKernel::rbf([4.0, 3.0], 1.0),
        GridKernel::stationary(Matern52::isotropic(4.0)),
    ] {
        let prior = GridGp::new(grid, kernel, Noise::Homoscedastic(0.04)).unwrap();
        let (mut inside, mut total) = (0, 0);
        for seed in 0..4 {
            let truth = &prior.prior_samples(1, Seed(seed)).unwrap().images[0];
            let mut stream = Stream::new(Seed(seed), Purpose::Counts, [0, 0]);
            let image = truth.mapv(|f| f + 0.2 * stream.normal());
            let observed = truth.mapv(|_| stream.normal() > 0.7);
            let gp = prior.clone().condition_where(&image, &observed).unwrap();
            let posterior = gp.posterior().unwrap();
            for (p, seen) in observed.iter().enumerate() {
                let at = (p / 40, p % 40);
                if !seen {
                    let deviate = (truth[at] - posterior.mean[at]).abs();
                    inside += usize::from(deviate < 1.644_85 * posterior.variance[at].sqrt());
                    total += 1;
                }
            }
        }
        let share = inside as f64 / total as f64;
        assert!((0.86..0.94).contains(&share), "{share} of {total} pixels");
    }
}
