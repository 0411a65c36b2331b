//! Quality of the answer held, as a function of the dose spent.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// From `dose` onwards the answer held has this `quality`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityEvent {
    /// Dose spent when the answer changed, e⁻/Å².
    pub dose: f64,
    /// Normalised quality of the new answer, in `[0, 1]`.
    pub quality: f64,
}

/// Quality of the answer currently held after each dose: a right-continuous step function on `[0, budget]`.
///
/// It starts at `q(0) = 0` unless an event at dose 0 says otherwise, and the last answer is held up to the budget. It is the
/// *running* quality, not the best so far: choosing the best answer would need the truth, and would hide damage.
///
/// ```
/// use dosewise::metric::QualityCurve;
///
/// let mut curve = QualityCurve::new(100.0)?;
/// curve.push(50.0, 0.8)?;
/// assert_eq!(curve.quality_at(49.9)?, 0.0);
/// assert_eq!(curve.quality_at(50.0)?, 0.8);
/// assert_eq!(curve.dec_auc(), 0.4);
/// assert_eq!(curve.dose_to_reach(0.9), None); // never reached within the budget
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record")]
pub struct QualityCurve {
    budget: f64,
    events: Vec<QualityEvent>,
}

/// What stands in a file, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    budget: f64,
    events: Vec<QualityEvent>,
}

impl TryFrom<Record> for QualityCurve {
    type Error = Error;

    fn try_from(record: Record) -> Result<Self> {
        let mut curve = Self::new(record.budget)?;
        for event in record.events {
            curve.push(event.dose, event.quality)?;
        }
        Ok(curve)
    }
}

impl QualityCurve {
    /// A curve without answers, `q = 0` up to `budget` (e⁻/Å²).
    ///
    /// # Errors
    /// [`Error::Argument`] unless the budget is finite and positive.
    pub fn new(budget: f64) -> Result<Self> {
        if !(budget.is_finite() && budget > 0.0) {
            return Err(Error::argument(
                "budget",
                budget,
                "a finite dose above 0 e⁻/Å²",
            ));
        }
        Ok(Self {
            budget,
            events: Vec::new(),
        })
    }

    /// From `dose` (e⁻/Å²) onwards the answer held has this `quality`.
    ///
    /// Of several answers at one dose only the last is kept: nobody could have been given the others.
    ///
    /// # Errors
    /// [`Error::Argument`] if the dose is not finite, below the previous event or above the budget, or the quality lies
    /// outside `[0, 1]`.
    pub fn push(&mut self, dose: f64, quality: f64) -> Result<()> {
        let earliest = self.events.last().map_or(0.0, |event| event.dose);
        if !(earliest..=self.budget).contains(&dose) {
            return Err(Error::argument(
                "dose",
                dose,
                format!(
                    "{earliest}..={} e⁻/Å², from the previous event to the budget",
                    self.budget
                ),
            ));
        }
        if !(0.0..=1.0).contains(&quality) {
            return Err(Error::argument("quality", quality, "0..=1"));
        }
        match self.events.last_mut() {
            Some(last) if last.dose == dose => last.quality = quality,
            _ => self.events.push(QualityEvent { dose, quality }),
        }
        Ok(())
    }

    /// The dose budget `B`, e⁻/Å².
    pub fn budget(&self) -> f64 {
        self.budget
    }

    /// The changes of the answer, by strictly increasing dose.
    pub fn events(&self) -> &[QualityEvent] {
        &self.events
    }

    /// Area under the quality curve over the dose budget, `(1/B) Σ q_k (D_{k+1} − D_k)`, in `[0, 1]`.
    ///
    /// This is definition 1, the primary metric: the mean quality of the answer in hand if the experiment is interrupted at
    /// a dose drawn uniformly from `[0, B]`. The last answer is held to `B`, so stopping early is free and never
    /// extrapolated upward.
    pub fn dec_auc(&self) -> f64 {
        let area: f64 = self
            .steps()
            .map(|(start, end, quality)| quality * (end - start))
            .sum();
        // the clamp removes only rounding: every term is a share of the budget times a quality
        (area / self.budget).clamp(0.0, 1.0)
    }

