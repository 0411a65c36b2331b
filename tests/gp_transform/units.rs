//! Predictions in any units, and how often intervals in them hold the truth.

use super::{in_units, kernel, scattered, signal};
use dosewise::gp::{
    ExactGp, FitOptions, InputScaling, Kernel, Linear, Matern52, Mean, Noise, OutputScaling,
    ScaledGp, Scaling, Surrogate,
};
use ndarray::Array2;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(6),
        ..ProptestConfig::default()
    })]

    /// Whatever the units, the predictions are the same quantities.
    #[test]
    fn predictions_do_not_depend_on_the_units(
        exponents in prop::array::uniform3(-12.0..12.0_f64),
        shifts in prop::array::uniform3(-3.0..3.0_f64),
        z_score in any::<bool>(),
        n in 1..25_usize,
    ) {
        let units = exponents.map(|e| 10.0_f64.powf(e));
        let (x, places) = (scattered(n), scattered(40) * 1.4);
        // Of a lone measurement's place only the shift can be learned, of its value only the size.
        let (units, shifts) = match n {
            1 => ([1.0, 1.0, units[2]], [shifts[0], shifts[1], 0.0]),
            _ => (units, shifts),
        };
        let to = |x: &Array2<f64>| Array2::from_shape_fn(x.dim(), |(i, k)| {
            units[k] * (x[[i, k]] + shifts[k])
        });
        let unit = units[2];
        let rule = if z_score { InputScaling::ZScore } else { InputScaling::UnitBox };
        let scaling = Scaling::new([rule], OutputScaling::Standardise);
        let kernel = || Matern52::ard([0.5, 0.7]).scaled(1.1) + Linear::isotropic(0.2);
        let gp = |x: &Array2<f64>, y: &[f64], variance: f64| {
            ScaledGp::new(kernel(), Noise::Known(vec![variance; n]), scaling.clone())
                .condition(x, y)
                .unwrap()
        };
        let y = signal(&x);
        let moved: Vec<f64> = y.iter().map(|v| unit * (v + shifts[2])).collect();
        let (one, other) = (gp(&x, &y, 0.01), gp(&to(&x), &moved, 0.01 * unit * unit));
        let a = one.marginals(places.view()).unwrap();
        let b = other.marginals(to(&places).view()).unwrap();
        for j in 0..places.nrows() {
            prop_assert!((a.mean[j] - (b.mean[j] / unit - shifts[2])).abs() < 1e-9);
            prop_assert!((a.variance[j] - b.variance[j] / unit / unit).abs() < 1e-9);
        }
        let jacobian = n as f64 * unit.ln();
        let densities = (one.log_marginal_likelihood(), other.log_marginal_likelihood());
        prop_assert!((densities.0 - densities.1 - jacobian).abs() < 1e-7);
    }
}

/// 300 held-out values drawn from the model: the share within an interval of probability p has the standard error
/// √(p(1 − p)/300) if they were independent; ten functions of thirty places each make them nearly so.
#[test]
fn intervals_in_original_units_cover_what_they_say() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let (n, m) = (30, 30);
    let all = in_units(&scattered(n + m));
    // Truth: lengthscales of half the box, a spread of 3e4 around 1e6, noise of 5e3, all in original units.
    let truth = ExactGp::new(Matern52::ard([1e-8, 5e3]).scaled(9e8), Noise::Known(vec![]))
        .with_mean(Mean::Fixed(1e6));
    let draws = truth
        .posterior(&all)
        .unwrap()
        .samples(10, &mut rng)
        .unwrap();
    let mut deviates = Vec::new();
    for draw in draws.rows() {
        let noisy = draw.iter().take(n).map(|f| {
            let z: f64 = StandardNormal.sample(&mut rng);
            f + 5e3 * z
        });
        let y: Vec<f64> = noisy.collect();
        let gp = ScaledGp::new(kernel(), Noise::Known(vec![2.5e7; n]), Scaling::default())
            .with_mean(Mean::Constant(0.0))
            .fit(all.slice(ndarray::s![..n, ..]), &y, &FitOptions::default())
            .unwrap();
        let posterior = gp.posterior(all.slice(ndarray::s![n.., ..])).unwrap();
        for j in 0..m {
            let deviate = (draw[n + j] - posterior.mean()[j]) / posterior.variance()[j].sqrt();
            deviates.push(deviate.abs());
        }
    }
    for (probability, half_width) in [(0.5, 0.674_49), (0.9, 1.644_85), (0.95, 1.959_96)] {
        let inside = deviates.iter().filter(|&&z| z < half_width).count();
        let share = inside as f64 / deviates.len() as f64;
        let error = (probability * (1.0 - probability) / deviates.len() as f64).sqrt();
        // Fitted hyper-parameters and correlated values widen the binomial error somewhat.
        assert!(
            (share - probability).abs() < 4.0 * error,
            "{probability}: {share}"
        );
    }
}
