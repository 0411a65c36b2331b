//! What a state of belief is worth.

/// How the worth of believing "alternative with probability p" is counted; all are convex, so no reading can lower the
/// expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// Negative entropy, p ln p + (1 − p) ln(1 − p): readings earn their mutual information with the truth, nats.
    Information,
    /// 2 max(0, p − ½): only a defensible claim of an alternative pays. No reading that cannot carry p across one half
    /// earns anything, so use it over several visits ([`GittinsTable`](super::GittinsTable)) rather than one.
    Detection,
    /// −min(p, 1 − p): minus the expected number of wrong classifications.
    Classification,
}

impl Worth {
    /// The worth of probability `p`.
    pub fn of(self, p: f64) -> f64 {
        let entropy_term = |q: f64| if q > 0.0 { q * q.ln() } else { 0.0 };
        match self {
            Self::Information => entropy_term(p) + entropy_term(1.0 - p),
            Self::Detection => 2.0 * (p - 0.5).max(0.0),
            Self::Classification => -p.min(1.0 - p),
        }
    }
}
