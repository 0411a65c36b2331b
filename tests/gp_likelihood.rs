//! Non-Gaussian likelihoods against numpy, scipy, scikit-learn, quadrature, and the data that made them.

use dosewise::gp::{
    ExactGp, FitOptions, HeteroscedasticGp, Kernel, LaplaceGp, Likelihood, Link, Matern52, Mean,
    Noise, Rbf,
};
use ndarray::{Array2, array};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
    scikit_learn: Vec<Classified>,
    fit: BestFit,
    heteroscedastic: Bound,
}

#[derive(Deserialize)]
struct Case {
    likelihood: String,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    places: Vec<Vec<f64>>,
    mean: f64,
    exposure: Vec<f64>,
    theta: Vec<f64>,
    mode: Vec<f64>,
    log_marginal_likelihood: f64,
    gradient: Vec<f64>,
    latent_mean: Vec<f64>,
    latent_covariance: Vec<Vec<f64>>,
    negative_curvatures: usize,
}

#[derive(Deserialize)]
struct Classified {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    places: Vec<Vec<f64>>,
    outputscale: f64,
    lengthscales: Vec<f64>,
    log_marginal_likelihood: f64,
    gradient: Vec<f64>,
    latent_mean: Vec<f64>,
    latent_variance: Vec<f64>,
    probability: Vec<f64>,
}

#[derive(Deserialize)]
struct BestFit {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    exposure: Vec<f64>,
    theta: Vec<f64>,
    log_marginal_likelihood: f64,
}

#[derive(Deserialize)]
struct Bound {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    theta: Vec<f64>,
    mean: f64,
    bound: f64,
    gradient: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/gp_likelihood.json")).unwrap()
}

fn rows(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), points[0].len()), |(i, k)| points[i][k])
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: found {found}, expected {expected}"
    );
}

fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn line(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 1), |(i, _)| i as f64 / (n - 1).max(1) as f64)
}

/// A draw of the latent function from its prior.
fn prior_draw(kernel: impl Kernel + 'static, x: &Array2<f64>, rng: &mut StdRng) -> Vec<f64> {
    let prior = ExactGp::new(kernel, Noise::Known(vec![]));
    prior.posterior(x).unwrap().sample(rng).unwrap()
}

fn count(rate: f64, rng: &mut StdRng) -> f64 {
    Poisson::new(rate).map_or(0.0, |law| law.sample(rng))
}

fn likelihood(case: &Case) -> Likelihood {
    match case.likelihood.as_str() {
        "poisson" => Likelihood::Poisson {
            exposure: case.exposure.clone(),
        },
        "probit" => Likelihood::Bernoulli(Link::Probit),
        "logit" => Likelihood::Bernoulli(Link::Logit),
        _ => {
            let own = &case.theta[case.theta.len() - 2..];
            Likelihood::StudentT {
                degrees_of_freedom: own[0].exp(),
                scale: (0.5 * own[1]).exp(),
            }
        }
    }
}

#[test]
fn modes_evidence_gradients_and_posteriors_equal_numpy() {
    let cases = reference().cases;
    assert_eq!(cases.len(), 8);
    let outliers: usize = cases.iter().map(|c| c.negative_curvatures).sum();
    assert!(outliers >= 4, "the negative curvatures are not tried");
    for case in cases {
        let dimension = case.x[0].len();
        let lengths: Vec<f64> = case.theta[..dimension].iter().map(|t| t.exp()).collect();
        let kernel = Rbf::ard(lengths).scaled(case.theta[dimension].exp());
        let gp = LaplaceGp::new(kernel, likelihood(&case))
            .with_mean(Mean::Constant(case.mean))
            .condition(&rows(&case.x), &case.y)
            .unwrap();
        assert!(gp.mode_converged());
        let name = &case.likelihood;
        for (found, expected) in gp.mode().iter().zip(&case.mode) {
            close(*found, *expected, 1e-8, name);
        }
        let evidence = gp.log_marginal_likelihood();
        close(evidence, case.log_marginal_likelihood, 1e-8, name);
        let gradient = gp.log_marginal_likelihood_gradient().unwrap();
        assert_eq!(gradient.len(), case.gradient.len());
        // With counts of 10⁷ the evidence itself moves by 10⁻⁸ when a covariance moves by its rounding error.
        let bright = case.y.iter().any(|y| *y > 1e6);
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            close(*found, *expected, if bright { 3e-5 } else { 1e-6 }, name);
        }
        let posterior = gp.posterior(&rows(&case.places)).unwrap();
        let covariance = posterior.covariance().unwrap();
        for i in 0..case.places.len() {
            close(posterior.mean()[i], case.latent_mean[i], 1e-8, name);
            let expected = &case.latent_covariance[i];
            close(posterior.variance()[i], expected[i], 1e-8, name);
            for (j, expected) in expected.iter().enumerate() {
                close(covariance[[i, j]], *expected, 1e-8, name);
            }
        }
    }
}

