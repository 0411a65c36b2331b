//! Several objectives made one, with other weights each time (ParEGO).

use super::dominance::rows;
use crate::acquisition::argument::not_negative;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use ndarray::ArrayView2;

/// Most objectives that are weighted.
const MOST_OBJECTIVES: usize = 1 << 16;

/// `objectives` weights, none negative, with sum one: uniform over the simplex, draw number `round` under `seed`.
///
/// ParEGO takes new weights for every measurement; a round has the same weights whenever it is asked for. Knowles draws from a
/// lattice on the simplex, here every point of it can come up.
///
/// # Errors
/// [`Error::Argument`] unless there are 1 to 2¹⁶ objectives.
///
/// ```
/// use dosewise::acquisition::multi_objective::simplex_weights;
/// use dosewise::units::Seed;
/// let weights = simplex_weights(3, Seed(1), 0)?;
/// assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15 && weights.iter().all(|&w| w >= 0.0));
/// # Ok::<(), dosewise::Error>(())
/// ```
pub fn simplex_weights(objectives: usize, seed: Seed, round: u64) -> Result<Vec<f64>> {
    if !(1..=MOST_OBJECTIVES).contains(&objectives) {
        let allowed = format!("1 to {MOST_OBJECTIVES}");
        return Err(Error::argument("objectives", objectives, allowed));
    }
    let mut stream = Stream::new(seed, Purpose::Policy, [round, objectives as u64]);
    // exponential deviates over their sum are uniform on the simplex
    let parts: Vec<f64> = (0..objectives).map(|_| stream.exponential()).collect();
    let sum: f64 = parts.iter().sum();
    Ok(match sum > 0.0 {
        true => parts.iter().map(|part| part / sum).collect(),
        false => vec![1.0 / objectives as f64; objectives],
    })
}

/// Augmented Chebyshev scalarisation `−(max_k w_k c_k + ρ Σ_k w_k c_k)` of objectives that are to be large.
///
/// `c_k = (u_k − y_k)/(u_k − l_k)` is how far objective k falls short of the best value seen, u_k, in units of the range seen;
/// an objective that has been constant so far counts with range one. The maximum alone reaches every point of a front, bent
/// either way, and the sum keeps points apart that tie in it. Fit one surrogate to the scalarised measurements and use any
/// acquisition of one objective.
///
/// Source: Knowles, *IEEE Trans. Evol. Comput.* 10, 50 (2006), equation 2 (ParEGO), with ρ = 0.05.
///
/// ```
/// use dosewise::acquisition::multi_objective::Chebyshev;
/// use ndarray::array;
/// let measured = array![[0.0, 1.0], [1.0, 0.0], [0.6, 0.6]];
/// let scalarised = Chebyshev::new(measured.view(), vec![0.5, 0.5])?.of_all(measured.view())?;
/// assert!(scalarised[2] > scalarised[0] && scalarised[2] > scalarised[1]); // equal weights like the middle
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Chebyshev {
    weights: Vec<f64>,
    best: Vec<f64>,
    range: Vec<f64>,
    augmentation: f64,
}

impl Chebyshev {
    /// Share ρ of the sum unless stated.
    pub const AUGMENTATION: f64 = 0.05;

    /// With the ranges of the `measured` values (n × k) and k `weights`.
    ///
    /// # Errors
    /// [`Error::Argument`] if nothing is measured, a value is not finite, or the weights are not k finite numbers ≥ 0 of which
    /// one is positive.
    pub fn new(measured: ArrayView2<'_, f64>, weights: Vec<f64>) -> Result<Self> {
        let rows = rows("measured", measured)?;
        if rows.is_empty() {
            return Err(Error::argument("measured", "no values", "at least one row"));
        }
        let sound = weights.iter().all(|w| w.is_finite() && *w >= 0.0);
        if weights.len() != measured.ncols() || !sound || weights.iter().all(|&w| w == 0.0) {
            return Err(Error::argument(
                "weights",
                format!("{weights:?}"),
                format!("{} finite numbers, 0 or more, not all 0", measured.ncols()),
            ));
        }
        let fold = |k: usize, pick: fn(f64, f64) -> f64, start: f64| {
            rows.iter().map(|row| row[k]).fold(start, pick)
        };
        let objectives = 0..weights.len();
        let best: Vec<f64> = objectives
            .clone()
            .map(|k| fold(k, f64::max, f64::NEG_INFINITY))
            .collect();
        let range = objectives.map(|k| {
            let range = best[k] - fold(k, f64::min, f64::INFINITY);
            if range > 0.0 { range } else { 1.0 }
        });
        Ok(Self {
            range: range.collect(),
            weights,
            best,
            augmentation: Self::AUGMENTATION,
        })
    }

