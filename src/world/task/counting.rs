//! Counting: a number for every place, atoms of a column or a fraction.

use super::belief::NumberBelief;
use super::calibration::Calibration;
use super::score::Details;
use crate::error::{Error, Result};

/// The numbers of the places.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    numbers: Vec<f64>,
    /// Mean absolute deviation from the median: the error of the best constant answer.
    spread: f64,
}

impl Counting {
    pub(super) fn new(numbers: Vec<f64>) -> Result<Self> {
        let mut sorted = numbers.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        // for an even number of places every value between the two middle ones is a median
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let spread = mean(numbers.iter().map(|number| (median - number).abs()));
        if !spread.is_finite() {
            let allowed = "numbers that can be summed";
            return Err(Error::argument(
                "truth.numbers",
                "an infinite spread",
                allowed,
            ));
        }
        Ok(Self { numbers, spread })
    }

    /// Score of the median at every place. Numbers that are all alike leave nothing to be found out.
    pub(super) fn zero(&self) -> f64 {
        if self.spread > 0.0 { 0.0 } else { 1.0 }
    }

    fn error(&self, answers: &[NumberBelief], matched: &[Option<usize>]) -> f64 {
        let pairs = matched.iter().zip(&self.numbers);
        // a place without an answer holds nothing
        let answer = |index: &Option<usize>| index.map_or(0.0, |i| answers[i].number);
        mean(pairs.map(|(index, truth)| (answer(index) - truth).abs()))
    }

    /// `1 − MAE / MAE of the median`, not below 0, over all places.
    pub(super) fn score(&self, answers: &[NumberBelief], matched: &[Option<usize>]) -> f64 {
        if self.spread > 0.0 {
            (1.0 - self.error(answers, matched) / self.spread).max(0.0)
        } else {
            0.0
        }
    }

    pub(super) fn details(
        &self,
        answers: &[NumberBelief],
        matched: &[Option<usize>],
    ) -> (Details, Option<Calibration>) {
        let stated: Vec<(f64, f64)> = matched
            .iter()
            .zip(&self.numbers)
            .filter_map(|(index, truth)| {
                let answer = &answers[(*index)?];
                Some((answer.number - truth, answer.variance))
            })
            .collect();
        let whole = self.numbers.iter().all(|number| number.fract() == 0.0);
        let exact = stated.iter().filter(|(error, _)| error.abs() < 0.5).count();
        let details = Details::Counting {
            mean_absolute_error: self.error(answers, matched),
            error_of_median: self.spread,
            exact: whole.then(|| exact as f64 / self.numbers.len().max(1) as f64),
        };
        (details, Calibration::of_numbers(&stated))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut count = 0_usize;
    let sum: f64 = values.inspect(|_| count += 1).sum();
    sum / count.max(1) as f64
}
