//! The score sheet: which answer counts when, what is refused, and that a run repeats to the last bit.

use dosewise::prelude::*;
use dosewise::world::LatticeSite;

fn world(level: u8) -> World {
    World::load(format!("worlds/mos2-l{level}.toml")).unwrap()
}

/// The class of each place, `None` for perfect ones.
fn truth(world: &World, seed: Seed) -> Vec<Option<usize>> {
    match world.episode(seed).finish().truth {
        Truth::PointDefects { defects, .. } => defects,
        other => panic!("{other:?}"),
    }
}

/// One belief per site, with the log-odds that `f` gives to (site, is defect).
fn beliefs(
    world: &World,
    truth: &[Option<usize>],
    f: impl Fn(usize, bool) -> f64,
) -> Vec<SiteBelief> {
    let sites = world.briefing().sites.iter().zip(truth).enumerate();
    let belief = |(index, (site, class)): (usize, (&LatticeSite, &Option<usize>))| SiteBelief {
        position: site.position,
        log_odds: f(index, class.is_some()),
        class: *class,
    };
    sites.map(belief).collect()
}

fn answer(world: &World, truth: &[Option<usize>], f: impl Fn(usize, bool) -> f64) -> Finding {
    Finding::PointDefects(beliefs(world, truth, f))
}

fn spend(episode: &mut Episode, share: f64) {
    let electrons = share * episode.briefing().budget_electrons();
    episode
        .scan(&Scan::at([Point::new(30.0, 30.0)], Dose(electrons)))
        .unwrap();
}

#[test]
fn the_answer_held_counts_from_its_dose_until_the_next() {
    let world = world(1);
    let seed = Seed(4);
    let known = truth(&world, seed);
    let perfect = answer(&world, &known, |_, defect| if defect { 3.0 } else { -3.0 });
    let mut episode = world.episode(seed);
    spend(&mut episode, 0.25);
    episode.submit(&perfect).unwrap();
    episode.submit(&Finding::default()).unwrap(); // at one dose only the last answer counts
    episode.submit(&perfect).unwrap();
    spend(&mut episode, 0.25);
    episode.submit(&Finding::default()).unwrap();
    spend(&mut episode, 0.125);
    episode.submit(&perfect).unwrap();
    let curve = episode.finish().curve;
    let budget = world.briefing().budget.0;
    for (share, quality) in [
        (0.0, 0.0),
        (0.2499, 0.0),
        (0.25, 1.0),
        (0.4999, 1.0),
        (0.5, 0.0),
        (0.62499, 0.0),
        (0.625, 1.0),
        (1.0, 1.0),
    ] {
        assert_eq!(
            curve.quality_at(share * budget).unwrap(),
            quality,
            "at {share}"
        );
    }
    assert!((curve.dec_auc() - (0.25 + 0.375)).abs() < 1e-12);
    assert_eq!(curve.final_quality(), 1.0);
}

#[test]
fn without_an_answer_there_is_no_quality() {
    let mut episode = world(1).episode(Seed(4));
    spend(&mut episode, 1.0);
    let outcome = episode.finish();
    assert_eq!(
        (outcome.curve.dec_auc(), outcome.curve.final_quality()),
        (0.0, 0.0)
    );
}

#[test]
fn answers_that_are_not_numbers_are_refused_and_change_nothing() {
    let world = world(1);
    let known = truth(&world, Seed(9));
    let perfect = beliefs(&world, &known, |_, defect| f64::from(u8::from(defect)));
    let mut episode = world.episode(Seed(9));
    let held = Finding::PointDefects(perfect.clone());
    episode.submit(&held).unwrap();
    spend(&mut episode, 0.5);
    for (log_odds, y) in [(f64::NAN, 1.0), (1.0, f64::NAN), (1.0, f64::INFINITY)] {
        let mut broken = perfect.clone();
        broken[17].log_odds = log_odds;
        broken[17].position.y = y;
        let broken = Finding::PointDefects(broken);
        let message = episode.submit(&broken).unwrap_err().to_string();
        assert!(message.contains("finding.point_defects[17]"), "{message}");
    }
    // nor is the answer to another question one to this
    let other = Finding::empty(Task::Counting);
    let message = episode.submit(&other).unwrap_err().to_string();
    assert!(message.contains("finding"), "{message}");
    let certain = answer(&world, &known, |_, defect| {
        if defect {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        }
    });
    episode.submit(&certain).unwrap();
    let curve = episode.finish().curve;
    assert_eq!((curve.dec_auc(), curve.events().len()), (1.0, 2));
}

