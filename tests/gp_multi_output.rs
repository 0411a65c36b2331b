//! Several outputs at once against numpy, single-output processes, finite differences and their own invariants.

use dosewise::gp::{
    Autoregressive, Bounds, Coregionalised, ExactGp, FitOptions, Kernel, LogNormal, Matern52, Mean,
    MultiOutputGp, Noise, Persist, Points, Rbf, Sum, Surrogate,
};
use dosewise::{Error, linalg::Cholesky};
use ndarray::{Array2, Axis, array};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    outputs: usize,
    #[serde(default)]
    terms: Vec<Term>,
    #[serde(default)]
    ratios: Vec<f64>,
    #[serde(default)]
    lengths: Vec<f64>,
    #[serde(default)]
    scales: Vec<f64>,
    x: Vec<Vec<f64>>,
    codes: Vec<usize>,
    y: Vec<f64>,
    places: Vec<Vec<f64>>,
    noise: Vec<f64>,
    means: Vec<f64>,
    log_marginal_likelihood: f64,
    mean: Vec<Vec<f64>>,
    variance: Vec<Vec<f64>>,
    between: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
struct Term {
    kernel: String,
    length: f64,
    weights: Vec<Vec<f64>>,
    specific: Vec<f64>,
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

impl Case {
    fn model(&self) -> MultiOutputGp {
        let model = if self.terms.is_empty() {
            let both = self.lengths.iter().zip(&self.scales);
            let level = |(l, s): (&f64, &f64)| {
                Box::new(Matern52::isotropic(*l).scaled(*s)) as Box<dyn Kernel>
            };
            MultiOutputGp::autoregressive(both.map(level), self.noise.clone())
                .with_ratios(self.ratios.clone())
                .unwrap()
        } else {
            let mut model: Option<MultiOutputGp> = None;
            for term in &self.terms {
                let kernel: Box<dyn Kernel> = match term.kernel.as_str() {
                    "rbf" => Box::new(Rbf::isotropic(term.length)),
                    _ => Box::new(Matern52::isotropic(term.length)),
                };
                let next = match model {
                    None => MultiOutputGp::new(kernel, self.outputs, 1, self.noise.clone()),
                    Some(before) => before.plus(kernel, 1).unwrap(),
                };
                let weights = rows(&term.weights);
                model = Some(
                    next.with_coregionalisation(&weights, &term.specific)
                        .unwrap(),
                );
            }
            model.unwrap()
        };
        let means: Vec<Mean> = self.means.iter().map(|m| Mean::Fixed(*m)).collect();
        model.with_means(means)
    }
}

fn reference() -> Vec<Case> {
    let text = include_str!("reference/gp_multi_output.json");
    serde_json::from_str::<Reference>(text).unwrap().cases
}

#[test]
fn likelihood_and_posterior_equal_numpy() {
    let cases = reference();
    assert_eq!(cases.len(), 6);
    for case in &cases {
        let model = case.model();
        let gp = model
            .condition(&rows(&case.x), &case.codes, &case.y)
            .unwrap();
        let likelihood = gp.log_marginal_likelihood();
        close(
            likelihood,
            case.log_marginal_likelihood,
            1e-10,
            "likelihood",
        );
        let places = rows(&case.places);
        let posterior = gp.posterior(&places).unwrap();
        for i in 0..places.nrows() {
            let place = places.row(i).to_vec();
            let between = gp.covariance_at(&place).unwrap();
            for a in 0..case.outputs {
                close(posterior.mean()[[i, a]], case.mean[i][a], 1e-10, "mean");
                close(
                    posterior.variance()[[i, a]],
                    case.variance[i][a],
                    1e-10,
                    "variance",
                );
                for b in 0..case.outputs {
                    close(between[[a, b]], case.between[i][a][b], 1e-10, "between");
                }
            }
        }
    }
}

#[test]
fn likelihood_gradients_equal_finite_differences() {
    for case in reference() {
        let (x, codes, y) = (rows(&case.x), &case.codes, &case.y);
        let gp = case.model().condition(&x, codes, y).unwrap();
        let parameters = gp.parameters();
        let gradient = gp.log_marginal_likelihood_gradient().unwrap();
        assert_eq!(gradient.len(), parameters.len());
        // Every parameter in turn held at a moved value; no search moves the others, since all are held.
        let likelihood_with = |moved: usize, step: f64| {
            let held = parameters.iter().enumerate().map(|(p, parameter)| {
                let value = parameter.value * if p == moved { step.exp() } else { 1.0 };
                (parameter.name.clone(), Bounds::hard(value..=value))
            });
            let options = FitOptions {
                restarts: 0,
                bounds: held.collect(),
                ..FitOptions::default()
            };
            let fitted = case.model().fit(&x, codes, y, &options).unwrap();
            fitted.log_marginal_likelihood()
        };
        for (p, parameter) in parameters.iter().enumerate() {
            let central = |h: f64| (likelihood_with(p, h) - likelihood_with(p, -h)) / (2.0 * h);
            let slope = (4.0 * central(1e-4) - central(2e-4)) / 3.0;
            close(gradient[p], slope, 2e-6, &parameter.name);
        }
    }
}

/// Places in the unit square that look random and never repeat.
fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

#[test]
fn independent_outputs_are_processes_of_their_own() {
    let x = scattered(30);
    let codes: Vec<usize> = (0..30).map(|i| (i * i + i / 2) % 3).collect();
    let y: Vec<f64> = (0..30).map(|i| (i as f64 * 1.3).sin()).collect();
    let (variances, noise) = ([0.5, 2.0, 1.1], [0.1, 0.02, 0.3]);
    let gp = MultiOutputGp::new(Matern52::isotropic(0.4), 3, 0, noise)
        .with_coregionalisation(&Array2::zeros((3, 0)), &variances)
        .unwrap()
        .condition(&x, &codes, &y)
        .unwrap();
    let places = scattered(50) * 1.2;
    let mut likelihood = 0.0;
    for p in 0..3 {
        let members: Vec<usize> = (0..30).filter(|&i| codes[i] == p).collect();
        let own: Vec<f64> = members.iter().map(|&i| y[i]).collect();
        let kernel = Matern52::isotropic(0.4).scaled(variances[p]);
        let single = ExactGp::new(kernel, Noise::Homoscedastic(noise[p]))
            .condition(&x.select(Axis(0), &members), &own)
            .unwrap();
        likelihood += single.log_marginal_likelihood();
        let (one, other) = (gp.output(p).unwrap(), single.posterior(&places).unwrap());
        let one = one.marginals(places.view()).unwrap();
        for j in 0..50 {
            close(one.mean[j], other.mean()[j], 1e-11, "mean");
            close(one.variance[j], other.variance()[j], 1e-11, "variance");
        }
    }
    close(
        gp.log_marginal_likelihood(),
        likelihood,
        1e-11,
        "likelihood",
    );
}

#[test]
fn a_sum_of_products_is_the_linear_model_of_coregionalisation() {
    let case = &reference()[2];
    let terms = case.terms.iter().map(|term| {
        let weights = rows(&term.weights);
        let outputs = Coregionalised::from_weights(&weights, &term.specific).unwrap();
        let kernel: Box<dyn Kernel> = match term.kernel.as_str() {
            "rbf" => Box::new(Rbf::isotropic(term.length).on_columns([0, 1])),
            _ => Box::new(Matern52::isotropic(term.length).on_columns([0, 1])),
        };
        kernel * outputs.on_columns([2])
    });
    let kernel = Sum::new(terms.map(|term| Box::new(term) as Box<dyn Kernel>));
    let x = Array2::from_shape_fn((case.x.len(), 3), |(i, k)| match k {
        2 => case.codes[i] as f64,
        k => case.x[i][k],
    });
    let noise = case.codes.iter().map(|c| case.noise[*c]).collect();
    let residuals: Vec<f64> = case
        .y
        .iter()
        .zip(&case.codes)
        .map(|(y, c)| y - case.means[*c])
        .collect();
    let gp = ExactGp::new(kernel, Noise::Known(noise))
        .condition(&x, &residuals)
        .unwrap();
    close(
        gp.log_marginal_likelihood(),
        case.log_marginal_likelihood,
        1e-10,
        "likelihood",
    );
}

/// One kernel over output codes 0..4.
fn outputs() -> impl Strategy<Value = Coregionalised> {
    (0..=4_usize, prop::collection::vec(-2.0..2.0_f64, 30)).prop_map(|(rank, numbers)| {
        let mut kernel = Coregionalised::new(4, rank);
        let count = kernel.parameter_count();
        kernel.set_log_parameters(&numbers[..count]).unwrap();
        kernel
    })
}

fn chain() -> impl Strategy<Value = Autoregressive> {
    (
        prop::array::uniform4(0.2..1.0_f64),
        prop::array::uniform3(-1.5..1.5_f64),
    )
        .prop_map(|(lengths, ratios)| {
            let level = |l: f64| Box::new(Rbf::isotropic(l).scaled(1.0 + l)) as Box<dyn Kernel>;
            Autoregressive::new(lengths.map(level), ratios)
        })
}

/// `n` places on a line with an output code 0..4 behind each.
fn labelled(n: usize) -> Points {
    let mut points = Points::default();
    for i in 0..n {
        let place = ((i as f64 + 0.5) * 0.754_877_666).fract();
        points.push(&[place, ((i * i + i / 3) % 4) as f64]).unwrap();
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(3),
        ..ProptestConfig::default()
    })]

    #[test]
    fn kernel_gradients_equal_finite_differences(
        mixed in outputs(),
        chain in chain(),
        index in 0..150_usize,
    ) {
        let all = labelled(150);
        let mixed = Rbf::isotropic(0.4).on_columns([0]) * mixed.on_columns([1]);
        for kernel in [Box::new(mixed) as Box<dyn Kernel>, Box::new(chain)] {
            prop_assert!(kernel.check_points(all.view()).is_ok());
            let point = all.view().point(index);
            let weights: Vec<f64> = (0..150).map(|j| (j as f64 * 1.7).cos() / 10.0).collect();
            let weighted = |kernel: &dyn Kernel, point: &[f64]| {
                let mut row = vec![0.0; 150];
                kernel.covariances(point, all.view(), &mut row);
                row.iter().zip(&weights).map(|(k, w)| k * w).sum::<f64>()
            };
            let theta = kernel.log_parameters();
            prop_assert_eq!(theta.len(), kernel.parameter_count());
            let mut gradient = vec![1.0; theta.len()];
            let sum = kernel.accumulate_gradient(&point, all.view(), &weights, &mut gradient);
            let size = 1.0 + kernel.variance(&point) * 10.0;
            prop_assert!((sum - weighted(kernel.as_ref(), &point)).abs() < 1e-12 * size);
            for p in 0..theta.len() {
                let central = |h: f64| {
                    let moved = |h: f64| {
                        let (mut kernel, mut theta) = (kernel.clone(), theta.clone());
                        theta[p] += h;
                        kernel.set_log_parameters(&theta).unwrap();
                        weighted(kernel.as_ref(), &point)
                    };
                    (moved(h) - moved(-h)) / (2.0 * h)
                };
                let slope = (4.0 * central(1e-3) - central(2e-3)) / 3.0;
                let name = &kernel.parameters()[p].name;
                let found = gradient[p] - 1.0;
                prop_assert!((slope - found).abs() < 1e-8 * size, "{}: {} for {}", name, found, slope);
            }
            let mut slopes = vec![1.0; 2];
            kernel.accumulate_input_gradient(&point, all.view(), &weights, &mut slopes);
            let at = |h: f64| weighted(kernel.as_ref(), &[point[0] + h, point[1]]);
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            prop_assert!((slopes[0] - 1.0 - slope).abs() < 1e-6 * size);
            prop_assert_eq!(slopes[1], 1.0);
        }
    }

    #[test]
    fn covariances_of_outputs_are_positive_definite_and_survive_files(mixed in outputs(), chain in chain()) {
        let matrix = mixed.covariance_matrix();
        let factor = Cholesky::factor(4, &mut |j, column| {
            column.iter_mut().enumerate().for_each(|(i, c)| *c = matrix[[j + i, j]]);
        }).unwrap();
        prop_assert_eq!(factor.jitter(), 0.0);
        let rebuilt = mixed.weights().dot(&mixed.weights().t())
            + Array2::from_diag(&ndarray::arr1(&mixed.specific_variances()));
        prop_assert!((rebuilt - &matrix).iter().all(|d| d.abs() < 1e-12 * (1.0 + matrix.sum().abs())));
        let again = Coregionalised::from_weights(&mixed.weights(), &mixed.specific_variances()).unwrap();
        for (a, b) in again.log_parameters().iter().zip(mixed.log_parameters()) {
            prop_assert!((a - b).abs() < 1e-9);
        }
        for kernel in [Box::new(mixed) as Box<dyn Kernel>, Box::new(chain)] {
            let text = serde_json::to_string(&kernel.as_ref()).unwrap();
            let read: Box<dyn Kernel> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{kernel:?}"));
        }
    }
}

