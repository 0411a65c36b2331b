//! Against scikit-learn, and against processes without a transform.

use super::{close, in_units, kernel, scaled, scattered, signal, unscaled};
use dosewise::gp::{
    Constant, ExactGp, InputScaling, Kernel, Linear, Matern52, Noise, OutputScaling, Polynomial,
    Rbf, ScaledGp, Scaling, Surrogate, Transform,
};
use ndarray::{Array2, array};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let all = value.as_array().unwrap().iter();
    all.map(|v| v.as_f64().unwrap()).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

#[test]
fn scikit_learn_agrees() {
    let data: Value = serde_json::from_str(include_str!("../reference/gp_transform.json")).unwrap();
    let (x, y) = (matrix(&data["x"]), numbers(&data["y"]));
    let (noise, places) = (numbers(&data["noise"]), matrix(&data["places"]));
    for case in data["cases"].as_array().unwrap() {
        let outputscale = case["outputscale"].as_f64().unwrap();
        let lengthscale = numbers(&case["lengthscale"]);
        let (kernel, inputs): (Box<dyn Kernel>, _) = match case["inputs"].as_str().unwrap() {
            "unit_box" => (
                Box::new(Matern52::ard(lengthscale).scaled(outputscale)),
                InputScaling::UnitBox,
            ),
            _ => (
                Box::new(Rbf::ard(lengthscale).scaled(outputscale)),
                InputScaling::ZScore,
            ),
        };
        let scaling = Scaling::new([inputs], OutputScaling::Standardise);
        let gp = ScaledGp::new(kernel, Noise::Known(noise.clone()), scaling)
            .condition(&x, &y)
            .unwrap();
        let posterior = gp.posterior(&places).unwrap();
        let (mean, covariance) = (numbers(&case["mean"]), matrix(&case["covariance"]));
        let size = 3e4;
        assert!(close(posterior.mean(), &mean, 1e-9 * size));
        let difference = &posterior.covariance().unwrap() - &covariance;
        assert!(difference.iter().all(|d| d.abs() < 1e-9 * size * size));
        for (j, v) in posterior.variance().iter().enumerate() {
            assert!((v - covariance[[j, j]]).abs() < 1e-9 * size * size);
        }
        assert!(close(
            &gp.posterior_mean(&places).unwrap(),
            &mean,
            1e-9 * size
        ));
        let density = case["log_density"].as_f64().unwrap();
        assert!((gp.log_marginal_likelihood() - density).abs() < 1e-8);
    }
}

#[test]
fn no_scaling_is_the_plain_process_to_the_last_bit() {
    let (x, places) = (scattered(25), scattered(60) * 1.3);
    let noise = Noise::Known(vec![0.01; 25]);
    let plain = ExactGp::new(kernel(), noise.clone())
        .condition(&x, &signal(&x))
        .unwrap();
    let scaling = Scaling::new([InputScaling::None], OutputScaling::None);
    let gp = ScaledGp::new(kernel(), noise, scaling)
        .condition(&x, &signal(&x))
        .unwrap();
    assert_eq!(
        gp.joint(places.view()).unwrap(),
        plain.joint(places.view()).unwrap()
    );
    assert_eq!(
        gp.log_marginal_likelihood(),
        plain.log_marginal_likelihood()
    );
    assert_eq!(gp.parameters(), plain.parameters());
    let slopes = gp.slopes(&[0.3, 0.4]).unwrap();
    assert_eq!(slopes, plain.slopes(&[0.3, 0.4]).unwrap());
}

#[test]
fn original_parameters_make_the_same_process() {
    let gp = scaled(30);
    let x = in_units(&scattered(30));
    let plain = unscaled(&gp, &x);
    let places = in_units(&(scattered(50) * 1.2));
    let (a, b) = (
        gp.joint(places.view()).unwrap(),
        plain.joint(places.view()).unwrap(),
    );
    assert!(close(&a.mean, &b.mean, 1e-10 * 1e6));
    let difference = &a.covariance - &b.covariance;
    assert!(difference.iter().all(|d| d.abs() < 1e-10 * 1e9));
    let (a, b) = (
        gp.log_marginal_likelihood(),
        plain.log_marginal_likelihood(),
    );
    assert!((a - b).abs() < 1e-8, "{a} {b}");
    assert_eq!(gp.dimension(), 2);
    // An isotropic lengthscale is one for each coordinate in original units.
    let isotropic = ScaledGp::new(
        Rbf::isotropic(0.5),
        Noise::Homoscedastic(1e8),
        Scaling::default(),
    );
    assert_eq!(isotropic.parameters()[1].value, 1e8);
    let isotropic = isotropic.condition(&x, gp.targets()).unwrap();
    let parameters = isotropic.parameters();
    let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        names,
        ["lengthscale[0]", "lengthscale[1]", "noise variance"]
    );
    assert!((parameters[2].value / 1e8 - 1.0).abs() < 1e-12);
    assert_eq!(isotropic.gp().parameters()[0].value, 0.5);
}

