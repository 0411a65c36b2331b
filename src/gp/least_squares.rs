//! Least squares with a handful of coefficients.

use super::kernel::dot;

/// A column that the others explain up to this share of its length carries no information of its own.
const DEPENDENT: f64 = 1e-10;

/// The coefficients β that minimise |target − Σ βₖ columnsₖ|²; zero for a column that depends on those before it.
///
/// Gram–Schmidt, each column made orthogonal twice, which is enough for orthogonality to rounding (Giraud et al.,
/// Numer. Math. 101 (2005) 87).
pub(super) fn least_squares(columns: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    /// A column in terms of the orthonormal directions of those before it.
    struct Direction {
        column: usize,
        unit: Vec<f64>,
        length: f64,
        /// Components along the earlier directions.
        shares: Vec<f64>,
    }
    let mut directions: Vec<Direction> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let mut rest = column.clone();
        let mut shares = vec![0.0; directions.len()];
        for _ in 0..2 {
            for (share, direction) in shares.iter_mut().zip(&directions) {
                let part = dot(&rest, &direction.unit);
                *share += part;
                for (r, u) in rest.iter_mut().zip(&direction.unit) {
                    *r -= part * u;
                }
            }
        }
        let length = dot(&rest, &rest).sqrt();
        if length > DEPENDENT * dot(column, column).sqrt() && length.is_finite() {
            rest.iter_mut().for_each(|r| *r /= length);
            directions.push(Direction {
                column: index,
                unit: rest,
                length,
                shares,
            });
        }
    }
    // Back substitution, the last direction first.
    let mut coefficients = vec![0.0; columns.len()];
    let mut targets: Vec<f64> = directions.iter().map(|d| dot(&d.unit, target)).collect();
    for (position, direction) in directions.iter().enumerate().rev() {
        let coefficient = targets[position] / direction.length;
        coefficients[direction.column] = coefficient;
        for (left, share) in targets.iter_mut().zip(&direction.shares) {
            *left -= coefficient * share;
        }
    }
    coefficients
}

/// The coefficients β of the normal equations `gram` β = `right`, gram = HᵀRH of columns in a metric R that is known by
/// its products alone; zero for a column that depends on those before it. Symmetric Gaussian elimination.
pub(super) fn normal_equations(gram: &[Vec<f64>], right: &[f64]) -> Vec<f64> {
    let count = right.len();
    let mut rows: Vec<Vec<f64>> = gram.to_vec();
    let mut targets = right.to_vec();
    // Products hold squared lengths, of which rounding hides what is smaller than this share.
    let independent = |rows: &[Vec<f64>], k: usize| rows[k][k] > 1e-13 * gram[k][k];
    for k in 0..count {
        if !independent(&rows, k) {
            continue;
        }
        let (above, below) = rows.split_at_mut(k + 1);
        let (pivot, target) = (&above[k], targets[k]);
        for (row, other) in below.iter_mut().zip(&mut targets[k + 1..]) {
            let factor = row[k] / pivot[k];
            for (entry, p) in row.iter_mut().zip(pivot).skip(k) {
                *entry -= factor * p;
            }
            *other -= factor * target;
        }
    }
    let mut coefficients = vec![0.0; count];
    for k in (0..count).rev().filter(|&k| independent(&rows, k)) {
        let later: f64 = (k + 1..count).map(|j| rows[k][j] * coefficients[j]).sum();
        coefficients[k] = (targets[k] - later) / rows[k][k];
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_relations_are_found_and_dependent_columns_left_out() {
        let x: Vec<f64> = (0..20).map(|i| (i as f64 * 0.7).sin()).collect();
        let z: Vec<f64> = (0..20).map(|i| 1e-6 * (i as f64 * 1.3).cos()).collect();
        let twice: Vec<f64> = x.iter().map(|x| 2.0 * x).collect();
        let target: Vec<f64> = (0..20).map(|i| 3.0 - 0.5 * x[i] + 4.0 * z[i]).collect();
        let columns = [vec![1.0; 20], x, twice, z, vec![0.0; 20]];
        let found = least_squares(&columns, &target);
        for (found, truth) in found.iter().zip([3.0, -0.5, 0.0, 4.0, 0.0]) {
            assert!((found - truth).abs() < 1e-9, "{found} for {truth}");
        }
        assert_eq!(least_squares(&[], &[1.0]), Vec::<f64>::new());

        let products = |a: &Vec<f64>| columns.iter().map(|b| dot(a, b)).collect();
        let gram: Vec<Vec<f64>> = columns.iter().map(products).collect();
        let right: Vec<f64> = columns.iter().map(|c| dot(c, &target)).collect();
        let found = normal_equations(&gram, &right);
        for (found, truth) in found.iter().zip([3.0, -0.5, 0.0, 4.0, 0.0]) {
            assert!((found - truth).abs() < 1e-9, "{found} for {truth}");
        }
    }

    #[test]
    fn the_residual_is_orthogonal_to_every_column() {
        let columns: Vec<Vec<f64>> = (1..4)
            .map(|k| {
                (0..15)
                    .map(|i| ((i * k) as f64 * 0.37 + 1.0).sin())
                    .collect()
            })
            .collect();
        let target: Vec<f64> = (0..15).map(|i| (i as f64).sqrt()).collect();
        let found = least_squares(&columns, &target);
        let residual: Vec<f64> = (0..15)
            .map(|i| target[i] - (0..3).map(|k| found[k] * columns[k][i]).sum::<f64>())
            .collect();
        for column in &columns {
            assert!(dot(column, &residual).abs() < 1e-12);
        }
    }
}
