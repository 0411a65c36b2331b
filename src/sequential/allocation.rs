//! Who gets the next dose: the face that policies on a bank of sites have.

use super::design::BankDesign;

/// A visit to one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// Which site.
    pub site: usize,
    /// How long, in quanta.
    pub quanta: usize,
}

/// What a policy may see of a bank: beliefs and doses, never the truth.
#[derive(Debug, Clone, Copy)]
pub struct BankView<'a> {
    pub(super) design: &'a BankDesign,
    pub(super) log_odds: &'a [f64],
    pub(super) served: &'a [usize],
    pub(super) at: Option<usize>,
    pub(super) spent: usize,
}

impl<'a> BankView<'a> {
    /// The task: sites, prior, quantum, budget.
    pub fn design(self) -> &'a BankDesign {
        self.design
    }

    /// Posterior log-odds of the alternative, one a site.
    pub fn log_odds(self) -> &'a [f64] {
        self.log_odds
    }

    /// Quanta given so far, one number a site.
    pub fn served(self) -> &'a [usize] {
        self.served
    }

    /// Quanta spent so far, all sites together.
    pub fn spent(self) -> usize {
        self.spent
    }

    /// Quanta left, all sites together.
    pub fn left(self) -> usize {
        self.design.budget().saturating_sub(self.spent)
    }

    /// Shortest visit to this site, in quanta: one where the beam rests already, for that only prolongs the visit.
    pub fn shortest_visit(self, site: usize) -> usize {
        if self.at == Some(site) {
            1
        } else {
            self.design.shortest_visit()
        }
    }
}

/// A policy that divides a budget among the sites of a bank. A bank on which nothing is spent is a new one: a policy that
/// remembers forgets the last.
///
/// ```
/// use dosewise::sequential::{Allocation, BankDesign, BankView, SiteModel, Visit};
/// use dosewise::units::Seed;
///
/// /// Always looks again where it doubts most.
/// struct Doubt;
/// impl Allocation for Doubt {
///     fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
///         let doubt = |site: &usize| bank.log_odds()[*site].abs();
///         let site = (0..bank.log_odds().len()).min_by(|a, b| doubt(a).total_cmp(&doubt(b)));
///         site.map(|site| Visit { site, quanta: 1 }).into_iter().collect()
///     }
/// }
///
/// let design = BankDesign::new(64, 0.1, SiteModel::poisson(1.0, 0.5)?)?.mean_dose(40.0)?;
/// let curve = design.bank(Seed(1))?.run(&mut Doubt)?;
/// assert!(curve.final_quality() > 0.8);
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait Allocation {
    /// The next visits, in this order; none to stop and hold the answer. What exceeds the budget is cut off.
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit>;
}
