//! What a unit of dose shows at one site, under either hypothesis, and how dose wears the site out.

use crate::error::{Error, Result};
use crate::random::Stream;
use rand_distr::{Distribution, Poisson};

/// How readings scatter about dose × rate. Doses add: two visits tell as much as one of the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scatter {
    /// Counts: a visit of dose d shows n ~ Poisson(λ d), with the rate λ in counts per unit of dose.
    Poisson,
    /// Sums of a signal with additive noise: a visit of dose d shows y ~ N(λ d, v d).
    Gaussian {
        /// **Variance** v of the reading per unit of dose.
        variance: f64,
    },
}

/// How long a site lasts: the probability S(D) = exp(−(D/D_c)^m) that it is intact after dose D.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Survival {
    critical_dose: f64,
    exponent: f64,
}

impl Survival {
    /// Nothing is ever damaged.
    pub const FOREVER: Self = Self {
        critical_dose: f64::INFINITY,
        exponent: 1.0,
    };

    /// With the dose D_c after which 1/e of the sites are intact, in the same units as all doses, and the exponent m: 1 for
    /// single hits, above 1 where damage has to accumulate.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the critical dose is positive (infinite for never) and the exponent positive and finite.
    pub fn new(critical_dose: f64, exponent: f64) -> Result<Self> {
        if critical_dose.is_nan() || critical_dose <= 0.0 {
            let allowed = "a positive dose, or infinity";
            return Err(Error::argument("critical_dose", critical_dose, allowed));
        }
        check_positive("exponent", exponent)?;
        Ok(Self {
            critical_dose,
            exponent,
        })
    }

    /// D_c, the dose after which 1/e of the sites are intact; infinite where nothing is ever damaged.
    pub fn critical_dose(self) -> f64 {
        self.critical_dose
    }

    /// The exponent m.
    pub fn exponent(self) -> f64 {
        self.exponent
    }

    /// Share of what has survived `before` that a further `dose` destroys, 1 − S(before + dose)/S(before); all of it where
    /// the hazard is beyond all numbers.
    pub fn lost(self, before: f64, dose: f64) -> f64 {
        if self.hazard(before).is_infinite() {
            return 1.0;
        }
        -(self.hazard(before) - self.hazard(before + dose)).exp_m1()
    }

    /// Cumulative hazard (D/D_c)^m.
    pub fn hazard(self, dose: f64) -> f64 {
        if self.critical_dose.is_infinite() {
            return 0.0;
        }
        (dose.max(0.0) / self.critical_dose).powf(self.exponent)
    }

    /// Whether no dose ever does damage.
    pub fn is_forever(self) -> bool {
        self.critical_dose.is_infinite()
    }

    /// The dose at which the cumulative hazard reaches `hazard`, D_c h^(1/m).
    pub(super) fn dose_at(self, hazard: f64) -> f64 {
        if hazard == 0.0 {
            return 0.0;
        }
        self.critical_dose * hazard.powf(1.0 / self.exponent)
    }

    /// Probability of being intact after `dose`.
    pub fn intact(self, dose: f64) -> f64 {
        (-self.hazard(dose)).exp()
    }

    /// ∫₀^∞ S(D) dD = D_c Γ(1 + 1/m): the dose whose worth of evidence a site can give before it is gone.
    pub fn mean_life(self) -> f64 {
        self.critical_dose * statrs::function::gamma::gamma(1.0 + 1.0 / self.exponent)
    }
}

/// A site that is one of two things, null or alternative (for example a perfect column or a vacancy).
///
/// Rates are signal per unit of dose, whatever the unit: incident electrons, detected electrons, seconds. A damaged site
/// shows another rate; damage is a matter of the dose alone, so both hypotheses share the [`Survival`].
///
/// ```
/// use dosewise::sequential::{SiteModel, Survival};
/// // Vacancies are 30 % darker; knocked-out columns look like vacancies from then on.
/// let site = SiteModel::poisson(1.0, 0.7)?.with_damage(0.7, 0.7, Survival::new(300.0, 2.0)?)?;
/// assert!((site.survival().intact(300.0) - (-1.0_f64).exp()).abs() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteModel {
    scatter: Scatter,
    null: f64,
    alternative: f64,
    damaged_null: f64,
    damaged_alternative: f64,
    survival: Survival,
}

impl SiteModel {
    /// Counts with these rates per unit of dose, and no damage.
    ///
    /// # Errors
    /// [`Error::Argument`] unless both rates are positive and finite, and tell the hypotheses apart.
    pub fn poisson(null: f64, alternative: f64) -> Result<Self> {
        check_positive("null", null)?;
        check_positive("alternative", alternative)?;
        Self::undamaged(Scatter::Poisson, null, alternative)
    }

    /// Readings with additive noise of this **variance** per unit of dose, and no damage; rates of any sign.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the rates are finite and tell the hypotheses apart, and the variance is positive.
    pub fn gaussian(null: f64, alternative: f64, variance: f64) -> Result<Self> {
        check_finite("null", null)?;
        check_finite("alternative", alternative)?;
        check_positive("variance", variance)?;
        Self::undamaged(Scatter::Gaussian { variance }, null, alternative)
    }

