//! Batches of measurements with doses and costs: what is imagined is conditioning, over any posterior.

use dosewise::acquisition::{
    Acquisition, AtEachPlace, Choice, Damage, ExpectedImprovement, Field, FieldBatch,
    FieldCriterion, IntegratedVarianceReduction, LocalPenalty, LogExpectedImprovement, Offers,
    Outcomes, Scale, Survival, UpperConfidenceBound, best,
};
use dosewise::gp::{
    Bias, DoseGp, DoseNoise, ExactGp, InducingPoints, Kernel, LaplaceGp, Likelihood, Matern52,
    Noise, SparseGp, Surrogate, VecchiaGp,
};
use dosewise::units::{Dose, Seed};
use ndarray::{Array2, ArrayView2, Axis, array, concatenate};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

const OUTPUTS: [f64; 4] = [0.1, 0.9, 0.2, -0.4];

fn measured() -> Array2<f64> {
    array![[0.05], [0.3], [0.55], [0.9]]
}

fn kernel() -> impl Kernel + Clone {
    Matern52::isotropic(0.25).scaled(1.0)
}

fn model() -> ExactGp {
    let gp = ExactGp::new(kernel(), Noise::Homoscedastic(0.02));
    gp.condition(&measured(), &OUTPUTS).unwrap()
}