#[test]
fn the_score_depends_on_the_ranking_alone() {
    let world = world(2);
    let known = truth(&world, Seed(6));
    let quality = |sites: &[SiteBelief]| {
        let mut episode = world.episode(Seed(6));
        let finding = Finding::PointDefects(sites.to_vec());
        episode.submit(&finding).unwrap();
        episode.finish().curve.final_quality()
    };
    // A middling answer: the defects among pseudo-random scores.
    let noise = |index: usize| ((index as f64 * 0.754_877_666).fract() - 0.5) * 4.0;
    let middling = beliefs(&world, &known, |i, defect| {
        noise(i) + if defect { 1.5 } else { 0.0 }
    });
    let expected = quality(&middling);
    assert!(expected > 0.02 && expected < 0.9, "{expected}");
    let changed = |f: &dyn Fn(&mut SiteBelief)| {
        let mut copy = middling.clone();
        copy.iter_mut().for_each(f);
        quality(&copy)
    };
    assert_eq!(
        changed(&|b| b.log_odds = (b.log_odds - 7.0).exp()),
        expected
    );
    assert_eq!(changed(&|b| b.class = None), expected);
    assert_eq!(
        changed(&|b| b.position = b.position + Point::new(0.3, -0.3)),
        expected
    );
    // In another order the beliefs are matched by place; ties keep their order, and there are none here.
    let mut reversed = middling.clone();
    reversed.reverse();
    assert_eq!(quality(&reversed), expected);
    // False alarms far from any column cost precision; a second belief on a defect is a false alarm too.
    let mut cluttered = middling.clone();
    cluttered.extend((0..40).map(|i| SiteBelief {
        position: Point::new(-50.0 - f64::from(i), 0.0),
        log_odds: 9.0,
        class: None,
    }));
    assert!(quality(&cluttered) < expected);
    let perfect = beliefs(&world, &known, |_, defect| if defect { 1.0 } else { -1.0 });
    let mut doubled = perfect.clone();
    doubled.extend(perfect.iter().filter(|s| s.log_odds > 0.0).cloned());
    let (single, double) = (quality(&perfect), quality(&doubled));
    assert_eq!(single, 1.0);
    assert!(double < 1.0 && double > 0.4, "{double}");
    // Only the flagged sites, as a detector without a lattice would hand them in.
    let mut short = perfect.clone();
    short.retain(|s| s.log_odds > 0.0);
    assert_eq!(quality(&short), 1.0);
}

#[test]
fn what_the_briefing_tells_earns_nothing() {
    // On which element defects are known to sit, and how often, is no finding.
    for level in 1..=3 {
        let world = world(level);
        let briefing = world.briefing();
        let sites = briefing.sites.iter();
        let prior = sites.map(|site| {
            let prevalence = briefing.prevalence(site.kind);
            SiteBelief {
                position: site.position,
                log_odds: (prevalence / (1.0 - prevalence)).ln(),
                class: None,
            }
        });
        let prior = Finding::PointDefects(prior.collect());
        for seed in 0..5 {
            let mut episode = world.episode(Seed(seed));
            let known = truth(&world, Seed(seed));
            episode.submit(&prior).unwrap();
            spend(&mut episode, 0.5);
            let perfect = answer(&world, &known, |_, defect| f64::from(u8::from(defect)));
            episode.submit(&perfect).unwrap();
            let outcome = episode.finish();
            assert_eq!(outcome.curve.final_quality(), 1.0);
            assert!(outcome.curve.events()[0].quality < 1e-12);
            assert!((outcome.report.unwrap().quality - 1.0).abs() < 1e-12);
        }
    }
}

/// A user's own navigator: a line through the field, three times over.
struct Line {
    passes: usize,
}

impl Navigator for Line {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        if self.passes == 0 {
            return Ok(Step::Stop);
        }
        self.passes -= 1;
        assert_eq!(
            view.spent().0 + view.remaining().0,
            view.briefing().budget.0
        );
        let places = (0..100).map(|i| Point::new(32.0, 0.6 * f64::from(i)));
        Ok(Step::Scan(Scan::at(
            places,
            Dose(0.002 * view.briefing().budget_electrons()),
        )))
    }
}

/// A user's own analyst: the same answer whatever it sees, and a record of how much it saw.
struct Constant {
    finding: Finding,
    seen: std::sync::Arc<std::sync::Mutex<(usize, f64)>>,
}

impl Analyst for Constant {
    fn observe(&mut self, frame: &Frame) -> Result<()> {
        let mut seen = self.seen.lock().unwrap();
        seen.0 += frame.len();
        seen.1 += frame.electrons.iter().sum::<f64>();
        Ok(())
    }

    fn finding(&self) -> &Finding {
        &self.finding
    }
}