    /// The same mean on a logarithmic dose axis, `∫ q d ln D / ln(B / d_min)` from `d_min` (e⁻/Å²) to `B`, in `[0, 1]`.
    ///
    /// Secondary: it depends on `d_min` and rewards the first electrons, so state `d_min` wherever the number is printed.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `0 < d_min < budget`.
    pub fn log_dec_auc(&self, d_min: f64) -> Result<f64> {
        if !(d_min > 0.0 && d_min < self.budget) {
            return Err(Error::argument(
                "d_min",
                d_min,
                format!("a dose above 0 and below the budget, {}", self.budget),
            ));
        }
        let area: f64 = self
            .steps()
            .filter(|&(_, end, _)| end > d_min)
            .map(|(start, end, quality)| quality * (end / start.max(d_min)).ln())
            .sum();
        Ok((area / (self.budget / d_min).ln()).clamp(0.0, 1.0))
    }

    /// Quality of the answer held after `dose` (e⁻/Å²).
    ///
    /// # Errors
    /// [`Error::Argument`] unless `0 ≤ dose ≤ budget`.
    pub fn quality_at(&self, dose: f64) -> Result<f64> {
        if !(0.0..=self.budget).contains(&dose) {
            return Err(Error::argument(
                "dose",
                dose,
                format!("0..={} e⁻/Å²", self.budget),
            ));
        }
        let answers = self.events.partition_point(|event| event.dose <= dose);
        Ok(answers
            .checked_sub(1)
            .map_or(0.0, |last| self.events[last].quality))
    }

    /// Quality of the last answer, `q(B)`.
    pub fn final_quality(&self) -> f64 {
        self.events.last().map_or(0.0, |event| event.quality)
    }

    /// The smallest dose (e⁻/Å²) after which the answer held is at least as good as `quality`, or `None` if that never
    /// happens within the budget (censored there).
    ///
    /// A NaN is never reached; 0 and anything below is held from dose 0.
    pub fn dose_to_reach(&self, quality: f64) -> Option<f64> {
        self.steps()
            .find(|&(_, _, held)| held >= quality)
            .map(|(start, _, _)| start)
            .or_else(|| {
                // an answer given at the budget itself spans no dose, yet it was given
                let last = self.events.last()?;
                (last.quality >= quality).then_some(last.dose)
            })
    }

    /// The curve that a smaller budget (e⁻/Å²) would have shown: events beyond it are dropped.
    ///
    /// Meaningful for policies that do not look at the budget; others must be run again.
    ///
    /// # Errors
    /// [`Error::Argument`] unless `0 < budget ≤ self.budget()`.
    pub fn truncated(&self, budget: f64) -> Result<Self> {
        if !(budget > 0.0 && budget <= self.budget) {
            return Err(Error::argument(
                "budget",
                budget,
                format!("above 0, at most {} e⁻/Å²", self.budget),
            ));
        }
        Ok(Self {
            budget,
            events: self
                .events
                .iter()
                .copied()
                .filter(|event| event.dose <= budget)
                .collect(),
        })
    }

    /// Quality at each of `doses` (e⁻/Å²), for plotting.
    ///
    /// # Errors
    /// As [`quality_at`](Self::quality_at).
    pub fn sampled(&self, doses: &[f64]) -> Result<Vec<f64>> {
        doses.iter().map(|&dose| self.quality_at(dose)).collect()
    }

