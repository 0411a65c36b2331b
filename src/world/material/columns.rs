//! Particles: columns that stand alone, and what neighbours do to one another.
//!
//! A column has a response of its own. Two neighbours scatter a little else than both alone, since they share the probe and
//! what one scatters passes the other; this excess is a response too, and the image of a particle the sum of all:
//!
//! I = Σ Kᵢ(nᵢ) + Σ Eᵢⱼ(min(nᵢ, nⱼ)),
//!
//! over columns i of nᵢ atoms and pairs of neighbours, with Eᵢⱼ(n) = Kᵢⱼ(n, n) − Kᵢ(n) − Kⱼ(n): the first two orders of
//! an expansion in clusters. What three columns do together is left out.

use super::Material;
use super::definition::ColumnsSection;
use crate::stem::library::{Frame, Imaging, Island, Library, Scene};
use crate::stem::{PlacedAtom, Structure};
use crate::units::Point;
use crate::{Error, Result};
use nalgebra::{Vector2, Vector3};
use ndarray::Array2;
use std::collections::BTreeMap;

/// Distance of the support from the tallest column, Å.
const APART: f64 = 2.0;
/// Neighbours may be so far from where the perfect crystal has them, Å: a sixth of the distance of columns of gold.
const STRAYED: f64 = 0.4;

/// A column of a particle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Which of the columns of a period it is.
    pub kind: usize,
    /// Atoms behind one another.
    pub atoms: usize,
    /// Place (x, y), Å.
    pub place: Vector2<f64>,
}

/// Two columns near one another in the perfect crystal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbours {
    /// Their kinds.
    pub kinds: [usize; 2],
    /// From the first to the second (x, y), Å.
    pub offset: Vector2<f64>,
    /// Island of the recipe that holds what they scatter beyond the sum of both.
    pub island: usize,
}

/// A response in its place: one term of the image of a particle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Number of the island in the recipe.
    pub island: usize,
    /// Number of the thickness in the recipe.
    pub thickness: usize,
    /// Its place.
    pub place: Point,
}

/// The columns of a period of the crystal, and which of them are neighbours.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    /// Place of each kind within a period.
    pub kinds: Vec<Vector2<f64>>,
    pub neighbours: Vec<Neighbours>,
    /// All islands: of the kinds, of the pairs, of the support.
    pub islands: Vec<Island>,
    /// Depths behind the n-th atom of every kind, Å: a column of fewer atoms than the tallest is the tallest one, looked
    /// at behind its last atom, since nothing scatters further down.
    pub exits: Vec<f64>,
    /// Whether something lies behind.
    pub support: bool,
}

impl Columns {
    /// Of a crystal that is one period along the beam. Planes stand half their distance below the faces between them, so that
    /// slices of this thickness hold one each and every exit is a face.
    pub fn new(section: &ColumnsSection, crystal: &Structure) -> Self {
        let period = crystal.extent();
        let mut kinds = kinds(section, crystal);
        for atom in &mut kinds {
            atom.position.z += 0.5 * spacing(crystal);
        }
        let column = |atom: &PlacedAtom, place: Vector2<f64>| {
            let (atom, first) = (*atom, atom.position.z);
            (0..section.tallest).map(move |n| PlacedAtom {
                position: place.push(first + n as f64 * period.z),
                ..atom
            })
        };
        let mut islands: Vec<Island> = (kinds.iter().enumerate())
            .map(|(kind, atom)| {
                let atoms: Vec<_> = column(atom, Vector2::zeros()).collect();
                Island::new(format!("kind {kind}"), atoms)
            })
            .collect();
        let mut neighbours = Vec::new();
        for (kinds_of, offset) in pairs(&kinds, period.xy(), section.neighbours) {
            let [one, other] = kinds_of.map(|kind| &kinds[kind]);
            let half = 0.5 * offset;
            let atoms: Vec<_> = column(one, -half).chain(column(other, half)).collect();
            let name = format!(
                "kinds {} and {} at {:.2?} Å",
                kinds_of[0],
                kinds_of[1],
                offset.as_slice()
            );
            let parts = [(kinds_of[0], (-half).into()), (kinds_of[1], half.into())];
            neighbours.push(Neighbours {
                kinds: kinds_of,
                offset,
                island: islands.len(),
            });
            islands.push(Island::new(name, atoms).beyond(parts));
        }
        if let Some(support) = &section.support {
            let height = section.tallest as f64 * period.z;
            let depth = height + APART + 0.5 * support.thickness;
            let atom = PlacedAtom::new(support.element, Vector3::new(0.0, 0.0, depth));
            islands.push(Island::new("support", [atom]));
        }
        Self {
            exits: (1..=section.tallest).map(|n| n as f64 * period.z).collect(),
            support: section.support.is_some(),
            kinds: kinds.iter().map(|atom| atom.position.xy()).collect(),
            neighbours,
            islands,
        }
    }

