//! What is known of every site of a bank while dose is spent on it.

use super::allocation::BankView;
use super::design::BankDesign;
use super::filter::{SiteFilter, log_odds, probability};
use super::neighbours::Neighbours;
use crate::error::{Error, Result};

/// Beliefs that depend on neighbours are read again after one part in this many of the budget.
const REFRESHES: usize = 200;

/// The filters of all sites of a bank and the posterior they give: what stands between an instrument and an
/// [`Allocation`](super::Allocation).
///
/// ```
/// use dosewise::sequential::{Allocation, BankDesign, Beliefs, Racing, SequentialTest, SiteModel};
///
/// // Nine wells of a plate, one of them bright; a reading of a second is 0 or 1 volt with a variance of 2 V² s.
/// let plate = BankDesign::new(9, 0.1, SiteModel::gaussian(0.0, 1.0, 2.0)?)?.quantum(1.0)?.mean_dose(60.0)?;
/// let noise = |second: usize| if second % 2 == 0 { 0.8 } else { -0.8 };
/// let read = |well: usize, second: usize| f64::from(u8::from(well == 4)) + noise(second);
/// let mut policy = Racing::new(SequentialTest::by_posterior(0.01, 0.99)?);
/// let mut beliefs = Beliefs::new(&plate);
/// while beliefs.view().log_odds().iter().any(|x| x.abs() < 4.5) {
///     for visit in policy.next(beliefs.view()) {
///         let second = beliefs.view().served()[visit.site];
///         beliefs.observe(visit.site, read(visit.site, second))?;
///     }
/// }
/// assert!(beliefs.view().log_odds()[4] > 4.5 && beliefs.view().log_odds()[3] < -4.5);
/// assert!(beliefs.view().left() > 0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Beliefs {
    design: BankDesign,
    filters: Vec<SiteFilter>,
    served: Vec<usize>,
    prior_log_odds: Vec<f64>,
    log_odds: Vec<f64>,
    /// Where the beam rests.
    at: Option<usize>,
    spent: usize,
    /// Quanta spent when a policy last asked for beliefs that depend on neighbours.
    asked: usize,
}

impl Beliefs {
    /// Nothing seen yet: every site at its prior.
    pub fn new(design: &BankDesign) -> Self {
        let start = vec![log_odds(design.prior()); design.sites()];
        let mut beliefs = Self {
            design: design.clone(),
            filters: vec![SiteFilter::default(); design.sites()],
            served: vec![0; design.sites()],
            prior_log_odds: start.clone(),
            log_odds: start,
            at: None,
            spent: 0,
            asked: 0,
        };
        beliefs.ask_neighbours();
        beliefs
    }

    /// What a policy may see. On clustered banks the neighbours are asked again each 0.5 % of the budget.
    pub fn view(&mut self) -> BankView<'_> {
        if self.spent - self.asked >= (self.design.budget() / REFRESHES).max(1) {
            self.asked = self.spent;
            self.ask_neighbours();
        }
        self.view_as_is()
    }

    /// The same without asking the neighbours.
    pub(super) fn view_as_is(&self) -> BankView<'_> {
        BankView {
            design: &self.design,
            log_odds: &self.log_odds,
            served: &self.served,
            at: self.at,
            spent: self.spent,
        }
    }

    /// Takes in the reading of one quantum at `site`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such site or no visit can show this reading.
    pub fn observe(&mut self, site: usize, reading: f64) -> Result<()> {
        let Some(filter) = self.filters.get_mut(site) else {
            let allowed = format!("below {}", self.design.sites());
            return Err(Error::argument("site", site, allowed));
        };
        filter.observe(self.design.site(), self.design.quantum_dose(), reading)?;
        self.log_odds[site] = self.prior_log_odds[site] + filter.log_likelihood_ratio();
        self.served[site] += 1;
        self.at = Some(site);
        self.spent += 1;
        Ok(())
    }

    /// Evidence and beliefs of one site.
    pub fn filter(&self, site: usize) -> Option<&SiteFilter> {
        self.filters.get(site)
    }

    /// Lets the evidence of every site count for its neighbours, on banks where it does.
    pub(super) fn ask_neighbours(&mut self) {
        let Some((coupling, neighbours)) = self.design.coupling() else {
            return;
        };
        let ratios: Vec<f64> = self
            .filters
            .iter()
            .map(SiteFilter::log_likelihood_ratio)
            .collect();
        let beliefs: Vec<f64> = match neighbours {
            Neighbours::Afresh => coupling.without_neighbours(&ratios),
            Neighbours::Lingering if self.spent == 0 => vec![coupling.prior(); ratios.len()],
            Neighbours::Lingering => self.log_odds.iter().map(|x| probability(*x)).collect(),
        };
        self.prior_log_odds = coupling.prior_log_odds(beliefs, &ratios);
        let both = self.prior_log_odds.iter().zip(&ratios);
        self.log_odds = both.map(|(prior, ratio)| prior + ratio).collect();
    }
}
