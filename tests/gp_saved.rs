//! Processes in files: every bit comes back, and whatever is not such a file is refused by name.

use dosewise::gp::{
    Categorical, Constant, ExactGp, FitOptions, Kernel, Linear, Matern12, Matern32, Matern52, Mean,
    Noise, Parameter, Periodic, Persist, PointsView, Polynomial, Profile, RationalQuadratic, Rbf,
    Stationary, White,
};
use dosewise::{Error, Result};
use ndarray::{Array2, array};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;

fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn signal(x: &Array2<f64>) -> Vec<f64> {
    x.rows()
        .into_iter()
        .map(|p| (6.0 * p[0]).sin() + p[1] / 3.0)
        .collect()
}

/// A folder of its own for each test, removed at its end.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Everything that can be asked of both agrees in every bit.
fn assert_equal_bits(a: &ExactGp, b: &ExactGp) {
    let places = scattered(150) * 1.3;
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let (one, other) = (a.posterior(&places).unwrap(), b.posterior(&places).unwrap());
    assert_eq!(bits(one.mean()), bits(other.mean()));
    assert_eq!(bits(one.variance()), bits(other.variance()));
    let (one, other) = (one.covariance().unwrap(), other.covariance().unwrap());
    assert_eq!(
        bits(one.as_slice().unwrap()),
        bits(other.as_slice().unwrap())
    );
    assert_eq!(
        bits(&a.posterior_mean(&places).unwrap()),
        bits(&b.posterior_mean(&places).unwrap())
    );
    assert_eq!(
        a.log_marginal_likelihood().to_bits(),
        b.log_marginal_likelihood().to_bits()
    );
    assert_eq!(
        bits(&a.log_marginal_likelihood_gradient()),
        bits(&b.log_marginal_likelihood_gradient())
    );
    assert_eq!(a.parameters(), b.parameters());
    assert_eq!((a.noise(), a.mean()), (b.noise(), b.mean()));
    assert_eq!((a.jitter(), a.fit_report()), (b.jitter(), b.fit_report()));
}

fn there_and_back(gp: &ExactGp) -> ExactGp {
    let folder = folder();
    let file = folder.path().join("model.json");
    gp.save(&file).unwrap();
    let loaded = ExactGp::load(&file).unwrap();
    assert_equal_bits(gp, &loaded);
    // Saving what was loaded writes the same bytes, and serde alone agrees with the files.
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(serde_json::to_string(&loaded).unwrap(), text);
    let direct: ExactGp = serde_json::from_str(&text).unwrap();
    assert_equal_bits(gp, &direct);
    loaded
}

fn kernels() -> Vec<Box<dyn Kernel>> {
    let everything = (Rbf::ard([0.1 + 0.2, 1.0 / 3.0]).scaled(1.7)
        + Matern12::isotropic(0.7) * Periodic::ard([1.0, 2.0], [0.3, 0.7])
        + Matern32::isotropic(0.1).on_columns([1]))
        * RationalQuadratic::isotropic(0.9, 1.1)
        + Linear::ard([0.3, 0.1]).with_offset(0.2)
        + Linear::isotropic(0.3)
        + Polynomial::isotropic(2, 0.1).with_offset(0.7)
        + Constant::new(0.9)
        + White::new(1e-3);
    vec![
        Box::new(everything),
        Box::new(Matern52::ard([0.3, 0.6]).scaled(1.1)),
        Box::new(Rbf::isotropic(0.3)),
    ]
}

