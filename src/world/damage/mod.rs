//! Damage: what the beam does to a specimen besides showing it.
//!
//! | law | what it does | depends on how the dose is split |
//! | --- | --- | --- |
//! | knock-on ([`crate::stem::KnockOn`]) | each atom goes at an exponential dose of its own | no |
//! | [`Decay`] | cells pass through stages, radiolysis | no |
//! | [`Nucleation`] | bright specks appear at places and doses drawn beforehand | no |
//! | [`Contamination`] | carbon is deposited, which scatters too | no |
//! | [`EnergyDiffusion`] | recent visits nearby make a visit do more | yes |
//!
//! Local dose is booked on a [`DoseMap`] in whole numbers, so that its sums do not depend on order or grouping.

mod contamination;
mod decay;
mod dose_map;
mod energy_diffusion;
mod nucleation;

pub use contamination::Contamination;
pub use decay::{Decay, DecayChain, Stage};
pub(super) use dose_map::Corners;
pub use dose_map::DoseMap;
pub use energy_diffusion::{EnergyDiffusion, EnergyTrail};
pub use nucleation::Nucleation;

/// Mean of exp(−t) over t from 0 to `x`, (1 − e⁻ˣ)/x.
#[inline]
fn mean_of_decay(x: f64) -> f64 {
    // The coefficients (−1)ᵏ/(k+1)! of the series, which errs by less than rounding where it serves.
    const SERIES: [f64; 9] = [
        1.0,
        -1.0 / 2.0,
        1.0 / 6.0,
        -1.0 / 24.0,
        1.0 / 120.0,
        -1.0 / 720.0,
        1.0 / 5040.0,
        -1.0 / 40320.0,
        1.0 / 362_880.0,
    ];
    if x >= 0.1 {
        return (1.0 - (-x).exp()) / x;
    }
    // by pairs, which do not wait for one another
    let square = x * x;
    let pair = |n: usize| SERIES[n] + x * SERIES[n + 1];
    let fourth = square * square;
    let (low, high) = (pair(0) + square * pair(2), pair(4) + square * pair(6));
    low + fourth * (high + fourth * SERIES[8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_a_decay_is_its_integral() {
        for n in 1..400 {
            let x = 1e-6 * 1.05_f64.powi(n);
            let exact = -(-x).exp_m1() / x;
            assert!((mean_of_decay(x) / exact - 1.0).abs() < 4e-15, "{x}");
        }
        assert_eq!(mean_of_decay(0.0), 1.0);
    }
}
