//! Indices against brute force: tables of single visits, the Gittins index, the scores of level sets.

use dosewise::sequential::{
    GittinsTable, InformationTable, LevelSetIndex, SiteIndex, SiteModel, Survival, Worth,
};

fn odds_to_probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// p(n | dose) under null and alternative for a site that is intact with probability `intact`.
fn law(site: &SiteModel, dose: f64, intact: f64, most: usize) -> Vec<[f64; 2]> {
    let poisson = |mean: f64| -> Vec<f64> {
        (0..=most)
            .scan((-mean).exp(), |p, n| {
                let now = *p;
                *p *= mean / (n + 1) as f64;
                Some(now)
            })
            .collect()
    };
    let of_kind = |kind: bool| -> Vec<f64> {
        let (whole, worn) = (
            poisson(site.rate(kind) * dose),
            poisson(site.damaged_rate(kind) * dose),
        );
        whole
            .iter()
            .zip(&worn)
            .map(|(w, d)| intact * w + (1.0 - intact) * d)
            .collect()
    };
    of_kind(false)
        .into_iter()
        .zip(of_kind(true))
        .map(|(a, b)| [a, b])
        .collect()
}

fn worn_site() -> SiteModel {
    let survival = Survival::new(60.0, 2.0).unwrap();
    SiteModel::poisson(1.0, 0.5)
        .and_then(|s| s.with_damage(0.5, 0.5, survival))
        .unwrap()
}

#[test]
fn an_information_table_takes_the_best_of_its_visits() {
    let (site, quantum, visits) = (worn_site(), 2.0, [1, 4, 16]);
    let mut chosen = Vec::new();
    // Log-odds on the grid of the table and doses on its rows, 1.2 apart: no interpolation blurs the comparison.
    for (worth, log_odds) in [
        (Worth::Information, -5.0),
        (Worth::Information, 0.0),
        (Worth::Information, 1.0),
        (Worth::Detection, -3.0),
        (Worth::Detection, -1.0),
        (Worth::Detection, 0.0),
    ] {
        let table = InformationTable::new(&site, worth, quantum, &visits).unwrap();
        for dose in [0.0, 24.0, 60.0] {
            let p = odds_to_probability(log_odds);
            let gain = |quanta: usize| {
                let visit = quanta as f64 * quantum;
                let intact = site.survival().intact(dose + 0.5 * visit);
                let gained: f64 = law(&site, visit, intact, 150)
                    .iter()
                    .map(|[f0, f1]| {
                        let total = (1.0 - p) * f0 + p * f1;
                        if total < 1e-300 {
                            return 0.0;
                        }
                        total * (worth.of(p * f1 / total) - worth.of(p))
                    })
                    .sum();
                gained / visit
            };
            let best = visits
                .iter()
                .copied()
                .max_by(|a, b| gain(*a).total_cmp(&gain(*b)))
                .unwrap();
            let found = table.best_visit(log_odds, dose + 1e-9);
            let expected = gain(best);
            assert!(
                (found.index - expected).abs() < 1e-6 * expected + 1e-12,
                "{worth:?} {log_odds} {dose} {found:?} {expected}"
            );
            if expected > 1e-9 {
                assert_eq!(found.quanta, best, "{worth:?} {log_odds} {dose}");
            }
            chosen.push(best);
        }
    }
    // Information comes cheapest in small steps; a claim from afar takes a long visit.
    assert!(chosen.contains(&1) && chosen.contains(&16), "{chosen:?}");
}

#[test]
fn the_gittins_index_is_the_best_ratio_over_every_stopping_rule() {
    // Two visits: a rule is a set of first readings after which it goes on. All 2^11 of them are tried.
    let (site, quantum) = (worn_site(), 3.0);
    let most = 10;
    let table = GittinsTable::new(&site, Worth::Classification, quantum, 2).unwrap();
    for log_odds in [-1.5, -0.5, 0.0, 0.75] {
        let p = odds_to_probability(log_odds);
        let visit = |p: f64, served: f64| -> Vec<[f64; 2]> {
            law(
                &site,
                quantum,
                site.survival().intact(served * quantum),
                most + 20,
            )
            .iter()
            .map(|[f0, f1]| {
                let total = (1.0 - p) * f0 + p * f1;
                [total, p * f1 / total.max(1e-300)]
            })
            .collect()
        };
        let worth = |p: f64| Worth::Classification.of(p);
        let first = visit(p, 0.0);
        let second: Vec<f64> = first
            .iter()
            .map(|[_, q]| visit(*q, 1.0).iter().map(|[w, r]| w * worth(*r)).sum())
            .collect();
        let mut best = f64::NEG_INFINITY;
        for rule in 0_u32..1 << (most + 1) {
            let (mut gain, mut dose) = (-worth(p), quantum);
            for (n, [weight, q]) in first.iter().enumerate() {
                if n <= most && rule >> n & 1 == 1 {
                    gain += weight * second[n];
                    dose += weight * quantum;
                } else {
                    gain += weight * worth(*q);
                }
            }
            best = best.max(gain / dose);
        }
        let found = table.best_visit(log_odds, 0.0).index;
        // The grid splits every posterior between two points an eighth apart.
        assert!(
            (found / best - 1.0).abs() < 0.03,
            "{log_odds}: {found} {best}"
        );
    }
}

