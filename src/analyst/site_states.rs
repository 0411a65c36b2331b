//! What a column can be and what the beam makes of it: a small hidden Markov model per kind of column.

use crate::world::SiteKind;

/// What a column was when the episode began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hypothesis {
    /// Number of the defect class, if it was a defect.
    pub(super) class: Option<usize>,
    /// What a task of counting asks for.
    pub(super) number: f64,
    /// Prior probability at the world's mean density.
    pub(super) prior: f64,
    /// Index of the hypothesis's first state: nothing lost yet. The next states have lost one atom more each.
    first_state: usize,
    states: usize,
    /// Cross section for losing an atom, Å².
    cross_section: f64,
}

/// The hidden states of the columns of one kind.
///
/// This is the damage-aware filter: with two hypotheses of one atom each it reduces to the four messages (null or
/// defect, intact or damaged) of a two-state site.
#[derive(Debug, Clone)]
pub(super) struct SiteStates {
    pub(super) hypotheses: Vec<Hypothesis>,
    /// Number of appearances of the kind.
    pub(super) appearances: usize,
    /// For each state, the index of its appearance.
    appearance_of: Vec<usize>,
}

impl SiteStates {
    pub(super) fn new(kind: &SiteKind) -> Self {
        let mut states = Self {
            appearances: kind.appearances.len(),
            hypotheses: Vec::new(),
            appearance_of: Vec::new(),
        };
        for hypothesis in &kind.hypotheses {
            states.hypotheses.push(Hypothesis {
                class: hypothesis.class,
                number: hypothesis.number,
                prior: hypothesis.prior,
                first_state: states.appearance_of.len(),
                states: hypothesis.chain.len(),
                cross_section: hypothesis.cross_section,
            });
            states.appearance_of.extend(&hypothesis.chain);
        }
        states
    }

    /// Number of hidden states.
    pub(super) fn len(&self) -> usize {
        self.appearance_of.len()
    }

    /// Log-messages before anything was seen: every hypothesis starts with nothing lost.
    pub(super) fn initial_messages(&self) -> Vec<f64> {
        let mut messages = vec![f64::NEG_INFINITY; self.len()];
        for hypothesis in &self.hypotheses {
            messages[hypothesis.first_state] = 0.0;
        }
        messages
    }

    /// Lets `dose` (e⁻/Å², local) pass: each atom present leaves with probability 1 − exp(−σ·dose), independently.
    pub(super) fn wear(&self, messages: &mut [f64], dose: f64) {
        for hypothesis in &self.hypotheses {
            if hypothesis.states < 2 || hypothesis.cross_section * dose <= 0.0 {
                continue;
            }
            let chain = &mut messages[hypothesis.first_state..][..hypothesis.states];
            let atoms = hypothesis.states - 1;
            let stay = (-hypothesis.cross_section * dose).exp();
            let highest = chain.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = chain.iter().map(|m| (m - highest).exp()).collect();
            for (lost, message) in chain.iter_mut().enumerate() {
                let arriving: f64 = (0..=lost)
                    .map(|before| {
                        weights[before] * binomial(atoms - before, lost - before, 1.0 - stay)
                    })
                    .sum();
                *message = arriving.ln() + highest;
            }
        }
    }

    /// Adds the log-likelihood of each appearance.
    pub(super) fn see(&self, messages: &mut [f64], log_likelihood: &[f64]) {
        for (message, &appearance) in messages.iter_mut().zip(&self.appearance_of) {
            *message += log_likelihood[appearance];
        }
    }

    /// Log-evidence of each hypothesis.
    pub(super) fn evidence(&self, messages: &[f64]) -> Vec<f64> {
        let chain = |h: &Hypothesis| log_sum_exp(&messages[h.first_state..][..h.states]);
        self.hypotheses.iter().map(chain).collect()
    }

    /// Probability of each appearance, given the log-prior of each hypothesis.
    pub(super) fn appearance_probabilities(
        &self,
        messages: &[f64],
        log_prior: &[f64],
        into: &mut Vec<f64>,
    ) {
        into.clear();
        into.resize(self.appearances, 0.0);
        let weighted = |h: usize, s: usize| messages[s] + log_prior[h];
        let states = || {
            self.hypotheses.iter().enumerate().flat_map(|(h, hyp)| {
                (hyp.first_state..hyp.first_state + hyp.states).map(move |s| (h, s))
            })
        };
        let highest = states()
            .map(|(h, s)| weighted(h, s))
            .fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        for (h, s) in states() {
            let weight = (weighted(h, s) - highest).exp();
            into[self.appearance_of[s]] += weight;
            total += weight;
        }
        into.iter_mut().for_each(|p| *p /= total);
    }
}

/// Probability that `hits` of `n` independent trials succeed.
fn binomial(n: usize, hits: usize, p: f64) -> f64 {
    let ways: f64 = (0..hits).map(|i| (n - i) as f64 / (i + 1) as f64).product();
    ways * p.powi(hits as i32) * (1.0 - p).powi((n - hits) as i32)
}

/// ln Σ exp, safe far from zero.
pub(super) fn log_sum_exp(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        return highest;
    }
    highest + values.iter().map(|v| (v - highest).exp()).sum::<f64>().ln()
}
