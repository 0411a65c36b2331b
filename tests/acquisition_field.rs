//! Criteria over a whole field against scipy (tests/reference/acquisition_field.py) and against simulation.

use dosewise::acquisition::{
    Acquisition, AlgorithmInformation, ExpectedImprovement, FieldCriterion, GittinsIndex,
    IntegratedVarianceReduction, KnowledgeGradient, LevelSetLookahead, MaxValueEntropy,
    MutualInformation, NoisyExpectedImprovement, Offers, Rollout, Scale, TopValues, gradient,
    scores, thompson,
};
use dosewise::gp::{ExactGp, Kernel, Marginals, Noise, Rbf, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, array};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Deserialize;
use statrs::distribution::{ContinuousCDF, Normal};

#[derive(Deserialize)]
struct Reference {
    mean: Vec<f64>,
    variance: Vec<f64>,
    variance_reduction: Vec<f64>,
    level_set: Vec<f64>,
    knowledge_gradient: Vec<f64>,
    max_value_entropy: Vec<f64>,
    gittins: Vec<f64>,
}

const DOSES: [f64; 2] = [25.0, 1.0];
const THRESHOLD: f64 = 0.3;

const OUTPUTS: [f64; 4] = [0.2, -0.5, 0.9, 0.1];

fn measured() -> Array2<f64> {
    array![[0.05], [0.3], [0.55], [0.9]]
}

fn model() -> ExactGp {
    ExactGp::new(Rbf::isotropic(0.4).scaled(1.3), Noise::Homoscedastic(0.05))
        .condition(&measured(), &OUTPUTS)
        .unwrap()
}

fn targets() -> Array2<f64> {
    array![[0.1], [0.25], [0.5], [0.6], [0.8], [1.0]]
}

fn places() -> Array2<f64> {
    array![[0.0], [0.2], [0.45], [0.7], [1.1]]
}

fn offers() -> Offers {
    Offers::with_shot_noise(places().view(), &DOSES, 0.5).unwrap()
}

fn judged(criterion: &impl FieldCriterion) -> Vec<f64> {
    let targets = targets();
    criterion
        .scores(&model(), targets.view(), &offers())
        .unwrap()
}

fn assert_all_close(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (found, wanted) in found.iter().zip(wanted) {
        let error = (found - wanted).abs();
        assert!(
            error <= tolerance * (1e-3 + wanted.abs()),
            "{what}: {found} but scipy says {wanted}"
        );
    }
}

#[test]
fn values_equal_scipy() {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/acquisition_field.json")).unwrap();
    let found = judged(&IntegratedVarianceReduction);
    assert_all_close(&found, &reference.variance_reduction, 1e-9, "variance");
    let found = judged(&LevelSetLookahead::at(THRESHOLD).unwrap());
    assert_all_close(&found, &reference.level_set, 1e-8, "level set");
    let found = judged(&KnowledgeGradient);
    assert_all_close(&found, &reference.knowledge_gradient, 1e-9, "knowledge");

    let belief = Marginals {
        mean: reference.mean,
        variance: reference.variance,
    };
    let candidates = offers().believed(&belief).unwrap();
    let search = MaxValueEntropy::new(vec![0.9, 1.2, 1.7]).unwrap();
    let found = scores(&search, &candidates).unwrap();
    assert_all_close(&found, &reference.max_value_entropy, 1e-9, "max value");
    let index = GittinsIndex::over(0.0, 0.01).unwrap();
    let found = scores(&index, &candidates).unwrap();
    assert_all_close(&found, &reference.gittins, 1e-12, "Gittins");
}

