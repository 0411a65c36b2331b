//! How the vibration of the atoms enters: not at all, as a blur of each atom, or as frozen snapshots.

use super::potential::{Kind, Scatterer};
use crate::random::{Purpose, Stream};
use crate::stem::{PlacedAtom, Vibration};
use crate::units::Seed;
use crate::{Error, Result};
use nalgebra::{Matrix3, Vector3};

/// Most frozen snapshots.
const MOST_CONFIGURATIONS: usize = 10_000;

/// What a simulation makes of the [`Vibration`] of each atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtomicMotion {
    /// The atoms stand still.
    #[default]
    Still,
    /// Each atom is blurred by its Debye-Waller factor exp(−2π² kᵀUk): the elastic scattering alone. What the atoms
    /// scatter inelastically towards high angles is lost, so HAADF signals come out too weak.
    DebyeWaller,
    /// The beam sees the atoms at rest at displaced places, a new set of places for each electron; intensities are
    /// averaged over so many sets (R. F. Loane, P. Xu and J. Silcox, Acta Cryst. A47 (1991) 267,
    /// doi 10.1107/S0108767391000375). The atoms move independently of one another (Einstein model).
    FrozenPhonons {
        /// Number of sets.
        configurations: usize,
        /// Seed of the displacements; atom i of set c is displaced the same whatever else there is.
        seed: Seed,
    },
}

impl AtomicMotion {
    /// Number of specimens to be averaged over.
    pub(in crate::stem) fn configurations(self) -> Result<usize> {
        match self {
            Self::Still | Self::DebyeWaller => Ok(1),
            Self::FrozenPhonons { configurations, .. }
                if (1..=MOST_CONFIGURATIONS).contains(&configurations) =>
            {
                Ok(configurations)
            }
            Self::FrozenPhonons { configurations, .. } => Err(Error::argument(
                "configurations",
                configurations,
                format!("1..={MOST_CONFIGURATIONS} sets of displacements"),
            )),
        }
    }

    /// Atom number `index` as the beam meets it in set `configuration`: its kind, its place, its height.
    pub(super) fn scatterer(
        self,
        configuration: usize,
        index: usize,
        atom: &PlacedAtom,
    ) -> (Kind, Scatterer, f64) {
        let mut place = atom.position;
        let mut kind = Kind::still(atom.element);
        match self {
            Self::Still => {}
            Self::DebyeWaller => kind = Kind::blurred(atom.element, atom.vibration),
            Self::FrozenPhonons { seed, .. } => {
                let key = [configuration as u64, index as u64];
                place += displacement(atom.vibration, Stream::new(seed, Purpose::Phonons, key));
            }
        }
        let scatterer = Scatterer {
            y: place.y,
            x: place.x,
            occupancy: atom.occupancy,
        };
        (kind, scatterer, place.z)
    }
}

/// A normally distributed displacement (Å) with the covariance of the vibration.
fn displacement(vibration: Vibration, mut stream: Stream) -> Vector3<f64> {
    let mut deviates = || Vector3::from_fn(|_, _| stream.normal());
    match vibration {
        Vibration::None => Vector3::zeros(),
        Vibration::Isotropic(u) => u * deviates(),
        Vibration::Anisotropic(covariance) => root(covariance) * deviates(),
    }
}

/// The symmetric square root of a covariance matrix; spreads that rounding made negative count as none.
fn root(covariance: Matrix3<f64>) -> Matrix3<f64> {
    let mut eigen = covariance.symmetric_eigen();
    eigen.eigenvalues.apply(|s| *s = s.max(0.0).sqrt());
    eigen.recompose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displacements_have_the_covariance_asked_for() {
        let covariance = Matrix3::new(4e-3, 1e-3, 0.0, 1e-3, 9e-3, -2e-3, 0.0, -2e-3, 1e-3);
        for (vibration, expected) in [
            (Vibration::Anisotropic(covariance), covariance),
            (Vibration::Isotropic(0.08), 0.0064 * Matrix3::identity()),
        ] {
            let count = 40_000;
            let mut found = Matrix3::zeros();
            for i in 0..count {
                let shift = displacement(vibration, Stream::new(Seed(3), Purpose::Phonons, [0, i]));
                found += shift * shift.transpose() / count as f64;
            }
            // the standard error of a variance is its size times √(2/n)
            assert!(
                (found - expected).amax() < 4.0 * 0.01 * (2.0 / count as f64).sqrt(),
                "{found}"
            );
        }
    }
}
