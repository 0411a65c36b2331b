//! What a column can be and what the beam makes of it: a small hidden Markov model per kind of column.

use crate::stem::Element;
use crate::world::{Briefing, Defect};

/// What a column looks like: which atoms are there now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Appearance {
    pub(super) element: Element,
    pub(super) atoms: u8,
}

/// What a column was when the episode began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hypothesis {
    pub(super) defect: Option<Defect>,
    /// Prior probability at the world's mean density.
    pub(super) prior: f64,
    /// Index of the hypothesis's first state: nothing lost yet. The next states have lost one atom more each.
    first_state: usize,
    states: usize,
    /// Cross section for losing an atom, Å².
    cross_section: f64,
}

/// The hidden states of the columns of one element.
///
/// This is the damage-aware filter: with two hypotheses of one atom each it reduces to the four messages (null or
/// defect, intact or damaged) of a two-state site.
#[derive(Debug, Clone)]
pub(super) struct SiteStates {
    pub(super) element: Element,
    pub(super) atoms: u8,
    pub(super) appearances: Vec<Appearance>,
    pub(super) hypotheses: Vec<Hypothesis>,
    /// For each state, the index of its appearance.
    appearance_of: Vec<usize>,
}

impl SiteStates {
    pub(super) fn new(briefing: &Briefing, element: Element, atoms: u8) -> Self {
        let classes = briefing.classes.iter().filter(|c| c.element == element);
        let defects = classes.map(|c| match c.defect {
            Defect::Vacancy { removed } => (
                Some(c.defect),
                element,
                atoms.saturating_sub(removed),
                c.density,
            ),
            Defect::Substitution { with } => (Some(c.defect), with, atoms, c.density),
        });
        let pristine = (None, element, atoms, 1.0 - briefing.prevalence(element));
        let mut states = Self {
            element,
            atoms,
            appearances: Vec::new(),
            hypotheses: Vec::new(),
            appearance_of: Vec::new(),
        };
        for (defect, now, present, prior) in std::iter::once(pristine).chain(defects) {
            let cross_section = briefing.cross_section(now);
            let first_state = states.appearance_of.len();
            let fewest = if cross_section > 0.0 { 0 } else { present };
            for remaining in (fewest..=present).rev() {
                let appearance = Appearance {
                    element: now,
                    atoms: remaining,
                };
                let known = states.appearances.iter().position(|a| *a == appearance);
                states
                    .appearance_of
                    .push(known.unwrap_or(states.appearances.len()));
                if known.is_none() {
                    states.appearances.push(appearance);
                }
            }
            let count = states.appearance_of.len() - first_state;
            states.hypotheses.push(Hypothesis {
                defect,
                prior,
                first_state,
                states: count,
                cross_section,
            });
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
        into.resize(self.appearances.len(), 0.0);
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