#[test]
fn slopes_obey_the_chain_rule() {
    let gp = scaled(20);
    let point = in_units(&array![[0.41, 0.57]]).row(0).to_vec();
    let slopes = gp.slopes(&point).unwrap();
    for (k, step) in [2e-12, 1e0].into_iter().enumerate() {
        let at = |sign: f64| {
            let mut moved = point.clone();
            moved[k] += sign * step;
            let row = Array2::from_shape_vec((1, 2), moved).unwrap();
            let marginals = gp.marginals(row.view()).unwrap();
            (marginals.mean[0], marginals.variance[0])
        };
        let ((up, above), (down, below)) = (at(1.0), at(-1.0));
        let mean = (up - down) / (2.0 * step);
        let variance = (above - below) / (2.0 * step);
        assert!((slopes.of_mean[k] / mean - 1.0).abs() < 1e-4, "{k}");
        assert!((slopes.of_variance[k] / variance - 1.0).abs() < 1e-3, "{k}");
    }
    let posterior = gp.posterior(&in_units(&array![[0.41, 0.57]])).unwrap();
    assert!((slopes.mean - posterior.mean()[0]).abs() < 1e-9 * 1e6);
    assert!((slopes.variance - posterior.variance()[0]).abs() < 1e-9 * 1e9);
}

/// The kernel with the parameters in original units against t² times the scaled one.
#[test]
fn any_composition_has_the_covariances_of_the_scaled_one() {
    let (s, t) = ([10.0, 0.1], 3.0);
    let within = s.map(|scale| InputScaling::Within {
        low: 0.0,
        high: scale,
    });
    let outputs = OutputScaling::Given {
        shift: 5.0,
        scale: t,
    };
    let scaling = Scaling::new(within, outputs);
    let transform = Transform::learn(&scaling, &Array2::zeros((0, 2)), &[]).unwrap();
    let rbf = || Rbf::isotropic(0.5).on_columns([0]);
    let matern = || Matern52::isotropic(0.7).on_columns([1]);
    let compositions: [Box<dyn Kernel>; 7] = [
        Box::new(rbf() * Matern52::isotropic(0.7).scaled(2.0).on_columns([1])),
        Box::new(rbf().scaled(2.0).scaled(3.0)),
        Box::new((rbf().scaled(2.0) * matern()).scaled(1.5)),
        Box::new((rbf() + Constant::new(0.5)) * matern().scaled(0.7)),
        Box::new(Polynomial::ard(3, [0.4, 0.3]).with_offset(1.2) * matern().scaled(0.7)),
        Box::new(Linear::ard([0.4, 0.3]).scaled(2.0) + matern().scaled(1.1)),
        Box::new(rbf().scaled(2.0) * (matern().scaled(0.5) + Constant::new(0.2))),
    ];
    for scaled in compositions {
        let found = transform.original_parameters(&scaled);
        let logs: Vec<f64> = found.iter().map(|p| p.value.ln()).collect();
        let mut original = scaled.clone();
        original.set_log_parameters(&logs).unwrap();
        for (a, b) in [([0.2, 0.9], [0.5, 0.4]), ([0.3, -0.8], [0.3, -0.8])] {
            let in_units = |u: [f64; 2]| [u[0] * s[0], u[1] * s[1]];
            let expected = t * t * scaled.covariance(&a, &b);
            let found = original.covariance(&in_units(a), &in_units(b));
            assert!(
                (found / expected - 1.0).abs() < 1e-12,
                "{scaled:?}: {found} {expected}"
            );
        }
    }
}