fn line(count: usize) -> Array2<f64> {
    Array2::from_shape_fn((count, 1), |(i, _)| i as f64 / (count - 1) as f64)
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

fn bound(_: f64) -> dosewise::Result<AtEachPlace<UpperConfidenceBound>> {
    Ok(UpperConfidenceBound::new(2.0)?.at_each_place())
}

fn assert_chosen(found: &[Choice], wanted: [(usize, f64); 4]) {
    for (found, (index, score)) in found.iter().zip(wanted) {
        assert_eq!(found.index, index);
        assert!((found.score - score).abs() < 1e-8, "{found:?} {score}");
    }
    assert_eq!(found.len(), 4);
}

/// Choices and scores printed when only an exact process and a dose of 1 were taken, and outcomes came from
/// [`ExactGp::fantasize`].
#[test]
fn at_unit_doses_an_exact_process_chooses_as_its_own_fantasies_do() {
    let (gp, places) = (model(), line(41));
    let offers = Offers::product(places.view(), &[1.0], |_, _| 0.02).unwrap();
    let batch = FieldBatch::new(field(&gp, &offers), 4).unwrap();
    let batch = batch.with_pending(&array![[0.42]], &[0.02]).unwrap();
    let drawn = Outcomes::Drawn {
        count: 8,
        seed: Seed(2),
    };
    let improvement = |ways| batch.sequential(log_improvement, 0.8, ways).unwrap();
    assert_chosen(
        &improvement(Outcomes::Expected),
        [
            (12, -2.3243602479867773),
            (10, -3.131899591235223),
            (13, -3.2333689017212266),
            (14, -3.635754418643238),
        ],
    );
    assert_chosen(
        &improvement(Outcomes::Constant(0.2)),
        [
            (10, -1.993831211415351),
            (28, -4.87020945626702),
            (13, -5.358809187550808),
            (40, -8.114770688614604),
        ],
    );
    assert_chosen(
        &improvement(drawn),
        [
            (14, -2.6941796717799393),
            (11, -3.1871553328584175),
            (9, -3.2831168744374906),
            (10, -3.8038268726229303),
        ],
    );
    assert_chosen(
        &batch.sequential(bound, 0.8, drawn).unwrap(),
        [
            (9, 1.2108715007462492),
            (14, 1.190688418477506),
            (15, 1.0990381904502813),
            (11, 1.0656503992134538),
        ],
    );
    let penalty = LocalPenalty::new(0.9).unwrap();
    assert_chosen(
        &batch
            .penalised(&log_improvement(0.8).unwrap(), &penalty)
            .unwrap(),
        [
            (10, -2.4984367236624094),
            (13, -2.833792611584174),
            (8, -3.16606380862666),
            (15, -3.381918550978725),
        ],
    );
}

/// One of each kind that is not an exact process.
fn others() -> Vec<(&'static str, Box<dyn Surrogate>)> {
    let (x, y) = (measured(), OUTPUTS);
    let noise = || Noise::Homoscedastic(0.02);
    let inducing = InducingPoints::given(&line(6)).unwrap();
    let shots = DoseNoise::Known {
        shot: 0.1,
        readout: 0.01,
    };
    let doses = [4.0, 50.0, 4.0, 50.0].map(Dose);
    let sparse = SparseGp::new(kernel(), noise(), inducing);
    let vecchia = VecchiaGp::new(kernel(), noise()).with_neighbours(2);
    let exposure = vec![6.0; 4];
    let counts = LaplaceGp::new(kernel(), Likelihood::Poisson { exposure });
    let dosed = DoseGp::new(kernel(), Bias::None, shots);
    vec![
        ("SparseGp", Box::new(sparse.condition(&x, &y).unwrap())),
        ("VecchiaGp", Box::new(vecchia.condition(&x, &y).unwrap())),
        (
            "LaplaceGp",
            Box::new(counts.condition(&x, &[7.0, 15.0, 8.0, 4.0]).unwrap()),
        ),
        ("DoseGp", Box::new(dosed.condition(&x, &doses, &y).unwrap())),
    ]
}

/// The liar's second choice over every posterior, against conditioning on two numbers by the inverse of a 2 × 2 matrix.
#[test]
fn any_posterior_is_told_what_is_imagined() {
    let places = line(9);
    let noise = |place: usize, dose: f64| (0.1 + 0.02 * place as f64) / dose;
    let cost = |place: usize, dose: f64| 1.0 + 0.3 * place as f64 + dose;
    let offers = Offers::product(places.view(), &[1.0, 5.0], noise).unwrap();
    let offers = offers.with_costs(cost).unwrap();
    let (pending, pending_noise, lie) = (array![[0.42]], 0.05, 0.3);
    let over = 0.5;
    let improvement = |_| {
        Ok(ExpectedImprovement::over(over)?
            .after_measurement()
            .per_dose()
            .at_each_place())
    };
    for (name, surrogate) in others() {
        let batch = FieldBatch::new(field(&*surrogate, &offers), 2).unwrap();
        let batch = batch.with_pending(&pending, &[pending_noise]).unwrap();
        let chosen = batch
            .sequential(improvement, over, Outcomes::Constant(lie))
            .unwrap();
        let first = offers.get(chosen[0].index).unwrap();
        let all = concatenate![Axis(0), places, pending];
        let joint = surrogate.joint(all.view()).unwrap();
        let told = [9, first.place];
        let noises = [pending_noise, first.noise_variance];
        let c = |i: usize, j: usize| joint.covariance[[i, j]];
        let [a, b, d] = [
            c(told[0], told[0]) + noises[0],
            c(told[0], told[1]),
            c(told[1], told[1]) + noises[1],
        ];
        let determinant = a * d - b * b;
        let inverse = [[d, -b], [-b, a]].map(|row| row.map(|entry| entry / determinant));
        let misfit = told.map(|i| lie - joint.mean[i]);
        let score = |place: usize, noise: f64, cost: f64| {
            let k = told.map(|i| c(place, i));
            let (mut mean, mut variance) = (joint.mean[place], c(place, place));
            for i in 0..2 {
                for j in 0..2 {
                    mean += k[i] * inverse[i][j] * misfit[j];
                    variance -= k[i] * inverse[i][j] * k[j];
                }
            }
            let deviation = variance / (variance + noise).sqrt();
            let z = (mean - over) / deviation;
            use statrs::distribution::{Continuous, ContinuousCDF, Normal};
            let normal = Normal::standard();
            deviation * (normal.pdf(z) + z * normal.cdf(z)) / cost
        };
        let each = offers.iter().filter(|offer| offer.place != first.place);
        let scores = each.map(|offer| score(offer.place, offer.noise_variance, offer.cost));
        let highest = scores.fold(0.0, f64::max);
        let second = offers.get(chosen[1].index).unwrap();
        let own = score(second.place, second.noise_variance, second.cost);
        assert!(
            (chosen[1].score - own).abs() < 1e-8 * own,
            "{name}: {chosen:?} {own}"
        );
        assert!(own >= highest * (1.0 - 1e-8), "{name}: {own} {highest}");
        assert_ne!(first.place, second.place, "{name}");
    }
}

/// The believer's first choice is the acquisition's own, its second that of a process told the mean.
#[test]
fn the_believer_equals_appending_the_mean() {
    let (gp, places) = (model(), line(41));
    let offers = Offers::product(places.view(), &[1.0], |_, _| 0.02).unwrap();
    let batch = FieldBatch::new(field(&gp, &offers), 2).unwrap();
    let batch = batch.sequential(bound, 0.0, Outcomes::Expected).unwrap();
    assert_eq!(
        batch[0],
        best(&bound(0.0).unwrap(), &field(&gp, &offers)).unwrap()
    );
    let place = places.select(Axis(0), &[batch[0].index]);
    let mean = gp.marginals(place.view()).unwrap().mean[0];
    let mut told = gp.clone();
    told.append(&place.row(0).to_vec(), mean, None).unwrap();
    let known = told.marginals(places.view()).unwrap();
    let bound = |i: usize| known.mean[i] + 2.0 * known.variance[i].sqrt();
    let second = (0..41)
        .filter(|&i| i != batch[0].index)
        .max_by(|&a, &b| bound(a).total_cmp(&bound(b)));
    assert_eq!(second, Some(batch[1].index));
    assert!((bound(batch[1].index) - batch[1].score).abs() < 1e-10);
}

/// Each choice of a batch is the best on average over joint draws of the outcomes before it, of another stream.
#[test]
fn a_batch_is_greedy_over_conditional_joint_draws() {
    let (gp, places) = (model(), line(15));
    let noise = |place: usize| 0.02 + 0.004 * place as f64;
    let offers = Offers::product(places.view(), &[1.0], |place, _| noise(place)).unwrap();
    let ways = Outcomes::Drawn {
        count: 4000,
        seed: Seed(8),
    };
    let improvement = |over| Ok(ExpectedImprovement::over(over)?.at_each_place());
    let batch = FieldBatch::new(field(&gp, &offers), 3).unwrap();
    let batch = batch.sequential(improvement, 0.6, ways).unwrap();
    let known = vec![0.02; 4];
    let known = ExactGp::new(kernel(), Noise::Known(known))
        .condition(&measured(), &OUTPUTS)
        .unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    for k in 1..3 {
        let chosen: Vec<usize> = batch[..k].iter().map(|choice| choice.index).collect();
        let busy = places.select(Axis(0), &chosen);
        let noises: Vec<f64> = chosen.iter().map(|&place| noise(place)).collect();
        let fantasy = known.fantasize(&busy, Some(&noises)).unwrap();
        let outcomes = fantasy.sample_outcomes(4000, &mut rng).unwrap();
        let prospects = fantasy.given_each(&outcomes, &places).unwrap();
        let gains = |place: usize| -> Vec<f64> {
            let each = prospects.mean.rows().into_iter().map(|means| {
                let over = chosen.iter().map(|&i| means[i]).fold(0.6, f64::max);
                let variance = prospects.variance[place];
                let rule = ExpectedImprovement::over(over).unwrap();
                let belief =
                    dosewise::acquisition::Candidate::new(means[place], variance, 0.0, 1.0);
                rule.score(&belief.unwrap())
            });
            each.collect()
        };
        let moments = |gains: &[f64]| {
            let mean = gains.iter().sum::<f64>() / gains.len() as f64;
            let square = gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>();
            (mean, square.sqrt() / gains.len() as f64)
        };
        let (own, error) = moments(&gains(batch[k].index));
        assert!(
            (batch[k].score - own).abs() < 3.0 * 2.0_f64.sqrt() * error,
            "{own}"
        );
        let highest = (0..15)
            .filter(|place| !chosen.contains(place))
            .map(|place| moments(&gains(place)).0)
            .fold(0.0, f64::max);
        assert!(own > highest - 3.0 * error, "{own} {highest}");
    }
}

/// Scores with as many numbers as it likes.
struct Wrong(usize);

impl FieldCriterion for Wrong {
    fn scores(
        &self,
        _: &dyn Surrogate,
        _: ArrayView2<'_, f64>,
        _: &Offers,
    ) -> dosewise::Result<Vec<f64>> {
        Ok(vec![f64::NAN; self.0])
    }

    fn scale(&self) -> Scale {
        Scale::Gain
    }
}

#[test]
fn costs_damage_and_criteria_over_the_field_decide() {
    let (gp, places) = (model(), line(11));
    let offers = Offers::with_shot_noise(places.view(), &[1.0, 10.0], 0.1).unwrap();
    let several = |offers| FieldBatch::new(field(&gp, offers), 3).unwrap();
    let places_of = |batch: &[Choice]| -> Vec<usize> {
        batch
            .iter()
            .map(|choice| offers.locate(choice.index).unwrap().0)
            .collect()
    };
    let priced = |over| {
        Ok(LogExpectedImprovement::over(over)?
            .per_dose()
            .at_each_place())
    };
    let now = several(&offers)
        .sequential(priced, 0.8, Outcomes::Expected)
        .unwrap();
    let dear = places_of(&now);
    let cost = |place, dose: f64| {
        if dear.contains(&place) {
            1e6 * dose
        } else {
            dose
        }
    };
    let charged = offers.clone().with_costs(cost).unwrap();
    let then = several(&charged)
        .sequential(priced, 0.8, Outcomes::Expected)
        .unwrap();
    assert!(places_of(&then).iter().all(|place| !dear.contains(place)));
    // the same where what was dear is now destroyed
    let lost = (0..11).map(|place| if dear.contains(&place) { 500.0 } else { 0.0 });
    let damage = Damage::new(Survival::new(20.0, 2.0).unwrap(), lost.collect()).unwrap();
    let harmed = |over| {
        let plain = LogExpectedImprovement::over(over)?;
        Ok(plain.damaged(damage.clone()).per_dose())
    };
    let then = several(&offers)
        .sequential(harmed, 0.8, Outcomes::Expected)
        .unwrap();
    assert!(places_of(&then).iter().all(|place| !dear.contains(place)));
    let penalty = LocalPenalty::new(0.9).unwrap();
    let then = several(&offers)
        .penalised(&harmed(0.8).unwrap(), &penalty)
        .unwrap();
    assert!(places_of(&then).iter().all(|place| !dear.contains(place)));
    // variances do not depend on outcomes: greedy reduction is that of processes told anything
    let variance = |_| Ok(IntegratedVarianceReduction);
    let batch = several(&offers)
        .sequential(variance, 0.0, Outcomes::Expected)
        .unwrap();
    let known = ExactGp::new(kernel(), Noise::Known(vec![0.02; 4]));
    let mut told = known.condition(&measured(), &OUTPUTS).unwrap();
    for choice in batch {
        let now = field(&told, &offers);
        let alone = best(&IntegratedVarianceReduction, &now).unwrap();
        assert_eq!(alone.index, choice.index);
        assert!((alone.score - choice.score).abs() < 1e-10);
        let offer = offers.get(choice.index).unwrap();
        let place = places.row(offer.place).to_vec();
        told.append(&place, 7.0, offer.noise_variance).unwrap();
    }
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    let (gp, places) = (model(), line(5));
    let offers = Offers::with_shot_noise(places.view(), &[1.0], 0.1).unwrap();
    let field = field(&gp, &offers);
    let refused = |result: dosewise::Result<Vec<Choice>>, name: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    };
    assert!(FieldBatch::new(field, 0).is_err());
    let batch = FieldBatch::new(field, 2).unwrap();
    let beside = |pending: &Array2<f64>, noise: &[f64]| batch.clone().with_pending(pending, noise);
    assert!(beside(&array![[0.1, 0.2]], &[0.1]).is_err());
    assert!(beside(&array![[f64::NAN]], &[0.1]).is_err());
    for noise in [&[][..], &[0.1, 0.1], &[f64::NAN], &[-0.1], &[f64::INFINITY]] {
        let error = beside(&array![[0.1]], noise).unwrap_err().to_string();
        assert!(error.starts_with("noise_variances"), "{error}");
    }
    let (believer, over) = (Outcomes::Expected, log_improvement);
    refused(batch.sequential(over, f64::NAN, believer), "incumbent");
    let lie = Outcomes::Constant(f64::NAN);
    refused(batch.sequential(over, 0.0, lie), "outcomes");
    let ways = |count| Outcomes::Drawn {
        count,
        seed: Seed(0),
    };
    refused(batch.sequential(over, 0.0, ways(0)), "outcomes");
    let beside = beside(&array![[0.1]], &[0.1]).unwrap();
    refused(beside.sequential(over, 0.0, ways(usize::MAX)), "points");
    let penalty = LocalPenalty::new(1.0).unwrap();
    for count in [0, 4, 5, 6] {
        let wrong = |_| Ok(Wrong(count));
        refused(batch.sequential(wrong, 0.0, believer), "acquisition");
        let once = wrong(0.0).unwrap();
        refused(batch.penalised(&once, &penalty), "acquisition");
        assert!(best(&once, &field).is_err());
        assert!(best(&once.per_dose(), &field).is_err());
    }
}
