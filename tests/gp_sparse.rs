//! Sparse processes against numpy, against the exact process, and against their own promises.

use dosewise::gp::{
    ExactGp, FitOptions, InducingPoints, InducingSelection, Kernel, Matern52, Mean, Noise, Rbf,
    SparseGp, Surrogate,
};
use ndarray::{Array2, Axis, s};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kernel: String,
    known: bool,
    prior_mean: f64,
    lengthscales: Vec<f64>,
    outputscale: f64,
    noise: Vec<f64>,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    inducing: Vec<Vec<f64>>,
    places: Vec<Vec<f64>>,
    bound: f64,
    evidence: f64,
    gradient: Vec<f64>,
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    greedy: Vec<usize>,
    mean_variance: Vec<f64>,
}

fn rows(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), points[0].len()), |(i, k)| points[i][k])
}

impl Case {
    fn kernel(&self) -> Box<dyn Kernel> {
        match self.kernel.as_str() {
            "rbf" => Box::new(Rbf::ard(self.lengthscales.clone()).scaled(self.outputscale)),
            _ => Box::new(Matern52::ard(self.lengthscales.clone()).scaled(self.outputscale)),
        }
    }

    fn noise(&self) -> Noise {
        match self.known {
            true => Noise::Known(self.noise.clone()),
            false => Noise::Homoscedastic(self.noise[0]),
        }
    }

    fn condition(&self, inducing: InducingPoints) -> SparseGp {
        SparseGp::new(self.kernel(), self.noise(), inducing)
            .with_mean(Mean::Constant(self.prior_mean))
            .condition(&rows(&self.x), &self.y)
            .unwrap()
    }

    fn exact(&self) -> ExactGp {
        ExactGp::new(self.kernel(), self.noise())
            .with_mean(Mean::Constant(self.prior_mean))
            .condition(&rows(&self.x), &self.y)
            .unwrap()
    }
}

fn cases() -> Vec<Case> {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/gp_sparse.json")).unwrap();
    reference.cases
}

fn given(points: &Array2<f64>) -> InducingPoints {
    InducingPoints::given(points).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

/// Places in the unit square that look random and never repeat.
fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn signal(x: &Array2<f64>) -> Vec<f64> {
    let each = x.rows().into_iter().enumerate();
    each.map(|(i, p)| (6.0 * p[0]).sin() + p[1] + 0.1 * (i as f64 * 2.7).sin())
        .collect()
}

#[test]
fn bound_gradient_and_posterior_match_numpy() {
    for case in cases() {
        let gp = case.condition(given(&rows(&case.inducing)));
        close(gp.elbo(), case.bound, 1e-9);
        let gradient = gp.elbo_gradient().unwrap();
        assert_eq!(gradient.len(), case.gradient.len());
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            close(*found, *expected, 2e-7);
        }
        let posterior = gp.posterior(&rows(&case.places)).unwrap();
        let covariance = posterior.covariance().unwrap();
        let mean_alone = gp.posterior_mean(&rows(&case.places)).unwrap();
        for i in 0..case.mean.len() {
            close(posterior.mean()[i], case.mean[i], 1e-9);
            close(mean_alone[i], case.mean[i], 1e-9);
            close(posterior.variance()[i], case.covariance[i][i], 1e-9);
            for j in 0..case.mean.len() {
                close(covariance[[i, j]], case.covariance[i][j], 1e-9);
            }
        }
        close(case.exact().log_marginal_likelihood(), case.evidence, 1e-9);
        assert!(gp.elbo() < case.evidence && case.evidence < gp.upper_bound().unwrap());
    }
}

#[test]
fn greedy_choices_match_conditioning_anew() {
    for case in cases() {
        let selection = InducingSelection::of(8);
        let kernel = case.kernel();
        let selected = selection.select(&kernel, &rows(&case.x)).unwrap();
        assert_eq!(selected.indices(), case.greedy);
        for (found, expected) in selected.mean_variance().iter().zip(&case.mean_variance) {
            close(*found, *expected, 1e-9);
        }
    }
}

