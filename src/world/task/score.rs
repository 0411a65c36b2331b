//! The score of a finding against the pristine truth.

use super::Task;
use super::calibration::Calibration;
use super::counting::Counting;
use super::domains::Domains;
use super::finding::Finding;
use super::places::Places;
use super::point_defects::PointDefects;
use super::polarisation::Polarisation;
use super::truth::Truth;
use crate::error::{Error, Result};
use crate::metric::normalised;
use serde::{Deserialize, Serialize};

/// Scores findings; holds the truth and shows none of it.
#[derive(Clone)]
pub struct Scorer {
    places: Places,
    rule: Rule,
    /// Score that is given no credit: that of the best answer that looks at nothing.
    zero: f64,
}

#[derive(Clone)]
enum Rule {
    PointDefects(PointDefects),
    Domains(Domains),
    Polarisation(Polarisation),
    Counting(Counting),
}

/// Everything that is said about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Quality in `[0, 1]`, as [`Scorer::quality`].
    pub quality: f64,
    /// Share of the places for which an answer counts.
    pub answered: f64,
    /// The numbers of the task.
    pub details: Details,
    /// How honest the stated uncertainties are; `None` without answers.
    pub calibration: Option<Calibration>,
}

/// The numbers behind a quality, before the zero is set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// A claim is an answer with positive log-odds; it is right at a defect of its class.
    PointDefects {
        /// Average precision of "defect or not".
        average_precision: f64,
        /// Share of the claims that are right, 0 without claims.
        precision: f64,
        /// Share of the defects that are claimed, 0 without defects.
        recall: f64,
        /// Harmonic mean of both, `2 right / (claims + defects)`.
        f1: f64,
    },
    /// Over the classes that occur.
    Domains {
        /// Mean intersection over union.
        mean_intersection_over_union: f64,
        /// What the best labels that look at nothing get.
        chance: f64,
        /// Share of the places with the right label.
        accuracy: f64,
    },
    /// In the unit of the world.
    Polarisation {
        /// Root of the mean squared length of the error.
        root_mean_square_error: f64,
        /// The same for the mean of the truth.
        spread: f64,
    },
    /// In atoms, or fractions.
    Counting {
        /// Mean absolute error.
        mean_absolute_error: f64,
        /// The same for the median of the truth.
        error_of_median: f64,
        /// Share of the places whose number is right after rounding; `None` unless all true numbers are whole.
        exact: Option<f64>,
    },
}

impl Scorer {
    /// Takes charge of a truth.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the part of the truth: lists of different length, a label without a class, numbers that
    /// are not finite, places that coincide or lie more than 1000 Å from the first.
    pub fn new(truth: Truth) -> Result<Self> {
        truth.check()?;
        let places = Places::new(truth.positions())?;
        let rule = match truth {
            Truth::PointDefects { defects, .. } => Rule::PointDefects(PointDefects::new(defects)),
            Truth::Domains {
                labels, classes, ..
            } => Rule::Domains(Domains::new(labels, classes)),
            Truth::Polarisation { vectors, .. } => Rule::Polarisation(Polarisation::new(vectors)?),
            Truth::Counting { numbers, .. } => Rule::Counting(Counting::new(numbers)?),
        };
        let zero = match &rule {
            Rule::PointDefects(rule) => rule.zero(),
            Rule::Domains(rule) => rule.zero(),
            Rule::Polarisation(rule) => rule.zero(),
            Rule::Counting(rule) => rule.zero(),
        };
        Ok(Self { places, rule, zero })
    }

    /// Gives no credit for `prior` either: what can be said before the first electron, by place, from the briefing alone
    /// (defects on one element only, a known mean thickness profile). The zero of the scale rises to its score if that is
    /// higher than the one of the best answer that is alike at all places.
    ///
    /// # Errors
    /// As [`quality`](Self::quality).
    pub fn above(mut self, prior: &Finding) -> Result<Self> {
        let score = self.score(prior, &self.matched(prior)?)?;
        self.zero = self.zero.max(score);
        Ok(self)
    }

    /// The task.
    pub const fn task(&self) -> Task {
        match self.rule {
            Rule::PointDefects(_) => Task::PointDefects,
            Rule::Domains(_) => Task::Domains,
            Rule::Polarisation(_) => Task::Polarisation,
            Rule::Counting(_) => Task::Counting,
        }
    }

