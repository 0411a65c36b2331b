//! Vecchia's process against numpy, against the exact process, and against statistics of data drawn from the model.

use dosewise::gp::{
    Bounds, ExactGp, FitOptions, Kernel, Matern32, Matern52, Mean, Noise, Persist, Rbf, Surrogate,
    VecchiaGp, VecchiaOrdering,
};
use dosewise::linalg::Cholesky;
use dosewise::{Error, Result};
use ndarray::{Array2, array, s};
use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Reference {
    prediction_neighbours: usize,
    cases: Vec<Case>,
}

/// One case of tests/reference/gp_vecchia.py.
#[derive(Deserialize)]
struct Case {
    known: bool,
    mean: f64,
    neighbours: usize,
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    noise: Vec<f64>,
    order: Vec<usize>,
    sets: Vec<Vec<usize>>,
    lengthscales: Vec<f64>,
    outputscale: f64,
    log_density: f64,
    gradient: Vec<f64>,
    constant: Vec<f64>,
    linear: Vec<f64>,
    places: Vec<Vec<f64>>,
    predicted_mean: Vec<f64>,
    predicted_variance: Vec<f64>,
}

impl Case {
    fn prior(&self, mean: Mean) -> VecchiaGp {
        let kernel = Matern52::ard(self.lengthscales.clone()).scaled(self.outputscale);
        let noise = if self.known {
            Noise::Known(self.noise.clone())
        } else {
            Noise::Homoscedastic(self.noise[0])
        };
        VecchiaGp::new(kernel, noise)
            .with_neighbours(self.neighbours)
            .with_ordering(VecchiaOrdering::Given(self.order.clone()))
            .with_mean(mean)
    }
}

fn rows(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, k)| rows[i][k])
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "found {found}, expected {expected}"
    );
}

fn uniform(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Array2::from_shape_simple_fn((n, d), || rng.random::<f64>())
}

