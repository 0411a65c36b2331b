//! A specimen that is turned a little against the beam.

use super::{PlacedAtom, Structure};
use crate::Result;
use crate::stem::Tilt;
use nalgebra::Vector3;

impl Structure {
    /// The specimen of a small tilt: atoms at the depth z are moved by −z tan θ, so that a beam along z meets them as it
    /// would meet those of the untilted box when it drifts towards +y and +x with [`Tilt`]. The atoms move each by its own
    /// depth, where the factor [`Tilt::propagation_phase`] of the propagator moves whole slices.
    ///
    /// ```
    /// use dosewise::stem::{PlacedAtom, Structure, Tilt};
    /// use nalgebra::Vector3;
    /// let deep = PlacedAtom::new("Au".parse()?, Vector3::new(4.0, 4.0, 100.0));
    /// let structure = Structure::new(Vector3::new(8.0, 8.0, 100.0), vec![deep])?;
    /// let tilted = structure.tilted(Tilt::new(0.0, 5.0)?)?; // 5 mrad towards +x
    /// assert!((tilted.atoms()[0].position.x - 3.5).abs() < 1e-4);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Structure::new`].
    pub fn tilted(&self, tilt: Tilt) -> Result<Self> {
        let slope = |mrad: f64| -(1e-3 * mrad).tan();
        let drift = Vector3::new(slope(tilt.x_mrad()), slope(tilt.y_mrad()), 0.0);
        self.edited(|_, atom| {
            Some(PlacedAtom {
                position: atom.position + drift * atom.position.z,
                ..*atom
            })
        })
    }
}