    /// All thicknesses at which something is looked at, in a specimen of this height, Å.
    pub fn exits(&self, height: f64) -> Vec<f64> {
        let behind = self.support.then_some(height);
        self.exits.iter().copied().chain(behind).collect()
    }
}

/// Distance of the planes of all kinds, which lie evenly.
pub(super) fn spacing(crystal: &Structure) -> f64 {
    crystal.extent().z / crystal.atoms().len() as f64
}

/// Atoms of the columns that are met first: one of each kind.
pub(super) fn kinds(columns: &ColumnsSection, crystal: &Structure) -> Vec<PlacedAtom> {
    let own = |atom: &&PlacedAtom| atom.element == columns.element;
    crystal.atoms().iter().filter(own).copied().collect()
}

/// Pairs of columns at most `reach` apart, one of each that a translation brings onto one another: kinds, and the offset
/// from the first to the second.
fn pairs(
    kinds: &[PlacedAtom],
    period: Vector2<f64>,
    reach: f64,
) -> Vec<([usize; 2], Vector2<f64>)> {
    let cells = |edge: f64| (reach / edge).ceil() as i32 + 1;
    let (across, along) = (cells(period.x), cells(period.y));
    let shifts = (-across..=across).flat_map(|i| (-along..=along).map(move |j| (i, j)));
    let shifts: Vec<Vector2<f64>> = shifts
        .map(|(i, j)| Vector2::new(f64::from(i) * period.x, f64::from(j) * period.y))
        .collect();
    let mut found = Vec::new();
    for one in 0..kinds.len() {
        for other in one..kinds.len() {
            let between = (kinds[other].position - kinds[one].position).xy();
            let offsets = shifts.iter().map(|shift| between + shift);
            let near = offsets.filter(|offset| {
                // two columns of one kind are found from either side
                let twice = one == other && (offset.x, offset.y) <= (0.0, 0.0);
                offset.norm() <= reach && !twice
            });
            found.extend(near.map(|offset| ([one, other], offset)));
        }
    }
    found
}

impl Material {
    /// Half an ellipsoid of columns on a round face of this radius (Å), flat where the beam enters, about the origin.
    pub fn half_ellipsoid(&self, radius: f64) -> Vec<Column> {
        let Some(columns) = &self.definition.columns else {
            return Vec::new();
        };
        let period = self.recipe.cell().extent();
        let reach = |edge: f64| (radius / edge).ceil() as i32;
        let (across, along) = (reach(period.x), reach(period.y));
        let corners = (-across..=across).flat_map(|i| (-along..=along).map(move |j| (i, j)));
        let mut found = Vec::new();
        for (i, j) in corners {
            let corner = Vector2::new(f64::from(i) * period.x, f64::from(j) * period.y);
            for (kind, offset) in self.columns.kinds.iter().enumerate() {
                let place = corner + offset;
                let depth = (1.0 - (place.norm() / radius).powi(2)).max(0.0).sqrt();
                let atoms = (depth * columns.tallest as f64).round() as usize;
                if atoms > 0 {
                    found.push(Column { kind, atoms, place });
                }
            }
        }
        found
    }

    /// Places (x, y) of the columns within a period, by kind, Å.
    pub fn column_places(&self) -> &[Vector2<f64>] {
        &self.columns.kinds
    }

    /// Which columns are neighbours in the perfect crystal, each two once.
    pub fn neighbours(&self) -> &[Neighbours] {
        &self.columns.neighbours
    }

