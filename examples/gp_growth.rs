//! How the time of one step grows: the adaptive loop with measurements and candidates, the solver of a scan image with
//! pixels. Prints the times and draws them with the laws they should follow.

use dosewise::Result;
use dosewise::gp::{
    ExactGp, Grid, GridGp, GridKernel, GridOptions, Kernel, Matern52, Noise, Tracked,
};
use dosewise::plot::{Figure, GrowthCurve, GrowthCurves, GrowthPanel};
use ndarray::Array2;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<()> {
    let by_measurements = GrowthCurve {
        label: "n = 16 to 1024, m = 4096".into(),
        ..steps(4096, &[16, 32, 64, 128, 256, 512, 1024])?
    };
    let mut by_candidates = GrowthCurve {
        label: "n = 256, m = 256 to 16 384".into(),
        ..Default::default()
    };
    for m in [256, 1024, 4096, 16_384] {
        let one = steps(m, &[256])?;
        by_candidates.size.extend(one.size);
        by_candidates.cost.extend(one.cost);
    }
    let rbf = GridKernel::rbf([5.0, 5.0], 1.0);
    let product = iterations("RBF, product of rows and columns", &rbf)?;
    let matern = GridKernel::stationary(Matern52::isotropic(5.0).scaled(1.0));
    let stationary = iterations("Matérn 5/2, by Fourier transforms", &matern)?;
    let linear = law("∝ n m", &by_measurements, |size| size);
    let fourier = law("∝ N log N", &stationary, |pixels| pixels * pixels.ln());
    let figure = GrowthCurves {
        panels: vec![
            GrowthPanel {
                title: "one more measurement among m candidates".into(),
                size: "measurements × candidates, n m".into(),
                cost: "time / s".into(),
                measured: vec![by_measurements, by_candidates],
                laws: vec![linear],
            },
            GrowthPanel {
                title: "one iteration of the solver on a grid".into(),
                size: "pixels, N".into(),
                cost: "time / s".into(),
                measured: vec![product, stationary],
                laws: vec![fourier],
            },
        ],
    };
    figure.save_png_and_svg(&Path::new("figures").join("gp_growth"))?;
    Ok(())
}

/// Seconds of one more measurement once there are `counts`, the least of eight in a row, m candidates.
fn steps(m: usize, counts: &[usize]) -> Result<GrowthCurve> {
    let places = Array2::from_shape_fn((m, 2), |(i, k)| {
        ((i as f64 + 0.5) * [0.754_877_666, 0.569_840_291][k]).fract()
    });
    let prior = ExactGp::new(
        Matern52::isotropic(0.2).scaled(1.0),
        Noise::Homoscedastic(0.01),
    );
    let mut tracked = prior.track(&places)?;
    let measure = |tracked: &mut Tracked| -> Result<f64> {
        let start = Instant::now();
        let next = tracked.gp().len() * 97 % m;
        tracked.observe_candidate(next, (next as f64).sin(), None)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let mut curve = GrowthCurve::default();
    for &count in counts {
        while tracked.gp().len() < count {
            measure(&mut tracked)?;
        }
        let mut least = f64::INFINITY;
        for _ in 0..8 {
            least = least.min(measure(&mut tracked)?);
        }
        println!("n = {count:5}, m = {m:6}: {least:.2e} s a measurement");
        curve.size.push((count * m) as f64);
        curve.cost.push(least);
    }
    Ok(curve)
}

/// Seconds of an iteration on square grids, the least of three solutions of a few iterations each.
fn iterations(label: &str, kernel: &GridKernel) -> Result<GrowthCurve> {
    let mut curve = GrowthCurve {
        label: label.into(),
        ..Default::default()
    };
    for side in [64, 128, 256, 512, 1024] {
        let image = Array2::from_shape_fn((side, side), |(i, j)| (0.1 * (i * j) as f64).sin());
        let options = GridOptions {
            max_iterations: 8,
            ..GridOptions::default()
        };
        let variances = (0..side * side).map(|p| 0.01 + 0.09 * (p as f64).sin().powi(2));
        let noise = Noise::Known(variances.collect());
        let gp = GridGp::new(Grid::new(side, side, [1.0, 1.0])?, kernel.clone(), noise)?
            .with_options(options)?
            .condition(&image)?;
        let mut least = f64::INFINITY;
        for _ in 0..3 {
            let start = Instant::now();
            let found = gp.posterior_mean()?;
            least = least.min(start.elapsed().as_secs_f64() / found.solve.iterations as f64);
        }
        println!("{label}, {side} × {side}: {least:.2e} s an iteration");
        curve.size.push((side * side) as f64);
        curve.cost.push(least);
    }
    Ok(curve)
}

/// A law through the last point of a curve.
fn law(label: &str, curve: &GrowthCurve, of: impl Fn(f64) -> f64) -> GrowthCurve {
    let last = curve.size.len() - 1;
    let factor = curve.cost[last] / of(curve.size[last]);
    GrowthCurve {
        label: label.into(),
        size: curve.size.clone(),
        cost: curve.size.iter().map(|size| factor * of(*size)).collect(),
    }
}
