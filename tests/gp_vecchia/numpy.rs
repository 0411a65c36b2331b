//! Everything on a few points, as numpy finds it from the definitions.

use crate::problem::{close, rows};
use dosewise::gp::{
    Bounds, FitOptions, Kernel, Matern52, Mean, Noise, Surrogate, VecchiaGp, VecchiaOrdering,
};
use serde::Deserialize;

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

#[test]
fn neighbours_likelihood_gradient_means_and_predictions_equal_numpy() {
    let text = include_str!("../reference/gp_vecchia.json");
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
