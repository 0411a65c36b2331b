//! Constraints against simulation and known limits.

use dosewise::acquisition::{
    Acquisition, Candidate, Constraints, ExpectedImprovement, Limit, LogExpectedImprovement,
    MutualInformation, UpperConfidenceBound, constrained_scores, log_probability_of_feasibility,
    safe_set,
};
use dosewise::gp::{ExactGp, Kernel, Marginals, Noise, Rbf};
use ndarray::array;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

fn belief(mean: &[f64], variance: &[f64]) -> Marginals {
    Marginals {
        mean: mean.to_vec(),
        variance: variance.to_vec(),
    }
}

fn two() -> ([Marginals; 2], [Limit; 2]) {
    let beliefs = [
        belief(&[0.3, -1.0], &[0.5, 1.0]),
        belief(&[2.0, 2.5], &[1.0, 0.3]),
    ];
    (beliefs, [Limit::AtLeast(0.0), Limit::AtMost(2.4)])
}

/// Both the probability and the constrained improvement, by independent draws.
#[test]
fn constrained_improvement_is_within_three_standard_errors_of_simulation() {
    let (beliefs, limits) = two();
    let log = log_probability_of_feasibility(&beliefs, &limits).unwrap();
    let candidates = [
        Candidate::new(0.6, 0.8, 0.1, 1.0).unwrap(),
        Candidate::new(1.2, 0.4, 0.1, 1.0).unwrap(),
    ];
    let plain =
        constrained_scores(&ExpectedImprovement::over(0.5).unwrap(), &candidates, &log).unwrap();
    let rule = LogExpectedImprovement::over(0.5).unwrap();
    let logs = constrained_scores(&rule, &candidates, &log).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    let n = 100_000;
    for i in 0..2 {
        let mut draw = |mean: f64, variance: f64| {
            let z: f64 = StandardNormal.sample(&mut rng);
            mean + variance.sqrt() * z
        };
        let (mut feasible, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let allowed = draw(beliefs[0].mean[i], beliefs[0].variance[i]) >= 0.0
                && draw(beliefs[1].mean[i], beliefs[1].variance[i]) <= 2.4;
            let gain = (draw(candidates[i].mean(), candidates[i].variance()) - 0.5).max(0.0);
            feasible += f64::from(allowed);
            sum += gain * f64::from(allowed);
            squares += gain * gain * f64::from(allowed);
        }
        let n = f64::from(n);
        let (share, mean) = (feasible / n, sum / n);
        assert!((log[i].exp() - share).abs() < 3.0 * (share * (1.0 - share) / n).sqrt());
        let error = ((squares / n - mean * mean) / n).sqrt();
        assert!(
            (plain[i] - mean).abs() < 3.0 * error,
            "{} {mean} {error}",
            plain[i]
        );
        assert!((logs[i] - plain[i].ln()).abs() < 1e-12);
    }
}

#[test]
fn without_doubt_a_constraint_is_met_or_not() {
    let known = [belief(&[1.0, 1.0 - 1e-9, 2.0], &[0.0; 3])];
    let log = log_probability_of_feasibility(&known, &[Limit::AtLeast(1.0)]).unwrap();
    assert_eq!(log, [0.0, f64::NEG_INFINITY, 0.0]);
    let log = log_probability_of_feasibility(&known, &[Limit::AtMost(1.0)]).unwrap();
    assert_eq!(log, [0.0, 0.0, f64::NEG_INFINITY]);
    let candidate = [Candidate::new(5.0, 0.1, 0.1, 1.0).unwrap()];
    let gain = ExpectedImprovement::over(0.0).unwrap();
    let never = constrained_scores(&gain, &candidate, &[f64::NEG_INFINITY]).unwrap();
    assert_eq!(never, [0.0]);
    let sure = constrained_scores(&gain, &candidate, &[0.0]).unwrap();
    assert_eq!(sure, [gain.score(&candidate[0])]);
}

