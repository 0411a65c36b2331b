//! What a user of the surrogate waits for: fitting, the adaptive loop, and a map of mean and variance.

use criterion::{Criterion, criterion_group, criterion_main};
use dosewise::gp::{ExactGp, FitOptions, Kernel, Matern52, Noise};
use ndarray::Array2;
use std::hint::black_box;
use std::time::Duration;

fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    })
}

fn signal(x: &Array2<f64>) -> Vec<f64> {
    let places = x.rows().into_iter().enumerate();
    places
        .map(|(i, p)| (9.0 * p[0]).sin() * (7.0 * p[1]).cos() + 0.1 * (i as f64 * 12.9898).sin())
        .collect()
}

fn grid(side: usize) -> Array2<f64> {
    Array2::from_shape_fn((side * side, 2), |(j, k)| {
        [j / side, j % side][k] as f64 / (side - 1) as f64
    })
}

fn conditioned(n: usize) -> ExactGp {
    let x = scattered(n);
    let kernel = Matern52::ard([0.2, 0.3]).scaled(1.0);
    ExactGp::new(kernel, Noise::Homoscedastic(0.01))
        .condition(&x, &signal(&x))
        .expect("distinct points")
}

fn likelihood(criterion: &mut Criterion) {
    for n in [200, 1000] {
        criterion.bench_function(
            &format!("log marginal likelihood and gradient, n = {n}"),
            |b| b.iter(|| black_box(conditioned(n).log_marginal_likelihood_gradient())),
        );
    }
}

fn fit(criterion: &mut Criterion) {
    for n in [200, 1000] {
        let x = scattered(n);
        let y = signal(&x);
        criterion.bench_function(&format!("fit with restarts, n = {n}"), |b| {
            b.iter(|| {
                let kernel = Matern52::ard([1.0, 1.0]).scaled(1.0);
                let model = ExactGp::new(kernel, Noise::Homoscedastic(0.1));
                black_box(model.fit(&x, &y, &FitOptions::default()))
            })
        });
    }
}

fn adaptive_loop(criterion: &mut Criterion) {
    let candidates = grid(64);
    criterion.bench_function(
        "adaptive loop, 10 to 500 observations x 4096 candidates",
        |b| {
            b.iter(|| {
                let mut tracked = conditioned(10)
                    .track(&candidates)
                    .expect("finite candidates");
                while tracked.gp().len() < 500 {
                    let scores = tracked.mean().iter().zip(tracked.variance());
                    let best = scores
                        .map(|(mean, variance)| mean + 2.0 * variance.sqrt())
                        .enumerate()
                        .max_by(|a, b| a.1.total_cmp(&b.1))
                        .map_or(0, |(index, _)| index);
                    let p = candidates.row(best);
                    let y = (9.0 * p[0]).sin() * (7.0 * p[1]).cos();
                    tracked.observe_candidate(best, y, None).expect("finite y");
                }
                black_box(tracked.mean()[0])
            })
        },
    );
}

fn map(criterion: &mut Criterion) {
    let places = grid(128);
    for n in [200, 1000] {
        let gp = conditioned(n);
        criterion.bench_function(&format!("mean and variance on 128 x 128, n = {n}"), |b| {
            b.iter(|| black_box(gp.posterior(&places).expect("finite places").variance()[0]))
        });
        criterion.bench_function(&format!("mean alone on 128 x 128, n = {n}"), |b| {
            b.iter(|| black_box(gp.posterior_mean(&places).expect("finite places")[0]))
        });
    }
}

criterion_group! {
    name = surrogate;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = likelihood, fit, adaptive_loop, map
}
criterion_main!(surrogate);