#[test]
fn outputs_may_be_numbered_in_any_order() {
    let weights = array![[1.0, 0.2], [-0.7, 0.9], [0.3, -1.2]];
    let (specific, noise) = ([0.2, 0.5, 0.1], [0.1, 0.2, 0.05]);
    let order = [2, 0, 1];
    let x = scattered(24);
    let codes: Vec<usize> = (0..24).map(|i| (i * 5 + i / 4) % 3).collect();
    let y: Vec<f64> = (0..24).map(|i| (i as f64 * 0.9).cos()).collect();
    let model = |weights: &Array2<f64>, specific: &[f64], noise: [f64; 3], codes: &[usize]| {
        MultiOutputGp::new(Matern52::isotropic(0.3), 3, 2, noise)
            .with_coregionalisation(weights, specific)
            .unwrap()
            .condition(&x, codes, &y)
            .unwrap()
    };
    let plain = model(&weights, &specific, noise, &codes);
    let renumbered: Vec<usize> = codes
        .iter()
        .map(|c| order.iter().position(|o| o == c).unwrap())
        .collect();
    let turned = model(
        &weights.select(Axis(0), &order),
        &order.map(|o| specific[o]),
        order.map(|o| noise[o]),
        &renumbered,
    );
    let (one, other) = (
        plain.log_marginal_likelihood(),
        turned.log_marginal_likelihood(),
    );
    close(one, other, 1e-11, "likelihood");
    close(
        plain.correlation().unwrap()[[2, 0]],
        turned.correlation().unwrap()[[0, 1]],
        1e-12,
        "correlation",
    );
}

