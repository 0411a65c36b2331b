//! Polarisation or displacement: a vector for every place.

use super::belief::VectorBelief;
use super::calibration::Calibration;
use super::score::Details;
use crate::error::{Error, Result};

/// The vectors of the places.
#[derive(Debug, Clone)]
pub(super) struct Polarisation {
    vectors: Vec<[f64; 2]>,
    /// Root mean square of the truth about its mean: the error of the best constant answer.
    spread: f64,
}

impl Polarisation {
    pub(super) fn new(vectors: Vec<[f64; 2]>) -> Result<Self> {
        let count = vectors.len().max(1) as f64;
        let mean = [0, 1].map(|axis| vectors.iter().map(|v| v[axis]).sum::<f64>() / count);
        let spread = root_mean_square(vectors.iter().map(|v| difference(&mean, v)));
        if !spread.is_finite() {
            let allowed = "vectors whose squares can be summed";
            return Err(Error::argument(
                "truth.vectors",
                "an infinite spread",
                allowed,
            ));
        }
        Ok(Self { vectors, spread })
    }

    /// Score of the mean of the truth at every place. A field without variation has nothing to be found out.
    pub(super) fn zero(&self) -> f64 {
        if self.spread > 0.0 { 0.0 } else { 1.0 }
    }

    fn error(&self, answers: &[VectorBelief], matched: &[Option<usize>]) -> f64 {
        let pairs = matched.iter().zip(&self.vectors);
        // a place without an answer is one without polarisation: the mean would tell something about the truth
        let answer = |answer: &Option<usize>| answer.map_or([0.0; 2], |i| answers[i].vector);
        root_mean_square(pairs.map(|(index, truth)| difference(&answer(index), truth)))
    }

    /// `1 − RMSE / RMS(truth − mean)`, not below 0, over all places.
    pub(super) fn score(&self, answers: &[VectorBelief], matched: &[Option<usize>]) -> f64 {
        if self.spread > 0.0 {
            (1.0 - self.error(answers, matched) / self.spread).max(0.0)
        } else {
            0.0
        }
    }

    pub(super) fn details(
        &self,
        answers: &[VectorBelief],
        matched: &[Option<usize>],
    ) -> (Details, Option<Calibration>) {
        let details = Details::Polarisation {
            root_mean_square_error: self.error(answers, matched),
            spread: self.spread,
        };
        let mut stated = Vec::with_capacity(2 * self.vectors.len());
        for (index, truth) in matched.iter().zip(&self.vectors) {
            if let Some(answer) = index.map(|index| &answers[index]) {
                let error = difference(&answer.vector, truth);
                stated.extend(error.map(|component| (component, answer.variance)));
            }
        }
        (details, Calibration::of_numbers(&stated))
    }
}

fn difference(a: &[f64; 2], b: &[f64; 2]) -> [f64; 2] {
    [a[0] - b[0], a[1] - b[1]]
}

fn root_mean_square(vectors: impl Iterator<Item = [f64; 2]>) -> f64 {
    let mut count = 0_usize;
    let squares = vectors
        .inspect(|_| count += 1)
        .map(|[y, x]| y * y + x * x)
        .sum::<f64>();
    (squares / count.max(1) as f64).sqrt()
}
