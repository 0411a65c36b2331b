//! Acquisition values against scipy (tests/reference/acquisition_values.py) and against simulation.

use dosewise::acquisition::{
    Acquisition, Candidate, ExpectedImprovement, LogExpectedImprovement,
    LogProbabilityOfImprovement, ProbabilityOfImprovement, UpperConfidenceBound, VarianceReduction,
};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    mean: f64,
    variance: f64,
    noise_variance: f64,
    incumbent: f64,
    deviations: f64,
    latent: Values,
    informed: Values,
    upper_confidence_bound: f64,
}

#[derive(Deserialize)]
struct Values {
    z: f64,
    expected_improvement: f64,
    log_expected_improvement: f64,
    probability: f64,
    log_probability: f64,
}

const TOLERANCE: f64 = 1e-10;

fn assert_close(found: f64, wanted: f64, what: &str, z: f64) {
    // relative, so that a value of 1e-300 is judged as strictly as one of 1
    let error = (found - wanted).abs();
    assert!(
        error <= TOLERANCE * wanted.abs(),
        "{what} at z = {z}: {found} but scipy says {wanted}"
    );
}

/// For a logarithm the absolute error is the relative one of its argument; the size of the logarithm itself adds rounding.
fn assert_log_close(found: f64, wanted: f64, what: &str, z: f64) {
    let error = (found - wanted).abs();
    assert!(
        error <= TOLERANCE.min(1e-13 * (10.0 + wanted.abs())),
        "{what} at z = {z}: {found} but scipy says {wanted}"
    );
}

#[test]
fn values_equal_scipy() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("reference/acquisition_values.json")).unwrap();
    for case in &cases {
        let candidate = Candidate::new(case.mean, case.variance, case.noise_variance, 1.0).unwrap();
        let expected = ExpectedImprovement::over(case.incumbent).unwrap();
        let log_expected = LogExpectedImprovement::over(case.incumbent).unwrap();
        let probability = ProbabilityOfImprovement::over(case.incumbent).unwrap();
        let log_probability = LogProbabilityOfImprovement::over(case.incumbent).unwrap();
        let latent = [
            expected.score(&candidate),
            log_expected.score(&candidate),
            probability.score(&candidate),
            log_probability.score(&candidate),
        ];
        let informed = [
            expected.after_measurement().score(&candidate),
            log_expected.after_measurement().score(&candidate),
            probability.after_measurement().score(&candidate),
            log_probability.after_measurement().score(&candidate),
        ];
        for (found, wanted) in [(latent, &case.latent), (informed, &case.informed)] {
            let z = wanted.z;
            if wanted.expected_improvement > f64::MIN_POSITIVE {
                assert_close(found[0], wanted.expected_improvement, "EI", z);
            }
            if wanted.log_expected_improvement.abs() < 1e3 {
                assert_log_close(found[1], wanted.log_expected_improvement, "LogEI", z);
            } else {
                assert_close(found[1], wanted.log_expected_improvement, "LogEI", z);
            }
            if wanted.probability > f64::MIN_POSITIVE {
                assert_close(found[2], wanted.probability, "PI", z);
            }
            assert_close(found[3], wanted.log_probability, "LogPI", z);
        }
        let bound = UpperConfidenceBound::new(case.deviations).unwrap();
        let wanted = case.upper_confidence_bound;
        assert!((bound.score(&candidate) - wanted).abs() < 1e-13);
    }
}

/// Simulates the latent value, a noisy measurement of it, and the posterior mean and variance that follow.
#[test]
fn improvement_and_reduction_equal_a_simulation() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let draws = 200_000;
    for (mean, variance, noise, incumbent) in [
        (0.0, 1.0, 0.5, 0.3),
        (2.0, 0.25, 1.0, 1.8),
        (-1.0, 0.64, 0.04, 0.5),
    ] {
        let candidate = Candidate::new(mean, variance, noise, 1.0).unwrap();
        let mut latent = Vec::with_capacity(draws);
        let mut informed = Vec::with_capacity(draws);
        let mut errors = Vec::with_capacity(draws);
        for _ in 0..draws {
            let first: f64 = StandardNormal.sample(&mut random);
            let second: f64 = StandardNormal.sample(&mut random);
            let value = mean + variance.sqrt() * first;
            let measured = value + noise.sqrt() * second;
            let precision = 1.0 / variance + 1.0 / noise;
            let posterior_mean = (mean / variance + measured / noise) / precision;
            latent.push((value - incumbent).max(0.0));
            informed.push((posterior_mean - incumbent).max(0.0));
            errors.push(variance - (value - posterior_mean).powi(2));
        }
        let expected = ExpectedImprovement::over(incumbent).unwrap();
        for (samples, score) in [
            (&latent, expected.score(&candidate)),
            (&informed, expected.after_measurement().score(&candidate)),
            (&errors, VarianceReduction.score(&candidate)),
        ] {
            let count = samples.len() as f64;
            let average = samples.iter().sum::<f64>() / count;
            let spread =
                (samples.iter().map(|x| (x - average).powi(2)).sum::<f64>() / count).sqrt();
            let standard_error = spread / count.sqrt();
            assert!(
                (average - score).abs() < 4.5 * standard_error,
                "simulated {average} ± {standard_error}, score {score}"
            );
        }
    }
}