#[test]
fn policies_of_ones_own_run_and_a_constant_answer_scores_nothing() {
    for (level, log_odds) in [(1, 0.0), (1, 8.0), (2, -3.0), (3, f64::INFINITY)] {
        let world = world(level);
        let known = truth(&world, Seed(3));
        let seen = std::sync::Arc::new(std::sync::Mutex::new((0, 0.0)));
        let analyst = Constant {
            finding: answer(&world, &known, |_, _| log_odds),
            seen: seen.clone(),
        };
        let record = Agent::new(Line { passes: 3 }, analyst)
            .record(world.episode(Seed(3)))
            .unwrap();
        assert!(
            record
                .trace
                .curve
                .events()
                .iter()
                .all(|e| e.quality < 1e-15)
        );
        assert!(record.trace.dec_auc() < 1e-15 && record.trace.scans == 3);
        let (visits, electrons) = *seen.lock().unwrap();
        assert_eq!(visits, 300);
        assert!((electrons / (0.6 * world.briefing().budget_electrons()) - 1.0).abs() < 1e-9);
        assert!((record.trace.spent.0 / world.briefing().budget.0 - 0.6).abs() < 1e-9);
        let Truth::PointDefects { defects, .. } = &record.truth else {
            panic!("{:?}", record.truth)
        };
        assert_eq!(defects, &known);
    }
}

#[test]
fn what_a_policy_gets_wrong_ends_the_run_with_its_reason() {
    struct Outside;
    impl Navigator for Outside {
        fn next(&mut self, _: &View<'_>) -> Result<Step> {
            Ok(Step::Scan(Scan::at([Point::new(1e3, 0.0)], Dose(1.0))))
        }
    }
    struct Nothing;
    impl Navigator for Nothing {
        fn next(&mut self, _: &View<'_>) -> Result<Step> {
            Ok(Step::Scan(Scan::at([Point::new(1.0, 1.0)], Dose(1e-12))))
        }
    }
    let world = world(1);
    let analyst = || SiteLikelihood::for_world(&world).unwrap();
    let error = Agent::new(Outside, analyst())
        .run(world.episode(Seed(0)))
        .unwrap_err();
    assert!(matches!(error, Error::OutsideField { .. }), "{error}");
    // A scan that costs nothing would go on for ever.
    let error = Agent::new(Nothing, analyst())
        .run(world.episode(Seed(0)))
        .unwrap_err();
    assert!(error.to_string().contains("dose"), "{error}");
    let seen = Default::default();
    let known = truth(&world, Seed(0));
    let finding = answer(&world, &known, |i, _| if i == 2 { f64::NAN } else { 0.0 });
    let error = Agent::new(Line { passes: 1 }, Constant { finding, seen })
        .run(world.episode(Seed(0)))
        .unwrap_err();
    assert!(
        error.to_string().contains("finding.point_defects[2]"),
        "{error}"
    );
}

#[test]
fn runs_repeat_to_the_last_bit_on_any_number_of_threads() {
    let worlds = [2, 3].map(world);
    let fingerprint = |level: u8, adaptive: bool, seed: u64| {
        let world = &worlds[usize::from(level) - 2];
        let analyst = SiteLikelihood::for_world(world).unwrap();
        let agent = if adaptive {
            Agent::new(DoseIndex::default(), analyst)
        } else {
            Agent::new(Raster::new(0.8).unwrap().interleaved(2).unwrap(), analyst)
        };
        let record = agent.record(world.episode(Seed(seed))).unwrap();
        let mut bits: Vec<u64> = record
            .finding
            .sites()
            .iter()
            .map(|s| s.log_odds.to_bits())
            .collect();
        for frame in record.measurements.frames() {
            bits.extend(
                frame
                    .signal
                    .iter()
                    .chain(&frame.time)
                    .chain(&frame.electrons)
                    .map(|v| v.to_bits()),
            );
        }
        for event in record.trace.curve.events() {
            bits.extend([event.dose.to_bits(), event.quality.to_bits()]);
        }
        bits.extend([
            record.trace.damaged_fraction.to_bits(),
            record.trace.time.to_bits(),
        ]);
        bits
    };
    let cases: Vec<(u8, bool, u64)> = (2..=3)
        .flat_map(|level| [(level, true, 5), (level, false, 6)])
        .collect();
    let in_pool = |threads: usize| {
        use rayon::prelude::*;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            cases
                .par_iter()
                .map(|&(l, a, s)| fingerprint(l, a, s))
                .collect::<Vec<_>>()
        })
    };
    let one = in_pool(1);
    assert!(one.iter().all(|bits| bits.len() > 2000));
    assert_eq!(one, in_pool(2));
}
