//! Processes on grids and behind likelihoods in files: every bit comes back, damage is refused by name.

use dosewise::gp::{
    FitOptions, Grid, GridGp, GridKernel, GridOptions, HeteroscedasticGp, Kernel, LaplaceGp,
    Likelihood, Link, Matern32, Matern52, Mean, Noise, Parameter, Periodic, Persist, PointsView,
    Rbf, Surrogate,
};
use dosewise::units::Seed;
use dosewise::{Error, Result};
use ndarray::Array2;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::LazyLock;

fn there_and_back<M: Persist>(model: &M) -> M {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    model.save(&file).unwrap();
    let loaded = M::load(&file).unwrap();
    // Saving what was loaded writes the same bytes, and serde alone agrees with the files.
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(serde_json::to_string(&loaded).unwrap(), text);
    let direct: M = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&direct).unwrap(), text);
    loaded
}

fn places() -> Array2<f64> {
    Array2::from_shape_fn((40, 2), |(i, k)| {
        1.4 * ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract() - 0.2
    })
}

fn trend() -> Mean {
    Mean::Linear {
        intercept: 0.1,
        slopes: vec![1.0 / 3.0, -0.7],
    }
}

fn image(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        (0.5 * i as f64).sin() + (0.3 * j as f64).cos() / 3.0 + 0.1 * ((7 * i + 3 * j) as f64).sin()
    })
}

fn grid_kernels() -> [GridKernel; 2] {
    [
        GridKernel::product(
            Matern52::isotropic(2.0).scaled(1.0 / 3.0) + Rbf::isotropic(4.0),
            Rbf::isotropic(3.0) * Periodic::isotropic(1.0, 5.0),
        ),
        GridKernel::stationary(Matern32::ard([2.0, 3.0]).scaled(0.7)),
    ]
}

fn assert_equal_grids(a: &GridGp, b: &GridGp) {
    assert_eq!(a.posterior().unwrap(), b.posterior().unwrap());
    assert_eq!(a.posterior_mean().unwrap(), b.posterior_mean().unwrap());
    assert_eq!(
        a.log_marginal_likelihood().unwrap(),
        b.log_marginal_likelihood().unwrap()
    );
    assert_eq!(
        a.posterior_samples(2, Seed(9)).unwrap(),
        b.posterior_samples(2, Seed(9)).unwrap()
    );
    assert_eq!(a.parameters(), b.parameters());
    assert_eq!((a.noise(), a.mean()), (b.noise(), b.mean()));
    assert_eq!((a.grid(), a.fit_report()), (b.grid(), b.fit_report()));
}

#[test]
fn grids_come_back_bit_for_bit() {
    let grid = Grid::new(9, 12, [0.5, 1.0 / 3.0]).unwrap();
    let observed = Array2::from_shape_fn((9, 12), |(i, j)| (5 * i + 3 * j) % 7 < 4);
    let variances = (0..108).map(|p| match p % 11 {
        0 => f64::INFINITY,
        _ => 0.01 + p as f64 / 977.0,
    });
    let known = Noise::Known(variances.collect());
    // By factors, and by probes whose seed is stored.
    let stochastic = GridOptions {
        largest_factor: 5,
        probing_spacing: 3,
        probes: 4,
        seed: Seed(77),
        ..GridOptions::default()
    };
    for kernel in grid_kernels() {
        for options in [GridOptions::default(), stochastic] {
            let prior = GridGp::new(grid, kernel.clone(), known.clone())
                .unwrap()
                .with_mean(trend())
                .with_options(options)
                .unwrap();
            assert_equal_grids(&prior, &there_and_back(&prior));
            let gp = prior.condition_where(&image(9, 12), &observed).unwrap();
            assert!(gp.observed() > 30);
            assert_equal_grids(&gp, &there_and_back(&gp));
        }
        let fitted = GridGp::new(grid, kernel, Noise::Homoscedastic(0.1))
            .unwrap()
            .with_mean(Mean::linear())
            .fit_where(
                &image(9, 12),
                &observed,
                &FitOptions {
                    restarts: 0,
                    max_iterations: 5,
                    ..FitOptions::default()
                },
            )
            .unwrap();
        let loaded = there_and_back(&fitted);
        assert!(loaded.fit_report().is_some());
        assert_equal_grids(&fitted, &loaded);
    }
}

