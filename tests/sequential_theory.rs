//! Doses and errors of sequential and fixed tests against exact sums, simulation and the limits of theory.

use dosewise::Error;
use dosewise::random::{Purpose, Stream};
use dosewise::sequential::{
    FixedTest, RecoveryLimits, Regime, SequentialTest, SiteFilter, SiteModel, Survival, Verdict,
    rose_dose,
};
use dosewise::units::Seed;
use statrs::distribution::{Binomial, DiscreteCDF, Poisson as PoissonLaw};

/// What a test on Poisson counts costs and errs in truth: the law of the counts of undecided sites, visit by visit.
/// Returns the expected dose and the probability of a claim.
fn exact(
    test: SequentialTest,
    prior: f64,
    site: &SiteModel,
    rate: f64,
    quantum: f64,
) -> (f64, f64) {
    let start = f64::ln(prior / (1.0 - prior));
    let step = (site.rate(true) / site.rate(false)).ln();
    let drift = (site.rate(false) - site.rate(true)) * quantum;
    let mean = rate * quantum;
    let law: Vec<f64> = (0..40)
        .scan((-mean).exp(), |p, n| {
            let now = *p;
            *p *= mean / f64::from(n + 1);
            Some(now)
        })
        .collect();
    let (mut undecided, mut dose, mut claimed) = (vec![1.0], 0.0, 0.0);
    for visit in 1.. {
        let left: f64 = undecided.iter().sum();
        if left < 1e-12 {
            break;
        }
        dose += left * quantum;
        let mut next = vec![0.0; undecided.len() + law.len()];
        for (n, p) in undecided.iter().enumerate() {
            for (k, q) in law.iter().enumerate() {
                next[n + k] += p * q;
            }
        }
        for (n, p) in next.iter_mut().enumerate() {
            match test.verdict(start + n as f64 * step + f64::from(visit) * drift) {
                Verdict::Undecided => continue,
                Verdict::Alternative => claimed += *p,
                Verdict::Null => {}
            }
            *p = 0.0;
        }
        undecided = next;
    }
    (dose, claimed)
}

#[test]
fn the_correction_for_overshoot_is_close_to_exact_sums_where_wald_is_not() {
    for (contrast, prior, quantum) in [
        (0.2, 0.01, 4.0),
        (0.3, 0.01, 4.0),
        (0.4, 0.1, 1.0),
        (0.3, 0.001, 1.0),
    ] {
        let site = SiteModel::poisson(1.0, 1.0 - contrast).unwrap();
        let test = SequentialTest::by_odds(0.1, 9.0, prior).unwrap();
        let (null, false_alarm) = exact(test, prior, &site, site.rate(false), quantum);
        let (alternative, hits) = exact(test, prior, &site, site.rate(true), quantum);
        let found = test.expected_dose_in_quanta(&site, prior, quantum).unwrap();
        let wald = test.expected_dose(&site, prior).unwrap();
        let off = |found: f64, truth: f64| (found / truth - 1.0).abs();
        assert!(off(found.null, null) < 0.05, "{found:?} null {null}");
        assert!(
            off(found.alternative, alternative) < 0.05,
            "{found:?} alternative {alternative}"
        );
        assert!(
            off(found.false_alarm, false_alarm) < 0.08,
            "{found:?} α {false_alarm}"
        );
        assert!(
            off(found.miss, 1.0 - hits) < 0.08,
            "{found:?} β {}",
            1.0 - hits
        );
        // Wald's approximation promises too short tests and too many errors.
        assert!(wald.null < null && wald.false_alarm > false_alarm && wald.miss > 1.0 - hits);
        assert!(off(wald.null, null) > 2.0 * off(found.null, null));
    }
}

#[test]
fn simulated_gaussian_tests_cost_and_err_within_their_intervals() {
    let (prior, quantum, runs) = (0.2, 1.0, 3000_u64);
    let site = SiteModel::gaussian(0.0, 0.4, 1.0).unwrap();
    let test = SequentialTest::by_error_rates(0.05, 0.1, prior).unwrap();
    let theory = test.expected_dose_in_quanta(&site, prior, quantum).unwrap();
    let start = f64::ln(prior / (1.0 - prior));
    for alternative in [false, true] {
        let (mut doses, mut wrong) = (Vec::new(), 0);
        for run in 0..runs {
            let key = [run, u64::from(alternative)];
            let mut stream = Stream::new(Seed(5), Purpose::Counts, key);
            let mut filter = SiteFilter::default();
            let claim = loop {
                let reading = site.rate(alternative) * quantum + stream.normal();
                filter.observe(&site, quantum, reading).unwrap();
                match test.verdict(start + filter.log_likelihood_ratio()) {
                    Verdict::Undecided => continue,
                    verdict => break verdict == Verdict::Alternative,
                }
            };
            doses.push(filter.dose());
            wrong += u64::from(claim != alternative);
        }
        let (expected, rate) = if alternative {
            (theory.alternative, theory.miss)
        } else {
            (theory.null, theory.false_alarm)
        };
        let n = runs as f64;
        let mean = doses.iter().sum::<f64>() / n;
        let variance = doses.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
        // Three standard errors, and 1 % for what is left of second order.
        assert!(
            (mean - expected).abs() < 3.0 * (variance / n).sqrt() + 0.01 * expected,
            "{mean} {expected}"
        );
        let law = Binomial::new(rate, runs).unwrap();
        assert!(
            (0.001..0.999).contains(&law.cdf(wrong)),
            "{wrong} of {runs} at {rate}"
        );
    }
}

