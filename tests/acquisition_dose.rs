//! How dose is set against worth, and what any acquisition must satisfy.

use dosewise::acquisition::{
    Acquisition, Candidate, ExpectedImprovement, LogExpectedImprovement, Offers, PosteriorVariance,
    ProbabilityOfImprovement, RemainingBudget, UpperConfidenceBound, VarianceReduction, best,
    scores, top,
};
use dosewise::gp::Marginals;
use ndarray::Array2;
use proptest::prelude::*;

/// Places with these means and variances, each at these doses with shot noise.
fn on_offer(
    mean: &[f64],
    variance: &[f64],
    doses: &[f64],
    variance_at_unit_dose: f64,
) -> (Offers, Vec<Candidate>) {
    let places = Array2::from_shape_fn((mean.len(), 1), |(i, _)| i as f64);
    let offers = Offers::with_shot_noise(places.view(), doses, variance_at_unit_dose).unwrap();
    let belief = Marginals {
        mean: mean.to_vec(),
        variance: variance.to_vec(),
    };
    let candidates = offers.believed(&belief).unwrap();
    (offers, candidates)
}

/// All scores of all these places are negative: every candidate is below the reference. Dividing a negative score by the
/// dose would pick the most expensive candidate of the worst kind (the trap of cost-aware acquisitions on signed scores).
#[test]
fn negative_levels_do_not_prefer_expensive_candidates() {
    let doses = [1.0, 10.0, 100.0];
    let (offers, candidates) = on_offer(&[-5.0, -3.0, -8.0], &[0.25; 3], &doses, 1.0);
    let bound = UpperConfidenceBound::new(2.0).unwrap(); // levels -4, -2, -7
    let naive = candidates
        .iter()
        .map(|candidate| bound.score(candidate) / candidate.dose())
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap();
    assert_eq!(offers.locate(naive.0), Some((1, 100.0))); // the trap

    for (name, choice) in [
        ("per dose", best(&bound.per_dose(), &candidates)),
        ("cooled", best(&bound.cooled(0.3).unwrap(), &candidates)),
        ("priced", best(&bound.priced(0.01).unwrap(), &candidates)),
        (
            "over an incumbent",
            best(&bound.over(-2.5).unwrap().per_dose(), &candidates),
        ),
    ] {
        let place_and_dose = offers.locate(choice.unwrap().index);
        assert_eq!(place_and_dose, Some((1, 1.0)), "{name}");
    }
}

#[test]
fn the_reference_decides_what_counts_as_gain() {
    // without a reference the high but well known place looks good per dose; over the incumbent only the excess counts
    let known = Candidate::new(10.0, 1e-6, 0.1, 1.0).unwrap();
    let promising = Candidate::new(9.5, 4.0, 0.1, 1.5).unwrap();
    let bound = UpperConfidenceBound::new(2.0).unwrap();
    let pair = [known, promising];
    assert_eq!(best(&bound.per_dose(), &pair).unwrap().index, 0);
    let over = bound.over(10.0).unwrap();
    assert_eq!(best(&over.per_dose(), &pair).unwrap().index, 1);
    assert_eq!(
        scores(&bound, &pair).unwrap(),
        scores(&over, &pair).unwrap()
    );
}

#[test]
fn one_step_improvement_per_dose_has_an_inner_best_dose() {
    // Below the incumbent a measurement too weak to lift the mean gains nothing per electron, and one beyond what the doubt
    // asks for wastes them: the best dose is neither the least nor the most.
    let doses: Vec<f64> = (0..60)
        .map(|k| 10.0_f64.powf(-1.0 + 0.1 * f64::from(k)))
        .collect();
    let (offers, candidates) = on_offer(&[0.0], &[1.0], &doses, 10.0);
    let acquisition = LogExpectedImprovement::over(2.0)
        .unwrap()
        .after_measurement()
        .per_dose();
    let choice = best(&acquisition, &candidates).unwrap();
    assert!(choice.index > 5 && choice.index < 50, "{}", choice.index);
    // the same by brute force on a fine axis, from the closed form of EI
    let fine = |dose: f64| {
        let deviation = 1.0 / (1.0 + 10.0 / dose).sqrt();
        let z = -2.0 / deviation;
        let normal = statrs::distribution::Normal::standard();
        use statrs::distribution::{Continuous, ContinuousCDF};
        deviation * (normal.pdf(z) + z * normal.cdf(z)) / dose
    };
    let optimum = (0..60_000)
        .map(|k| 10.0_f64.powf(-1.0 + 1e-4 * f64::from(k)))
        .max_by(|a, b| fine(*a).total_cmp(&fine(*b)))
        .unwrap();
    let (_, dose) = offers.locate(choice.index).unwrap();
    assert!((dose / optimum).ln().abs() < 0.13, "{dose} {optimum}"); // half a step of the coarse axis is 0.115
}

