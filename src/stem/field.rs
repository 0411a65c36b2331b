//! The atoms of a two-dimensional material that stand in a field of view, and their projected columns.

use super::crystal::Crystal;
use super::element::Element;
use crate::units::Point;
use crate::{Error, Result};
use nalgebra::{Matrix2, Vector2, Vector3};
use std::collections::HashMap;

/// Atoms this far (Å) outside an edge through rounding still count, so that an edge laid through atoms takes either
/// all of them or none.
const EDGE: f64 = 1e-9;

/// Most lattice sites that a search visits; more are refused before memory runs out.
const MAX_SITES: f64 = 2e7;

/// One atom in the field of view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Atom {
    /// The element.
    pub element: Element,
    /// Place in the field, Å.
    pub position: Point,
    /// Height along the beam, Å; the beam runs towards larger z.
    pub z: f64,
    /// Index of its site in [`Crystal::sites`].
    pub site: usize,
}

/// Atoms that stand behind one another along the beam.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Mean place of its atoms in the field, Å.
    pub position: Point,
    /// Indices into the list of atoms, in the order the beam meets them.
    pub atoms: Vec<usize>,
}

impl Crystal {
    /// The atoms of one layer of cells, seen along the normal of the a-b plane, that stand in the rectangle
    /// 0 ≤ y < `height`, 0 ≤ x < `width` (Å).
    ///
    /// A lattice position (x, y) of the crystal in standard orientation (a along x) appears at
    /// x' = x cos φ − y sin φ + `origin.x`, y' = x sin φ + y cos φ + `origin.y` with φ = `rotation` (radians).
    /// Exactly one cell is taken along c, cut at the widest empty gap so that the layer stays whole wherever it lies
    /// in the cell. Occupancies are not drawn: every site gives an atom. The order is by cell (a index, then b
    /// index), then by site, and does not depend on threads or hashing.
    ///
    /// # Errors
    /// [`Error::Argument`] for a height or width that is not positive and finite, a rotation beyond ±1000 or an
    /// origin beyond ±1e6 Å (or not a number), and a field that would need more than 20 million lattice sites.
    pub fn atoms_in_field(
        &self,
        height: f64,
        width: f64,
        rotation: f64,
        origin: Point,
    ) -> Result<Vec<Atom>> {
        for (name, length) in [("height", height), ("width", width)] {
            if !(length > 0.0 && length <= 1e6) {
                return Err(Error::argument(
                    name,
                    length,
                    "a length above 0, up to 1e6 Å",
                ));
            }
        }
        for (name, value, limit) in [
            ("rotation", rotation, 1e3),
            ("origin.y", origin.y, 1e6),
            ("origin.x", origin.x, 1e6),
        ] {
            if !(-limit..=limit).contains(&value) {
                let allowed = format!("a finite number within ±{limit}");
                return Err(Error::argument(name, value, allowed));
            }
        }
        let in_plane: Matrix2<f64> = self.cell().matrix().fixed_view::<2, 2>(0, 0).into();
        let (sin, cos) = rotation.sin_cos();
        let vectors = Matrix2::new(cos, -sin, sin, cos) * in_plane;
        let inverse = vectors
            .try_inverse()
            .expect("a and b of a cell are linearly independent");
        let layer = self.layer();
        // places of the sites in units of a and b; c may lean, so this is not the fractional coordinate
        let shifts: Vec<Vector2<f64>> = layer
            .iter()
            .map(|site| Vector2::new(cos * site.x - sin * site.y, sin * site.x + cos * site.y))
            .collect();
        let span = |axis: usize| {
            let row = inverse.row(axis);
            let corners = [(0.0, 0.0), (0.0, height), (width, 0.0), (width, height)]
                .map(|(x, y)| (row * Vector2::new(x - origin.x, y - origin.y))[0]);
            let sites = shifts.iter().map(|shift| (row * shift)[0]);
            let (low, high) = sites.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| {
                (low.min(s), high.max(s))
            });
            let first = corners.into_iter().fold(f64::INFINITY, f64::min) - high;
            let last = corners.into_iter().fold(f64::NEG_INFINITY, f64::max) - low;
            ((first - 1e-6).floor(), (last + 1e-6).ceil())
        };
        let [(a_first, a_last), (b_first, b_last)] = [span(0), span(1)];
        let visited = (a_last - a_first + 1.0) * (b_last - b_first + 1.0) * layer.len() as f64;
        if visited > MAX_SITES {
            return Err(Error::argument(
                "height, width",
                format!("{height} × {width} Å, about {visited:.1e} lattice sites"),
                format!("a field whose bounding lattice has at most {MAX_SITES:.0e} sites"),
            ));
        }
        let inside = |value: f64, length: f64| value >= -EDGE && value < length - EDGE;
        let mut atoms = Vec::new();
        for a in a_first as i64..=a_last as i64 {
            for b in b_first as i64..=b_last as i64 {
                let corner = vectors * Vector2::new(a as f64, b as f64);
                for (site, shift) in shifts.iter().enumerate() {
                    let x = corner.x + shift.x + origin.x;
                    let y = corner.y + shift.y + origin.y;
                    if inside(x, width) && inside(y, height) {
                        atoms.push(Atom {
                            element: self.sites()[site].element,
                            position: Point::new(y, x),
                            z: layer[site].z,
                            site,
                        });
                    }
                }
            }
        }
        Ok(atoms)
    }

    /// Cartesian places (Å) of the sites, moved by whole c vectors so that the widest gap along c is outside.
    fn layer(&self) -> Vec<Vector3<f64>> {
        let mut heights: Vec<f64> = self.sites().iter().map(|s| s.fractional.z).collect();
        heights.sort_by(f64::total_cmp);
        let around = heights[0] + 1.0 - heights[heights.len() - 1];
        let widest = heights
            .windows(2)
            .map(|pair| (pair[1] - pair[0], pair[1]))
            .fold((around, heights[0]), |best, gap| {
                if gap.0 > best.0 + 1e-9 { gap } else { best }
            });
        let bottom = widest.1;
        self.sites()
            .iter()
            .map(|site| {
                let lift = if site.fractional.z < bottom { 1.0 } else { 0.0 };
                let whole = site.fractional + Vector3::new(0.0, 0.0, lift);
                self.cell().cartesian(whole)
            })
            .collect()
    }
}

