//! Rollouts, plans and learned costs against quadrature, exhaustive search and simulation.

use dosewise::acquisition::{
    Acquisition, Candidate, CostBelief, CostModel, ExpectedImprovement, FieldCriterion,
    KnowledgeGradient, LogExpectedImprovement, MaxValueEntropy, MeasurementGain, MonteCarlo,
    MutualInformation, Offers, Rollout, Scale, SetFunction, UpperConfidenceBound, best, knapsack,
};
use dosewise::gp::{ExactGp, Kernel, Marginals, Noise, Rbf, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, ArrayView2, Axis, array, concatenate};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

const OUTPUTS: [f64; 3] = [0.2, -0.5, 0.6];

fn measured() -> Array2<f64> {
    array![[0.1], [0.4], [0.9]]
}

fn places() -> Array2<f64> {
    array![[0.0], [0.25], [0.7], [1.3]]
}

fn prior(noise: Vec<f64>) -> ExactGp {
    ExactGp::new(Rbf::isotropic(0.3).scaled(1.2), Noise::Known(noise))
}

fn model(noise: f64) -> ExactGp {
    prior(vec![noise; 3])
        .condition(&measured(), &OUTPUTS)
        .unwrap()
}

/// Two doses, the larger one with less noise.
fn offers(noise_at_unit_dose: f64) -> Offers {
    Offers::with_shot_noise(places().view(), &[1.0, 3.0], noise_at_unit_dose).unwrap()
}

fn scores(rollout: &impl FieldCriterion, gp: &ExactGp, offers: &Offers) -> Vec<f64> {
    rollout.scores(gp, measured().view(), offers).unwrap()
}

fn close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let difference = (found - wanted).abs();
        assert!(difference <= tolerance, "{index}: {found} {wanted}");
    }
}

/// Sum over the standard normal density on a fine grid.
fn expectation(step: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    let normal = Normal::standard();
    let ends = (7.0 / step) as i32;
    (-ends..=ends)
        .map(|node| f64::from(node) * step)
        .map(|z| normal.pdf(z) * step * f(z))
        .sum()
}

