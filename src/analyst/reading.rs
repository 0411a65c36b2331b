//! What one detector reading says about the number of electrons that was expected.

/// Readings within this many standard deviations of the readout noise are told apart electron by electron.
const REACH: f64 = 6.0;
/// Above this readout noise (electrons) single electrons cannot be told, and the shifted Poisson law is as good.
const EXACT_BELOW: f64 = 3.0;

/// The likelihood of the expected number λ of detected electrons, given one reading y of noise s.
///
/// p(y | λ) = Σₙ Poisson(n; λ) N(y; n, s²), up to a factor that does not depend on λ: exp(−λ) times a polynomial in λ, so
/// that its coefficients are worked out once for a reading and serve every hypothesis. For s > 3 the shifted Poisson law
/// takes over, y + s² ~ Poisson(λ + s²) (Snyder, Helstrom, Lanterman, Faisal & White, J. Opt. Soc. Am. A 12 (1995) 272).
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Lowest number of electrons considered.
    lowest: f64,
    /// Unit of λ in which the coefficients are of order one.
    unit: f64,
    /// Coefficients of (λ/unit)^(n − lowest).
    coefficients: Vec<f64>,
    /// Variance by which counts and rates are shifted; zero when the coefficients are exact.
    shift: f64,
}

impl Reading {
    /// Takes in the reading `signal` of a detector with readout noise of standard deviation `noise` electrons.
    pub(super) fn read(&mut self, signal: f64, noise: f64) {
        self.coefficients.clear();
        self.shift = 0.0;
        if noise == 0.0 || noise > EXACT_BELOW {
            self.shift = noise * noise;
            self.lowest = (signal + self.shift).max(0.0);
            self.unit = 1.0;
            self.coefficients.push(1.0);
            return;
        }
        self.lowest = (signal - REACH * noise).ceil().max(0.0);
        // A reading far below zero still allows for an electron or two.
        let highest = (signal + REACH * noise).floor().max(self.lowest + 2.0);
        self.unit = signal.max(1.0);
        let log_unit = self.unit.ln();
        let mut exponent = 0.0;
        let mut number = self.lowest;
        // Relative to the first term, whose factor does not depend on λ; then relative to the largest.
        let start = -0.5 * ((signal - number) / noise).powi(2);
        while number <= highest {
            let normal = -0.5 * ((signal - number) / noise).powi(2) - start;
            self.coefficients.push(normal + exponent);
            number += 1.0;
            exponent += log_unit - number.ln();
        }
        let largest = self
            .coefficients
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        for coefficient in &mut self.coefficients {
            *coefficient = (*coefficient - largest).exp();
        }
    }

    /// ln p(y | λ) up to a constant, for a positive rate.
    pub(super) fn log_likelihood(&self, rate: f64) -> f64 {
        let rate = rate + self.shift;
        let (value, _) = self.polynomial(rate / self.unit);
        self.lowest * rate.ln() + value.ln() - rate
    }

    /// Derivative of [`Reading::log_likelihood`] by the rate: the electrons that were probably detected over those
    /// expected, less one.
    pub(super) fn score(&self, rate: f64) -> f64 {
        let rate = rate + self.shift;
        let (value, slope) = self.polynomial(rate / self.unit);
        self.lowest / rate + slope / (self.unit * value) - 1.0
    }

    /// Value and slope by Horner's rule.
    fn polynomial(&self, x: f64) -> (f64, f64) {
        self.coefficients
            .iter()
            .rev()
            .fold((0.0, 0.0), |(value, slope), coefficient| {
                (value * x + coefficient, slope * x + value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::gamma::ln_gamma;

    /// ln Σₙ Poisson(n; λ) N(y; n, s²) summed term by term.
    fn direct(signal: f64, noise: f64, rate: f64) -> f64 {
        let term = |n: u32| {
            let n = f64::from(n);
            n * rate.ln() - rate - ln_gamma(n + 1.0) - 0.5 * ((signal - n) / noise).powi(2)
        };
        let highest = (0..4000).map(term).fold(f64::NEG_INFINITY, f64::max);
        highest
            + (0..4000)
                .map(|n| (term(n) - highest).exp())
                .sum::<f64>()
                .ln()
    }

    #[test]
    fn differences_between_rates_agree_with_the_sum_over_electrons() {
        let mut reading = Reading::default();
        for noise in [0.1, 0.3, 1.0, 2.5] {
            for signal in [-2.0 * noise, 0.2, 1.0, 3.4, 17.8, 250.3] {
                reading.read(signal, noise);
                let around = signal.max(0.3);
                for (a, b) in [(around, 0.7 * around), (around, 1.6 * around)] {
                    let found = reading.log_likelihood(a) - reading.log_likelihood(b);
                    let expected = direct(signal, noise, a) - direct(signal, noise, b);
                    assert!(
                        (found - expected).abs() < 1e-6,
                        "y {signal}, s {noise}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_noise_it_is_the_poisson_law_and_with_much_the_shifted_one() {
        let mut reading = Reading::default();
        reading.read(5.0, 0.0);
        let found = reading.log_likelihood(4.0) - reading.log_likelihood(6.0);
        assert!((found - (5.0 * (4.0_f64 / 6.0).ln() + 2.0)).abs() < 1e-12);
        reading.read(40.0, 5.0);
        let found = reading.log_likelihood(30.0) - reading.log_likelihood(50.0);
        let expected = direct(40.0, 5.0, 30.0) - direct(40.0, 5.0, 50.0);
        assert!((found - expected).abs() < 0.05 * expected.abs().max(1.0));
    }

    #[test]
    fn the_score_is_the_slope() {
        let mut reading = Reading::default();
        for (signal, noise) in [(0.4, 0.3), (3.0, 0.0), (7.7, 1.0), (12.0, 4.0), (-0.9, 0.5)] {
            reading.read(signal, noise);
            for rate in [0.05, 0.8, 6.0] {
                let step = 1e-5 * rate;
                let ahead = reading.log_likelihood(rate + step);
                let slope = (ahead - reading.log_likelihood(rate - step)) / (2.0 * step);
                assert!((reading.score(rate) - slope).abs() < 1e-5 * slope.abs().max(1.0));
            }
        }
    }
}
