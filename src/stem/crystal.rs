//! A crystal: a unit cell and the atoms in it.

use super::cell::Cell;
use super::element::Element;
use super::symmetry::SymmetryOperation;
use crate::{Error, Result};
use nalgebra::{Matrix3, Vector3};
use std::collections::HashMap;

/// Two images of one element closer than this (Å) are the same atom: wide enough for coordinates rounded to three
/// decimals (0.333 for 1/3 in a 20 Å cell), far below any bond.
const SAME_SITE: f64 = 0.05;

/// One atomic site of a crystal.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Name of the site in its source, e.g. `S1`; symmetry images share it.
    pub label: String,
    /// The element.
    pub element: Element,
    /// Fractional coordinates; [`Crystal`] wraps them to 0 ≤ x < 1.
    pub fractional: Vector3<f64>,
    /// Share of the cells in which the site is filled, 0..=1.
    pub occupancy: f64,
    /// Root-mean-square thermal displacement along one direction, u = √U_iso = √(B/8π²), Å; `None` if unknown.
    pub rms_displacement: Option<f64>,
    /// Covariance U of the thermal displacement along the Cartesian axes of [`Cell`], Å²; `None` if it is unknown or the
    /// same along all of them.
    pub covariance: Option<Matrix3<f64>>,
}

/// A unit cell with every atom in it, symmetry already applied.
///
/// ```
/// use dosewise::stem::Crystal;
/// let cif = "data_polonium\n_cell_length_a 3.359\n_cell_length_b 3.359\n_cell_length_c 3.359\n\
///     _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
///     loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\nPo1 0 0 0\n";
/// let crystal = Crystal::parse_cif(cif.as_bytes(), "polonium.cif")?;
/// assert_eq!(crystal.sites()[0].element.atomic_number(), 84);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Crystal {
    cell: Cell,
    sites: Vec<Site>,
    symmetry: Vec<SymmetryOperation>,
}

impl Crystal {
    /// A crystal from its cell and the sites of its asymmetric unit, expanded by `symmetry` (with lattice centring
    /// written out, as in CIF; an empty slice means the identity alone).
    ///
    /// Images of one site within 0.05 Å of each other count once (special positions). Listed sites of one element
    /// that coincide are joined: their occupancies add up while the sum stays within 1 (mixed valence), otherwise
    /// the second is a repetition and the larger occupancy stays. Sites keep the order of the list, images that of
    /// `symmetry`.
    ///
    /// # Errors
    /// [`Error::Argument`] for no sites, coordinates that are not finite, an occupancy outside 0..=1, and a thermal
    /// displacement that is negative or above 1 Å, also along one axis of its covariance.
    pub fn new(
        cell: Cell,
        asymmetric_unit: &[Site],
        symmetry: &[SymmetryOperation],
    ) -> Result<Self> {
        if asymmetric_unit.is_empty() {
            return Err(Error::argument(
                "sites",
                "an empty list",
                "at least one atomic site",
            ));
        }
        for site in asymmetric_unit {
            site.check()?;
        }
        let symmetry = if symmetry.is_empty() {
            vec![SymmetryOperation::identity()]
        } else {
            symmetry.to_vec()
        };
        let mut merger = SiteMerger::new(cell);
        for (origin, site) in asymmetric_unit.iter().enumerate() {
            for operation in &symmetry {
                let turned = cell.matrix() * operation.rotation() * cell.inverse();
                merger.add(
                    origin,
                    Site {
                        fractional: operation.apply(site.fractional).map(wrapped),
                        covariance: site.covariance.map(|u| turned * u * turned.transpose()),
                        ..site.clone()
                    },
                );
            }
        }
        Ok(Self {
            cell,
            sites: merger.sites,
            symmetry,
        })
    }

    /// The unit cell.
    pub fn cell(&self) -> &Cell {
        &self.cell
    }

    /// All sites of the unit cell.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The operations that made them; the identity alone if none was given.
    pub fn symmetry(&self) -> &[SymmetryOperation] {
        &self.symmetry
    }
}

impl Site {
    fn check(&self) -> Result<()> {
        let name = |field: &str| format!("{field} of site {}", self.label);
        if !self.fractional.iter().all(|x| x.abs() <= 1e6) {
            let [x, y, z] = self.fractional.into();
            return Err(Error::argument(
                name("fractional coordinates"),
                format!("({x}, {y}, {z})"),
                "three finite numbers within ±1e6",
            ));
        }
        if !(0.0..=1.0).contains(&self.occupancy) {
            return Err(Error::argument(
                name("occupancy"),
                self.occupancy,
                "a share of 0..=1",
            ));
        }
        if let Some(covariance) = &self.covariance
            && !is_covariance(covariance)
        {
            return Err(Error::argument(
                name("covariance"),
                format!("{covariance:?}"),
                "a symmetric matrix without negative spread, up to 1 Å²",
            ));
        }
        match self.rms_displacement {
            Some(u) if !(0.0..=1.0).contains(&u) => Err(Error::argument(
                name("rms_displacement"),
                u,
                "a thermal displacement of 0..=1 Å",
            )),
            _ => Ok(()),
        }
    }
}

/// Whether a matrix can be the covariance of a thermal displacement, Å².
pub(super) fn is_covariance(matrix: &Matrix3<f64>) -> bool {
    let asymmetry = matrix - matrix.transpose();
    // in this order, so that no eigenvalues of NaN are asked for
    asymmetry.iter().all(|a| a.abs() <= 1e-9)
        && (matrix.symmetric_eigenvalues().iter()).all(|s| (-1e-9..=1.0).contains(s))
}