    /// The same site wearing out by `survival`, with these rates once it is damaged.
    ///
    /// # Errors
    /// [`Error::Argument`] if a rate is unusable: for counts not positive and finite, else not finite.
    pub fn with_damage(
        self,
        damaged_null: f64,
        damaged_alternative: f64,
        survival: Survival,
    ) -> Result<Self> {
        let check = match self.scatter {
            Scatter::Poisson => check_positive,
            Scatter::Gaussian { .. } => check_finite,
        };
        check("damaged_null", damaged_null)?;
        check("damaged_alternative", damaged_alternative)?;
        Ok(Self {
            damaged_null,
            damaged_alternative,
            survival,
            ..self
        })
    }

    /// How readings scatter.
    pub fn scatter(&self) -> Scatter {
        self.scatter
    }

    /// How the site wears out.
    pub fn survival(&self) -> Survival {
        self.survival
    }

    /// Signal per unit of dose of an intact site, null or alternative.
    pub fn rate(&self, alternative: bool) -> f64 {
        if alternative {
            self.alternative
        } else {
            self.null
        }
    }

    /// Signal per unit of dose of a damaged site, null or alternative.
    pub fn damaged_rate(&self, alternative: bool) -> f64 {
        if alternative {
            self.damaged_alternative
        } else {
            self.damaged_null
        }
    }

    /// log p(reading | rate, dose) up to a term that no rate changes.
    pub(super) fn log_likelihood(&self, rate: f64, dose: f64, reading: f64) -> f64 {
        match self.scatter {
            Scatter::Poisson => reading * rate.ln() - rate * dose,
            Scatter::Gaussian { variance } => (reading - 0.5 * rate * dose) * rate / variance,
        }
    }

    /// Draws what a visit of this `dose` shows at a site of this `rate`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the dose is positive, the rate possible, and fewer than some 10¹⁹ counts are expected,
    /// beyond which none can be drawn.
    pub fn draw(&self, rate: f64, dose: f64, stream: &mut Stream) -> Result<f64> {
        check_positive("dose", dose)?;
        match self.scatter {
            Scatter::Poisson => match Poisson::new(rate * dose) {
                Ok(law) => Ok(law.sample(stream)),
                Err(_) => {
                    let found = format!("{rate} in a dose of {dose}");
                    let allowed = "a rate that shows more than 0 and less than 10¹⁹ counts";
                    Err(Error::argument("rate", found, allowed))
                }
            },
            Scatter::Gaussian { variance } => {
                check_finite("rate", rate)?;
                Ok(rate * dose + (variance * dose).sqrt() * stream.normal())
            }
        }
    }

    /// Refuses what no visit can show.
    pub(super) fn check_reading(&self, dose: f64, reading: f64) -> Result<()> {
        check_positive("dose", dose)?;
        let usable = match self.scatter {
            Scatter::Poisson => reading >= 0.0 && reading.is_finite() && reading.fract() == 0.0,
            Scatter::Gaussian { .. } => reading.is_finite(),
        };
        if usable {
            return Ok(());
        }
        let allowed = match self.scatter {
            Scatter::Poisson => "a whole number of counts, not negative",
            Scatter::Gaussian { .. } => "a finite number",
        };
        Err(Error::argument("reading", reading, allowed))
    }

    fn undamaged(scatter: Scatter, null: f64, alternative: f64) -> Result<Self> {
        let site = Self {
            scatter,
            null,
            alternative,
            damaged_null: null,
            damaged_alternative: alternative,
            survival: Survival::FOREVER,
        };
        let telling = |evidence: f64| evidence > 0.0 && evidence.is_finite();
        if telling(site.evidence_for()) && telling(site.evidence_against()) {
            return Ok(site);
        }
        Err(Error::argument(
            "null, alternative",
            format!("{null} and {alternative}"),
            "rates that tell the hypotheses apart, by a finite number of nats",
        ))
    }
}

pub(super) fn check_positive(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, value, "a positive finite number"))
}

pub(super) fn check_finite(name: &str, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, value, "a finite number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::units::Seed;

    #[test]
    fn everything_is_lost_beyond_all_numbers_and_nothing_where_nothing_wears() {
        let survival = Survival::new(100.0, 2.0).unwrap();
        assert_eq!(survival.lost(1e300, 1.0), 1.0);
        assert_eq!(survival.lost(0.0, 1e300), 1.0);
        assert_eq!(Survival::FOREVER.lost(1e300, 1.0), 0.0);
        assert!((survival.lost(30.0, 40.0) - (1.0 - (0.09_f64 - 0.49).exp())).abs() < 1e-15);
        assert!(Survival::new(0.0, 1.0).is_err() && Survival::new(1.0, f64::NAN).is_err());
    }

    #[test]
    fn counts_that_cannot_be_drawn_are_refused() {
        let site = SiteModel::poisson(1.0, 0.5).unwrap();
        let mut stream = Stream::new(Seed(1), Purpose::Counts, [0, 0]);
        assert!(site.draw(1e12, 4.0, &mut stream).unwrap() > 3.9e12);
        assert!(site.draw(1e19, 4.0, &mut stream).is_err());
        assert!(site.draw(1.0, f64::NAN, &mut stream).is_err());
    }
}
