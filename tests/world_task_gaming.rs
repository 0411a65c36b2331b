//! Ways to game the score of a task, each of which must fail.

use dosewise::units::Point;
use dosewise::world::task::{
    Calibration, Details, Finding, LabelBelief, NumberBelief, Scorer, SiteBelief, Truth,
    VectorBelief,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const COUNT: usize = 2000;

/// 40 rows of 50 places, 2.8 Å apart.
fn lattice() -> Vec<Point> {
    (0..COUNT)
        .map(|i| Point::new(2.8 * (i / 50) as f64, 2.8 * (i % 50) as f64))
        .collect()
}

/// Every 40th place is a defect, of class 0 and 1 in turn.
fn defects() -> Truth {
    let class = |i: usize| i.is_multiple_of(40).then_some(i / 40 % 2);
    Truth::PointDefects {
        positions: lattice(),
        defects: (0..COUNT).map(class).collect(),
    }
}

/// Stripes of three classes with shares 1/2, 3/10 and 1/5; the fourth class does not occur.
fn domains() -> Truth {
    let label = |i: usize| match i % 50 {
        0..25 => 0,
        25..40 => 1,
        _ => 2,
    };
    Truth::Domains {
        positions: lattice(),
        labels: (0..COUNT).map(label).collect(),
        classes: 4,
    }
}

fn site(position: Point, log_odds: f64, class: usize) -> SiteBelief {
    SiteBelief {
        position,
        log_odds,
        class: Some(class),
    }
}

fn label(position: Point, label: usize) -> LabelBelief {
    let probabilities = (0..4).map(|class| f64::from(class == label)).collect();
    LabelBelief {
        position,
        probabilities,
    }
}

/// A good but not perfect ranking: defects and perfect places overlap.
fn ranked(generator: &mut SmallRng) -> Vec<SiteBelief> {
    let beliefs = lattice().into_iter().enumerate().map(|(i, position)| {
        let lead = if i % 40 == 0 { 2.0 } else { -2.0 };
        site(
            position,
            lead + 6.0 * (generator.random::<f64>() - 0.5),
            i / 40 % 2,
        )
    });
    beliefs.collect()
}

fn f1(scorer: &Scorer, finding: &Finding) -> f64 {
    match scorer.report(finding).unwrap().details {
        Details::PointDefects { f1, .. } => f1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn repeating_an_answer_does_not_help() {
    let scorer = Scorer::new(defects()).unwrap();
    let honest = ranked(&mut SmallRng::seed_from_u64(1));
    let quality = scorer
        .quality(&Finding::PointDefects(honest.clone()))
        .unwrap();
    assert!((0.3..1.0).contains(&quality), "{quality}");
    // the copies of the defects are false alarms with the same rank
    let doubled = Finding::PointDefects([honest.clone(), honest.clone()].concat());
    assert!(scorer.quality(&doubled).unwrap() < 0.6 * quality);
    assert!(f1(&scorer, &doubled) < 0.8 * f1(&scorer, &Finding::PointDefects(honest)));

    let scorer = Scorer::new(domains()).unwrap();
    let positions = lattice();
    // every label for every place: only one counts
    let all = (0..4).flat_map(|class| positions.iter().map(move |&p| label(p, class)));
    assert!(scorer.quality(&Finding::Domains(all.collect())).unwrap() < 0.02);
}

#[test]
fn claiming_every_class_costs_precision() {
    let scorer = Scorer::new(defects()).unwrap();
    let here = (0..COUNT).filter(|i| i % 40 == 0).map(|i| lattice()[i]);
    let both: Vec<SiteBelief> = here
        .flat_map(|p| [site(p, 9.0, 0), site(p, 9.0, 1)])
        .collect();
    let finding = Finding::PointDefects(both);
    assert!((f1(&scorer, &finding) - 2.0 / 3.0).abs() < 1e-12);
    // half of the list are false alarms: AP 1/2, over a prevalence of 1/40
    let wanted = (0.5 - 0.025) / 0.975;
    assert!((scorer.quality(&finding).unwrap() - wanted).abs() < 1e-12);
}

#[test]
fn a_wrong_class_is_no_detection() {
    let scorer = Scorer::new(defects()).unwrap();
    let Finding::PointDefects(mut known) = defects().known() else {
        unreachable!()
    };
    for belief in &mut known {
        belief.class = belief.class.map(|class| 1 - class);
    }
    let finding = Finding::PointDefects(known);
    assert_eq!(f1(&scorer, &finding), 0.0);
    assert_eq!(scorer.quality(&finding).unwrap(), 1.0); // the ranking asks for "defect or not"
}

#[test]
fn answers_outside_and_endless_lists_do_not_help() {
    let scorer = Scorer::new(defects()).unwrap();
    let honest = ranked(&mut SmallRng::seed_from_u64(2));
    let quality = scorer
        .quality(&Finding::PointDefects(honest.clone()))
        .unwrap();
    let far = |i: usize| Point::new(-1e3 - i as f64, 1e9);
    for (log_odds, worth_less) in [
        (f64::INFINITY, true),
        (0.0, true),
        (f64::NEG_INFINITY, false),
    ] {
        let mut padded = honest.clone();
        padded.extend((0..50_000).map(|i| site(far(i), log_odds, 0)));
        let found = scorer.quality(&Finding::PointDefects(padded)).unwrap();
        if worth_less {
            assert!(found < quality, "{found} {quality}");
        } else {
            assert_eq!(found, quality);
        }
    }
    // a net finer than the lattice catches every defect, and little else than false alarms
    let net = (0..120_000).map(|i| Point::new(0.35 * (i / 400) as f64, 0.35 * (i % 400) as f64));
    let net = Finding::PointDefects(net.map(|p| site(p, 5.0, 0)).collect());
    assert_eq!(scorer.quality(&net).unwrap(), 0.0);
    assert!(f1(&scorer, &net) < 0.01);
    // where two places are equally near, neither is meant
    let between = lattice()
        .into_iter()
        .map(|p| site(p + Point::new(0.0, 1.4), 5.0, 0));
    assert_eq!(
        scorer
            .quality(&Finding::PointDefects(between.collect()))
            .unwrap(),
        0.0
    );
}

#[test]
fn being_sure_of_everything_is_a_constant() {
    let scorer = Scorer::new(defects()).unwrap();
    for log_odds in [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0] {
        let all = lattice().into_iter().map(|p| site(p, log_odds, 0));
        let report = scorer
            .report(&Finding::PointDefects(all.collect()))
            .unwrap();
        assert_eq!(report.quality, 0.0);
        let Some(Calibration::Classes {
            brier,
            expected_error,
            ..
        }) = report.calibration
        else {
            panic!("{report:?}");
        };
        if log_odds == f64::INFINITY {
            assert!((brier - 0.975).abs() < 1e-12 && (expected_error - 0.975).abs() < 1e-12);
        }
    }
}

#[test]
fn chance_scores_next_to_nothing() {
    let (mut ranking, mut coins) = (0.0, 0.0);
    let defects = Scorer::new(defects()).unwrap();
    let domains = Scorer::new(domains()).unwrap();
    let rounds = 20;
    for seed in 0..rounds {
        let mut generator = SmallRng::seed_from_u64(seed);
        let order = lattice()
            .into_iter()
            .map(|p| site(p, generator.random(), 0));
        ranking += defects
            .quality(&Finding::PointDefects(order.collect()))
            .unwrap();
        // class frequencies proportional to π/(1 − π), the best there are
        let odds = [1.0, 3.0 / 7.0, 0.25];
        let labels = lattice().into_iter().map(|p| {
            let mut rest = generator.random::<f64>() * odds.iter().sum::<f64>();
            let drawn = odds.iter().position(|o| {
                rest -= o;
                rest < 0.0
            });
            label(p, drawn.unwrap_or(2))
        });
        coins += domains
            .quality(&Finding::Domains(labels.collect()))
            .unwrap();
    }
    let (ranking, coins) = (ranking / rounds as f64, coins / rounds as f64);
    assert!(ranking < 0.02, "{ranking}");
    assert!(coins < 0.01, "{coins}");
}

#[test]
fn saying_only_what_is_certain_is_worth_what_is_said() {
    let scorer = Scorer::new(domains()).unwrap();
    let Finding::Domains(known) = domains().known() else {
        unreachable!()
    };
    // every tenth row, all right: IoU 1/10 of every class, below chance
    let few: Vec<LabelBelief> = known.chunks(50).step_by(10).flatten().cloned().collect();
    let report = scorer.report(&Finding::Domains(few)).unwrap();
    assert_eq!((report.quality, report.answered), (0.0, 0.1));
    let Details::Domains {
        mean_intersection_over_union,
        accuracy,
        ..
    } = report.details
    else {
        panic!("{report:?}");
    };
    assert!((mean_intersection_over_union - 0.1).abs() < 1e-12 && (accuracy - 0.1).abs() < 1e-12);
    // one class found entirely, the others kept silent: IoU 1, 0 and 0
    let half: Vec<LabelBelief> = known
        .iter()
        .filter(|b| b.label() == Some(0))
        .cloned()
        .collect();
    let odds = 1.0 + 3.0 / 7.0 + 0.25;
    let chance = odds / (3.0 * (1.0 + odds));
    let wanted = (1.0 / 3.0 - chance) / (1.0 - chance);
    let quality = scorer.quality(&Finding::Domains(half.clone())).unwrap();
    assert!((quality - wanted).abs() < 1e-12);
    // a guess at the rest is worth more than silence
    let rest = known
        .iter()
        .filter(|b| b.label() != Some(0))
        .map(|b| label(b.position, 1));
    let guessed: Vec<LabelBelief> = half.into_iter().chain(rest).collect();
    assert!(scorer.quality(&Finding::Domains(guessed)).unwrap() > quality);
}

#[test]
fn undecided_labels_are_no_answers_and_honest_ones() {
    let scorer = Scorer::new(domains()).unwrap();
    let Finding::Domains(mut known) = domains().known() else {
        unreachable!()
    };
    for belief in known.iter_mut().skip(1000) {
        belief.probabilities = vec![0.25; 4];
    }
    let hedged = scorer.report(&Finding::Domains(known.clone())).unwrap();
    known.truncate(1000);
    let silent = scorer.report(&Finding::Domains(known)).unwrap();
    assert_eq!(hedged.quality, silent.quality);
    match hedged.calibration {
        Some(Calibration::Classes { expected_error, .. }) => assert!(expected_error < 1e-12),
        other => panic!("{other:?}"),
    }
}

#[test]
fn absent_classes_are_no_refuge() {
    let scorer = Scorer::new(domains()).unwrap();
    let absent = |share: usize| {
        let Finding::Domains(mut known) = domains().known() else {
            unreachable!()
        };
        for (i, belief) in known.iter_mut().enumerate() {
            if i % 10 < share {
                *belief = label(belief.position, 3);
            }
        }
        scorer.quality(&Finding::Domains(known)).unwrap()
    };
    assert_eq!(absent(0), 1.0);
    assert!(absent(1) < 1.0 && absent(5) < absent(1));
    assert_eq!(absent(10), 0.0);
    let one_class = Truth::Domains {
        positions: lattice(),
        labels: vec![2; COUNT],
        classes: 4,
    };
    let scorer = Scorer::new(one_class.clone()).unwrap();
    assert_eq!(scorer.quality(&one_class.known()).unwrap(), 0.0);
}

#[test]
fn vectors_count_wherever_nobody_looked() {
    let vector = |i: usize| if i % 50 < 25 { [0.2, 0.0] } else { [-0.2, 0.0] };
    let truth = Truth::Polarisation {
        positions: lattice(),
        vectors: (0..COUNT).map(vector).collect(),
    };
    let scorer = Scorer::new(truth.clone()).unwrap();
    let Finding::Polarisation(known) = truth.known() else {
        unreachable!()
    };
    // the first quarter of the places right and nothing else: the error is √(3/4) of the spread
    let quarter = Finding::Polarisation(known[..COUNT / 4].to_vec());
    let quality = scorer.quality(&quarter).unwrap();
    assert!((quality - (1.0 - 0.75_f64.sqrt())).abs() < 1e-12);
    // a wall at the wrong place: 2 of 50 columns point the other way, RMSE = 0.4 √(2/50)
    let mut shifted = known.clone();
    for (i, belief) in shifted.iter_mut().enumerate() {
        belief.vector = vector((i + 1) % 50);
    }
    let quality = scorer.quality(&Finding::Polarisation(shifted)).unwrap();
    assert!((quality - (1.0 - 2.0 * (2.0_f64 / 50.0).sqrt())).abs() < 1e-12);
    // exaggeration, however large, is clipped and not a NaN
    for size in [10.0, 1e200, f64::MAX] {
        let loud = known.iter().cloned().map(|mut belief: VectorBelief| {
            belief.vector = belief.vector.map(|component| component.signum() * size);
            belief
        });
        assert_eq!(
            scorer
                .quality(&Finding::Polarisation(loud.collect()))
                .unwrap(),
            0.0
        );
    }
    let flat = Truth::Polarisation {
        positions: lattice(),
        vectors: vec![[0.25, 0.5]; COUNT],
    };
    let scorer = Scorer::new(flat.clone()).unwrap();
    assert_eq!(scorer.quality(&flat.known()).unwrap(), 0.0);
}

#[test]
fn stated_variances_earn_nothing() {
    let numbers: Vec<f64> = (0..COUNT).map(|i| (i % 7) as f64).collect();
    let truth = Truth::Counting {
        positions: lattice(),
        numbers,
    };
    let scorer = Scorer::new(truth.clone()).unwrap();
    let Finding::Counting(known) = truth.known() else {
        unreachable!()
    };
    let answer = |variance: f64| {
        let beliefs = known.iter().map(|b| NumberBelief {
            number: b.number + 0.6,
            variance,
            ..b.clone()
        });
        scorer
            .report(&Finding::Counting(beliefs.collect()))
            .unwrap()
    };
    let (boasting, humble) = (answer(1e-6), answer(1e6));
    assert_eq!(boasting.quality, humble.quality);
    assert!((boasting.quality - (1.0 - 0.6 / (12.0 / 7.0))).abs() < 1e-3);
    let Details::Counting { exact, .. } = boasting.details else {
        unreachable!()
    };
    assert_eq!(exact, Some(0.0));
    let inside = |report: dosewise::world::task::Report| match report.calibration {
        Some(Calibration::Numbers {
            within_half,
            within_nine_tenths,
            ..
        }) => (within_half, within_nine_tenths),
        other => panic!("{other:?}"),
    };
    assert_eq!((inside(boasting), inside(humble)), ((0.0, 0.0), (1.0, 1.0)));
    let same = Truth::Counting {
        positions: lattice(),
        numbers: vec![4.0; COUNT],
    };
    assert_eq!(
        Scorer::new(same.clone())
            .unwrap()
            .quality(&same.known())
            .unwrap(),
        0.0
    );
}