#[test]
fn appending_equals_conditioning_on_all() {
    for case in reference() {
        let x = rows(&case.x);
        let whole = case.model().condition(&x, &case.codes, &case.y).unwrap();
        let mut grown = case.model();
        for ((row, code), y) in case.x.iter().zip(&case.codes).zip(&case.y) {
            grown.append(row, *code, *y).unwrap();
        }
        close(
            grown.log_marginal_likelihood(),
            whole.log_marginal_likelihood(),
            1e-10,
            "likelihood",
        );
        let places = rows(&case.places);
        let (a, b) = (
            grown.posterior(&places).unwrap(),
            whole.posterior(&places).unwrap(),
        );
        a.mean()
            .iter()
            .zip(b.mean())
            .for_each(|(a, b)| close(*a, *b, 1e-9, "mean"));
        a.variance()
            .iter()
            .zip(b.variance())
            .for_each(|(a, b)| close(*a, *b, 1e-9, "variance"));
        let before = grown.len();
        assert!(grown.append(&case.x[0], case.outputs, 0.0).is_err());
        assert!(grown.append(&case.x[0], 0, f64::NAN).is_err());
        assert!(grown.append(&[], 0, 0.0).is_err());
        assert_eq!(grown.len(), before);
    }
}

/// Draws of P outputs (n × P) with B = W Wᵀ + diag(κ) and a kernel on the places, noise included.
fn drawn(
    x: &Array2<f64>,
    kernel: &dyn Kernel,
    b: &Array2<f64>,
    noise: &[f64],
    rng: &mut StdRng,
) -> (Array2<f64>, Array2<f64>) {
    let points = Points::from_rows("x", x.view()).unwrap();
    let (n, p) = (x.nrows(), b.nrows());
    let factor = |size: usize, entry: &dyn Fn(usize, usize) -> f64| {
        Cholesky::factor(size, &mut |j, column| {
            column
                .iter_mut()
                .enumerate()
                .for_each(|(i, c)| *c = entry(j + i, j));
            column[0] += 1e-10;
        })
        .unwrap()
    };
    let k = factor(n, &|i, j| {
        kernel.covariance(&points.view().point(i), &points.view().point(j))
    });
    let between = factor(p, &|i, j| b[[i, j]]);
    let mut normal = || -> f64 { StandardNormal.sample(rng) };
    let columns: Vec<Vec<f64>> = (0..p)
        .map(|_| {
            k.multiply(&(0..n).map(|_| normal()).collect::<Vec<f64>>())
                .unwrap()
        })
        .collect();
    let mut truth = Array2::zeros((n, p));
    for i in 0..n {
        let own: Vec<f64> = columns.iter().map(|c| c[i]).collect();
        let mixed = between.multiply(&own).unwrap();
        (0..p).for_each(|a| truth[[i, a]] = mixed[a]);
    }
    let noisy = Array2::from_shape_fn((n, p), |(i, a)| truth[[i, a]] + noise[a].sqrt() * normal());
    (truth, noisy)
}