fn assert_equal_surrogates(a: &dyn Surrogate, b: &dyn Surrogate) {
    let places = places();
    assert_eq!(
        a.marginals(places.view()).unwrap(),
        b.marginals(places.view()).unwrap()
    );
    assert_eq!(
        a.joint(places.view()).unwrap(),
        b.joint(places.view()).unwrap()
    );
    assert_eq!(
        a.slopes(&[0.3, 0.4]).unwrap(),
        b.slopes(&[0.3, 0.4]).unwrap()
    );
    assert_eq!(a.dimension(), b.dimension());
}

fn signal() -> Vec<f64> {
    let rows = places();
    let wave = rows
        .rows()
        .into_iter()
        .map(|p| (6.0 * p[0]).sin() + p[1] / 3.0);
    // One outlier, where the curvature of a Student-t is negative.
    wave.enumerate()
        .map(|(i, y)| if i == 7 { y + 9.0 } else { y })
        .collect()
}

fn likelihoods() -> Vec<(Likelihood, Vec<f64>)> {
    let count = |(i, y): (usize, &f64)| {
        if i % 9 == 0 {
            0.0
        } else {
            (3.0 + y.abs()).round()
        }
    };
    let exposure = (0..40).map(|i| {
        if i % 9 == 0 {
            0.0
        } else {
            1.0 + i as f64 / 7.0
        }
    });
    let counts = signal().iter().enumerate().map(count).collect();
    let labels: Vec<f64> = signal().iter().map(|y| f64::from(*y > 0.2)).collect();
    vec![
        (
            Likelihood::Poisson {
                exposure: exposure.collect(),
            },
            counts,
        ),
        (Likelihood::Bernoulli(Link::Logit), labels.clone()),
        (Likelihood::Bernoulli(Link::Probit), labels),
        (
            Likelihood::StudentT {
                degrees_of_freedom: 3.5,
                scale: 0.1,
            },
            signal(),
        ),
    ]
}

fn assert_equal_laplace(a: &LaplaceGp, b: &LaplaceGp) {
    assert_equal_surrogates(a, b);
    assert_eq!(a.mode(), b.mode());
    assert_eq!(
        (
            a.mode_steps(),
            a.mode_converged(),
            a.log_marginal_likelihood()
        ),
        (
            b.mode_steps(),
            b.mode_converged(),
            b.log_marginal_likelihood()
        )
    );
    assert_eq!(
        a.log_marginal_likelihood_gradient().ok(),
        b.log_marginal_likelihood_gradient().ok()
    );
    assert_eq!(
        (a.parameters(), a.likelihood()),
        (b.parameters(), b.likelihood())
    );
    assert_eq!((a.mean(), a.fit_report()), (b.mean(), b.fit_report()));
}

#[test]
fn processes_behind_every_likelihood_come_back_bit_for_bit() {
    for (likelihood, y) in likelihoods() {
        let kernel = Matern52::ard([0.3, 0.6]).scaled(1.1);
        let prior = LaplaceGp::new(kernel.clone(), likelihood.clone()).with_mean(trend());
        assert_equal_laplace(&prior, &there_and_back(&prior));
        let gp = prior.condition(&places(), &y).unwrap();
        assert!(gp.mode_converged());
        assert_equal_laplace(&gp, &there_and_back(&gp));
        let options = FitOptions {
            restarts: 0,
            max_iterations: 5,
            ..FitOptions::default()
        };
        let fitted = LaplaceGp::new(kernel, likelihood)
            .with_mean(Mean::Constant(0.1))
            .fit(&places(), &y, &options)
            .unwrap();
        let loaded = there_and_back(&fitted);
        assert!(loaded.fit_report().is_some());
        assert_equal_laplace(&fitted, &loaded);
    }
}

