//! Files, and what is refused.

use crate::case::{reference, rows};
use dosewise::Error;
use dosewise::gp::{FitOptions, Mean, MultiOutputGp, Persist, Rbf, Surrogate};
use ndarray::{Array2, array};

#[test]
fn files_hold_every_bit_and_refuse_what_does_not_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    for case in reference() {
        let x = rows(&case.x);
        let options = FitOptions {
            restarts: 0,
            max_iterations: 3,
            ..FitOptions::default()
        };
        let means: Vec<Mean> = (0..case.outputs).map(|_| Mean::Constant(0.0)).collect();
        let gp = case
            .model()
            .with_means(means)
            .fit(&x, &case.codes, &case.y, &options)
            .unwrap();
        gp.save(&file).unwrap();
        let mut again = MultiOutputGp::load(&file).unwrap();
        let places = rows(&case.places);
        assert_eq!(
            again.posterior(&places).unwrap().mean(),
            gp.posterior(&places).unwrap().mean()
        );
        assert_eq!(
            again.posterior(&places).unwrap().variance(),
            gp.posterior(&places).unwrap().variance()
        );
        assert_eq!(again.parameters(), gp.parameters());
        assert_eq!(
            (again.means(), again.fit_report()),
            (gp.means(), gp.fit_report())
        );
        again.append(&case.x[0], 0, 0.3).unwrap();

        let text = std::fs::read_to_string(&file).unwrap();
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        let broken = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = whole.clone();
            change(&mut value);
            std::fs::write(&file, value.to_string()).unwrap();
            let error = MultiOutputGp::load(&file).unwrap_err();
            assert!(matches!(error, Error::Config { .. }), "{error}");
        };
        broken(&|v| v["design"]["noise"][0] = 9.0.into());
        broken(&|v| v["design"]["noise"] = serde_json::json!([0.1]));
        broken(&|v| v["y"][0] = 9.0.into());
        broken(&|v| v["format"] = "exact-gp 1".into());
        broken(&|v| v["design"]["means"] = serde_json::json!(["Zero"]));
        broken(&|v| v["y"] = serde_json::json!([]));
    }
    let fresh = MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1, 0.1]);
    fresh.save(&file).unwrap();
    assert!(MultiOutputGp::load(&file).unwrap().is_empty());
}

#[test]
fn unusable_input_is_refused_by_name() {
    let model = || MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1, 0.1]);
    let x = array![[0.0], [1.0]];
    let named = |outcome: dosewise::Result<MultiOutputGp>, expected: &str| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("{other:?} instead of a refusal of {expected}"),
    };
    named(model().condition(&x, &[0, 1], &[0.0]), "y");
    named(model().condition(&x, &[0], &[0.0, 1.0]), "outputs");
    named(model().condition(&x, &[0, 2], &[0.0, 1.0]), "output");
    named(model().condition(&x, &[0, 1], &[0.0, f64::NAN]), "y");
    named(
        model().condition(&array![[0.0], [f64::INFINITY]], &[0, 1], &[0.0, 1.0]),
        "x",
    );
    named(model().condition(&Array2::zeros((0, 1)), &[], &[]), "y");
    named(
        model().condition(&Array2::zeros((2, 0)), &[0, 1], &[0.0, 1.0]),
        "x",
    );
    named(
        model().condition_all(&x, &array![[0.0, f64::NAN], [1.0, 2.0]]),
        "y",
    );
    named(model().condition_all(&x, &array![[0.0], [1.0]]), "y");
    named(
        model().condition_all(&x, &array![[None::<f64>, None], [None, None]]),
        "y",
    );
    named(
        model()
            .with_means([Mean::Zero])
            .condition(&x, &[0, 1], &[0.0, 1.0]),
        "means",
    );
    named(
        MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1]).condition(&x, &[0, 1], &[0.0, 1.0]),
        "noise",
    );
    named(
        MultiOutputGp::new(Rbf::isotropic(0.3), 2, 3, [0.1, 0.1]).condition(
            &x,
            &[0, 1],
            &[0.0, 1.0],
        ),
        "rank",
    );
    named(
        MultiOutputGp::new(Rbf::isotropic(0.3), 0, 0, []).condition(&x, &[0, 1], &[0.0, 1.0]),
        "outputs",
    );
    named(
        MultiOutputGp::autoregressive([], []).condition(&x, &[0, 1], &[0.0, 1.0]),
        "levels",
    );
    named(model().with_ratios([1.0]), "model");
    named(
        model().with_coregionalisation(&array![[1.0]], &[0.1]),
        "weights",
    );
    let negative = MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1, -0.1]);
    named(
        negative.condition(&x, &[0, 1], &[0.0, 1.0]),
        "noise variance",
    );
    assert!(model().correlation().is_err() && model().output(2).is_err());
    // Before there is a measurement: the prior, if it is one.
    let means = [Mean::Fixed(3.0), Mean::linear()];
    let prior = model().with_means(means).posterior(&x).unwrap();
    assert_eq!(prior.mean(), &array![[3.0, 0.0], [3.0, 0.0]]);
    let diagonal = model().covariance_at(&[0.3]).unwrap().diag().to_vec();
    assert_eq!(prior.variance().row(1).to_vec(), diagonal);
    let slopes = model().output(1).unwrap().slopes(&[0.2]).unwrap();
    assert_eq!((slopes.of_mean[0], slopes.of_variance[0]), (0.0, 0.0));
    assert!(model().posterior(&Array2::zeros((2, 0))).is_err());
    assert!(model().with_means([Mean::Zero]).posterior(&x).is_err());
    let gp = model().condition(&x, &[0, 1], &[0.0, 1.0]).unwrap();
    assert!(
        gp.posterior(&array![[0.0, 1.0]]).is_err() && gp.posterior(&array![[f64::NAN]]).is_err()
    );
    assert!(gp.covariance_at(&[]).is_err());
    assert!(
        gp.posterior(&Array2::zeros((0, 1)))
            .unwrap()
            .mean()
            .is_empty()
    );
}
