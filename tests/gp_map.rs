//! Means, priors and bounds in fits, against scipy and numpy.

use dosewise::gp::{
    Bounds, ExactGp, FitOptions, Kernel, LogNormal, Matern12, Matern52, Mean, Noise, Prior, Rbf,
};
use dosewise::{Error, Result};
use ndarray::{Array2, array};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    priors: Vec<Density>,
    trend: Trend,
    fits: Fits,
}

#[derive(Deserialize)]
struct Density {
    prior: Prior,
    values: Vec<f64>,
    log_densities: Vec<f64>,
}

#[derive(Deserialize)]
struct Trend {
    x: Vec<[f64; 2]>,
    y: Vec<f64>,
    coefficients: Vec<f64>,
    log_marginal_likelihood: f64,
}

#[derive(Deserialize)]
struct Fits {
    x: Vec<[f64; 1]>,
    y: Vec<f64>,
    best: Vec<Best>,
}

#[derive(Deserialize)]
struct Best {
    priors: Option<Vec<Prior>>,
    bounds: Option<Vec<[f64; 2]>>,
    value: f64,
    parameters: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/gp_kernels.json")).unwrap()
}

const NAMES: [&str; 3] = ["lengthscale", "outputscale", "noise variance"];

#[test]
fn prior_densities_equal_scipy() {
    let densities = reference().priors;
    assert_eq!(densities.len(), 5);
    for density in densities {
        for (&value, &expected) in density.values.iter().zip(&density.log_densities) {
            let found = density.prior.log_density(value);
            let close = (found - expected).abs() < 1e-11 * (1.0 + expected.abs());
            assert!(
                close,
                "{:?} at {value}: {found}, scipy {expected}",
                density.prior
            );
        }
    }
}

#[test]
fn the_best_fit_with_priors_and_bounds_is_the_one_scipy_finds() {
    let fits = reference().fits;
    let x = Array2::from(fits.x);
    assert_eq!(fits.best.len(), 4);
    for best in fits.best {
        let priors = best.priors.clone().unwrap_or_default();
        let limits = best.bounds.clone().unwrap_or_default();
        let named = NAMES.iter().map(|name| name.to_string());
        let options = FitOptions {
            priors: named.clone().zip(priors).collect(),
            bounds: named
                .zip(limits.iter().map(|[low, high]| Bounds::hard(low..=high)))
                .collect(),
            ..FitOptions::default()
        };
        let gp = ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.5))
            .fit(&x, &fits.y, &options)
            .unwrap();
        let report = gp.fit_report().unwrap();
        assert!(report.converged(), "{report:?}");
        let value = report.log_marginal_likelihood + report.log_prior;
        assert!(
            (value - best.value).abs() < 1e-6,
            "{value}, scipy {}",
            best.value
        );
        let mut at_bounds = Vec::new();
        for (i, (found, expected)) in gp.parameters().iter().zip(&best.parameters).enumerate() {
            assert!(
                (found.value / expected).ln().abs() < 2e-3,
                "{found:?}, scipy {expected}"
            );
            if let Some([low, high]) = limits.get(i) {
                // Never outside, not by one bit.
                assert!((*low..=*high).contains(&found.value), "{found:?}");
                if expected / low < 1.0 + 1e-9 || high / expected < 1.0 + 1e-9 {
                    at_bounds.push(NAMES[i].to_string());
                }
            }
        }
        assert_eq!(report.at_bounds, at_bounds);
    }
}

/// A model whose hyper-parameters are held, so that a fit moves nothing but the mean.
fn held(names: &[(&str, f64)]) -> FitOptions {
    let bounds = names
        .iter()
        .map(|(name, v)| (name.to_string(), Bounds::hard(*v..=*v)));
    FitOptions {
        bounds: bounds.collect(),
        ..FitOptions::default()
    }
}