/// The largest posterior mean at the first `watched` rows and how it will rise if row `watched + i` is measured with this
/// noise, by a sum over outcomes.
fn expected_rise(gp: &ExactGp, watched: ArrayView2<'_, f64>, place: f64, noise: f64) -> f64 {
    let all = concatenate(Axis(0), &[watched, array![[place]].view()]).unwrap();
    let joint = gp.joint(all.view()).unwrap();
    let last = watched.nrows();
    let deviation = (joint.covariance[[last, last]].max(0.0) + noise).sqrt();
    let largest = |z: f64, count: usize| {
        (0..count)
            .map(|j| joint.mean[j] + joint.covariance[[j, last]] / deviation * z)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    expectation(0.01, |z| largest(z, last + 1)) - largest(0.0, last)
}

/// The best two-step policy by brute force: conditions the process anew on every outcome.
fn two_steps(gp: &ExactGp, noise: f64, offers: &Offers, budget: f64) -> Vec<f64> {
    let (known, places) = (measured(), places());
    let offer = |index: usize| {
        let (place, dose) = offers.locate(index).unwrap();
        (places[[place, 0]], dose, 0.02 / dose)
    };
    let worth = |first: usize| {
        let (place, dose, first_noise) = offer(first);
        if dose > budget {
            return 0.0;
        }
        let at_once = expected_rise(gp, known.view(), place, first_noise);
        let extended = concatenate(Axis(0), &[known.view(), array![[place]].view()]).unwrap();
        let belief = gp.marginals(array![[place]].view()).unwrap();
        let deviation = (belief.variance[0] + first_noise).sqrt();
        let later = expectation(0.1, |z| {
            let mut outcomes = OUTPUTS.to_vec();
            outcomes.push(belief.mean[0] + deviation * z);
            let told = prior(vec![noise, noise, noise, first_noise])
                .condition(&extended, &outcomes)
                .unwrap();
            let next = (0..offers.len()).filter(|&next| offer(next).1 <= budget - dose);
            let rises = next.map(|next| {
                let (place, _, noise) = offer(next);
                expected_rise(&told, extended.view(), place, noise)
            });
            rises.fold(0.0, f64::max)
        });
        at_once + later
    };
    (0..offers.len()).map(worth).collect()
}

#[test]
fn one_step_is_expected_improvement_if_the_measured_values_are_known() {
    let (gp, incumbent) = (model(0.0), 0.6);
    for noise in [0.0, 0.3] {
        let offers = offers(noise);
        let belief = gp.marginals(places().view()).unwrap();
        let candidates = offers.believed(&belief).unwrap();
        let improvement = ExpectedImprovement::over(incumbent)
            .unwrap()
            .after_measurement();
        let wanted = dosewise::acquisition::scores(&improvement, &candidates);
        let found = scores(&Rollout::new(3.0, 1).unwrap(), &gp, &offers);
        close(&found, &wanted.unwrap(), 1e-12);
        // and the larger dose may be more than there is
        let found = scores(&Rollout::new(2.0, 1).unwrap(), &gp, &offers);
        assert!(found.iter().skip(1).step_by(2).all(|score| *score == 0.0));
    }
}

#[test]
fn one_step_with_noise_is_the_knowledge_gradient_over_what_is_measured_by_then() {
    let gp = model(0.05);
    let offers = offers(0.02);
    let found = scores(&Rollout::new(3.0, 1).unwrap(), &gp, &offers);
    for (index, found) in found.iter().enumerate() {
        let (place, dose) = offers.locate(index).unwrap();
        let place = places()[[place, 0]];
        let targets = concatenate(Axis(0), &[measured().view(), array![[place]].view()]).unwrap();
        let only = Offers::with_shot_noise(array![[place]].view(), &[dose], 0.02).unwrap();
        let gradient = KnowledgeGradient
            .scores(&gp, targets.view(), &only)
            .unwrap()[0];
        let means = gp.marginals(targets.view()).unwrap().mean;
        let before = means[..3].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let wanted = gradient + (means[3] - before).max(0.0);
        assert!((found - wanted).abs() < 1e-12, "{index}: {found} {wanted}");
        let summed = expected_rise(&gp, measured().view(), place, 0.02 / dose);
        assert!((found - summed).abs() < 1e-5, "{index}: {found} {summed}");
    }
}

#[test]
fn two_steps_are_the_best_policy_by_quadrature() {
    let gp = model(0.02);
    for budget in [1.0, 2.0, 4.0] {
        let wanted = two_steps(&gp, 0.02, &offers(0.02), budget);
        let draws = MonteCarlo::new(1024, Seed(3)).unwrap();
        let rollout = Rollout::new(budget, 2).unwrap().with_draws(draws);
        close(&scores(&rollout, &gp, &offers(0.02)), &wanted, 2e-4);
        // few draws rank alike
        let few = Rollout::new(budget, 2).unwrap();
        close(&scores(&few, &gp, &offers(0.02)), &wanted, 4e-3);
    }
}

#[test]
fn more_budget_and_more_steps_are_worth_more() {
    for noise in [0.0, 0.02] {
        let gp = model(noise);
        let at = |budget: f64, steps: usize| {
            scores(&Rollout::new(budget, steps).unwrap(), &gp, &offers(noise))
        };
        assert_eq!(at(0.0, 2), [0.0; 8]);
        assert_eq!(at(0.99, 4), [0.0; 8]);
        for steps in [1, 2] {
            let mut last = at(0.5, steps);
            for budget in [1.0, 2.0, 3.0, 4.0, 5.5, 6.0, 100.0] {
                let found = at(budget, steps);
                let never_falls = last.iter().zip(&found).all(|(last, found)| found >= last);
                assert!(never_falls, "{steps} {budget}: {last:?} {found:?}");
                last = found;
            }
        }
        let (one, two, four) = (at(100.0, 1), at(100.0, 2), at(100.0, 4));
        for i in 0..8 {
            assert!(
                one[i] < two[i] && two[i] < four[i],
                "{i}: {one:?} {two:?} {four:?}"
            );
        }
    }
}

/// A single dear measurement, or two cheap ones nearly as good: only who counts the budget sees it.
#[test]
fn two_cheap_measurements_beat_a_dear_one() {
    let gp = ExactGp::new(Rbf::isotropic(0.1).scaled(1.0), Noise::Known(vec![0.0]))
        .condition(&array![[0.0]], &[0.5])
        .unwrap();
    let places = array![[5.0], [6.0], [7.0]];
    let offers = |dear_noise: f64| {
        Offers::product(places.view(), &[1.0], move |place, _| {
            if place == 0 { dear_noise } else { 0.2 }
        })
        .unwrap()
        .with_costs(|place, _| if place == 0 { 2.0 } else { 1.0 })
        .unwrap()
    };
    let targets = array![[0.0]];
    let worth = |steps: usize, budget: f64| {
        Rollout::new(budget, steps)
            .unwrap()
            .scores(&gp, targets.view(), &offers(0.0))
            .unwrap()
    };
    let (one, two) = (worth(1, 2.0), worth(2, 2.0));
    assert!(one[0] > one[1] && two[0] < two[1]);
    assert_eq!(one[0], two[0]); // nothing is left after it
    // E[max(0.5, a, b)] − 0.5 of two independent means of variance 1/1.2
    let deviation = (1.0_f64 / 1.2).sqrt();
    let normal = Normal::standard();
    let both = expectation(1e-3, |z| {
        // max of two: density 2 φ Φ
        2.0 * normal.cdf(z) * (deviation * z - 0.5).max(0.0)
    });
    assert!((two[1] - both).abs() < 2e-3, "{} {both}", two[1]);
    assert!(worth(2, 3.0)[0] > worth(2, 2.0)[0]);
}

#[test]
fn scores_do_not_depend_on_threads_and_compose_with_rules_and_wrappers() {
    let (gp, offers) = (model(0.01), offers(0.02));
    let rollout = Rollout::new(5.0, 3).unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| scores(&rollout, &gp, &offers))
    };
    assert_eq!(on(1), on(3));
    let plain = on(2);
    let halved: Vec<f64> = plain
        .iter()
        .zip(offers.costs())
        .map(|(score, cost)| score / cost)
        .collect();
    assert_eq!(scores(&rollout.clone().per_dose(), &gp, &offers), halved);
    assert_eq!(FieldCriterion::scale(&rollout), Scale::Gain);
    let log = |incumbent| {
        LogExpectedImprovement::over(incumbent).map(|rule| rule.after_measurement().per_dose())
    };
    close(
        &scores(&rollout.clone().with_base(log), &gp, &offers),
        &plain,
        1e-12,
    );
    let bold = rollout
        .clone()
        .with_base(|_| UpperConfidenceBound::new(1.0));
    assert_ne!(scores(&bold, &gp, &offers), plain);
    // a rule that wants nothing ends the rollout after the first measurement
    let idle = rollout.with_base(|_| Ok(Constant(f64::NEG_INFINITY)));
    let once = scores(&Rollout::new(5.0, 1).unwrap(), &gp, &offers);
    assert_eq!(scores(&idle, &gp, &offers), once);
}