#[test]
fn the_gittins_index_of_long_plans_is_that_of_exact_recursion() {
    // Without a grid: the posterior after k visits depends on the sum of counts alone, so the plan is a recursion over
    // (k, n), and the index the price at which the plan is worth nothing.
    let site = SiteModel::poisson(1.0, 0.5).unwrap();
    let (quantum, horizon) = (3.0, 12_usize);
    let table = GittinsTable::new(&site, Worth::Detection, quantum, horizon).unwrap();
    let law = law(&site, quantum, 1.0, 24);
    for start in [-3.0, -1.0, 0.0] {
        let posterior = |k: usize, n: usize| {
            odds_to_probability(start + n as f64 * 0.5_f64.ln() + k as f64 * 0.5 * quantum)
        };
        let worth = |k, n| Worth::Detection.of(posterior(k, n));
        let profit = |price: f64| {
            let most = horizon * (law.len() - 1);
            let mut value: Vec<f64> = (0..=most).map(|n| worth(horizon, n)).collect();
            let mut going_on = 0.0;
            for k in (0..horizon).rev() {
                let reachable = k * (law.len() - 1);
                value = (0..=reachable)
                    .map(|n| {
                        let p = posterior(k, n);
                        let expected: f64 = law
                            .iter()
                            .enumerate()
                            .map(|(j, [f0, f1])| ((1.0 - p) * f0 + p * f1) * value[n + j])
                            .sum();
                        going_on = expected - price * quantum - worth(k, n);
                        worth(k, n) + going_on.max(0.0)
                    })
                    .collect();
            }
            going_on
        };
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if profit(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let found = table.best_visit(start, 0.0).index;
        assert!((found / low - 1.0).abs() < 0.05, "{start}: {found} {low}");
    }
}

#[test]
fn relative_gain_is_the_expected_fall_of_the_loss_on_the_wrong_side() {
    // f ~ N(μ, s²). A measurement that multiplies the precision by 1 + ρ moves the mean by N(0, s² ρ/(1 + ρ)); the loss
    // |f − h| of the wrong side is (E|f − h| − |μ − h|)/2, so what is gained is half of E|μ′ − h| − |μ − h|.
    let (threshold, dose) = (0.5, 7.0);
    for (mean, deviation, share) in [
        (0.5, 0.2, 1.0),
        (0.9, 0.2, 1.0),
        (0.3, 0.4, 4.0),
        (0.45, 0.01, 0.25),
    ] {
        let moved: f64 = deviation * (share / (1.0_f64 + share)).sqrt();
        let step = 1e-3;
        let after: f64 = (-8000..=8000)
            .map(|i| {
                let z = f64::from(i) * step;
                let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt() * step;
                density * (mean + moved * z - threshold).abs()
            })
            .sum();
        let expected = 0.5 * (after - (mean - threshold).abs()) / (share * dose);
        let found = LevelSetIndex::new(share)
            .and_then(|index| index.score(mean, deviation * deviation, threshold, dose))
            .unwrap();
        assert!((found - expected).abs() < 1e-7, "{found} {expected}");
    }
}

#[test]
fn the_level_set_index_ranks_as_its_definition_says() {
    let index = LevelSetIndex::new(1.0).unwrap();
    let score = |mean, variance| index.score(mean, variance, 1.0, 3.0).unwrap();
    // Nearer to the threshold, or less certain, deserves more; both sides of it alike.
    assert!(score(1.1, 0.04) > score(1.3, 0.04));
    assert!(score(1.2, 0.09) > score(1.2, 0.04));
    assert!((score(0.8, 0.04) - score(1.2, 0.04)).abs() < 1e-12);
    for (mean, variance, dose) in [
        (f64::NAN, 1.0, 1.0),
        (0.0, 0.0, 1.0),
        (0.0, -1.0, 1.0),
        (0.0, 1.0, f64::INFINITY),
    ] {
        assert!(index.score(mean, variance, 1.0, dose).is_err());
    }
    assert!(LevelSetIndex::new(0.0).is_err() && LevelSetIndex::new(f64::NAN).is_err());
    // Far away no digit is lost: for a = 20 τ, τ φ(z) (1/z² − 3/z⁴ + 15/z⁶ …) with z = 20.
    let z: f64 = 20.0;
    let tail = 1.0 / z.powi(2) - 3.0 / z.powi(4) + 15.0 / z.powi(6) - 105.0 / z.powi(8);
    let expected = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt() * tail / 3.0;
    assert!((score(1.0 + z, 2.0) / expected - 1.0).abs() < 1e-6);
    assert_eq!(index.score(1e300, 1e-320, -1e300, 1.0).unwrap(), 0.0);
}