#[test]
fn all_places_as_inducing_points_give_the_exact_process() {
    for case in cases() {
        let (sparse, exact) = (case.condition(given(&rows(&case.x))), case.exact());
        close(sparse.elbo(), exact.log_marginal_likelihood(), 1e-8);
        close(sparse.upper_bound().unwrap(), sparse.elbo(), 1e-6);
        let places = rows(&case.places);
        let (a, b) = (
            sparse.joint(places.view()).unwrap(),
            exact.joint(places.view()).unwrap(),
        );
        for (a, b) in a.mean.iter().zip(&b.mean) {
            close(*a, *b, 1e-8);
        }
        for (a, b) in a.covariance.iter().zip(&b.covariance) {
            close(*a, *b, 1e-8);
        }
    }
}

/// Smooth kernel, points on top of each other, little noise: the jitter must not show.
#[test]
fn ill_conditioned_inducing_points_leave_the_bound_right() {
    let x = scattered(150);
    let y = signal(&x);
    let mut inducing = x.slice(s![..60, ..]).to_owned();
    inducing.append(Axis(0), x.slice(s![..20, ..])).unwrap();
    let kernel = Rbf::isotropic(1.0).scaled(1.0);
    for noise in [1e-2, 1e-3] {
        let noise = Noise::Homoscedastic(noise);
        let exact = ExactGp::new(kernel.clone(), noise.clone())
            .condition(&x, &y)
            .unwrap();
        let sparse =
            |inducing| SparseGp::new(kernel.clone(), noise.clone(), inducing).condition(&x, &y);
        let truth = exact.log_marginal_likelihood();
        let twice = sparse(given(&inducing)).unwrap();
        assert!(twice.jitter() < 1e-11, "{}", twice.jitter());
        let greedy = sparse(InducingPoints::greedy(150)).unwrap();
        // Sixty places see this kernel down to the jitter: bound and evidence agree.
        for gp in [&twice, &greedy] {
            assert!(
                (gp.elbo() - truth).abs() < 1e-6 * truth.abs(),
                "{} {truth}",
                gp.elbo()
            );
        }
        assert!(greedy.inducing_points().len() < 120);
    }
}

#[test]
fn more_greedy_points_never_lower_the_bound() {
    let x = scattered(300);
    let y = signal(&x);
    let kernel = Matern52::isotropic(0.4).scaled(1.0);
    let noise = Noise::Known((0..300).map(|i| 0.01 + 1e-4 * f64::from(i)).collect());
    let truth = ExactGp::new(kernel.clone(), noise.clone())
        .condition(&x, &y)
        .unwrap()
        .log_marginal_likelihood();
    let mut last = f64::NEG_INFINITY;
    let mut widest = f64::INFINITY;
    for count in [5, 10, 20, 40, 80, 160] {
        let gp = SparseGp::new(kernel.clone(), noise.clone(), InducingPoints::greedy(count))
            .condition(&x, &y)
            .unwrap();
        let upper = gp.upper_bound().unwrap();
        assert!(last <= gp.elbo() && gp.elbo() <= truth && truth <= upper && upper <= widest);
        assert!(gp.slack() >= 0.0);
        (last, widest) = (gp.elbo(), upper);
    }
    assert!(
        truth - last < 1.0 && widest - truth < 8.0,
        "{last} {truth} {widest}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_bound_is_below_the_evidence_and_the_variance_between_zero_and_the_prior(
        seed in 0u64..1000, m in 1usize..12, lengthscale in 0.05f64..2.0, noise in 1e-4f64..1.0,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let x = Array2::from_shape_fn((30, 2), |_| rng.random::<f64>());
        let z = Array2::from_shape_fn((m, 2), |_| rng.random::<f64>());
        let y: Vec<f64> = (0..30).map(|_| StandardNormal.sample(&mut rng)).collect();
        let kernel = Matern52::isotropic(lengthscale).scaled(1.3);
        let noise = Noise::Homoscedastic(noise);
        let exact = ExactGp::new(kernel.clone(), noise.clone()).condition(&x, &y).unwrap();
        let sparse = SparseGp::new(kernel, noise, given(&z)).condition(&x, &y).unwrap();
        let truth = exact.log_marginal_likelihood();
        prop_assert!(sparse.elbo() <= truth + 1e-8 * truth.abs());
        prop_assert!(sparse.upper_bound().unwrap() >= truth - 1e-8 * truth.abs());
        let marginals = sparse.marginals(scattered(20).view()).unwrap();
        prop_assert!(marginals.variance.iter().all(|v| (0.0..=1.3).contains(v)));
    }
}

