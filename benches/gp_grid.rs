//! What a scan image costs: mean, mean and variance, samples and evidence on grids of growing size.
//!
//! The same problem at every size: a lengthscale of 0.05 of the side, a known noise variance of 0.01 to 0.1 a pixel,
//! all pixels observed or one in ten. Prints iterations and, once all sizes are done, how the time of one iteration
//! grows with the number of pixels.

use criterion::{Criterion, criterion_group, criterion_main};
use dosewise::gp::{Grid, GridFitOptions, GridGp, GridKernel, Kernel, Matern52, Noise};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::Array2;
use rand::RngExt;
use std::hint::black_box;
use std::time::{Duration, Instant};

struct Scan {
    truth: Array2<f64>,
    image: Array2<f64>,
    observed: Array2<bool>,
    variances: Vec<f64>,
}

fn scan(side: usize, share: f64) -> Scan {
    let mut stream = Stream::new(Seed(7), Purpose::Counts, [side as u64, 0]);
    let variances: Vec<f64> = (0..side * side)
        .map(|_| 0.01 + 0.09 * stream.random::<f64>())
        .collect();
    let step = 1.0 / (side - 1) as f64;
    let truth = Array2::from_shape_fn((side, side), |(i, j)| {
        let (y, x) = (i as f64 * step, j as f64 * step);
        (40.0 * y).sin() * (30.0 * x).cos() + 0.5 * (60.0 * y * x).sin()
    });
    let image = Array2::from_shape_fn((side, side), |(i, j)| {
        truth[[i, j]] + variances[i * side + j].sqrt() * stream.normal()
    });
    let observed = truth.mapv(|_| stream.random::<f64>() < share);
    Scan {
        truth,
        image,
        observed,
        variances,
    }
}

fn model(side: usize, separable: bool, scan: &Scan) -> GridGp {
    let step = 1.0 / (side - 1) as f64;
    let grid = Grid::new(side, side, [step, step]).expect("a grid of pixels");
    let kernel = if separable {
        GridKernel::rbf([0.05, 0.05], 1.0)
    } else {
        GridKernel::stationary(Matern52::isotropic(0.05).scaled(1.0))
    };
    GridGp::new(grid, kernel, Noise::Known(scan.variances.clone()))
        .and_then(|gp| gp.condition_where(&scan.image, &scan.observed))
        .expect("positive variances and finite values")
}

fn rmse(found: &Array2<f64>, scan: &Scan) -> f64 {
    let squares = (found - &scan.truth).mapv(|d| d * d);
    squares.mean().unwrap_or(f64::NAN).sqrt()
}

/// The shortest time of a few runs, in seconds; criterion is for the small sizes.
fn shortest(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    for _ in 0..3 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        if begin.elapsed().as_secs_f64() > 8.0 {
            break;
        }
    }
    best
}

/// Seconds for the complex transforms of one iteration with a Toeplitz covariance: to multiply and to precondition, on
/// an image padded or mirrored to twice the side, each side/2 pairs of rows and side + 1 columns there and back.
fn transforms(side: usize) -> f64 {
    let mut planner = rustfft::FftPlanner::new();
    let (there, back) = (
        planner.plan_fft_forward(2 * side),
        planner.plan_fft_inverse(2 * side),
    );
    let count = side / 2 + side + 1;
    let mut image = vec![rustfft::num_complex::Complex64::ONE; count * 2 * side];
    2.0 * shortest(|| {
        there.process(&mut image);
        back.process(&mut image);
        let scale = 1.0 / (2 * side) as f64;
        black_box(&mut image).iter_mut().for_each(|z| *z *= scale);
    })
}

