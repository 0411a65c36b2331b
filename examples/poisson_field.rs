//! A dose-limited count image, recovered by a process that knows its noise is Poisson, and by a Gaussian process on square
//! roots of counts, whose noise variance is about one quarter (Anscombe 1948). Prints error and coverage of both.

use dosewise::gp::{ExactGp, FitOptions, Kernel, LaplaceGp, Likelihood, Matern52, Mean, Noise};
use ndarray::Array2;
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Poisson};

const SIDE: usize = 18;
const PIXELS: usize = SIDE * SIDE;

fn main() -> dosewise::Result<()> {
    let x = Array2::from_shape_fn((PIXELS, 2), |(i, k)| [i / SIDE, i % SIDE][k] as f64);
    // Two bright particles on a faint support; the rate is a yield: counts per electron.
    let spot = |i: usize, at: f64, width: f64| {
        let square = (x[[i, 0]] - at).powi(2) + (x[[i, 1]] - at).powi(2);
        (-square / (2.0 * width * width)).exp()
    };
    let rate: Vec<f64> = (0..PIXELS)
        .map(|i| 0.01 + 0.3 * spot(i, 5.0, 2.0) + 0.15 * spot(i, 12.0, 3.0))
        .collect();
    println!(
        "electrons  model              error of log rate    50 %    90 %    95 % interval holds"
    );
    for electrons in [5.0, 20.0, 100.0] {
        let mut rng = StdRng::seed_from_u64(1);
        let mut draw = |r| Poisson::new(electrons * r).map_or(0.0, |law| law.sample(&mut rng));
        let counts: Vec<f64> = rate.iter().map(|r| draw(*r)).collect();
        let kernel = || Matern52::isotropic(3.0).scaled(1.0);
        let options = FitOptions::default();

        let exposure = vec![electrons; PIXELS];
        let poisson = LaplaceGp::new(kernel(), Likelihood::Poisson { exposure })
            .with_mean(Mean::Constant(0.0))
            .fit(&x, &counts, &options)?;
        let field = poisson.posterior(&x)?;
        print!("{electrons:9}  Poisson process   ");
        report(&rate, field.mean(), field.variance(), f64::exp);

        let roots: Vec<f64> = counts.iter().map(|c| (c + 0.375).sqrt()).collect();
        let gauss = ExactGp::new(kernel(), Noise::Known(vec![0.25; PIXELS]))
            .with_mean(Mean::Constant(0.0))
            .fit(&x, &roots, &options)?;
        let field = gauss.posterior(&x)?;
        print!("{electrons:9}  Gaussian on roots ");
        report(&rate, field.mean(), field.variance(), |root| {
            (root.max(0.0).powi(2) - 0.375).max(0.0) / electrons
        });
    }
    Ok(())
}

/// Prints the root mean square error of log(rate), found rates floored at 0.001, and how many pixels their intervals hold.
fn report(truth: &[f64], mean: &[f64], variance: &[f64], rate: impl Fn(f64) -> f64) {
    let ratios = truth.iter().zip(mean).map(|(t, m)| rate(*m).max(1e-3) / t);
    let square: f64 = ratios.map(|ratio| ratio.ln().powi(2)).sum();
    print!("{:18.3}  ", (square / PIXELS as f64).sqrt());
    for quantile in [0.674_490, 1.644_854, 1.959_964] {
        let held = (0..PIXELS).filter(|&i| {
            let reach = quantile * variance[i].sqrt();
            (rate(mean[i] - reach)..=rate(mean[i] + reach)).contains(&truth[i])
        });
        print!("{:8.1}", 100.0 * held.count() as f64 / PIXELS as f64);
    }
    println!(" %");
}