#[test]
fn wrappers_compose_over_boxed_acquisitions() {
    let (_, candidates) = on_offer(&[0.1, 0.4], &[0.3, 0.2], &[2.0, 20.0], 1.0);
    let menu: Vec<Box<dyn Acquisition>> = vec![
        Box::new(ExpectedImprovement::over(0.3).unwrap()),
        Box::new(
            LogExpectedImprovement::over(0.3)
                .unwrap()
                .after_measurement(),
        ),
        Box::new(ProbabilityOfImprovement::over(0.3).unwrap()),
        Box::new(UpperConfidenceBound::new(2.0).unwrap()),
        Box::new(PosteriorVariance),
        Box::new(VarianceReduction.priced(0.01).unwrap()),
    ];
    let budget = RemainingBudget {
        total: 100.0,
        spent: 40.0,
        spent_initially: 0.0,
    };
    for acquisition in menu {
        let plain = scores(&*acquisition, &candidates).unwrap();
        // an exponent of 0 changes the score at most by the reference, never the order
        let uncooled = scores(&(&*acquisition).cooled(0.0).unwrap(), &candidates).unwrap();
        assert_eq!(uncooled, plain);
        let composed: Box<dyn Acquisition> = Box::new(
            acquisition
                .cooled(budget.exponent().unwrap())
                .unwrap()
                .priced(1e-3)
                .unwrap(),
        );
        let ranked = top(&composed, &candidates, 4).unwrap();
        assert_eq!(ranked[0], best(&*composed, &candidates).unwrap());
        assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

fn candidate() -> impl Strategy<Value = Candidate> {
    (-3.0_f64..3.0, -6.0_f64..1.0, -4.0_f64..2.0, -1.0_f64..3.0).prop_map(|(mean, v, n, d)| {
        let [variance, noise, dose] = [v, n, d].map(|exponent| 10.0_f64.powf(exponent));
        Candidate::new(mean, variance, noise, dose).unwrap()
    })
}

fn changed(candidate: &Candidate, mean: f64, variance: f64, noise: f64, dose: f64) -> Candidate {
    Candidate::new(
        candidate.mean() + mean,
        candidate.variance() * variance,
        candidate.noise_variance() * noise,
        candidate.dose() * dose,
    )
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn improvement_obeys_its_bounds(candidate in candidate(), incumbent in -3.0_f64..3.0) {
        let expected = ExpectedImprovement::over(incumbent).unwrap();
        let gap = (candidate.mean() - incumbent).max(0.0);
        let latent = expected.score(&candidate);
        let informed = expected.after_measurement().score(&candidate);
        // Jensen from below, perfect knowledge from above
        prop_assert!(gap <= informed * (1.0 + 1e-14) && informed <= latent * (1.0 + 1e-14));
        prop_assert!(latent <= gap + 0.4 * candidate.deviation());
        let log = LogExpectedImprovement::over(incumbent).unwrap().score(&candidate);
        if latent > 1e-290 {
            prop_assert!((log - latent.ln()).abs() < 1e-12 * (1.0 + log.abs()));
        }
    }

    #[test]
    fn improvement_rises_with_mean_and_doubt(candidate in candidate(), incumbent in -3.0_f64..3.0, more in 1e-3_f64..2.0) {
        let log = LogExpectedImprovement::over(incumbent).unwrap();
        let score = log.score(&candidate);
        prop_assert!(log.score(&changed(&candidate, more, 1.0, 1.0, 1.0)) > score);
        // many deviations above the incumbent the score is ln(gap), whatever the doubt, but for rounding
        let doubtful = log.score(&changed(&candidate, 0.0, 1.0 + more, 1.0, 1.0));
        prop_assert!(doubtful >= score - 1e-14 * (1.0 + score.abs()));
        let informed = log.after_measurement();
        let noisier = informed.score(&changed(&candidate, 0.0, 1.0, 1.0 + more, 1.0));
        let informed = informed.score(&candidate);
        prop_assert!(noisier <= informed + 1e-14 * (1.0 + informed.abs()));
    }

    #[test]
    fn improvement_has_no_origin_and_no_unit(candidate in candidate(), incumbent in -3.0_f64..3.0, shift in -5.0_f64..5.0, power in -4_i32..4) {
        let unit = 4.0_f64.powi(power); // variances scale by its square; powers of two are exact
        let there = ExpectedImprovement::over(incumbent).unwrap().score(&candidate);
        let moved = ExpectedImprovement::over(incumbent + shift).unwrap().score(&changed(&candidate, shift, 1.0, 1.0, 1.0));
        prop_assert!((moved - there).abs() <= 1e-12);
        let scaled = Candidate::new(unit * candidate.mean(), unit * unit * candidate.variance(), candidate.noise_variance(), candidate.dose()).unwrap();
        let scaled = ExpectedImprovement::over(unit * incumbent).unwrap().score(&scaled);
        // exact, but where the smallest numbers lose digits
        prop_assert!((scaled - unit * there).abs() <= 1e-300, "{scaled} {}", unit * there);
    }

    #[test]
    fn more_dose_for_the_same_score_is_never_better(candidate in candidate(), incumbent in -3.0_f64..3.0, more in 1.001_f64..50.0) {
        let dearer = changed(&candidate, 0.0, 1.0, 1.0, more);
        let menu: Vec<Box<dyn Acquisition>> = vec![
            Box::new(ExpectedImprovement::over(incumbent).unwrap()),
            Box::new(LogExpectedImprovement::over(incumbent).unwrap()),
            Box::new(UpperConfidenceBound::new(1.5).unwrap().over(incumbent).unwrap()),
            Box::new(PosteriorVariance.priced(0.1).unwrap()),
        ];
        for acquisition in menu {
            let per_dose = (&*acquisition).per_dose();
            prop_assert!(per_dose.score(&dearer) <= per_dose.score(&candidate));
            let cooled = (&*acquisition).cooled(0.4).unwrap();
            prop_assert!(cooled.score(&dearer) <= cooled.score(&candidate));
            let priced = (&*acquisition).priced(0.2).unwrap();
            prop_assert!(priced.score(&dearer) < priced.score(&candidate));
        }
    }

    #[test]
    fn gain_and_log_gain_choose_alike(candidates in prop::collection::vec(candidate(), 1..12), exponent in 0.0_f64..=1.0) {
        let incumbent = 0.5;
        let plain = ExpectedImprovement::over(incumbent).unwrap().cooled(exponent).unwrap();
        let log = LogExpectedImprovement::over(incumbent).unwrap().cooled(exponent).unwrap();
        let gain = best(&plain, &candidates).unwrap();
        let log_gain = best(&log, &candidates).unwrap();
        // the same candidate unless the best two agree to rounding
        if gain.score > 1e-290 {
            let other = plain.score(&candidates[log_gain.index]);
            prop_assert!(other >= gain.score * (1.0 - 1e-11));
        }
    }

    #[test]
    fn cooling_runs_from_per_dose_to_plain(candidate in candidate()) {
        let acquisition = ExpectedImprovement::over(0.2).unwrap();
        let score = acquisition.score(&candidate);
        prop_assert_eq!(acquisition.cooled(0.0).unwrap().score(&candidate), score);
        let difference = acquisition.cooled(1.0).unwrap().score(&candidate) - acquisition.per_dose().score(&candidate);
        prop_assert!(difference.abs() <= 1e-15 * score);
        prop_assert_eq!(acquisition.priced(0.0).unwrap().score(&candidate), score);
    }

    #[test]
    fn the_best_is_the_first_of_the_highest(candidates in prop::collection::vec(candidate(), 1..20), repeat in 0_usize..20) {
        let mut candidates = candidates;
        candidates.push(candidates[repeat % candidates.len()]); // at least one tie
        let choice = best(&VarianceReduction, &candidates).unwrap();
        let all = scores(&VarianceReduction, &candidates).unwrap();
        prop_assert!(all.iter().all(|&score| score <= choice.score));
        prop_assert_eq!(all.iter().position(|&score| score == choice.score), Some(choice.index));
    }
}
