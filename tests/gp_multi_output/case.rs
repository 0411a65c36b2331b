//! Reference cases, places and draws that the tests share.

use dosewise::gp::{Kernel, Matern52, Mean, MultiOutputGp, Points, Rbf};
use dosewise::linalg::Cholesky;
use ndarray::Array2;
use rand::rngs::StdRng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Reference {
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Case {
    pub outputs: usize,
    #[serde(default)]
    pub terms: Vec<Term>,
    #[serde(default)]
    pub ratios: Vec<f64>,
    #[serde(default)]
    pub lengths: Vec<f64>,
    #[serde(default)]
    pub scales: Vec<f64>,
    pub x: Vec<Vec<f64>>,
    pub codes: Vec<usize>,
    pub y: Vec<f64>,
    pub places: Vec<Vec<f64>>,
    pub noise: Vec<f64>,
    pub means: Vec<f64>,
    pub log_marginal_likelihood: f64,
    pub mean: Vec<Vec<f64>>,
    pub variance: Vec<Vec<f64>>,
    pub between: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
pub struct Term {
    pub kernel: String,
    pub length: f64,
    pub weights: Vec<Vec<f64>>,
    pub specific: Vec<f64>,
}

pub fn rows(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), points[0].len()), |(i, k)| points[i][k])
}

pub fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: found {found}, expected {expected}"
    );
}

impl Case {
    pub fn model(&self) -> MultiOutputGp {
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

pub fn reference() -> Vec<Case> {
    let text = include_str!("../reference/gp_multi_output.json");
    serde_json::from_str::<Reference>(text).unwrap().cases
}

/// Places in the unit square that look random and never repeat.
pub fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

/// Draws of P outputs (n × P) with B = W Wᵀ + diag(κ) and a kernel on the places, noise included.
pub fn drawn(
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