fn heteroscedastic() -> HeteroscedasticGp {
    let kernel = Matern52::ard([0.3, 0.6]).scaled(1.1);
    HeteroscedasticGp::new(kernel, Rbf::isotropic(0.4).scaled(0.7), 0.1 / 3.0)
}

fn assert_equal_heteroscedastic(a: &HeteroscedasticGp, b: &HeteroscedasticGp) {
    assert_equal_surrogates(a, b);
    if let (Ok(one), Ok(other)) = (a.posterior(&places()), b.posterior(&places())) {
        assert_eq!(
            (one.mean(), one.variance()),
            (other.mean(), other.variance())
        );
        assert_eq!(one.noise_variance(), other.noise_variance());
        assert_eq!(one.log_noise_mean(), other.log_noise_mean());
        assert_eq!(one.log_noise_variance(), other.log_noise_variance());
    }
    assert_eq!(a.latent().is_some(), b.latent().is_some());
    assert_eq!(a.log_evidence_bound(), b.log_evidence_bound());
    assert_eq!(
        a.log_evidence_bound_gradient().ok(),
        b.log_evidence_bound_gradient().ok()
    );
    assert_eq!(
        (a.noise_updates(), a.noise_converged()),
        (b.noise_updates(), b.noise_converged())
    );
    assert_eq!((a.parameters(), a.mean()), (b.parameters(), b.mean()));
    assert_eq!(a.fit_report(), b.fit_report());
}

#[test]
fn processes_with_varying_noise_come_back_bit_for_bit() {
    let prior = heteroscedastic().with_mean(trend());
    assert_equal_heteroscedastic(&prior, &there_and_back(&prior));
    let gp = prior.condition(&places(), &signal()).unwrap();
    assert!(gp.noise_converged());
    assert_equal_heteroscedastic(&gp, &there_and_back(&gp));
    let options = FitOptions {
        restarts: 0,
        max_iterations: 3,
        ..FitOptions::default()
    };
    let fitted = heteroscedastic()
        .with_mean(Mean::linear())
        .fit(&places(), &signal(), &options)
        .unwrap();
    let loaded = there_and_back(&fitted);
    assert!(loaded.fit_report().is_some());
    assert_equal_heteroscedastic(&fitted, &loaded);
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
    fn refused<M: Persist>(model: &M, named: &str) {
        let folder = tempfile::tempdir().unwrap();
        match model.save(folder.path().join("model.json")) {
            Err(Error::Argument {
                argument, found, ..
            }) => {
                assert!(argument == "model" && found.contains(named), "{found}");
            }
            other => panic!("expected a refusal, found {other:?}"),
        }
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
    let grid = Grid::new(2, 3, [1.0, 1.0]).unwrap();
    let own = GridKernel::product(OwnKernel, Rbf::isotropic(1.0));
    refused(
        &GridGp::new(grid, own, Noise::Homoscedastic(0.1)).unwrap(),
        "OwnKernel",
    );
    let bowl = || Mean::custom("bowl", |x| x[0]);
    let gp = GridGp::new(
        grid,
        GridKernel::rbf([1.0, 1.0], 1.0),
        Noise::Homoscedastic(0.1),
    );
    refused(&gp.unwrap().with_mean(bowl()), "bowl");
    let labels = || Likelihood::Bernoulli(Link::Logit);
    refused(
        &LaplaceGp::new(OwnKernel.scaled(2.0), labels()),
        "OwnKernel",
    );
    refused(
        &LaplaceGp::new(Rbf::isotropic(1.0), labels()).with_mean(bowl()),
        "bowl",
    );
    refused(
        &HeteroscedasticGp::new(Rbf::isotropic(1.0), OwnKernel, 0.1),
        "OwnKernel",
    );
}

/// Small models as JSON, to be damaged.
static TEXTS: LazyLock<[String; 3]> = LazyLock::new(|| {
    let grid = Grid::new(3, 4, [0.5, 1.0]).unwrap();
    let mut variances = vec![0.1; 12];
    variances[5] = f64::INFINITY;
    let grid = GridGp::new(
        grid,
        GridKernel::rbf([1.0, 2.0], 1.1),
        Noise::Known(variances),
    )
    .unwrap()
    .with_mean(Mean::Constant(0.1))
    .condition(&image(3, 4))
    .unwrap();
    let few = places().slice(ndarray::s![..6, ..]).to_owned();
    let likelihood = Likelihood::Poisson {
        exposure: vec![2.5; 6],
    };
    let laplace = LaplaceGp::new(Rbf::ard([0.3, 0.6]).scaled(1.1), likelihood)
        .condition(&few, &[3.0, 0.0, 7.0, 1.0, 2.0, 4.0])
        .unwrap();
    let varying = heteroscedastic().condition(&few, &signal()[..6]).unwrap();
    [
        serde_json::to_string(&grid).unwrap(),
        serde_json::to_string(&laplace).unwrap(),
        serde_json::to_string(&varying).unwrap(),
    ]
});

fn load<M: Persist>(text: &str) -> Result<M> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    std::fs::write(&file, text).unwrap();
    M::load(&file)
}

