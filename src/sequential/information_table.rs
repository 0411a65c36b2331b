//! What the best single visit earns per unit of dose, tabulated over (log-odds, dose so far).

use super::filter::probability;
use super::grid;
use super::index::{IndexedVisit, SiteIndex};
use super::outlook::{count_readings, readings};
use super::site::{SiteModel, Survival, check_positive};
use super::worth::Worth;
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Rows lie this far apart in the root of the hazard, which for m = 2 is the dose in critical doses.
const ROW_STEP: f64 = 0.02;
/// Rows end at this root of the hazard, where one site in ten thousand is intact; one more row is for sites worn out.
const WORN: f64 = 3.0;

/// The index of a site: max over visits d of (E φ(p′(n, d)) − φ(p))/d, with φ the [`Worth`] of a belief.
///
/// With [`Worth::Information`] this is the mutual information of truth and reading per unit of dose. The predictive
/// mixes intact and damaged sites with the survival at the middle of the visit, so that evidence which damage would
/// blur is not paid for. Sites surely damaged are worth what damaged sites still tell. Expected gain per unit cost:
/// Chaloner & Verdinelli (1995), *Statist. Sci.* 10, 273.
///
/// ```
/// use dosewise::sequential::{InformationTable, SiteIndex, SiteModel, Worth};
/// let site = SiteModel::poisson(1.0, 0.7)?;
/// let table = InformationTable::new(&site, Worth::Information, 4.0, &[1, 2, 4, 8])?;
/// // Doubt is worth looking at, certainty is not.
/// assert!(table.best_visit(0.0, 0.0).index > 10.0 * table.best_visit(-8.0, 0.0).index);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct InformationTable {
    quantum: f64,
    survival: Survival,
    /// For each dose, sites worn out last, the index and the number of quanta at each grid point.
    rows: Vec<(Vec<f64>, Vec<usize>)>,
}

impl InformationTable {
    /// Tabulates visits of these numbers of quanta, each quantum of this dose.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the quantum is positive and there is at least one visit, none of zero quanta and none
    /// that could show more than 10⁶ different readings.
    pub fn new(site: &SiteModel, worth: Worth, quantum: f64, visits: &[usize]) -> Result<Self> {
        check_positive("quantum", quantum)?;
        if visits.is_empty() || visits.contains(&0) {
            return Err(Error::argument(
                "visits",
                format!("{visits:?}"),
                "at least one, none of zero quanta",
            ));
        }
        for quanta in visits {
            count_readings(site, *quanta as f64 * quantum)?;
        }
        let survival = site.survival();
        let steps = if survival.is_forever() {
            0
        } else {
            (WORN / ROW_STEP) as usize
        };
        let row = |step: usize| {
            let dose = survival.dose_at((step as f64 * ROW_STEP).powi(2));
            let mut best = (vec![0.0; grid::POINTS], vec![visits[0]; grid::POINTS]);
            for &quanta in visits {
                let visit = quanta as f64 * quantum;
                let intact = if step > 0 && step == steps {
                    0.0
                } else {
                    survival.intact(dose + 0.5 * visit)
                };
                let gains = expected_gains(site, worth, visit, intact);
                for (i, gain) in gains.into_iter().enumerate() {
                    let index = gain / visit;
                    if index > best.0[i] * (1.0 + 1e-9) {
                        (best.0[i], best.1[i]) = (index, quanta);
                    }
                }
            }
            best
        };
        Ok(Self {
            quantum,
            survival,
            rows: (0..=steps).into_par_iter().map(row).collect(),
        })
    }
}

/// E φ(p′) − φ(p) at every grid point.
fn expected_gains(site: &SiteModel, worth: Worth, dose: f64, intact: f64) -> Vec<f64> {
    let readings = readings(site, dose, intact);
    let steps: Vec<(f64, f64, f64)> = readings
        .iter()
        .filter(|f| f[0] > 0.0 || f[1] > 0.0)
        .map(|f| (f[0], f[1], (f[1].max(1e-300) / f[0].max(1e-300)).ln()))
        .collect();
    (0..grid::POINTS)
        .map(|i| {
            let log_odds = grid::log_odds_at(i);
            let p = probability(log_odds);
            let now = worth.of(p);
            // Summed as differences, so that readings which tell nothing earn exactly nothing.
            let gain: f64 = steps
                .iter()
                .map(|&(null, alternative, step)| {
                    let weight = (1.0 - p) * null + p * alternative;
                    weight * (worth.of(probability(log_odds + step)) - now)
                })
                .sum();
            gain.max(0.0)
        })
        .collect()
}

