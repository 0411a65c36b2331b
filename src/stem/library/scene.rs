//! What is to be imaged: grains with their defects, islands, and the pixels to see them with.

use super::motif::{Edit, check_edits};
use super::recipe::Recipe;
use crate::units::Point;
use crate::{Error, Result};
use nalgebra::{Matrix2, Vector2};

/// A piece of the crystal: how it lies, how far it reaches, what differs in it.
///
/// A place r = (x, y) of the crystal of the recipe appears at D·r + origin. The image is mapped with it, each frequency
/// G to D⁻ᵀG, with the transfer of the probe there; responses of defects are turned by the rotation in D and not
/// stretched, since a probe does not stretch.
pub struct Domain<'a> {
    region: Option<Box<dyn Fn(Point) -> bool + Sync + 'a>>,
    mixture: Vec<(usize, f64)>,
    deformation: Matrix2<f64>,
    origin: Point,
    edits: Vec<Edit>,
}

impl Default for Domain<'_> {
    /// The crystal as it is in the recipe, over the whole field.
    fn default() -> Self {
        Self {
            region: None,
            mixture: vec![(0, 1.0)],
            deformation: Matrix2::identity(),
            origin: Point::default(),
            edits: Vec::new(),
        }
    }
}

impl<'a> Domain<'a> {
    /// Only where `region` holds. A pixel belongs to the first domain that holds it; defects shine beyond it.
    pub fn within(self, region: impl Fn(Point) -> bool + Sync + 'a) -> Self {
        Self {
            region: Some(Box::new(region)),
            ..self
        }
    }

    /// Deformed by a matrix that acts on (x, y), after what was done before.
    pub fn deformed(self, deformation: Matrix2<f64>) -> Self {
        Self {
            deformation: deformation * self.deformation,
            ..self
        }
    }

    /// Turned about the origin by an angle (radians), from x towards y, after what was done before.
    pub fn turned(self, angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        self.deformed(Matrix2::new(cos, -sin, sin, cos))
    }

    /// With the origin of the crystal at this place of the field.
    pub fn at(self, origin: Point) -> Self {
        Self { origin, ..self }
    }

    /// Between the states of the recipe: numbers of states with their weights, which should add up to 1. Between three
    /// states a, b, c at −u₀, 0, u₀ of some shift, the shift u = t·u₀ is t(t−1)/2, 1−t², t(t+1)/2.
    pub fn mixture(self, mixture: &[(usize, f64)]) -> Self {
        Self {
            mixture: mixture.to_vec(),
            ..self
        }
    }

    /// With these atoms changed.
    pub fn edited(mut self, edits: &[Edit]) -> Self {
        self.edits.extend_from_slice(edits);
        self
    }

    /// Where a place of the crystal appears in the field.
    pub fn place(&self, crystal: Point) -> Point {
        let moved = self.deformation * Vector2::new(crystal.x, crystal.y);
        Point::new(moved.y + self.origin.y, moved.x + self.origin.x)
    }

    pub(super) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    pub(super) fn holds(&self, place: Point) -> bool {
        self.region.as_ref().is_none_or(|region| region(place))
    }

    pub(super) fn shares(&self) -> &[(usize, f64)] {
        &self.mixture
    }

    pub(super) fn deformation(&self) -> Matrix2<f64> {
        self.deformation
    }

    pub(super) fn origin(&self) -> Point {
        self.origin
    }

    /// The rotation in the deformation, D = R·(symmetric), as an angle from x towards y.
    pub(super) fn angle(&self) -> f64 {
        let d = self.deformation;
        (d[(1, 0)] - d[(0, 1)]).atan2(d[(0, 0)] + d[(1, 1)])
    }

    /// Refuses what cannot be imaged with the responses of a recipe.
    pub(super) fn check(&self, recipe: &Recipe) -> Result<()> {
        let d = self.deformation;
        let determinant = d.determinant();
        if !d.iter().all(|x| x.is_finite()) || !(0.5..=2.0).contains(&determinant) {
            return Err(Error::argument(
                "deformation",
                format!("{:?}, determinant {determinant}", d.as_slice()),
                "finite numbers with a determinant of 0.5..=2",
            ));
        }
        let Point { y, x } = self.origin;
        if !(y.abs() <= 1e6 && x.abs() <= 1e6) {
            let found = format!("({y}, {x}) Å");
            return Err(Error::argument("origin", found, "within ±10⁶ Å"));
        }
        for &(state, weight) in &self.mixture {
            let sound = state < recipe.states.len() && weight.abs() <= 100.0;
            if !sound {
                return Err(Error::argument(
                    "mixture",
                    format!("state {state} with weight {weight}"),
                    format!("states below {}, weights within ±100", recipe.states.len()),
                ));
            }
        }
        check_edits(&self.edits, recipe.cell().atoms().len(), || "edits".into())
    }
}

/// All there is to see.
#[derive(Default)]
pub struct Scene<'a> {
    /// Pieces of the crystal; where none is, there is vacuum.
    pub domains: Vec<Domain<'a>>,
    /// Islands by their number in the recipe, each with its place.
    pub islands: Vec<(usize, Point)>,
}

/// The pixels of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// Place of pixel `[0, 0]`.
    pub origin: Point,
    /// Pixels along y.
    pub rows: usize,
    /// Pixels along x.
    pub columns: usize,
    /// Distance of neighbouring pixels, Å.
    pub pixel: f64,
}

impl Frame {
    /// Place of a pixel.
    pub fn place(&self, row: usize, column: usize) -> Point {
        self.origin + Point::new(row as f64 * self.pixel, column as f64 * self.pixel)
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { rows, columns, .. } = *self;
        let Point { y, x } = self.origin;
        let sound = rows > 0
            && columns > 0
            && rows.saturating_mul(columns) <= 1 << 26
            && (1e-3..=100.0).contains(&self.pixel)
            && y.abs() <= 1e6
            && x.abs() <= 1e6;
        if sound {
            return Ok(());
        }
        let rule = "1 to 2²⁶ pixels of 0.001 to 100 Å, the first within ±10⁶ Å";
        Err(Error::argument("frame", format!("{self:?}"), rule))
    }
}
