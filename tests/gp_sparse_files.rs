//! Sparse processes in files, and what they refuse.

use dosewise::Error;
use dosewise::gp::{
    FitOptions, InducingPoints, InducingSelection, Kernel, Matern52, Mean, Noise, Persist,
    SparseGp, Surrogate,
};
use ndarray::{Array2, array};

/// Places in the unit square that look random and never repeat.
fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

#[test]
fn files_keep_every_bit_and_refuse_what_was_tampered_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    let x = scattered(40);
    let y: Vec<f64> = x
        .rows()
        .into_iter()
        .map(|p| (6.0 * p[0]).sin() + p[1])
        .collect();
    let noise = Noise::Known((0..40).map(|i| 0.01 + 1e-3 * f64::from(i)).collect());
    let kernel = Matern52::ard([0.3, 0.5]).scaled(1.3);
    let mut gp = SparseGp::new(kernel, noise, InducingPoints::greedy(9))
        .with_mean(Mean::Constant(0.2))
        .condition(&x, &y)
        .unwrap();
    gp.append(&[0.2, 0.3], 0.4, 0.05).unwrap();
    gp.save(&file).unwrap();
    let mut again = SparseGp::load(&file).unwrap();
    let places = scattered(30);
    assert_eq!(
        gp.joint(places.view()).unwrap(),
        again.joint(places.view()).unwrap()
    );
    assert_eq!(
        gp.posterior_mean(&places).unwrap(),
        again.posterior_mean(&places).unwrap()
    );
    assert_eq!(
        gp.log_evidence_bound().to_bits(),
        again.log_evidence_bound().to_bits()
    );
    gp.append(&[0.9, 0.1], 0.0, 0.05).unwrap();
    again.append(&[0.9, 0.1], 0.0, 0.05).unwrap();
    assert_eq!(
        gp.joint(places.view()).unwrap(),
        again.joint(places.view()).unwrap()
    );

    let text = std::fs::read_to_string(&file).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    let edits: [(&str, serde_json::Value); 6] = [
        ("format", "sparse-gp 2".into()),
        ("process.jitter", (-1.0).into()),
        ("process.location.0", serde_json::Value::Null),
        ("process.root.1", 0.123.into()),
        ("process.kernel.outputscale", 3.0.into()),
        ("y.0", 1e200.into()),
    ];
    for (key, value) in edits {
        let mut edited = whole.clone();
        let pointer = format!("/{}", key.replace('.', "/"));
        *edited.pointer_mut(&pointer).unwrap() = value;
        std::fs::write(&file, edited.to_string()).unwrap();
        let error = SparseGp::load(&file).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{key}: {error}");
    }
}

#[test]
fn unusable_arguments_are_refused_by_name() {
    let kernel = || Matern52::isotropic(0.3).scaled(1.0);
    let x = array![[0.0], [0.5], [1.0]];
    let y = [0.1, 0.2, 0.3];
    let model = |noise| SparseGp::new(kernel(), noise, InducingPoints::greedy(2));
    let good = Noise::Homoscedastic(0.1);
    let refused = |result: dosewise::Result<SparseGp>, name: &str| match result.unwrap_err() {
        Error::Argument { argument, .. } => assert_eq!(argument, name),
        other => panic!("{other}"),
    };
    refused(model(good.clone()).condition(&x, &y[..2]), "y");
    refused(
        model(good.clone()).condition(&Array2::zeros((0, 1)), &[]),
        "y",
    );
    refused(
        model(good.clone()).condition(&Array2::zeros((3, 0)), &y),
        "x",
    );
    refused(model(good.clone()).condition(&(&x * f64::NAN), &y), "x");
    refused(
        model(good.clone()).condition(&x, &[0.0, f64::NAN, 0.0]),
        "y",
    );
    refused(
        model(Noise::Homoscedastic(0.0)).condition(&x, &y),
        "noise variance",
    );
    refused(
        model(Noise::Known(vec![0.1, 0.0, 0.1])).condition(&x, &y),
        "noise variance",
    );
    refused(model(Noise::Known(vec![0.1])).condition(&x, &y), "noise");
    let with = |inducing| SparseGp::new(kernel(), good.clone(), inducing).condition(&x, &y);
    refused(with(InducingPoints::greedy(0)), "inducing");
    refused(
        with(InducingPoints::given(&array![[0.1, 0.2]]).unwrap()),
        "inducing",
    );
    refused(
        with(InducingPoints::given(&Array2::zeros((0, 1))).unwrap()),
        "inducing",
    );
    assert!(InducingPoints::given(&array![[f64::INFINITY]]).is_err());
    let selection = InducingSelection {
        tolerance: f64::NAN,
        ..InducingSelection::of(2)
    };
    refused(with(InducingPoints::Greedy(selection)), "tolerance");
    assert!(model(good.clone()).append(&[0.0], 0.0, None).is_err());
    assert!(model(good.clone()).refit(&FitOptions::default()).is_err());
    let gp = model(good).condition(&x, &y).unwrap();
    assert!(gp.posterior(&array![[0.0, 1.0]]).is_err());
    assert!(gp.posterior(&array![[f64::NAN]]).is_err());
    // The prior, before anything is known.
    let prior = model(Noise::Homoscedastic(0.1));
    let marginals = prior.marginals(array![[3.0]].view()).unwrap();
    assert_eq!((marginals.mean, marginals.variance), (vec![0.0], vec![1.0]));
    assert_eq!(prior.log_evidence_bound(), 0.0);
}