struct Constant(f64);

impl Acquisition for Constant {
    fn score(&self, _: &Candidate) -> f64 {
        self.0
    }

    fn scale(&self) -> Scale {
        Scale::Level { reference: 0.0 }
    }
}

#[test]
fn wrong_rollouts_are_refused() {
    assert!(Rollout::new(f64::NAN, 1).is_err() && Rollout::new(-1.0, 1).is_err());
    assert!(Rollout::new(1.0, 0).is_err() && Rollout::new(1.0, 5).is_err());
    let (gp, offers, known) = (model(0.01), offers(0.02), measured());
    let rollout = Rollout::new(9.0, 3).unwrap();
    let none = Array2::zeros((0, 1));
    assert!(rollout.scores(&gp, none.view(), &offers).is_err());
    assert!(
        rollout
            .scores(&gp, array![[0.0, 1.0]].view(), &offers)
            .is_err()
    );
    let lost = rollout.clone().with_base(|_| Ok(Constant(f64::NAN)));
    assert!(lost.scores(&gp, known.view(), &offers).is_err());
    let failing = rollout.with_base(|_| ExpectedImprovement::over(f64::NAN));
    assert!(failing.scores(&gp, known.view(), &offers).is_err());
}

/// Places and noise variances of the offers in a set.
fn members(offers: &Offers, set: usize) -> impl Iterator<Item = usize> + '_ {
    (0..offers.len()).filter(move |k| set >> k & 1 == 1)
}