/// Mean of what `gain` says of the posterior once the measurement at a place is made, with its standard error.
fn simulated(
    place: &[f64],
    noise: f64,
    count: usize,
    gain: impl Fn(&[f64], &[f64]) -> f64,
) -> (f64, f64) {
    let model = ExactGp::new(Rbf::isotropic(0.4).scaled(1.3), Noise::Known(vec![0.05; 4]))
        .condition(&measured(), &OUTPUTS)
        .unwrap();
    let pending = Array2::from_shape_vec((1, 1), place.to_vec()).unwrap();
    let fantasy = model.fantasize(&pending, Some(&[noise])).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let outcomes = fantasy.sample_outcomes(count, &mut rng).unwrap();
    let prospects = fantasy.given_each(&outcomes, &targets()).unwrap();
    let gains: Vec<f64> = prospects
        .mean
        .rows()
        .into_iter()
        .map(|mean| gain(&mean.to_vec(), &prospects.variance))
        .collect();
    let mean = gains.iter().sum::<f64>() / count as f64;
    let spread = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / count as f64;
    (mean, (spread / count as f64).sqrt())
}

/// Both look-aheads against outcomes drawn one by one, each with a fresh posterior.
#[test]
fn look_ahead_equals_simulation() {
    let model = model();
    let targets = targets();
    let now = model.marginals(targets.view()).unwrap();
    let best = now.mean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let wrong = |mean: &[f64], variance: &[f64]| -> f64 {
        let each = mean.iter().zip(variance);
        each.map(|(m, v)| normal.cdf(-(m - THRESHOLD).abs() / v.sqrt()))
            .sum()
    };
    let knowledge = judged(&KnowledgeGradient);
    let settled = judged(&LevelSetLookahead::at(THRESHOLD).unwrap());
    for (index, place) in [(2, 0.2), (3, 0.2), (8, 1.1)] {
        let noise = 0.5 / offers().locate(index).unwrap().1;
        let (rise, error) = simulated(&[place], noise, 4000, |mean, _| {
            mean.iter().copied().fold(f64::NEG_INFINITY, f64::max) - best
        });
        assert!((knowledge[index] - rise).abs() < 3.0 * error, "{index}");
        let before = wrong(&now.mean, &now.variance);
        let (drop, error) = simulated(&[place], noise, 4000, |mean, variance| {
            before - wrong(mean, variance)
        });
        assert!((settled[index] - drop).abs() < 3.0 * error, "{index}");
    }
}

/// `E[max(0, f(x) − max f(targets))]` from joint draws of both.
#[test]
fn noisy_improvement_equals_joint_draws() {
    let model = model();
    let both = ndarray::concatenate(ndarray::Axis(0), &[places().view(), targets().view()]);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let count = 20_000;
    let posterior = model.posterior(&both.unwrap()).unwrap();
    let draws = posterior.samples(count, &mut rng).unwrap();
    let found = judged(&NoisyExpectedImprovement::new(2000, Seed(3)).unwrap());
    for place in 0..5 {
        let gains: Vec<f64> = draws
            .rows()
            .into_iter()
            .map(|row| {
                let best = row
                    .iter()
                    .skip(5)
                    .copied()
                    .fold(f64::NEG_INFINITY, f64::max);
                (row[place] - best).max(0.0)
            })
            .collect();
        let mean = gains.iter().sum::<f64>() / count as f64;
        let spread = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / count as f64;
        // the criterion is an average over draws as well, of the smaller spread of conditional expectations
        let error = (spread / count as f64 + spread / 4000.0).sqrt();
        let gap = (found[2 * place] - mean).abs();
        // an improvement that none of the draws shows is known only to be below about 1e-6
        assert!(gap < 3.0 * error + 1e-6, "{place}: {gap} {error}");
        assert_eq!(found[2 * place], found[2 * place + 1]); // the latent form knows no noise
    }
}

/// Once a target is known without noise there is no doubt about the incumbent, and ordinary improvement is left.
#[test]
fn noisy_improvement_over_a_known_value_is_ordinary() {
    let model = ExactGp::new(Rbf::isotropic(0.4).scaled(1.3), Noise::Homoscedastic(1e-10))
        .condition(&array![[0.1], [0.6]], &[0.2, 0.7])
        .unwrap();
    let (targets, places) = (array![[0.1], [0.6]], array![[0.4], [0.9]]);
    let offers = Offers::with_shot_noise(places.view(), &[1.0], 0.1).unwrap();
    let noisy = NoisyExpectedImprovement::new(8, Seed(1)).unwrap();
    let found = noisy.scores(&model, targets.view(), &offers).unwrap();
    let belief = model.marginals(places.view()).unwrap();
    let candidates = offers.believed(&belief).unwrap();
    let plain = scores(&ExpectedImprovement::over(0.7).unwrap(), &candidates).unwrap();
    assert_all_close(&found, &plain, 1e-3, "improvement");
}

