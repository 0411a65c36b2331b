//! Leave-one-out predictions against conditioning anew without each measurement, and their summaries against closed
//! forms.

use dosewise::Error;
use dosewise::gp::{
    Constant, ExactGp, FitOptions, Kernel, LeaveOneOut, Linear, Matern32, Matern52, Mean, Noise,
    Rbf,
};
use ndarray::{Array2, Axis, array};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Twelve places in the unit square, the last two repeating earlier ones.
fn places() -> Array2<f64> {
    Array2::from_shape_fn((12, 2), |(i, k)| {
        let i = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 3][i];
        ((f64::from(i) + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn readings() -> Vec<f64> {
    (0..12).map(|i| 2.0 + (f64::from(i) * 1.3).sin()).collect()
}

/// What the measurements but one say of that one: mean and variance of the latent function there.
fn without(gp: &ExactGp, x: &Array2<f64>, y: &[f64], noise: &[f64], i: usize) -> (f64, f64) {
    let kept: Vec<usize> = (0..y.len()).filter(|&j| j != i).collect();
    let pick = |values: &[f64]| kept.iter().map(|&j| values[j]).collect::<Vec<f64>>();
    let others = ExactGp::new(gp.kernel().clone_box(), Noise::Known(pick(noise)))
        .with_mean(gp.mean().clone())
        .condition(&x.select(Axis(0), &kept), &pick(y))
        .unwrap();
    assert_eq!(others.jitter(), 0.0);
    let row = x.row(i).insert_axis(Axis(0));
    let posterior = others.posterior(row).unwrap();
    (posterior.mean()[0], posterior.variance()[0])
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

#[test]
fn every_measurement_is_predicted_as_if_it_had_not_been_taken() {
    let (x, y) = (places(), readings());
    let known: Vec<f64> = (0..12).map(|i| 0.002 * f64::from(i + 1).powi(2)).collect();
    let trend = Mean::Linear {
        intercept: 1.0,
        slopes: vec![0.5, -0.3],
    };
    let smooth = || Matern52::ard([0.4, 0.7]).scaled(1.3);
    let cases = [
        (Noise::Homoscedastic(0.01), vec![0.01; 12], Mean::Zero),
        (
            Noise::Homoscedastic(3.0),
            vec![3.0; 12],
            Mean::Constant(1.8),
        ),
        (Noise::Known(known.clone()), known, trend),
    ];
    for (noise, variances, mean) in cases {
        for kernel in [
            Box::new(smooth()) as Box<dyn Kernel>,
            Box::new(Rbf::isotropic(0.3) + Linear::isotropic(0.5).with_offset(1.0)),
        ] {
            let gp = ExactGp::new(kernel, noise.clone()).with_mean(mean.clone());
            let gp = gp.condition(&x, &y).unwrap();
            assert_eq!(gp.jitter(), 0.0);
            let found = gp.leave_one_out().unwrap();
            let mut log_density = 0.0;
            for i in 0..12 {
                let (mean, latent) = without(&gp, &x, &y, &variances, i);
                let variance = latent + variances[i];
                close(found.mean()[i], mean, 1e-10);
                close(found.latent_variance()[i], latent, 1e-10);
                close(found.variance()[i], variance, 1e-10);
                let z = (y[i] - mean) / variance.sqrt();
                close(found.standardised_residuals()[i], z, 1e-10);
                close(found.residuals()[i], y[i] - mean, 1e-10);
                log_density -= 0.5 * (z * z + (std::f64::consts::TAU * variance).ln());
            }
            close(found.log_predictive_density(), log_density, 1e-10);
        }
    }
}

#[test]
fn jitter_is_noise_of_the_others_only() {
    // Repeated places without noise: no factor without jitter.
    let (x, y) = (places(), readings());
    let gp = ExactGp::new(Rbf::isotropic(0.3), Noise::Known(vec![0.0; 12]));
    let gp = gp.condition(&x, &y).unwrap();
    let jitter = gp.jitter();
    assert!(jitter > 0.0 && jitter < 1e-6);
    let found = gp.leave_one_out().unwrap();
    for i in 0..12 {
        let (mean, latent) = without(&gp, &x, &y, &[jitter; 12], i);
        // As exact as a covariance of this condition number allows.
        close(found.mean()[i], mean, 1e-4);
        let ratio = found.variance()[i] / latent;
        assert!((ratio - 1.0).abs() < 1e-4, "{i}: {ratio}");
        assert_eq!(found.variance()[i], found.latent_variance()[i]);
    }
    // Two equal readings more than the jitter apart contradict one another, and it shows.
    let (worst, residual) = found.diagnostics().largest_standardised_residual;
    assert!([3, 10, 11].contains(&worst) && residual.abs() > 1e3);
}

#[test]
fn one_measurement_is_predicted_by_the_prior() {
    let gp = ExactGp::new(Rbf::isotropic(0.3).scaled(2.0), Noise::Known(vec![0.5]))
        .with_mean(Mean::Fixed(7.0))
        .condition(&array![[0.3]], &[10.0])
        .unwrap();
    let found = gp.leave_one_out().unwrap();
    close(found.mean()[0], 7.0, 1e-15);
    close(found.variance()[0], 2.5, 1e-15);
    close(found.latent_variance()[0], 2.0, 1e-15);
    assert_eq!(found.standardised_mean_squared_error(), None);
    assert_eq!(found.mean_standardised_log_loss(), None);
    let text = found.diagnostics().to_string();
    assert!(text.contains("all measurements are equal"), "{text}");
}

#[test]
fn two_measurements_have_a_closed_form() {
    let gp = ExactGp::new(Rbf::isotropic(1.0), Noise::Known(vec![0.1, 0.4]));
    let gp = gp.condition(&array![[0.0], [0.6]], &[1.0, -2.0]).unwrap();
    let found = gp.leave_one_out().unwrap();
    let k = (-0.18_f64).exp();
    close(found.mean()[0], -2.0 * k / 1.4, 1e-14);
    close(found.mean()[1], k / 1.1, 1e-14);
    close(found.latent_variance()[0], 1.0 - k * k / 1.4, 1e-14);
    close(found.variance()[1], 1.4 - k * k / 1.1, 1e-14);
    let errors = [1.0 + 2.0 * k / 1.4, -2.0 - k / 1.1];
    let squares = 0.5 * (errors[0].powi(2) + errors[1].powi(2));
    close(found.root_mean_squared_error(), squares.sqrt(), 1e-14);
    // The variance of 1 and −2 around their average is 9/4.
    let standardised = found.standardised_mean_squared_error().unwrap();
    close(standardised, squares / 2.25, 1e-14);
    let trivial = -0.5 * (1.0 + (std::f64::consts::TAU * 2.25).ln());
    let loss = trivial - 0.5 * found.log_predictive_density();
    close(found.mean_standardised_log_loss().unwrap(), loss, 1e-14);
}

#[test]
fn the_spectrum_of_one_shared_level_is_known() {
    // K = c 1 1ᵀ has the one eigenvalue n c: degrees of freedom n c/(n c + s), condition (n c + s)/s.
    let x = Array2::from_shape_fn((20, 1), |(i, _)| i as f64);
    let y: Vec<f64> = (0..20).map(|i| f64::from(i % 5)).collect();
    let gp = ExactGp::new(Constant::new(0.3), Noise::Homoscedastic(0.5));
    let found = gp.condition(&x, &y).unwrap().leave_one_out().unwrap();
    let diagnostics = found.diagnostics();
    close(diagnostics.effective_degrees_of_freedom, 6.0 / 6.5, 1e-12);
    close(diagnostics.condition_number, 13.0, 1e-2);
    assert_eq!((diagnostics.measurements, diagnostics.jitter), (20, 0.0));
    // Shrunken averages of the others: c Σ y/(19 c + s).
    let total: f64 = y.iter().sum();
    close(found.mean()[7], 0.3 * (total - y[7]) / 6.2, 1e-12);
}

#[test]
fn coverage_counts_what_lies_within() {
    let gp = ExactGp::new(Constant::new(1e-12), Noise::Known(vec![1.0, 4.0, 1.0, 1.0]));
    let gp = gp
        .condition(&array![[0.0], [1.0], [2.0], [3.0]], &[0.5, -2.5, 1.9, 3.0])
        .unwrap();
    let found = gp.leave_one_out().unwrap();
    // Standardised residuals 0.5, −1.25, 1.9 and 3.0; half widths 0.674, 1.645, 1.960 and 3.09.
    for (level, share) in [(0.5, 0.25), (0.9, 0.5), (0.95, 0.75), (0.998, 1.0)] {
        assert_eq!(found.coverage(level).unwrap(), share);
    }
    let (index, residual) = found.diagnostics().largest_standardised_residual;
    assert!(index == 3 && (residual - 3.0).abs() < 1e-9);
    for level in [0.0, 1.0, -0.5, f64::NAN] {
        let refusal = found.coverage(level).unwrap_err();
        assert!(matches!(refusal, Error::Argument { argument, .. } if argument == "level"));
    }
}

#[test]
fn intervals_hold_the_share_they_promise() {
    let x = Array2::from_shape_fn((15, 1), |(i, _)| ((i as f64 + 0.5) * 0.618_034).fract());
    let kernel = || Matern32::isotropic(0.3).scaled(2.0);
    let prior = ExactGp::new(
        kernel() + dosewise::gp::White::new(0.2),
        Noise::Known(vec![]),
    );
    let mut rng = StdRng::seed_from_u64(5);
    let draws = prior.posterior(&x).unwrap().samples(600, &mut rng).unwrap();
    let mut residuals = Vec::new();
    for y in draws.rows() {
        let gp = ExactGp::new(kernel(), Noise::Homoscedastic(0.2));
        let gp = gp.condition(&x, &y.to_vec()).unwrap();
        residuals.push(gp.leave_one_out().unwrap().standardised_residuals());
    }
    // One measurement of each set, so that the counts are binomial.
    for (level, half_width) in [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964)] {
        for i in [0, 7, 14] {
            let within = residuals
                .iter()
                .filter(|r| r[i].abs() <= half_width)
                .count();
            let spread = (level * (1.0 - level) / 600.0_f64).sqrt();
            let share = within as f64 / 600.0;
            assert!((share - level).abs() < 3.5 * spread, "{level}: {share}");
        }
    }
}

#[test]
fn a_fitted_mean_is_held_fixed() {
    let (x, y) = (places(), readings());
    let gp = ExactGp::new(Rbf::isotropic(0.3).scaled(1.0), Noise::Homoscedastic(0.1))
        .with_mean(Mean::Constant(0.0))
        .fit(&x, &y, &FitOptions::default())
        .unwrap();
    assert!(matches!(gp.mean(), Mean::Constant(level) if (level - 2.0).abs() < 1.0));
    let Some(noise) = gp.noise().variance(0) else {
        panic!("a shared variance");
    };
    let found: LeaveOneOut = gp.leave_one_out().unwrap();
    let (mean, latent) = without(&gp, &x, &y, &[noise; 12], 5);
    close(found.mean()[5], mean, 1e-9);
    close(found.variance()[5], latent + noise, 1e-9);
}

#[test]
fn diagnostics_print_as_one_block() {
    let (x, y) = (places(), readings());
    let gp = ExactGp::new(Rbf::isotropic(0.3), Noise::Homoscedastic(0.1));
    let gp = gp.condition(&x, &y).unwrap();
    let diagnostics = gp.leave_one_out().unwrap().diagnostics();
    let text = diagnostics.to_string();
    assert_eq!(text.lines().count(), 10, "{text}");
    assert!(
        text.starts_with("12 measurements") && !text.contains("NaN"),
        "{text}"
    );
    let coverage = diagnostics.coverage.map(|(level, _)| level);
    assert_eq!(coverage, [0.5, 0.9, 0.95]);
    let degrees = diagnostics.effective_degrees_of_freedom;
    assert!((1.0..12.0).contains(&degrees));
    assert!(text.contains(&format!("{degrees:.4}")), "{text}");
}

#[test]
fn a_prior_has_nothing_to_leave_out() {
    let prior = ExactGp::new(Rbf::isotropic(0.3), Noise::Homoscedastic(0.1));
    let refusal = prior.leave_one_out().unwrap_err();
    assert!(matches!(refusal, Error::Argument { argument, .. } if argument == "y"));
}