#[test]
fn classification_equals_scikit_learn() {
    let cases = reference().scikit_learn;
    assert_eq!(cases.len(), 2);
    for case in cases {
        let kernel = Rbf::ard(case.lengthscales).scaled(case.outputscale);
        let gp = LaplaceGp::new(kernel, Likelihood::Bernoulli(Link::Logit))
            .condition(&rows(&case.x), &case.y)
            .unwrap();
        // It stops when the density of the mode gains less than 1e-10, so 1e-5 of the mode itself is open.
        let evidence = gp.log_marginal_likelihood();
        close(evidence, case.log_marginal_likelihood, 1e-8, "evidence");
        let gradient = gp.log_marginal_likelihood_gradient().unwrap();
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            close(*found, *expected, 1e-5, "gradient");
        }
        let posterior = gp.posterior(&rows(&case.places)).unwrap();
        let probability = posterior.class_probability().unwrap();
        for (i, &found) in probability.iter().enumerate() {
            close(posterior.mean()[i], case.latent_mean[i], 1e-5, "mean");
            let variance = case.latent_variance[i];
            close(posterior.variance()[i], variance, 1e-5, "variance");
            // Its average over f is an expansion in error functions, good to about 1e-3.
            close(found, case.probability[i], 2e-3, "probability");
        }
    }
}

#[test]
fn the_best_hyper_parameters_are_those_scipy_finds() {
    let best = reference().fit;
    let likelihood = Likelihood::Poisson {
        exposure: best.exposure,
    };
    let gp = LaplaceGp::new(Rbf::ard([1.0]).scaled(1.0), likelihood)
        .with_mean(Mean::Constant(0.0))
        .fit(&rows(&best.x), &best.y, &FitOptions::default())
        .unwrap();
    let report = gp.fit_report().unwrap();
    assert!(report.converged() && !report.at_limit, "{report:?}");
    let lead = gp.log_marginal_likelihood() - best.log_marginal_likelihood;
    assert!(lead.abs() < 1e-6, "{lead} from scipy's maximum");
    for (parameter, expected) in gp.parameters().iter().zip(&best.theta) {
        assert!((parameter.value.ln() - expected).abs() < 1e-2);
    }
    assert!((gp.mean().at(&[0.0]) - best.theta[2]).abs() < 1e-2);
}

#[test]
fn the_heteroscedastic_bound_equals_scipys_maximum() {
    let case = reference().heteroscedastic;
    let exp: Vec<f64> = case.theta.iter().map(|t| t.exp()).collect();
    let gp = HeteroscedasticGp::new(
        Rbf::ard([exp[0]]).scaled(exp[1]),
        Rbf::ard([exp[2]]).scaled(exp[3]),
        exp[4],
    )
    .with_mean(Mean::Constant(case.mean))
    .condition(&rows(&case.x), &case.y)
    .unwrap();
    assert!(gp.noise_converged());
    println!("{} updates", gp.noise_updates());
    close(gp.log_evidence_bound(), case.bound, 1e-8, "bound");
    let gradient = gp.log_evidence_bound_gradient().unwrap();
    for (found, expected) in gradient.iter().zip(&case.gradient) {
        close(*found, *expected, 1e-5, "gradient");
    }
}

