//! A zone axis along the beam: an orthogonal cell of a crystal, periodic along all its edges.

use super::{PlacedAtom, Structure};
use crate::stem::Crystal;
use crate::{Error, Result};
use nalgebra::{Matrix3, Rotation3, Vector3};

/// Lattice vectors are looked for among those of up to this many cells each way.
const REACH: i32 = 8;
/// Sines of angles below this are 0.
const EXACT: f64 = 1e-9;
/// Vectors across the beam that lean by more (radians) are no edges, however much shear is allowed.
const STEEPEST: f64 = 0.2;
/// Vectors across the beam that are tried as edges, the best first.
const CANDIDATES: usize = 300;

/// How a crystal is turned to the beam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orientation {
    /// Lattice direction `[u, v, w]` that the beam runs along.
    pub zone: [i32; 3],
    /// Lattice direction whose part across the beam points along x; `None` leaves the choice to the smallest cell.
    pub right: Option<[i32; 3]>,
    /// Largest angle (radians) by which edges may be sheared to make the cell orthogonal; 0 for an exact cell or none.
    pub shear: f64,
}

impl Orientation {
    /// The beam along `[u, v, w]`, exactly orthogonal.
    pub fn along(zone: [i32; 3]) -> Self {
        Self {
            zone,
            right: None,
            shear: 0.0,
        }
    }

    /// With this lattice direction to the right.
    pub fn right(self, right: [i32; 3]) -> Self {
        Self {
            right: Some(right),
            ..self
        }
    }

    /// With shears of up to this angle (radians).
    pub fn sheared_up_to(self, shear: f64) -> Self {
        Self { shear, ..self }
    }

    /// Unit vectors of the crystal's Cartesian frame that become x, y and z of the box (rows).
    ///
    /// # Errors
    /// [`Error::Argument`] for a zone axis of zeros and a `right` along the beam.
    pub(super) fn frame(&self, crystal: &Crystal) -> Result<Rotation3<f64>> {
        if self.zone == [0; 3] {
            let allowed = "a direction [uvw] other than [0, 0, 0]";
            return Err(Error::argument("zone", "[0, 0, 0]", allowed));
        }
        let z = crystal.direction(self.zone).normalize();
        let right = match self.right {
            Some(right) => crystal.direction(right),
            // the lattice direction that is most across the beam
            None => [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
                .map(|axis| crystal.direction(axis).normalize())
                .into_iter()
                .reduce(|a, b| {
                    if b.dot(&z).abs() < a.dot(&z).abs() - 1e-9 {
                        b
                    } else {
                        a
                    }
                })
                .unwrap_or_default(),
        };
        let across = right - z * right.dot(&z);
        if across.norm() <= 1e-6 * right.norm() || right == Vector3::zeros() {
            let found = format!("{:?} for the beam along {:?}", self.right, self.zone);
            return Err(Error::argument(
                "right",
                found,
                "a direction that is not along the beam",
            ));
        }
        let x = across.normalize();
        let rows = [x, z.cross(&x), z].map(|axis| axis.transpose());
        Ok(Rotation3::from_matrix_unchecked(Matrix3::from_rows(&rows)))
    }
}

/// A structure cut from a crystal so that it repeats in a box, and what that took.
#[derive(Debug, Clone, PartialEq)]
pub struct OrthogonalCell {
    /// The cell: one period along x, y and z.
    pub structure: Structure,
    /// The lattice vectors along x, y and z in units of a, b, c (columns).
    pub vectors: Matrix3<f64>,
    /// Largest angle (radians) by which they had to be sheared; 0 if the crystal itself repeats so.
    pub shear: f64,
}

impl Crystal {
    /// The smallest orthogonal cell of the crystal with a zone axis along the beam (z).
    ///
    /// Edges are lattice vectors of up to 8 cells each way. Where none are orthogonal, those of the smallest shear are
    /// taken, if [`Orientation::shear`] allows it, and the atoms sheared with them.
    ///
    /// ```
    /// use dosewise::stem::{Crystal, Orientation};
    /// # let cif = "data_fcc\n_cell_length_a 4.078\n_cell_length_b 4.078\n_cell_length_c 4.078\n\
    /// #     _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_IT_number 225\n\
    /// #     loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\nAu1 0 0 0\n";
    /// # let gold = Crystal::parse_cif(cif.as_bytes(), "gold.cif")?;
    /// let cell = gold.orthogonal(Orientation::along([1, 1, 0]))?.structure; // gold seen along [110]
    /// assert!((cell.extent().z - 4.078 / 2.0_f64.sqrt()).abs() < 1e-9); // half a face diagonal
    /// assert_eq!(cell.atoms().len(), 2);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for a zone axis of zeros or beyond ±8, a `right` along the beam, and where no orthogonal cell is
    /// found; the message says which shear would give one.
    pub fn orthogonal(&self, orientation: Orientation) -> Result<OrthogonalCell> {
        let Orientation { zone, right, shear } = orientation;
        if zone.iter().any(|n| n.abs() > REACH) {
            let allowed = format!("a direction of whole numbers within ±{REACH}");
            return Err(Error::argument("zone", format!("{zone:?}"), allowed));
        }
        let frame = orientation.frame(self)?;
        let edges = self.edges(&frame, right.is_some());
        let refuse = |found| {
            let allowed = "a zone axis with an orthogonal cell, or a larger `shear`";
            Err(Error::argument("zone", found, allowed))
        };
        match edges {
            None => refuse(format!("{zone:?} without lattice vectors across it")),
            Some(edges) if edges.shear > shear => {
                let needed = edges.shear;
                refuse(format!(
                    "{zone:?}, whose best cell needs a shear of {needed:.4}"
                ))
            }
            Some(edges) => self.cut(&edges),
        }
    }

