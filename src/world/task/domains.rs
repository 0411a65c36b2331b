//! Domains, phases or grains: a label for every place.

use super::belief::LabelBelief;
use super::calibration::Calibration;
use super::score::Details;
use crate::error::{Error, Result};

/// The labels of the places.
#[derive(Debug, Clone)]
pub(super) struct Domains {
    labels: Vec<usize>,
    /// Places of each class.
    sizes: Vec<usize>,
}

impl Domains {
    pub(super) fn new(labels: Vec<usize>, classes: usize) -> Self {
        let mut sizes = vec![0; classes];
        for &label in &labels {
            sizes[label] += 1;
        }
        Self { labels, sizes }
    }

    /// Mean intersection over union of the best labels that look at nothing.
    ///
    /// Labels drawn at random, class `k` with probability `a_k`, hit a share `a_k` of every class, so with class shares `π_k`
    /// the intersection over union of class `k` is `a_k π_k / (π_k + a_k (1 − π_k))`. Under `Σ a_k = 1` the mean over the `K`
    /// classes is largest for `a_k ∝ π_k / (1 − π_k)` (equal slopes, each term being concave in `a_k`), where it is
    /// `O / (K (1 + O))` with `O = Σ_k π_k / (1 − π_k)`. That is never less than what the best constant label gets,
    /// `max_k π_k / K`: with two equal classes 1/3 against 1/4, so the latter as zero would reward tossing a coin.
    pub(super) fn zero(&self) -> f64 {
        let present = self.sizes.iter().filter(|&&size| size > 0);
        let count = present.clone().count();
        if count < 2 {
            return 1.0;
        }
        let places = self.labels.len();
        let odds: f64 = present
            .map(|&size| size as f64 / (places - size) as f64)
            .sum();
        odds / (count as f64 * (1.0 + odds))
    }

    /// Refuses an answer with another number of classes than the world has.
    pub(super) fn check(&self, answers: &[LabelBelief]) -> Result<()> {
        let classes = self.sizes.len();
        let wrong = |answer: &LabelBelief| answer.probabilities.len() != classes;
        match answers.iter().position(wrong) {
            None => Ok(()),
            Some(index) => Err(Error::argument(
                format!("finding.domains[{index}].probabilities"),
                format!("{} classes", answers[index].probabilities.len()),
                format!("{classes} classes"),
            )),
        }
    }

    /// Mean intersection over union of the classes that occur in the truth. A place without an answer, or without a single
    /// most probable class, is missing from the intersection; a label of a class that does not occur is as wrong as that.
    pub(super) fn score(&self, answers: &[LabelBelief], matched: &[Option<usize>]) -> f64 {
        let mut intersections = vec![0_usize; self.sizes.len()];
        let mut claimed = vec![0_usize; self.sizes.len()];
        for (answer, &truth) in matched.iter().zip(&self.labels) {
            if let Some(label) = answer.and_then(|answer| answers[answer].label()) {
                claimed[label] += 1;
                intersections[truth] += usize::from(label == truth);
            }
        }
        let mut sum = 0.0;
        let mut present = 0_usize;
        for ((&size, claimed), intersection) in self.sizes.iter().zip(claimed).zip(intersections) {
            if size > 0 {
                sum += intersection as f64 / (size + claimed - intersection) as f64;
                present += 1;
            }
        }
        sum / present.max(1) as f64
    }

    pub(super) fn details(
        &self,
        answers: &[LabelBelief],
        matched: &[Option<usize>],
    ) -> (Details, Option<Calibration>) {
        let mut right = 0_usize;
        let mut stated = Vec::with_capacity(self.labels.len());
        let mut squares = 0.0;
        for (answer, &truth) in matched.iter().zip(&self.labels) {
            let Some(answer) = answer else { continue };
            right += usize::from(answers[*answer].label() == Some(truth));
            let probabilities = &answers[*answer].probabilities;
            let largest = probabilities.iter().copied().fold(0.0, f64::max);
            // of several first ranks each is the truth with an equal share
            let shared = probabilities.iter().filter(|&&p| p == largest).count();
            let came_true = f64::from(probabilities[truth] == largest) / shared as f64;
            stated.push((largest, came_true));
            let terms = probabilities.iter().enumerate();
            let terms = terms.map(|(class, p)| (p - f64::from(class == truth)).powi(2));
            squares += terms.sum::<f64>();
        }
        let details = Details::Domains {
            mean_intersection_over_union: self.score(answers, matched),
            chance: self.zero(),
            accuracy: right as f64 / self.labels.len().max(1) as f64,
        };
        let brier = squares / stated.len() as f64;
        (details, Calibration::of_classes(&stated, brier))
    }
}
