//! Processes that grow, and processes in files.

use crate::problem::{bits, signal, uniform};
use dosewise::Error;
use dosewise::gp::{
    FitOptions, Matern52, Mean, Noise, Persist, Rbf, Surrogate, VecchiaGp, VecchiaOrdering,
};
use ndarray::s;
use serde_json::{Value, json};

#[test]
fn appending_equals_building_in_that_order() {
    let x = uniform(400, 2, 5);
    let y = signal(&x);
    for noise in [Noise::Homoscedastic(0.01), Noise::Known(vec![0.02; 60])] {
        let known = matches!(noise, Noise::Known(_));
        let prior = |noise| {
            VecchiaGp::new(Matern52::ard([0.3, 0.6]), noise)
                .with_neighbours(12)
                .with_mean(Mean::Fixed(0.1))
        };
        let head = x.slice(s![..60, ..]);
        let mut gp = prior(noise).condition(head, &y[..60]).unwrap();
        for (i, &value) in y.iter().enumerate().take(200).skip(60) {
            gp.append(&x.row(i).to_vec(), value, known.then_some(0.05))
                .unwrap();
        }
        let tail = vec![0.05; 200];
        let tail_noise = known.then_some(tail.as_slice());
        gp.append_many(x.slice(s![200.., ..]), &y[200..], tail_noise)
            .unwrap();

        let order: Vec<usize> = gp.order()[..60].iter().copied().chain(60..400).collect();
        let noise = if known {
            Noise::Known([vec![0.02; 60], vec![0.05; 340]].concat())
        } else {
            Noise::Homoscedastic(0.01)
        };
        let built = prior(noise)
            .with_ordering(VecchiaOrdering::Given(order.clone()))
            .condition(&x, &y)
            .unwrap();
        assert_eq!(gp.order(), order);
        let likelihoods = [&gp, &built].map(|gp| gp.log_marginal_likelihood().to_bits());
        assert_eq!(likelihoods[0], likelihoods[1]);
        let places = uniform(50, 2, 6);
        let both = [&gp, &built].map(|gp| gp.marginals(places.view()).unwrap());
        assert_eq!(bits(&both[0].mean), bits(&both[1].mean));
        assert_eq!(bits(&both[0].variance), bits(&both[1].variance));
        there_and_back(&gp);
        there_and_back(&built);
    }
    // From nothing, and with an order that was given.
    let mut gp = VecchiaGp::new(Matern52::isotropic(0.3), Noise::Known(vec![]))
        .with_ordering(VecchiaOrdering::Given(vec![]));
    for (i, &value) in y.iter().enumerate().take(20) {
        gp.append(&x.row(i).to_vec(), value, 0.1).unwrap();
    }
    assert_eq!(gp.order(), (0..20).collect::<Vec<_>>());
    gp.refit(&FitOptions::default()).unwrap();
    assert_eq!(gp.order(), (0..20).collect::<Vec<_>>());
}

/// Everything that can be asked of both agrees in every bit.
fn there_and_back(gp: &VecchiaGp) -> VecchiaGp {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    gp.save(&file).unwrap();
    let loaded = VecchiaGp::load(&file).unwrap();
    let places = uniform(40, gp.dimension().max(1), 77) * 1.3;
    let both = [gp, &loaded].map(|gp| gp.marginals(places.view()).unwrap());
    assert_eq!(bits(&both[0].mean), bits(&both[1].mean));
    assert_eq!(bits(&both[0].variance), bits(&both[1].variance));
    let both = [gp, &loaded].map(|gp| gp.joint(places.view()).unwrap());
    assert_eq!(bits(&both[0].mean), bits(&both[1].mean));
    assert_eq!(both[0].covariance, both[1].covariance);
    let both = [gp, &loaded].map(|gp| gp.log_marginal_likelihood_gradient().unwrap());
    assert_eq!(bits(&both[0]), bits(&both[1]));
    assert_eq!(gp.fit_report(), loaded.fit_report());
    assert_eq!(gp.parameters(), loaded.parameters());
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(serde_json::to_string(&loaded).unwrap(), text);
    loaded
}

#[test]
fn damaged_files_are_refused_by_key() {
    let x = uniform(30, 2, 8);
    let y = signal(&x);
    let gp = VecchiaGp::new(Matern52::ard([0.2, 0.5]), Noise::Homoscedastic(0.1))
        .fit(&x, &y, &FitOptions::default())
        .unwrap();
    let mut loaded = there_and_back(&gp);
    loaded.append(&[0.5, 0.5], 1.0, None).unwrap();
    there_and_back(&loaded);
    there_and_back(&VecchiaGp::new(
        Rbf::isotropic(0.3),
        Noise::Homoscedastic(0.1),
    ));

    let whole: Value = serde_json::to_value(&gp).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    for (key, value, expected) in [
        ("format", json!("exact-gp 1"), "format"),
        ("neighbours", json!(0), "neighbours"),
        ("y", json!([1.0]), "x"),
        ("order", json!([0, 0]), "order"),
        ("scales", json!([1.0]), "scales"),
        ("scales", json!([1.0, -2.0]), "scales"),
        ("noise", json!({"Homoscedastic": -1.0}), "noise variance"),
        ("ordering", json!("sideways"), "ordering"),
    ] {
        let mut damaged = whole.clone();
        damaged[key] = value;
        std::fs::write(&file, damaged.to_string()).unwrap();
        match VecchiaGp::load(&file) {
            Err(Error::Config { key, .. }) => assert!(key.contains(expected), "{key}"),
            other => panic!("{key}: {other:?}"),
        }
    }
}
