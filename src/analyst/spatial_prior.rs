//! Where defects cluster, one defect makes its neighbours more probable.

use crate::random::{Purpose, Stream};
use crate::units::Seed;
use crate::world::Briefing;
use rand::RngExt;

/// Prior probability of a defect from the defects around it: prior = prevalence · (a + b·r), with r the ratio of the
/// Gaussian-weighted defect probabilities of the neighbours to what their elements' prevalences let expect.
///
/// a and b are the regression of defects on r (in units of the prevalence, and weighted by it) over specimens drawn from
/// the world's published law with seeds of their own; the analyst learns the law, not a specimen.
#[derive(Debug, Clone)]
pub(super) struct SpatialPrior {
    /// For each site, its neighbours and their weights; the weighted prevalences sum to one.
    neighbours: Vec<Vec<(u32, f64)>>,
    /// Prevalence of defects in the columns of each site's element.
    prevalence: Vec<f64>,
    intercept: f64,
    slope: f64,
}

/// Specimens from which the law is learnt.
const SPECIMENS: u64 = 60;

impl SpatialPrior {
    /// `None` for a world whose defects are scattered at random.
    pub(super) fn learn(briefing: &Briefing) -> Option<Self> {
        let clusters = briefing.clusters?;
        let reach = 2.5 * clusters.radius;
        let prevalence: Vec<f64> = briefing
            .sites
            .iter()
            .map(|site| briefing.prevalence(site.kind))
            .collect();
        let neighbours = (0..briefing.sites.len())
            .map(|site| {
                let centre = briefing.sites[site].position;
                let mut list: Vec<(u32, f64)> = briefing
                    .sites_near(centre, reach)
                    .filter(|&other| other != site)
                    .map(|other| {
                        let distance =
                            briefing.sites[other].position.distance(centre) / clusters.radius;
                        (other as u32, (-0.25 * distance * distance).exp())
                    })
                    .collect();
                let expected: f64 = list.iter().map(|&(j, w)| w * prevalence[j as usize]).sum();
                list.iter_mut()
                    .for_each(|(_, w)| *w /= expected.max(f64::MIN_POSITIVE));
                list
            })
            .collect();
        let mut prior = Self {
            neighbours,
            prevalence,
            intercept: 0.0,
            slope: 0.0,
        };
        let (mut n, mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let columns = briefing.sites.iter().map(|site| (site.position, site.kind));
        let columns: Vec<_> = columns.collect();
        for specimen in 0..SPECIMENS {
            // Seeds from a range of their own, hashed away from any episode's.
            let seed =
                Seed(Stream::new(Seed(specimen), Purpose::Policy, [0x7072_696f, 0]).random());
            let defects: Vec<f64> = briefing
                .draw_defects(&columns, seed)
                .iter()
                .map(|d| f64::from(u8::from(d.is_some())))
                .collect();
            for (site, &y) in defects.iter().enumerate() {
                let (x, weight) = (prior.ratio(site, &defects), prior.prevalence[site]);
                n += weight;
                sum_x += weight * x;
                sum_y += y;
                sum_xx += weight * x * x;
                sum_xy += x * y;
            }
        }
        let variance = sum_xx - sum_x * sum_x / n;
        if variance.is_nan() || variance <= 0.0 {
            return None;
        }
        prior.slope = ((sum_xy - sum_x * sum_y / n) / variance).max(0.0);
        // A cluster may yet show up anywhere: never let the prior fall below a tenth of the prevalence.
        prior.intercept = (sum_y / n - prior.slope * sum_x / n).max(0.1);
        Some(prior)
    }

    /// Prior probability of a defect at `site` when its neighbours are defects with `probabilities`.
    pub(super) fn probability(&self, site: usize, probabilities: &[f64]) -> f64 {
        let factor = self.intercept + self.slope * self.ratio(site, probabilities);
        (self.prevalence[site] * factor).clamp(1e-5, 0.7)
    }

    /// Defect probabilities around a site relative to what is expected there on average.
    fn ratio(&self, site: usize, probabilities: &[f64]) -> f64 {
        self.neighbours[site]
            .iter()
            .map(|&(other, weight)| weight * probabilities[other as usize])
            .sum()
    }
}