#[test]
fn a_fit_finds_the_opposite_sign_and_uses_it() {
    let mut rng = StdRng::seed_from_u64(5);
    let weights = array![[1.0], [-30.0]];
    let b = weights.dot(&weights.t()) + array![[0.02, 0.0], [0.0, 20.0]];
    let x = scattered(60);
    let (truth, y) = drawn(&x, &Matern52::isotropic(0.3), &b, &[0.01, 4.0], &mut rng);
    // Offsets that a fit has to find, output by output.
    let y = y + &array![[5.0, -200.0]];
    // Output 1 is measured at every fourth place only.
    let seen = Array2::from_shape_fn((60, 2), |(i, p)| {
        (p == 0 || i % 4 == 0).then_some(y[[i, p]])
    });
    let model = || {
        MultiOutputGp::new(Matern52::isotropic(1.0), 2, 1, [0.1, 0.1])
            .with_means([Mean::Constant(0.0), Mean::Constant(0.0)])
    };
    let options = FitOptions::default();
    let gp = model().fit_all(&x, &seen, &options).unwrap();
    let report = gp.fit_report().unwrap();
    assert!(report.converged() && !report.at_limit, "{report:?}");
    assert!(gp.correlation().unwrap()[[0, 1]] < -0.9);
    let apart = MultiOutputGp::new(Matern52::isotropic(1.0), 2, 0, [0.1, 0.1])
        .with_means([Mean::Constant(0.0), Mean::Constant(0.0)])
        .fit_all(&x, &seen, &options)
        .unwrap();
    assert!(gp.log_marginal_likelihood() > apart.log_marginal_likelihood() + 5.0);
    let error = |gp: &MultiOutputGp| {
        let found = gp.posterior(&x).unwrap().mean().column(1).to_owned();
        let misses = (0..60)
            .filter(|i| i % 4 != 0)
            .map(|i| found[i] - truth[[i, 1]] + 200.0);
        (misses.map(|m| m * m).sum::<f64>() / 45.0).sqrt()
    };
    assert!(
        error(&gp) < 0.6 * error(&apart),
        "{} and {}",
        error(&gp),
        error(&apart)
    );
    let Mean::Constant(level) = gp.means()[1] else {
        panic!()
    };
    assert!((level + 200.0).abs() < 60.0 && gp.noise()[0] < 0.05);
}

