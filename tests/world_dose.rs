//! The dose meter as an examiner would try it: exact, never overdrawn, and a refusal leaves no trace.

use dosewise::prelude::*;

fn world(level: u8) -> World {
    World::load(format!("worlds/mos2-l{level}.toml")).unwrap()
}

fn electrons(frame: &Frame) -> f64 {
    frame.electrons.iter().sum()
}

/// The meter counts in units of 2⁻²⁰ electron; sums of such numbers are exact in f64.
const TICK: f64 = 1.0 / (1_u64 << 20) as f64;

#[test]
fn what_is_spent_and_what_is_left_add_up_to_the_budget() {
    let world = world(1);
    let briefing = world.briefing();
    assert_eq!(briefing.area(), 4096.0); // a power of two: the averages over the field stay exact
    let mut episode = world.episode(Seed(3));
    let mut given = 0.0;
    for (step, dose) in [1.0, 0.1, 1.0 / 3.0, 7e-6, 1e4, 31.4159]
        .into_iter()
        .enumerate()
    {
        let place = Point::new(5.0 + step as f64, 9.0);
        let frame = episode
            .scan(&Scan::at([place], Dose(dose)).footprint(0.7))
            .unwrap();
        assert!((electrons(&frame) - 0.7 * dose).abs() <= 0.5 * TICK);
        given += electrons(&frame);
        assert_eq!(episode.spent().0 * 4096.0, given);
        assert_eq!(episode.spent().0 + episode.remaining().0, briefing.budget.0);
    }
}

#[test]
fn all_that_is_left_can_be_asked_for_in_any_number_of_visits() {
    let world = world(2);
    let briefing = world.briefing();
    for stride in [0.64, 0.8, 64.0 / 90.0, 3.2, 64.0 / 11.0] {
        let mut episode = world.episode(Seed(1));
        episode
            .scan(&Scan::at([Point::new(1.0, 1.0)], Dose(12.3)).footprint(0.77))
            .unwrap();
        let scan = Scan::rectangle(
            Point::new(0.0, 0.0),
            64.0,
            64.0,
            stride,
            episode.remaining(),
        )
        .unwrap();
        let frame = episode.scan(&scan).unwrap();
        assert_eq!(frame.len(), scan.len(), "stride {stride}");
        // Rounding to the meter's unit leaves at most half a unit a visit.
        let left = episode.remaining().0 * briefing.area();
        assert!(
            (0.0..=0.5 * TICK * scan.len() as f64).contains(&left),
            "{left}"
        );
        assert!(episode.spent().0 <= briefing.budget.0);
    }
}