#[test]
fn a_fixed_test_keeps_its_errors_and_no_shorter_one_does() {
    for (null, alternative) in [(1.0, 0.7), (1.0, 0.5), (0.2, 0.6)] {
        let site = SiteModel::poisson(null, alternative).unwrap();
        for (false_alarm, miss) in [(0.05, 0.1), (1e-3, 0.2), (1e-6, 1e-3)] {
            let test = FixedTest::by_error_rates(&site, false_alarm, miss).unwrap();
            let errors = |dose: f64, threshold: f64| {
                let below = |rate: f64| PoissonLaw::new(rate * dose).unwrap().cdf(threshold as u64);
                let above = |rate: f64| PoissonLaw::new(rate * dose).unwrap().sf(threshold as u64);
                if alternative < null {
                    (below(null), above(alternative))
                } else {
                    (above(null), below(alternative))
                }
            };
            let (a, b) = errors(test.dose, test.threshold);
            assert!(
                a <= false_alarm * 1.000001 && b <= miss * 1.000001,
                "{test:?}: {a} {b}"
            );
            let shorter = 0.999 * test.dose;
            for threshold in 0..(2.0 * test.threshold) as u64 + 2 {
                let (a, b) = errors(shorter, threshold as f64 + 0.5);
                assert!(
                    a > false_alarm || b > miss,
                    "{shorter} at {threshold}: {a} {b}"
                );
            }
        }
    }
    let noisy = SiteModel::gaussian(0.0, -2.0, 4.0).unwrap();
    let test = FixedTest::by_error_rates(&noisy, 0.025, 0.025).unwrap();
    // v (2 × 1.95996)²/Δ², threshold half way.
    assert!((test.dose - 15.3658).abs() < 1e-3 && (test.threshold + test.dose).abs() < 1e-6);
}

#[test]
fn equal_errors_save_up_to_the_ratio_of_divergence_and_chernoff_information() {
    let gaussian = SiteModel::gaussian(0.0, 0.5, 1.0).unwrap();
    assert!((gaussian.evidence_against() / gaussian.chernoff_information() - 4.0).abs() < 1e-9);
    for site in [gaussian, SiteModel::poisson(1.0, 0.6).unwrap()] {
        let limit = site.evidence_against() / site.chernoff_information();
        let mut last = 1.0;
        for exponent in [2, 4, 8, 16, 32, 64, 128] {
            let error = 10_f64.powi(-exponent);
            let fixed = FixedTest::by_error_rates(&site, error, error).unwrap().dose;
            let test = SequentialTest::by_error_rates(error, error, 0.5).unwrap();
            let ratio = fixed / test.expected_dose(&site, 0.5).unwrap().null;
            assert!(
                ratio > last && ratio < limit,
                "{error}: {ratio}, limit {limit}"
            );
            last = ratio;
        }
        assert!(last > 0.96 * limit, "{last} of {limit}");
    }
}