fn assert_refused_by_key<M: Persist + Debug>(whole: &str, damages: &[(&str, &str, Value)]) {
    let format = whole.split('"').nth(3).unwrap().to_string();
    let whole: Value = serde_json::from_str(whole).unwrap();
    let refused =
        |damaged: &Value, expected: &str, what: &str| match load::<M>(&damaged.to_string()) {
            Err(Error::Config { key, .. }) => {
                assert!(
                    key.starts_with(expected),
                    "{what}: refused {key}, not {expected}"
                );
            }
            other => panic!("{what}: expected a refusal of {expected}, found {other:?}"),
        };
    for (pointer, expected, value) in damages {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(pointer).expect(pointer) = value.clone();
        refused(&damaged, expected, pointer);
    }
    for key in whole.as_object().unwrap().keys() {
        // What may be absent reads as null, and the checksum tells whether it was.
        if !["report", "values"].contains(&key.as_str()) {
            let mut damaged = whole.clone();
            damaged.as_object_mut().unwrap().remove(key);
            refused(&damaged, "", key);
        }
    }
    let mut more = whole.clone();
    more.as_object_mut()
        .unwrap()
        .insert("colour".into(), json!("red"));
    refused(&more, "colour", "colour");
    for other in [
        json!(1),
        json!("exact-gp 1"),
        json!(format.replace(" 1", " 2")),
        json!(null),
    ] {
        let mut damaged = whole.clone();
        damaged["format"] = other;
        refused(&damaged, "format", "format");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        M::load(folder.path().join("none")),
        Err(Error::Io { .. })
    ));
    assert!(matches!(load::<M>(""), Err(Error::Parse { .. })));
    assert!(matches!(
        load::<M>(&format!("{whole} x")),
        Err(Error::Parse { .. })
    ));
}

#[test]
fn damaged_grids_are_refused_by_key() {
    let unlike = |slopes: usize| json!({"Linear": {"intercept": 0.0, "slopes": vec![1.0; slopes]}});
    assert!(TEXTS[0].starts_with("{\"format\":\"grid-gp 1\","));
    assert_refused_by_key::<GridGp>(
        &TEXTS[0],
        &[
            ("/grid/rows", "values", json!(5)),
            ("/grid/rows", "grid", json!(0)),
            ("/grid/pixel/0", "grid", json!(-1.0)),
            ("/grid/pixel/0", "checksum", json!(0.51)),
            ("/kernel/product/rows/outputscale", "checksum", json!(1.2)),
            ("/kernel/product/rows/outputscale", "kernel", json!(-1.2)),
            (
                "/kernel/product/columns",
                "kernel",
                json!({"kind": "neural"}),
            ),
            ("/kernel", "kernel", json!({"sum": {}})),
            ("/noise/Known", "noise", json!([0.1])),
            ("/noise/Known/3", "checksum", json!(0.2)),
            ("/noise/Known/3", "noise variance", json!(-0.2)),
            ("/noise/Known/5", "checksum", json!(0.2)),
            ("/mean", "mean", unlike(3)),
            ("/mean", "checksum", unlike(2)),
            ("/options/tolerance", "tolerance", json!(2.0)),
            ("/options/seed", "checksum", json!(1)),
            ("/values/3", "checksum", json!(0.5)),
            ("/values/3", "checksum", json!(null)),
            ("/values/5", "values", json!(0.5)),
            ("/values/3", "values", json!(1e200)),
            ("/values", "values", json!([0.5])),
            ("/checksum", "checksum", json!("0123456789abcdef")),
            ("/checksum", "checksum", json!("12")),
        ],
    );
}

