//! An answer: beliefs about places, each with its uncertainty.

use super::Task;
use super::belief::{Belief, LabelBelief, NumberBelief, SiteBelief, VectorBelief};
use crate::error::{Error, Result};
use crate::units::Point;

/// The current answer to the task of a world. For an analyst that knows the places, one belief per place in the order of the
/// briefing; any other list is matched to the places, at the price of looking each one up.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Which places are defects.
    PointDefects(Vec<SiteBelief>),
    /// To which class each place belongs.
    Domains(Vec<LabelBelief>),
    /// The vector at each place.
    Polarisation(Vec<VectorBelief>),
    /// The number at each place.
    Counting(Vec<NumberBelief>),
}

impl Default for Finding {
    fn default() -> Self {
        Self::empty(Task::default())
    }
}

impl Finding {
    /// An answer that says nothing.
    pub const fn empty(task: Task) -> Self {
        match task {
            Task::PointDefects => Self::PointDefects(Vec::new()),
            Task::Domains => Self::Domains(Vec::new()),
            Task::Polarisation => Self::Polarisation(Vec::new()),
            Task::Counting => Self::Counting(Vec::new()),
        }
    }

    /// The task that it answers.
    pub const fn task(&self) -> Task {
        match self {
            Self::PointDefects(_) => Task::PointDefects,
            Self::Domains(_) => Task::Domains,
            Self::Polarisation(_) => Task::Polarisation,
            Self::Counting(_) => Task::Counting,
        }
    }

    /// The beliefs about point defects; none for any other task.
    pub fn sites(&self) -> &[SiteBelief] {
        match self {
            Self::PointDefects(beliefs) => beliefs,
            _ => &[],
        }
    }

    /// Number of beliefs.
    pub fn len(&self) -> usize {
        match self {
            Self::PointDefects(beliefs) => beliefs.len(),
            Self::Domains(beliefs) => beliefs.len(),
            Self::Polarisation(beliefs) => beliefs.len(),
            Self::Counting(beliefs) => beliefs.len(),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every place of the answer with its doubt: for classes the entropy in nats, for vectors (per component) and numbers the
    /// standard deviation in their own unit.
    ///
    /// ```
    /// use dosewise::units::Point;
    /// use dosewise::world::task::{Finding, LabelBelief};
    /// let position = Point::new(1.0, 2.0);
    /// let finding = Finding::Domains(vec![LabelBelief { position, probabilities: vec![0.5, 0.5, 0.0] }]);
    /// assert_eq!(finding.doubts(), [(position, 2.0_f64.ln())]);
    /// ```
    pub fn doubts(&self) -> Vec<(Point, f64)> {
        match self {
            Self::PointDefects(beliefs) => {
                beliefs.iter().map(|b| (b.position, b.entropy())).collect()
            }
            Self::Domains(beliefs) => beliefs.iter().map(|b| (b.position, b.entropy())).collect(),
            Self::Polarisation(beliefs) => {
                let doubt = |b: &VectorBelief| (b.position, b.variance.sqrt());
                beliefs.iter().map(doubt).collect()
            }
            Self::Counting(beliefs) => {
                let doubt = |b: &NumberBelief| (b.position, b.variance.sqrt());
                beliefs.iter().map(doubt).collect()
            }
        }
    }

    /// The place with the largest doubt; the first one on ties, `None` without beliefs.
    pub fn most_uncertain(&self) -> Option<Point> {
        let largest = |doubts: &mut dyn Iterator<Item = (Point, f64)>| {
            let known = doubts.filter(|(_, doubt)| !doubt.is_nan());
            known
                .reduce(|best, next| if next.1 > best.1 { next } else { best })
                .map(|(position, _)| position)
        };
        match self {
            // the entropy of a defect falls with |log-odds|, and underflows where that still tells places apart
            Self::PointDefects(beliefs) => {
                largest(&mut beliefs.iter().map(|b| (b.position, -b.log_odds.abs())))
            }
            _ => largest(&mut self.doubts().into_iter()),
        }
    }

    /// Refuses a belief that no score can be given for.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the belief, as in `finding.domains[3].probabilities`: a position, vector or number that
    /// is not finite, log-odds that are NaN, a negative or infinite variance, probabilities that are none or do not sum to one.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::PointDefects(beliefs) => check(self.task(), beliefs),
            Self::Domains(beliefs) => check(self.task(), beliefs),
            Self::Polarisation(beliefs) => check(self.task(), beliefs),
            Self::Counting(beliefs) => check(self.task(), beliefs),
        }
    }
}

