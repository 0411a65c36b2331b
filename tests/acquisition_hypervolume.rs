//! Hypervolume improvements of batches, known front and noisy, and their gradients: against BoTorch
//! (tests/reference/acquisition_hypervolume_gradient.py) and differences; batches found by climbing them.

use dosewise::acquisition::multi_objective::BatchHypervolumeImprovement;
use dosewise::acquisition::{BatchGradient, BatchSearch, MonteCarlo, Region};
use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, array};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    reference: Vec<f64>,
    batch: Vec<Vec<f64>>,
    known: Estimate,
    noisy: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    value: f64,
    value_error: f64,
    gradient: Vec<Vec<f64>>,
    gradient_error: Vec<Vec<f64>>,
}

/// Score, then slopes, over eight sets of draws: mean and standard error of each number.
fn repeated(ask: impl Fn(&MonteCarlo) -> BatchGradient) -> Vec<(f64, f64)> {
    let runs: Vec<Vec<f64>> = (0..8)
        .map(|seed| {
            let found = ask(&MonteCarlo::new(1 << 11, Seed(seed)).unwrap());
            let slopes = found.by_coordinate.into_raw_vec_and_offset().0;
            [vec![found.score], slopes].concat()
        })
        .collect();
    let of = |i: usize| {
        let mean = runs.iter().map(|run| run[i]).sum::<f64>() / 8.0;
        let square = runs.iter().map(|run| (run[i] - mean).powi(2)).sum::<f64>();
        (mean, (square / 7.0 / 8.0).sqrt())
    };
    (0..runs[0].len()).map(of).collect()
}

impl Estimate {
    /// Refuses numbers further from the peer's than three standard errors of the difference.
    fn check(&self, what: &str, found: &[(f64, f64)]) {
        let values = [vec![self.value], self.gradient.concat()].concat();
        let errors = [vec![self.value_error], self.gradient_error.concat()].concat();
        for (i, (found, own)) in found.iter().enumerate() {
            let errors = (found - values[i]).abs() / own.hypot(errors[i]);
            assert!(errors < 3.0, "{what}, number {i}: {errors} standard errors");
        }
    }
}

fn rows(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, k)| rows[i][k])
}

fn cases() -> Vec<Case> {
    let text = include_str!("reference/acquisition_hypervolume_gradient.json");
    serde_json::from_str(text).unwrap()
}

fn models(case: &Case) -> Vec<ExactGp> {
    let (x, y) = (rows(&case.x), rows(&case.y));
    let model = |y: ndarray::ArrayView1<'_, f64>| {
        ExactGp::new(
            Matern52::ard([0.4, 0.6]).scaled(1.3),
            Noise::Homoscedastic(0.05),
        )
        .condition(&x, &y.to_vec())
        .unwrap()
    };
    y.columns().into_iter().map(model).collect()
}

fn dynamic(models: &[ExactGp]) -> Vec<&dyn Surrogate> {
    models.iter().map(|model| model as &dyn Surrogate).collect()
}

fn rules(case: &Case) -> [BatchHypervolumeImprovement; 2] {
    let (front, places) = (rows(&case.y), rows(&case.x));
    [
        BatchHypervolumeImprovement::new(front.view(), &case.reference).unwrap(),
        BatchHypervolumeImprovement::over_measured(&places, &case.reference).unwrap(),
    ]
}

#[test]
fn values_and_gradients_are_within_three_standard_errors_of_botorch() {
    for case in cases() {
        let (models, batch) = (models(&case), rows(&case.batch));
        for (rule, wanted) in rules(&case).iter().zip([&case.known, &case.noisy]) {
            let found = repeated(|monte_carlo| {
                rule.gradient(&dynamic(&models), batch.view(), monte_carlo)
                    .unwrap()
            });
            wanted.check(&format!("{} objectives", models.len()), &found);
        }
    }
}

/// Differences of the score with the same draws; it is continuous, with kinks that steps of 1e-7 hardly meet.
#[test]
fn gradients_equal_differences() {
    let monte_carlo = MonteCarlo::new(64, Seed(5)).unwrap();
    for case in cases() {
        let (models, batch) = (models(&case), rows(&case.batch));
        let models = dynamic(&models);
        for rule in rules(&case) {
            let found = rule.gradient(&models, batch.view(), &monte_carlo).unwrap();
            assert_eq!(
                found.score,
                rule.score(&models, batch.view(), &monte_carlo).unwrap()
            );
            for ((i, k), slope) in found.by_coordinate.indexed_iter() {
                let at = |step: f64| {
                    let mut moved = batch.clone();
                    moved[[i, k]] += step;
                    rule.score(&models, moved.view(), &monte_carlo).unwrap()
                };
                let wanted = (at(1e-7) - at(-1e-7)) / 2e-7;
                assert!(
                    (slope - wanted).abs() < 1e-6,
                    "({i}, {k}): {slope} {wanted}"
                );
            }
        }
    }
}

#[test]
fn batches_are_worth_more_than_greedy_ones() {
    let monte_carlo = MonteCarlo::new(32, Seed(5)).unwrap();
    let case = cases().remove(0);
    let models = models(&case);
    let models = dynamic(&models);
    let region = Region::new(&[(0.0, 1.0), (0.0, 1.0)])
        .unwrap()
        .points(100)
        .unwrap()
        .starts(3)
        .unwrap();
    let grid = Array2::from_shape_fn((121, 2), |(i, k)| [i / 11, i % 11][k] as f64 / 10.0);
    let pending = array![[0.9, 0.9]];
    for rule in rules(&case) {
        let greedy = BatchSearch::new(&grid, 2)
            .unwrap()
            .with_pending(&pending)
            .unwrap()
            .greedy_hypervolume(&models, &rule, &monte_carlo)
            .unwrap();
        let found = region
            .maximise_hypervolume(2, &rule, &models, &monte_carlo, &pending)
            .unwrap();
        assert!(
            found.score >= greedy[1].score,
            "{} {}",
            found.score,
            greedy[1].score
        );
        let few = region.maximise_hypervolume(2, &rule, &models[..1], &monte_carlo, &pending);
        assert!(few.is_err());
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let places = array![[0.0, 0.5]];
    let over = |places: &Array2<f64>, reference: &[f64]| {
        BatchHypervolumeImprovement::over_measured(places, reference)
    };
    assert!(over(&places, &[]).is_err());
    assert!(over(&places, &[f64::NAN]).is_err());
    assert!(over(&Array2::zeros((0, 2)), &[0.0]).is_err());
    assert!(over(&array![[f64::NAN]], &[0.0]).is_err());
    let case = cases().remove(0);
    let models = models(&case);
    let rule = over(&array![[0.1]], &case.reference).unwrap();
    let batch = rows(&case.batch);
    assert!(
        rule.score(&dynamic(&models), batch.view(), &MonteCarlo::default())
            .is_err()
    );
}