#[test]
fn appending_equals_conditioning_on_all() {
    let x = scattered(120);
    let y = signal(&x);
    let inducing = x.slice(s![..25, ..]).to_owned();
    let kernel = Matern52::isotropic(0.4).scaled(1.2);
    let variance = |i: usize| 0.005 + 0.001 * i as f64;
    for known in [true, false] {
        let noise = |n: usize| match known {
            true => Noise::Known((0..n).map(variance).collect()),
            false => Noise::Homoscedastic(0.02),
        };
        let start = |n: usize| {
            SparseGp::new(kernel.clone(), noise(n), given(&inducing))
                .with_mean(Mean::Fixed(0.3))
                .condition(x.slice(s![..n, ..]), &y[..n])
                .unwrap()
        };
        let mut grown = start(60);
        for (i, &value) in y.iter().enumerate().skip(60) {
            let noise = known.then(|| variance(i));
            grown.append(&x.row(i).to_vec(), value, noise).unwrap();
        }
        let whole = start(120);
        close(grown.elbo(), whole.elbo(), 1e-11);
        close(grown.slack(), whole.slack(), 1e-11);
        let places = scattered(40) * 1.2;
        let (a, b) = (
            grown.joint(places.view()).unwrap(),
            whole.joint(places.view()).unwrap(),
        );
        for (a, b) in a.mean.iter().zip(&b.mean) {
            close(*a, *b, 1e-10);
        }
        for (a, b) in a.covariance.iter().zip(&b.covariance) {
            close(*a, *b, 1e-10);
        }
        let before = grown.elbo();
        assert!(grown.append(&[0.1], 0.2, None).is_err());
        assert!(
            grown
                .append(&[0.1, f64::NAN], 0.2, known.then_some(0.1))
                .is_err()
        );
        assert!(
            grown
                .append(&[0.1, 0.2], f64::INFINITY, known.then_some(0.1))
                .is_err()
        );
        assert!(
            grown
                .append(&[0.1, 0.2], 1.0, (!known).then_some(0.1))
                .is_err()
        );
        assert_eq!((grown.len(), grown.elbo()), (120, before));
    }
}

/// A draw of the model itself, at random places.
fn drawn(n: usize, seed: u64) -> (Array2<f64>, Vec<f64>, Vec<f64>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let x = Array2::from_shape_fn((n, 1), |_| rng.random::<f64>());
    let kernel = Matern52::isotropic(0.15).scaled(2.0);
    let prior = ExactGp::new(kernel, Noise::Homoscedastic(0.1));
    let f = prior.posterior(&x).unwrap().samples(1, &mut rng).unwrap();
    let f: Vec<f64> = f.iter().map(|f| 5.0 + f).collect();
    let noisy = f.iter().map(|f| {
        let z: f64 = StandardNormal.sample(&mut rng);
        f + 0.1_f64.sqrt() * z
    });
    let y = noisy.collect();
    (x, f, y)
}

