//! Values and gradients against BoTorch (tests/reference/acquisition_peer.py).

use dosewise::acquisition::{
    Acquisition, BatchAcquisition, BatchExpectedImprovement, BatchLogExpectedImprovement,
    BatchUpperConfidenceBound, Candidate, ExpectedImprovement, LogExpectedImprovement,
    LogProbabilityOfImprovement, MonteCarlo, ProbabilityOfImprovement, UpperConfidenceBound,
    gradient,
};
use dosewise::gp::{ExactGp, Kernel, Matern52, Noise};
use dosewise::units::Seed;
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    x: Vec<[f64; 2]>,
    y: Vec<f64>,
    posteriors: Vec<Posterior>,
    places: Vec<Place>,
    batches: Vec<Batch>,
}

/// Each acquisition: value, slope by the mean, slope by the variance; or value and slopes by two coordinates.
#[derive(Deserialize)]
struct Values {
    expected: [f64; 3],
    log_expected: [f64; 3],
    probability: [f64; 3],
    log_probability: [f64; 3],
    bound: [f64; 3],
}

#[derive(Deserialize)]
struct Posterior {
    belief: [f64; 4],
    #[serde(flatten)]
    values: Values,
}

#[derive(Deserialize)]
struct Place {
    place: [f64; 2],
    #[serde(flatten)]
    values: Values,
}

/// Each acquisition: mean and standard error.
#[derive(Deserialize)]
struct Batch {
    batch: Vec<[f64; 2]>,
    expected: [f64; 2],
    log_expected: [f64; 2],
    noisy: [f64; 2],
    bound: [f64; 2],
}

const INCUMBENT: f64 = 1.1;
const DEVIATIONS: f64 = 1.7;

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/acquisition_peer.json")).unwrap()
}

fn matrix(rows: &[[f64; 2]]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), 2), |(i, k)| rows[i][k])
}

fn process(reference: &Reference) -> ExactGp {
    let kernel = Matern52::ard([0.4, 0.7]).scaled(1.3);
    ExactGp::new(kernel, Noise::Homoscedastic(0.02))
        .condition(&matrix(&reference.x), &reference.y)
        .unwrap()
}

/// 1e-8 of the value, be it as small as it may. Only what is below `rounding` is not compared: there BoTorch's own slopes,
/// differences of larger numbers, have lost their digits (checked with 60-digit arithmetic).
fn assert_close(found: f64, wanted: f64, rounding: f64, what: &str) {
    let error = (found - wanted).abs();
    assert!(
        error <= 1e-8 * wanted.abs() + rounding,
        "{what}: {found} but BoTorch says {wanted}"
    );
}

type Named = (&'static str, Box<dyn Acquisition>);

fn acquisitions(incumbent: f64, deviations: f64) -> [Named; 5] {
    [
        (
            "EI",
            Box::new(ExpectedImprovement::over(incumbent).unwrap()),
        ),
        (
            "LogEI",
            Box::new(LogExpectedImprovement::over(incumbent).unwrap()),
        ),
        (
            "PI",
            Box::new(ProbabilityOfImprovement::over(incumbent).unwrap()),
        ),
        (
            "LogPI",
            Box::new(LogProbabilityOfImprovement::over(incumbent).unwrap()),
        ),
        (
            "UCB",
            Box::new(UpperConfidenceBound::new(deviations).unwrap()),
        ),
    ]
}

impl Values {
    fn in_order(&self) -> [[f64; 3]; 5] {
        [
            self.expected,
            self.log_expected,
            self.probability,
            self.log_probability,
            self.bound,
        ]
    }
}

#[test]
fn values_and_slopes_of_single_beliefs() {
    let reference = reference();
    assert_eq!(reference.posteriors.len(), 170);
    for case in &reference.posteriors {
        let [mean, variance, incumbent, deviations] = case.belief;
        let z = (mean - incumbent) / variance.sqrt();
        let candidate = Candidate::new(mean, variance, 0.1, 1.0).unwrap();
        let all = acquisitions(incumbent, deviations);
        for ((name, acquisition), wanted) in all.iter().zip(case.values.in_order()) {
            let what = format!("{name} at z = {z}");
            let slopes = acquisition.slopes(&candidate);
            let found = [
                acquisition.score(&candidate),
                slopes.by_mean,
                slopes.by_variance,
            ];
            for (k, (found, wanted)) in found.into_iter().zip(wanted).enumerate() {
                let rounding = if z > 5.0 {
                    1e-15 / variance.powi(k as i32).min(1.0)
                } else if z < -1e3 {
                    2e-8 * wanted.abs() // its error is 1.1e-8 there
                } else {
                    f64::MIN_POSITIVE * 1e10
                };
                assert_close(found, wanted, rounding, &what);
            }
        }
    }
}

#[test]
fn values_and_gradients_along_the_place() {
    let reference = reference();
    let gp = process(&reference);
    for case in &reference.places {
        let all = acquisitions(INCUMBENT, DEVIATIONS);
        for ((name, acquisition), wanted) in all.iter().zip(case.values.in_order()) {
            let what = format!("{name} at {:?}", case.place);
            let found = gradient(&**acquisition, &gp, &case.place, 1.0, 0.02).unwrap();
            assert_close(found.score, wanted[0], 0.0, &what);
            for (found, wanted) in found.by_coordinate.iter().zip(&wanted[1..]) {
                assert_close(*found, *wanted, 1e-14, &what);
            }
        }
    }
}

#[test]
fn batches_are_within_three_standard_errors() {
    let reference = reference();
    let (gp, measured) = (process(&reference), matrix(&reference.x));
    let repeats = 16;
    for (k, case) in reference.batches.iter().enumerate() {
        let batch = matrix(&case.batch);
        let rules: [(&str, Box<dyn BatchAcquisition>, [f64; 2]); 4] = [
            (
                "qEI",
                Box::new(BatchExpectedImprovement::over(INCUMBENT).unwrap()),
                case.expected,
            ),
            (
                "qLogEI",
                Box::new(BatchLogExpectedImprovement::over(INCUMBENT).unwrap()),
                case.log_expected,
            ),
            (
                "qNEI",
                Box::new(BatchExpectedImprovement::over_measured(&measured).unwrap()),
                case.noisy,
            ),
            (
                "qUCB",
                Box::new(BatchUpperConfidenceBound::new(DEVIATIONS).unwrap()),
                case.bound,
            ),
        ];
        for (name, rule, [wanted, its_error]) in rules {
            let draw = |seed| {
                let draws = MonteCarlo::new(1024, Seed(seed)).unwrap();
                draws.score(&*rule, &gp, batch.view()).unwrap()
            };
            let drawn: Vec<f64> = (0..repeats).map(draw).collect();
            let count = repeats as f64;
            let mean = drawn.iter().sum::<f64>() / count;
            let spread = drawn.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
            let error = (spread / count + its_error * its_error).sqrt();
            assert!(
                (mean - wanted).abs() <= 3.0 * error,
                "{name} of batch {k}: {mean} but BoTorch says {wanted}, standard error {error}"
            );
        }
    }
}