#[test]
fn predictions_come_back_bit_for_bit() {
    let x = scattered(70);
    let y = signal(&x);
    let trend = Mean::Linear {
        intercept: 0.1,
        slopes: vec![1.0 / 3.0, -0.7],
    };
    for kernel in kernels() {
        let known = Noise::Known((0..70).map(|i| 0.01 + f64::from(i) / 977.0).collect());
        for (noise, mean) in [
            (Noise::Homoscedastic(0.1 / 3.0), Mean::Constant(0.3)),
            (known, trend.clone()),
        ] {
            let gp = ExactGp::new(kernel.clone(), noise)
                .with_mean(mean)
                .condition(&x, &y)
                .unwrap();
            there_and_back(&gp);
        }
        // The empty process, and one that grows: another history of rounding, a buffer larger than the factor.
        let mut grown = ExactGp::new(kernel, Noise::Known(vec![])).with_mean(Mean::Fixed(0.2));
        there_and_back(&grown);
        for (i, &value) in y.iter().enumerate().take(37) {
            grown
                .append(&x.row(i).to_vec(), value, 0.01 + value.abs() / 7.0)
                .unwrap();
        }
        let mut loaded = there_and_back(&grown);
        // Life goes on in step.
        for (i, &value) in y.iter().enumerate().take(45).skip(37) {
            for gp in [&mut grown, &mut loaded] {
                gp.append(&x.row(i).to_vec(), value, 0.02).unwrap();
            }
        }
        assert_equal_bits(&grown, &loaded);
    }
}

#[test]
fn fitted_and_jittered_processes_come_back() {
    let x = scattered(40);
    let fitted = ExactGp::new(
        Matern52::isotropic(0.5).scaled(1.0),
        Noise::Homoscedastic(0.1),
    )
    .with_mean(Mean::linear())
    .fit(&x, &signal(&x), &FitOptions::default())
    .unwrap();
    assert!(there_and_back(&fitted).fit_report().is_some());
    let twice = Array2::from_shape_fn((8, 2), |(i, _)| (i / 2) as f64);
    let jittered = ExactGp::new(Rbf::isotropic(0.5), Noise::Known(vec![0.0; 8]))
        .condition(&twice, &[1.0; 8])
        .unwrap();
    assert!(jittered.jitter() > 0.0);
    there_and_back(&jittered);
    let by_category =
        Rbf::isotropic(0.4).on_columns([0]) * Categorical::new(3, 0.3).on_columns([1]);
    let text = serde_json::to_string(&(Box::new(by_category) as Box<dyn Kernel>)).unwrap();
    let back: Box<dyn Kernel> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
}

