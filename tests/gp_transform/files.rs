//! Scaled processes in files.

use super::{counts, in_units, kernel, scaled, scattered};
use dosewise::Error;
use dosewise::gp::{
    FitOptions, InputScaling, Mean, Noise, OutputScaling, Persist, ScaledGp, Scaling, Surrogate,
};
use serde_json::Value;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn files_keep_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    let places = in_units(&scattered(40));
    let (x, y) = (in_units(&scattered(20)), counts(&scattered(20)));
    let scaling = Scaling::new(
        [
            InputScaling::ZScore,
            InputScaling::Within {
                low: -3e5,
                high: -2.9e5,
            },
        ],
        OutputScaling::Standardise,
    );
    let fitted = ScaledGp::new(kernel(), Noise::Homoscedastic(1e7), scaling.clone())
        .with_mean(Mean::Constant(0.0))
        .fit(&x, &y, &FitOptions::default())
        .unwrap();
    let mut grown = scaled(15);
    grown.append(&x.row(17).to_vec(), 1e6 / 3.0, 0.1).unwrap();
    grown.remove(4).unwrap();
    for gp in [fitted, grown] {
        gp.save(&file).unwrap();
        let mut loaded = ScaledGp::load(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("{\"format\":\"scaled-gp 1\""));
        assert_eq!(serde_json::to_string(&loaded).unwrap(), text);
        let (a, b) = (
            gp.joint(places.view()).unwrap(),
            loaded.joint(places.view()).unwrap(),
        );
        assert_eq!(bits(&a.mean), bits(&b.mean));
        assert_eq!(
            bits(a.covariance.as_slice().unwrap()),
            bits(b.covariance.as_slice().unwrap())
        );
        assert_eq!(
            gp.log_marginal_likelihood().to_bits(),
            loaded.log_marginal_likelihood().to_bits()
        );
        assert_eq!(
            (gp.fit_report(), gp.noise()),
            (loaded.fit_report(), loaded.noise())
        );
        assert_eq!(
            (gp.scaling(), gp.transform()),
            (loaded.scaling(), loaded.transform())
        );
        assert!(loaded.remove(2).is_ok());
    }
    let prior = ScaledGp::new(kernel(), Noise::Known(vec![]), scaling);
    prior.save(&file).unwrap();
    assert!(ScaledGp::load(&file).unwrap().transform().is_none());
}

#[test]
fn files_whose_parts_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    let good = serde_json::to_value(scaled(5)).unwrap();
    let refused = |change: &dyn Fn(&mut Value), key: &str| {
        let mut value = good.clone();
        change(&mut value);
        std::fs::write(&file, value.to_string()).unwrap();
        match ScaledGp::load(&file) {
            Err(Error::Config { key: found, .. }) => assert_eq!(found, key),
            other => panic!("{key}: {other:?}"),
        }
    };
    refused(&|v| v["format"] = "exact-gp 1".into(), "format");
    refused(&|v| v["y"][2] = 1e6.into(), "y");
    refused(&|v| v["y"] = Value::Array(vec![]), "y");
    refused(&|v| v["x"][2][0] = 4.1e-7.into(), "x");
    refused(&|v| drop(v["x"].as_array_mut().unwrap().pop()), "x");
    refused(
        &|v| v["noise"] = serde_json::json!({ "Homoscedastic": 1.0 }),
        "noise",
    );
    refused(&|v| v["noise"]["Known"][1] = 1.0.into(), "noise");
    refused(&|v| v["transform"] = Value::Null, "transform");
    refused(
        &|v| v["transform"]["outputs"]["scale"] = 0.0.into(),
        "transform",
    );
    refused(&|v| v["transform"]["outputs"]["shift"] = 0.0.into(), "y");
    refused(
        &|v| drop(v["transform"]["inputs"].as_array_mut().unwrap().pop()),
        "transform",
    );
    refused(&|v| v["gp"]["y"][0] = 7.0.into(), "gp");
    refused(&|v| drop(v.as_object_mut().unwrap().remove("scaling")), ".");
}