    /// Cartesian vector of a lattice direction [uvw], Å.
    fn direction(&self, uvw: [i32; 3]) -> Vector3<f64> {
        self.cell().cartesian(Vector3::from(uvw).map(f64::from))
    }

    /// Lattice vectors within reach in units of a, b, c, those of centrings included, shortest first.
    fn lattice_vectors(&self) -> Vec<Vector3<f64>> {
        let centrings = self.symmetry().iter();
        let centrings = centrings.filter(|operation| *operation.rotation() == Matrix3::identity());
        let mut vectors = vec![Vector3::zeros()];
        vectors.extend(centrings.map(|operation| *operation.translation()));
        vectors.dedup();
        let range = || (-REACH..=REACH).map(f64::from);
        let mut all = Vec::new();
        for centring in vectors {
            for (u, v) in range().flat_map(|u| range().map(move |v| (u, v))) {
                all.extend(range().map(|w| centring + Vector3::new(u, v, w)));
            }
        }
        let length = |v: &Vector3<f64>| self.cell().cartesian(*v).norm();
        all.retain(|v| length(v) > EXACT);
        all.sort_by(|a, b| length(a).total_cmp(&length(b)));
        all
    }

    /// The three lattice vectors nearest to a right-handed orthogonal frame: of the least shear, and of those with the
    /// least volume.
    fn edges(&self, frame: &Rotation3<f64>, right: bool) -> Option<Edges> {
        let lattice = self.lattice_vectors();
        let boxed = |v: &Vector3<f64>| frame * self.cell().cartesian(*v);
        let aside = |v: Vector3<f64>, axis: usize| 1.0 - v[axis] / v.norm();
        let z = *lattice.iter().find(|v| aside(boxed(v), 2) < EXACT)?;
        let mut across: Vec<(f64, Vector3<f64>)> = lattice
            .iter()
            .map(|v| (rounded(lean(boxed(v), boxed(&z))), *v))
            .filter(|(lean, _)| *lean < STEEPEST)
            .collect();
        // stable: of equal leans the shortest stay first
        across.sort_by(|a, b| a.0.total_cmp(&b.0));
        across.truncate(CANDIDATES);
        let mut best: Option<(f64, f64, [Vector3<f64>; 3])> = None;
        for (lean_x, x) in &across {
            let seen = boxed(x);
            if right && !(seen.x > 0.0 && seen.y.abs() < 1e-6 * seen.norm()) {
                continue;
            }
            for (lean_y, y) in &across {
                let volume = seen.cross(&boxed(y)).dot(&boxed(&z));
                let shear = rounded(lean(seen, boxed(y))).max(*lean_x).max(*lean_y);
                let smaller = |(s, v): (f64, f64)| shear < s || (shear == s && volume < v - 1e-6);
                let better = best.as_ref().is_none_or(|(s, v, _)| smaller((*s, *v)));
                if volume > 1e-6 && shear < STEEPEST && better {
                    best = Some((shear, volume, [*x, *y, z]));
                }
            }
        }
        best.map(|(shear, _, vectors)| Edges { vectors, shear })
    }

