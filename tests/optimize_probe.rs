//! The attempts of the example `optimise_probe` keep to their budget and say what they would use.

#[path = "../examples/optimise_probe/compete.rs"]
#[expect(dead_code, reason = "the scoring, which only the example itself needs")]
mod compete;
#[path = "../examples/optimise_probe/microscope.rs"]
mod microscope;
#[path = "../examples/optimise_probe/rivals.rs"]
mod rivals;
#[path = "../examples/optimise_probe/study.rs"]
mod study;

use compete::competitors;
use dosewise::units::Seed;
use microscope::{Microscope, RANGE, Session};

const BUDGET: f64 = 8_000.0;

#[test]
fn every_attempt_spends_its_budget_and_no_more() {
    for seed in [1, 2] {
        let microscope = Microscope::new(Seed(seed)).unwrap();
        for competitor in competitors(BUDGET) {
            assert_eq!(competitor.tries.len(), 6, "{}", competitor.name);
            let (label, attempt) = &competitor.tries[0];
            let mut session = Session::new(&microscope, BUDGET);
            attempt(&mut session, microscope.seed()).unwrap();
            let left = session.left();
            assert!(
                (-1e-6..0.2 * BUDGET).contains(&left),
                "{}, {label}: {left}",
                competitor.name
            );
            assert!(session.frames() >= 10, "{}", competitor.name);
            let setting = session.in_hand(BUDGET);
            assert!(setting.iter().all(|value| value.abs() <= RANGE));
            assert_eq!(session.in_hand(0.0), [0.0; 3]);
        }
    }
}

#[test]
fn with_dose_to_spare_the_study_finds_the_focus() {
    let microscope = Microscope::new(Seed(3)).unwrap();
    let before = microscope.quality([0.0; 3]).unwrap();
    let mut session = Session::new(&microscope, 1e6);
    study::fixed(&mut session, Seed(3), 2e4).unwrap();
    let after = microscope.quality(session.in_hand(1e6)).unwrap();
    assert!(before.residual > 30.0 && after.residual < 12.0, "{after:?}");
    assert!(
        after.electrons_lost < 0.1 && after.sharpness_lost < 0.2,
        "{after:?}"
    );
    let none = microscope.quality(microscope.sharpest()).unwrap();
    assert!(none.residual == 0.0 && none.electrons_lost == 0.0 && none.sharpness_lost == 0.0);
}
