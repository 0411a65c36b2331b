//! Larger and smaller boxes from a structure.

use super::{MOST_ATOMS, Structure};
use crate::{Error, Result};
use nalgebra::Vector3;

impl Structure {
    /// The box set side by side `[x, y, z]` times, with its atoms; the order is by copy (x first), then by atom.
    ///
    /// # Errors
    /// [`Error::Argument`] for a count of 0, and more than 5·10⁷ atoms.
    pub fn repeated(&self, [x, y, z]: [usize; 3]) -> Result<Self> {
        let atoms = [x, y, z, self.atoms.len()]
            .into_iter()
            .try_fold(1_usize, usize::checked_mul);
        if x == 0 || y == 0 || z == 0 || atoms.is_none_or(|atoms| atoms > MOST_ATOMS) {
            return Err(Error::argument(
                "repeats",
                format!("{x} × {y} × {z} of {} atoms", self.atoms.len()),
                format!("at least 1 each way, and at most {MOST_ATOMS} atoms"),
            ));
        }
        let mut atoms = Vec::with_capacity(atoms.unwrap_or(0));
        for (i, j) in (0..x).flat_map(|i| (0..y).map(move |j| (i, j))) {
            for k in 0..z {
                let shift = Vector3::new(i as f64, j as f64, k as f64).component_mul(&self.extent);
                atoms.extend(self.atoms.iter().map(|atom| super::PlacedAtom {
                    position: atom.position + shift,
                    ..*atom
                }));
            }
        }
        let times = Vector3::new(x as f64, y as f64, z as f64);
        Self::new(self.extent.component_mul(&times), atoms)
    }

    /// At least this wide, high and thick (Å): the box repeated as often as it takes.
    ///
    /// # Errors
    /// As [`Structure::repeated`]; [`Error::Argument`] also for a size that is not positive and finite.
    pub fn repeated_to(&self, size: Vector3<f64>) -> Result<Self> {
        if !size.iter().all(|s| *s > 0.0 && s.is_finite()) {
            let found = format!("({}, {}, {}) Å", size.x, size.y, size.z);
            return Err(Error::argument(
                "size",
                found,
                "three positive finite lengths",
            ));
        }
        // a size that is a whole number of edges but for rounding takes no further copy
        let times = size.zip_map(&self.extent, |size, edge| {
            (size / edge - 1e-9).ceil().max(1.0)
        });
        self.repeated([0, 1, 2].map(|i| times[i] as usize))
    }

    /// With empty space of these thicknesses (Å) before the beam enters and after it leaves.
    ///
    /// # Errors
    /// [`Error::Argument`] for a thickness that is negative or no number, and as [`Structure::new`].
    pub fn with_vacuum(&self, before: f64, after: f64) -> Result<Self> {
        for (name, thickness) in [("before", before), ("after", after)] {
            if !(0.0..=1e5).contains(&thickness) {
                return Err(Error::argument(name, thickness, "a thickness of 0..=1e5 Å"));
            }
        }
        let extent = self.extent + Vector3::z() * (before + after);
        let raised = |atom: &super::PlacedAtom| super::PlacedAtom {
            position: atom.position + Vector3::z() * before,
            ..*atom
        };
        Self::new(extent, self.atoms.iter().map(raised).collect())
    }

    /// With empty space of this width (Å) along x and y, half on either side: for what must not see its own image.
    ///
    /// # Errors
    /// [`Error::Argument`] for a width that is negative or no number, and as [`Structure::new`].
    pub fn with_margin(&self, width: f64) -> Result<Self> {
        if !(0.0..=1e5).contains(&width) {
            return Err(Error::argument("width", width, "a width of 0..=1e5 Å"));
        }
        let around = Vector3::new(1.0, 1.0, 0.0) * width;
        let moved = |atom: &super::PlacedAtom| super::PlacedAtom {
            position: atom.position + 0.5 * around,
            ..*atom
        };
        Self::new(self.extent + around, self.atoms.iter().map(moved).collect())
    }

    /// What lies at `low` ≤ z < `high` (Å), in a box of that thickness.
    ///
    /// # Errors
    /// [`Error::Argument`] unless 0 ≤ low < high ≤ the thickness of the box, and as [`Structure::new`].
    pub fn slab(&self, low: f64, high: f64) -> Result<Self> {
        if !(0.0 <= low && low < high && high <= self.extent.z) {
            return Err(Error::argument(
                "low, high",
                format!("{low}, {high} Å"),
                format!("0 ≤ low < high ≤ {} Å", self.extent.z),
            ));
        }
        let kept = self
            .atoms
            .iter()
            .filter(|a| (low..high).contains(&a.position.z));
        let lowered = |atom: &super::PlacedAtom| super::PlacedAtom {
            position: atom.position - Vector3::z() * low,
            ..*atom
        };
        let extent = Vector3::new(self.extent.x, self.extent.y, high - low);
        Self::new(extent, kept.map(lowered).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PlacedAtom, closest_pair};
    use super::*;

    fn two() -> Structure {
        let at =
            |x: f64, y: f64, z: f64| PlacedAtom::new("C".parse().unwrap(), Vector3::new(x, y, z));
        let extent = Vector3::new(4.0, 5.0, 6.0);
        Structure::new(extent, vec![at(0.0, 0.0, 1.0), at(2.0, 2.5, 2.0)]).unwrap()
    }

    #[test]
    fn copies_keep_density_and_distances() {
        let large = two().repeated_to(Vector3::new(8.0, 5.1, 18.0)).unwrap();
        assert_eq!(large.extent(), Vector3::new(8.0, 10.0, 18.0));
        assert_eq!(large.atoms().len(), 2 * 2 * 2 * 3);
        let (small, large) = (
            closest_pair(&two().repeated([1, 1, 2]).unwrap()),
            closest_pair(&large),
        );
        assert_eq!(small.unwrap().distance, large.unwrap().distance);
    }

    #[test]
    fn vacuum_and_slabs_undo_each_other() {
        let thick = two().with_vacuum(3.0, 7.0).unwrap();
        assert_eq!(thick.extent().z, 16.0);
        assert_eq!(thick.slab(3.0, 9.0).unwrap(), two());
        assert_eq!(two().slab(2.0, 6.0).unwrap().atoms().len(), 1);
        let margin = two().with_margin(10.0).unwrap();
        assert_eq!(margin.atoms()[0].position, Vector3::new(5.0, 5.0, 1.0));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(two().repeated([1, 0, 1]).is_err());
        assert!(two().repeated([usize::MAX, 2, 1]).is_err());
        assert!(two().repeated_to(Vector3::new(f64::NAN, 1.0, 1.0)).is_err());
        assert!(two().repeated_to(Vector3::new(1e300, 1.0, 1.0)).is_err());
        assert!(two().with_vacuum(-1.0, 0.0).is_err());
        assert!(two().slab(3.0, 3.0).is_err());
    }
}