#[test]
fn complete_measurements_are_fitted_to_the_same_optimum_as_scattered_ones() {
    let mut rng = StdRng::seed_from_u64(8);
    let weights = array![[1.0], [0.8], [-0.6]];
    let b = weights.dot(&weights.t()) + Array2::from_diag(&ndarray::arr1(&[0.1, 0.3, 0.2]));
    let x = scattered(30);
    let (_, y) = drawn(&x, &Rbf::isotropic(0.3), &b, &[0.05, 0.02, 0.1], &mut rng);
    let model = || {
        MultiOutputGp::new(Rbf::isotropic(0.5), 3, 1, [0.1, 0.1, 0.1])
            .with_means(vec![Mean::Constant(0.0); 3])
    };
    let options = FitOptions {
        restarts: 0,
        gradient_tolerance: 1e-5,
        ..FitOptions::default()
    };
    let complete = model().fit_all(&x, &y, &options).unwrap();
    // Place after place instead of output after output, which has no structure that is looked for.
    let codes: Vec<usize> = (0..90).map(|i| i % 3).collect();
    let places = Array2::from_shape_fn((90, 2), |(i, k)| x[[i / 3, k]]);
    let values: Vec<f64> = y.iter().copied().collect();
    let scattered = model().fit(&places, &codes, &values, &options).unwrap();
    let (one, other) = (
        complete.log_marginal_likelihood(),
        scattered.log_marginal_likelihood(),
    );
    close(one, other, 1e-8, "likelihood");
    for (a, b) in complete.parameters().iter().zip(scattered.parameters()) {
        close(a.value.ln(), b.value.ln(), 1e-3, &a.name);
    }
    assert!((complete.fit_report().unwrap().log_marginal_likelihood - one).abs() < 1e-8);
}

