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
    // the series, where it serves, errs by less than rounding
    match x < 1e-3 {
        true => 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0))),
        false => -(-x).exp_m1() / x,
    }
}
