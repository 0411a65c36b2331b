//! The diagonal of the posterior covariance from random right-hand sides.

use super::conjugate_gradient::{Limits, Solve};
use super::lattice::Grid;
use super::options::GridOptions;
use super::system::System;
use crate::random::{Purpose, Stream};
use rand::RngExt;
use rayon::prelude::*;

/// Statistical errors dwarf anything below this.
const TOLERANCE: f64 = 1e-5;

/// An estimate of the posterior variance at all pixels.
pub(super) struct Probed {
    pub variance: Vec<f64>,
    /// Root mean square over the pixels of the standard error of each.
    pub standard_error: f64,
    pub probes: usize,
    pub solve: Solve,
}

/// diag Σ ≈ average over repeats and colours of z ⊙ Σ z.
///
/// z holds random signs at the pixels of one colour, `spacing` apart in both directions, and zeros elsewhere. The
/// estimate is unbiased; its error comes from covariances between pixels of the same colour alone, which fade with
/// the spacing (Bekas, Kokiopoulou & Saad 2007, Appl. Numer. Math. 57, 1214; Tang & Saad 2012).
pub(super) fn probe_variance(grid: &Grid, system: System<'_>, options: &GridOptions) -> Probed {
    let (rows, columns) = (grid.rows(), grid.columns());
    let spacing = [
        options.probing_spacing.min(rows),
        options.probing_spacing.min(columns),
    ];
    let colours = spacing[0] * spacing[1];
    let repeats = options.probing_repeats;
    let system = System {
        limits: Limits {
            tolerance: system.limits.tolerance.max(TOLERANCE),
            ..system.limits
        },
        ..system
    };
    let signs: Vec<Vec<bool>> = (0..repeats as u64)
        .map(|repeat| {
            let mut stream = Stream::new(options.seed, Purpose::Resampling, [1, repeat]);
            (0..rows * columns).map(|_| stream.random()).collect()
        })
        .collect();
    let sign = |repeat: usize, p: usize| if signs[repeat][p] { 1.0 } else { -1.0 };
    let of_colour = |colour: usize| {
        let (first, second) = (colour / spacing[1], colour % spacing[1]);
        (first..rows).step_by(spacing[0]).flat_map(move |i| {
            (second..columns)
                .step_by(spacing[1])
                .map(move |j| i * columns + j)
        })
    };
    // One result a (repeat, colour), put together in order: independent of the number of threads.
    let parts: Vec<(Vec<f64>, Solve)> = (0..repeats * colours)
        .into_par_iter()
        .map(|index| {
            let (repeat, colour) = (index / colours, index % colours);
            let mut z = vec![0.0; rows * columns];
            of_colour(colour).for_each(|p| z[p] = sign(repeat, p));
            let (product, solve) = system.posterior_covariance(&z);
            let here = of_colour(colour).map(|p| z[p] * product[p]);
            (here.collect(), solve)
        })
        .collect();
    let mut sums = vec![0.0; rows * columns];
    let mut squares = vec![0.0; rows * columns];
    let mut worst = Solve::DIRECT;
    for (index, (part, solve)) in parts.into_iter().enumerate() {
        worst = worst.worse(solve);
        for (p, value) in of_colour(index % colours).zip(part) {
            sums[p] += value;
            squares[p] += value * value;
        }
    }
    let count = repeats as f64;
    let mut scatter = 0.0;
    for (sum, square) in sums.iter_mut().zip(&squares) {
        *sum /= count;
        scatter += (square / count - *sum * *sum).max(0.0) / (count - 1.0);
    }
    Probed {
        standard_error: (scatter / sums.len() as f64).sqrt(),
        variance: sums,
        probes: repeats * colours,
        solve: worst,
    }
}