#[test]
fn a_linear_mean_is_profiled_by_generalised_least_squares() {
    let trend = reference().trend;
    let x = Array2::from(trend.x);
    let kernel = || Matern12::isotropic(0.6).scaled(0.8);
    let options = held(&[
        ("lengthscale", 0.6),
        ("outputscale", 0.8),
        ("noise variance", 0.05),
    ]);
    let gp = ExactGp::new(kernel(), Noise::Homoscedastic(0.05))
        .with_mean(Mean::linear())
        .fit(&x, &trend.y, &options)
        .unwrap();
    let Mean::Linear { intercept, slopes } = gp.mean() else {
        panic!("the kind of mean changed")
    };
    let found = [*intercept, slopes[0], slopes[1]];
    for (found, expected) in found.iter().zip(&trend.coefficients) {
        assert!(
            (found / expected - 1.0).abs() < 1e-8,
            "{found}, numpy {expected}"
        );
    }
    let density = gp.log_marginal_likelihood();
    assert!((density - trend.log_marginal_likelihood).abs() < 1e-9);
    assert_eq!(gp.fit_report().unwrap().at_bounds.len(), 3);
    for (found, expected) in gp.parameters().iter().zip([0.6, 0.8, 0.05]) {
        assert!((found.value / expected - 1.0).abs() < 1e-15);
    }

    // With the rest free as well, the trend is found beneath a process, and its extrapolation follows it.
    let free = ExactGp::new(kernel(), Noise::Homoscedastic(0.05))
        .with_mean(Mean::linear())
        .fit(&x, &trend.y, &FitOptions::default())
        .unwrap();
    assert!(free.fit_report().unwrap().converged());
    assert!(free.log_marginal_likelihood() >= density);
    let far = array![[60.0, 100.0]];
    let expected = free.mean().at(&[60.0, 100.0]);
    assert!((free.posterior(&far).unwrap().mean()[0] - expected).abs() < 1e-9);
    assert!((free.posterior_mean(&far).unwrap()[0] - expected).abs() < 1e-9);
}

#[test]
fn slopes_that_nothing_tells_are_zero() {
    // Points on a line, one point, all points in one place.
    let model = || {
        ExactGp::new(Rbf::isotropic(0.5).scaled(1.0), Noise::Homoscedastic(0.1))
            .with_mean(Mean::linear())
    };
    let line = Array2::from_shape_fn((12, 2), |(i, k)| i as f64 / 11.0 * (k + 1) as f64);
    let y: Vec<f64> = (0..12).map(|i| 2.0 + f64::from(i)).collect();
    for (x, y) in [
        (line, y),
        (array![[0.3, 0.4]], vec![5.0]),
        (
            Array2::from_elem((6, 2), 0.5),
            vec![1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        ),
    ] {
        let gp = model().fit(&x, &y, &FitOptions::default()).unwrap();
        let Mean::Linear { slopes, .. } = gp.mean() else {
            panic!("the kind of mean changed")
        };
        assert_eq!(slopes[1], 0.0);
        assert!(
            gp.posterior(&x)
                .unwrap()
                .mean()
                .iter()
                .all(|m| m.is_finite())
        );
    }
}

#[test]
fn fixed_and_custom_means_are_kept_and_followed() -> Result<()> {
    let x = array![[0.0], [0.5], [1.0]];
    let bowl = Mean::custom("bowl", |x| 10.0 + 4.0 * x[0] * x[0]);
    let y = [10.1, 10.9, 14.2];
    for mean in [Mean::Fixed(11.0), bowl.clone()] {
        let kernel = Matern52::isotropic(0.2).scaled(0.5);
        let fitted = ExactGp::new(kernel, Noise::Homoscedastic(0.01))
            .with_mean(mean.clone())
            .fit(&x, &y, &FitOptions::default())?;
        assert_eq!(fitted.mean(), &mean);
    }
    // Conditioning under a mean is conditioning the differences from it; growing and tracking agree with that.
    let kernel = || Matern52::isotropic(0.2).scaled(0.5);
    let differences: Vec<f64> = (0..3).map(|i| y[i] - bowl.at(&[x[[i, 0]]])).collect();
    let plain = ExactGp::new(kernel(), Noise::Homoscedastic(0.01)).condition(&x, &differences)?;
    let mut grown = ExactGp::new(kernel(), Noise::Homoscedastic(0.01)).with_mean(bowl.clone());
    for i in 0..3 {
        grown.append(&[x[[i, 0]]], y[i], None)?;
    }
    let places = array![[0.2], [0.7], [3.0]];
    let tracked = grown.clone().track(&places)?;
    let (a, b) = (plain.posterior(&places)?, grown.posterior(&places)?);
    for i in 0..3 {
        let expected = a.mean()[i] + bowl.at(&[places[[i, 0]]]);
        assert!((b.mean()[i] - expected).abs() < 1e-12);
        assert!((tracked.mean()[i] - expected).abs() < 1e-12);
        assert!((b.variance()[i] - a.variance()[i]).abs() < 1e-14);
    }
    // A function that fails somewhere is refused there, and nothing has changed.
    let broken = Mean::custom("root", |x| x[0].sqrt());
    let mut gp = ExactGp::new(kernel(), Noise::Homoscedastic(0.01)).with_mean(broken);
    let refused = |outcome: Result<()>| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, "mean"),
        other => panic!("expected a refusal of the mean, found {other:?}"),
    };
    refused(gp.clone().condition(&array![[-1.0]], &[0.0]).map(|_| ()));
    gp.append(&[4.0], 2.0, None)?;
    refused(gp.append(&[-1.0], 2.0, None));
    refused(gp.posterior(&array![[-1.0]]).map(|_| ()));
    assert_eq!(gp.len(), 1);
    Ok(())
}