#[test]
fn a_fit_finds_the_model_moves_the_points_and_covers_what_was_held_out() {
    let (x, f, y) = drawn(1200, 4);
    let (train, test) = (x.slice(s![..800, ..]), x.slice(s![800.., ..]));
    let options = FitOptions {
        max_iterations: 40,
        ..FitOptions::default()
    };
    let start = Matern52::isotropic(1.0).scaled(1.0);
    let model = SparseGp::new(start, Noise::Homoscedastic(1.0), InducingPoints::greedy(20))
        .with_mean(Mean::Constant(0.0));
    let gp = model.clone().fit(train, &y[..800], &options).unwrap();
    // The exact evidence prefers what was found to the truth itself, or nearly so.
    let evidence = |kernel: Box<dyn Kernel>, noise: f64, mean: f64| {
        ExactGp::new(kernel, Noise::Homoscedastic(noise))
            .with_mean(Mean::Constant(mean))
            .condition(train, &y[..800])
            .unwrap()
            .log_marginal_likelihood()
    };
    let truth = evidence(Box::new(Matern52::isotropic(0.15).scaled(2.0)), 0.1, 5.0);
    let noise = gp.noise().variance(0).unwrap();
    let Mean::Constant(level) = *gp.mean() else {
        panic!("{:?}", gp.mean())
    };
    let found = evidence(gp.kernel().clone_box(), noise, level);
    assert!(found > truth - 2.0 && gp.elbo() <= found, "{found} {truth}");
    let report = gp.fit_report().unwrap();
    close(report.log_marginal_likelihood, gp.elbo(), 1e-9);
    // Points at rest reach less.
    let fixed = model
        .with_fixed_inducing_points()
        .fit(train, &y[..800], &options)
        .unwrap();
    assert!(fixed.elbo() < gp.elbo(), "{} {}", fixed.elbo(), gp.elbo());
    // The true function at 400 places: binomial error of neighbouring, hence correlated places is some 5 %.
    let marginals = gp.marginals(test).unwrap();
    for (level, z) in [(0.5, 0.6745), (0.9, 1.6449), (0.95, 1.96)] {
        let each = marginals
            .mean
            .iter()
            .zip(&marginals.variance)
            .zip(&f[800..]);
        let inside = each
            .filter(|((m, v), f)| (*m - *f).abs() <= z * v.sqrt())
            .count();
        let share = inside as f64 / 400.0;
        assert!((share - level).abs() < 0.13, "{share} at {level}");
    }
    // Noisy measurements are independent: within three binomial errors.
    for (level, z) in [(0.5, 0.6745), (0.9, 1.6449), (0.95, 1.96)] {
        let each = marginals
            .mean
            .iter()
            .zip(&marginals.variance)
            .zip(&y[800..]);
        let inside = each
            .filter(|((m, v), y)| (*m - *y).abs() <= z * (*v + noise).sqrt())
            .count();
        let error = (level * (1.0 - level) / 400.0_f64).sqrt();
        assert!(
            (inside as f64 / 400.0 - level).abs() < 3.0 * error,
            "{inside} at {level}"
        );
    }
}

#[test]
fn a_linear_mean_is_estimated_as_by_the_exact_process() {
    let x = scattered(80);
    let y: Vec<f64> = signal(&x)
        .iter()
        .zip(x.rows())
        .map(|(s, p)| s + 3.0 - 7.0 * p[1])
        .collect();
    let kernel = Matern52::isotropic(0.3).scaled(0.5);
    // Hyper-parameters held by bounds on all of them: the fit estimates the mean alone.
    let held = FitOptions {
        restarts: 0,
        bounds: ["lengthscale", "outputscale"]
            .into_iter()
            .zip([0.3, 0.5])
            .map(|(name, value)| (name.to_string(), dosewise::gp::Bounds::hard(value..=value)))
            .collect(),
        ..FitOptions::default()
    };
    let noise = Noise::Known((0..80).map(|i| 0.01 + 1e-3 * f64::from(i)).collect());
    let exact = ExactGp::new(kernel.clone(), noise.clone())
        .with_mean(Mean::linear())
        .fit(&x, &y, &held)
        .unwrap();
    let sparse = SparseGp::new(kernel, noise, given(&x))
        .with_mean(Mean::linear())
        .with_fixed_inducing_points()
        .fit(&x, &y, &held)
        .unwrap();
    let coefficients = |mean: &Mean| match mean {
        Mean::Linear { intercept, slopes } => vec![*intercept, slopes[0], slopes[1]],
        other => panic!("{other:?}"),
    };
    for (a, b) in coefficients(sparse.mean())
        .iter()
        .zip(coefficients(exact.mean()))
    {
        close(*a, b, 1e-7);
    }
    close(sparse.elbo(), exact.log_marginal_likelihood(), 1e-8);
}

#[test]
fn results_are_the_same_bits_on_any_number_of_threads() {
    let x = scattered(3000);
    let y = signal(&x);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let kernel = Matern52::isotropic(0.3).scaled(1.0);
            let gp = SparseGp::new(
                kernel,
                Noise::Homoscedastic(0.01),
                InducingPoints::greedy(30),
            )
            .condition(&x, &y)
            .unwrap();
            (gp.elbo().to_bits(), gp.elbo_gradient().unwrap())
        })
    };
    assert_eq!(on(1), on(3));
}
