//! Pieces of crystal that stand in a box: particles, grains, domains, interfaces.

use super::neighbours::Neighbours;
use super::{Orientation, PlacedAtom, Region, Structure};
use crate::stem::Crystal;
use crate::{Error, Result};
use nalgebra::{Rotation3, Vector3};

/// Atoms this far (Å) outside the box through rounding still count, so that a face laid through atoms takes either all of
/// them or none.
const EDGE: f64 = 1e-7;
/// Most lattice cells that are looked at.
const MOST_CELLS: f64 = 5e7;

/// A piece of a crystal: how it is turned, where its origin lies, and how far it reaches.
///
/// A particle is one grain within a [`Sphere`](super::Sphere) or [`Polyhedron`](super::Polyhedron); a boundary is two
/// grains on the two sides of a plane; domains are grains in regions of any shape.
pub struct Grain<'a> {
    crystal: &'a Crystal,
    rotation: Rotation3<f64>,
    origin: Vector3<f64>,
    regions: Vec<Box<dyn Region + 'a>>,
}

impl<'a> Grain<'a> {
    /// The whole space filled by the crystal as it is oriented, its origin at that of the box.
    ///
    /// # Errors
    /// [`Error::Argument`] for a zone axis of zeros and a `right` along the beam. The shear of `orientation` plays no
    /// part: grains need not repeat.
    pub fn new(crystal: &'a Crystal, orientation: Orientation) -> Result<Self> {
        Ok(Self {
            crystal,
            rotation: orientation.frame(crystal)?,
            origin: Vector3::zeros(),
            regions: Vec::new(),
        })
    }

    /// Turned about the beam by an angle (radians), from x towards y.
    pub fn turned(self, angle: f64) -> Self {
        let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), angle);
        Self {
            rotation: turn * self.rotation,
            ..self
        }
    }

    /// Tilted by small angles (radians) about x and y.
    pub fn tilted(self, about_x: f64, about_y: f64) -> Self {
        let tilt = Rotation3::from_euler_angles(about_x, about_y, 0.0);
        Self {
            rotation: tilt * self.rotation,
            ..self
        }
    }

    /// With the origin of the crystal's cell at this place of the box, Å.
    pub fn at(self, origin: Vector3<f64>) -> Self {
        Self { origin, ..self }
    }

    /// Only what lies in `region`, in the frame of the box (Å).
    pub fn within(mut self, region: impl Region + 'a) -> Self {
        self.regions.push(Box::new(region));
        self
    }

    /// Only what lies in `region`, in the crystal's own Cartesian frame about its origin (Å): facets turn with it.
    pub fn shaped(self, region: impl Region + 'a) -> Self {
        let (back, origin) = (self.rotation.inverse(), self.origin);
        self.within(move |place: Vector3<f64>| region.contains(back * (place - origin)))
    }

    /// The atoms of the grain in the box, by cell, then by site.
    fn atoms(&self, extent: Vector3<f64>) -> Result<Vec<PlacedAtom>> {
        let finite = self.origin.iter().all(|x| x.abs() <= 1e6)
            && self.rotation.matrix().iter().all(|x| x.is_finite());
        if !finite {
            let found = format!("origin {:?}, rotation {:?}", self.origin, self.rotation);
            return Err(Error::argument(
                "grain",
                found,
                "finite numbers, the origin within 1e6 Å",
            ));
        }
        let cell = self.crystal.cell();
        let own =
            |place: Vector3<f64>| cell.fractional(self.rotation.inverse() * (place - self.origin));
        let corners = (0..8).map(|i| {
            let far = |bit: i32, axis: usize| if i & bit == 0 { 0.0 } else { extent[axis] };
            own(Vector3::new(far(1, 0), far(2, 1), far(4, 2)))
        });
        let (low, high) = corners.fold(
            (
                Vector3::repeat(f64::INFINITY),
                Vector3::repeat(f64::NEG_INFINITY),
            ),
            |(low, high), corner| (low.inf(&corner), high.sup(&corner)),
        );
        let (low, high) = (low.map(|x| x.floor() - 1.0), high.map(|x| x.ceil()));
        let visited = (high - low).map(|n| n + 1.0).product();
        if visited > MOST_CELLS {
            return Err(Error::argument(
                "extent",
                format!(
                    "{} × {} × {} Å, {visited:.1e} cells",
                    extent.x, extent.y, extent.z
                ),
                format!("at most {MOST_CELLS:.0e} cells of the crystal"),
            ));
        }
        let range = |axis: usize| low[axis] as i64..=high[axis] as i64;
        let mut atoms = Vec::new();
        for (u, v) in range(0).flat_map(|u| range(1).map(move |v| (u, v))) {
            for w in range(2) {
                let corner = Vector3::new(u as f64, v as f64, w as f64);
                for site in self.crystal.sites() {
                    let place = cell.cartesian(corner + site.fractional);
                    let place = self.rotation * place + self.origin;
                    let inside = (0..2).all(|i| (-EDGE..extent[i] - EDGE).contains(&place[i]))
                        && (-EDGE..=extent.z + EDGE).contains(&place.z);
                    if inside && self.regions.iter().all(|region| region.contains(place)) {
                        let place = Vector3::new(place.x, place.y, place.z.clamp(0.0, extent.z));
                        atoms.push(PlacedAtom::of_site(site, place, &self.rotation));
                    }
                }
            }
        }
        Ok(atoms)
    }
}

