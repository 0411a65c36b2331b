//! An answer: beliefs about places, each with its uncertainty.

use super::Task;
use crate::error::{Error, Result};
use crate::units::Point;

/// How far probabilities may be from summing to one.
const PROBABILITY_TOLERANCE: f64 = 1e-5;

/// Whether a place is a point defect.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteBelief {
    /// Where, Å. A belief counts for the place nearest to it, within half the distance from there to the nearest other place.
    pub position: Point,
    /// Log-odds that the place was a defect when the episode began, `ln p / (1 − p)`; may be infinite.
    pub log_odds: f64,
    /// Number, in the list of the world, of the most probable class if it is a defect.
    pub class: Option<usize>,
}

impl SiteBelief {
    /// Probability that the place is a defect.
    pub fn probability(&self) -> f64 {
        1.0 / (1.0 + (-self.log_odds).exp())
    }

    /// Whether a defect is the better bet.
    pub fn is_flagged(&self) -> bool {
        self.log_odds > 0.0
    }

    /// Entropy of "defect or not", nats.
    fn entropy(&self) -> f64 {
        let x = self.log_odds.abs();
        if x == f64::INFINITY {
            return 0.0;
        }
        // −p ln p − (1 − p) ln(1 − p) with p = 1/(1 + eˣ)
        let rest = (-x).exp();
        rest.ln_1p() + x * rest / (1.0 + rest)
    }
}

/// To which class a place belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelBelief {
    /// Where, Å.
    pub position: Point,
    /// Probability of each class of the world, in its order; sums to one within 10⁻⁵.
    pub probabilities: Vec<f64>,
}

impl LabelBelief {
    /// The most probable class; `None` when several share the first rank.
    pub fn label(&self) -> Option<usize> {
        let mut best: (Option<usize>, f64) = (None, f64::NEG_INFINITY);
        for (label, &probability) in self.probabilities.iter().enumerate() {
            if probability > best.1 {
                best = (Some(label), probability);
            } else if probability == best.1 {
                best.0 = None;
            }
        }
        best.0
    }

    /// Entropy of the label, nats.
    fn entropy(&self) -> f64 {
        let positive = self.probabilities.iter().filter(|&&p| p > 0.0);
        positive.map(|p| -p * p.ln()).sum()
    }
}

/// The vector at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorBelief {
    /// Where, Å.
    pub position: Point,
    /// Components `[y, x]`, in the unit of the world.
    pub vector: [f64; 2],
    /// Variance of each component, in the square of that unit.
    pub variance: f64,
}

/// The number at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberBelief {
    /// Where, Å.
    pub position: Point,
    /// Expected number: atoms of a column, or a fraction.
    pub number: f64,
    /// Variance of the number.
    pub variance: f64,
}

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

/// What scoring needs to know of a belief, whatever the task.
pub(super) trait Belief {
    /// Where, Å.
    fn position(&self) -> Point;
    /// What it says besides the place: decides, whatever the order of the list, between two that are equally near to a place.
    fn values(&self) -> Vec<f64>;
    /// The field that cannot be scored, what was found there, and what is allowed.
    fn fault(&self) -> Option<(&'static str, String, &'static str)>;
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

fn variance_fault(variance: f64) -> Option<(&'static str, String, &'static str)> {
    let refused = !(variance >= 0.0 && variance.is_finite());
    refused.then(|| ("variance", variance.to_string(), "a finite number from 0"))
}

impl Belief for SiteBelief {
    fn position(&self) -> Point {
        self.position
    }

    fn values(&self) -> Vec<f64> {
        vec![self.log_odds, self.class.map_or(-1.0, |class| class as f64)]
    }

    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let refused = self.log_odds.is_nan();
        refused.then(|| ("log_odds", "NaN".into(), "any number but NaN"))
    }
}

impl Belief for LabelBelief {
    fn position(&self) -> Point {
        self.position
    }

    fn values(&self) -> Vec<f64> {
        self.probabilities.clone()
    }

    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let negative = self.probabilities.iter().any(|p| !(*p >= 0.0));
        let sum: f64 = self.probabilities.iter().sum();
        let refused = negative || !((sum - 1.0).abs() <= PROBABILITY_TOLERANCE);
        refused.then(|| {
            let found = format!("{:?}", self.probabilities);
            ("probabilities", found, "numbers from 0 that sum to 1")
        })
    }
}

impl Belief for VectorBelief {
    fn position(&self) -> Point {
        self.position
    }

    fn values(&self) -> Vec<f64> {
        vec![self.vector[0], self.vector[1], self.variance]
    }

    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        if self.vector.iter().all(|component| component.is_finite()) {
            variance_fault(self.variance)
        } else {
            Some(("vector", format!("{:?}", self.vector), "finite numbers"))
        }
    }
}

impl Belief for NumberBelief {
    fn position(&self) -> Point {
        self.position
    }

    fn values(&self) -> Vec<f64> {
        vec![self.number, self.variance]
    }

    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        if self.number.is_finite() {
            variance_fault(self.variance)
        } else {
            Some(("number", self.number.to_string(), "a finite number"))
        }
    }
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
    fn entropy_of_a_defect_is_that_of_its_probability() {
        for log_odds in [-30.0, -2.5, -0.1, 0.0, 1.0, 6.0] {
            let belief = site(0.0, log_odds);
            let p = belief.probability();
            let wanted = -p * p.ln() - (1.0 - p) * (-p).ln_1p();
            assert!((belief.entropy() - wanted).abs() < 1e-14, "{log_odds}");
        }
        for certain in [f64::INFINITY, f64::NEG_INFINITY, 1e308] {
            assert_eq!(site(0.0, certain).entropy(), 0.0);
        }
        assert_eq!(site(0.0, f64::NEG_INFINITY).probability(), 0.0);
        assert_eq!(site(0.0, f64::INFINITY).probability(), 1.0);
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
    fn a_label_must_be_alone_on_the_first_rank() {
        let label = |probabilities: &[f64]| {
            let position = place(0.0);
            let probabilities = probabilities.to_vec();
            let belief = LabelBelief {
                position,
                probabilities,
            };
            belief.label()
        };
        assert_eq!(label(&[0.2, 0.5, 0.3]), Some(1));
        assert_eq!(label(&[0.4, 0.2, 0.4]), None);
        assert_eq!(label(&[0.3, 0.3, 0.4]), Some(2));
        assert_eq!(label(&[]), None);
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
