//! The Gittins index of a site: what the best plan of visits earns per unit of dose.

use super::filter::probability;
use super::grid;
use super::index::{IndexedVisit, SiteIndex};
use super::outlook::{count_readings, readings};
use super::site::{SiteModel, check_positive};
use super::worth::Worth;
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Prices of dose at which stopping problems are solved, in units of one utility a quantum.
const PRICES: usize = 72;
const LOWEST_PRICE: f64 = 1e-6;
/// More readings than this are not enumerated, all doses of a site together.
const MOST: f64 = 1e7;
/// Rows of a table over the dose so far.
const ROWS: usize = 64;

/// The index sup over stopping rules τ of (E φ(p_τ) − φ(p))/E dose_τ, by dynamic programming.
///
/// For a price λ of dose, V_k(x) = max{φ(x), −λ d + E V_{k+1}(x′)} backwards over quanta k, with the survival after k
/// quanta in the predictive; the index is the highest price at which looking once more is still better than stopping.
/// Serving the site of highest index is optimal for independent sites under the Lagrangian relaxation of the budget
/// (Gittins 1979, *J. R. Statist. Soc. B* 41, 148; Whittle 1988; Xie et al. 2024, arXiv 2406.20062, for boxes that are
/// opened at a cost). Unlike the gain of one visit it sees that several visits together may decide.
///
/// ```
/// use dosewise::sequential::{GittinsTable, SiteIndex, SiteModel, Worth};
/// let site = SiteModel::poisson(1.0, 0.7)?;
/// let table = GittinsTable::new(&site, Worth::Detection, 4.0, 200)?;
/// // A site far from being claimed still has an index, since several visits together could claim it.
/// assert!(table.best_visit(-3.0, 0.0).index > 0.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GittinsTable {
    quantum: f64,
    /// Quanta between rows; zero if dose changes nothing.
    spacing: usize,
    rows: Vec<Vec<f64>>,
}

impl GittinsTable {
    /// Solves the stopping problems for visits of one quantum and at most `horizon` more of them from now on; where sites
    /// wear out, at most `horizon` of them a site in all, beyond which the index is zero. An index below 10⁻⁶ a quantum is
    /// returned as zero.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the quantum is positive, the horizon within 1 to 10 000 and the readings to enumerate are
    /// at most 10⁶ a quantum and, where sites wear out, 10⁷ over the horizon.
    pub fn new(site: &SiteModel, worth: Worth, quantum: f64, horizon: usize) -> Result<Self> {
        check_positive("quantum", quantum)?;
        if !(1..=10_000).contains(&horizon) {
            return Err(Error::argument("horizon", horizon, "1 to 10 000 quanta"));
        }
        let wears = !site.survival().is_forever();
        let looks = count_readings(site, quantum)? * if wears { horizon as f64 } else { 1.0 };
        if looks > MOST {
            let found = format!("{looks:e} readings over {horizon} quanta");
            return Err(Error::argument("horizon", found, "at most 10⁷ readings"));
        }
        let spacing = if wears { horizon.div_ceil(ROWS) } else { 0 };
        let prices: Vec<f64> = (0..PRICES)
            .map(|j| LOWEST_PRICE.powf(1.0 - j as f64 / (PRICES - 1) as f64))
            .collect();
        let stopped: Vec<f64> = (0..grid::POINTS)
            .map(|i| worth.of(probability(grid::log_odds_at(i))))
            .collect();
        // Row-major over (grid point, price).
        let mut value: Vec<f64> = stopped.iter().flat_map(|u| [*u; PRICES]).collect();
        let mut next = value.clone();
        let mut rows = vec![Vec::new(); if wears { horizon.div_ceil(spacing) } else { 1 }];
        let mut moves = Vec::new();
        for k in (0..horizon).rev() {
            if wears || moves.is_empty() {
                moves = transitions(site, quantum, k);
            }
            let slots = next.par_chunks_mut(PRICES).zip(&moves).zip(&stopped);
            let row = slots.map(|((slots, reached), stop)| {
                let mut gains = [0.0; PRICES];
                for &(target, weight) in reached {
                    for (gain, v) in gains.iter_mut().zip(&value[target * PRICES..][..PRICES]) {
                        *gain += weight * v;
                    }
                }
                for ((gain, price), slot) in gains.iter_mut().zip(&prices).zip(slots) {
                    *gain -= price + stop;
                    *slot = stop + gain.max(0.0);
                }
                break_even(&gains, &prices) / quantum
            });
            let indices: Vec<f64> = row.collect();
            std::mem::swap(&mut value, &mut next);
            if !wears {
                rows[0] = indices;
            } else if k % spacing == 0 {
                rows[k / spacing] = indices;
            }
        }
        Ok(Self {
            quantum,
            spacing,
            rows,
        })
    }
}