/// Groups atoms into projected columns: an atom joins the nearest column whose first atom stands within `tolerance`
/// (Å) of it, else it starts a new one.
///
/// Columns come in the order of their first atoms; within a column atoms are sorted by z.
///
/// # Errors
/// [`Error::Argument`] for a tolerance that is not within 1e-6..=1e3 Å, and for atoms at places that are not finite.
pub fn columns(atoms: &[Atom], tolerance: f64) -> Result<Vec<Column>> {
    if !(1e-6..=1e3).contains(&tolerance) {
        return Err(Error::argument(
            "tolerance",
            tolerance,
            "a distance of 1e-6..=1e3 Å",
        ));
    }
    let bin = |value: f64| (value / tolerance).floor() as i64;
    let mut firsts: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (index, atom) in atoms.iter().enumerate() {
        let Point { y, x } = atom.position;
        if !(y.abs() <= 1e9 && x.abs() <= 1e9 && atom.z.is_finite()) {
            return Err(Error::argument(
                format!("atoms[{index}]"),
                format!("({y}, {x}, {})", atom.z),
                "finite coordinates within ±1e9 Å",
            ));
        }
        let (row, column) = (bin(y), bin(x));
        let mut nearest: Option<(f64, usize)> = None;
        for neighbour in 0..9 {
            let key = (row + neighbour / 3 - 1, column + neighbour % 3 - 1);
            for &candidate in firsts.get(&key).into_iter().flatten() {
                let first = &atoms[members[candidate][0]];
                let distance = first.position.distance(atom.position);
                let closer = nearest.is_none_or(|best| (distance, candidate) < best);
                if distance <= tolerance && closer {
                    nearest = Some((distance, candidate));
                }
            }
        }
        match nearest {
            Some((_, column)) => members[column].push(index),
            None => {
                firsts.entry((row, column)).or_default().push(members.len());
                members.push(vec![index]);
            }
        }
    }
    Ok(members
        .into_iter()
        .map(|mut indices| {
            indices.sort_by(|&i, &j| atoms[i].z.total_cmp(&atoms[j].z));
            let count = indices.len() as f64;
            let mean = |coordinate: fn(Point) -> f64| {
                let sum: f64 = indices.iter().map(|&i| coordinate(atoms[i].position)).sum();
                sum / count
            };
            Column {
                position: Point::new(mean(|p| p.y), mean(|p| p.x)),
                atoms: indices,
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::crystal::Site;
    use super::*;

    fn layer(heights: &[f64]) -> Crystal {
        let cell = Cell::new([3.0, 3.0, 10.0], [90.0; 3]).unwrap();
        let site = |&z: &f64| Site {
            label: "C".into(),
            element: "C".parse().unwrap(),
            fractional: Vector3::new(0.5, 0.5, z),
            occupancy: 1.0,
            rms_displacement: None,
            covariance: None,
        };
        let sites: Vec<Site> = heights.iter().map(site).collect();
        Crystal::new(cell, &sites, &[]).unwrap()
    }

    #[test]
    fn a_layer_across_the_cell_boundary_stays_whole() {
        let crystal = layer(&[0.1, 0.9]);
        let atoms = crystal
            .atoms_in_field(3.0, 3.0, 0.0, Point::default())
            .unwrap();
        assert_eq!(atoms.len(), 2);
        assert!((atoms[0].z - atoms[1].z - 2.0).abs() < 1e-12);
    }

    #[test]
    fn an_edge_through_atoms_counts_each_once() {
        for (height, width) in [(3.0, 3.0), (9.0, 6.0), (30.0, 30.0)] {
            let expected = (height * width / 9.0) as usize;
            for origin in [
                Point::new(1.5, 1.5),
                Point::new(-4.5, 1.5),
                Point::default(),
            ] {
                for quarter_turns in 0..4 {
                    let rotation = f64::from(quarter_turns) * std::f64::consts::FRAC_PI_2;
                    let atoms = layer(&[0.5]).atoms_in_field(height, width, rotation, origin);
                    assert_eq!(atoms.unwrap().len(), expected);
                }
            }
        }
    }

    #[test]
    fn rotation_turns_from_x_towards_y() {
        let origin = Point::new(5.0, 5.0);
        let angle = 0.2;
        let atoms = layer(&[0.5])
            .atoms_in_field(10.0, 10.0, angle, origin)
            .unwrap();
        let expected = Point::new(
            5.0 + 1.5 * (angle.sin() + angle.cos()),
            5.0 + 1.5 * (angle.cos() - angle.sin()),
        );
        assert!(atoms.iter().any(|a| a.position.distance(expected) < 1e-12));
    }

    #[test]
    fn impossible_fields_are_refused_by_name() {
        let crystal = layer(&[0.5]);
        let zero = Point::default();
        let field = |h, w, r, o| crystal.atoms_in_field(h, w, r, o).unwrap_err().to_string();
        assert!(field(0.0, 1.0, 0.0, zero).contains("height"));
        assert!(field(1.0, f64::NAN, 0.0, zero).contains("width"));
        assert!(field(1.0, 1.0, f64::INFINITY, zero).contains("rotation"));
        assert!(field(1.0, 1.0, 0.0, Point::new(f64::NAN, 0.0)).contains("origin.y"));
        assert!(field(1e6, 1e6, 0.0, zero).contains("lattice sites"));
    }

    #[test]
    fn columns_refuse_what_is_not_finite() {
        let mut atoms = layer(&[0.5])
            .atoms_in_field(6.0, 6.0, 0.0, Point::default())
            .unwrap();
        assert_eq!(columns(&atoms, 0.1).unwrap().len(), 4);
        assert!(columns(&atoms, 0.0).is_err() && columns(&atoms, f64::NAN).is_err());
        atoms[1].position.x = f64::NAN;
        let message = columns(&atoms, 0.1).unwrap_err().to_string();
        assert!(message.contains("atoms[1]"), "{message}");
        assert!(columns(&[], 0.1).unwrap().is_empty());
    }
}