impl SiteIndex for InformationTable {
    fn best_visit(&self, log_odds: f64, dose: f64) -> IndexedVisit {
        if !grid::holds(log_odds) {
            return IndexedVisit::NONE;
        }
        let step = (self.survival.hazard(dose).sqrt() / ROW_STEP + 1e-9) as usize;
        let (indices, quanta) = &self.rows[step.min(self.rows.len() - 1)];
        let (below, weight) = grid::locate(log_odds);
        IndexedVisit {
            index: grid::interpolate(indices, log_odds),
            quanta: quanta[if weight < 0.5 { below } else { below + 1 }],
        }
    }

    fn quantum(&self) -> f64 {
        self.quantum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::Survival;

    #[test]
    fn weak_signals_earn_at_the_rate_of_fisher() {
        // For a small contrast c and dose d the information is p(1−p) (c d)²/(2 d) = p(1−p) c² d/2 to leading order.
        let contrast = 0.01;
        let site = SiteModel::poisson(1.0, 1.0 - contrast).unwrap();
        let table = InformationTable::new(&site, Worth::Information, 4.0, &[1]).unwrap();
        for log_odds in [-2.0, 0.0, 1.0] {
            let p = probability(log_odds);
            let expected = p * (1.0 - p) * contrast * contrast / 2.0;
            let found = table.best_visit(log_odds, 0.0).index;
            assert!(
                (found / expected - 1.0).abs() < 0.01,
                "{found} vs {expected}"
            );
        }
        let sums = SiteModel::gaussian(0.0, 0.01, 1.0).unwrap();
        let table = InformationTable::new(&sums, Worth::Information, 4.0, &[1]).unwrap();
        assert!((table.best_visit(0.0, 0.0).index / (0.25 * 1e-4 / 2.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn information_never_exceeds_the_entropy_and_wear_devalues() {
        let survival = Survival::new(100.0, 2.0).unwrap();
        let site = SiteModel::poisson(1.0, 0.7)
            .and_then(|s| s.with_damage(0.7, 0.7, survival))
            .unwrap();
        let table =
            InformationTable::new(&site, Worth::Information, 4.0, &[1, 2, 4, 8, 16, 32]).unwrap();
        for log_odds in [-6.0, -2.0, 0.0, 3.0] {
            let mut last = f64::INFINITY;
            for dose in [0.0, 50.0, 100.0, 200.0] {
                let visit = table.best_visit(log_odds, dose);
                let entropy = -Worth::Information.of(probability(log_odds));
                assert!(visit.index * visit.quanta as f64 * 4.0 <= entropy + 1e-9);
                assert!(visit.index <= last);
                last = visit.index;
            }
        }
        assert_eq!(table.best_visit(0.0, 1e9), IndexedVisit::NONE);
        assert_eq!(table.best_visit(f64::NAN, 1e9), IndexedVisit::NONE);
        assert_eq!(table.best_visit(40.0, 0.0), IndexedVisit::NONE);
        assert!(InformationTable::new(&site, Worth::Information, 0.0, &[1]).is_err());
        assert!(InformationTable::new(&site, Worth::Information, 1.0, &[0]).is_err());
    }

    #[test]
    fn sites_that_are_worn_out_are_worth_what_they_still_tell() {
        let tabulate = |site: &SiteModel| {
            InformationTable::new(site, Worth::Information, 4.0, &[1, 4]).unwrap()
        };
        let damaged = tabulate(&SiteModel::poisson(0.5, 0.4).unwrap());
        for exponent in [0.5, 1.0, 2.0] {
            let survival = Survival::new(100.0, exponent).unwrap();
            let site = SiteModel::poisson(1.0, 0.7)
                .and_then(|s| s.with_damage(0.5, 0.4, survival))
                .unwrap();
            let (found, expected) = (
                tabulate(&site).best_visit(0.5, 1e5),
                damaged.best_visit(0.5, 0.0),
            );
            assert!((found.index / expected.index - 1.0).abs() < 1e-9);
            assert!(tabulate(&site).best_visit(0.5, 301.0).index > 0.0);
            // Where damage hides the truth, a site is worth something as long as it may be intact.
            let site = SiteModel::poisson(1.0, 0.7)
                .and_then(|s| s.with_damage(0.7, 0.7, survival))
                .unwrap();
            let table = tabulate(&site);
            assert_eq!(table.best_visit(0.5, 1e5).index, 0.0);
            let late = 8.0_f64.powf(1.0 / exponent) * 100.0;
            assert!(table.best_visit(0.5, late).index > 0.0, "{exponent}");
        }
    }
}
