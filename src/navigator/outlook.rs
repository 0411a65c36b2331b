//! What a look at a column is worth: expected information per electron, with damage.

use super::columns::DITHER;
use crate::units::Point;
use crate::world::{Briefing, Hypothesis, LatticeSite};

/// Visits considered, in quanta.
const VISITS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// What a visit to one column can show, per electron.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outlook {
    /// Detected fraction of a perfect column, of the suspected defect, and of each after losing an atom.
    perfect: f64,
    perfect_worn: f64,
    defect: f64,
    defect_worn: f64,
    /// Rate at which a perfect column, and the suspected defect, lose their first atom, Å².
    wear: f64,
    defect_wear: f64,
    /// Local dose per electron, 1/Å².
    illumination: f64,
    /// Variance of the readout, which acts like as many electrons of background.
    readout: f64,
}

impl Outlook {
    /// Detected fraction of a perfect column from where visits are aimed.
    pub(super) fn perfect(briefing: &Briefing, site: &LatticeSite) -> f64 {
        briefing.perfect_image(site.position + Point::new(DITHER, DITHER))
    }

    /// For a column that is suspected to be a defect of this class; of the likeliest one if none is named.
    pub(super) fn new(briefing: &Briefing, site: &LatticeSite, class: Option<usize>) -> Self {
        let kind = &briefing.kinds[site.kind];
        let own = &kind.hypotheses[0];
        let others = kind.hypotheses.iter().skip(1);
        let suspected = match class {
            Some(_) => others.clone().find(|h| h.class == class),
            None => others.max_by(|a, b| a.prior.total_cmp(&b.prior)),
        };
        let suspected = suspected.unwrap_or(own);
        let perfect = Self::perfect(briefing, site);
        let seen = |hypothesis: &Hypothesis, lost: usize| {
            let look = hypothesis.chain[lost.min(hypothesis.at_risk())];
            perfect + briefing.response(site.kind, look, DITHER, DITHER)
        };
        let wear = |hypothesis: &Hypothesis| hypothesis.cross_section * hypothesis.at_risk() as f64;
        Self {
            perfect,
            perfect_worn: seen(own, 1),
            defect: seen(suspected, 0),
            defect_worn: seen(suspected, 1),
            wear: wear(own),
            defect_wear: wear(suspected),
            illumination: briefing.illumination(DITHER, DITHER),
            readout: briefing.readout_noise.powi(2),
        }
    }

    /// The best (information per electron, electrons of the visit) for a column with `log_odds` after `fluence`.
    fn best_visit(&self, log_odds: f64, fluence: f64, quantum: f64, cap: f64) -> (f64, f64) {
        let mut best = (0.0, quantum);
        for visit in VISITS {
            let electrons = visit * quantum;
            let dose = electrons * self.illumination;
            if (fluence + dose) * self.wear.max(self.defect_wear) > cap {
                break;
            }
            let index = self.information(log_odds, fluence + 0.5 * dose, electrons) / electrons;
            if index > best.0 * (1.0 + 1e-9) {
                best = (index, electrons);
            }
        }
        best
    }

    /// Mutual information (nats) between "is a defect" and the count of a visit.
    fn information(&self, log_odds: f64, fluence: f64, electrons: f64) -> f64 {
        let probability = 1.0 / (1.0 + (-log_odds).exp());
        if !(probability > 0.0 && probability < 1.0) || self.defect == self.perfect {
            return 0.0;
        }
        let (intact, defect_intact) = (
            (-self.wear * fluence).exp(),
            (-self.defect_wear * fluence).exp(),
        );
        let rates = [
            self.perfect,
            self.perfect_worn,
            self.defect,
            self.defect_worn,
        ]
        .map(|signal| electrons * signal.max(1e-9) + self.readout);
        let highest = rates.iter().copied().fold(0.0, f64::max);
        let last = (highest + 6.0 * highest.sqrt() + 8.0).ceil();
        // ln n! grows along the sum; Poisson weights follow by recursion in the logarithm.
        let logs = rates.map(f64::ln);
        let (mut information, mut log_factorial, mut count) = (0.0, 0.0, 0.0);
        while count <= last {
            let weight = |i: usize| (count * logs[i] - rates[i] - log_factorial).exp();
            let null = intact * weight(0) + (1.0 - intact) * weight(1);
            let defect = defect_intact * weight(2) + (1.0 - defect_intact) * weight(3);
            let marginal = (1.0 - probability) * null + probability * defect;
            if null > 0.0 {
                information += (1.0 - probability) * null * (null / marginal).ln();
            }
            if defect > 0.0 {
                information += probability * defect * (defect / marginal).ln();
            }
            count += 1.0;
            log_factorial += count.ln();
        }
        information.max(0.0)
    }
}