#[test]
fn priors_and_bounds_go_by_name() {
    let x = scattered(20);
    let y = Array2::from_shape_fn((20, 2), |(i, p)| (6.0 * x[[i, 0]] + p as f64).sin());
    let none = LogNormal {
        median: 1.0,
        log_sd: 1e-3,
    };
    let options = FitOptions {
        priors: vec![("loading".into(), none.into())],
        bounds: vec![
            ("noise variance[1]".into(), Bounds::hard(0.2..=0.2)),
            ("factor0.lengthscale".into(), Bounds::hard(0.1..=0.5)),
        ],
        ..FitOptions::default()
    };
    let model = || MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.01, 0.01]);
    let gp = model().fit_all(&x, &y, &options).unwrap();
    assert_eq!(gp.noise()[1], 0.2);
    assert!(gp.correlation().unwrap()[[0, 1]].abs() < 0.01);
    let known = model()
        .with_known_noise()
        .fit_all(&x, &y, &FitOptions::default())
        .unwrap();
    assert_eq!(known.noise(), [0.01, 0.01]);
    assert!(known.parameters().iter().all(|p| !p.name.contains("noise")));
    let misspelt = FitOptions {
        bounds: vec![("lodaing".into(), Bounds::hard(0.1..))],
        ..FitOptions::default()
    };
    assert!(model().fit_all(&x, &y, &misspelt).is_err());
}

#[test]
fn intervals_cover_what_was_held_out() {
    let mut rng = StdRng::seed_from_u64(11);
    let weights = array![[1.0], [-0.8], [1.5]];
    let specific = [0.1, 0.2, 0.3];
    let b = weights.dot(&weights.t()) + Array2::from_diag(&ndarray::arr1(&specific));
    let noise = [0.1, 0.05, 0.4];
    let (mut inside, mut total) = ([0_usize; 3], 0);
    for _ in 0..80 {
        let x = scattered(24);
        let (truth, y) = drawn(&x, &Matern52::isotropic(0.3), &b, &noise, &mut rng);
        let seen = Array2::from_shape_fn((24, 3), |(i, p)| ((i + p) % 3 == 0).then_some(y[[i, p]]));
        let gp = MultiOutputGp::new(Matern52::isotropic(0.3), 3, 1, noise)
            .with_coregionalisation(&weights, &specific)
            .unwrap()
            .condition_all(&x, &seen)
            .unwrap();
        let posterior = gp.posterior(&x).unwrap();
        // One place a draw and output, so that all are independent over draws.
        for p in 0..3 {
            let deviate =
                (truth[[1, p]] - posterior.mean()[[1, p]]) / posterior.variance()[[1, p]].sqrt();
            for (count, limit) in inside.iter_mut().zip([0.674_490, 1.644_854, 1.959_964]) {
                *count += usize::from(deviate.abs() < limit);
            }
            total += 1;
        }
    }
    for (count, level) in inside.into_iter().zip([0.5, 0.9, 0.95]) {
        // Three outputs of one draw are correlated: as if 80 of the 240 were independent.
        let spread = (level * (1.0 - level) / 80.0_f64).sqrt();
        let share = count as f64 / total as f64;
        assert!((share - level).abs() < 3.0 * spread, "{share} for {level}");
    }
}