/// Central differences of the evidence on more points than the fixtures have, by every coordinate.
#[test]
fn gradients_match_finite_differences_on_many_points() {
    let x = scattered(70);
    let mut rng = StdRng::seed_from_u64(3);
    let f = prior_draw(Rbf::isotropic(0.3).scaled(1.0), &x, &mut rng);
    let exposure: Vec<f64> = (0..70).map(|i| [0.0, 1.0, 30.0, 1e6][i % 4]).collect();
    let counts = f.iter().zip(&exposure);
    let counts: Vec<f64> = counts.map(|(f, e)| count(e * f.exp(), &mut rng)).collect();
    let labels: Vec<f64> = f.iter().map(|f| f64::from(*f > 0.0)).collect();
    let mut outputs = f.clone();
    (0..70).step_by(9).for_each(|i| outputs[i] += 6.0);
    let student = |theta: &[f64]| Likelihood::StudentT {
        degrees_of_freedom: theta[0].exp(),
        scale: (0.5 * theta[1]).exp(),
    };
    type Make<'a> = Box<dyn Fn(&[f64]) -> Likelihood + 'a>;
    let all: [(Make<'_>, &[f64], usize); 4] = [
        (
            Box::new(|_| Likelihood::Poisson {
                exposure: exposure.clone(),
            }),
            &counts,
            0,
        ),
        (Box::new(|_| Likelihood::Bernoulli(Link::Logit)), &labels, 0),
        (
            Box::new(|_| Likelihood::Bernoulli(Link::Probit)),
            &labels,
            0,
        ),
        (Box::new(student), &outputs, 2),
    ];
    for (make, y, own) in &all {
        let at = |theta: &[f64]| {
            let kernel = Matern52::ard([theta[0].exp(), theta[1].exp()]).scaled(theta[2].exp());
            LaplaceGp::new(kernel, make(&theta[3..]))
                .with_mean(Mean::Constant(theta[3 + own]))
                .condition(&x, y)
                .unwrap()
        };
        let mut theta = vec![-1.0, -0.7, 0.2];
        theta.extend([1.2, -2.5].iter().take(*own));
        theta.push(0.15);
        let gradient = at(&theta).log_marginal_likelihood_gradient().unwrap();
        assert_eq!(gradient.len(), theta.len());
        for p in 0..theta.len() {
            let moved = |by: f64| {
                let mut theta = theta.clone();
                theta[p] += by;
                at(&theta).log_marginal_likelihood()
            };
            let coarse = (moved(2e-3) - moved(-2e-3)) / 4e-3;
            let fine = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            let slope = (4.0 * fine - coarse) / 3.0;
            let what = format!("{:?} {p}", make(&theta[3..]).parameters());
            close(gradient[p], slope, 1e-6, &what);
        }
    }
}

/// Exact moments of p(f | y) ∝ p(y | f) N(f; m, v) and log p(y), by the trapezoidal rule over ±12 prior deviations.
fn exact_one_point(likelihood: &Likelihood, y: f64, m: f64, v: f64) -> (f64, f64, f64) {
    let (h, half) = (12.0 * v.sqrt() / 200_000.0, 200_000);
    let nodes = (-half..=half).map(|k| m + h * f64::from(k));
    let logs: Vec<(f64, f64)> = nodes
        .map(|f| {
            let prior = -0.5 * ((f - m).powi(2) / v + (std::f64::consts::TAU * v).ln());
            (f, likelihood.log_density(0, y, f) + prior)
        })
        .collect();
    let top = logs.iter().fold(f64::NEG_INFINITY, |t, (_, l)| t.max(*l));
    let weights: Vec<f64> = logs.iter().map(|(_, l)| (l - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mean = logs
        .iter()
        .zip(&weights)
        .map(|((f, _), w)| f * w)
        .sum::<f64>()
        / total;
    let square = logs.iter().zip(&weights);
    let variance = square
        .map(|((f, _), w)| (f - mean).powi(2) * w)
        .sum::<f64>()
        / total;
    (mean, variance, top + (h * total).ln())
}

#[test]
fn one_count_approaches_the_exact_posterior_as_counts_grow() {
    // The error of Laplace's approximation falls as one over the count: evidence −1/(12 y), mean −1/(2 y).
    for (y, exposure) in [
        (10.0, 4.0),
        (100.0, 40.0),
        (1000.0, 400.0),
        (10_000.0, 4000.0),
    ] {
        let likelihood = Likelihood::Poisson {
            exposure: vec![exposure],
        };
        let gp = LaplaceGp::new(Rbf::isotropic(1.0).scaled(2.0), likelihood.clone())
            .with_mean(Mean::Constant(0.5))
            .condition(&array![[0.0]], &[y])
            .unwrap();
        let (mean, variance, evidence) = exact_one_point(&likelihood, y, 0.5, 2.0);
        let posterior = gp.posterior(&array![[0.0]]).unwrap();
        let f = gp.mode()[0];
        // The mode solves y − λ = (f − m)/k exactly.
        let balance = y - exposure * f.exp() - (f - 0.5) / 2.0;
        assert!(balance.abs() < 1e-9 * y, "{balance}");
        assert!((posterior.mean()[0] - f).abs() < 1e-12);
        assert!(
            (f - mean - 0.5 / y).abs() < 1.5 / (y * y) + 0.1 / y,
            "{y}: {}",
            f - mean
        );
        assert!((posterior.variance()[0] / variance - 1.0).abs() < 0.7 / y);
        assert!((gp.log_marginal_likelihood() - evidence).abs() < 0.11 / y);
    }
}

#[test]
fn one_label_is_near_the_exact_posterior() {
    for link in [Link::Logit, Link::Probit] {
        let likelihood = Likelihood::Bernoulli(link);
        let gp = LaplaceGp::new(Rbf::isotropic(1.0).scaled(0.5), likelihood.clone())
            .condition(&array![[0.0]], &[1.0])
            .unwrap();
        let (mean, variance, evidence) = exact_one_point(&likelihood, 1.0, 0.0, 0.5);
        assert!((evidence - 0.5_f64.ln()).abs() < 1e-9); // by symmetry
        let posterior = gp.posterior(&array![[0.0]]).unwrap();
        assert!((posterior.mean()[0] - mean).abs() < 0.03);
        assert!((posterior.variance()[0] - variance).abs() < 0.03);
        assert!((gp.log_marginal_likelihood() - evidence).abs() < 0.01);
        // Far from the label nothing is known.
        let far = gp.posterior(&array![[50.0]]).unwrap();
        assert!((far.class_probability().unwrap()[0] - 0.5).abs() < 1e-12);
    }
}

#[test]
fn outliers_are_resisted_where_a_gaussian_fails() {
    let x = line(60);
    let truth: Vec<f64> = x.iter().map(|x| (6.0 * x).sin()).collect();
    let mut rng = StdRng::seed_from_u64(11);
    let mut y: Vec<f64> = truth
        .iter()
        .map(|t| t + 0.1 * rng.sample::<f64, _>(StandardNormal))
        .collect();
    for i in [4, 13, 22, 37, 38, 51] {
        y[i] += if i % 2 == 0 { 5.0 } else { -4.0 };
    }
    let error = |mean: &[f64]| {
        let square: f64 = mean.iter().zip(&truth).map(|(m, t)| (m - t).powi(2)).sum();
        (square / 60.0).sqrt()
    };
    let options = FitOptions::default();
    let start = || Matern52::isotropic(0.3).scaled(1.0);
    let student = Likelihood::StudentT {
        degrees_of_freedom: 4.0,
        scale: 0.3,
    };
    let robust = LaplaceGp::new(start(), student)
        .fit(&x, &y, &options)
        .unwrap();
    let gauss = ExactGp::new(start(), Noise::Homoscedastic(0.1))
        .fit(&x, &y, &options)
        .unwrap();
    let robust_posterior = robust.posterior(&x).unwrap();
    let (robust_error, gauss_error) = (
        error(robust_posterior.mean()),
        error(gauss.posterior(&x).unwrap().mean()),
    );
    println!("error: Student-t {robust_error:.3}, Gaussian {gauss_error:.3}");
    assert!(robust_error < 0.1 && gauss_error > 2.5 * robust_error);
    let Likelihood::StudentT {
        degrees_of_freedom,
        scale,
    } = *robust.likelihood()
    else {
        panic!("the kind of likelihood changed")
    };
    println!(
        "nu {degrees_of_freedom:.2}, scale {scale:.3}: {:?}",
        robust.fit_report()
    );
    assert!(degrees_of_freedom < 4.0 && (0.04..0.2).contains(&scale));
    // The predicted range holds the clean points, and its median width is that of the noise.
    let outputs = robust_posterior.outputs().unwrap();
    let inside = outputs.interval(0.95).unwrap();
    let held = inside
        .iter()
        .zip(&truth)
        .filter(|((l, h), t)| l < t && *t < h);
    assert_eq!(held.count(), 60);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A unit of exposure is a matter of taste, labels are names, and data teach about log-concave models.
    #[test]
    fn units_names_and_order_do_not_matter(
        counts in prop::collection::vec(0_u32..50, 2..12),
        unit in 1e-3..1e3_f64,
        mean in -2.0..2.0_f64,
    ) {
        let n = counts.len();
        let x = scattered(n);
        let places = scattered(n + 3);
        let y: Vec<f64> = counts.iter().map(|c| f64::from(*c)).collect();
        let condition = |likelihood, mean, x: &Array2<f64>, y: &[f64]| {
            let kernel = Matern52::isotropic(0.4).scaled(1.5);
            let gp = LaplaceGp::new(kernel, likelihood)
                .with_mean(Mean::Constant(mean))
                .condition(x, y)
                .unwrap();
            let posterior = gp.posterior(&places).unwrap();
            let (mean, variance) = (posterior.mean().to_vec(), posterior.variance().to_vec());
            (gp.log_marginal_likelihood(), mean, variance)
        };
        let poisson = |exposure| Likelihood::Poisson { exposure: vec![exposure; n] };
        let (evidence, means, variances) = condition(poisson(8.0), mean, &x, &y);
        let (scaled, shifted, _) = condition(poisson(8.0 * unit), mean - unit.ln(), &x, &y);
        close(scaled, evidence, 1e-9, "unit of exposure");
        for (a, b) in shifted.iter().zip(&means) {
            close(a + unit.ln(), *b, 1e-8, "shift of the log rate");
        }
        prop_assert!(variances.iter().all(|v| (0.0..=1.5 + 1e-12).contains(v)));

        let backwards = Array2::from_shape_fn((n, 2), |(i, k)| x[[n - 1 - i, k]]);
        let y_backwards: Vec<f64> = y.iter().rev().copied().collect();
        let (reversed, _, _) = condition(poisson(8.0), mean, &backwards, &y_backwards);
        close(reversed, evidence, 1e-9, "order");

        let labels: Vec<f64> = counts.iter().map(|c| f64::from(c % 2)).collect();
        let others: Vec<f64> = labels.iter().map(|l| 1.0 - l).collect();
        for link in [Link::Logit, Link::Probit] {
            let (evidence, means, _) = condition(Likelihood::Bernoulli(link), mean, &x, &labels);
            let (swapped, mirrored, _) = condition(Likelihood::Bernoulli(link), -mean, &x, &others);
            close(swapped, evidence, 1e-9, "names of the labels");
            for (a, b) in mirrored.iter().zip(&means) {
                close(-a, *b, 1e-8, "mirrored latent");
            }
        }
    }
}