fn growth(_: &mut Criterion) {
    for (name, separable) in [("product RBF", true), ("Matern 5/2, Toeplitz", false)] {
        println!("\n{name}, all observed, mean (model building included)");
        println!(
            "  side  seconds  iterations  microseconds per iteration and 1000 pixels  transforms alone  rmse"
        );
        for side in [64, 128, 256, 512, 1024] {
            let scan = scan(side, 1.1);
            let seconds = shortest(|| {
                black_box(model(side, separable, &scan).posterior_mean()).expect("finite mean");
            });
            let gp = model(side, separable, &scan);
            let mut solve = None;
            let solving = shortest(|| solve = gp.posterior_mean().ok());
            let Some(found) = solve else { continue };
            let iterations = found.solve.iterations;
            let each = solving / iterations as f64 / (side * side) as f64 * 1e9;
            let error = rmse(&found.mean, &scan);
            // What the iterations would take if they were nothing but the transforms they cannot do without.
            let limit = match separable {
                true => String::from("-"),
                false => format!("{:.4}", transforms(side) * iterations as f64),
            };
            println!(
                "  {side:4}  {seconds:7.4}  {iterations:10}  {each:10.2}  {limit:>8}  {error:.4}"
            );
        }
    }
    println!("\nproduct RBF, mean and variance at all pixels");
    println!("  side  observed  seconds  rmse  route");
    for (side, share) in [(128, 0.1), (256, 0.1), (256, 1.1), (512, 0.1), (512, 1.1)] {
        let scan = scan(side, share);
        let gp = model(side, true, &scan);
        let mut found = None;
        let seconds = shortest(|| found = gp.posterior().ok());
        let Some(posterior) = found else { continue };
        let error = rmse(&posterior.mean, &scan);
        let (observed, route) = (gp.observed(), posterior.route);
        println!("  {side:4}  {observed:8}  {seconds:7.3}  {error:.4}  {route:?}");
        if let Ok(iterated) = gp.posterior_mean() {
            let largest = (&iterated.mean - &posterior.mean).fold(0.0_f64, |l, d| l.max(d.abs()));
            println!(
                "        mean by iteration off by {largest:.1e}: {:?}",
                iterated.solve
            );
        }
        let mut evidence = None;
        let seconds = shortest(|| evidence = gp.log_marginal_likelihood().ok());
        println!("        evidence in {seconds:.3} s: {evidence:?}");
    }
    fit();
    println!("\nMatern 5/2, Toeplitz");
    for (side, share) in [(256, 0.1), (256, 1.1), (512, 1.1)] {
        let scan = scan(side, share);
        let gp = model(side, false, &scan);
        let mut drawn = None;
        let seconds = shortest(|| drawn = gp.posterior_samples(1, Seed(1)).ok());
        let samples = drawn.map(|d| (d.solve, d.embedding));
        println!(
            "  {side}, {} observed: one sample in {seconds:.3} s: {samples:?}",
            gp.observed()
        );
        let mut evidence = None;
        let seconds = shortest(|| evidence = gp.log_marginal_likelihood().ok());
        println!("        evidence in {seconds:.3} s: {evidence:?}");
    }
    let scan = scan(128, 1.1);
    let gp = model(128, false, &scan);
    let start = Instant::now();
    if let Ok(posterior) = gp.posterior() {
        let seconds = start.elapsed().as_secs_f64();
        let mean = posterior.variance.mean().unwrap_or(f64::NAN);
        let error = posterior.variance_error;
        let route = posterior.route;
        println!(
            "  128, all observed: variance in {seconds:.2} s, {mean:.3e} +- {error:.1e}, {route:?}"
        );
    }
}

fn fit() {
    println!("\nproduct RBF, 256 x 256, 10 % observed, fit of three hyper-parameters");
    let scan = scan(256, 0.1);
    let step = 1.0 / 255.0;
    let grid = Grid::new(256, 256, [step, step]).expect("a grid of pixels");
    let start = Instant::now();
    let fitted = GridGp::new(
        grid,
        GridKernel::rbf([0.1, 0.1], 0.5),
        Noise::Known(scan.variances.clone()),
    )
    .and_then(|gp| gp.fit_where(&scan.image, &scan.observed, &GridFitOptions::default()));
    if let Ok(gp) = fitted {
        let seconds = start.elapsed().as_secs_f64();
        println!("  {seconds:.2} s: {:?}", gp.fit_report());
        println!("  {:?}", gp.parameters());
    }
}

fn small(criterion: &mut Criterion) {
    for (name, separable) in [("product RBF", true), ("Matern 5/2 Toeplitz", false)] {
        for side in [64, 128] {
            let scan = scan(side, 1.1);
            let gp = model(side, separable, &scan);
            criterion.bench_function(&format!("{name}, mean, {side} x {side}"), |b| {
                b.iter(|| black_box(gp.posterior_mean()))
            });
        }
    }
}

criterion_group! {
    name = grids;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = growth, small
}
criterion_main!(grids);
