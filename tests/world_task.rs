//! Scores of the four tasks against scikit-learn (tests/reference/world_task.py) and by their properties.

use dosewise::units::Point;
use dosewise::world::task::{
    Calibration, Details, Finding, LabelBelief, NumberBelief, Scorer, SiteBelief, Task, Truth,
    VectorBelief,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    point_defects: Vec<DefectCase>,
    domains: Vec<DomainCase>,
    numbers: Vec<NumberCase>,
}

#[derive(Deserialize)]
struct DefectCase {
    defects: Vec<Option<usize>>,
    log_odds: Vec<f64>,
    classes: Vec<usize>,
    average_precision: f64,
    f1: f64,
    brier: f64,
}

#[derive(Deserialize)]
struct DomainCase {
    classes: usize,
    labels: Vec<usize>,
    probabilities: Vec<Vec<f64>>,
    jaccard: f64,
    chance: f64,
    accuracy: f64,
    brier: f64,
}

#[derive(Deserialize)]
struct NumberCase {
    truth: Vec<f64>,
    answer: Vec<f64>,
    variance: Vec<f64>,
    mean_absolute_error: f64,
    error_of_median: f64,
    exact: f64,
    within_half: f64,
    within_nine_tenths: f64,
    standardised_squared_error: f64,
    vectors: Vec<[f64; 2]>,
    answers: Vec<[f64; 2]>,
    root_mean_square_error: f64,
    spread: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/world_task.json")).unwrap()
}

/// Places of a lattice, ten in a row, 3 Å apart.
fn lattice(count: usize) -> Vec<Point> {
    (0..count)
        .map(|i| Point::new(3.0 * (i / 10) as f64, 3.0 * (i % 10) as f64))
        .collect()
}

fn defects(truth: &[Option<usize>]) -> Truth {
    Truth::PointDefects {
        positions: lattice(truth.len()),
        defects: truth.to_vec(),
    }
}

fn domains(labels: &[usize], classes: usize) -> Truth {
    Truth::Domains {
        positions: lattice(labels.len()),
        labels: labels.to_vec(),
        classes,
    }
}

fn polarisation(vectors: &[[f64; 2]]) -> Truth {
    Truth::Polarisation {
        positions: lattice(vectors.len()),
        vectors: vectors.to_vec(),
    }
}

fn counting(numbers: &[f64]) -> Truth {
    Truth::Counting {
        positions: lattice(numbers.len()),
        numbers: numbers.to_vec(),
    }
}

fn sites(log_odds: &[f64], classes: &[usize]) -> Finding {
    let pairs = lattice(log_odds.len())
        .into_iter()
        .zip(log_odds)
        .zip(classes);
    let belief = |((position, &log_odds), &class)| SiteBelief {
        position,
        log_odds,
        class: Some(class),
    };
    Finding::PointDefects(pairs.map(belief).collect())
}

fn labels(probabilities: &[Vec<f64>]) -> Finding {
    let pairs = lattice(probabilities.len())
        .into_iter()
        .zip(probabilities.to_vec());
    let belief = |(position, probabilities)| LabelBelief {
        position,
        probabilities,
    };
    Finding::Domains(pairs.map(belief).collect())
}

fn vectors(vectors: &[[f64; 2]]) -> Finding {
    let pairs = lattice(vectors.len()).into_iter().zip(vectors);
    let belief = |(position, &vector)| VectorBelief {
        position,
        vector,
        variance: 0.1,
    };
    Finding::Polarisation(pairs.map(belief).collect())
}

fn numbers(numbers: &[f64], variances: &[f64]) -> Finding {
    let pairs = lattice(numbers.len())
        .into_iter()
        .zip(numbers)
        .zip(variances);
    let belief = |((position, &number), &variance)| NumberBelief {
        position,
        number,
        variance,
    };
    Finding::Counting(pairs.map(belief).collect())
}

fn one_hot(label: usize, classes: usize) -> Vec<f64> {
    (0..classes)
        .map(|class| f64::from(class == label))
        .collect()
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-12, "{found} is not {wanted}");
}