impl Structure {
    /// A box (x, y, z; Å) filled by grains. Where grains meet, an atom nearer than `clearance` (Å) to one of an earlier
    /// grain is left out, also across the periodic edges.
    ///
    /// ```
    /// use dosewise::stem::{Crystal, Grain, HalfSpace, Orientation, Structure};
    /// use nalgebra::Vector3;
    /// # let cif = "data_sto\n_cell_length_a 3.905\n_cell_length_b 3.905\n_cell_length_c 3.905\n\
    /// #     _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_IT_number 221\n\
    /// #     loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\n\
    /// #     Sr1 0 0 0\nTi1 .5 .5 .5\nO1 .5 .5 0\n";
    /// # let crystal = Crystal::parse_cif(cif.as_bytes(), "sto.cif")?;
    /// // a boundary at x = 30 Å between two grains that are turned by ten degrees each
    /// let left = HalfSpace { normal: Vector3::x(), distance: 30.0 };
    /// let right = HalfSpace { normal: -Vector3::x(), distance: -30.0 };
    /// let seen = Orientation::along([0, 0, 1]);
    /// let grains = [
    ///     Grain::new(&crystal, seen)?.turned(10_f64.to_radians()).within(left),
    ///     Grain::new(&crystal, seen)?.turned(-10_f64.to_radians()).within(right),
    /// ];
    /// let boundary = Structure::of_grains(Vector3::new(60.0, 60.0, 20.0), &grains, 1.0)?;
    /// assert!(boundary.atoms().len() > 5000);
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Structure::new`], and [`Error::Argument`] for a clearance outside 0..=10 Å, an origin beyond 10⁶ Å, and a box
    /// of more than 5·10⁷ cells.
    pub fn of_grains(extent: Vector3<f64>, grains: &[Grain<'_>], clearance: f64) -> Result<Self> {
        if !(0.0..=10.0).contains(&clearance) {
            return Err(Error::argument(
                "clearance",
                clearance,
                "a distance of 0..=10 Å",
            ));
        }
        let mut structure = Self::new(extent, Vec::new())?;
        for grain in grains {
            let mut fresh = grain.atoms(extent)?;
            if clearance > 0.0 && !structure.atoms.is_empty() {
                let earlier = Neighbours::new(&structure, clearance);
                fresh.retain(|atom| !earlier.any_within(atom.position, clearance));
            }
            let mut atoms = structure.atoms;
            atoms.append(&mut fresh);
            structure = Self::new(extent, atoms)?;
        }
        Ok(structure)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HalfSpace, Polyhedron, Sphere};
    use super::*;
    use crate::stem::{Cell, Site, SpaceGroup};

    fn gold() -> Crystal {
        let site = Site {
            label: "Au".into(),
            element: "Au".parse().unwrap(),
            fractional: Vector3::zeros(),
            occupancy: 1.0,
            rms_displacement: Some(0.09),
            covariance: None,
        };
        let cell = Cell::new([4.078; 3], [90.0; 3]).unwrap();
        let group = SpaceGroup::named("F m -3 m").unwrap();
        Crystal::new(cell, &[site], group.operations()).unwrap()
    }

    /// A ball about an atom holds the shells of fcc within its radius: 1 + 12 + 6 + 24 + 12 + 24 + 8 atoms up to √12 half
    /// diagonals over √2, whatever the crystal's orientation.
    #[test]
    fn a_ball_holds_its_shells_however_it_is_turned() {
        let gold = gold();
        let centre = Vector3::new(30.0, 30.0, 30.0);
        let half = 4.078 / 2.0_f64.sqrt();
        for (shell, count) in [
            (1.0, 13),
            (2.0, 19),
            (3.0, 43),
            (4.0, 55),
            (5.0, 79),
            (6.0, 87),
        ] {
            let radius = half * f64::sqrt(shell) + 0.01;
            let grain = Grain::new(&gold, Orientation::along([1, 1, 2]).right([1, 1, -1])).unwrap();
            let ball = grain
                .turned(0.3)
                .tilted(0.1, -0.2)
                .at(centre)
                .within(Sphere { centre, radius });
            let ball = Structure::of_grains(Vector3::repeat(60.0), &[ball], 0.0).unwrap();
            assert_eq!(ball.atoms().len(), count, "{shell}");
        }
    }

    /// Seen along [110], the (111) facets of the particle stand at their distance from its centre.
    #[test]
    fn facets_turn_with_the_crystal() {
        let gold = gold();
        let centre = Vector3::new(25.0, 25.0, 25.0);
        let shape = Polyhedron::wulff(&gold, &[([1, 1, 1], 1.0), ([1, 0, 0], 1.15)], 15.0).unwrap();
        let seen = Orientation::along([1, 1, 0]).right([0, 0, 1]);
        let grain = Grain::new(&gold, seen).unwrap().at(centre).shaped(shape);
        let particle = Structure::of_grains(Vector3::repeat(50.0), &[grain], 0.0).unwrap();
        let reach = |normal: Vector3<f64>| {
            let normal = normal.normalize();
            let along = particle
                .atoms()
                .iter()
                .map(|a| (a.position - centre).dot(&normal));
            along.fold(f64::NEG_INFINITY, f64::max)
        };
        // [001] is along x, [1-10] along y: (1-11) lies in the plane of view, 35.3° from y
        let facet = Vector3::new(1.0, 2.0_f64.sqrt(), 0.0);
        let layer = 4.078 / 3.0_f64.sqrt();
        assert!((reach(facet) - (15.0 / layer).floor() * layer).abs() < 1e-6);
        assert!(reach(Vector3::x()) <= 15.0 * 1.15 + 1e-6 && reach(Vector3::x()) > 14.0);
    }

    #[test]
    fn grains_keep_their_clearance_also_across_the_edge() {
        let gold = gold();
        let half = |sign: f64| HalfSpace {
            normal: sign * Vector3::x(),
            distance: sign * 20.0,
        };
        let seen = Orientation::along([0, 0, 1]);
        let grains = || {
            [
                Grain::new(&gold, seen)
                    .unwrap()
                    .turned(0.2)
                    .within(half(1.0)),
                Grain::new(&gold, seen)
                    .unwrap()
                    .turned(-0.2)
                    .within(half(-1.0)),
            ]
        };
        let extent = Vector3::new(40.0, 40.0, 8.0);
        let filled = |clearance| Structure::of_grains(extent, &grains(), clearance).unwrap();
        // by brute force over all pairs of a left and a right atom
        let nearest = |structure: &Structure| {
            let (left, right): (Vec<_>, Vec<_>) = (structure.atoms().iter())
                .map(|atom| atom.position)
                .partition(|place| place.x < 20.0);
            let pairs = left.iter().flat_map(|a| right.iter().map(move |b| a - b));
            let apart = pairs.map(|mut d| {
                (0..2).for_each(|i| d[i] -= 40.0 * (d[i] / 40.0).round());
                d.norm()
            });
            apart.fold(f64::INFINITY, f64::min)
        };
        let (close, cleared) = (filled(0.0), filled(2.4));
        assert!(nearest(&close) < 2.0 && nearest(&cleared) >= 2.4);
        assert!(cleared.atoms().len() < close.atoms().len());
    }

    #[test]
    fn impossible_grains_are_refused() {
        let gold = gold();
        assert!(Grain::new(&gold, Orientation::along([0; 3])).is_err());
        let far = Grain::new(&gold, Orientation::along([0, 0, 1])).unwrap();
        let far = [far.at(Vector3::new(f64::NAN, 0.0, 0.0))];
        assert!(Structure::of_grains(Vector3::repeat(10.0), &far, 0.0).is_err());
        let wide = [Grain::new(&gold, Orientation::along([0, 0, 1])).unwrap()];
        assert!(Structure::of_grains(Vector3::repeat(1e5), &wide, 0.0).is_err());
        assert!(Structure::of_grains(Vector3::repeat(10.0), &wide, -1.0).is_err());
    }
}
