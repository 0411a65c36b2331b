//! Files, and what is refused.

use crate::case::{reference, rows};
use dosewise::gp::{Bias, Decay, DoseGp, DoseNoise, FitOptions, Mean, Persist, Rbf};
use dosewise::{Error, units::Dose};
use ndarray::{Array2, array};

#[test]
fn files_hold_every_bit_and_refuse_what_does_not_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    for case in reference() {
        let options = FitOptions {
            restarts: 0,
            max_iterations: 3,
            ..FitOptions::default()
        };
        let model = case.model().with_mean(Mean::Constant(0.0));
        let gp = model
            .fit(&rows(&case.x), &case.doses, &case.y, &options)
            .unwrap();
        gp.save(&file).unwrap();
        let mut again = DoseGp::load(&file).unwrap();
        let places = rows(&case.places);
        assert_eq!(
            again.posterior(&places).unwrap(),
            gp.posterior(&places).unwrap()
        );
        let dose = case.next_dose;
        assert_eq!(
            again.variance_after(&places, dose).unwrap(),
            gp.variance_after(&places, dose).unwrap()
        );
        assert_eq!(again.parameters(), gp.parameters());
        assert_eq!(
            (again.mean(), again.fit_report()),
            (gp.mean(), gp.fit_report())
        );
        again.append(&case.x[0], dose, 0.3).unwrap();

        let text = std::fs::read_to_string(&file).unwrap();
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        let broken = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = whole.clone();
            change(&mut value);
            std::fs::write(&file, value.to_string()).unwrap();
            let error = DoseGp::load(&file).unwrap_err();
            assert!(matches!(error, Error::Config { .. }), "{error}");
        };
        broken(&|v| v["design"]["noise"]["fitted"]["shot"] = 9.0.into());
        broken(&|v| v["design"]["means"] = serde_json::json!([]));
        broken(&|v| v["y"][0] = 9.0.into());
        broken(&|v| v["format"] = "multi-output-gp 1".into());
        broken(&|v| v["design"]["field"]["outputscale"] = 9.0.into());
    }
    let case = &reference()[0];
    case.model().save(&file).unwrap();
    assert!(DoseGp::load(&file).unwrap().is_empty());
}

#[test]
fn unusable_input_is_refused_by_name() {
    let with = |noise| DoseGp::new(Rbf::isotropic(0.3), Bias::None, noise);
    let model = || {
        with(DoseNoise::Known {
            shot: 1.0,
            readout: 0.1,
        })
    };
    let x = array![[0.0], [1.0]];
    let two = [Dose(1.0), Dose(2.0)];
    let named = |outcome: dosewise::Result<DoseGp>, expected: &str| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("{other:?} instead of a refusal of {expected}"),
    };
    named(model().condition(&x, &two, &[0.0]), "y");
    named(model().condition(&x, &two[..1], &[0.0, 1.0]), "doses");
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e150] {
        named(
            model().condition(&x, &[Dose(1.0), Dose(bad)], &[0.0, 1.0]),
            "dose",
        );
    }
    named(model().condition(&x, &two, &[0.0, f64::INFINITY]), "y");
    named(
        model().condition(&array![[0.0], [f64::NAN]], &two, &[0.0, 1.0]),
        "x",
    );
    named(model().condition(&Array2::zeros((0, 1)), &[], &[]), "y");
    named(
        model().condition(&Array2::zeros((2, 0)), &two, &[0.0, 1.0]),
        "x",
    );
    for (shot, readout) in [(-1.0, 0.0), (1.0, f64::NAN), (f64::INFINITY, 0.0)] {
        let noise = DoseNoise::Fitted { shot, readout };
        named(
            with(noise).condition(&x, &two, &[0.0, 1.0]),
            "noise variance",
        );
    }
    let decay = Decay::Exponential { dose: -1.0 };
    let wrong = DoseGp::new(
        Rbf::isotropic(0.3),
        Bias::with_dose(Rbf::isotropic(0.3), decay),
        DoseNoise::Known {
            shot: 1.0,
            readout: 0.0,
        },
    );
    named(wrong.condition(&x, &two, &[0.0, 1.0]), "dose scale");
    // Before there is a look: the prior, and what a look of noise variance 1/1 + 0.1 would leave of it.
    let prior = model().with_mean(Mean::Fixed(3.0)).posterior(&x).unwrap();
    assert_eq!((prior.mean, prior.variance), (vec![3.0; 2], vec![1.0; 2]));
    let after = model().variance_after(&x, Dose(1.0)).unwrap();
    assert!((after[1] - (1.0 - 1.0 / 2.1)).abs() < 1e-14);
    assert!(model().posterior(&Array2::zeros((2, 0))).is_err());
    let mut gp = model().condition(&x, &two, &[0.0, 1.0]).unwrap();
    assert!(
        gp.append(&[0.0], Dose(0.0), 1.0).is_err()
            && gp.append(&[0.0, 1.0], Dose(1.0), 1.0).is_err()
    );
    assert!(gp.append(&[f64::NAN], Dose(1.0), 1.0).is_err());
    assert_eq!(gp.len(), 2);
    assert!(
        gp.measurement(&x, Dose(f64::NAN)).is_err() && gp.posterior(&array![[1.0, 2.0]]).is_err()
    );
}