#[test]
fn point_defects_agree_with_scikit_learn() {
    for case in reference().point_defects {
        let scorer = Scorer::new(defects(&case.defects)).unwrap();
        let report = scorer
            .report(&sites(&case.log_odds, &case.classes))
            .unwrap();
        let Details::PointDefects {
            average_precision,
            precision,
            recall,
            f1,
        } = report.details
        else {
            panic!("{report:?}");
        };
        close(average_precision, case.average_precision);
        close(f1, case.f1);
        close(f1, 2.0 * precision * recall / (precision + recall));
        let count = case.defects.iter().flatten().count() as f64;
        let prevalence = count / case.defects.len() as f64;
        close(
            report.quality,
            (case.average_precision - prevalence) / (1.0 - prevalence),
        );
        match report.calibration {
            Some(Calibration::Classes { brier, .. }) => close(brier, case.brier),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn domains_agree_with_scikit_learn() {
    for case in reference().domains {
        let scorer = Scorer::new(domains(&case.labels, case.classes)).unwrap();
        let report = scorer.report(&labels(&case.probabilities)).unwrap();
        let Details::Domains {
            mean_intersection_over_union,
            chance,
            accuracy,
        } = report.details
        else {
            panic!("{report:?}");
        };
        close(mean_intersection_over_union, case.jaccard);
        close(accuracy, case.accuracy);
        assert!(
            (chance - case.chance).abs() < 1e-7,
            "closed form against optimisation"
        );
        close(report.quality, (case.jaccard - chance) / (1.0 - chance));
        match report.calibration {
            Some(Calibration::Classes { brier, .. }) => close(brier, case.brier),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn numbers_and_vectors_agree_with_scikit_learn() {
    for case in reference().numbers {
        let scorer = Scorer::new(counting(&case.truth)).unwrap();
        let report = scorer
            .report(&numbers(&case.answer, &case.variance))
            .unwrap();
        let Details::Counting {
            mean_absolute_error,
            error_of_median,
            exact,
        } = report.details
        else {
            panic!("{report:?}");
        };
        close(mean_absolute_error, case.mean_absolute_error);
        close(error_of_median, case.error_of_median);
        close(exact.unwrap(), case.exact);
        close(
            report.quality,
            1.0 - case.mean_absolute_error / case.error_of_median,
        );
        let Some(Calibration::Numbers {
            within_half,
            within_nine_tenths,
            standardised_squared_error,
            ..
        }) = report.calibration
        else {
            panic!("{report:?}");
        };
        close(within_half, case.within_half);
        close(within_nine_tenths, case.within_nine_tenths);
        close(standardised_squared_error, case.standardised_squared_error);

        let scorer = Scorer::new(polarisation(&case.vectors)).unwrap();
        let report = scorer.report(&vectors(&case.answers)).unwrap();
        let Details::Polarisation {
            root_mean_square_error,
            spread,
        } = report.details
        else {
            panic!("{report:?}");
        };
        close(root_mean_square_error, case.root_mean_square_error);
        close(spread, case.spread);
        close(
            report.quality,
            1.0 - case.root_mean_square_error / case.spread,
        );
    }
}

#[test]
fn two_domains_by_hand() {
    // 3 places of class 0 and 1 of class 1; one 0 is called 1: IoU 2/3 and 1/2
    let scorer = Scorer::new(domains(&[0, 0, 0, 1], 2)).unwrap();
    let answer = [0, 0, 1, 1].map(|label| one_hot(label, 2));
    let odds = 3.0 + 1.0 / 3.0;
    let chance = odds / (2.0 * (1.0 + odds));
    let wanted = (0.5 * (2.0 / 3.0 + 0.5) - chance) / (1.0 - chance);
    close(scorer.quality(&labels(&answer)).unwrap(), wanted);
}

#[test]
fn composition_has_no_exact_share() {
    let scorer = Scorer::new(counting(&[0.25, 0.5, 1.0])).unwrap();
    let report = scorer
        .report(&numbers(&[0.25, 0.5, 0.8], &[0.01; 3]))
        .unwrap();
    assert!(matches!(
        report.details,
        Details::Counting { exact: None, .. }
    ));
    close(report.quality, 1.0 - 0.2 / 0.75);
    assert!(
        report
            .details
            .to_string()
            .starts_with("MAE 0.0667 (median 0.2500)")
    );
}

#[test]
fn findings_and_truths_that_do_not_fit_are_refused() {
    let scorer = Scorer::new(domains(&[0, 1, 1], 2)).unwrap();
    let message = |result: dosewise::Result<f64>| result.unwrap_err().to_string();
    let three = labels(&[one_hot(0, 2), one_hot(1, 3)]);
    assert!(
        message(scorer.quality(&three))
            .starts_with("finding.domains[1].probabilities: found 3 classes")
    );
    for task in Task::ALL {
        let empty = Finding::empty(task);
        if task == Task::Domains {
            assert_eq!(scorer.quality(&empty).unwrap(), 0.0);
        } else {
            assert!(message(scorer.quality(&empty)).starts_with("finding: found an answer to"));
            assert!(scorer.report(&empty).is_err() && scorer.clone().above(&empty).is_err());
        }
    }
    assert_eq!(format!("{scorer:?}"), "Scorer { task: Domains, .. }");
    for (truth, name) in [
        (domains(&[0, 2], 2), "truth.labels[1]"),
        (domains(&[0, 1], 0), "truth.classes"),
        (domains(&[], usize::MAX), "truth.classes"),
        (counting(&[1.0, f64::NAN]), "truth.numbers[1]"),
        (counting(&[1e308, -1e308]), "truth.numbers"),
        (polarisation(&[[0.0, f64::INFINITY]]), "truth.vectors[0]"),
        (polarisation(&[[1e200, 0.0], [0.0, 0.0]]), "truth.vectors"),
        (
            Truth::Counting {
                positions: lattice(2),
                numbers: vec![1.0],
            },
            "truth.numbers",
        ),
        (
            Truth::PointDefects {
                positions: vec![],
                defects: vec![None],
            },
            "truth.defects",
        ),
    ] {
        let message = Scorer::new(truth).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{name}: found ")), "{message}");
    }
}

/// A truth of any task with something to tell apart.
fn truths() -> impl Strategy<Value = Truth> {
    let count = 6..60_usize;
    prop_oneof![
        prop::collection::vec(prop::option::weighted(0.3, 0..3_usize), count.clone())
            .prop_map(|truth| defects(&truth)),
        prop::collection::vec(0..4_usize, count.clone()).prop_map(|truth| domains(&truth, 5)),
        prop::collection::vec([-0.3..0.3_f64, -0.3..0.3_f64], count.clone())
            .prop_map(|truth| polarisation(&truth)),
        prop::collection::vec((1..20_u8).prop_map(f64::from), count)
            .prop_map(|truth| counting(&truth)),
    ]
    .prop_filter("nothing to tell apart", |truth| match truth {
        Truth::PointDefects { defects, .. } => {
            defects.iter().any(Option::is_some) && defects.iter().any(Option::is_none)
        }
        Truth::Domains { labels, .. } => labels.iter().any(|label| *label != labels[0]),
        Truth::Polarisation { .. } => true,
        Truth::Counting { numbers, .. } => numbers.iter().any(|number| *number != numbers[0]),
    })
}

/// The truth with errors: the belief about place `i` is spoiled by `noise[i]`.
fn spoiled(truth: &Truth, noise: &[f64]) -> Finding {
    let noise = |i: usize| noise[i % noise.len()];
    match truth.known() {
        Finding::PointDefects(mut beliefs) => {
            for (i, belief) in beliefs.iter_mut().enumerate() {
                belief.log_odds = 2.0 * belief.log_odds.signum() + (3.0 * noise(i)).round();
            }
            Finding::PointDefects(beliefs)
        }
        Finding::Domains(mut beliefs) => {
            for (i, belief) in beliefs.iter_mut().enumerate() {
                if noise(i) > 0.3 {
                    belief.probabilities.rotate_left(1 + i % 4);
                }
            }
            Finding::Domains(beliefs)
        }
        Finding::Polarisation(mut beliefs) => {
            for (i, belief) in beliefs.iter_mut().enumerate() {
                belief.vector[i % 2] += 0.2 * noise(i);
                belief.variance = 0.02;
            }
            Finding::Polarisation(beliefs)
        }
        Finding::Counting(mut beliefs) => {
            for (i, belief) in beliefs.iter_mut().enumerate() {
                belief.number += 3.0 * noise(i);
                belief.variance = 2.0;
            }
            Finding::Counting(beliefs)
        }
    }
}

/// Applies the same change to the list of beliefs of any task.
macro_rules! with_beliefs {
    ($finding:expr, |$beliefs:ident| $change:expr) => {
        match &mut $finding {
            Finding::PointDefects($beliefs) => $change,
            Finding::Domains($beliefs) => $change,
            Finding::Polarisation($beliefs) => $change,
            Finding::Counting($beliefs) => $change,
        }
    };
}

fn noises() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1.0..1.0_f64, 8..60)
}

proptest! {
    #[test]
    fn the_truth_scores_one_and_silence_zero(truth in truths()) {
        let scorer = Scorer::new(truth.clone()).unwrap();
        let report = scorer.report(&truth.known()).unwrap();
        prop_assert_eq!((report.quality, report.answered), (1.0, 1.0));
        match report.calibration.unwrap() {
            Calibration::Classes { expected_error, brier, .. } => {
                prop_assert_eq!((expected_error, brier), (0.0, 0.0));
            }
            Calibration::Numbers { standardised_squared_error, .. } => {
                prop_assert_eq!(standardised_squared_error, 0.0);
            }
        }
        let silence = scorer.report(&Finding::empty(truth.task())).unwrap();
        prop_assert_eq!((silence.quality, silence.answered), (0.0, 0.0));
        prop_assert!(silence.calibration.is_none());
    }

    #[test]
    fn no_constant_answer_scores(truth in truths(), value in -25.0..25.0_f64) {
        let scorer = Scorer::new(truth.clone()).unwrap();
        let mut constant = truth.known();
        let count = truth.positions().len() as f64;
        match (&mut constant, &truth) {
            (Finding::PointDefects(beliefs), _) => beliefs.iter_mut().for_each(|b| b.log_odds = value),
            (Finding::Domains(beliefs), _) => {
                let label = (value + 25.0) as usize / 10;
                beliefs.iter_mut().for_each(|b| b.probabilities = one_hot(label.min(4), 5));
            }
            (Finding::Polarisation(beliefs), Truth::Polarisation { vectors, .. }) => {
                let mean = [0, 1].map(|axis| vectors.iter().map(|v| v[axis]).sum::<f64>() / count);
                let shift = if value > 0.0 { 0.01 * value } else { 0.0 };
                beliefs.iter_mut().for_each(|b| b.vector = [mean[0] + shift, mean[1]]);
            }
            (Finding::Counting(beliefs), _) => beliefs.iter_mut().for_each(|b| b.number = value.round()),
            _ => unreachable!("the truth is known for its own task"),
        }
        prop_assert!(scorer.quality(&constant).unwrap() < 1e-12);
    }

    #[test]
    fn the_order_of_the_list_changes_nothing(
        truth in truths(), noise in noises(), turn in 0..60_usize, doubled in 0..60_usize,
    ) {
        let scorer = Scorer::new(truth.clone()).unwrap();
        let mut finding = spoiled(&truth, &noise);
        // a second belief about one place, as far from it as the first but saying something else
        match &mut finding {
            Finding::PointDefects(beliefs) => {
                let mut second = beliefs[doubled % beliefs.len()].clone();
                second.log_odds = -second.log_odds;
                beliefs.push(second);
            }
            Finding::Domains(beliefs) => {
                let mut second = beliefs[doubled % beliefs.len()].clone();
                second.probabilities.rotate_left(1);
                beliefs.push(second);
            }
            Finding::Polarisation(beliefs) => {
                let mut second = beliefs[doubled % beliefs.len()].clone();
                second.vector[0] += 0.1;
                beliefs.push(second);
            }
            Finding::Counting(beliefs) => {
                let mut second = beliefs[doubled % beliefs.len()].clone();
                second.number += 1.0;
                beliefs.push(second);
            }
        }
        let report = scorer.report(&finding).unwrap();
        let mut turned = finding.clone();
        with_beliefs!(turned, |beliefs| {
            let count = beliefs.len();
            beliefs.rotate_left(turn % count);
            beliefs[..count / 2].reverse();
        });
        prop_assert_eq!(scorer.report(&turned).unwrap(), report);
        prop_assert_eq!(scorer.quality(&turned).unwrap(), report.quality);
    }

    #[test]
    fn correcting_one_belief_never_costs(truth in truths(), noise in noises(), corrected in 0..60_usize) {
        let scorer = Scorer::new(truth.clone()).unwrap();
        let finding = spoiled(&truth, &noise);
        let mut better = finding.clone();
        let index = corrected % truth.positions().len();
        match (&mut better, truth.known()) {
            (Finding::PointDefects(beliefs), Finding::PointDefects(known)) => beliefs[index] = known[index].clone(),
            (Finding::Domains(beliefs), Finding::Domains(known)) => beliefs[index] = known[index].clone(),
            (Finding::Polarisation(beliefs), Finding::Polarisation(known)) => beliefs[index] = known[index].clone(),
            (Finding::Counting(beliefs), Finding::Counting(known)) => beliefs[index] = known[index].clone(),
            _ => unreachable!("the truth is known for its own task"),
        }
        prop_assert!(scorer.quality(&better).unwrap() >= scorer.quality(&finding).unwrap() - 1e-12);
    }

    #[test]
    fn what_is_known_beforehand_earns_nothing(truth in truths(), noise in noises()) {
        let prior = spoiled(&truth, &noise);
        let plain = Scorer::new(truth.clone()).unwrap();
        let strict = plain.clone().above(&prior).unwrap();
        prop_assert_eq!(strict.quality(&prior).unwrap(), 0.0);
        let before = plain.quality(&prior).unwrap();
        if before < 1.0 {
            prop_assert_eq!(strict.quality(&truth.known()).unwrap(), 1.0);
        }
        // halving the error is worth what is left of the scale
        let better = spoiled(&truth, &noise.iter().map(|n| 0.5 * n).collect::<Vec<_>>());
        let (plain, strict) = (plain.quality(&better).unwrap(), strict.quality(&better).unwrap());
        if before > 0.0 && before < 1.0 {
            let wanted = ((plain - before) / (1.0 - before)).max(0.0);
            prop_assert!((strict - wanted).abs() < 1e-12);
        }
    }
}