#[test]
fn a_chain_forgets_all_but_its_neighbour() {
    let level = |length: f64| Box::new(Matern52::isotropic(length)) as Box<dyn Kernel>;
    let model = || {
        MultiOutputGp::autoregressive([level(0.5), level(0.2)], [0.0, 0.0])
            .with_ratios([-1.3])
            .unwrap()
    };
    // f₀ is known at the place itself: elsewhere it tells nothing more about f₁ there (Kennedy & O'Hagan's eq. 1).
    let here = model().condition(&array![[0.3]], &[0], &[0.7]).unwrap();
    let also = model()
        .condition(&array![[0.3], [0.5], [0.1]], &[0; 3], &[0.7, -1.0, 2.0])
        .unwrap();
    for gp in [here, also] {
        let posterior = gp.posterior(&array![[0.3]]).unwrap();
        close(posterior.mean()[[0, 1]], -1.3 * 0.7, 1e-12, "mean");
        close(posterior.variance()[[0, 1]], 1.0, 1e-12, "variance");
    }
}

#[test]
fn a_chain_of_fidelities_learns_a_negative_ratio_from_few_dear_measurements() {
    // f₁ = −2 f₀ + a slow trend.
    let cheap = |x: f64| (9.0 * x).sin() + 0.3 * (25.0 * x).cos();
    let dear = |x: f64| -2.0 * cheap(x) + 0.5 * x;
    let places: Vec<f64> = (0..40).map(|i| i as f64 / 39.0).collect();
    let mut x: Vec<f64> = places.clone();
    let mut y: Vec<f64> = places.iter().map(|x| cheap(*x)).collect();
    let mut levels = vec![0; 40];
    for i in [2, 11, 17, 24, 30, 37] {
        x.push(places[i]);
        y.push(dear(places[i]));
        levels.push(1);
    }
    let rows = Array2::from_shape_vec((46, 1), x).unwrap();
    let level = |scale: f64| Box::new(Rbf::isotropic(0.2).scaled(scale)) as Box<dyn Kernel>;
    let gp = MultiOutputGp::autoregressive([level(1.0), level(0.1)], [1e-4, 1e-4])
        .fit(&rows, &levels, &y, &FitOptions::default())
        .unwrap();
    assert!((gp.ratios()[0] + 2.0).abs() < 0.1, "{:?}", gp.ratios());
    let fine = Array2::from_shape_fn((101, 1), |(i, _)| i as f64 / 100.0);
    let found = gp.output(1).unwrap().marginals(fine.view()).unwrap();
    let worst = found
        .mean
        .iter()
        .zip(&fine)
        .map(|(m, x)| (m - dear(*x)).abs());
    assert!(worst.fold(0.0, f64::max) < 0.2);
    assert!(gp.coregionalisations().is_empty() && gp.correlation().unwrap()[[0, 1]] < 0.0);
}

