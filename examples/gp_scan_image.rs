//! A scan image from one noisy pixel in eight, with the uncertainty of every pixel, in three figures.

use dosewise::Result;
use dosewise::gp::{FitOptions, Grid, GridGp, GridKernel, Mean, Noise};
use dosewise::plot::{FieldImage, FieldMap, Figure};
use dosewise::random::{Purpose, Stream};
use dosewise::units::{Point, Seed};
use ndarray::{Array2, Zip};
use rand_distr::{Distribution, Poisson};
use std::path::Path;

/// Side of a pixel in Å, and electrons on each visited pixel.
const PIXEL: f64 = 0.1;
const ELECTRONS: f64 = 400.0;

fn main() -> Result<()> {
    let truth = Array2::from_shape_fn((128, 128), |(i, j)| {
        scattered(Point::new(i as f64 * PIXEL, j as f64 * PIXEL))
    });
    let mut stream = Stream::new(Seed(4), Purpose::Counts, [0, 0]);
    let visited = truth.mapv(|_| stream.normal() > 1.150_35);
    let rates = truth.mapv(|rate| {
        Poisson::new(ELECTRONS * rate).map_or(0.0, |n| n.sample(&mut stream)) / ELECTRONS
    });

    // First with one noise for all pixels, to learn the lengthscales and a rough image.
    let grid = Grid::new(128, 128, [PIXEL, PIXEL])?;
    let kernel = GridKernel::rbf([1.0, 1.0], 1e-2);
    let rough = GridGp::new(grid, kernel, Noise::Homoscedastic(1e-4))?
        .with_mean(Mean::Constant(0.1))
        .fit_where(&rates, &visited, &FitOptions::default())?;
    for parameter in rough.parameters() {
        println!("{:20} {:.3e}", parameter.name, parameter.value);
    }
    // Then with the noise of electrons, the rate over their number: the rate expected, not the one counted, since a
    // pixel with few counts by chance would be trusted too much.
    let expected = rough.posterior_mean()?.mean;
    let variances = expected.iter().map(|rate| rate.max(0.01) / ELECTRONS);
    let gp = GridGp::new(
        grid,
        rough.kernel().clone(),
        Noise::Known(variances.collect()),
    )?
    .with_mean(rough.mean().clone())
    .condition_where(&rates, &visited)?;
    let posterior = gp.posterior()?;

    let deviation = posterior.variance.mapv(f64::sqrt);
    let errors = (&posterior.mean - &truth) / &deviation;
    let inside = errors.iter().filter(|e| e.abs() < 1.645).count();
    let percent = 100.0 * inside as f64 / errors.len() as f64;
    println!("{percent:.1} % of all pixels lie in their 90 % interval");
    let counted = Zip::from(&rates)
        .and(&visited)
        .map_collect(|rate, seen| if *seen { *rate } else { f64::NAN });
    for (label, values) in [
        ("counted", counted),
        ("posterior mean", posterior.mean),
        ("posterior standard deviation", deviation),
    ] {
        let figure = FieldImage::new(FieldMap::new(values, PIXEL), label);
        let name = format!("gp_scan_image {label}").replace(' ', "_");
        figure.save_png_and_svg(&Path::new("figures").join(name))?;
    }
    Ok(())
}

/// Share of electrons scattered to the detector: heavy and light columns on a honeycomb, one light column missing.
fn scattered(place: Point) -> f64 {
    let cells = (-1..6).flat_map(|a| (-4..5).map(move |b| (a, b)));
    let columns = cells.map(|(a, b)| {
        let row = f64::from(a);
        let heavy = Point::new(1.4 + 2.75 * row, 3.2 * (f64::from(b) + 0.5 * row));
        let gauss = |at: Point| (-2.0 * place.distance(at).powi(2)).exp();
        let light = if (a, b) == (2, 1) { 0.0 } else { 0.12 };
        0.3 * gauss(heavy) + light * gauss(heavy + Point::new(1.8, 0.0))
    });
    0.02 + columns.sum::<f64>()
}