fn normal(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// A draw of the latent function at the rows of `x`.
fn draw(kernel: &dyn Kernel, x: &Array2<f64>, seed: u64) -> Vec<f64> {
    let n = x.nrows();
    let rows: Vec<Vec<f64>> = x.rows().into_iter().map(|row| row.to_vec()).collect();
    let factor = Cholesky::factor(n, &mut |j, column| {
        for (i, c) in column.iter_mut().enumerate() {
            *c = kernel.covariance(&rows[j], &rows[j + i]);
        }
        column[0] += 1e-10;
    });
    factor.unwrap().multiply(&normal(n, seed)).unwrap()
}

fn signal(x: &Array2<f64>) -> Vec<f64> {
    let value = |p: ndarray::ArrayView1<'_, f64>| (6.0 * p[0]).sin() + p[p.len() - 1] / 3.0;
    x.rows().into_iter().map(value).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn neighbours_likelihood_gradient_means_and_predictions_equal_numpy() {
    let text = include_str!("reference/gp_vecchia.json");
    let reference: Reference = serde_json::from_str(text).unwrap();
    assert_eq!(reference.cases.len(), 4);
    for case in &reference.cases {
        let (x, y) = (rows(&case.x), &case.y);
        let gp = case.prior(Mean::Fixed(case.mean)).condition(&x, y).unwrap();
        assert_eq!(gp.order(), case.order);
        for (position, set) in case.sets.iter().enumerate() {
            assert_eq!(gp.conditioned_on(position).as_ref(), Some(set));
        }
        close(gp.log_marginal_likelihood(), case.log_density, 1e-11);
        let gradient = gp.log_marginal_likelihood_gradient().unwrap();
        assert_eq!(gradient.len(), case.gradient.len());
        for (found, expected) in gradient.iter().zip(&case.gradient) {
            close(*found, *expected, 1e-8);
        }
        let gp = gp.with_prediction_neighbours(reference.prediction_neighbours);
        let predicted = gp.marginals(rows(&case.places).view()).unwrap();
        for i in 0..case.places.len() {
            close(predicted.mean[i], case.predicted_mean[i], 1e-11);
            close(predicted.variance[i], case.predicted_variance[i], 1e-11);
        }
        // A fit whose hyper-parameters are all held estimates the coefficients of the mean alone.
        let held = FitOptions {
            restarts: 0,
            bounds: gp
                .parameters()
                .into_iter()
                .map(|p| (p.name, Bounds::hard(p.value..=p.value)))
                .collect(),
            ..FitOptions::default()
        };
        let fitted = |mean| case.prior(mean).fit(&x, y, &held).unwrap();
        match fitted(Mean::Constant(9.0)).mean() {
            Mean::Constant(level) => close(*level, case.constant[0], 1e-9),
            other => panic!("{other:?}"),
        }
        match fitted(Mean::linear()).mean() {
            Mean::Linear { intercept, slopes } => {
                close(*intercept, case.linear[0], 1e-9);
                for (found, expected) in slopes.iter().zip(&case.linear[1..]) {
                    close(*found, *expected, 1e-9);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn with_all_predecessors_it_is_the_exact_process() {
    let (n, m) = (120, 25);
    let x = uniform(n, 2, 1);
    let y = signal(&x);
    let places = uniform(m, 2, 2) * 1.2;
    let kernel = || Matern32::ard([0.3, 0.7]).scaled(1.3) + Rbf::isotropic(0.5).scaled(0.4);
    let known = Noise::Known((0..n).map(|i| 0.01 + 1e-3 * i as f64).collect());
    let trend = Mean::Linear {
        intercept: 0.3,
        slopes: vec![0.5, -0.2],
    };
    let bowl = Mean::custom("bowl", |x| x[0] * x[0] - x[1]);
    for (noise, mean) in [
        (Noise::Homoscedastic(0.02), trend),
        (known, Mean::Constant(0.2)),
        (Noise::Homoscedastic(1.0), bowl),
    ] {
        let exact = ExactGp::new(kernel(), noise.clone())
            .with_mean(mean.clone())
            .condition(&x, &y)
            .unwrap();
        for ordering in [
            VecchiaOrdering::MaxMin,
            VecchiaOrdering::Coordinate(1),
            VecchiaOrdering::AsGiven,
        ] {
            let gp = VecchiaGp::new(kernel(), noise.clone())
                .with_mean(mean.clone())
                .with_neighbours(n - 1)
                .with_prediction_neighbours(n)
                .with_ordering(ordering)
                .condition(&x, &y)
                .unwrap();
            let likelihood = exact.log_marginal_likelihood();
            close(gp.log_marginal_likelihood(), likelihood, 1e-9);
            let gradient = gp.log_marginal_likelihood_gradient().unwrap();
            for (found, expected) in gradient
                .iter()
                .zip(exact.log_marginal_likelihood_gradient())
            {
                close(*found, expected, 1e-9);
            }
            let (found, expected) = (
                gp.marginals(places.view()).unwrap(),
                exact.marginals(places.view()).unwrap(),
            );
            let (together, truth) = (
                gp.joint(places.view()).unwrap(),
                exact.joint(places.view()).unwrap(),
            );
            for i in 0..m {
                close(found.mean[i], expected.mean[i], 1e-8);
                close(found.variance[i], expected.variance[i], 1e-8);
                close(together.mean[i], expected.mean[i], 1e-8);
                for j in 0..m {
                    let (found, expected) = (together.covariance[[i, j]], truth.covariance[[i, j]]);
                    close(found, expected, 1e-8);
                }
            }
            let place = places.row(3).to_vec();
            let (found, expected) = (gp.slopes(&place).unwrap(), exact.slopes(&place).unwrap());
            close(found.mean, expected.mean, 1e-8);
            close(found.variance, expected.variance, 1e-8);
            for c in 0..2 {
                close(found.of_mean[c], expected.of_mean[c], 1e-6);
                close(found.of_variance[c], expected.of_variance[c], 1e-6);
            }
        }
    }
}

#[test]
fn accuracy_is_as_documented() {
    // The figures in the documentation of `VecchiaGp`, with a margin of a fifth. With conditional means that are unbiased
    // under the exact density, the Kullback–Leibler divergence is ½ (Σ log sᵢ² − log det K), the difference of the log
    // likelihoods of zeros.
    let n = 1000;
    let all = uniform(n + 500, 2, 100);
    let kernel = Matern52::isotropic(0.2);
    let x = all.slice(s![..n, ..]);
    let held = all.slice(s![n.., ..]);
    let f = draw(&kernel, &all, 101);
    let deviates = normal(n, 102);
    let within = |found: f64, documented: f64| {
        let range = documented / 1.2..documented * 1.2;
        assert!(range.contains(&found), "{found}, documented {documented}");
    };
    type Figures = (f64, [f64; 3], [f64; 3], [f64; 3]);
    let documented: [Figures; 3] = [
        (
            1e-6,
            [168.0, 36.0, 11.0],
            [132.0, 25.0, 6.6],
            [0.18, 0.05, 0.012],
        ),
        (
            0.01,
            [28.0, 7.2, 2.2],
            [50.0, 13.0, 5.2],
            [0.27, 0.11, 0.05],
        ),
        (1.0, [14.0, 3.4, 1.5], [13.0, 5.0, 3.1], [0.38, 0.26, 0.19]),
    ];
    for (variance, max_min, coordinate, shifts) in documented {
        let noise = Noise::Homoscedastic(variance);
        let zeros = vec![0.0; n];
        let y: Vec<f64> = f
            .iter()
            .zip(&deviates)
            .map(|(f, e)| f + variance.sqrt() * e)
            .collect();
        let mut exact = ExactGp::new(kernel.clone(), noise.clone())
            .condition(x, &zeros)
            .unwrap();
        let best = exact.log_marginal_likelihood();
        let orders = [
            (VecchiaOrdering::MaxMin, max_min),
            (VecchiaOrdering::Coordinate(0), coordinate),
        ];
        let prior = VecchiaGp::new(kernel.clone(), noise.clone());
        for (ordering, expected) in orders {
            for (k, expected) in [10, 20, 30].into_iter().zip(expected) {
                let prior = prior
                    .clone()
                    .with_ordering(ordering.clone())
                    .with_neighbours(k);
                let gp = prior.condition(x, &zeros).unwrap();
                within(best - gp.log_marginal_likelihood(), expected);
            }
        }

        exact = ExactGp::new(kernel.clone(), noise)
            .condition(x, &y)
            .unwrap();
        let truth = exact.marginals(held).unwrap();
        let mut gp = prior.with_neighbours(10).condition(x, &y).unwrap();
        let error = |mean: &[f64]| {
            let squares = mean.iter().zip(&f[n..]).map(|(m, f)| (m - f).powi(2));
            (squares.sum::<f64>() / 500.0).sqrt()
        };
        for (k, expected) in [30, 60, 100].into_iter().zip(shifts) {
            gp = gp.with_prediction_neighbours(k);
            let found = gp.marginals(held).unwrap();
            let squares =
                (0..500).map(|i| (found.mean[i] - truth.mean[i]).powi(2) / truth.variance[i]);
            within((squares.sum::<f64>() / 500.0).sqrt(), expected);
            assert!(error(&found.mean) < 1.1 * error(&truth.mean));
            let told = found.variance.iter().zip(&truth.variance);
            assert!(
                told.into_iter()
                    .all(|(v, exact)| *v >= exact * (1.0 - 1e-6))
            );
        }
    }
}

#[test]
fn intervals_hold_what_they_promise() {
    // Held-out values of functions drawn from the model: the share inside the central intervals within four binomial
    // standard deviations, and the standardised average of all held-out values, which the joint covariance speaks of.
    let (rounds, n, m) = (60, 150, 20);
    let kernel = Matern52::ard([0.2, 0.4]);
    let quantiles = [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964)];
    let mut inside = [0_u32; 3];
    let mut averages = 0.0;
    for round in 0..rounds {
        let x = uniform(n + m, 2, 1000 + round);
        let f = draw(&kernel, &x, 2000 + round);
        let deviates = normal(n, 3000 + round);
        let y: Vec<f64> = (0..n)
            .map(|i| f[i] + 0.05_f64.sqrt() * deviates[i])
            .collect();
        let gp = VecchiaGp::new(kernel.clone(), Noise::Homoscedastic(0.05))
            .with_prediction_neighbours(15)
            .condition(x.slice(s![..n, ..]), &y)
            .unwrap();
        let held = x.slice(s![n.., ..]);
        let told = gp.marginals(held).unwrap();
        for i in 0..m {
            let z = (f[n + i] - told.mean[i]) / told.variance[i].sqrt();
            for (count, (_, quantile)) in inside.iter_mut().zip(quantiles) {
                *count += u32::from(z.abs() < quantile);
            }
        }
        let joint = gp.joint(held).unwrap();
        let difference: f64 = (0..m).map(|i| f[n + i] - joint.mean[i]).sum();
        averages += difference.powi(2) / joint.covariance.sum();
    }
    let total = (rounds * m as u64) as f64;
    for (count, (share, _)) in inside.into_iter().zip(quantiles) {
        let error = (share * (1.0 - share) / total).sqrt();
        let found = f64::from(count) / total;
        assert!((found - share).abs() < 4.0 * error, "{found} for {share}");
    }
    let spread = (2.0 / rounds as f64).sqrt();
    let average = averages / rounds as f64;
    assert!((average - 1.0).abs() < 4.0 * spread, "{average}");
}

#[test]
fn fits_agree_with_the_exact_ones_and_order_anew() {
    let (n, lengths, noise) = (300, [0.15, 0.9], 0.05);
    let x = uniform(n, 2, 41);
    let f = draw(&Matern52::ard(lengths), &x, 42);
    let y: Vec<f64> = f
        .iter()
        .zip(normal(n, 43))
        .map(|(f, e)| 3.0 + f + f64::sqrt(noise) * e)
        .collect();
    let start = || Matern52::ard([0.4, 0.4]).scaled(0.5);
    let options = FitOptions::default();
    let exact = ExactGp::new(start(), Noise::Homoscedastic(0.3))
        .with_mean(Mean::Constant(0.0))
        .fit(&x, &y, &options)
        .unwrap();
    let prior = VecchiaGp::new(start(), Noise::Homoscedastic(0.3)).with_mean(Mean::Constant(0.0));
    let before = prior.clone().condition(&x, &y).unwrap();
    let gp = prior.fit(&x, &y, &options).unwrap();
    let report = gp.fit_report().unwrap();
    assert!(report.converged() && !report.at_limit, "{report:?}");
    for (found, expected) in gp.parameters().iter().zip(exact.parameters()) {
        let off = (found.value / expected.value).ln();
        assert!(
            off.abs() < 0.1,
            "{} {} for {}",
            found.name,
            found.value,
            expected.value
        );
    }
    match (gp.mean(), exact.mean()) {
        (Mean::Constant(found), Mean::Constant(expected)) => close(*found, *expected, 0.02),
        other => panic!("{other:?}"),
    }
    close(
        report.log_marginal_likelihood,
        gp.log_marginal_likelihood(),
        1e-12,
    );
    assert_ne!(before.order(), gp.order());
    // The likelihood's gradient vanishes where the fit ended, for the neighbours it ended with.
    let largest = |gradient: Vec<f64>| gradient.iter().fold(0.0, |l: f64, g| l.max(g.abs()));
    assert!(largest(gp.log_marginal_likelihood_gradient().unwrap()) < 1e-3);
}

#[test]
fn many_measurements_find_the_truth_from_a_poor_start() {
    let n = 1000;
    let x = uniform(n, 2, 51) * 4.0;
    let f = draw(&Matern52::isotropic(0.3).scaled(2.0), &x, 52);
    let y: Vec<f64> = f
        .iter()
        .zip(normal(n, 53))
        .map(|(f, e)| f + 0.1_f64.sqrt() * e)
        .collect();
    let gp = VecchiaGp::new(
        Matern52::isotropic(30.0).scaled(0.01),
        Noise::Homoscedastic(5.0),
    )
    .with_neighbours(15)
    .fit(&x, &y, &FitOptions::default())
    .unwrap();
    assert!(gp.fit_report().unwrap().coarse_evaluations > 0);
    let truth = [0.3, 2.0, 0.1];
    for (found, truth) in gp.parameters().iter().zip(truth) {
        let off = (found.value / truth).ln();
        assert!(
            off.abs() < 0.35,
            "{} {} for {truth}",
            found.name,
            found.value
        );
    }
}

#[test]
fn slopes_are_those_between_changes_of_neighbours() {
    let x = uniform(400, 3, 61);
    let y = signal(&x);
    let gp = VecchiaGp::new(
        Matern52::ard([0.5, 0.8, 1.0]).scaled(1.5),
        Noise::Homoscedastic(0.01),
    )
    .with_mean(Mean::custom("bowl", |x| x[0] * x[0] * x[2]))
    .with_neighbours(5)
    .with_prediction_neighbours(20)
    .condition(&x, &y)
    .unwrap();
    for place in uniform(10, 3, 62).rows() {
        let slopes = gp.slopes(&place.to_vec()).unwrap();
        for c in 0..3 {
            let at = |shift: f64| {
                let mut moved = place.to_owned();
                moved[c] += shift;
                let told = gp
                    .marginals(moved.insert_axis(ndarray::Axis(0)).view())
                    .unwrap();
                (told.mean[0], told.variance[0])
            };
            let (up, down) = (at(1e-5), at(-1e-5));
            close(slopes.of_mean[c], (up.0 - down.0) / 2e-5, 1e-6);
            close(slopes.of_variance[c], (up.1 - down.1) / 2e-5, 1e-6);
        }
    }
}

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
        for i in 60..200 {
            gp.append(&x.row(i).to_vec(), y[i], known.then_some(0.05))
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
    for i in 0..20 {
        gp.append(&x.row(i).to_vec(), y[i], 0.1).unwrap();
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

#[test]
fn unusable_input_is_refused_by_name() {
    fn refused<T>(outcome: Result<T>, expected: &str) {
        match outcome {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, expected),
            Err(other) => panic!("expected a refusal of {expected}, found {other}"),
            Ok(_) => panic!("expected a refusal of {expected}"),
        }
    }
    let shared = || VecchiaGp::new(Matern52::isotropic(0.3), Noise::Homoscedastic(0.1));
    let x = uniform(4, 2, 9);
    let y = [0.1, 0.2, 0.3, 0.4];
    refused(shared().condition(&x, &y[..3]), "y");
    refused(shared().condition(&Array2::zeros((0, 2)), &[]), "y");
    refused(shared().condition(&Array2::zeros((4, 0)), &y), "x");
    refused(shared().condition(&x, &[0.1, f64::NAN, 0.3, 0.4]), "y");
    refused(shared().condition(&(&x / 0.0), &y), "x");
    refused(shared().with_neighbours(0).condition(&x, &y), "neighbours");
    let none = shared().with_prediction_neighbours(0).condition(&x, &y);
    refused(none, "prediction_neighbours");
    for ordering in [
        VecchiaOrdering::Coordinate(2),
        VecchiaOrdering::Given(vec![0, 1, 2]),
        VecchiaOrdering::Given(vec![0, 1, 2, 2]),
    ] {
        refused(
            shared().with_ordering(ordering).condition(&x, &y),
            "ordering",
        );
    }
    let known = VecchiaGp::new(Matern52::isotropic(0.3), Noise::Known(vec![0.1; 3]));
    refused(known.condition(&x, &y), "noise");
    let wrong = VecchiaGp::new(Matern52::ard([0.3]), Noise::Homoscedastic(0.1));
    refused(wrong.condition(&x, &y), "kernel");
    refused(shared().refit(&FitOptions::default()), "y");

    let mut gp = shared().condition(&x, &y).unwrap();
    refused(gp.marginals(array![[0.0]].view()), "points");
    refused(gp.joint(array![[0.0, f64::INFINITY]].view()), "points");
    refused(gp.slopes(&[f64::NAN, 0.0]), "point");
    refused(gp.append(&[0.1], 1.0, None), "x");
    refused(gp.append(&[0.1, 0.2], f64::INFINITY, None), "y");
    refused(gp.append(&[0.1, 0.2], 1.0, 0.1), "noise_variance");
    refused(gp.append_many(&x, &y[1..], None), "y");
    assert_eq!(gp.len(), 4);
    assert_eq!(gp.conditioned_on(4), None);
    assert!(
        gp.marginals(Array2::zeros((0, 2)).view())
            .unwrap()
            .mean
            .is_empty()
    );
    assert_eq!(
        gp.joint(Array2::zeros((0, 2)).view())
            .unwrap()
            .covariance
            .len(),
        0
    );
}

#[test]
fn copies_and_places_on_measurements_do_no_harm() {
    // Three measurements at each of ten places, without noise but for rounding, and predictions right on them.
    let x = Array2::from_shape_fn((30, 1), |(i, _)| (i % 10) as f64);
    let y: Vec<f64> = (0..30).map(|i| ((i % 10) as f64).sin()).collect();
    let gp = VecchiaGp::new(Rbf::isotropic(1.5), Noise::Homoscedastic(0.0))
        .condition(&x, &y)
        .unwrap();
    assert!(gp.log_marginal_likelihood().is_finite());
    let predicted = gp.marginals(x.slice(s![..10, ..])).unwrap();
    for i in 0..10 {
        close(predicted.mean[i], y[i], 1e-3);
        assert!((0.0..1e-3).contains(&predicted.variance[i]));
    }
    // Five of the measured places, then five others twice.
    let shift = |i: usize| if i < 5 { 0.0 } else { 0.5 };
    let doubled = Array2::from_shape_fn((15, 1), |(i, _)| (i % 5) as f64 + shift(i));
    let joint = gp.joint(doubled.view()).unwrap();
    for i in 5..10 {
        let (own, copy) = (joint.covariance[[i, i]], joint.covariance[[i, i + 5]]);
        assert!((own - copy).abs() < 1e-3 * own.max(1e-3), "{own} {copy}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn variances_stay_between_zero_and_the_prior(
        seed in 0_u64..1000, n in 1_usize..80, d in 1_usize..4, k in 1_usize..90, log_noise in -12.0_f64..2.0,
        log_length in -4.0_f64..2.0,
    ) {
        let x = uniform(n, d, seed);
        let kernel = Matern52::isotropic(log_length.exp()).scaled(2.0);
        let gp = VecchiaGp::new(kernel, Noise::Homoscedastic(log_noise.exp()))
            .with_neighbours(k)
            .with_prediction_neighbours(k)
            .condition(&x, &normal(n, seed + 1))
            .unwrap();
        let places = uniform(20, d, seed + 2) * 1.5;
        let marginals = gp.marginals(places.view()).unwrap();
        prop_assert!(marginals.variance.iter().all(|v| (0.0..=2.0).contains(v)));
        let joint = gp.joint(places.view()).unwrap().covariance;
        prop_assert_eq!(&joint, &joint.t());
        // A valid covariance has a factor once rounding is lifted.
        let factor = Cholesky::factor(20, &mut |j, column| {
            for (i, c) in column.iter_mut().enumerate() {
                *c = joint[[j + i, j]];
            }
            column[0] += 1e-9;
        });
        prop_assert!(factor.unwrap().jitter() == 0.0);
        // More measurements at a place tell more.
        let before = gp.marginals(places.slice(s![..1, ..])).unwrap().variance[0];
        let mut grown = gp.with_prediction_neighbours(n + 1);
        let whole = grown.marginals(places.slice(s![..1, ..])).unwrap().variance[0];
        prop_assert!(whole <= before * (1.0 + 1e-9) + 1e-12);
        grown.append(&places.row(0).to_vec(), 0.0, None).unwrap();
        let after = grown.marginals(places.slice(s![..1, ..])).unwrap().variance[0];
        prop_assert!(after <= whole * (1.0 + 1e-9) + 1e-12);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = uniform(700, 2, 21);
    let y = signal(&x);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let options = FitOptions {
                restarts: 1,
                max_iterations: 5,
                ..FitOptions::default()
            };
            let gp = VecchiaGp::new(Matern52::ard([0.3, 0.3]), Noise::Homoscedastic(0.1))
                .with_mean(Mean::linear())
                .with_neighbours(8)
                .fit(&x, &y, &options)
                .unwrap();
            let marginals = gp.marginals(uniform(300, 2, 22).view()).unwrap();
            (gp.parameters(), gp.fit_report().cloned(), marginals)
        })
    };
    assert_eq!(run(1), run(3));
}
