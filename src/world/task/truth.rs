//! What is to be found out: the specimen as it was before the first electron.

use super::Task;
use super::belief::{LabelBelief, NumberBelief, SiteBelief, VectorBelief};
use super::finding::Finding;
use crate::error::{Error, Result};
use crate::units::Point;

/// Most classes of domains that a world may have.
const MOST_CLASSES: usize = 256;

/// The pristine truth of a task, place by place. Defects that the beam makes and fields that it bleaches are not in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// Which places are defects.
    PointDefects {
        /// Where, Å.
        positions: Vec<Point>,
        /// Number of the defect class of each place, `None` for a perfect one.
        defects: Vec<Option<usize>>,
    },
    /// To which class each place belongs.
    Domains {
        /// Where, Å.
        positions: Vec<Point>,
        /// Class of each place, from 0.
        labels: Vec<usize>,
        /// How many classes the world has; not every one need occur.
        classes: usize,
    },
    /// The vector at each place.
    Polarisation {
        /// Where, Å.
        positions: Vec<Point>,
        /// Components `[y, x]`, in the unit of the world.
        vectors: Vec<[f64; 2]>,
    },
    /// The number at each place.
    Counting {
        /// Where, Å.
        positions: Vec<Point>,
        /// Atoms of the column, or a fraction.
        numbers: Vec<f64>,
    },
}

impl Truth {
    /// The task.
    pub const fn task(&self) -> Task {
        match self {
            Self::PointDefects { .. } => Task::PointDefects,
            Self::Domains { .. } => Task::Domains,
            Self::Polarisation { .. } => Task::Polarisation,
            Self::Counting { .. } => Task::Counting,
        }
    }

    /// The places, Å.
    pub fn positions(&self) -> &[Point] {
        match self {
            Self::PointDefects { positions, .. }
            | Self::Domains { positions, .. }
            | Self::Polarisation { positions, .. }
            | Self::Counting { positions, .. } => positions,
        }
    }

    /// The answer that is certain of the truth, as an oracle gives it.
    pub fn known(&self) -> Finding {
        let places = self.positions().iter().copied();
        match self {
            Self::PointDefects { defects, .. } => {
                let belief = |(position, &class): (Point, &Option<usize>)| SiteBelief {
                    position,
                    log_odds: if class.is_some() {
                        f64::INFINITY
                    } else {
                        f64::NEG_INFINITY
                    },
                    class,
                };
                Finding::PointDefects(places.zip(defects).map(belief).collect())
            }
            Self::Domains {
                labels, classes, ..
            } => {
                let belief = |(position, &label): (Point, &usize)| LabelBelief {
                    position,
                    probabilities: (0..*classes)
                        .map(|class| f64::from(class == label))
                        .collect(),
                };
                Finding::Domains(places.zip(labels).map(belief).collect())
            }
            Self::Polarisation { vectors, .. } => {
                let belief = |(position, &vector): (Point, &[f64; 2])| VectorBelief {
                    position,
                    vector,
                    variance: 0.0,
                };
                Finding::Polarisation(places.zip(vectors).map(belief).collect())
            }
            Self::Counting { numbers, .. } => {
                let belief = |(position, &number): (Point, &f64)| NumberBelief {
                    position,
                    number,
                    variance: 0.0,
                };
                Finding::Counting(places.zip(numbers).map(belief).collect())
            }
        }
    }

    /// Refuses lists of different length, labels without a class and numbers that are not finite.
    pub(super) fn check(&self) -> Result<()> {
        let (name, values, offender) = match self {
            Self::PointDefects { defects, .. } => ("defects", defects.len(), None),
            Self::Domains {
                labels, classes, ..
            } => {
                if !(1..=MOST_CLASSES).contains(classes) {
                    let allowed = format!("1..={MOST_CLASSES}");
                    return Err(Error::argument("truth.classes", classes, allowed));
                }
                let wrong = labels.iter().position(|label| label >= classes);
                let offender = wrong.map(|i| (i, labels[i].to_string(), format!("0..{classes}")));
                ("labels", labels.len(), offender)
            }
            Self::Polarisation { vectors, .. } => {
                let wrong = vectors
                    .iter()
                    .position(|v| !v.iter().all(|c| c.is_finite()));
                let offender = wrong.map(|i| (i, format!("{:?}", vectors[i]), FINITE.into()));
                ("vectors", vectors.len(), offender)
            }
            Self::Counting { numbers, .. } => {
                let wrong = numbers.iter().position(|number| !number.is_finite());
                let offender = wrong.map(|i| (i, numbers[i].to_string(), FINITE.into()));
                ("numbers", numbers.len(), offender)
            }
        };
        let places = self.positions().len();
        if values != places {
            let allowed = format!("{places}, one for each of `positions`");
            return Err(Error::argument(
                format!("truth.{name}"),
                format!("{values} values"),
                allowed,
            ));
        }
        match offender {
            None => Ok(()),
            Some((index, found, allowed)) => Err(Error::argument(
                format!("truth.{name}[{index}]"),
                found,
                allowed,
            )),
        }
    }
}

const FINITE: &str = "finite numbers";
