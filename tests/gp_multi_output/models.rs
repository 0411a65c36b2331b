//! Posteriors and likelihoods against numpy, single-output processes and finite differences.

use crate::case::{close, drawn, reference, rows, scattered};
use dosewise::gp::{
    Bounds, Coregionalised, ExactGp, FitOptions, Kernel, Matern52, Mean, MultiOutputGp, Noise, Rbf,
    Sum, Surrogate,
};
use ndarray::{Array2, Axis, array};
use rand::SeedableRng;
use rand::rngs::StdRng;

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
fn slopes_equal_finite_differences() {
    for case in reference() {
        // Means of every kind, those with slopes among them.
        let dimension = case.x[0].len();
        let mut means = vec![Mean::Fixed(0.3); case.outputs];
        means[0] = Mean::Linear {
            intercept: 0.2,
            slopes: vec![1.5; dimension],
        };
        means[1] = Mean::custom("bowl", |x| x[0] * x[0]);
        let model = case.model().with_means(means);
        let gp = model
            .condition(&rows(&case.x), &case.codes, &case.y)
            .unwrap();
        for p in 0..case.outputs {
            let output = gp.output(p).unwrap();
            let place = &case.places[p % case.places.len()];
            let slopes = output.slopes(place).unwrap();
            assert_eq!(
                (slopes.of_mean.len(), slopes.of_variance.len()),
                (dimension, dimension)
            );
            for k in 0..dimension {
                let at = |h: f64| {
                    let mut moved = rows(std::slice::from_ref(place));
                    moved[[0, k]] += h;
                    let there = output.marginals(moved.view()).unwrap();
                    [there.mean[0], there.variance[0]]
                };
                let (here, up, down) = (at(0.0), at(1e-5), at(-1e-5));
                close(slopes.mean, here[0], 1e-12, "mean");
                close(slopes.variance, here[1], 1e-12, "variance");
                close(slopes.of_mean[k], (up[0] - down[0]) / 2e-5, 1e-6, "of mean");
                close(
                    slopes.of_variance[k],
                    (up[1] - down[1]) / 2e-5,
                    1e-6,
                    "of variance",
                );
            }
            assert!(output.slopes(&[f64::NAN; 2]).is_err() && output.slopes(&[]).is_err());
        }
    }
}

#[test]
fn batches_samples_and_what_was_measured() {
    for case in reference() {
        let (x, n) = (rows(&case.x), case.y.len());
        let anew = case.model().condition(&x, &case.codes, &case.y).unwrap();
        let mut grown = case.model();
        for part in [0..0, 0..2, 2..n] {
            let x = x.slice(ndarray::s![part.clone(), ..]);
            let codes = &case.codes[part.clone()];
            grown.append_many(x, codes, &case.y[part]).unwrap();
        }
        assert_eq!(grown.measured_outputs(), case.codes);
        assert_eq!((grown.len(), grown.targets()), (n, case.y.as_slice()));
        assert_eq!(grown.points().view().point(1), case.x[1]);
        let places = rows(&case.places);
        let (a, b) = (
            grown.posterior(&places).unwrap(),
            anew.posterior(&places).unwrap(),
        );
        for (a, b) in a.mean().iter().zip(b.mean()) {
            close(*a, *b, 1e-9, "mean");
        }
        for (a, b) in a.variance().iter().zip(b.variance()) {
            close(*a, *b, 1e-9, "variance");
        }
        let before = serde_json::to_string(&grown).unwrap();
        let (two, y) = (x.slice(ndarray::s![..2, ..]), [0.1, 0.2]);
        assert!(grown.append_many(two, &[0, case.outputs], &y).is_err());
        assert!(grown.append_many(two, &[0], &y).is_err());
        assert!(grown.append_many(two, &[0, 0], &[0.1, f64::NAN]).is_err());
        assert!(grown.append_many(two, &[0, 0], &y[..1]).is_err());
        assert_eq!(serde_json::to_string(&grown).unwrap(), before);

        // The kernel is that of the prior covariance between outputs at a place.
        let point = &case.places[0];
        let labelled = |p: usize| [point.as_slice(), &[p as f64]].concat();
        let prior = case.model().covariance_at(point).unwrap();
        let kernel = anew.kernel();
        for ((a, b), expected) in prior.indexed_iter() {
            let found = kernel.covariance(&labelled(a), &labelled(b));
            close(found, *expected, 1e-12, "prior covariance");
        }

        // Moments of the draws against the posterior: 5 standard errors, of 2000 draws.
        let count = 2000;
        let mut rng = StdRng::seed_from_u64(5);
        let one = places.slice(ndarray::s![..1, ..]);
        let draws = anew.samples(one, count, &mut rng).unwrap();
        assert_eq!(draws.dim(), (count, 1, case.outputs));
        let covariance = anew.covariance_at(point).unwrap();
        let posterior = anew.posterior(one).unwrap();
        let deviation = |s: usize, p: usize| draws[[s, 0, p]] - posterior.mean()[[0, p]];
        let average = |of: &dyn Fn(usize) -> f64| (0..count).map(of).sum::<f64>() / count as f64;
        for p in 0..case.outputs {
            let error = 5.0 * (covariance[[p, p]] / count as f64).sqrt();
            assert!(average(&|s| deviation(s, p)).abs() < error);
            for q in 0..case.outputs {
                let found = average(&|s| deviation(s, p) * deviation(s, q));
                let size = (covariance[[p, p]] * covariance[[q, q]]).sqrt();
                let error = 5.0 * size * (2.0 / count as f64).sqrt();
                assert!((found - covariance[[p, q]]).abs() < error);
            }
        }
        let output = anew.output(0).unwrap();
        let draws = output.samples(&places, 3, &mut rng).unwrap();
        assert_eq!(draws.dim(), (3, places.nrows()));
    }
}
