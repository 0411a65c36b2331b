//! Standard normal numbers that fill their space evenly.

use crate::quasi_random::sobol;
use crate::units::Seed;
use statrs::distribution::{ContinuousCDF, Normal};

/// Half a cell: the coordinates carry 23 bits and are the lower ends of their cells, 2⁻²³ wide.
const HALF_CELL: f64 = 1.0 / (1u64 << 24) as f64;
/// Points of the sequence that are held at once, besides the columns.
const TOGETHER: usize = 1024;

/// `width` columns of `count` standard normal numbers each: an Owen-scrambled Sobol sequence through the normal quantile.
///
/// Owen (1998), *J. Complexity* 14, 466; the scrambling is that of Burley (2020), *J. Comput. Graph. Tech.* 9 (4).
pub(super) fn normal_columns(count: usize, width: usize, seed: Seed) -> Vec<Vec<f64>> {
    let normal = Normal::standard();
    let mut columns = vec![Vec::with_capacity(count); width];
    for first in (0..count).step_by(TOGETHER) {
        for point in sobol(width, first, TOGETHER.min(count - first), seed) {
            for (column, uniform) in columns.iter_mut().zip(point) {
                column.push(normal.inverse_cdf(uniform + HALF_CELL));
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(column: &[f64], other: &[f64]) -> f64 {
        let products = column.iter().zip(other).map(|(a, b)| a * b);
        products.sum::<f64>() / column.len() as f64
    }

    #[test]
    fn moments_are_far_closer_than_independent_draws_would_be() {
        let columns = normal_columns(1024, 70, Seed(3));
        let ones = vec![1.0; 1024];
        for (k, column) in columns.iter().enumerate() {
            // independent draws would leave 0.03 and 0.04
            assert!(moment(column, &ones).abs() < 0.002, "column {k}");
            assert!((moment(column, column) - 1.0).abs() < 0.02, "column {k}");
            for other in &columns[..k] {
                assert!(moment(column, other).abs() < 0.15);
            }
        }
        let near: f64 = (1..8).map(|k| moment(&columns[0], &columns[k]).abs()).sum();
        assert!(near / 7.0 < 0.02, "{near}");
    }

    /// Each uniform stands in the middle of its cell, so the middles of the ends are as far from 0 as from 1.
    #[test]
    fn uniforms_stand_in_the_middle_of_their_cells() {
        for uniform in sobol(3, 0, 4096, Seed(2)).into_iter().flatten() {
            let cell = uniform / (2.0 * HALF_CELL);
            assert_eq!(cell, cell.floor());
        }
        let odd = |point: Vec<f64>| point[0] / (2.0 * HALF_CELL) % 2.0 == 1.0;
        assert!(sobol(1, 0, 64, Seed(2)).into_iter().any(odd)); // no cell is wider than that
    }

    #[test]
    fn the_seed_fixes_the_columns_and_a_longer_run_begins_with_the_shorter() {
        let columns = normal_columns(64, 3, Seed(1));
        assert_eq!(columns, normal_columns(64, 3, Seed(1)));
        assert_ne!(columns, normal_columns(64, 3, Seed(2)));
        assert_eq!(columns[2], normal_columns(200, 5, Seed(1))[2][..64]);
        assert!(columns.iter().flatten().all(|z| z.is_finite()));
        assert!(normal_columns(0, 3, Seed(1)).iter().all(Vec::is_empty));
    }

    #[test]
    fn beyond_one_sequence_another_begins() {
        let column = normal_columns(65_540, 1, Seed(1)).remove(0);
        assert_eq!(column.len(), 65_540);
        assert_ne!(column[..4], column[65_536..]);
    }
}
