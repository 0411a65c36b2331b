//! Numerical integration of smooth functions of one variable.

use crate::linalg::symmetric_eigen;

/// Positive nodes and weights of the 16-point Gauss-Legendre rule on −1..1 (the negative half mirrors them).
#[allow(clippy::excessive_precision)]
const GAUSS_LEGENDRE_16: [(f64, f64); 8] = [
    (0.09501250983763744, 0.18945061045506864),
    (0.2816035507792589, 0.18260341504492364),
    (0.45801677765722737, 0.16915651939500265),
    (0.6178762444026438, 0.1495959888165767),
    (0.755404408355003, 0.12462897125553407),
    (0.8656312023878318, 0.0951585116824926),
    (0.9445750230732326, 0.062253523938647456),
    (0.9894009349916499, 0.027152459411754176),
];

/// ∫ f from `from` to `to` by 16-point Gauss-Legendre rules on equal panels no wider than `panel`.
///
/// The caller sees to it that the limits are finite and that `panel` resolves the function.
pub(crate) fn gauss_legendre_panels(from: f64, to: f64, panel: f64, f: impl Fn(f64) -> f64) -> f64 {
    let nodes = gauss_legendre_nodes(from, to, panel);
    nodes.map(|(x, weight)| weight * f(x)).sum()
}

/// The nodes and weights of [`gauss_legendre_panels`].
pub(crate) fn gauss_legendre_nodes(
    from: f64,
    to: f64,
    panel: f64,
) -> impl Iterator<Item = (f64, f64)> {
    let panels = ((to - from).abs() / panel).ceil().max(1.0);
    let half_width = 0.5 * (to - from) / panels;
    (0..panels as usize).flat_map(move |i| {
        let middle = from + half_width * (2.0 * i as f64 + 1.0);
        GAUSS_LEGENDRE_16.iter().flat_map(move |&(node, weight)| {
            let (offset, weight) = (half_width * node, half_width * weight);
            [(middle - offset, weight), (middle + offset, weight)]
        })
    })
}

/// Nodes x and weights w of the Gauss-Hermite rule for the normal law, Σ w f(x) ≈ ∫ f(x) exp(−x²/2)/√(2π) dx, in rising
/// order: exact for polynomials up to degree 2·`count` − 1.
///
/// The nodes are the eigenvalues of the tridiagonal matrix with √1, √2, … beside an empty diagonal, the weights the
/// squares of the first entries of its eigenvectors (G. H. Golub and J. H. Welsch, Math. Comp. 23 (1969) 221,
/// doi 10.1090/S0025-5718-69-99647-1).
pub(crate) fn gauss_hermite(count: usize) -> Vec<(f64, f64)> {
    let mut matrix = vec![0.0; count * count];
    for i in 1..count {
        matrix[(i - 1) * count + i] = (i as f64).sqrt(); // lower triangle, column by column
    }
    let (values, vectors) =
        symmetric_eigen(count, &matrix).expect("the eigenvalues of a finite symmetric matrix");
    let rule: Vec<(f64, f64)> = (0..count)
        .map(|i| (values[i], vectors[i * count].powi(2)))
        .collect();
    // The rule is symmetric; the average with its mirror image takes the rounding errors out of the odd moments.
    (rule.iter().zip(rule.iter().rev()))
        .map(|(a, b)| (0.5 * (a.0 - b.0), 0.5 * (a.1 + b.1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_for_polynomials_up_to_degree_31() {
        for degree in [0, 1, 7, 31] {
            let found = gauss_legendre_panels(0.0, 2.0, 10.0, |x| x.powi(degree));
            let exact = 2f64.powi(degree + 1) / f64::from(degree + 1);
            assert!((found / exact - 1.0).abs() < 1e-13, "degree {degree}");
        }
    }

    #[test]
    fn panels_tile_the_interval() {
        let found = gauss_legendre_panels(0.0, 30.0, 0.7, f64::cos);
        assert!((found - 30f64.sin()).abs() < 1e-13);
        assert_eq!(gauss_legendre_panels(1.0, 1.0, 0.1, f64::exp), 0.0);
    }

    #[test]
    fn gauss_hermite_has_the_moments_of_the_normal_law() {
        for count in [1, 2, 3, 8, 21] {
            let rule = gauss_hermite(count);
            let mut exact = 1.0; // (d − 1)!!
            // higher moments of many nodes hang on weights far below the rounding of the eigenvectors
            for degree in (0..(2 * count as i32).min(24)).step_by(2) {
                exact *= f64::from((degree - 1).max(1));
                let found: f64 = rule.iter().map(|(x, w)| w * x.powi(degree)).sum();
                assert!((found / exact - 1.0).abs() < 1e-11, "{count} {degree}");
                let odd: f64 = rule.iter().map(|(x, w)| w * x.powi(degree + 1)).sum();
                assert!(odd.abs() < 1e-13 * exact, "{count} {degree}");
            }
        }
        // The three-point rule is known in closed form: 0 and ±√3 with weights 2/3 and 1/6.
        let [(left, light), (middle, heavy), (right, _)] = gauss_hermite(3)[..] else {
            panic!("three nodes");
        };
        assert!((left + 3f64.sqrt()).abs() < 1e-14 && left == -right && middle == 0.0);
        assert!((light - 1.0 / 6.0).abs() < 1e-14 && (heavy - 2.0 / 3.0).abs() < 1e-14);
    }
}
