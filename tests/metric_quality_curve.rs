//! What any quality curve, any ranking and any set of settings must satisfy.

use dosewise::metric::{
    QualityCurve, average_precision, average_precision_with_missed, hypervolume, normalised,
    pareto_front,
};
use proptest::prelude::*;

const BUDGET: f64 = 800.0;

/// Doses in rising order with a quality each.
fn events() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((0.0_f64..=BUDGET, 0.0_f64..=1.0), 0..30).prop_map(|mut events| {
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        events
    })
}

fn curve(events: &[(f64, f64)]) -> QualityCurve {
    let mut curve = QualityCurve::new(BUDGET).unwrap();
    for &(dose, quality) in events {
        curve.push(dose, quality).unwrap();
    }
    curve
}

/// Precision and recall at every threshold, straight from their definitions.
fn slow_average_precision(scores: &[f64], positives: &[bool], missed: usize) -> Option<f64> {
    let total = positives.iter().filter(|&&p| p).count() + missed;
    let mut thresholds = scores.to_vec();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let mut sum = 0.0;
    let mut last_recall = 0.0;
    for threshold in thresholds {
        let listed: Vec<usize> = (0..scores.len())
            .filter(|&i| scores[i] >= threshold)
            .collect();
        let found = listed.iter().filter(|&&i| positives[i]).count() as f64;
        let recall = found / total as f64;
        sum += (recall - last_recall) * found / listed.len() as f64;
        last_recall = recall;
    }
    (total > 0).then_some(sum)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn dec_auc_is_a_share(events in events(), d_min in 1e-3_f64..799.0) {
        let curve = curve(&events);
        prop_assert!((0.0..=1.0).contains(&curve.dec_auc()));
        prop_assert!((0.0..=1.0).contains(&curve.log_dec_auc(d_min).unwrap()));
    }

    #[test]
    fn a_constant_quality_is_its_own_mean(quality in 0.0_f64..=1.0, d_min in 1e-3_f64..799.0) {
        let curve = curve(&[(0.0, quality)]);
        prop_assert!((curve.dec_auc() - quality).abs() < 1e-14);
        prop_assert!((curve.log_dec_auc(d_min).unwrap() - quality).abs() < 1e-12);
    }

    #[test]
    fn splitting_a_step_changes_nothing(events in events(), dose in 0.0_f64..=BUDGET, d_min in 1e-3_f64..799.0) {
        let plain = curve(&events);
        let mut refined = events;
        let place = refined.partition_point(|event| event.0 <= dose);
        refined.insert(place, (dose, plain.quality_at(dose).unwrap()));
        let refined = curve(&refined);
        prop_assert!((plain.dec_auc() - refined.dec_auc()).abs() < 1e-13);
        let difference = plain.log_dec_auc(d_min).unwrap() - refined.log_dec_auc(d_min).unwrap();
        prop_assert!(difference.abs() < 1e-11);
        prop_assert_eq!(plain.final_quality(), refined.final_quality());
    }

    #[test]
    fn better_answers_never_score_less(events in events(), share in 0.0_f64..=1.0) {
        let plain = curve(&events);
        let better: Vec<_> = events.iter().map(|&(d, q)| (d, q + share * (1.0 - q))).collect();
        let better = curve(&better);
        prop_assert!(better.dec_auc() >= plain.dec_auc() - 1e-14);
        for level in [0.25, 0.5, 0.8] {
            let (slow, fast) = (plain.dose_to_reach(level), better.dose_to_reach(level));
            prop_assert!(slow.is_none() || fast.is_some_and(|dose| dose <= slow.unwrap()));
        }
    }

    #[test]
    fn dec_auc_is_the_mean_of_many_samples(events in events()) {
        let curve = curve(&events);
        let count = 20_000;
        let doses: Vec<f64> = (0..count).map(|k| BUDGET * (k as f64 + 0.5) / count as f64).collect();
        let mean = curve.sampled(&doses).unwrap().iter().sum::<f64>() / count as f64;
        // each of at most 30 jumps is misplaced by at most half a sample
        prop_assert!((mean - curve.dec_auc()).abs() < 30.0 * 0.5 / count as f64 + 1e-12);
    }

    #[test]
    fn quality_is_reached_where_the_curve_says(events in events(), level in 0.01_f64..=1.0) {
        let curve = curve(&events);
        match curve.dose_to_reach(level) {
            Some(dose) => {
                prop_assert!(curve.quality_at(dose).unwrap() >= level);
                prop_assert!(curve.events().iter().all(|e| e.dose >= dose || e.quality < level));
            }
            None => prop_assert!(curve.events().iter().all(|event| event.quality < level)),
        }
    }

    #[test]
    fn a_smaller_budget_shows_the_beginning(events in events(), budget in 1.0_f64..=BUDGET) {
        let whole = curve(&events);
        let part = whole.truncated(budget).unwrap();
        let rest: f64 = {
            // the area beyond the smaller budget, as a curve of its own
            let mut rest = QualityCurve::new(BUDGET).unwrap();
            rest.push(0.0, 0.0).unwrap();
            rest.push(budget, whole.quality_at(budget).unwrap()).unwrap();
            for event in whole.events().iter().filter(|event| event.dose > budget) {
                rest.push(event.dose, event.quality).unwrap();
            }
            rest.dec_auc()
        };
        let joined = part.dec_auc() * budget / BUDGET + rest;
        prop_assert!((joined - whole.dec_auc()).abs() < 1e-13);
    }

    #[test]
    fn average_precision_follows_its_definition(
        items in prop::collection::vec((0_u8..6, any::<bool>()), 0..25),
        missed in 0_usize..4,
        turn in 0_usize..25,
    ) {
        let (mut scores, mut positives): (Vec<f64>, Vec<bool>) =
            items.iter().map(|&(score, positive)| (f64::from(score) - 2.5, positive)).unzip();
        let fast = average_precision_with_missed(&scores, &positives, missed).unwrap();
        let slow = slow_average_precision(&scores, &positives, missed);
        prop_assert_eq!(fast.is_some(), slow.is_some());
        let (Some(fast), Some(slow)) = (fast, slow) else { return Ok(()) };
        prop_assert!((fast - slow).abs() < 1e-13);
        // neither the order in the slice nor a monotone map of the scores matters
        if !scores.is_empty() {
            let turn = turn % scores.len();
            scores.rotate_left(turn);
            positives.rotate_left(turn);
        }
        let mapped: Vec<f64> = scores.iter().map(|score| score.exp()).collect();
        prop_assert_eq!(average_precision_with_missed(&mapped, &positives, missed).unwrap(), Some(fast));
    }

    #[test]
    fn a_constant_answer_is_worth_nothing(positives in prop::collection::vec(any::<bool>(), 1..40)) {
        let count = positives.iter().filter(|&&p| p).count();
        let prevalence = count as f64 / positives.len() as f64;
        let constant = average_precision(&vec![0.3; positives.len()], &positives).unwrap();
        prop_assert_eq!(constant.is_some(), count > 0);
        prop_assert!((constant.unwrap_or(0.0) - prevalence).abs() < 1e-15);
        if count > 0 && count < positives.len() {
            prop_assert_eq!(normalised(prevalence, prevalence).unwrap(), 0.0);
            prop_assert_eq!(normalised(1.0, prevalence).unwrap(), 1.0);
        }
    }

    #[test]
    fn the_front_is_what_nothing_beats(points in prop::collection::vec((0_u8..8, 0_u8..8), 0..25)) {
        let doses: Vec<f64> = points.iter().map(|point| f64::from(point.0)).collect();
        let qualities: Vec<f64> = points.iter().map(|point| f64::from(point.1)).collect();
        let front = pareto_front(&doses, &qualities).unwrap();
        let beats = |a: usize, b: usize| {
            doses[a] <= doses[b] && qualities[a] >= qualities[b]
                && (doses[a] < doses[b] || qualities[a] > qualities[b])
        };
        for point in 0..points.len() {
            let beaten = (0..points.len()).any(|other| beats(other, point));
            let repeats = (0..point).any(|other| points[other] == points[point]);
            prop_assert_eq!(front.contains(&point), !beaten && !repeats);
        }
        prop_assert!(front.windows(2).all(|pair| doses[pair[0]] < doses[pair[1]]));
    }

    #[test]
    fn the_hypervolume_is_the_envelope_of_the_best_so_far(events in events()) {
        let (doses, qualities): (Vec<f64>, Vec<f64>) = events.iter().copied().unzip();
        let mut best = 0.0_f64;
        let envelope: Vec<_> = events
            .iter()
            .map(|&(dose, quality)| {
                best = best.max(quality);
                (dose, best)
            })
            .collect();
        let volume = hypervolume(&doses, &qualities, BUDGET).unwrap();
        prop_assert!((volume / BUDGET - curve(&envelope).dec_auc()).abs() < 1e-12);
        prop_assert!(volume / BUDGET >= curve(&events).dec_auc() - 1e-12);
    }
}