#[test]
fn damaged_processes_behind_likelihoods_are_refused_by_key() {
    let unlike = json!({"Linear": {"intercept": 0.0, "slopes": [1.0]}});
    assert!(TEXTS[1].starts_with("{\"format\":\"laplace-gp 1\","));
    assert_refused_by_key::<LaplaceGp>(
        &TEXTS[1],
        &[
            ("/kernel/outputscale", "checksum", json!(1.2)),
            ("/kernel/kernel/lengthscale", "kernel", json!([0.3])),
            ("/likelihood/Poisson/exposure", "exposure", json!([1.0])),
            ("/likelihood/Poisson/exposure/0", "checksum", json!(1.0)),
            ("/likelihood/Poisson/exposure/0", "exposure", json!(-1.0)),
            ("/likelihood", "likelihood", json!("Gauss")),
            ("/mean", "mean", unlike.clone()),
            ("/mean", "checksum", json!({"Constant": 0.2})),
            ("/x/2/0", "checksum", json!(0.5)),
            ("/x/2", "x", json!([0.5])),
            ("/x", "x", json!([[0.5, 0.5]])),
            ("/y/2", "checksum", json!(6.0)),
            ("/y/2", "y", json!(-1.0)),
            ("/y", "x", json!([1.0])),
            ("/latent/1", "checksum", json!(1e9)),
            ("/latent", "latent", json!([])),
            ("/weights/1", "checksum", json!(0.1)),
            ("/weights", "weights", json!([])),
            ("/steps", "checksum", json!(77)),
            ("/converged", "checksum", json!(false)),
        ],
    );
    assert!(TEXTS[2].starts_with("{\"format\":\"heteroscedastic-gp 1\","));
    assert_refused_by_key::<HeteroscedasticGp>(
        &TEXTS[2],
        &[
            ("/kernel/outputscale", "checksum", json!(1.2)),
            ("/kernel/kernel/lengthscale", "kernel", json!([0.3])),
            ("/noise_kernel/outputscale", "checksum", json!(1.2)),
            ("/noise_kernel/outputscale", "noise_kernel", json!(0.0)),
            ("/noise_level", "checksum", json!(0.2)),
            ("/noise_level", "noise_level", json!(-0.2)),
            ("/mean", "mean", unlike),
            ("/x/2/0", "checksum", json!(0.5)),
            ("/y/2", "y", json!(1e300)),
            ("/y", "x", json!([1.0])),
            ("/lambda/1", "checksum", json!(-0.1)),
            ("/lambda", "lambda", json!([])),
            ("/weights/1", "checksum", json!(0.1)),
            ("/weights", "weights", json!([])),
            ("/updates", "checksum", json!(77)),
        ],
    );
}

/// What is accepted says the same as before, in every bit.
fn refused_or_harmless<M: Persist>(whole: &str, cut: f64, at: f64, with: u8) {
    let cut = (cut * whole.len() as f64) as usize;
    assert!(serde_json::from_str::<M>(&whole[..cut]).is_err());
    let mut bytes = whole.as_bytes().to_vec();
    let at = (at * bytes.len() as f64) as usize;
    bytes[at] = with;
    if let Ok(model) = serde_json::from_slice::<M>(&bytes) {
        assert_eq!(serde_json::to_string(&model).unwrap(), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
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
        refused_or_harmless::<GridGp>(&TEXTS[0], cut, at, with);
        refused_or_harmless::<LaplaceGp>(&TEXTS[1], cut, at, with);
        refused_or_harmless::<HeteroscedasticGp>(&TEXTS[2], cut, at, with);
    }
}