    /// The response of a column that stands alone; `None` without atoms, and for a kind or number of atoms that the material
    /// lacks.
    pub fn single(&self, column: &Column) -> Option<Piece> {
        let known =
            column.kind < self.columns.kinds.len() && column.atoms <= self.columns.exits.len();
        Some(Piece {
            island: column.kind,
            thickness: column.atoms.checked_sub(1).filter(|_| known)?,
            place: Point::new(column.place.y, column.place.x),
        })
    }

    /// What two columns scatter beyond the sum of both, up to the end of the shorter one; `None` unless they are neighbours,
    /// within 0.4 Å of the offset in the perfect crystal, and both have a [response](Material::single).
    pub fn pair(&self, one: &Column, other: &Column) -> Option<Piece> {
        let between = other.place - one.place;
        let alike = |n: &&Neighbours| {
            let along = n.kinds == [one.kind, other.kind] && (between - n.offset).norm() <= STRAYED;
            let back = n.kinds == [other.kind, one.kind] && (between + n.offset).norm() <= STRAYED;
            along || back
        };
        let island = self.columns.neighbours.iter().find(alike)?.island;
        let ends = self
            .single(one)?
            .thickness
            .min(self.single(other)?.thickness);
        let middle = 0.5 * (one.place + other.place);
        Some(Piece {
            island,
            thickness: ends,
            place: Point::new(middle.y, middle.x),
        })
    }

    /// All that the image of some columns holds of the column of this number: its own response and a term for each of its
    /// neighbours. What a changed column makes of a map is the pieces after less those before.
    ///
    /// ```
    /// use dosewise::world::material::Material;
    /// let gold = Material::load("worlds/materials/gold.toml")?;
    /// let mut columns = gold.half_ellipsoid(12.0);
    /// let highest = (0..columns.len()).max_by_key(|n| columns[*n].atoms).unwrap();
    /// assert_eq!(gold.pieces_of(&columns, highest).len(), 1 + 6); // six neighbours in [110]
    /// columns[highest].atoms = 0;
    /// assert!(gold.pieces_of(&columns, highest).is_empty());
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    pub fn pieces_of(&self, columns: &[Column], number: usize) -> Vec<Piece> {
        let Some(own) = columns.get(number) else {
            return Vec::new();
        };
        let others = columns.iter().enumerate().filter(|(n, _)| *n != number);
        let pairs = others.filter_map(|(_, other)| self.pair(own, other));
        self.single(own).into_iter().chain(pairs).collect()
    }

    /// The image of some columns, piece by piece.
    ///
    /// # Errors
    /// [`Error::Argument`] for columns of a kind or height that the material lacks; a column without atoms is none.
    pub fn pieces(&self, columns: &[Column]) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for (number, column) in columns.iter().enumerate() {
            if column.atoms > 0 && self.single(column).is_none() {
                let found = format!("{column:?}");
                let rule = "kinds and heights of the material";
                return Err(Error::argument("columns", found, rule));
            }
            pieces.extend(self.single(column));
            let before = columns[..number].iter();
            pieces.extend(before.filter_map(|other| self.pair(column, other)));
        }
        Ok(pieces)
    }

    /// The response of an atom of the support at a place; `None` without support.
    pub fn support(&self, place: Point) -> Option<Piece> {
        self.columns.support.then(|| Piece {
            island: self.columns.islands.len() - 1,
            thickness: self.columns.exits.len(),
            place,
        })
    }

    /// The image of columns and atoms of the support at their places.
    ///
    /// # Errors
    /// As [`Material::pieces`], [`Library::response`] and [`Response::image`](crate::stem::library::Response::image).
    pub fn particle_image(
        &self,
        library: &Library,
        detector: usize,
        imaging: &Imaging,
        columns: &[Column],
        support: &[Point],
        frame: Frame,
    ) -> Result<Array2<f64>> {
        let behind = support.iter().filter_map(|place| self.support(*place));
        let mut scenes: BTreeMap<usize, Scene<'_>> = BTreeMap::new();
        for piece in self.pieces(columns)?.into_iter().chain(behind) {
            let scene = scenes.entry(piece.thickness).or_default();
            scene.islands.push((piece.island, piece.place));
        }
        let mut image = Array2::zeros((frame.rows, frame.columns));
        for (thickness, scene) in &scenes {
            let response = library.response(detector, *thickness, imaging)?;
            image += &response.image(scene, frame)?;
        }
        Ok(image)
    }
}
