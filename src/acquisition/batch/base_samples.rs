//! Standard normal numbers that fill their space evenly.

use crate::quasi_random::sobol;
use crate::units::Seed;
use statrs::distribution::{ContinuousCDF, Normal};

/// Half the spacing of single-precision numbers just below one: the coordinates are the lower ends of their cells.
const HALF_CELL: f64 = 1.0 / (1u64 << 25) as f64;

/// `width` columns of `count` standard normal numbers each: an Owen-scrambled Sobol sequence through the normal quantile.
///
/// Owen (1998), *J. Complexity* 14, 466; the scrambling is that of Burley (2020), *J. Comput. Graph. Tech.* 9 (4).
pub(super) fn normal_columns(count: usize, width: usize, seed: Seed) -> Vec<Vec<f64>> {
    let normal = Normal::standard();
    let points = sobol(width, 0, count, seed);
    let column = |k: usize| {
        let uniforms = points.iter().map(|point| point[k]);
        let normals = uniforms.map(|uniform| normal.inverse_cdf(uniform + HALF_CELL));
        normals.collect()
    };
    (0..width).map(column).collect()
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