/// Trace at the targets after the measurements, and ½ ln of the ratio of outcome and noise determinants, from the process
/// itself.
fn told(offers: &Offers, set: &[usize], targets: ArrayView2<'_, f64>) -> (f64, f64) {
    let (mut points, mut noise) = (measured(), vec![0.02; 3]);
    let mut information = 0.0;
    for &index in set {
        let (place, dose) = offers.locate(index).unwrap();
        let row = array![[places()[[place, 0]]]];
        let outputs = vec![0.0; noise.len()];
        let gp = prior(noise.clone()).condition(&points, &outputs).unwrap();
        let variance = gp.marginals(row.view()).unwrap().variance[0];
        information += 0.5 * (1.0 + variance * dose / 0.02).ln();
        points = concatenate(Axis(0), &[points.view(), row.view()]).unwrap();
        noise.push(0.02 / dose);
    }
    let outputs = vec![0.0; noise.len()];
    let gp = prior(noise).condition(&points, &outputs).unwrap();
    (
        gp.marginals(targets).unwrap().variance.iter().sum(),
        information,
    )
}

#[test]
fn plans_come_near_the_best_of_all_sets() {
    let (gp, offers) = (model(0.02), offers(0.02));
    let targets = array![[0.0], [0.3], [0.6], [0.8], [1.2]];
    let before = told(&offers, &[], targets.view()).0;
    let information = MeasurementGain::information(&gp, &offers).unwrap();
    let variance = MeasurementGain::variance_reduction(&gp, targets.view(), &offers).unwrap();
    let sets: Vec<(f64, f64, f64)> = (0..1_usize << offers.len())
        .map(|set| {
            let set: Vec<usize> = members(&offers, set).collect();
            let cost = set.iter().map(|&k| offers.costs()[k]).sum();
            let (trace, information) = told(&offers, &set, targets.view());
            (cost, information, before - trace)
        })
        .collect();
    for budget in [0.5, 1.0, 3.0, 5.0, 9.0, 16.0] {
        let affordable = || sets.iter().filter(|(cost, _, _)| *cost <= budget);
        let most = affordable().map(|set| set.1).fold(0.0, f64::max);
        let plan = knapsack(&information, offers.costs(), budget).unwrap();
        let found = told(&offers, &plan.items, targets.view()).1;
        assert!((plan.worth - found).abs() < 1e-9 && plan.cost <= budget);
        assert!(
            plan.worth >= 0.9 * most && plan.worth <= most + 1e-9,
            "{budget}: {plan:?} {most}"
        );
        let bound = plan.upper_bound.unwrap();
        assert!(
            bound >= most - 1e-9 && bound <= 1.5 * most + 1e-9,
            "{budget}: {bound} {most}"
        );

        let most = affordable().map(|set| set.2).fold(0.0, f64::max);
        let plan = knapsack(&variance, offers.costs(), budget).unwrap();
        let found = before - told(&offers, &plan.items, targets.view()).0;
        assert!(
            (plan.worth - found).abs() < 1e-9,
            "{budget}: {plan:?} {found}"
        );
        assert!(
            plan.worth >= 0.9 * most && plan.worth <= most + 1e-9,
            "{budget}: {plan:?} {most}"
        );
        assert_eq!(plan.upper_bound, None);
    }
}

