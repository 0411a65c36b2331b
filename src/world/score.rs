//! The score of a finding against the pristine truth.

use super::briefing::{Defect, LatticeSite};
use super::finding::Finding;
use crate::error::{Error, Result};
use crate::metric::{average_precision_with_missed, normalised};
use crate::units::Point;

/// Scores findings; only the episode holds one.
#[derive(Debug, Clone)]
pub(super) struct Scorer {
    positions: Vec<Point>,
    is_defect: Vec<bool>,
    /// Half the nearest-neighbour distance of the lattice, Å.
    tolerance: f64,
}

impl Scorer {
    pub(super) fn new(sites: &[LatticeSite], truth: &[Option<Defect>]) -> Self {
        let positions: Vec<Point> = sites.iter().map(|s| s.position).collect();
        let nearest = |i: usize| {
            let others = positions.iter().enumerate().filter(|(j, _)| *j != i);
            others
                .map(|(_, p)| p.distance(positions[i]))
                .fold(f64::INFINITY, f64::min)
        };
        // Any site will do for a regular lattice; a few guard against one that sits alone at the border.
        let spacing = (0..positions.len().min(8))
            .map(nearest)
            .fold(f64::INFINITY, f64::min);
        let tolerance = if spacing.is_finite() {
            0.5 * spacing
        } else {
            1.0
        };
        Self {
            is_defect: truth.iter().map(Option::is_some).collect(),
            positions,
            tolerance,
        }
    }

    /// q in [0, 1]: average precision of the ranking by log-odds, normalised so that a constant answer scores zero.
    /// Without a single defect in the field, or
    /// without a single perfect column, there is nothing to tell apart and q is zero for every policy.
    ///
    /// # Errors
    /// [`Error::Argument`] when a log-odds is NaN or a position is not finite.
    pub(super) fn quality(&self, finding: &Finding) -> Result<f64> {
        for (index, site) in finding.sites.iter().enumerate() {
            if site.log_odds.is_nan()
                || !site.position.y.is_finite()
                || !site.position.x.is_finite()
            {
                let found = format!("log-odds {} at {:?}", site.log_odds, site.position);
                return Err(Error::argument(
                    format!("finding.sites[{index}]"),
                    found,
                    "numbers, not NaN",
                ));
            }
        }
        let matched = self.matched(finding);
        let scores: Vec<f64> = finding
            .sites
            .iter()
            .map(|s| s.log_odds.clamp(-1e300, 1e300))
            .collect();
        let hits: Vec<bool> = matched
            .iter()
            .map(|site| site.is_some_and(|i| self.is_defect[i]))
            .collect();
        let defects = self.is_defect.iter().filter(|&&d| d).count();
        let missed = defects - hits.iter().filter(|&&h| h).count();
        if scores.is_empty() {
            return Ok(0.0);
        }
        let precision = average_precision_with_missed(&scores, &hits, missed)?.unwrap_or(0.0);
        let prevalence = defects as f64 / self.positions.len().max(1) as f64;
        Ok(if defects == 0 || defects == self.positions.len() {
            0.0
        } else {
            normalised(precision, prevalence)?
        })
    }

    /// The site that each belief counts for, one to one: nearest pairs first.
    fn matched(&self, finding: &Finding) -> Vec<Option<usize>> {
        let in_order = finding.sites.len() == self.positions.len()
            && finding
                .sites
                .iter()
                .zip(&self.positions)
                .all(|(s, p)| s.position.distance(*p) < self.tolerance);
        if in_order {
            return (0..self.positions.len()).map(Some).collect();
        }
        let mut pairs = Vec::new();
        for (belief, site) in finding.sites.iter().enumerate() {
            for (index, position) in self.positions.iter().enumerate() {
                let distance = site.position.distance(*position);
                if distance < self.tolerance {
                    pairs.push((distance, belief, index));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut taken = vec![false; self.positions.len()];
        let mut matched = vec![None; finding.sites.len()];
        for (_, belief, index) in pairs {
            if matched[belief].is_none() && !taken[index] {
                matched[belief] = Some(index);
                taken[index] = true;
            }
        }
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::finding::SiteBelief;

    fn scorer() -> Scorer {
        let positions: Vec<Point> = (0..10)
            .map(|i| Point::new(0.0, 2.0 * f64::from(i)))
            .collect();
        let is_defect = (0..10).map(|i| i == 3 || i == 7).collect();
        Scorer {
            positions,
            is_defect,
            tolerance: 1.0,
        }
    }

    fn belief(x: f64, log_odds: f64) -> SiteBelief {
        SiteBelief {
            position: Point::new(0.0, x),
            log_odds,
            kind: None,
        }
    }

    #[test]
    fn constant_answers_score_zero_and_perfect_ones_score_one() {
        let all = |f: &dyn Fn(usize) -> f64| Finding {
            sites: (0..10).map(|i| belief(2.0 * i as f64, f(i))).collect(),
        };
        assert_eq!(scorer().quality(&all(&|_| 0.0)).unwrap(), 0.0);
        assert_eq!(
            scorer()
                .quality(&all(&|i| if i == 3 || i == 7 { 4.0 } else { -4.0 }))
                .unwrap(),
            1.0
        );
        assert_eq!(scorer().quality(&all(&|_| 9.0)).unwrap(), 0.0);
        assert_eq!(scorer().quality(&Finding::default()).unwrap(), 0.0);
    }

    #[test]
    fn a_short_list_is_matched_one_to_one_and_misses_count() {
        // Two beliefs near the same defect: the nearer one counts, the other is a false alarm.
        let double = Finding {
            sites: vec![belief(6.1, 2.0), belief(6.4, 3.0)],
        };
        let expected = (0.5 * 0.5 - 0.2) / 0.8; // found half of the defects, at precision one half
        assert!((scorer().quality(&double).unwrap() - expected).abs() < 1e-12);
        let far = Finding {
            sites: vec![belief(100.0, 2.0)],
        };
        assert_eq!(scorer().quality(&far).unwrap(), 0.0);
        let nan = Finding {
            sites: vec![belief(1.0, f64::NAN)],
        };
        assert!(scorer().quality(&nan).is_err());
    }
}