    /// The atoms within the edges.
    fn cut(&self, edges: &Edges) -> Result<OrthogonalCell> {
        let basis = Matrix3::from_columns(&edges.vectors.map(|v| self.cell().cartesian(v)));
        let to_box = basis
            .try_inverse()
            .expect("edges that are nearly orthogonal span a volume");
        let [x, z] = [0, 2].map(|i| basis.column(i).norm());
        // shears keep volumes
        let extent = Vector3::new(x, basis.determinant() / (x * z), z);
        // what turns the crystal's axes into those of the box, for vibrations that have a direction
        let turn = Rotation3::from_matrix(&(Matrix3::from_diagonal(&extent) * to_box));
        let cells = |axis: usize| {
            let parts = edges.vectors.map(|v| v[axis]);
            let low: f64 = parts.iter().map(|part| part.min(0.0)).sum();
            let high: f64 = parts.iter().map(|part| part.max(0.0)).sum();
            (low.floor() as i64 - 1)..=(high.ceil() as i64)
        };
        // a little inwards, so that rounding counts atoms on a face once
        let inwards = 1e-7;
        let mut atoms = Vec::new();
        for (u, v) in cells(0).flat_map(|u| cells(1).map(move |v| (u, v))) {
            for w in cells(2) {
                let corner = Vector3::new(u as f64, v as f64, w as f64);
                for site in self.sites() {
                    let place = self.cell().cartesian(corner + site.fractional);
                    let inside = to_box * place;
                    if inside.iter().all(|t| (0.0..1.0).contains(&(t + inwards))) {
                        let position = inside.map(|t| t.max(0.0)).component_mul(&extent);
                        atoms.push(PlacedAtom::of_site(site, position, &turn));
                    }
                }
            }
        }
        Ok(OrthogonalCell {
            structure: Structure::new(extent, atoms)?,
            vectors: Matrix3::from_columns(&edges.vectors),
            shear: edges.shear,
        })
    }
}

/// Lattice vectors along x, y, z in units of a, b, c.
struct Edges {
    vectors: [Vector3<f64>; 3],
    shear: f64,
}

/// Angle (radians) by which two vectors miss being perpendicular.
fn lean(a: Vector3<f64>, b: Vector3<f64>) -> f64 {
    (a.dot(&b) / (a.norm() * b.norm())).abs().min(1.0).asin()
}

fn rounded(angle: f64) -> f64 {
    if angle < EXACT { 0.0 } else { angle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::{Cell, Site, SpaceGroup, structure::closest_pair};

    fn crystal(
        lengths: [f64; 3],
        angles: [f64; 3],
        group: &str,
        sites: &[(&str, [f64; 3])],
    ) -> Crystal {
        let sites: Vec<Site> = sites
            .iter()
            .map(|(symbol, place)| Site {
                label: (*symbol).into(),
                element: symbol.parse().unwrap(),
                fractional: (*place).into(),
                occupancy: 1.0,
                rms_displacement: Some(0.1),
                covariance: None,
            })
            .collect();
        let cell = Cell::new(lengths, angles).unwrap();
        Crystal::new(cell, &sites, SpaceGroup::named(group).unwrap().operations()).unwrap()
    }

    /// Edges and numbers of atoms from geometry: fcc along [001], [110], [111], [112]; hexagonal along c and a; a density
    /// that does not depend on how it is cut.
    #[test]
    fn known_cells() {
        let a = 4.078;
        let gold = crystal([a; 3], [90.0; 3], "F m -3 m", &[("Au", [0.0; 3])]);
        let half = a / 2.0_f64.sqrt();
        for (zone, edges, count) in [
            ([0, 0, 1], [half, half, a], 2),
            ([1, 1, 0], [half, a, half], 2),
            (
                [1, 1, 1],
                [half, half * 3.0_f64.sqrt(), a * 3.0_f64.sqrt()],
                6,
            ),
            ([1, 1, 2], [half, a * 3.0_f64.sqrt(), a * 1.5_f64.sqrt()], 6),
        ] {
            let cell = gold.orthogonal(Orientation::along(zone)).unwrap();
            let mut found: Vec<f64> = cell.structure.extent().iter().copied().take(2).collect();
            let mut wanted = edges[..2].to_vec();
            found.sort_by(f64::total_cmp);
            wanted.sort_by(f64::total_cmp);
            assert!((found[0] - wanted[0]).abs() < 1e-9, "{zone:?} {found:?}");
            assert!((found[1] - wanted[1]).abs() < 1e-9, "{zone:?} {found:?}");
            assert!(
                (cell.structure.extent().z - edges[2]).abs() < 1e-9,
                "{zone:?}"
            );
            assert_eq!(
                (cell.structure.atoms().len(), cell.shear),
                (count, 0.0),
                "{zone:?}"
            );
            let nearest = closest_pair(&cell.structure.repeated([2, 2, 2]).unwrap())
                .unwrap()
                .distance;
            assert!(
                (nearest - half).abs() < 1e-9,
                "{zone:?}: neighbours at {nearest}"
            );
        }
        let graphite = crystal(
            [2.46, 2.46, 6.71],
            [90.0, 90.0, 120.0],
            "P 63/m m c",
            &[("C", [0.0, 0.0, 0.25]), ("C", [1.0 / 3.0, 2.0 / 3.0, 0.25])],
        );
        for zone in [[0, 0, 1], [1, 0, 0], [1, 1, 0], [2, 1, 0]] {
            let cell = graphite.orthogonal(Orientation::along(zone)).unwrap();
            let extent = cell.structure.extent();
            let density = cell.structure.atoms().len() as f64 / extent.product();
            assert!(
                (density * graphite.cell().volume() - 4.0).abs() < 1e-9,
                "{zone:?}"
            );
            assert_eq!(cell.shear, 0.0);
        }
    }

    #[test]
    fn the_direction_to_the_right_is_the_one_asked_for() {
        let cube = crystal([4.0; 3], [90.0; 3], "P m -3 m", &[("Sr", [0.0; 3])]);
        let cell = cube
            .orthogonal(Orientation::along([0, 0, 1]).right([1, 1, 0]))
            .unwrap();
        assert!((cell.structure.extent().x - 32.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(cell.vectors.column(0), Vector3::new(1.0, 1.0, 0.0));
        let wrong = cube
            .orthogonal(Orientation::along([0, 0, 1]).right([0, 0, 3]))
            .unwrap_err();
        assert!(wrong.to_string().contains("right"), "{wrong}");
    }

    /// In a monoclinic crystal no lattice vector is exactly across [001] in the a-c plane: refused, with the shear that
    /// helps; and then cut with it, the density kept.
    #[test]
    fn crystals_without_an_orthogonal_cell_say_so() {
        let leaning = crystal(
            [5.0, 6.0, 7.0],
            [90.0, 97.0, 90.0],
            "P 2",
            &[("O", [0.1, 0.2, 0.3])],
        );
        let error = leaning
            .orthogonal(Orientation::along([0, 0, 1]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("shear of 0.0"), "{error}");
        let cell = leaning
            .orthogonal(Orientation::along([0, 0, 1]).sheared_up_to(0.15))
            .unwrap();
        assert!(cell.shear > 0.0 && cell.shear <= 0.15);
        let density = cell.structure.atoms().len() as f64 / cell.structure.extent().product();
        assert!((density * leaning.cell().volume() - 2.0).abs() < 1e-9);
        // along the twofold axis it is exact only if a and c are; along b both lean on each other
        assert!(leaning.orthogonal(Orientation::along([0, 0, 0])).is_err());
        assert!(leaning.orthogonal(Orientation::along([0, 0, 9])).is_err());
    }
}