/// With one output that never changes, the information about it is the mutual information of jointly normal variables.
#[test]
fn information_about_a_fixed_output_has_a_closed_form() {
    let model = model();
    let first = |_: &[f64]| vec![2];
    let found = judged(&AlgorithmInformation::new(first, 3, Seed(1)).unwrap());
    let both = ndarray::concatenate(ndarray::Axis(0), &[places().view(), targets().view()]);
    let covariance = model.joint(both.unwrap().view()).unwrap().covariance;
    for (index, found) in found.iter().enumerate() {
        let (place, dose) = offers().locate(index).unwrap();
        let outcome = covariance[[place, place]] + 0.5 / dose;
        let squared = covariance[[place, 7]].powi(2) / (outcome * covariance[[7, 7]]);
        assert!((found + 0.5 * (-squared).ln_1p()).abs() < 1e-9);
    }
    // knowing every target tells as much as there is to be told at a target
    let all = AlgorithmInformation::new(TopValues(6), 2, Seed(1)).unwrap();
    let offers = Offers::with_shot_noise(targets().view(), &[1.0], 0.5).unwrap();
    let told = all.scores(&model, targets().view(), &offers).unwrap();
    let belief = model.marginals(targets().view()).unwrap();
    let candidates = offers.believed(&belief).unwrap();
    let most = scores(&MutualInformation, &candidates).unwrap();
    assert_all_close(&told, &most, 1e-6, "information");
    let wrong = AlgorithmInformation::new(|_: &[f64]| vec![99], 2, Seed(1)).unwrap();
    assert!(wrong.scores(&model, targets().view(), &offers).is_err());
}

/// A place is chosen as often as it is the best one, here a matter of one normal difference.
#[test]
fn thompson_chooses_with_the_probability_of_being_best() {
    let model = model();
    let points = array![[0.2], [0.7]];
    let joint = model.joint(points.view()).unwrap();
    let c = &joint.covariance;
    let spread = (c[[0, 0]] + c[[1, 1]] - 2.0 * c[[0, 1]]).sqrt();
    let wanted = {
        let gap = (joint.mean[1] - joint.mean[0]) / spread;
        Normal::new(0.0, 1.0).unwrap().cdf(gap)
    };
    let count = 20_000;
    let chosen = thompson(&model, points.view(), count, Seed(8)).unwrap();
    let share = chosen.iter().sum::<usize>() as f64 / count as f64;
    let error = (wanted * (1.0 - wanted) / count as f64).sqrt();
    assert!((share - wanted).abs() < 3.0 * error, "{share} {wanted}");
    assert_eq!(
        chosen,
        thompson(&model, points.view(), count, Seed(8)).unwrap()
    );
    assert_ne!(
        chosen,
        thompson(&model, points.view(), count, Seed(9)).unwrap()
    );
    assert!(thompson(&model, points.view(), 0, Seed(1)).is_err());
}

