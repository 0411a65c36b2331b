//! Priors, bounds and means in fits behind a likelihood, against what they must satisfy.

use dosewise::gp::{
    Bounds, FitOptions, HeteroscedasticGp, Kernel, LaplaceGp, Likelihood, LogNormal, Mean, Prior,
    Rbf,
};
use dosewise::{Error, Result};
use ndarray::Array2;

fn places(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 1), |(i, _)| i as f64 / (n - 1) as f64)
}

/// Counts around 20 exp(sin 6x), spread as Poisson counts are.
fn counts(n: usize) -> (Likelihood, Vec<f64>) {
    let y = (0..n).map(|i| {
        let rate = 20.0 * (6.0 * i as f64 / (n - 1) as f64).sin().exp();
        (rate + rate.sqrt() * (i as f64 * 2.4).sin() * 1.4).round()
    });
    let exposure = vec![1.0; n];
    (Likelihood::Poisson { exposure }, y.collect())
}

/// A wave whose noise grows tenfold from left to right.
fn wave(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| {
            let x = i as f64 / (n - 1) as f64;
            (5.0 * x).sin() + 0.05 * 10_f64.powf(x) * 1.4 * (i as f64 * 2.4).sin()
        })
        .collect()
}

fn complaint<T>(outcome: Result<T>) -> String {
    match outcome {
        Err(Error::Argument { argument, .. }) => argument,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

fn gamma() -> Prior {
    Prior::Gamma {
        shape: 6.0,
        rate: 4.0,
    }
}

/// d log p(log θ)/d log θ.
fn slope(prior: Prior, value: f64) -> f64 {
    let step: f64 = 1e-5;
    let at = |step: f64| prior.log_density(value * step.exp());
    (at(step) - at(-step)) / (2.0 * step)
}

#[test]
fn the_gradient_of_the_likelihood_balances_the_priors() {
    let x = places(40);
    let (likelihood, y) = counts(40);
    let width = Prior::from(LogNormal {
        median: 0.05,
        log_sd: 0.2,
    });
    let options = FitOptions {
        priors: vec![
            ("lengthscale".into(), width),
            ("outputscale".into(), gamma()),
        ],
        ..FitOptions::default()
    };
    let model =
        LaplaceGp::new(Rbf::isotropic(0.3).scaled(1.0), likelihood).with_mean(Mean::Constant(0.0));
    let free = model.clone().fit(&x, &y, &FitOptions::default()).unwrap();
    let fitted = model.fit(&x, &y, &options).unwrap();
    let report = fitted.fit_report().unwrap();
    assert!(report.converged(), "{report:?}");
    assert!(report.at_bounds.is_empty() && !report.at_limit);
    let [length, scale] = [0, 1].map(|k| fitted.parameters()[k].value);
    let density = width.log_density(length) + gamma().log_density(scale);
    assert!((report.log_prior - density).abs() < 1e-9);
    let evidence = fitted.log_marginal_likelihood();
    assert!((report.log_marginal_likelihood - evidence).abs() < 1e-7);
    let gradient = fitted.log_marginal_likelihood_gradient().unwrap();
    assert!((gradient[0] + slope(width, length)).abs() < 2e-3);
    assert!((gradient[1] + slope(gamma(), scale)).abs() < 2e-3);
    // The constant mean has no prior.
    assert!(gradient[2].abs() < 2e-3);
    // A prior that matters: it costs likelihood and moves the lengthscale to its side.
    assert_eq!(free.fit_report().unwrap().log_prior, 0.0);
    assert!(free.log_marginal_likelihood() > evidence + 0.1);
    assert!(length < 0.9 * free.parameters()[0].value);
}

#[test]
fn bounds_hold_behind_a_likelihood() {
    // More than a hundred, so that the starts are sorted on a subset.
    let x = places(120);
    let (likelihood, y) = counts(120);
    let model =
        LaplaceGp::new(Rbf::isotropic(0.3).scaled(1.0), likelihood).with_mean(Mean::Constant(0.0));
    let free = model.clone().fit(&x, &y, &FitOptions::default()).unwrap();
    let best = free.parameters()[0].value;
    let options = |bounds| FitOptions {
        bounds: vec![("lengthscale".into(), bounds)],
        ..FitOptions::default()
    };
    let upper = 0.7 * best;
    let held = model
        .clone()
        .fit(&x, &y, &options(Bounds::hard(0.01..=upper)));
    let held = held.unwrap();
    let report = held.fit_report().unwrap();
    assert!(
        report.converged() && report.coarse_evaluations > 0,
        "{report:?}"
    );
    assert_eq!(report.at_bounds, ["lengthscale"]);
    assert!(!report.at_limit);
    let length = held.parameters()[0].value;
    assert!(
        length <= upper && length > upper * (1.0 - 1e-12),
        "{length}"
    );
    let gradient = held.log_marginal_likelihood_gradient().unwrap();
    assert!(gradient[0] > 0.0 && gradient[1].abs() < 2e-3 && gradient[2].abs() < 2e-3);
    assert!(held.log_marginal_likelihood() < free.log_marginal_likelihood());
    // Limits around the best change nothing.
    let wide = Bounds::hard(0.5 * best..=2.0 * best);
    let wide = model.clone().fit(&x, &y, &options(wide)).unwrap();
    assert!(wide.fit_report().unwrap().at_bounds.is_empty());
    let lead = wide.log_marginal_likelihood() - free.log_marginal_likelihood();
    assert!(lead.abs() < 1e-5, "{lead}");
    // A smooth limit yields: the likelihood pulls as hard as Δ² + Δ⁴ pushes.
    let soft = model
        .fit(&x, &y, &options(Bounds::smooth(..=upper)))
        .unwrap();
    let over = (soft.parameters()[0].value / upper).ln();
    let pull = soft.log_marginal_likelihood_gradient().unwrap()[0];
    assert!(over > 0.0, "{over}");
    assert!((pull - 2.0 * over - 4.0 * over.powi(3)).abs() < 2e-3);
    assert_eq!(soft.fit_report().unwrap().at_bounds, ["lengthscale"]);
}

#[test]
fn priors_and_bounds_tell_the_noise_kernel_from_the_other() {
    let x = places(40);
    let y = wave(40);
    let noise_kernel = Rbf::isotropic(0.5).scaled(1.0) + Rbf::isotropic(2.0).scaled(0.5);
    let model = HeteroscedasticGp::new(Rbf::isotropic(0.3).scaled(1.0), noise_kernel, 0.02)
        .with_mean(Mean::Constant(0.0));
    let fixed = |value: f64| Bounds::hard(value..=value);
    let options = FitOptions {
        restarts: 0,
        priors: vec![("outputscale".into(), gamma())],
        bounds: vec![
            ("lengthscale".into(), Bounds::hard(..=0.15)),
            ("noise lengthscale".into(), fixed(0.7)),
            ("term1.noise outputscale".into(), fixed(0.25)),
        ],
        ..FitOptions::default()
    };
    let gp = model.clone().fit(&x, &y, &options).unwrap();
    let report = gp.fit_report().unwrap();
    let parameters = gp.parameters();
    let of = |name: &str| {
        let found = parameters.iter().position(|p| p.name == name);
        found.unwrap_or_else(|| panic!("{name} in {parameters:?}"))
    };
    let value = |name: &str| parameters[of(name)].value;
    for (name, expected) in [
        ("lengthscale", 0.15),
        ("term0.noise lengthscale", 0.7),
        ("term1.noise lengthscale", 0.7),
        ("term1.noise outputscale", 0.25),
    ] {
        assert!((value(name) / expected - 1.0).abs() < 1e-12, "{name}");
        assert!(report.at_bounds.iter().any(|n| n == name), "{report:?}");
    }
    assert_eq!(report.at_bounds.len(), 4);
    assert!(report.converged(), "{report:?}");
    assert!((report.log_prior - gamma().log_density(value("outputscale"))).abs() < 1e-9);
    let gradient = gp.log_evidence_bound_gradient().unwrap();
    let balance = gradient[of("outputscale")] + slope(gamma(), value("outputscale"));
    assert!(balance.abs() < 2e-3, "{balance}");
    assert!(gradient[of("lengthscale")] > 0.0);
    assert!(gradient[of("noise level")].abs() < 2e-3);
    let misspelt = FitOptions {
        priors: vec![("noise period".into(), gamma())],
        ..FitOptions::default()
    };
    assert_eq!(complaint(model.fit(&x, &y, &misspelt)), "priors");
}

/// Outputs with a trend under a mean with that trend are the outputs without either.
#[test]
fn means_of_every_kind_are_subtracted() {
    let x = places(30);
    let y = wave(30);
    let trend = |x: f64| 3.0 - 2.0 * x;
    let tilted: Vec<f64> = y.iter().zip(&x).map(|(y, x)| y + trend(*x)).collect();
    let likelihood = Likelihood::StudentT {
        degrees_of_freedom: 4.0,
        scale: 0.2,
    };
    let model = LaplaceGp::new(Rbf::isotropic(0.3).scaled(1.0), likelihood);
    let plain = model.clone().condition(&x, &y).unwrap();
    let new = ndarray::array![[0.33], [1.7]];
    let linear = Mean::Linear {
        intercept: 3.0,
        slopes: vec![-2.0],
    };
    for mean in [linear, Mean::custom("trend", move |x| trend(x[0]))] {
        let gp = model
            .clone()
            .with_mean(mean)
            .condition(&x, &tilted)
            .unwrap();
        let lead = gp.log_marginal_likelihood() - plain.log_marginal_likelihood();
        assert!(lead.abs() < 1e-9, "{lead}");
        let (found, expected) = (gp.posterior(&new).unwrap(), plain.posterior(&new).unwrap());
        for i in 0..2 {
            let shift = found.mean()[i] - expected.mean()[i];
            assert!((shift - trend(new[[i, 0]])).abs() < 1e-8, "{shift}");
            assert!((found.variance()[i] - expected.variance()[i]).abs() < 1e-9);
        }
    }
    let options = FitOptions {
        restarts: 0,
        ..FitOptions::default()
    };
    let kept = model.clone().with_mean(Mean::Fixed(0.25));
    let kept = kept.fit(&x, &y, &options).unwrap();
    assert_eq!(kept.mean(), &Mean::Fixed(0.25));
    assert!(kept.fit_report().unwrap().converged());
    let custom = Mean::custom("trend", move |x| trend(x[0]));
    let fitted = model.clone().with_mean(custom).fit(&x, &tilted, &options);
    let bare = model.clone().fit(&x, &y, &options).unwrap();
    let lead = fitted.unwrap().log_marginal_likelihood() - bare.log_marginal_likelihood();
    assert!(lead.abs() < 1e-5, "{lead}");
    let refused = model.clone().with_mean(Mean::linear());
    assert_eq!(complaint(refused.fit(&x, &y, &options)), "mean");
    let nowhere = model.with_mean(Mean::custom("nothing", |_| f64::NAN));
    assert_eq!(complaint(nowhere.condition(&x, &y)), "mean");

    // Learned noise estimates a linear mean, so that a further trend changes its coefficients only.
    let model = HeteroscedasticGp::new(
        Rbf::isotropic(0.1).scaled(0.3),
        Rbf::isotropic(0.5).scaled(1.0),
        0.02,
    )
    .with_mean(Mean::linear());
    let level = model.clone().fit(&x, &y, &options).unwrap();
    let tilted = model.fit(&x, &tilted, &options).unwrap();
    let lead = tilted.log_evidence_bound() - level.log_evidence_bound();
    assert!(lead.abs() < 1e-4, "{lead}");
    for at in [0.0, 1.0] {
        let shift = tilted.mean().at(&[at]) - level.mean().at(&[at]);
        assert!((shift - trend(at)).abs() < 1e-2, "{shift} at {at}");
    }
}