/// The fractional coordinate in 0..1 that differs by a whole number.
fn wrapped(x: f64) -> f64 {
    let wrapped = x.rem_euclid(1.0);
    // −1e-17 wraps to 1.0 by rounding, and 1 − 1e-17 means 0
    if wrapped > 1.0 - 1e-12 { 0.0 } else { wrapped }
}

/// Collects sites, joining those that coincide; bins as wide as the tolerance make each look-up local.
struct SiteMerger {
    cell: Cell,
    bins: [i64; 3],
    members: HashMap<[i64; 3], Vec<usize>>,
    sites: Vec<Site>,
    /// For every kept site the listed site that contributed last.
    origins: Vec<usize>,
}

impl SiteMerger {
    fn new(cell: Cell) -> Self {
        let bins = cell
            .heights()
            .map(|h| (h / SAME_SITE).floor().max(1.0) as i64);
        Self {
            cell,
            bins,
            members: HashMap::new(),
            sites: Vec::new(),
            origins: Vec::new(),
        }
    }

    fn bin(&self, fractional: Vector3<f64>) -> [i64; 3] {
        [0, 1, 2].map(|i| (fractional[i] * self.bins[i] as f64) as i64)
    }

    fn add(&mut self, origin: usize, site: Site) {
        match self.coinciding(&site) {
            // another image of a site on a symmetry element
            Some(kept) if self.origins[kept] == origin => {}
            Some(kept) => {
                let sum = self.sites[kept].occupancy + site.occupancy;
                let larger = self.sites[kept].occupancy.max(site.occupancy);
                self.sites[kept].occupancy = if sum <= 1.0 + 1e-6 {
                    sum.min(1.0)
                } else {
                    larger
                };
                self.origins[kept] = origin;
            }
            None => {
                let bin = self.bin(site.fractional);
                self.members.entry(bin).or_default().push(self.sites.len());
                self.sites.push(site);
                self.origins.push(origin);
            }
        }
    }

    /// The first kept site of the same element within the tolerance.
    fn coinciding(&self, site: &Site) -> Option<usize> {
        let centre = self.bin(site.fractional);
        let mut found = None;
        for shift in 0..27 {
            let offset = [shift % 3 - 1, shift / 3 % 3 - 1, shift / 9 - 1];
            let bin = [0, 1, 2].map(|i| (centre[i] + offset[i]).rem_euclid(self.bins[i]));
            for &kept in self.members.get(&bin).into_iter().flatten() {
                let other = &self.sites[kept];
                let same = other.element == site.element
                    && self.cell.distance(other.fractional, site.fractional) < SAME_SITE;
                if same && found.is_none_or(|first| kept < first) {
                    found = Some(kept);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(symbol: &str, fractional: [f64; 3], occupancy: f64) -> Site {
        Site {
            label: symbol.to_owned(),
            element: symbol.parse().unwrap(),
            fractional: fractional.into(),
            occupancy,
            rms_displacement: None,
            covariance: None,
        }
    }

    fn cube() -> Cell {
        Cell::new([4.0; 3], [90.0; 3]).unwrap()
    }

    #[test]
    fn coordinates_are_wrapped_into_the_cell() {
        let sites = [site("C", [-0.25, 1.5, -1e-17], 1.0)];
        let crystal = Crystal::new(cube(), &sites, &[]).unwrap();
        let found = crystal.sites()[0].fractional;
        assert_eq!(found, Vector3::new(0.75, 0.5, 0.0));
    }

    #[test]
    fn images_on_a_mirror_count_once_across_the_cell_boundary() {
        let mirror: SymmetryOperation = "x,y,-z".parse().unwrap();
        let operations = [SymmetryOperation::identity(), mirror];
        let sites = [
            site("C", [0.0, 0.0, 0.001], 1.0),
            site("C", [0.5, 0.5, 0.2], 1.0),
        ];
        let crystal = Crystal::new(cube(), &sites, &operations).unwrap();
        assert_eq!(crystal.sites().len(), 3); // 0.001 and 0.999 are 0.008 Å apart
    }

    #[test]
    fn coinciding_sites_join_their_occupancies_or_repeat() {
        let sites = [
            site("Fe", [0.0; 3], 0.4),
            site("Fe", [0.0; 3], 0.6),
            site("O", [0.5; 3], 1.0),
            site("O", [0.5, 0.5, 1.5], 1.0),
            site("Sr", [0.5; 3], 1.0), // another element stays
        ];
        let crystal = Crystal::new(cube(), &sites, &[]).unwrap();
        let occupancies: Vec<f64> = crystal.sites().iter().map(|s| s.occupancy).collect();
        assert_eq!(occupancies, [1.0, 1.0, 1.0]);
    }

    #[test]
    fn impossible_sites_are_refused_by_name() {
        let mut hot = site("S", [0.0; 3], 1.0);
        hot.rms_displacement = Some(-0.1);
        for (sites, name) in [
            (vec![], "sites"),
            (vec![site("S", [f64::NAN, 0.0, 0.0], 1.0)], "site S"),
            (vec![site("S", [0.0; 3], 1.5)], "occupancy"),
            (vec![site("S", [0.0; 3], f64::NAN)], "occupancy"),
            (vec![hot], "rms_displacement"),
        ] {
            let message = Crystal::new(cube(), &sites, &[]).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
