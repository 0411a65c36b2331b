//! The dose index: serve the column that promises the most information per electron.

use super::columns::dithered;
use super::outlook::{IndexTable, Outlook};
use super::{Navigator, Step, View};
use crate::error::{Error, Result};
use crate::units::Dose;
use crate::world::Scan;
use std::collections::HashMap;

/// How long to look, column by column: sequential testing with revisits.
///
/// The index of a column with defect probability p after local dose D is
///
/// a = max over visits d of [H(p) − E H(p′(n, d))] / d,
///
/// the expected information (nats) of the count n of a visit of d electrons, per electron. The predictive mixes the
/// intact and the worn column, f_z(n | d) = S_z·Poisson(λ_z d) + (1 − S_z)·Poisson(λ_z^worn d), with the survival
/// S_z = exp(−σ m_z D′) of its m_z atoms at the middle of the visit; so evidence that damage would blur is not bought. The
/// columns of highest index are visited first, with the visit that attains it; a column that has had its share of dose
/// (`cap` times 1/(σ m)) is left alone; when no column is worth an electron, the navigator stops.
///
/// Source: expected information per unit cost as in Chaloner & Verdinelli, Statistical Science 10 (1995) 273; sequential
/// testing as in Wald, Ann. Math. Statist. 16 (1945) 117.
#[derive(Debug, Clone)]
pub struct DoseIndex {
    quantum: f64,
    batch: f64,
    cap: f64,
    /// Electrons of one quantum; known once the world is.
    smallest_visit: f64,
    sites: Vec<SiteMemory>,
    /// Columns of one kind under the same suspicion share a table.
    tables: HashMap<(usize, Option<usize>), IndexTable>,
}

/// The index of a site, the visit that attains it, and how often it has been visited.
#[derive(Debug, Clone, Copy)]
struct SiteMemory {
    index: f64,
    electrons: f64,
    visits: usize,
}

impl Default for DoseIndex {
    /// Quanta of two detected electrons on the faintest perfect column, batches of 0.5 % of the budget, cap 0.4.
    fn default() -> Self {
        Self {
            quantum: 2.0,
            batch: 0.005,
            cap: 0.4,
            smallest_visit: 0.0,
            sites: Vec::new(),
            tables: HashMap::new(),
        }
    }
}

impl DoseIndex {
    /// The smallest visit, as the number of electrons it is expected to detect on the faintest perfect column.
    ///
    /// # Errors
    /// [`Error::Argument`] unless within 0.1 to 1000.
    pub fn quantum(mut self, detected: f64) -> Result<Self> {
        if !(0.1..=1000.0).contains(&detected) {
            return Err(Error::argument(
                "detected",
                detected,
                "0.1 to 1000 electrons",
            ));
        }
        self.quantum = detected;
        Ok(self)
    }

    /// Highest local dose of a column as a fraction of its critical dose 1/(σ m), at which 1/e of such columns are intact.
    ///
    /// # Errors
    /// [`Error::Argument`] unless within 0.001 to 1000.
    pub fn cap(mut self, cap: f64) -> Result<Self> {
        if !(0.001..=1000.0).contains(&cap) {
            return Err(Error::argument("cap", cap, "0.001 to 1000"));
        }
        self.cap = cap;
        Ok(self)
    }

    /// Share of the budget that is spent before the beliefs are read again.
    ///
    /// # Errors
    /// [`Error::Argument`] unless within (0, 1].
    pub fn batch(mut self, fraction: f64) -> Result<Self> {
        if !(fraction > 0.0 && fraction <= 1.0) {
            return Err(Error::argument("fraction", fraction, "above 0, up to 1"));
        }
        self.batch = fraction;
        Ok(self)
    }

    fn update(&mut self, view: &View<'_>) -> Result<()> {
        let briefing = view.briefing();
        super::needs_point_defects(briefing, "dose index")?;
        let beliefs = view.finding().sites();
        if beliefs.len() != briefing.sites.len() {
            let allowed = format!("{} beliefs, one per lattice site", briefing.sites.len());
            return Err(Error::argument("finding.sites", beliefs.len(), allowed));
        }
        if self.sites.is_empty() {
            self.sites = vec![
                SiteMemory {
                    index: 0.0,
                    electrons: 0.0,
                    visits: 0
                };
                beliefs.len()
            ];
            let perfect = briefing.sites.iter().map(|s| Outlook::perfect(briefing, s));
            self.smallest_visit = self.quantum / perfect.fold(f64::INFINITY, f64::min).max(1e-12);
        }
        for (site, (memory, belief)) in self.sites.iter_mut().zip(beliefs).enumerate() {
            let lattice = &briefing.sites[site];
            let table = self
                .tables
                .entry((lattice.kind, belief.class))
                .or_insert_with(|| {
                    IndexTable::new(
                        Outlook::new(briefing, lattice, belief.class),
                        self.smallest_visit,
                        self.cap,
                    )
                });
            (memory.index, memory.electrons) =
                table.best_visit(belief.log_odds, view.measurements().site_fluence()[site]);
        }
        Ok(())
    }
}

impl Navigator for DoseIndex {
    fn next(&mut self, view: &View<'_>) -> Result<Step> {
        self.update(view)?;
        let briefing = view.briefing();
        let mut order: Vec<usize> = (0..self.sites.len())
            .filter(|&i| self.sites[i].index > 0.0)
            .collect();
        order.sort_by(|&a, &b| {
            self.sites[b]
                .index
                .total_cmp(&self.sites[a].index)
                .then(a.cmp(&b))
        });
        if order.is_empty() {
            return Ok(Step::Stop);
        }
        let batch = self.batch * briefing.budget_electrons();
        let mut visits = Vec::new();
        let mut electrons = 0.0;
        for site in order {
            let memory = &mut self.sites[site];
            let aim = dithered(
                briefing.sites[site].position,
                memory.visits,
                briefing.height,
                briefing.width,
            );
            visits.push((aim, Dose(memory.electrons)));
            electrons += memory.electrons;
            memory.visits += 1;
            if electrons >= batch {
                break;
            }
        }
        Ok(Step::Scan(Scan::visits(visits)))
    }
}
