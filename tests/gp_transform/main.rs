//! Scaled processes against scikit-learn, against the same process in original units, and against their own files.

mod changes;
mod files;
mod refused;
mod truth;
mod units;

use dosewise::gp::{ExactGp, Kernel, Matern52, Mean, Noise, ScaledGp, Scaling};
use ndarray::Array2;

pub fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

pub fn signal(x: &Array2<f64>) -> Vec<f64> {
    let value = |p: ndarray::ArrayView1<f64>| (6.0 * p[0]).sin() + (4.0 * p[1]).cos();
    x.rows().into_iter().map(value).collect()
}

/// Places and outputs in units far from one: metres and counts, say.
pub fn in_units(x: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(x.dim(), |(i, k)| {
        [4e-7, -3e5][k] + [2e-8, 1e4][k] * x[[i, k]]
    })
}

pub fn counts(x: &Array2<f64>) -> Vec<f64> {
    signal(x).iter().map(|v| 1e6 + 3e4 * v).collect()
}

pub fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

pub fn kernel() -> impl Kernel {
    Matern52::ard([0.4, 0.6]).scaled(1.2)
}

pub fn scaled(n: usize) -> ScaledGp {
    let x = scattered(n);
    let noise = Noise::Known((0..n).map(|i| 1e6 * (1.0 + i as f64)).collect());
    let gp = ScaledGp::new(kernel(), noise, Scaling::default());
    gp.condition(&in_units(&x), &counts(&x)).unwrap()
}

/// The process that a scaled one is in original units, built without any transform.
pub fn unscaled(gp: &ScaledGp, x: &Array2<f64>) -> ExactGp {
    let logs: Vec<f64> = gp.parameters().iter().map(|p| p.value.ln()).collect();
    let mut kernel: Box<dyn Kernel> = Box::new(kernel());
    kernel.set_log_parameters(&logs).unwrap();
    ExactGp::new(kernel, gp.noise().clone())
        .with_mean(Mean::Fixed(gp.transform().unwrap().outputs().shift))
        .condition(x, gp.targets())
        .unwrap()
}