#[test]
fn more_than_is_left_is_refused_and_nothing_is_spent() {
    let world = world(1);
    let mut episode = world.episode(Seed(2));
    episode
        .scan(&Scan::at([Point::new(3.0, 3.0)], Dose(400.0 * 4096.0)))
        .unwrap();
    let too_much = [
        Scan::at([Point::new(9.0, 9.0)], Dose(200.1 * 4096.0)),
        Scan::visits((0..2000).map(|i| {
            (
                Point::new(30.0, 0.01 * f64::from(i)),
                Dose(200.0 * 4096.0 / 1999.0),
            )
        })),
        Scan::rectangle(Point::new(0.0, 0.0), 64.0, 64.0, 0.5, Dose(200.0001)).unwrap(),
        Scan::at([Point::new(9.0, 9.0)], Dose(1e300)),
        Scan::at([Point::new(9.0, 9.0)], Dose(1e300)).footprint(1e300),
    ];
    for scan in too_much {
        match episode.scan(&scan) {
            Err(Error::BudgetExceeded { asked, remaining }) => {
                assert_eq!(remaining, 200.0);
                assert!(
                    asked > 200.0 && (asked - scan.electrons() / 4096.0).abs() <= 1e-9 * asked
                        || asked.is_infinite()
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((episode.spent().0, episode.remaining().0), (400.0, 200.0));
    }
    episode
        .scan(&Scan::at([Point::new(9.0, 9.0)], Dose(200.0 * 4096.0)))
        .unwrap();
    assert_eq!(episode.remaining().0, 0.0);
    for dose in [1e-3, 1.0, 1e9] {
        let refused = episode.scan(&Scan::at([Point::new(9.0, 9.0)], Dose(dose)));
        assert!(
            matches!(refused, Err(Error::BudgetSpent { budget: 600.0 })),
            "{refused:?}"
        );
    }
    assert_eq!(episode.finish().spent.0, 600.0);
}

/// Every kind of request that must be refused, and the word by which the refusal names it.
fn refusals() -> Vec<(Scan, &'static str)> {
    let inside = Point::new(20.0, 20.0);
    let mut list = Vec::new();
    for dose in [
        0.0,
        -0.0,
        -1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-30,
    ] {
        list.push((Scan::at([inside], Dose(dose)), "dose"));
        list.push((
            Scan::visits([(inside, Dose(1.0)), (inside, Dose(dose))]),
            "dose",
        ));
        list.push((
            Scan::rectangle(inside, 2.0, 2.0, 0.5, Dose(dose)).unwrap(),
            "dose",
        ));
    }
    for area in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        list.push((Scan::at([inside], Dose(1.0)).footprint(area), "footprint"));
    }
    list.push((Scan::at([], Dose(1.0)), "positions"));
    list.push((Scan::visits([]), "positions"));
    for place in [
        (-1e-9, 1.0),
        (1.0, 80.000001),
        (f64::NAN, 1.0),
        (1.0, f64::INFINITY),
        (-1e300, 1e300),
    ] {
        let place = Point::new(place.0, place.1);
        list.push((Scan::at([inside, place], Dose(1.0)), "outside the field"));
        list.push((
            Scan::rectangle(place, 100.0, 100.0, 10.0, Dose(1e-3)).unwrap(),
            "outside the field",
        ));
    }
    list.push((Scan::at([inside], Dose(1e12)), "asks for"));
    list
}

#[test]
fn every_refusal_is_named_and_leaves_no_trace() {
    for level in 1..=3 {
        let world = world(level);
        let visits: Vec<Scan> = (0..4)
            .map(|i| {
                let corner = Point::new(2.0 + f64::from(i), 8.0 * f64::from(i));
                Scan::rectangle(corner, 4.0, 6.0, 0.8, Dose(1e4)).unwrap()
            })
            .chain([Scan::at([Point::new(20.0, 20.0); 3], Dose(500.0))])
            .collect();
        let mut plain = world.episode(Seed(11));
        let untroubled: Vec<Frame> = visits.iter().map(|s| plain.scan(s).unwrap()).collect();
        let mut episode = world.episode(Seed(11));
        for (scan, expected) in visits.iter().zip(&untroubled) {
            for (bad, word) in refusals() {
                let before = (episode.spent(), episode.remaining());
                let message = episode.scan(&bad).unwrap_err().to_string();
                assert!(message.contains(word), "{message}: {word}");
                assert_eq!(before, (episode.spent(), episode.remaining()));
            }
            assert_eq!(episode.scan(scan).unwrap(), *expected, "level {level}");
        }
        let (troubled, plain) = (episode.finish(), plain.finish());
        assert_eq!(
            (troubled.scans, troubled.time, troubled.damaged_fraction),
            (plain.scans, plain.time, plain.damaged_fraction)
        );
    }
}

#[test]
fn grids_without_a_position_or_with_too_many_are_refused_at_once() {
    let origin = Point::new(0.0, 0.0);
    for (height, width, stride) in [
        (0.0, 10.0, 1.0),
        (10.0, -1.0, 1.0),
        (10.0, 10.0, 0.0),
        (10.0, 10.0, 11.0),
        (10.0, 10.0, f64::NAN),
        (f64::INFINITY, 10.0, 1.0),
        (64.0, 64.0, 1e-3),
        (1e300, 1e300, 1e-300),
    ] {
        assert!(
            Scan::rectangle(origin, height, width, stride, Dose(1.0)).is_err(),
            "{height} {width} {stride}"
        );
    }
    // The largest grid there is, 4096 × 4096, checked and refused for its dose without being run.
    let scan = Scan::rectangle(origin, 64.0, 64.0, 64.0 / 4096.0, Dose(601.0)).unwrap();
    assert_eq!(scan.len(), 1 << 24);
    let refused = world(1).episode(Seed(0)).scan(&scan);
    assert!(
        matches!(refused, Err(Error::BudgetExceeded { .. })),
        "{refused:?}"
    );
}

#[test]
fn an_agent_that_asks_for_too_much_gets_exactly_the_budget() {
    struct Greedy;
    impl Navigator for Greedy {
        fn next(&mut self, view: &View<'_>) -> Result<Step> {
            let places = view.briefing().sites.iter().map(|s| s.position);
            Ok(Step::Scan(Scan::at(places, Dose(98_765.432_1))))
        }
    }
    let world = world(2);
    let analyst = SiteLikelihood::for_world(&world).unwrap();
    let record = Agent::new(Greedy, analyst)
        .record(world.episode(Seed(5)))
        .unwrap();
    let given: f64 = record.measurements.frames().iter().map(electrons).sum();
    assert_eq!(given, world.briefing().budget_electrons());
    assert_eq!(record.trace.spent, world.briefing().budget);
    assert!(record.measurements.frames().last().unwrap().truncated);
}