/// Indices on a grid of (log-odds, dose), filled in as they are asked for.
#[derive(Debug, Clone)]
pub(super) struct IndexTable {
    outlook: Outlook,
    quantum: f64,
    cap: f64,
    /// Rate of the faster wear, Å², in whose units the dose is counted.
    wear: f64,
    steps: usize,
    /// (index, electrons of the visit), by log-odds and then dose.
    entries: Vec<Option<(f64, f64)>>,
}

impl IndexTable {
    /// Log-odds run over ±RANGE; beyond it there is nothing left to learn.
    const RANGE: f64 = 16.0;
    const STEP: f64 = 0.125;
    /// Step of the dose, as a fraction of the critical dose.
    const WEAR_STEP: f64 = 0.02;
    /// Most steps: beyond this wear everything is gone anyway.
    const MOST_STEPS: f64 = 512.0;

    pub(super) fn new(outlook: Outlook, quantum: f64, cap: f64) -> Self {
        let rows = (2.0 * Self::RANGE / Self::STEP) as usize + 2;
        let wear = outlook.wear.max(outlook.defect_wear);
        let steps = (cap / Self::WEAR_STEP).min(Self::MOST_STEPS) as usize + 2;
        Self {
            outlook,
            quantum,
            cap,
            entries: vec![None; rows * steps],
            steps,
            wear,
        }
    }

    /// Linear in the log-odds; the dose is rounded down to its step.
    pub(super) fn best_visit(&mut self, log_odds: f64, fluence: f64) -> (f64, f64) {
        if log_odds.is_nan() || log_odds.abs() >= Self::RANGE {
            return (0.0, self.quantum);
        }
        let wear = ((fluence * self.wear / Self::WEAR_STEP) as usize).min(self.steps - 1);
        let position = (log_odds + Self::RANGE) / Self::STEP;
        let (row, weight) = (position as usize, position.fract());
        let (low, high) = (self.entry(row, wear), self.entry(row + 1, wear));
        let electrons = if weight < 0.5 { low.1 } else { high.1 };
        ((1.0 - weight) * low.0 + weight * high.0, electrons)
    }

    fn entry(&mut self, row: usize, wear: usize) -> (f64, f64) {
        let slot = row * self.steps + wear;
        if let Some(entry) = self.entries[slot] {
            return entry;
        }
        let log_odds = row as f64 * Self::STEP - Self::RANGE;
        let fluence = if self.wear > 0.0 {
            wear as f64 * Self::WEAR_STEP / self.wear
        } else {
            0.0
        };
        let entry = self
            .outlook
            .best_visit(log_odds, fluence, self.quantum, self.cap);
        self.entries[slot] = Some(entry);
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(wear: f64) -> Outlook {
        Outlook {
            perfect: 0.01,
            perfect_worn: 0.006,
            defect: 0.006,
            defect_worn: 0.002,
            wear,
            defect_wear: 0.5 * wear,
            illumination: 1.0,
            readout: 0.0,
        }
    }

    #[test]
    fn information_vanishes_at_certainty_and_is_bounded_by_the_entropy() {
        let bare = outlook(0.0);
        for log_odds in [-30.0, -4.0, 0.0, 2.0] {
            let p = 1.0 / (1.0 + f64::exp(-log_odds));
            let entropy = -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
            let mut previous = 0.0;
            for electrons in [10.0, 100.0, 1e3, 1e4, 1e5] {
                let information = bare.information(log_odds, 0.0, electrons);
                assert!(information <= entropy + 1e-9 && information >= previous - 1e-12);
                previous = information;
            }
            // A hundred thousand electrons leave no doubt.
            assert!((previous - entropy).abs() < 1e-6 * entropy + 1e-15);
        }
    }

    #[test]
    fn small_visits_earn_at_the_rate_of_the_weak_signal_limit() {
        // For few electrons the information is p(1−p)(λ₁−λ₀)²/(2λ̄) to leading order in the contrast.
        let faint = Outlook {
            defect: 0.0099,
            perfect_worn: 0.0099,
            defect_worn: 0.0098,
            ..outlook(0.0)
        };
        let electrons = 1000.0;
        let expected = 0.25 * (0.1 * electrons / 1000.0_f64).powi(2) / (2.0 * 9.95);
        let found = faint.information(0.0, 0.0, electrons);
        assert!(
            (found / expected - 1.0).abs() < 0.02,
            "{found} vs {expected}"
        );
    }

    #[test]
    fn wear_devalues_a_visit_and_the_cap_ends_it() {
        // A worn perfect column looks like the defect, which itself loses nothing more.
        let mimic = Outlook {
            defect_wear: 0.0,
            ..outlook(1e-4)
        };
        let fresh = mimic.information(-3.0, 0.0, 500.0);
        let worn = mimic.information(-3.0, 2e4, 500.0);
        assert!(worn < 0.3 * fresh);
        assert_eq!(outlook(1e-4).best_visit(0.0, 5e3, 100.0, 0.4).0, 0.0);
        assert!(outlook(1e-4).best_visit(0.0, 1e3, 100.0, 0.4).0 > 0.0);
    }
}
