//! What a unit of dose shows at one site, under either hypothesis, and how dose wears the site out.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How readings scatter about dose × rate. Doses add: two visits tell as much as one of the sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// D_c, the dose after which 1/e of the sites are intact, in the same units as all doses; may be infinite.
    pub critical_dose: f64,
    /// m: 1 for single hits, above 1 where damage has to accumulate.
    pub exponent: f64,
}

impl Survival {
    /// Nothing is ever damaged.
    pub const FOREVER: Self = Self {
        critical_dose: f64::INFINITY,
        exponent: 1.0,
    };

    /// With this critical dose and exponent.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the critical dose is positive (infinite for never) and the exponent positive and finite.
    pub fn new(critical_dose: f64, exponent: f64) -> Result<Self> {
        if critical_dose.is_nan() || critical_dose <= 0.0 {
            let allowed = "a positive dose, or infinity";
            return Err(Error::argument("critical_dose", critical_dose, allowed));
        }
        check_rate("exponent", exponent)?;
        Ok(Self {
            critical_dose,
            exponent,
        })
    }

    /// Share of what has survived `before` that a further `dose` destroys, 1 − S(before + dose)/S(before).
    pub fn lost(self, before: f64, dose: f64) -> f64 {
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
/// let site = SiteModel::poisson(1.0, 0.7)?.with_damage(0.7, 0.7, Survival { critical_dose: 300.0, exponent: 2.0 })?;
/// assert!((site.survival().intact(300.0) - (-1.0_f64).exp()).abs() < 1e-15);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// [`Error::Argument`] unless both rates are positive and finite.
    pub fn poisson(null: f64, alternative: f64) -> Result<Self> {
        check_rate("null", null)?;
        check_rate("alternative", alternative)?;
        Ok(Self::undamaged(Scatter::Poisson, null, alternative))
    }

    /// Readings with additive noise of this **variance** per unit of dose, and no damage; rates of any sign.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the rates are finite and the variance is positive.
    pub fn gaussian(null: f64, alternative: f64, variance: f64) -> Result<Self> {
        check_finite("null", null)?;
        check_finite("alternative", alternative)?;
        check_rate("variance", variance)?;
        Ok(Self::undamaged(
            Scatter::Gaussian { variance },
            null,
            alternative,
        ))
    }

    /// The same site wearing out by `survival`, with these rates once it is damaged.
    ///
    /// # Errors
    /// [`Error::Argument`] if a rate is unusable, the critical dose not positive or the exponent not positive and finite.
    pub fn with_damage(
        self,
        damaged_null: f64,
        damaged_alternative: f64,
        survival: Survival,
    ) -> Result<Self> {
        let check = match self.scatter {
            Scatter::Poisson => check_rate,
            Scatter::Gaussian { .. } => check_finite,
        };
        check("damaged_null", damaged_null)?;
        check("damaged_alternative", damaged_alternative)?;
        let survival = Survival::new(survival.critical_dose, survival.exponent)?;
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

    /// Refuses what no visit can show.
    pub(super) fn check_reading(&self, dose: f64, reading: f64) -> Result<()> {
        if !(dose > 0.0 && dose.is_finite()) {
            return Err(Error::argument("dose", dose, "a positive dose"));
        }
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

    fn undamaged(scatter: Scatter, null: f64, alternative: f64) -> Self {
        Self {
            scatter,
            null,
            alternative,
            damaged_null: null,
            damaged_alternative: alternative,
            survival: Survival::FOREVER,
        }
    }
}

fn check_rate(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, value, "a positive finite number"))
}

fn check_finite(name: &str, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, value, "a finite number"))
}