/// Where the constraint holds with probability Φ(κ), the pessimistic bound at κ deviations just meets it.
#[test]
fn the_safe_set_is_where_each_constraint_is_likely_enough() {
    let means: Vec<f64> = (0..200).map(|i| 0.02 * f64::from(i) - 2.0).collect();
    let variances: Vec<f64> = (0..200).map(|i| 0.1 + 0.01 * f64::from(i % 17)).collect();
    let beliefs = [belief(&means, &variances)];
    for limit in [Limit::AtLeast(-0.4), Limit::AtMost(0.3)] {
        let safe = safe_set(&beliefs, &[limit], 1.5, &[]).unwrap();
        let log = log_probability_of_feasibility(&beliefs, &[limit]).unwrap();
        let wanted: Vec<usize> = (0..200)
            .filter(|&i| log[i] >= 0.933_192_798_731_141_9_f64.ln())
            .collect();
        assert_eq!(safe, wanted);
        assert!(!safe.is_empty() && safe.len() < 200);
    }
    let (beliefs, limits) = two();
    assert!(safe_set(&beliefs, &limits, 2.0, &[]).unwrap().is_empty());
    assert_eq!(safe_set(&beliefs, &limits, 2.0, &[1]).unwrap(), [1]);
}

#[test]
fn wrong_arguments_are_refused() {
    let (beliefs, limits) = two();
    let log =
        |beliefs: &[Marginals], limits: &[Limit]| log_probability_of_feasibility(beliefs, limits);
    assert!(log(&[], &[]).is_err());
    assert!(log(&beliefs, &limits[..1]).is_err());
    assert!(log(&beliefs[..1], &[Limit::AtMost(f64::NAN)]).is_err());
    assert!(log(&[belief(&[0.0], &[1.0, 1.0])], &limits[..1]).is_err());
    assert!(log(&[belief(&[f64::NAN], &[1.0])], &limits[..1]).is_err());
    assert!(log(&[belief(&[0.0], &[-1.0])], &limits[..1]).is_err());
    assert!(log(&[beliefs[0].clone(), belief(&[0.0], &[1.0])], &limits).is_err());
    assert!(log(&[belief(&[], &[])], &limits[..1]).unwrap().is_empty());
    assert!(safe_set(&beliefs, &limits, -1.0, &[]).is_err());
    assert!(safe_set(&beliefs, &limits, 1.0, &[2]).is_err());
    let candidate = [Candidate::new(0.0, 1.0, 0.1, 1.0).unwrap()];
    let gain = ExpectedImprovement::over(0.0).unwrap();
    assert!(constrained_scores(&gain, &candidate, &[]).is_err());
    assert!(constrained_scores(&gain, &candidate, &[f64::NAN]).is_err());
    assert!(constrained_scores(&gain, &candidate, &[0.1]).is_err());
    assert!(Constraints::new(&[], &[]).is_err());
    let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.1));
    assert!(Constraints::new(&[&gp], &[]).is_err());
    let nowhere = Constraints::new(&[&gp], &[Limit::AtMost(f64::NAN)]).unwrap();
    assert!(nowhere.log_probability(array![[0.0]].view()).is_err());
}

/// Of a level the excess counts, a shortfall is the worse the less likely the place is allowed.
#[test]
fn levels_are_weighed_by_their_excess() {
    let candidate = [Candidate::new(1.0, 0.25, 0.1, 1.0).unwrap()];
    let bound = UpperConfidenceBound::new(2.0).unwrap(); // 2 at this candidate
    let weighed = |reference: f64, chance: f64| {
        let rule = bound.over(reference).unwrap();
        constrained_scores(&rule, &candidate, &[chance.ln()]).unwrap()[0]
    };
    for (reference, chance, wanted) in [
        (1.5, 0.25, 0.125),
        (1.5, 1.0, 0.5),
        (3.0, 0.25, -4.0),
        (1.5, 0.0, 0.0),
        (3.0, 0.0, f64::NEG_INFINITY),
    ] {
        let found = weighed(reference, chance);
        assert!(
            found == wanted || (found - wanted).abs() < 1e-14,
            "{reference} {chance}: {found}"
        );
    }
    let certain = [Candidate::new(0.0, 1.0, 0.0, 1.0).unwrap()]; // an infinite gain
    let never = constrained_scores(&MutualInformation, &certain, &[-1000.0]).unwrap();
    assert_eq!(never, [0.0]);
}