    /// Quality `clip((score − zero) / (1 − zero), 0, 1)`; the [module](super) lists scores and zeros. It is 0 for every finding
    /// when there is nothing to tell apart: no defect or nothing else, one class, all vectors or numbers alike.
    ///
    /// # Errors
    /// [`Error::Argument`] for a finding of another task, for a belief that [`Finding::check`] refuses, and for probabilities
    /// of another number of classes than the world has.
    pub fn quality(&self, finding: &Finding) -> Result<f64> {
        self.quality_of(finding, &self.matched(finding)?)
    }

    /// Quality, the numbers behind it, and the calibration of the stated uncertainties.
    ///
    /// # Errors
    /// As [`quality`](Self::quality).
    pub fn report(&self, finding: &Finding) -> Result<Report> {
        let matched = self.matched(finding)?;
        let (details, calibration) = match (&self.rule, finding) {
            (Rule::PointDefects(rule), Finding::PointDefects(answers)) => {
                rule.details(&self.places, answers, &matched)?
            }
            (Rule::Domains(rule), Finding::Domains(answers)) => rule.details(answers, &matched),
            (Rule::Polarisation(rule), Finding::Polarisation(answers)) => {
                rule.details(answers, &matched)
            }
            (Rule::Counting(rule), Finding::Counting(answers)) => rule.details(answers, &matched),
            _ => return Err(self.wrong_task(finding)),
        };
        Ok(Report {
            quality: self.quality_of(finding, &matched)?,
            answered: matched.iter().flatten().count() as f64 / matched.len().max(1) as f64,
            details,
            calibration,
        })
    }

    /// For every place the answer that counts, if the finding can be scored at all.
    fn matched(&self, finding: &Finding) -> Result<Vec<Option<usize>>> {
        finding.check()?;
        if let (Rule::Domains(rule), Finding::Domains(answers)) = (&self.rule, finding) {
            rule.check(answers)?;
        }
        Ok(match finding {
            Finding::PointDefects(answers) => self.places.matched(answers),
            Finding::Domains(answers) => self.places.matched(answers),
            Finding::Polarisation(answers) => self.places.matched(answers),
            Finding::Counting(answers) => self.places.matched(answers),
        })
    }

    fn quality_of(&self, finding: &Finding, matched: &[Option<usize>]) -> Result<f64> {
        let score = self.score(finding, matched)?;
        if self.zero < 1.0 {
            normalised(score, self.zero)
        } else {
            Ok(0.0)
        }
    }

    fn score(&self, finding: &Finding, matched: &[Option<usize>]) -> Result<f64> {
        match (&self.rule, finding) {
            (Rule::PointDefects(rule), Finding::PointDefects(answers)) => {
                rule.score(answers, matched)
            }
            (Rule::Domains(rule), Finding::Domains(answers)) => Ok(rule.score(answers, matched)),
            (Rule::Polarisation(rule), Finding::Polarisation(answers)) => {
                Ok(rule.score(answers, matched))
            }
            (Rule::Counting(rule), Finding::Counting(answers)) => Ok(rule.score(answers, matched)),
            _ => Err(self.wrong_task(finding)),
        }
    }

    fn wrong_task(&self, finding: &Finding) -> Error {
        let found = format!("an answer to {}", finding.task());
        Error::argument("finding", found, format!("an answer to {}", self.task()))
    }
}

/// Says what is scored and nothing of the truth.
impl std::fmt::Debug for Scorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Scorer");
        text.field("task", &self.task()).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::PointDefects {
                average_precision,
                precision,
                recall,
                f1,
            } => write!(
                f,
                "average precision {average_precision:.3}, F1 {f1:.3} (precision {precision:.3}, recall {recall:.3})"
            ),
            Self::Domains {
                mean_intersection_over_union,
                chance,
                accuracy,
            } => write!(
                f,
                "mean IoU {mean_intersection_over_union:.3} (chance {chance:.3}), accuracy {accuracy:.3}"
            ),
            Self::Polarisation {
                root_mean_square_error,
                spread,
            } => {
                write!(f, "RMSE {root_mean_square_error:.4} (spread {spread:.4})")
            }
            Self::Counting {
                mean_absolute_error,
                error_of_median,
                exact,
            } => {
                write!(
                    f,
                    "MAE {mean_absolute_error:.4} (median {error_of_median:.4})"
                )?;
                exact.map_or(Ok(()), |exact| write!(f, ", {:.1} % exact", 100.0 * exact))
            }
        }
    }
}
