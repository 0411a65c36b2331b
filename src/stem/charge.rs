//! Exact book-keeping of electrons: charges, the dose meter and local fluence in fixed point.
//!
//! Sums of integers do not depend on their order or grouping, so a dose given in parts is *exactly* the dose given
//! at once, on any number of threads.

use std::ops::{Add, AddAssign, Sub};

/// Ticks per electron: charges are counted in units of 2⁻²⁰ electron.
const TICKS: f64 = (1_u64 << 20) as f64;
/// Resolution of the probe intensity in a fluence: 2⁻³² per Å².
const INTENSITY_STEPS: f64 = (1_u64 << 32) as f64;
/// Steps of intensity to one of a table, as a power of two.
const COARSER: u32 = 6;

/// A number of electrons in fixed point (2⁻²⁰ electron); the expected number, the beam's own shot noise apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Charge(u64);

impl Charge {
    /// Ticks per electron.
    pub(crate) const TICKS: f64 = TICKS;
    /// No electrons.
    pub const ZERO: Self = Self(0);

    /// The nearest representable charge; negative numbers and NaN give none, huge ones the largest charge.
    pub fn from_electrons(electrons: f64) -> Self {
        // A float-to-integer cast saturates and sends NaN to zero, which is what the sentence above promises.
        Self((electrons * TICKS).round() as u64)
    }

    /// The charge in electrons.
    pub fn electrons(self) -> f64 {
        self.0 as f64 / TICKS
    }

    /// So many times the charge, or the largest one.
    pub(crate) fn times(self, number: usize) -> Self {
        Self(self.0.saturating_mul(number as u64))
    }

    /// How many times another charge goes into this one; without end if that is zero.
    pub(crate) fn holds(self, other: Self) -> usize {
        let times = self.0.checked_div(other.0);
        times.map_or(usize::MAX, |times| {
            usize::try_from(times).unwrap_or(usize::MAX)
        })
    }

    /// Whether no electron is left.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or the largest charge if the sum is larger.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Add for Charge {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

impl AddAssign for Charge {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Charge {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// The dose meter of an episode: it counts every electron that reaches the specimen and never passes its budget.
///
/// ```
/// use dosewise::stem::{Charge, DoseMeter};
/// let mut meter = DoseMeter::new(Charge::from_electrons(10.0));
/// assert_eq!(meter.draw(Charge::from_electrons(8.0)).electrons(), 8.0);
/// assert_eq!(meter.draw(Charge::from_electrons(8.0)).electrons(), 2.0); // truncated at the budget
/// assert!(meter.remaining().is_zero());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoseMeter {
    budget: Charge,
    spent: Charge,
}

impl DoseMeter {
    /// A meter that allows `budget` in all.
    pub fn new(budget: Charge) -> Self {
        Self {
            budget,
            spent: Charge::ZERO,
        }
    }

    /// Takes up to `wanted` from the budget and returns what was granted.
    pub fn draw(&mut self, wanted: Charge) -> Charge {
        let granted = wanted.min(self.remaining());
        self.spent += granted;
        granted
    }

    /// What has been spent.
    pub fn spent(&self) -> Charge {
        self.spent
    }

    /// What is left.
    pub fn remaining(&self) -> Charge {
        self.budget - self.spent
    }

    /// The whole budget.
    pub fn budget(&self) -> Charge {
        self.budget
    }
}

/// Electrons per Å² that have passed a place, in fixed point (2⁻⁵² e⁻/Å²).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Fluence(u128);

impl Fluence {
    /// A fluence that is never reached.
    pub const NEVER: Self = Self(u128::MAX);

    /// The nearest representable fluence; NaN and negative numbers give zero.
    pub fn from_dose(electrons_per_square_angstrom: f64) -> Self {
        Self((electrons_per_square_angstrom * TICKS * INTENSITY_STEPS).round() as u128)
    }

    /// The fluence in e⁻/Å².
    pub fn dose(self) -> f64 {
        self.0 as f64 / (TICKS * INTENSITY_STEPS)
    }

    /// What `charge` deposits at a place where the probe's intensity is `intensity` (1/Å²).
    pub fn of(charge: Charge, intensity: f64) -> Self {
        let steps = (intensity * INTENSITY_STEPS).round() as u128;
        Self(u128::from(charge.0).saturating_mul(steps))
    }

    /// An intensity (1/Å²) in the steps of [`Fluence::of_steps`], at most 64: more than any probe's peak.
    pub(crate) fn intensity_steps(intensity: f64) -> u32 {
        (intensity * INTENSITY_STEPS / f64::from(1 << COARSER)).round() as u32
    }

    /// What `charge` deposits at an intensity of so many steps of 2⁻²⁶ 1/Å², fewer than 2⁵⁸.
    #[inline]
    pub(crate) fn of_steps(charge: Charge, steps: u64) -> Self {
        Self(u128::from(charge.0) * u128::from(steps << COARSER))
    }

    /// The fraction of `step` after which `self` reaches `threshold`; `None` when the whole step does not reach it.
    #[inline]
    pub fn crossing(self, step: Self, threshold: Self) -> Option<f64> {
        if threshold == Self::NEVER {
            return None;
        }
        if self.0 >= threshold.0 {
            return Some(0.0);
        }
        let missing = threshold.0 - self.0;
        (missing <= step.0).then(|| missing as f64 / step.0 as f64)
    }
}

impl Sub for Fluence {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Fluence {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Fluence {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_meter_grants_exactly_its_budget(wanted in prop::collection::vec(0.0..50.0_f64, 1..60), budget in 0.0..500.0_f64) {
            let mut meter = DoseMeter::new(Charge::from_electrons(budget));
            let mut sum = Charge::ZERO;
            for electrons in wanted {
                sum += meter.draw(Charge::from_electrons(electrons));
                prop_assert_eq!(meter.spent(), sum);
                prop_assert_eq!(meter.spent() + meter.remaining(), meter.budget());
            }
            prop_assert!(meter.spent() <= meter.budget());
        }

        #[test]
        fn fluence_does_not_depend_on_splitting_or_order(parts in prop::collection::vec(0.0..100.0_f64, 1..40), intensity in 0.0..3.0_f64) {
            let charges: Vec<Charge> = parts.iter().map(|&p| Charge::from_electrons(p)).collect();
            let whole = charges.iter().fold(Charge::ZERO, |sum, &c| sum + c);
            let sum = |order: &mut dyn Iterator<Item = &Charge>| {
                let mut fluence = Fluence::default();
                for &charge in order {
                    fluence += Fluence::of(charge, intensity);
                }
                fluence
            };
            prop_assert_eq!(sum(&mut charges.iter()), Fluence::of(whole, intensity));
            prop_assert_eq!(sum(&mut charges.iter().rev()), Fluence::of(whole, intensity));
        }
    }

    #[test]
    fn nonsense_becomes_no_charge() {
        for electrons in [f64::NAN, -3.0, f64::NEG_INFINITY] {
            assert!(Charge::from_electrons(electrons).is_zero());
        }
        let huge = Charge::from_electrons(f64::INFINITY);
        assert_eq!(huge + huge, huge);
    }
}