/// Gumbel quartiles of the draws are those of the maximum of the far-apart, hence independent, points.
#[test]
fn draws_of_the_maximum_agree_where_points_are_independent() {
    let prior = ExactGp::new(Rbf::isotropic(0.01).scaled(1.0), Noise::Homoscedastic(0.1));
    let points = Array2::from_shape_fn((30, 1), |(i, _)| i as f64);
    let quartiles = |search: MaxValueEntropy| {
        let mut maxima = search.maxima().to_vec();
        maxima.sort_by(f64::total_cmp);
        [1000, 2000, 3000].map(|rank| maxima[rank])
    };
    let sampled = MaxValueEntropy::sampled(&prior, points.view(), 4000, Seed(2)).unwrap();
    let gumbel = MaxValueEntropy::gumbel(&prior, points.view(), 4000, Seed(2)).unwrap();
    let normal = Normal::new(0.0, 1.0).unwrap();
    for search in [sampled, gumbel] {
        for (found, share) in quartiles(search).iter().zip([0.25, 0.5, 0.75_f64]) {
            let wanted = normal.inverse_cdf(share.powf(1.0 / 30.0));
            // three standard errors of a quartile of 4000 draws, whose density is about 0.5 there
            assert!((found - wanted).abs() < 0.05, "{found} {wanted}");
        }
    }
}

/// The chain rule against central differences of the score along the place.
#[test]
fn the_gradient_equals_differences_along_the_place() {
    let model = model();
    let acquisition = ExpectedImprovement::over(0.9)
        .unwrap()
        .after_measurement()
        .per_dose();
    let at = |x: f64| gradient(&acquisition, &model, &[x], 4.0, 0.2).unwrap();
    for x in [0.12, 0.5, 0.77, 1.4] {
        let wanted = (at(x + 1e-5).score - at(x - 1e-5).score) / 2e-5;
        let found = at(x).by_coordinate[0];
        assert!((found - wanted).abs() < 1e-7 * (0.1 + wanted.abs()), "{x}");
    }
    assert!(gradient(&acquisition, &model, &[f64::NAN], 4.0, 0.2).is_err());
    assert!(gradient(&acquisition, &model, &[0.5], 0.0, 0.2).is_err());
}

#[test]
fn dose_wrappers_and_wrong_shapes() {
    let plain = judged(&IntegratedVarianceReduction);
    let quotient = judged(&IntegratedVarianceReduction.per_dose());
    let cooled = judged(&IntegratedVarianceReduction.cooled(0.5).unwrap());
    let priced = judged(&IntegratedVarianceReduction.priced(0.01).unwrap());
    for index in 0..plain.len() {
        let dose = offers().locate(index).unwrap().1;
        assert_eq!(quotient[index], plain[index] / dose);
        assert!((cooled[index] - plain[index] / dose.sqrt()).abs() < 1e-15);
        assert_eq!(priced[index], plain[index] - 0.01 * dose);
    }
    assert_eq!(
        FieldCriterion::scale(&KnowledgeGradient.per_dose()),
        Scale::Gain
    );
    let (model, offers) = (model(), offers());
    let none = Array2::<f64>::zeros((0, 1));
    let wide = array![[0.0, 1.0]];
    let nan = array![[f64::NAN]];
    for wrong in [none, wide, nan] {
        assert!(
            KnowledgeGradient
                .scores(&model, wrong.view(), &offers)
                .is_err()
        );
        assert!(
            IntegratedVarianceReduction
                .scores(&model, wrong.view(), &offers)
                .is_err()
        );
    }
}

/// Targets that are the places on offer are looked at once, those in another order twice: the scores are the same.
#[test]
fn targets_may_be_the_places_themselves() {
    let (model, offers, places) = (model(), offers(), places());
    let backwards = places.slice(ndarray::s![..;-1, ..]);
    let criteria: [Box<dyn FieldCriterion>; 5] = [
        Box::new(IntegratedVarianceReduction),
        Box::new(KnowledgeGradient),
        Box::new(LevelSetLookahead::at(THRESHOLD).unwrap()),
        Box::new(NoisyExpectedImprovement::new(4096, Seed(3)).unwrap()),
        Box::new(Rollout::new(4.0, 2).unwrap()),
    ];
    for (k, criterion) in criteria.iter().enumerate() {
        let once = criterion.scores(&model, places.view(), &offers).unwrap();
        let twice = criterion.scores(&model, backwards, &offers).unwrap();
        // the draws of the fourth fall on other targets
        let tolerance = if k == 3 { 0.1 } else { 1e-8 };
        assert_all_close(&once, &twice, tolerance, &format!("criterion {k}"));
    }
}
