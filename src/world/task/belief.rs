//! What is believed about one place, and with how much certainty.

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
    pub(super) fn entropy(&self) -> f64 {
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
    pub(super) fn entropy(&self) -> f64 {
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

/// What scoring needs to know of a belief, whatever the task.
pub(super) trait Belief {
    /// Where, Å.
    fn position(&self) -> Point;
    /// What it says besides the place: decides, whatever the order of the list, between two that are equally near to a place.
    fn values(&self) -> Vec<f64>;
    /// The field that cannot be scored, what was found there, and what is allowed.
    fn fault(&self) -> Option<(&'static str, String, &'static str)>;
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
        let sum: f64 = self.probabilities.iter().sum();
        let fair = self.probabilities.iter().all(|p| *p >= 0.0)
            && (sum - 1.0).abs() <= PROBABILITY_TOLERANCE;
        (!fair).then(|| {
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

    fn site(log_odds: f64) -> SiteBelief {
        SiteBelief {
            position: Point::default(),
            log_odds,
            class: None,
        }
    }

    #[test]
    fn entropy_of_a_defect_is_that_of_its_probability() {
        for log_odds in [-30.0, -2.5, -0.1, 0.0, 1.0, 6.0] {
            let belief = site(log_odds);
            let p = belief.probability();
            let wanted = -p * p.ln() - (1.0 - p) * (-p).ln_1p();
            assert!((belief.entropy() - wanted).abs() < 1e-14, "{log_odds}");
        }
        for certain in [f64::INFINITY, f64::NEG_INFINITY, 1e308] {
            assert_eq!(site(certain).entropy(), 0.0);
        }
        assert_eq!(site(f64::NEG_INFINITY).probability(), 0.0);
        assert_eq!(site(f64::INFINITY).probability(), 1.0);
    }

    #[test]
    fn a_label_must_be_alone_on_the_first_rank() {
        let label = |probabilities: &[f64]| {
            let position = Point::default();
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
}