#[test]
fn the_table_of_limits_is_met_to_its_printed_digits() {
    // contrast, sites, share: D01, D10, ln s/D01, ln n/D10, ratio, Wald's mean dose, Rose's dose by the darker noise
    for (contrast, sites, prior, row) in [
        (
            0.2,
            4096,
            0.01,
            [0.0231, 0.0215, 160.4, 387.1, 2.41, 100.8, 500.0],
        ),
        (
            0.2,
            4096,
            0.03,
            [0.0231, 0.0215, 207.9, 387.1, 1.86, 102.3, 500.0],
        ),
        (
            0.3,
            4096,
            0.01,
            [0.0567, 0.0503, 65.5, 165.3, 2.52, 41.2, 194.0],
        ),
        (
            0.3,
            65_536,
            0.01,
            [0.0567, 0.0503, 114.4, 220.4, 1.93, 41.2, 194.0],
        ),
        (
            0.4,
            4096,
            0.01,
            [0.1108, 0.0935, 33.5, 89.0, 2.66, 21.1, 94.0],
        ),
        (
            0.4,
            4096,
            0.03,
            [0.1108, 0.0935, 43.4, 89.0, 2.05, 21.5, 94.0],
        ),
    ] {
        let site = SiteModel::poisson(1.0, 1.0 - contrast).unwrap();
        let limits = RecoveryLimits::new(&site, sites, prior).unwrap();
        let test = SequentialTest::by_odds(0.1, 9.0, prior).unwrap();
        let found = [
            (site.evidence_against(), 4),
            (site.evidence_for(), 4),
            (limits.sequential, 1),
            (limits.fixed, 1),
            (limits.fixed / limits.sequential, 2),
            (test.expected_dose(&site, prior).unwrap().mean, 1),
            (rose_dose(&site, 5.0).unwrap() * site.rate(true), 0),
        ];
        for ((value, digits), expected) in found.into_iter().zip(row) {
            assert_eq!(format!("{value:.digits$}"), format!("{expected:.digits$}"));
        }
    }
}

#[test]
fn evidence_of_a_site_that_wears_out_stays_below_its_ceiling() {
    let survival = Survival::new(100.0, 2.0).unwrap();
    let site = SiteModel::poisson(1.0, 0.7)
        .and_then(|s| s.with_damage(0.7, 0.7, survival))
        .unwrap();
    let regime = Regime::new(&site, 64.0, 0.01).unwrap();
    let rounded = |v: f64| format!("{v:.2}");
    // 64 × 0.0503, ln 99, 0.0503 × 100 × Γ(1.5)
    assert_eq!(rounded(regime.evidence_per_site), "3.22");
    assert_eq!(rounded(regime.evidence_needed), "4.60");
    assert_eq!(rounded(regime.evidence_ceiling), "4.46");
    assert!(!regime.certifiable());
    let (runs, quantum) = (400, 4.0);
    let mean: f64 = (0..runs)
        .map(|run| {
            let mut stream = Stream::new(Seed(3), Purpose::Counts, [run, 0]);
            let mut filter = SiteFilter::default();
            // A vacancy looks the same before and after damage; the filter does not know when.
            for _ in 0..75 {
                let law = rand_distr::Poisson::new(0.7 * quantum).unwrap();
                let reading = rand_distr::Distribution::sample(&law, &mut stream);
                filter.observe(&site, quantum, reading).unwrap();
            }
            filter.log_likelihood_ratio()
        })
        .sum::<f64>()
        / runs as f64;
    assert!(
        mean > 0.3 * regime.evidence_ceiling && mean < regime.evidence_ceiling,
        "{mean}"
    );
    // Damage that still tells the hypotheses apart sets no ceiling.
    let telling = SiteModel::poisson(1.0, 0.7)
        .and_then(|s| s.with_damage(0.5, 0.4, survival))
        .unwrap();
    let regime = Regime::new(&telling, 64.0, 0.01).unwrap();
    assert!(regime.evidence_ceiling.is_infinite());
}

#[test]
fn impossible_questions_are_refused_by_name() {
    let refused = |result: Result<f64, Error>, name: &str| match result {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, name),
        other => panic!("{name}: {other:?}"),
    };
    let site = SiteModel::poisson(1.0, 0.7).unwrap();
    let test = SequentialTest::by_posterior(0.001, 0.9).unwrap();
    let dose = |site, prior, quantum| {
        test.expected_dose_in_quanta(site, prior, quantum)
            .map(|cost| cost.mean)
    };
    refused(dose(&site, 0.01, 0.0), "quantum");
    refused(dose(&site, 0.01, f64::NAN), "quantum");
    refused(dose(&site, 0.95, 1.0), "prior");
    refused(dose(&site, f64::NAN, 1.0), "prior");
    let fixed = |site, a, b| FixedTest::by_error_rates(site, a, b).map(|test| test.dose);
    refused(fixed(&site, 0.0, 0.1), "false_alarm, miss");
    refused(fixed(&site, f64::NAN, 0.1), "false_alarm, miss");
    refused(fixed(&site, 0.6, 0.4), "false_alarm, miss");
    for equal in [
        SiteModel::poisson(1.0, 1.0),
        SiteModel::gaussian(0.5, 0.5, 1.0),
    ] {
        refused(equal.map(|site| site.evidence_for()), "null, alternative");
    }
    let close = SiteModel::poisson(1.0, 1.0 + 1e-9).unwrap();
    assert!((close.evidence_for() / 0.5e-18 - 1.0).abs() < 1e-6);
    let limits = |prior| RecoveryLimits::new(&site, 100, prior).map(|l| l.fixed);
    refused(limits(0.01), "prior");
    refused(limits(f64::NAN), "prior");
}