#[test]
fn an_information_gain_never_grows_and_must_be_finite() {
    let (gp, offers) = (model(0.02), offers(0.02));
    let mut gain = MeasurementGain::information(&gp, &offers).unwrap();
    let mut last = gain.gains();
    for item in [5, 2, 5, 0] {
        gain.take(item);
        let gains = gain.gains();
        assert!(
            gains
                .iter()
                .zip(&last)
                .all(|(now, last)| *now <= last + 1e-12 && *now >= 0.0)
        );
        last = gains;
    }
    let free = Offers::with_shot_noise(places().view(), &[1.0], 0.0).unwrap();
    assert!(MeasurementGain::information(&gp, &free).is_err());
    let none = Array2::zeros((0, 1));
    assert!(MeasurementGain::variance_reduction(&gp, none.view(), &offers).is_err());
    // without noise the variance is removed once
    let variance = MeasurementGain::variance_reduction(&gp, places().view(), &free).unwrap();
    let plan = knapsack(&variance, free.costs(), 10.0).unwrap();
    let before: f64 = gp.marginals(places().view()).unwrap().variance.iter().sum();
    assert_eq!(plan.items.len(), 4);
    assert!((plan.worth - before).abs() < 1e-9);
}

/// `H[y] − mean over y* of H[y | f ≤ y*]`, the density of the measurement by convolution of that of the latent value with its
/// noise.
fn entropy_drop(candidate: &Candidate, maxima: &[f64]) -> f64 {
    let normal = Normal::standard();
    let (mean, deviation) = (candidate.mean(), candidate.variance().sqrt());
    let noise = candidate.noise_variance().sqrt();
    let spread = (candidate.variance() + candidate.noise_variance()).sqrt();
    let whole = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).ln() + spread.ln();
    let entropy = |maximum: f64| -> f64 {
        let gamma = (maximum - mean) / deviation;
        let step = 0.02 * spread;
        (-450..=450)
            .map(|node| {
                let y = mean + f64::from(node) * step;
                // nodes of the latent value end exactly at the maximum
                let width = (gamma + 9.0) * deviation / 1200.0;
                let density: f64 = (0..1200)
                    .map(|k| {
                        let f = maximum - (f64::from(k) + 0.5) * width;
                        let latent = normal.pdf((f - mean) / deviation) / deviation;
                        latent * normal.pdf((y - f) / noise) / noise * width
                    })
                    .sum::<f64>()
                    / normal.cdf(gamma);
                if density > 0.0 {
                    -density * density.ln() * step
                } else {
                    0.0
                }
            })
            .sum()
    };
    whole - maxima.iter().map(|&maximum| entropy(maximum)).sum::<f64>() / maxima.len() as f64
}

#[test]
fn entropy_about_the_maximum_knows_the_dose() {
    let maxima = [0.9, 1.4];
    let search = MaxValueEntropy::new(maxima.to_vec()).unwrap();
    let at = |dose: f64| Candidate::new(0.6, 0.3, 2.0 / dose, dose).unwrap();
    for dose in [0.5, 5.0, 60.0] {
        let (found, wanted) = (search.score(&at(dose)), entropy_drop(&at(dose), &maxima));
        assert!((found - wanted).abs() < 1e-5, "{dose}: {found} {wanted}");
    }
    // more dose tells more, never more than the latent value or than without noise, and each electron less than the one before
    let limit = search.score(&Candidate::new(0.6, 0.3, 0.0, 1.0).unwrap());
    let doses: Vec<f64> = (-8..=24)
        .map(|k| 2.0_f64.powf(0.5 * f64::from(k)))
        .collect();
    let told: Vec<f64> = doses.iter().map(|&dose| search.score(&at(dose))).collect();
    for (pair, dose) in told.windows(2).zip(doses.windows(2)) {
        assert!(pair[0] < pair[1] && pair[1] < limit);
        assert!(pair[0] / dose[0] > pair[1] / dose[1]);
        assert!(pair[1] < MutualInformation.score(&at(dose[1])));
    }
    // two visits of one dose against one of another: the price decides
    let two = array![[0.0], [1.0]];
    let offers = Offers::with_shot_noise(two.view(), &[1.0, 8.0, 64.0], 2.0).unwrap();
    let belief = Marginals {
        mean: vec![0.6, -0.6],
        variance: vec![0.3; 2],
    };
    let candidates = offers.believed(&belief).unwrap();
    let choose = |rule: &dyn Acquisition| offers.locate(best(rule, &candidates).unwrap().index);
    assert_eq!(choose(&&search), Some((0, 64.0)));
    assert_eq!(choose(&(&search).per_dose()), Some((0, 1.0)));
    assert_eq!(choose(&(&search).priced(0.005).unwrap()), Some((0, 8.0)));
}

