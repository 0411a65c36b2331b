//! Measurements in small random portions.

use super::coordinates::ends;
use crate::error::Result;
use crate::gp::mean::Mean;
use crate::gp::points::Points;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::{ArrayView2, Axis, Slice};
use rand::RngExt;
use std::ops::Range;

/// Measurements of a pass over all of them that are handled together.
const PORTION: usize = 8192;

/// Measurements where the caller keeps them.
#[derive(Clone, Copy)]
pub(super) struct Measurements<'a> {
    pub x: ArrayView2<'a, f64>,
    pub y: &'a [f64],
}

/// Some of the measurements, copied.
pub(super) struct Batch {
    pub indices: Vec<usize>,
    pub points: Points,
    pub targets: Vec<f64>,
    /// The prior mean at each.
    pub means: Vec<f64>,
}

impl<'a> Measurements<'a> {
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Consecutive rows, portion by portion.
    pub fn portions(self) -> impl ExactSizeIterator<Item = (Range<usize>, ArrayView2<'a, f64>)> {
        let count = self.len().div_ceil(PORTION);
        (0..count).map(move |portion| {
            let rows = portion * PORTION..((portion + 1) * PORTION).min(self.len());
            (
                rows.clone(),
                self.x.slice_axis_move(Axis(0), Slice::from(rows)),
            )
        })
    }

    /// The measurements at `indices`.
    pub fn select(&self, indices: Vec<usize>, mean: &Mean) -> Result<Batch> {
        let rows = self.x.select(Axis(0), &indices);
        Batch::new(indices, rows.view(), self.y, mean)
    }

    /// A portion of the measurements.
    pub fn portion(
        &self,
        (range, rows): (Range<usize>, ArrayView2<'_, f64>),
        mean: &Mean,
    ) -> Result<Batch> {
        Batch::new(range.collect(), rows, self.y, mean)
    }

    /// Smallest and largest value of each coordinate.
    pub fn extent(&self) -> Vec<(f64, f64)> {
        let columns = self.x.columns().into_iter();
        columns.map(|column| ends(column.iter())).collect()
    }
}

impl Batch {
    fn new(indices: Vec<usize>, rows: ArrayView2<'_, f64>, y: &[f64], mean: &Mean) -> Result<Self> {
        let points = Points::from_rows("x", rows)?;
        Ok(Self {
            means: mean.values(points.view())?,
            targets: indices.iter().map(|&i| y[i]).collect(),
            indices,
            points,
        })
    }
}

/// Deals n measurements into batches of nearly equal size, in a new order every epoch that follows from the seed.
#[derive(Debug)]
pub(super) struct Minibatches {
    total: usize,
    batches: usize,
    seed: Seed,
}

impl Minibatches {
    /// `batch` is the wanted size; `total` and `batch` are not zero.
    pub fn new(total: usize, batch: usize, seed: Seed) -> Self {
        Self {
            total,
            batches: total.div_ceil(batch),
            seed,
        }
    }

    /// Batches an epoch.
    pub fn count(&self) -> usize {
        self.batches
    }

    /// The order of an epoch.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let mut stream = Stream::new(self.seed, Purpose::Resampling, [0xBA7C, epoch as u64]);
        let mut order: Vec<usize> = (0..self.total).collect();
        for i in (1..self.total).rev() {
            order.swap(i, stream.random_range(0..=i));
        }
        order
    }

    /// Where in the order batch `index` lies.
    pub fn range(&self, index: usize) -> Range<usize> {
        let end = |k: usize| (k as u128 * self.total as u128 / self.batches as u128) as usize;
        end(index)..end(index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_deals_every_measurement_once() {
        let batches = Minibatches::new(1003, 100, Seed(5));
        assert_eq!(batches.count(), 11);
        let mut seen = vec![0; 1003];
        let order = batches.order(2);
        for b in 0..11 {
            assert!((91..=92).contains(&batches.range(b).len()));
            order[batches.range(b)].iter().for_each(|&i| seen[i] += 1);
        }
        assert!(seen.iter().all(|&count| count == 1));
        assert_eq!(order, batches.order(2));
        assert_ne!(order, batches.order(3));
        assert_ne!(order, Minibatches::new(1003, 100, Seed(6)).order(2));
    }
}
