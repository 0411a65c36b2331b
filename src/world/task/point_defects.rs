//! Point defects: a ranking, claims with a class, and how honest the log-odds are.

use super::belief::SiteBelief;
use super::calibration::Calibration;
use super::places::Places;
use super::score::Details;
use crate::error::Result;
use crate::metric::average_precision_with_missed;

/// The defects among the places.
#[derive(Debug, Clone)]
pub(super) struct PointDefects {
    defects: Vec<Option<usize>>,
    count: usize,
}

impl PointDefects {
    pub(super) fn new(defects: Vec<Option<usize>>) -> Self {
        let count = defects.iter().flatten().count();
        Self { defects, count }
    }

    /// Average precision of a constant log-odds: the prevalence. Without any defect nothing can be told apart.
    ///
    /// A ranking at random has a little more on average, about `H_n / n` with the harmonic number `H_n` (0.004 for 2000
    /// places), because it is never tied: Bestgen, *Prague Bull. Math. Linguist.* 103, 131 (2015).
    pub(super) fn zero(&self) -> f64 {
        if self.count == 0 {
            1.0
        } else {
            self.count as f64 / self.defects.len() as f64
        }
    }

    /// Whether each answer counts for a place that is a defect. Second answers for a place, and those at no place, do not.
    fn hits(&self, answers: &[SiteBelief], matched: &[Option<usize>]) -> Vec<bool> {
        let mut hits = vec![false; answers.len()];
        for (answer, defect) in matched.iter().zip(&self.defects) {
            if let Some(answer) = answer {
                hits[*answer] = defect.is_some();
            }
        }
        hits
    }

    /// Average precision of the ranking by log-odds; defects that no answer reaches are missed.
    pub(super) fn score(&self, answers: &[SiteBelief], matched: &[Option<usize>]) -> Result<f64> {
        let scores: Vec<f64> = answers.iter().map(|answer| answer.log_odds).collect();
        let hits = self.hits(answers, matched);
        let missed = self.count - hits.iter().filter(|&&hit| hit).count();
        Ok(average_precision_with_missed(&scores, &hits, missed)?.unwrap_or(0.0))
    }

    /// A claim is an answer with a positive log-odds. It is right at a defect of its class, once per defect; as no two places
    /// reach the same point, that is the largest one-to-one matching.
    pub(super) fn details(
        &self,
        places: &Places,
        answers: &[SiteBelief],
        matched: &[Option<usize>],
    ) -> Result<(Details, Option<Calibration>)> {
        let mut found = vec![false; self.defects.len()];
        let mut claims = 0_usize;
        for (answer, place) in answers.iter().zip(places.of(answers)) {
            if !answer.is_flagged() {
                continue;
            }
            claims += 1;
            if let Some(place) = place
                && self.defects[place].is_some()
                && self.defects[place] == answer.class
            {
                found[place] = true;
            }
        }
        let right = found.iter().filter(|&&found| found).count() as f64;
        let share = |of: usize| if of == 0 { 0.0 } else { right / of as f64 };
        let details = Details::PointDefects {
            average_precision: self.score(answers, matched)?,
            precision: share(claims),
            recall: share(self.count),
            f1: 2.0 * right / (claims + self.count).max(1) as f64,
        };

        let hits = self.hits(answers, matched);
        let mut stated: Vec<(f64, f64)> = answers
            .iter()
            .zip(hits)
            .map(|(answer, hit)| (answer.probability(), f64::from(hit)))
            .collect();
        // sums do not depend on the order of the list
        stated.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let squares = stated.iter().map(|(p, truth)| (p - truth) * (p - truth));
        let brier = squares.sum::<f64>() / stated.len() as f64;
        Ok((details, Calibration::of_classes(&stated, brier)))
    }
}