#[test]
fn files_hold_every_bit_and_refuse_what_does_not_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.json");
    for case in reference() {
        let x = rows(&case.x);
        let options = FitOptions {
            restarts: 0,
            max_iterations: 3,
            ..FitOptions::default()
        };
        let means: Vec<Mean> = (0..case.outputs).map(|_| Mean::Constant(0.0)).collect();
        let gp = case
            .model()
            .with_means(means)
            .fit(&x, &case.codes, &case.y, &options)
            .unwrap();
        gp.save(&file).unwrap();
        let mut again = MultiOutputGp::load(&file).unwrap();
        let places = rows(&case.places);
        assert_eq!(
            again.posterior(&places).unwrap().mean(),
            gp.posterior(&places).unwrap().mean()
        );
        assert_eq!(
            again.posterior(&places).unwrap().variance(),
            gp.posterior(&places).unwrap().variance()
        );
        assert_eq!(again.parameters(), gp.parameters());
        assert_eq!(
            (again.means(), again.fit_report()),
            (gp.means(), gp.fit_report())
        );
        again.append(&case.x[0], 0, 0.3).unwrap();

        let text = std::fs::read_to_string(&file).unwrap();
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        let broken = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut value = whole.clone();
            change(&mut value);
            std::fs::write(&file, value.to_string()).unwrap();
            let error = MultiOutputGp::load(&file).unwrap_err();
            assert!(matches!(error, Error::Config { .. }), "{error}");
        };
        broken(&|v| v["design"]["noise"][0] = 9.0.into());
        broken(&|v| v["design"]["noise"] = serde_json::json!([0.1]));
        broken(&|v| v["y"][0] = 9.0.into());
        broken(&|v| v["format"] = "exact-gp 1".into());
        broken(&|v| v["design"]["means"] = serde_json::json!(["Zero"]));
        broken(&|v| v["y"] = serde_json::json!([]));
    }
    let fresh = MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1, 0.1]);
    fresh.save(&file).unwrap();
    assert!(MultiOutputGp::load(&file).unwrap().is_empty());
}

#[test]
fn unusable_input_is_refused_by_name() {
    let model = || MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1, 0.1]);
    let x = array![[0.0], [1.0]];
    let named = |outcome: dosewise::Result<MultiOutputGp>, expected: &str| match outcome {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
        other => panic!("{other:?} instead of a refusal of {expected}"),
    };
    named(model().condition(&x, &[0, 1], &[0.0]), "y");
    named(model().condition(&x, &[0], &[0.0, 1.0]), "outputs");
    named(model().condition(&x, &[0, 2], &[0.0, 1.0]), "output");
    named(model().condition(&x, &[0, 1], &[0.0, f64::NAN]), "y");
    named(
        model().condition(&array![[0.0], [f64::INFINITY]], &[0, 1], &[0.0, 1.0]),
        "x",
    );
    named(model().condition(&Array2::zeros((0, 1)), &[], &[]), "y");
    named(
        model().condition(&Array2::zeros((2, 0)), &[0, 1], &[0.0, 1.0]),
        "x",
    );
    named(
        model().condition_all(&x, &array![[0.0, f64::NAN], [1.0, 2.0]]),
        "y",
    );
    named(model().condition_all(&x, &array![[0.0], [1.0]]), "y");
    named(
        model().condition_all(&x, &array![[None::<f64>, None], [None, None]]),
        "y",
    );
    named(
        model()
            .with_means([Mean::Zero])
            .condition(&x, &[0, 1], &[0.0, 1.0]),
        "means",
    );
    named(
        MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1]).condition(&x, &[0, 1], &[0.0, 1.0]),
        "noise",
    );
    named(
        MultiOutputGp::new(Rbf::isotropic(0.3), 2, 3, [0.1, 0.1]).condition(
            &x,
            &[0, 1],
            &[0.0, 1.0],
        ),
        "rank",
    );
    named(
        MultiOutputGp::new(Rbf::isotropic(0.3), 0, 0, []).condition(&x, &[0, 1], &[0.0, 1.0]),
        "outputs",
    );
    named(
        MultiOutputGp::autoregressive([], []).condition(&x, &[0, 1], &[0.0, 1.0]),
        "levels",
    );
    named(model().with_ratios([1.0]), "model");
    named(
        model().with_coregionalisation(&array![[1.0]], &[0.1]),
        "weights",
    );
    let negative = MultiOutputGp::new(Rbf::isotropic(0.3), 2, 1, [0.1, -0.1]);
    named(
        negative.condition(&x, &[0, 1], &[0.0, 1.0]),
        "noise variance",
    );
    assert!(
        model().posterior(&x).is_err()
            && model().correlation().is_err()
            && model().output(2).is_err()
    );
    let gp = model().condition(&x, &[0, 1], &[0.0, 1.0]).unwrap();
    assert!(
        gp.posterior(&array![[0.0, 1.0]]).is_err() && gp.posterior(&array![[f64::NAN]]).is_err()
    );
    assert!(gp.covariance_at(&[]).is_err());
    assert!(
        gp.posterior(&Array2::zeros((0, 1)))
            .unwrap()
            .mean()
            .is_empty()
    );
}