    /// The steps `(start, end, quality)` that tile `[0, budget)`.
    fn steps(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let first_change = self.events.first().map_or(self.budget, |event| event.dose);
        let ends = self
            .events
            .iter()
            .skip(1)
            .map(|event| event.dose)
            .chain(std::iter::once(self.budget));
        std::iter::once((0.0, first_change, 0.0))
            .chain(
                self.events
                    .iter()
                    .zip(ends)
                    .map(|(event, end)| (event.dose, end, event.quality)),
            )
            .filter(|&(start, end, _)| end > start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_curve_scores_nothing() {
        let curve = QualityCurve::new(10.0).unwrap();
        assert_eq!(curve.dec_auc(), 0.0);
        assert_eq!(curve.log_dec_auc(1.0).unwrap(), 0.0);
        assert_eq!(curve.final_quality(), 0.0);
        assert_eq!(curve.dose_to_reach(0.0), Some(0.0));
        assert_eq!(curve.dose_to_reach(0.1), None);
    }

    #[test]
    fn the_running_quality_counts_not_the_best() {
        let mut curve = QualityCurve::new(4.0).unwrap();
        curve.push(1.0, 0.8).unwrap();
        curve.push(2.0, 0.2).unwrap(); // damaged, or led astray
        assert!((curve.dec_auc() - (0.8 + 2.0 * 0.2) / 4.0).abs() < 1e-15);
        assert_eq!(curve.final_quality(), 0.2);
        assert_eq!(curve.dose_to_reach(0.5), Some(1.0));
    }

    #[test]
    fn the_logarithmic_mean_has_its_closed_form() {
        let mut curve = QualityCurve::new(100.0).unwrap();
        curve.push(0.5, 0.25).unwrap();
        curve.push(10.0, 1.0).unwrap();
        // decades 1..10 at 0.25 and 10..100 at 1
        assert!((curve.log_dec_auc(1.0).unwrap() - 0.625).abs() < 1e-15);
    }

    #[test]
    fn an_answer_at_the_budget_is_reached_but_spans_no_dose() {
        let mut curve = QualityCurve::new(2.0).unwrap();
        curve.push(2.0, 1.0).unwrap();
        assert_eq!(curve.dec_auc(), 0.0);
        assert_eq!(curve.final_quality(), 1.0);
        assert_eq!(curve.dose_to_reach(0.7), Some(2.0));
        assert_eq!(curve.dose_to_reach(f64::NAN), None);
    }

    #[test]
    fn of_two_answers_at_one_dose_the_last_is_kept() {
        let mut curve = QualityCurve::new(2.0).unwrap();
        curve.push(1.0, 0.9).unwrap();
        curve.push(1.0, 0.4).unwrap();
        assert_eq!(curve.events().len(), 1);
        assert_eq!(curve.dose_to_reach(0.5), None);
    }

    #[test]
    fn wrong_events_are_refused_by_name() {
        let mut curve = QualityCurve::new(2.0).unwrap();
        curve.push(1.0, 0.5).unwrap();
        for (dose, quality, name) in [
            (0.5, 0.5, "dose"),
            (2.5, 0.5, "dose"),
            (f64::NAN, 0.5, "dose"),
            (1.5, 1.1, "quality"),
            (1.5, f64::NAN, "quality"),
        ] {
            let message = curve.push(dose, quality).unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
        }
        assert_eq!(curve.events().len(), 1);
        for budget in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(QualityCurve::new(budget).is_err());
        }
        assert!(curve.quality_at(-0.1).is_err());
        assert!(curve.log_dec_auc(0.0).is_err());
        assert!(curve.truncated(3.0).is_err());
    }

    #[test]
    fn a_file_is_checked_like_a_push() {
        let mut curve = QualityCurve::new(2.0).unwrap();
        curve.push(1.0, 0.5).unwrap();
        let text = serde_json::to_string(&curve).unwrap();
        assert_eq!(serde_json::from_str::<QualityCurve>(&text).unwrap(), curve);
        let wrong = r#"{"budget": 2.0, "events": [{"dose": 3.0, "quality": 0.5}]}"#;
        let message = serde_json::from_str::<QualityCurve>(wrong)
            .unwrap_err()
            .to_string();
        assert!(message.contains("dose"), "{message}");
    }
}
