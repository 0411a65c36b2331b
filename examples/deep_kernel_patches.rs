//! Where to take the next spectrum: a deep kernel learns which patches of a structural image respond strongly, from 40
//! spectra at places it asks for, against places at random. `cargo run --example deep_kernel_patches -- --out FOLDER`

use dosewise::Result;
use dosewise::acquisition::{Offers, UpperConfidenceBound, best};
use dosewise::gp::{DeepKernelGp, DeepKernelOptions, PatchEdge, Patches, Surrogate};
use dosewise::metric::Bootstrap;
use dosewise::network::Shape;
use dosewise::plot::{Band, Figure, QualityCurve, QualityCurves, QualityPanel, Strategy};
use dosewise::random::{Purpose, Stream};
use dosewise::units::Seed;
use ndarray::Array2;
use rand::RngExt;
use rayon::prelude::*;
use std::path::PathBuf;

const SPECTRA: usize = 40;
/// Spectra before the first choice, and between two trainings of the network.
const BLOCK: usize = 8;
/// Dose of a spectrum, averaged over the field, e⁻/Å², and standard deviation of its noise.
const DOSE: f64 = 25.0;
const NOISE: f64 = 0.05;

fn main() -> Result<()> {
    let given = std::env::args().skip_while(|a| a != "--out").nth(1);
    let stem = PathBuf::from(given.unwrap_or("figures".into())).join("deep_kernel_patches");
    let mut panel = QualityPanel {
        title: "25 strongest of 576 places".into(),
        ..Default::default()
    };
    println!("share of the 25 strongest places found: mean of 12 specimens [95 % interval]");
    for (choose, strategy) in [(true, Strategy::Adaptive), (false, Strategy::Fixed)] {
        let label = if choose { "deep kernel" } else { "at random" };
        let run = |seed| explore(Seed(seed), choose);
        let runs: Vec<_> = (0..12).into_par_iter().map(run).collect::<Result<_>>()?;
        let after = |count: usize| {
            let shares: Vec<f64> = runs.iter().map(|run| run[count - 1]).collect();
            Bootstrap::default().mean(&shares, Seed(0))
        };
        let found = (1..=SPECTRA).map(after).collect::<Result<Vec<_>>>()?;
        for (count, found) in (1..=SPECTRA).zip(&found).skip(9).step_by(10) {
            let (mean, low, high) = (found.estimate, found.low, found.high);
            println!("{label:11} {count} spectra: {mean:.3} [{low:.3}, {high:.3}]");
        }
        let (lower, upper) = found.iter().map(|i| (i.low, i.high)).unzip();
        panel.curves.push(QualityCurve {
            label: label.into(),
            strategy,
            dose: (1..=SPECTRA).map(|count| DOSE * count as f64).collect(),
            quality: found.iter().map(|i| i.estimate).collect(),
            band: Some(Band { lower, upper }),
        });
    }
    let figure = QualityCurves {
        panels: vec![panel],
        note: Some("share found, 12 specimens, 95 % intervals".into()),
        ..Default::default()
    };
    figure.save_png_and_svg(&stem).map(drop)
}

/// The share of the strongest places found after 1, 2, 3, … spectra.
fn explore(seed: Seed, choose: bool) -> Result<Vec<f64>> {
    let mut stream = Stream::new(seed, Purpose::Policy, [0, 0]);
    let (patches, response) = specimen(&mut stream)?;
    let mut sorted = response.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut left: Vec<usize> = (0..response.len()).collect();
    let (mut seen, mut y, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let mut model: Option<DeepKernelGp> = None;
    while seen.len() < SPECTRA {
        if choose && !seen.is_empty() && seen.len() % BLOCK == 0 {
            let network = DeepKernelGp::default_network(Shape::image(1, 11, 11), 3, seed)?;
            let (seen, options) = (patches.select(&seen)?, DeepKernelOptions::default());
            model = Some(DeepKernelGp::fit(network, &seen, &y, &options)?);
        }
        let next = left.swap_remove(match &model {
            None => stream.random_range(0..left.len()),
            Some(model) => {
                let places = patches.select(&left)?;
                let noise = NOISE * NOISE * DOSE;
                let offers = Offers::with_shot_noise(places.rows().view(), &[DOSE], noise)?;
                let candidates = offers.believed(&model.marginals(offers.places())?)?;
                best(&UpperConfidenceBound::new(1.0)?, &candidates)?.index
            }
        });
        seen.push(next);
        y.push(response[next] + NOISE * stream.normal());
        if let Some(model) = &mut model {
            model.append(&patches.select(&[next])?, y[y.len() - 1], None)?;
        }
        let strong = seen.iter().filter(|place| response[**place] >= sorted[24]);
        found.push(strong.count() as f64 / 25.0);
    }
    Ok(found)
}

/// Patches of a lattice whose columns are drawn out along one axis or the other, and the response that goes with it.
fn specimen(stream: &mut Stream) -> Result<(Patches, Vec<f64>)> {
    let waves =
        [(); 6].map(|()| [0.1, 0.1, 3.0].map(|most| most * (2.0 * stream.random::<f64>() - 1.0)));
    let stretch = |y: f64, x: f64| {
        let wave = |w: &[f64; 3]| (w[0] * y + w[1] * x + w[2]).sin();
        (0.6 * waves.iter().map(wave).sum::<f64>()).tanh()
    };
    let mut image = Array2::from_shape_simple_fn((72, 72), || 0.08 * stream.normal());
    for (y, x) in (0..169).map(|i| (6.0 * f64::from(i / 13), 6.0 * f64::from(i % 13))) {
        let drawn = 0.3 * stretch(y, x);
        for ((row, column), value) in image.indexed_iter_mut() {
            let down = (row as f64 - y) / (1.5 - 1.5 * drawn);
            let across = (column as f64 - x) / (1.5 + 1.5 * drawn);
            *value += (-0.5 * (down * down + across * across)).exp();
        }
    }
    let place = |i: usize| [3 * (i / 24) + 1, 3 * (i % 24) + 1];
    let centres: Vec<[usize; 2]> = (0..576).map(place).collect();
    let response = |at: &[usize; 2]| stretch(at[0] as f64, at[1] as f64).exp() / 2.7;
    let patches = Patches::cut(&image, &centres, 11, PatchEdge::Reflect)?;
    Ok((patches, centres.iter().map(response).collect()))
}