    /// The same with another share ρ of the sum.
    ///
    /// # Errors
    /// [`Error::Argument`] unless it is finite and not negative.
    pub fn with_augmentation(self, augmentation: f64) -> Result<Self> {
        not_negative("augmentation", augmentation)?;
        Ok(Self {
            augmentation,
            ..self
        })
    }

    /// The scalarised value of one point with k objectives; larger is better.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the point is k finite numbers.
    pub fn of(&self, point: &[f64]) -> Result<f64> {
        if point.len() != self.weights.len() || point.iter().any(|y| !y.is_finite()) {
            return Err(Error::argument(
                "point",
                format!("{point:?}"),
                format!("{} finite numbers", self.weights.len()),
            ));
        }
        let costs =
            (0..point.len()).map(|k| self.weights[k] * (self.best[k] - point[k]) / self.range[k]);
        let (largest, sum) = costs.fold((f64::NEG_INFINITY, 0.0), |(largest, sum), cost| {
            (f64::max(largest, cost), sum + cost)
        });
        Ok(-(largest + self.augmentation * sum))
    }

    /// The scalarised values of all rows of `points` (n × k).
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn of_all(&self, points: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        points
            .rows()
            .into_iter()
            .map(|row| self.of(&row.to_vec()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn the_formula_by_hand() {
        let measured = array![[0.0, 10.0, 3.0], [2.0, 0.0, 3.0]];
        let scalar = Chebyshev::new(measured.view(), vec![0.5, 0.3, 0.2]).unwrap();
        // shortfalls 0.75, 0.4 and 1 (constant so far): weighted 0.375, 0.12 and 0.2
        let found = scalar.of(&[0.5, 6.0, 2.0]).unwrap();
        assert!((found + 0.375 + 0.05 * 0.695).abs() < 1e-15);
        let bare = scalar.with_augmentation(0.0).unwrap();
        assert!((bare.of(&[0.5, 6.0, 2.0]).unwrap() + 0.375).abs() < 1e-15);
    }

    #[test]
    fn weights_are_uniform_on_the_simplex() {
        let n = 20_000;
        let mut small = 0;
        let mut mean = [0.0; 3];
        for round in 0..n {
            let weights = simplex_weights(3, Seed(5), round).unwrap();
            mean.iter_mut()
                .zip(&weights)
                .for_each(|(m, w)| *m += w / n as f64);
            small += usize::from(weights[0] < 0.5);
        }
        // P(w < 1/2) = 1 − (1/2)² for three objectives
        assert!((small as f64 / n as f64 - 0.75).abs() < 0.01);
        assert!(mean.iter().all(|m| (m - 1.0 / 3.0).abs() < 0.006));
        assert!(simplex_weights(0, Seed(5), 0).is_err());
    }

    #[test]
    fn arguments_are_checked() {
        let measured = array![[0.0, 1.0]];
        assert!(Chebyshev::new(Array2::zeros((0, 2)).view(), vec![0.5, 0.5]).is_err());
        for weights in [
            vec![0.5],
            vec![0.0, 0.0],
            vec![-0.1, 1.1],
            vec![f64::NAN, 1.0],
        ] {
            assert!(Chebyshev::new(measured.view(), weights).is_err());
        }
        let scalar = Chebyshev::new(measured.view(), vec![0.5, 0.5]).unwrap();
        assert!(scalar.of(&[0.0]).is_err() && scalar.of(&[0.0, f64::NAN]).is_err());
        assert!(scalar.with_augmentation(-1.0).is_err());
    }
}
