//! Several objectives against BoTorch (tests/reference/acquisition_multi_objective.py), definitions and simulation.

use dosewise::acquisition::multi_objective::{
    BatchHypervolumeImprovement, Chebyshev, ExpectedHypervolumeImprovement, hypervolume,
    hypervolume_improvement, simplex_weights,
};
use dosewise::acquisition::{BatchSearch, MonteCarlo};
use dosewise::gp::{ExactGp, Kernel, Matern52, Noise, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, Axis, array, concatenate};
use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    improvements: Vec<Improvement>,
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
struct Improvement {
    front: Vec<[f64; 2]>,
    reference: [f64; 2],
    mean: [f64; 2],
    variance: [f64; 2],
    value: f64,
    by_mean: [f64; 2],
    by_deviation: [f64; 2],
}

#[derive(Deserialize)]
struct Volume {
    points: Vec<Vec<f64>>,
    reference: Vec<f64>,
    value: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/acquisition_multi_objective.json")).unwrap()
}

fn matrix(rows: &[Vec<f64>], columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), columns), |(i, k)| rows[i][k])
}

#[test]
fn expected_improvement_and_its_slopes_equal_botorch() {
    for case in reference().improvements {
        let front: Vec<Vec<f64>> = case.front.iter().map(|p| p.to_vec()).collect();
        let front = matrix(&front, 2);
        let acquisition =
            ExpectedHypervolumeImprovement::new(front.view(), case.reference).unwrap();
        let found = acquisition.slopes(case.mean, case.variance).unwrap();
        assert!(
            (found.value - case.value).abs() < 1e-8,
            "{} {}",
            found.value,
            case.value
        );
        for k in 0..2 {
            assert!((found.by_mean[k] - case.by_mean[k]).abs() < 1e-8);
            assert!((found.by_deviation[k] - case.by_deviation[k]).abs() < 1e-8);
        }
    }
}

#[test]
fn volumes_equal_botorch() {
    for case in reference().volumes {
        let points = matrix(&case.points, case.reference.len());
        let found = hypervolume(points.view(), &case.reference).unwrap();
        assert!(
            (found / case.value - 1.0).abs() < 1e-10,
            "{found} {}",
            case.value
        );
    }
}

/// The volume of a union of boxes by inclusion and exclusion.
fn by_inclusion_and_exclusion(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let mut total = 0.0;
    for subset in 1..1u32 << points.len() {
        let members = (0..points.len()).filter(|i| subset >> i & 1 == 1);
        let corner = members.fold(vec![f64::INFINITY; reference.len()], |corner, i| {
            corner
                .iter()
                .zip(&points[i])
                .map(|(a, b)| a.min(*b))
                .collect()
        });
        let volume: f64 = corner
            .iter()
            .zip(reference)
            .map(|(c, r)| (c - r).max(0.0))
            .product();
        total += if subset.count_ones() % 2 == 1 {
            volume
        } else {
            -volume
        };
    }
    total
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn volumes_equal_inclusion_and_exclusion(
        objectives in 1usize..5,
        values in prop::collection::vec(prop_oneof![-0.5..2.0, Just(1.0)], 4..32),
    ) {
        let points: Vec<Vec<f64>> = values.chunks_exact(objectives).take(8).map(<[f64]>::to_vec).collect();
        let reference = vec![-0.1; objectives];
        let all = matrix(&points, objectives);
        let found = hypervolume(all.view(), &reference).unwrap();
        let wanted = by_inclusion_and_exclusion(&points, &reference);
        prop_assert!((found - wanted).abs() < 1e-10 * (1.0 + wanted));
        // what the first half adds to the second is the difference of the volumes
        let (some, rest) = all.view().split_at(Axis(0), points.len() / 2);
        let gain = hypervolume_improvement(some, rest, &reference).unwrap();
        let difference = found - hypervolume(rest, &reference).unwrap();
        prop_assert!((gain - difference).abs() < 1e-10 * (1.0 + found));
    }
}

#[test]
fn a_large_front_of_four_objectives_is_within_three_standard_errors_of_simulation() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let points = Array2::from_shape_fn((40, 4), |_| rng.random::<f64>());
    let found = hypervolume(points.view(), &[0.0; 4]).unwrap();
    let n = 40_000;
    let hit = |_: &usize| {
        let place: [f64; 4] = std::array::from_fn(|_| rng.random());
        points
            .rows()
            .into_iter()
            .any(|row| row.iter().zip(place).all(|(r, p)| *r > p))
    };
    let share = (0..n).filter(hit).count() as f64 / n as f64;
    let error = (share * (1.0 - share) / n as f64).sqrt();
    assert!(
        (found - share).abs() < 3.0 * error,
        "{found} {share} {error}"
    );
}

