//! Batches against BoTorch and exact integrals (tests/reference/acquisition_batch.py), analytic limits and simulation.

use dosewise::acquisition::{
    Acquisition, AtEachPlace, BatchAcquisition, BatchExpectedImprovement,
    BatchLogExpectedImprovement, BatchSearch, BatchUpperConfidenceBound, Candidate, Draws,
    ExpectedImprovement, Field, FieldBatch, LocalPenalty, LogExpectedImprovement, MonteCarlo,
    Offers, Outcomes, UpperConfidenceBound,
};
use dosewise::gp::{ExactGp, Joint, Kernel, Marginals, Matern52, Noise, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, ArrayView2, array};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    exact: Vec<Exact>,
    draws: Vec<Drawn>,
}

#[derive(Deserialize)]
struct Exact {
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    incumbent: f64,
    expected_improvement: f64,
}

#[derive(Deserialize)]
struct Drawn {
    values: Vec<Vec<f64>>,
    incumbent: f64,
    expected_improvement: f64,
    log_expected_improvement: f64,
    warm: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/acquisition_batch.json")).unwrap()
}

/// A surrogate of as many places as it has means; the place with coordinate i is number i.
#[derive(Debug)]
struct Table {
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

impl Surrogate for Table {
    fn dimension(&self) -> usize {
        1
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<Marginals> {
        let indices: Vec<usize> = points.iter().map(|&x| x as usize).collect();
        Ok(Marginals {
            mean: indices.iter().map(|&i| self.mean[i]).collect(),
            variance: indices.iter().map(|&i| self.covariance[i][i]).collect(),
        })
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> dosewise::Result<Joint> {
        let at = |i: usize| points[[i, 0]] as usize;
        let m = points.nrows();
        Ok(Joint {
            mean: self.marginals(points)?.mean,
            covariance: Array2::from_shape_fn((m, m), |(i, j)| self.covariance[at(i)][at(j)]),
        })
    }
}

fn model() -> ExactGp {
    let kernel = Matern52::isotropic(0.25).scaled(1.0);
    let x = array![[0.05], [0.3], [0.55], [0.9]];
    ExactGp::new(kernel, Noise::Homoscedastic(0.02))
        .condition(&x, &[0.1, 0.9, 0.2, -0.4])
        .unwrap()
}

fn line(count: usize) -> Array2<f64> {
    Array2::from_shape_fn((count, 1), |(i, _)| i as f64 / (count - 1) as f64)
}

/// One measurement at each place, of the noise of the model.
fn offers(places: &Array2<f64>) -> Offers {
    Offers::product(places.view(), &[1.0], |_, _| 0.02).unwrap()
}

fn field<'f>(surrogate: &'f dyn Surrogate, offers: &'f Offers) -> Field<'f> {
    Field {
        surrogate,
        targets: offers.places(),
        offers,
    }
}

fn log_improvement(over: f64) -> dosewise::Result<AtEachPlace<LogExpectedImprovement>> {
    Ok(LogExpectedImprovement::over(over)?.at_each_place())
}

fn many() -> MonteCarlo {
    MonteCarlo::new(1 << 14, Seed(3)).unwrap()
}

#[test]
fn reductions_of_given_draws_equal_botorch() {
    for case in reference().draws {
        let (samples, q) = (case.values.len(), case.values[0].len());
        let values = Array2::from_shape_fn((samples, q), |(s, j)| case.values[s][j]);
        let draws = Draws::new(&vec![0.0; q], values.view()).unwrap();
        let plain = BatchExpectedImprovement::over(case.incumbent).unwrap();
        assert!((plain.score(&draws) - case.expected_improvement).abs() < 1e-12);
        let log = BatchLogExpectedImprovement::over(case.incumbent).unwrap();
        let error = (log.score(&draws) - case.log_expected_improvement).abs();
        assert!(error < 1e-10, "{error}");
        let warm = log.with_temperatures(0.05, 0.3).unwrap();
        assert!((warm.score(&draws) - case.warm).abs() < 1e-10);
    }
}

#[test]
fn expected_improvement_of_a_batch_equals_the_integral() {
    for case in reference().exact {
        let batch = Array2::from_shape_fn((case.mean.len(), 1), |(i, _)| i as f64);
        let table = Table {
            mean: case.mean,
            covariance: case.covariance,
        };
        let plain = BatchExpectedImprovement::over(case.incumbent).unwrap();
        let found = many().score(&plain, &table, batch.view()).unwrap();
        let wanted = case.expected_improvement;
        assert!((found - wanted).abs() < 5e-4, "{found} {wanted}");
        let log = BatchLogExpectedImprovement::over(case.incumbent).unwrap();
        let found = many().score(&log, &table, batch.view()).unwrap();
        // the smoothed maximum adds at most τ ln 3 to the logarithm
        let above = found - wanted.ln();
        assert!(above > -2e-3 && above < 0.012, "{above}");
    }
}

#[test]
fn one_place_has_the_analytic_score() {
    let (gp, places) = (model(), line(13));
    let known = gp.marginals(places.view()).unwrap();
    for (i, place) in places.rows().into_iter().enumerate() {
        let candidate = Candidate::new(known.mean[i], known.variance[i], 0.02, 1.0).unwrap();
        let place = place.insert_axis(ndarray::Axis(0));
        let score =
            |acquisition: &dyn BatchAcquisition| many().score(acquisition, &gp, place).unwrap();
        let wanted = ExpectedImprovement::over(0.8).unwrap().score(&candidate);
        let found = score(&BatchExpectedImprovement::over(0.8).unwrap());
        assert!((found - wanted).abs() < 2e-4, "{i}: {found} {wanted}");
        if wanted > 1e-3 {
            let found = score(&BatchLogExpectedImprovement::over(0.8).unwrap());
            assert!((found - wanted.ln()).abs() < 0.02, "{i}: {found}");
        }
        let wanted = UpperConfidenceBound::new(2.0).unwrap().score(&candidate);
        let found = score(&BatchUpperConfidenceBound::new(2.0).unwrap());
        assert!((found - wanted).abs() < 2e-4, "{i}: {found} {wanted}");
    }
}

/// The noisy form against independent draws of the process at measured and new places together.
#[test]
fn noisy_improvement_is_within_three_standard_errors_of_simulation() {
    let gp = model();
    let measured = array![[0.05], [0.3], [0.55], [0.9]];
    let (batch, pending) = (array![[0.2], [0.45]], array![[0.7]]);
    let together = ndarray::concatenate![ndarray::Axis(0), measured, pending, batch];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let samples = gp
        .posterior(&together)
        .unwrap()
        .samples(40_000, &mut rng)
        .unwrap();
    let largest = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let gains: Vec<f64> = samples
        .rows()
        .into_iter()
        .map(|row| row.to_vec())
        .map(|row| (largest(&row[4..]) - largest(&row[..4])).max(0.0))
        .collect();
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    let variance = gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gains.len() as f64;
    let error = (variance / gains.len() as f64).sqrt();
    let noisy = BatchExpectedImprovement::over_measured(&measured).unwrap();
    let found = many()
        .score_beside(&noisy, &gp, batch.view(), pending.view())
        .unwrap();
    assert!((found - mean).abs() < 3.0 * error, "{found} {mean} {error}");
    let log = BatchLogExpectedImprovement::over_measured(&measured).unwrap();
    let log = many()
        .score_beside(&log, &gp, batch.view(), pending.view())
        .unwrap();
    assert!((log - found.ln()).abs() < 0.02);
}

/// Without correlation and with a common mean, the largest of two |z| has the mean 2/√π.
#[test]
fn the_bound_of_two_independent_places_is_known() {
    let table = Table {
        mean: vec![0.0, 0.0],
        covariance: vec![vec![1.0, 0.0], vec![0.0, 1.0]],
    };
    let bound = BatchUpperConfidenceBound::new(1.0).unwrap();
    let found = many()
        .score(&bound, &table, array![[0.0], [1.0]].view())
        .unwrap();
    assert!((found - 2.0_f64.sqrt()).abs() < 1e-3, "{found}");
}

#[test]
fn the_greedy_batch_has_the_score_of_its_parts_and_nearly_that_of_the_best() {
    let (gp, places) = (model(), line(31));
    let draws = MonteCarlo::new(256, Seed(1)).unwrap();
    let measured = array![[0.05], [0.3], [0.55], [0.9]];
    let noisy = BatchExpectedImprovement::over_measured(&measured).unwrap();
    let search = BatchSearch::new(&places, 2).unwrap();
    let batch = search.greedy(&gp, &noisy, &draws).unwrap();
    let score = |a: usize, b: usize| {
        let pair = places.select(ndarray::Axis(0), &[a, b]);
        draws.score(&noisy, &gp, pair.view()).unwrap()
    };
    let found = score(batch[0].index, batch[1].index);
    assert!((found - batch[1].score).abs() < 1e-12);
    assert!(batch[1].score >= batch[0].score);
    let best = (0..31)
        .flat_map(|a| (a + 1..31).map(move |b| (a, b)))
        .map(|(a, b)| score(a, b))
        .fold(0.0, f64::max);
    assert!(found > 0.95 * best, "{found} of {best}");
    assert_eq!(batch, search.greedy(&gp, &noisy, &draws).unwrap());
}

#[test]
fn every_way_of_choosing_keeps_away_from_pending_places() {
    let (gp, places) = (model(), line(41));
    let single = log_improvement(0.8).unwrap();
    let none = Array2::zeros((0, 1));
    let joint = BatchLogExpectedImprovement::over(0.8).unwrap();
    let draws = MonteCarlo::default();
    let penalty = LocalPenalty::new(0.9).unwrap();
    let drawn = Outcomes::Drawn {
        count: 8,
        seed: Seed(2),
    };
    let ask = |places: &Array2<f64>, size: usize, pending: &Array2<f64>, way: usize| {
        let search = BatchSearch::new(places, size).unwrap();
        let search = search.with_pending(pending).unwrap();
        let offers = offers(places);
        let several = FieldBatch::new(field(&gp, &offers), size).unwrap();
        let noise = vec![0.02; pending.nrows()];
        let several = several.with_pending(pending, &noise).unwrap();
        let batch = match way {
            0 => search.greedy(&gp, &joint, &draws),
            1 => several.sequential(log_improvement, 0.8, Outcomes::Expected),
            2 => several.sequential(log_improvement, 0.8, Outcomes::Constant(0.2)),
            3 => several.sequential(log_improvement, 0.8, drawn),
            4 => several.penalised(&single, &penalty),
            _ => search.diverse(&gp, 0.02, None),
        };
        batch
            .unwrap()
            .iter()
            .map(|choice| choice.index)
            .collect::<Vec<_>>()
    };
    for way in 0..6 {
        let first = ask(&places, 1, &none, way)[0];
        let pending = places.select(ndarray::Axis(0), &[first]);
        let batch = ask(&places, 3, &pending, way);
        assert_eq!(batch.len(), 3, "way {way}");
        assert!(!batch.contains(&first));
        assert!(
            batch[0].abs_diff(first) > 1,
            "way {way}: {first} then {batch:?}"
        );
        // what is chosen second does not depend on whether the first is chosen or pending
        let together = ask(&places, 2, &none, way);
        assert_eq!(together, [first, batch[0]], "way {way}");
        // more than there is: all, once each, duplicates passed over
        let few = ndarray::concatenate![ndarray::Axis(0), line(4), line(4)];
        let mut all = ask(&few, 9, &none, way);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3], "way {way}");
    }
}

/// The gains of the diverse batch add up to the logarithm of its determinant.
#[test]
fn gains_of_the_diverse_batch_add_up_to_its_determinant() {
    let (gp, places) = (model(), line(41));
    let quality: Vec<f64> = (0..41).map(|i| (0.02 * i as f64).sin()).collect();
    let search = BatchSearch::new(&places, 3).unwrap();
    for quality in [None, Some(&quality[..])] {
        let batch = search.diverse(&gp, 0.1, quality).unwrap();
        let indices: Vec<usize> = batch.iter().map(|choice| choice.index).collect();
        let joint = gp
            .joint(places.select(ndarray::Axis(0), &indices).view())
            .unwrap();
        let entry = |i: usize, j: usize| joint.covariance[[i, j]] + if i == j { 0.1 } else { 0.0 };
        let minor = |a: usize, b: usize, i: usize, j: usize| {
            entry(a, i) * entry(b, j) - entry(a, j) * entry(b, i)
        };
        let determinant = entry(0, 0) * minor(1, 2, 1, 2) - entry(0, 1) * minor(1, 2, 0, 2)
            + entry(0, 2) * minor(1, 2, 0, 1);
        let bonus: f64 = indices
            .iter()
            .map(|&i| quality.map_or(0.0, |q| 2.0 * q[i]))
            .sum();
        let gains: f64 = batch.iter().map(|choice| choice.score).sum();
        assert!((gains - determinant.ln() - bonus).abs() < 1e-10);
    }
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    let (gp, places) = (model(), line(5));
    let plain = BatchExpectedImprovement::over(0.0).unwrap();
    let draws = MonteCarlo::default();
    let refused = |result: dosewise::Result<f64>, name: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    };
    assert!(MonteCarlo::new(0, Seed(0)).is_err());
    assert!(MonteCarlo::new(usize::MAX, Seed(0)).is_err());
    let empty = Array2::zeros((0, 1));
    refused(draws.score(&plain, &gp, empty.view()), "batch");
    refused(
        draws.score(&plain, &gp, array![[f64::NAN]].view()),
        "batch[0, 0]",
    );
    assert!(draws.score(&plain, &gp, array![[0.0, 1.0]].view()).is_err());
    let wide = array![[0.0, 1.0]];
    refused(
        draws.score_beside(&plain, &gp, places.view(), wide.view()),
        "pending",
    );
    let elsewhere = BatchExpectedImprovement::over_measured(&wide).unwrap();
    refused(draws.score(&elsewhere, &gp, places.view()), "measured");
    let broken = Table {
        mean: vec![f64::NAN],
        covariance: vec![vec![1.0]],
    };
    refused(
        draws.score(&plain, &broken, array![[0.0]].view()),
        "surrogate",
    );
    let search = BatchSearch::new(&places, 2).unwrap();
    assert!(search.diverse(&gp, -1.0, None).is_err());
    assert!(search.diverse(&gp, 0.0, Some(&[0.0])).is_err());
    assert!(search.diverse(&gp, 0.0, Some(&[f64::NAN; 5])).is_err());
}
