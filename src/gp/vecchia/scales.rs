//! The unit of each coordinate in which distances between points are taken.

use crate::error::{Error, Result};
use crate::gp::kernel::{Kernel, Role};
use crate::gp::points::PointsView;
use serde::{Deserialize, Serialize};

/// Ratios of scales beyond this are cut, so that they stay numbers.
const LARGEST: f64 = 1e300;
/// A ratio of old to new scales within this factor leaves neighbours almost as they were.
const ALIKE: f64 = 1.1;

/// What each coordinate is divided by before distances are taken, the smallest being one.
///
/// Only ratios matter, so a single lengthscale leaves coordinates untouched to the last bit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Scales(Vec<f64>);

impl Scales {
    /// The smallest lengthscale that the kernel has along each coordinate; where it names none, the extent of the
    /// points.
    pub fn of(kernel: &dyn Kernel, points: PointsView<'_>) -> Self {
        let mut lengths = vec![f64::INFINITY; points.dimension()];
        for parameter in kernel.parameters() {
            let value = parameter.value;
            match parameter.role {
                Role::Lengthscale(Some(k)) => {
                    lengths
                        .iter_mut()
                        .skip(k)
                        .take(1)
                        .for_each(|l| *l = l.min(value));
                }
                Role::Lengthscale(None) => lengths.iter_mut().for_each(|l| *l = l.min(value)),
                _ => {}
            }
        }
        for (k, length) in lengths.iter_mut().enumerate() {
            if length.is_infinite() {
                *length = extent(points.coordinate(k));
            }
        }
        let smallest = lengths.iter().copied().fold(f64::INFINITY, f64::min);
        lengths
            .iter_mut()
            .for_each(|l| *l = (*l / smallest).min(LARGEST));
        Self(lengths)
    }

    /// The points in these units, one row of coordinates after the other.
    pub fn rows(&self, points: PointsView<'_>, order: impl Iterator<Item = usize>) -> Vec<f64> {
        let columns: Vec<&[f64]> = (0..self.0.len()).map(|k| points.coordinate(k)).collect();
        let row = |i: usize| {
            let both = columns.iter().zip(&self.0);
            both.map(move |(column, scale)| column[i] / scale)
                .collect::<Vec<f64>>()
        };
        order.flat_map(row).collect()
    }

    /// One point in these units.
    pub fn row(&self, point: &[f64]) -> Vec<f64> {
        point
            .iter()
            .zip(&self.0)
            .map(|(x, scale)| x / scale)
            .collect()
    }

    /// Whether no ratio to the other scales is far from one.
    pub fn alike(&self, other: &Self) -> bool {
        let mut ratios = self.0.iter().zip(&other.0).map(|(a, b)| a / b);
        ratios.all(|ratio| (1.0 / ALIKE..=ALIKE).contains(&ratio))
    }

    /// Refuses what [`Scales::of`] cannot have made for points of this dimension.
    pub fn check(&self, dimension: usize) -> Result<()> {
        let usable = |scale: &f64| (1.0..=LARGEST).contains(scale);
        if self.0.len() == dimension && self.0.iter().all(usable) {
            return Ok(());
        }
        Err(Error::argument(
            "scales",
            format!("{:?}", self.0),
            format!("{dimension} numbers, one or larger"),
        ))
    }
}

/// Largest minus smallest; one where that says nothing.
fn extent(coordinates: &[f64]) -> f64 {
    let ends = |(low, high): (f64, f64), &c: &f64| (low.min(c), high.max(c));
    let (low, high) = coordinates
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    if (high - low).is_normal() {
        high - low
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::{Categorical, Matern52, Points, Rbf};
    use ndarray::array;

    #[test]
    fn lengthscales_come_first_and_extents_fill_in() {
        let rows = array![[0.0, 5.0, 1.0], [1.0, 9.0, 1.0]];
        let points = Points::from_rows("x", rows.view()).unwrap();
        let scales = |kernel: &dyn Kernel| Scales::of(kernel, points.view()).0;
        assert_eq!(scales(&Matern52::isotropic(0.3).scaled(2.0)), [1.0; 3]);
        assert_eq!(scales(&Rbf::ard([0.5, 2.0, 1.0])), [1.0, 4.0, 2.0]);
        let sum = Rbf::ard([8.0, 2.0, 4.0]) + Rbf::ard([1.0, 4.0, 2.0]);
        assert_eq!(scales(&sum), [1.0, 2.0, 2.0]);
        // Codes, and a coordinate that never changes.
        let mixed = Rbf::isotropic(0.5).on_columns([0]) * Categorical::new(10, 0.5).on_columns([1]);
        assert_eq!(scales(&mixed), [1.0, 8.0, 2.0]);
        assert!(Scales(vec![1.0, 4.0]).alike(&Scales(vec![1.0, 4.2])));
        assert!(!Scales(vec![1.0, 4.0]).alike(&Scales(vec![1.0, 5.0])));
        assert!(
            Scales(vec![1.0, f64::NAN]).check(2).is_err() && Scales(vec![1.0]).check(2).is_err()
        );
    }
}