#[test]
fn kernels_are_stored_by_kind_in_plain_words() {
    let kernel: Box<dyn Kernel> = Box::new(Rbf::ard([0.5, 1.0]).scaled(2.0) + White::new(0.1));
    let expected = json!({
        "kind": "sum",
        "terms": [
            {"kind": "scaled", "outputscale": 2.0, "kernel": {"kind": "rbf", "lengthscale": [0.5, 1.0]}},
            {"kind": "white", "white": 0.1},
        ],
    });
    assert_eq!(serde_json::to_value(&kernel).unwrap(), expected);
    for bad in [
        json!({"kind": "rbf", "lengthscale": -1.0}),
        json!({"kind": "rbf", "lengthscale": "long"}),
        json!({"kind": "rbf"}),
        json!({"kind": "rbf", "lengthscale": 1.0, "colour": "red"}),
        json!({"kind": "neural", "lengthscale": 1.0}),
        json!({"kind": "categorical", "categories": 3, "coupling": null}),
        json!({"lengthscale": 1.0}),
        json!(3),
    ] {
        assert!(
            serde_json::from_value::<Box<dyn Kernel>>(bad.clone()).is_err(),
            "{bad}"
        );
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct OwnProfile;

impl Profile for OwnProfile {
    fn value(squared_distance: f64) -> f64 {
        (-squared_distance).exp()
    }
    fn value_and_slope(squared_distance: f64) -> (f64, f64) {
        (
            Self::value(squared_distance),
            -Self::value(squared_distance),
        )
    }
}

#[derive(Debug, Clone)]
struct OwnKernel;

impl Kernel for OwnKernel {
    fn check(&self, _: usize) -> Result<()> {
        Ok(())
    }
    fn covariances(&self, _: &[f64], _: PointsView<'_>, out: &mut [f64]) {
        out.fill(1.0);
    }
    fn variance(&self, _: &[f64]) -> f64 {
        1.0
    }
    fn parameters(&self) -> Vec<Parameter> {
        vec![]
    }
    fn set_log_parameters(&mut self, _: &[f64]) -> Result<()> {
        Ok(())
    }
    fn accumulate_gradient(&self, _: &[f64], _: PointsView<'_>, w: &[f64], _: &mut [f64]) -> f64 {
        w.iter().sum()
    }
    fn clone_box(&self) -> Box<dyn Kernel> {
        Box::new(self.clone())
    }
}

#[test]
fn what_only_code_can_say_is_refused_and_leaves_no_file() {
    let folder = folder();
    let file = folder.path().join("model.json");
    let noise = || Noise::Homoscedastic(0.1);
    let models = [
        (ExactGp::new(OwnKernel, noise()), "OwnKernel"),
        (
            ExactGp::new(OwnKernel.scaled(2.0) + White::new(0.1), noise()),
            "OwnKernel",
        ),
        (
            ExactGp::new(Stationary::<OwnProfile>::isotropic(1.0), noise()),
            "Stationary",
        ),
        (
            ExactGp::new(White::new(1.0), noise()).with_mean(Mean::custom("bowl", |x| x[0])),
            "bowl",
        ),
    ];
    for (model, named) in models {
        match model.save(&file) {
            Err(Error::Argument {
                argument, found, ..
            }) => {
                assert!(argument == "model" && found.contains(named), "{found}");
            }
            other => panic!("expected a refusal, found {other:?}"),
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}

/// A small model as JSON, to be damaged.
fn text() -> String {
    let x = scattered(6);
    let gp = ExactGp::new(
        Matern52::ard([0.3, 0.6]).scaled(1.1),
        Noise::Known(vec![0.1; 6]),
    )
    .with_mean(Mean::Constant(0.1))
    .condition(&x, &signal(&x))
    .unwrap();
    serde_json::to_string(&gp).unwrap()
}

fn load(text: &[u8]) -> (PathBuf, Result<ExactGp>) {
    let folder = folder();
    let file = folder.path().join("model.json");
    std::fs::write(&file, text).unwrap();
    let loaded = ExactGp::load(&file);
    (file, loaded)
}

#[test]
fn unknown_formats_are_refused_for_their_name() {
    assert!(text().starts_with("{\"format\":\"exact-gp 1\","));
    for other in [
        "1",
        "\"exact-gp 2\"",
        "\"\"",
        "1.5",
        "\"grid-gp 1\"",
        "null",
    ] {
        let changed = text().replacen("\"exact-gp 1\"", other, 1);
        match load(changed.as_bytes()) {
            (at, Err(Error::Config { file, key, .. })) => {
                assert_eq!((file, key.as_str()), (at, "format"))
            }
            (_, other) => panic!("expected a refusal of the format, found {other:?}"),
        }
    }
    // A later format may hold anything at all behind its name.
    let later = r#"{"format": "exact-gp 7", "everything": {"is": ["different"]}}"#;
    let message = load(later.as_bytes()).1.unwrap_err().to_string();
    assert!(
        message.contains("string \"exact-gp 7\", expected `exact-gp 1`"),
        "{message}"
    );
}

#[test]
fn parts_that_do_not_belong_together_are_refused_by_key() {
    let whole: Value = serde_json::from_str(&text()).unwrap();
    let damages: [(&str, &str, Value); 16] = [
        ("/kernel/outputscale", "factor", json!(1.100001)),
        ("/kernel/kernel/lengthscale/1", "factor", json!(0.61)),
        ("/kernel/kernel/lengthscale", "kernel", json!([0.3])),
        ("/noise/Known/3", "factor", json!(0.2)),
        ("/noise/Known", "noise", json!([0.1])),
        ("/mean", "whitened", json!({"Constant": 0.2})),
        (
            "/mean",
            "mean",
            json!({"Linear": {"intercept": 0.0, "slopes": [1.0]}}),
        ),
        ("/x/2/0", "factor", json!(0.5)),
        ("/x/2", "x", json!([0.5])),
        ("/x", "factor", json!([[0.5, 0.5]])),
        ("/y/5", "whitened", json!(3.0)),
        ("/y", "x", json!([0.5])),
        ("/jitter", "jitter", json!(-1.0)),
        ("/factor/4", "factor", json!(0.1234)),
        ("/factor/6", "factor", json!(-1.0)),
        ("/whitened/0", "whitened", json!(0.5)),
    ];
    for (pointer, expected, value) in damages {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(pointer).unwrap() = value;
        match load(damaged.to_string().as_bytes()).1 {
            Err(Error::Config { key, .. }) => {
                assert!(key.starts_with(expected), "{pointer}: refused {key}");
            }
            other => panic!("{pointer}: expected a refusal of {expected}, found {other:?}"),
        }
    }
    for key in [
        "kernel", "noise", "mean", "x", "y", "jitter", "factor", "whitened",
    ] {
        let mut damaged = whole.clone();
        damaged.as_object_mut().unwrap().remove(key);
        let outcome = load(damaged.to_string().as_bytes()).1;
        assert!(
            matches!(outcome, Err(Error::Config { .. })),
            "{key}: {outcome:?}"
        );
    }
    let folder = folder();
    let missing = ExactGp::load(folder.path().join("no such file.json"));
    assert!(matches!(missing, Err(Error::Io { .. })));
    let gp = ExactGp::new(White::new(1.0), Noise::Homoscedastic(0.1));
    let in_the_way = folder.path().join("a file");
    std::fs::write(&in_the_way, "no folder").unwrap();
    let nowhere = gp.save(in_the_way.join("model.json"));
    assert!(matches!(nowhere, Err(Error::Io { .. })));
    assert!(matches!(load(b"\xff\xfe\x00").1, Err(Error::Io { .. })));
    assert!(matches!(load(b"").1, Err(Error::Parse { .. })));
    assert!(matches!(
        load(format!("{} x", text()).as_bytes()).1,
        Err(Error::Parse { .. })
    ));
    // Nesting without end neither overflows the stack nor the patience.
    let nested =
        "{\"format\":\"exact-gp 1\",\"kernel\":{\"kind\":\"scaled\",\"outputscale\":1,\"kernel\":"
            .to_string()
            + &"{\"kind\":\"scaled\",\"outputscale\":1,\"kernel\":".repeat(100_000);
    assert!(load(nested.as_bytes()).1.is_err());
}

#[test]
fn a_failed_save_keeps_the_old_file() {
    let folder = folder();
    let file = folder.path().join("model.json");
    let x = array![[0.1, 0.2]];
    let good = ExactGp::new(White::new(1.0), Noise::Homoscedastic(0.1))
        .condition(&x, &[1.0])
        .unwrap();
    good.save(&file).unwrap();
    assert!(
        ExactGp::new(OwnKernel, Noise::Homoscedastic(0.1))
            .save(&file)
            .is_err()
    );
    assert_equal_bits(&ExactGp::load(&file).unwrap(), &good);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(3),
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_text_is_refused_or_harmless(
        cut in 0.0..1.0_f64,
        at in 0.0..1.0_f64,
        with in prop::sample::select(b"0123456789-.eE[]{},:\"n ".to_vec()),
    ) {
        let whole = text();
        let cut = (cut * whole.len() as f64) as usize;
        prop_assert!(serde_json::from_str::<ExactGp>(&whole[..cut]).is_err());
        let mut bytes = whole.into_bytes();
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] = with;
        // One changed digit may be too small to matter; whatever is accepted predicts as before.
        if let Ok(gp) = serde_json::from_slice::<ExactGp>(&bytes) {
            let good: ExactGp = serde_json::from_str(&text()).unwrap();
            let place = array![[0.4, 0.4]];
            let (a, b) = (gp.posterior(&place).unwrap(), good.posterior(&place).unwrap());
            prop_assert!((a.mean()[0] - b.mean()[0]).abs() < 1e-4);
            prop_assert!((a.variance()[0] - b.variance()[0]).abs() < 1e-4);
        }
    }

    #[test]
    fn every_number_comes_back_exactly(
        values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL, 1..40),
    ) {
        let noise = Noise::Known(values);
        let text = serde_json::to_string(&noise).unwrap();
        prop_assert_eq!(serde_json::from_str::<Noise>(&text).unwrap(), noise);
    }
}