#[test]
fn uncertain_costs_are_averaged_as_the_wrapper_asks() {
    let log_cost = ExactGp::new(Rbf::isotropic(0.4).scaled(0.8), Noise::Homoscedastic(0.1))
        .condition(&measured(), &[0.5, 2.0, 1.0])
        .unwrap();
    let model = CostModel::new(&log_cost).with_scatter(0.1).unwrap();
    let belief = log_cost.marginals(places().view()).unwrap();
    let costs = model.predict(places().view()).unwrap();
    let candidate = Candidate::new(0.3, 0.5, 0.1, 1.0).unwrap();
    let gain = LogExpectedImprovement::over(0.4).unwrap();
    let worth = gain.score(&candidate).exp();
    for (i, cost) in costs.iter().enumerate() {
        let (m, s) = (belief.mean[i], (belief.variance[i] + 0.1).sqrt());
        assert_eq!(*cost, CostBelief::new(m, belief.variance[i] + 0.1).unwrap());
        let mean_of = |f: &dyn Fn(f64) -> f64| expectation(0.01, |z| f((m + s * z).exp()));
        let charged = |p: f64| cost.charge(candidate, p).unwrap();
        let per_cost = gain.per_dose().score(&charged(-1.0)).exp();
        assert!((per_cost / mean_of(&|c| worth / c) - 1.0).abs() < 1e-9);
        let cooled = gain.cooled(0.3).unwrap().score(&charged(-0.3)).exp();
        assert!((cooled / mean_of(&|c| worth / c.powf(0.3)) - 1.0).abs() < 1e-9);
        let priced = gain.priced(0.01).unwrap().score(&charged(1.0));
        assert!((priced - mean_of(&|c| worth - 0.01 * c)).abs() < 1e-9);
    }
    // criteria over a field take the same numbers
    let gp = self::model(0.02);
    let offers = offers(0.02)
        .with_costs(|place, dose| dose * costs[place].power_mean(1.0))
        .unwrap();
    let budget = 1.1 * costs[1].power_mean(1.0);
    let worth = scores(&Rollout::new(budget, 2).unwrap(), &gp, &offers);
    for (worth, cost) in worth.iter().zip(offers.costs()) {
        assert_eq!(*worth > 0.0, *cost <= budget);
    }
    assert!(model.with_scatter(-1.0).is_err() && model.with_scatter(f64::NAN).is_err());
    assert!(model.predict(array![[f64::NAN]].view()).is_err());
}

/// The rule in between is told dose and cost apart: one that judges by the dose does not see what things cost.
#[test]
fn the_rule_in_between_tells_dose_from_cost() {
    struct ByDose;
    impl Acquisition for ByDose {
        fn score(&self, candidate: &Candidate) -> f64 {
            assert!([1.0, 2.0].contains(&candidate.dose()) && candidate.cost() > 2.0);
            candidate.dose()
        }
        fn scale(&self) -> Scale {
            Scale::Gain
        }
    }
    let gp = model(0.01);
    let offers = Offers::product(places().view(), &[1.0, 2.0], |_, _| 0.02)
        .unwrap()
        .with_costs(|_, dose| 10.0 + dose)
        .unwrap();
    let rollout = Rollout::new(50.0, 3).unwrap().with_base(|_| Ok(ByDose));
    assert!(scores(&rollout, &gp, &offers).iter().all(|s| *s > 0.0));
}