/// For every grid point, where one quantum leads and with what probability; readings are split between the two grid
/// points they fall between.
fn transitions(site: &SiteModel, quantum: f64, served: usize) -> Vec<Vec<(usize, f64)>> {
    let intact = site.survival().intact(served as f64 * quantum);
    let readings = readings(site, quantum, intact);
    (0..grid::POINTS)
        .into_par_iter()
        .map(|i| {
            let log_odds = grid::log_odds_at(i);
            let p = probability(log_odds);
            let mut mass = vec![0.0; grid::POINTS];
            for [null, alternative] in &readings {
                let weight = (1.0 - p) * null + p * alternative;
                if weight > 0.0 {
                    let step = (alternative.max(1e-300) / null.max(1e-300)).ln();
                    let (below, above) = grid::locate(log_odds + step);
                    mass[below] += weight * (1.0 - above);
                    mass[below + 1] += weight * above;
                }
            }
            let reached = mass.into_iter().enumerate();
            reached.filter(|(_, weight)| *weight > 0.0).collect()
        })
        .collect()
}

/// The price at which the gain of going on vanishes, between the last price with a gain and the first without.
fn break_even(gains: &[f64; PRICES], prices: &[f64]) -> f64 {
    let Some(last) = gains.iter().rposition(|gain| *gain > 1e-12) else {
        return 0.0;
    };
    if last + 1 == PRICES {
        return prices[last];
    }
    let share = gains[last] / (gains[last] - gains[last + 1]);
    prices[last] + share * (prices[last + 1] - prices[last])
}

impl SiteIndex for GittinsTable {
    fn best_visit(&self, log_odds: f64, dose: f64) -> IndexedVisit {
        let served = (dose.max(0.0) / self.quantum + 1e-9) as usize;
        let row = served.checked_div(self.spacing).unwrap_or(0);
        match self.rows.get(row).filter(|_| grid::holds(log_odds)) {
            Some(indices) => IndexedVisit {
                index: grid::interpolate(indices, log_odds),
                quanta: 1,
            },
            None => IndexedVisit::NONE,
        }
    }

    fn quantum(&self) -> f64 {
        self.quantum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequential::{InformationTable, Survival};

    #[test]
    fn one_visit_to_go_is_the_gain_of_that_visit() {
        let site = SiteModel::poisson(1.0, 0.5).unwrap();
        let myopic = InformationTable::new(&site, Worth::Classification, 4.0, &[1]).unwrap();
        let last = GittinsTable::new(&site, Worth::Classification, 4.0, 1).unwrap();
        let many = GittinsTable::new(&site, Worth::Classification, 4.0, 100).unwrap();
        for log_odds in [-1.0, -0.25, 0.0, 0.5] {
            let (one, gittins) = (
                myopic.best_visit(log_odds, 0.0),
                last.best_visit(log_odds, 0.0),
            );
            // The grid splits readings between its points, which adds a little convexity.
            assert!(
                (gittins.index / one.index - 1.0).abs() < 0.05,
                "{one:?} {gittins:?}"
            );
            // More visits can only help.
            assert!(many.best_visit(log_odds, 0.0).index >= gittins.index * 0.999);
        }
        // Where one visit decides nothing, a plan of several still earns.
        assert!(myopic.best_visit(-5.0, 0.0).index < 1e-9);
        assert!(many.best_visit(-5.0, 0.0).index > 1e-5);
    }

    #[test]
    fn tables_do_not_depend_on_the_number_of_threads_and_are_bounded() {
        let survival = Survival::new(40.0, 2.0).unwrap();
        let site = SiteModel::poisson(1.0, 0.5)
            .and_then(|s| s.with_damage(0.5, 0.5, survival))
            .unwrap();
        let [one, four] = [1, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let table = || GittinsTable::new(&site, Worth::Detection, 4.0, 6).unwrap();
            pool.build().unwrap().install(table).rows
        });
        assert_eq!(one, four);
        assert!(GittinsTable::new(&site, Worth::Detection, 1e8, 10_000).is_err());
    }

    #[test]
    fn the_index_is_the_best_ratio_over_all_stopping_rules() {
        // Truth by brute force on a tiny problem: two visits, each a coin whose bias tells the hypotheses apart. All
        // rules "go on after the first reading iff p′ is inside an interval" are tried.
        let site = SiteModel::poisson(0.9, 0.3).unwrap();
        let (quantum, p): (f64, f64) = (2.0, 0.35);
        let start = (p / (1.0 - p)).ln();
        let outcomes = readings(&site, quantum, 1.0);
        let worth = |p: f64| Worth::Detection.of(p);
        let after = |p: f64| -> Vec<(f64, f64)> {
            let all = outcomes.iter().map(|[f0, f1]| {
                let weight = (1.0 - p) * f0 + p * f1;
                (weight, p * f1 / weight)
            });
            all.filter(|(weight, _)| *weight > 1e-15).collect()
        };
        let mut best: f64 = 0.0;
        for low in 0..=40 {
            for high in low..=40 {
                let (mut gain, mut dose) = (-worth(p), quantum);
                for (weight, q) in after(p) {
                    if (low as f64 / 40.0..=high as f64 / 40.0).contains(&q) {
                        dose += weight * quantum;
                        gain += weight * after(q).iter().map(|(w, r)| w * worth(*r)).sum::<f64>();
                    } else {
                        gain += weight * worth(q);
                    }
                }
                best = best.max(gain / dose);
            }
        }
        let table = GittinsTable::new(&site, Worth::Detection, quantum, 2).unwrap();
        let found = table.best_visit(start, 0.0).index;
        assert!((found / best - 1.0).abs() < 0.03, "{found} vs {best}");
        assert!(GittinsTable::new(&site, Worth::Detection, quantum, 0).is_err());
    }
}