fn models(objectives: usize) -> Vec<ExactGp> {
    let x = array![[0.0], [0.35], [0.6], [1.0]];
    let y = [
        [0.1, 0.5, 0.9, 0.7],
        [0.9, 0.8, 0.3, 0.0],
        [0.2, 0.6, 0.5, 0.4],
    ];
    let model = |y: &[f64; 4]| {
        let kernel = Matern52::isotropic(0.3).scaled(0.3);
        ExactGp::new(kernel, Noise::Homoscedastic(0.01))
            .condition(&x, y)
            .unwrap()
    };
    y[..objectives].iter().map(model).collect()
}

#[test]
fn one_place_of_two_objectives_has_the_analytic_score() {
    let models = models(2);
    let surrogates: Vec<&dyn Surrogate> = models.iter().map(|m| m as &dyn Surrogate).collect();
    let front = array![[0.1, 0.9], [0.5, 0.8], [0.9, 0.3]];
    let analytic = ExpectedHypervolumeImprovement::new(front.view(), [0.0, 0.0]).unwrap();
    let sampled = BatchHypervolumeImprovement::new(front.view(), &[0.0, 0.0]).unwrap();
    let draws = MonteCarlo::new(1 << 13, Seed(1)).unwrap();
    for x in [0.2, 0.5, 0.8, 1.4] {
        let place = array![[x]];
        let known: Vec<_> = models
            .iter()
            .map(|m| m.marginals(place.view()).unwrap())
            .collect();
        let mean = [known[0].mean[0], known[1].mean[0]];
        let variance = [known[0].variance[0], known[1].variance[0]];
        let wanted = analytic.score(mean, variance).unwrap();
        let found = sampled.score(&surrogates, place.view(), &draws).unwrap();
        assert!(
            (found - wanted).abs() < 3e-4 + 2e-3 * wanted,
            "{x}: {found} {wanted}"
        );
    }
}

#[test]
fn batches_of_three_objectives_are_within_three_standard_errors_of_simulation() {
    let models = models(3);
    let surrogates: Vec<&dyn Surrogate> = models.iter().map(|m| m as &dyn Surrogate).collect();
    let front = array![[0.1, 0.9, 0.2], [0.5, 0.8, 0.6], [0.9, 0.3, 0.5]];
    let (floor, batch) = ([0.0; 3], array![[0.2], [0.8]]);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let n = 20_000;
    let mut drawn = |m: &ExactGp| m.posterior(&batch).unwrap().samples(n, &mut rng).unwrap();
    let outcomes: Vec<Array2<f64>> = models.iter().map(&mut drawn).collect();
    let before = hypervolume(front.view(), &floor).unwrap();
    let gains: Vec<f64> = (0..n)
        .map(|s| {
            let points = Array2::from_shape_fn((2, 3), |(j, k)| outcomes[k][[s, j]]);
            let all = concatenate![Axis(0), front, points];
            hypervolume(all.view(), &floor).unwrap() - before
        })
        .collect();
    let mean = gains.iter().sum::<f64>() / n as f64;
    let variance = gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n as f64;
    let error = (variance / n as f64).sqrt();
    let acquisition = BatchHypervolumeImprovement::new(front.view(), &floor).unwrap();
    let draws = MonteCarlo::new(1 << 13, Seed(6)).unwrap();
    let found = acquisition
        .score(&surrogates, batch.view(), &draws)
        .unwrap();
    assert!((found - mean).abs() < 3.0 * error, "{found} {mean} {error}");
    // a greedy batch has the score of its parts
    let places = Array2::from_shape_fn((11, 1), |(i, _)| i as f64 / 10.0);
    let draws = MonteCarlo::new(128, Seed(6)).unwrap();
    let search = BatchSearch::new(&places, 2).unwrap();
    let chosen = search
        .greedy_hypervolume(&surrogates, &acquisition, &draws)
        .unwrap();
    let pair = places.select(Axis(0), &[chosen[0].index, chosen[1].index]);
    let together = acquisition.score(&surrogates, pair.view(), &draws).unwrap();
    assert!((together - chosen[1].score).abs() < 1e-12);
    assert!(chosen[0].index != chosen[1].index && chosen[1].score > chosen[0].score);
    assert!(
        acquisition
            .score(&surrogates[..2], batch.view(), &draws)
            .is_err()
    );
    assert!(
        search
            .greedy_hypervolume(&surrogates[..2], &acquisition, &draws)
            .is_err()
    );
    let empty = Array2::zeros((0, 1));
    assert!(
        acquisition
            .score(&surrogates, empty.view(), &draws)
            .is_err()
    );
}

/// Enough weights reach every point of a front that is bent inwards, which no weighted sum does.
#[test]
fn drawn_weights_reach_the_whole_front() {
    let front = array![[0.0, 1.0], [0.2, 0.6], [0.4, 0.4], [0.6, 0.2], [1.0, 0.0]];
    let mut reached = [false; 5];
    for round in 0..400 {
        let weights = simplex_weights(2, Seed(3), round).unwrap();
        let values = Chebyshev::new(front.view(), weights)
            .unwrap()
            .of_all(front.view())
            .unwrap();
        let best = (0..5)
            .max_by(|&a, &b| values[a].total_cmp(&values[b]))
            .unwrap();
        reached[best] = true;
    }
    assert_eq!(reached, [true; 5]);
}
