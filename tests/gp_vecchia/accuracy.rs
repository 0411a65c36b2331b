//! How far from the exact process, and whether intervals hold what they promise.

use crate::problem::{draw, normal, uniform};
use dosewise::gp::{ExactGp, Matern52, Noise, Surrogate, VecchiaGp, VecchiaOrdering};
use ndarray::s;

#[test]
fn accuracy_is_as_documented() {
    // The figures in the documentation of `VecchiaGp`, with a margin of a fifth. With conditional means that are unbiased
    // under the exact density, the Kullback–Leibler divergence is ½ (Σ log sᵢ² − log det K), the difference of the log
    // likelihoods of zeros.
    let n = 1000;
    let all = uniform(n + 500, 2, 100);
    let kernel = Matern52::isotropic(0.2);
    let x = all.slice(s![..n, ..]);
    let held = all.slice(s![n.., ..]);
    let f = draw(&kernel, &all, 101);
    let deviates = normal(n, 102);
    let within = |found: f64, documented: f64| {
        let range = documented / 1.2..documented * 1.2;
        assert!(range.contains(&found), "{found}, documented {documented}");
    };
    type Figures = (f64, [f64; 3], [f64; 3], [f64; 3]);
    let documented: [Figures; 3] = [
        (
            1e-6,
            [168.0, 36.0, 11.0],
            [132.0, 25.0, 6.6],
            [0.18, 0.05, 0.012],
        ),
        (
            0.01,
            [28.0, 7.2, 2.2],
            [50.0, 13.0, 5.2],
            [0.27, 0.11, 0.05],
        ),
        (1.0, [14.0, 3.4, 1.5], [13.0, 5.0, 3.1], [0.38, 0.26, 0.19]),
    ];
    for (variance, max_min, coordinate, shifts) in documented {
        let noise = Noise::Homoscedastic(variance);
        let zeros = vec![0.0; n];
        let y: Vec<f64> = f
            .iter()
            .zip(&deviates)
            .map(|(f, e)| f + variance.sqrt() * e)
            .collect();
        let mut exact = ExactGp::new(kernel.clone(), noise.clone())
            .condition(x, &zeros)
            .unwrap();
        let best = exact.log_marginal_likelihood();
        let orders = [
            (VecchiaOrdering::MaxMin, max_min),
            (VecchiaOrdering::Coordinate(0), coordinate),
        ];
        let prior = VecchiaGp::new(kernel.clone(), noise.clone());
        for (ordering, expected) in orders {
            for (k, expected) in [10, 20, 30].into_iter().zip(expected) {
                let prior = prior
                    .clone()
                    .with_ordering(ordering.clone())
                    .with_neighbours(k);
                let gp = prior.condition(x, &zeros).unwrap();
                within(best - gp.log_marginal_likelihood(), expected);
            }
        }

        exact = ExactGp::new(kernel.clone(), noise)
            .condition(x, &y)
            .unwrap();
        let truth = exact.marginals(held).unwrap();
        let mut gp = prior.with_neighbours(10).condition(x, &y).unwrap();
        let error = |mean: &[f64]| {
            let squares = mean.iter().zip(&f[n..]).map(|(m, f)| (m - f).powi(2));
            (squares.sum::<f64>() / 500.0).sqrt()
        };
        for (k, expected) in [30, 60, 100].into_iter().zip(shifts) {
            gp = gp.with_prediction_neighbours(k);
            let found = gp.marginals(held).unwrap();
            let squares =
                (0..500).map(|i| (found.mean[i] - truth.mean[i]).powi(2) / truth.variance[i]);
            within((squares.sum::<f64>() / 500.0).sqrt(), expected);
            assert!(error(&found.mean) < 1.1 * error(&truth.mean));
            let told = found.variance.iter().zip(&truth.variance);
            assert!(
                told.into_iter()
                    .all(|(v, exact)| *v >= exact * (1.0 - 1e-6))
            );
        }
    }
}

#[test]
fn intervals_hold_what_they_promise() {
    // Held-out values of functions drawn from the model: the share inside the central intervals within four binomial
    // standard deviations, and the standardised average of all held-out values, which the joint covariance speaks of.
    let (rounds, n, m) = (60, 150, 20);
    let kernel = Matern52::ard([0.2, 0.4]);
    let quantiles = [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964)];
    let mut inside = [0_u32; 3];
    let mut averages = 0.0;
    for round in 0..rounds {
        let x = uniform(n + m, 2, 1000 + round);
        let f = draw(&kernel, &x, 2000 + round);
        let deviates = normal(n, 3000 + round);
        let y: Vec<f64> = (0..n)
            .map(|i| f[i] + 0.05_f64.sqrt() * deviates[i])
            .collect();
        let gp = VecchiaGp::new(kernel.clone(), Noise::Homoscedastic(0.05))
            .with_prediction_neighbours(15)
            .condition(x.slice(s![..n, ..]), &y)
            .unwrap();
        let held = x.slice(s![n.., ..]);
        let told = gp.marginals(held).unwrap();
        for i in 0..m {
            let z = (f[n + i] - told.mean[i]) / told.variance[i].sqrt();
            for (count, (_, quantile)) in inside.iter_mut().zip(quantiles) {
                *count += u32::from(z.abs() < quantile);
            }
        }
        let joint = gp.joint(held).unwrap();
        let difference: f64 = (0..m).map(|i| f[n + i] - joint.mean[i]).sum();
        averages += difference.powi(2) / joint.covariance.sum();
    }
    let total = (rounds * m as u64) as f64;
    for (count, (share, _)) in inside.into_iter().zip(quantiles) {
        let error = (share * (1.0 - share) / total).sqrt();
        let found = f64::from(count) / total;
        assert!((found - share).abs() < 4.0 * error, "{found} for {share}");
    }
    let spread = (2.0 / rounds as f64).sqrt();
    let average = averages / rounds as f64;
    assert!((average - 1.0).abs() < 4.0 * spread, "{average}");
}