#[test]
fn smooth_bounds_give_way_and_say_so() {
    let fits = reference().fits;
    let x = Array2::from(fits.x);
    let fit = |bounds: Vec<(String, Bounds)>| {
        let options = FitOptions {
            bounds,
            ..FitOptions::default()
        };
        ExactGp::new(Rbf::isotropic(1.0).scaled(1.0), Noise::Homoscedastic(0.5))
            .fit(&x, &fits.y, &options)
            .unwrap()
    };
    let free = fit(vec![]);
    assert!(free.fit_report().unwrap().at_bounds.is_empty());
    let lengthscale = free.parameters()[0].value;
    let limit = lengthscale / 3.0;
    let held = fit(vec![("lengthscale".into(), Bounds::smooth(..=limit))]);
    let report = held.fit_report().unwrap();
    assert!(report.converged() && !report.at_limit, "{report:?}");
    assert_eq!(report.at_bounds, ["lengthscale"]);
    let found = held.parameters()[0].value;
    assert!(found > limit && found < lengthscale);
    // The price at the margin is the likelihood's slope: 2 Δ + 4 Δ³.
    let over = (found / limit).ln();
    let slope = held.log_marginal_likelihood_gradient()[0];
    assert!((slope - 2.0 * over - 4.0 * over.powi(3)).abs() < 2e-3);
    // Limits that do not matter change nothing; one-sided hard ones hold.
    let loose = fit(vec![("lengthscale".into(), Bounds::hard(0.01..))]);
    assert!(loose.fit_report().unwrap().at_bounds.is_empty());
    assert!((loose.parameters()[0].value / lengthscale).ln().abs() < 2e-3);
    for (bounds, expected) in [
        (Bounds::hard(2.0 * lengthscale..), 2.0 * lengthscale),
        (Bounds::hard(..limit), limit),
    ] {
        let gp = fit(vec![("lengthscale".into(), bounds)]);
        let report = gp.fit_report().unwrap();
        assert!(report.converged(), "{report:?}");
        assert_eq!(report.at_bounds, ["lengthscale"]);
        assert!((gp.parameters()[0].value / expected - 1.0).abs() < 1e-14);
    }
}

#[test]
fn options_reach_into_compositions_by_name() {
    let x = Array2::from_shape_fn((40, 1), |(i, _)| i as f64 / 39.0);
    let y: Vec<f64> = x.iter().map(|x| (20.0 * x).sin() + 2.0 * x).collect();
    let kernel = Rbf::isotropic(0.1).scaled(1.0) + Rbf::isotropic(2.0).scaled(1.0);
    let prior = LogNormal {
        median: 0.1,
        log_sd: 0.3,
    };
    let options = FitOptions {
        priors: vec![("term0.lengthscale".into(), prior.into())],
        bounds: vec![
            ("term1.lengthscale".into(), Bounds::hard(0.5..=5.0)),
            ("outputscale".into(), Bounds::smooth(..=100.0)),
        ],
        ..FitOptions::default()
    };
    let gp = ExactGp::new(kernel, Noise::Homoscedastic(0.01))
        .fit(&x, &y, &options)
        .unwrap();
    let parameters = gp.parameters();
    assert!((0.03..0.3).contains(&parameters[0].value), "{parameters:?}");
    assert!((0.5..=5.0).contains(&parameters[2].value), "{parameters:?}");
}

#[test]
fn unusable_priors_and_bounds_are_refused() {
    let fit = |options: FitOptions| {
        ExactGp::new(Rbf::ard([0.5]), Noise::Homoscedastic(0.1)).fit(
            &array![[0.0], [1.0]],
            &[0.0, 1.0],
            &options,
        )
    };
    for prior in [
        Prior::Gamma {
            shape: 0.0,
            rate: 1.0,
        },
        Prior::InverseGamma {
            shape: 1.0,
            scale: -1.0,
        },
        Prior::HalfNormal { scale: f64::NAN },
        Prior::HalfCauchy {
            scale: f64::INFINITY,
        },
    ] {
        let outcome = fit(FitOptions {
            priors: vec![("lengthscale".into(), prior)],
            ..FitOptions::default()
        });
        assert!(matches!(outcome, Err(Error::Argument { argument, .. }) if argument == "priors"));
    }
    for (name, bounds) in [
        ("lengthscale", Bounds::hard(..)),
        ("lengthscale", Bounds::hard(2.0..=1.0)),
        ("lengthscale", Bounds::smooth(-1.0..)),
        ("lengthscales", Bounds::smooth(1.0..)),
    ] {
        let outcome = fit(FitOptions {
            bounds: vec![(name.into(), bounds)],
            ..FitOptions::default()
        });
        assert!(matches!(outcome, Err(Error::Argument { argument, .. }) if argument == "bounds"));
    }
}