fn check<B: Belief>(task: Task, beliefs: &[B]) -> Result<()> {
    for (index, belief) in beliefs.iter().enumerate() {
        let place = belief.position();
        let fault = if place.y.is_finite() && place.x.is_finite() {
            belief.fault()
        } else {
            let found = format!("({}, {}) Å", place.y, place.x);
            Some(("position", found, "finite numbers"))
        };
        if let Some((field, found, allowed)) = fault {
            let name = format!("finding.{task}[{index}].{field}");
            return Err(Error::argument(name, found, allowed));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x: f64) -> Point {
        Point::new(0.0, x)
    }

    fn site(x: f64, log_odds: f64) -> SiteBelief {
        SiteBelief {
            position: place(x),
            log_odds,
            class: None,
        }
    }

    #[test]
    fn the_first_of_the_most_doubtful_is_named() {
        let sites = Finding::PointDefects(vec![
            site(0.0, f64::NAN),
            site(1.0, -3000.0),
            site(2.0, 2000.0), // entropies of both underflow
            site(3.0, -2000.0),
        ]);
        assert_eq!(sites.most_uncertain(), Some(place(2.0)));
        let number = |x, variance| NumberBelief {
            position: place(x),
            number: 0.0,
            variance,
        };
        let numbers = Finding::Counting(vec![number(0.0, 1.0), number(1.0, 4.0), number(2.0, 4.0)]);
        assert_eq!(numbers.most_uncertain(), Some(place(1.0)));
        assert_eq!(numbers.doubts()[2], (place(2.0), 2.0));
        for task in Task::ALL {
            let empty = Finding::empty(task);
            assert_eq!(empty.task(), task);
            assert!(empty.is_empty() && empty.most_uncertain().is_none());
            assert!(empty.check().is_ok() && empty.sites().is_empty());
        }
    }

    #[test]
    fn what_cannot_be_scored_is_refused_by_name() {
        let position = place(1.0);
        let label = |probabilities: &[f64]| {
            let probabilities = probabilities.to_vec();
            Finding::Domains(vec![LabelBelief {
                position,
                probabilities,
            }])
        };
        let vector = |vector, variance| {
            Finding::Polarisation(vec![VectorBelief {
                position,
                vector,
                variance,
            }])
        };
        let number = |number, variance| {
            Finding::Counting(vec![NumberBelief {
                position,
                number,
                variance,
            }])
        };
        let refused = [
            (
                Finding::PointDefects(vec![site(0.0, 0.0), site(0.0, f64::NAN)]),
                "point_defects[1].log_odds",
            ),
            (
                Finding::PointDefects(vec![site(f64::INFINITY, 0.0)]),
                "point_defects[0].position",
            ),
            (label(&[0.5, 0.6]), "domains[0].probabilities"),
            (label(&[1.5, -0.5]), "domains[0].probabilities"),
            (label(&[f64::NAN, 1.0]), "domains[0].probabilities"),
            (label(&[]), "domains[0].probabilities"),
            (vector([0.0, f64::NAN], 1.0), "polarisation[0].vector"),
            (vector([0.0, 0.0], -1.0), "polarisation[0].variance"),
            (number(f64::INFINITY, 1.0), "counting[0].number"),
            (number(0.0, f64::NAN), "counting[0].variance"),
            (number(0.0, f64::INFINITY), "counting[0].variance"),
        ];
        for (finding, name) in refused {
            let message = finding.check().unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("finding.{name}: found ")),
                "{message}"
            );
        }
        assert!(label(&[0.5 + 4e-6, 0.5]).check().is_ok());
        assert!(number(-3.0, 0.0).check().is_ok());
    }
}
