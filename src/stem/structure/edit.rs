//! Defects: atoms taken out, replaced, moved.

use super::neighbours::Neighbours;
use super::{PlacedAtom, Structure};
use crate::random::{Purpose, Stream};
use crate::stem::Element;
use crate::units::Seed;
use crate::{Error, Result};
use nalgebra::Vector3;
use rand::seq::index::sample;

impl Structure {
    /// Each atom as `edit` makes it: `None` leaves a vacancy, another element is a substitution, another place a
    /// displacement.
    ///
    /// ```
    /// use dosewise::stem::{PlacedAtom, Structure};
    /// use nalgebra::Vector3;
    /// let sulfur = |x| PlacedAtom::new("S".parse().unwrap(), Vector3::new(x, 0.0, 0.0));
    /// let chain = Structure::new(Vector3::new(9.0, 9.0, 1.0), vec![sulfur(0.0), sulfur(3.0), sulfur(6.0)])?;
    /// let selenium = "Se".parse()?;
    /// let defective = chain.edited(|index, atom| match index {
    ///     0 => None,
    ///     1 => Some(PlacedAtom { element: selenium, ..*atom }),
    ///     _ => Some(*atom),
    /// })?;
    /// assert_eq!((defective.atoms().len(), defective.atoms()[0].element), (2, selenium));
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Structure::new`].
    pub fn edited(
        &self,
        mut edit: impl FnMut(usize, &PlacedAtom) -> Option<PlacedAtom>,
    ) -> Result<Self> {
        let atoms = self.atoms.iter().enumerate();
        let atoms = atoms
            .filter_map(|(index, atom)| edit(index, atom))
            .collect();
        Self::new(self.extent, atoms)
    }

    /// Each atom moved by the field of displacements u(r), Å: a strain, a polarisation, a wall, a relaxation.
    ///
    /// # Errors
    /// As [`Structure::new`]: an atom may not leave the box along the beam, so leave room by [`Structure::with_vacuum`].
    pub fn displaced(&self, field: impl Fn(Vector3<f64>) -> Vector3<f64>) -> Result<Self> {
        self.edited(|_, atom| {
            Some(PlacedAtom {
                position: atom.position + field(atom.position),
                ..*atom
            })
        })
    }

    /// Index of the atom nearest to a place (Å), over the periodic edges; `None` if there is none within 5 Å.
    pub fn nearest(&self, place: Vector3<f64>) -> Option<usize> {
        const REACH: f64 = 5.0;
        let near = Neighbours::new(self, REACH);
        let found = near.within(place, REACH);
        let found = found.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        found.map(|(index, _)| index)
    }

    /// Indices of a share (0..=1) of all atoms of an element, drawn without repetition, in rising order: a concentration of
    /// vacancies or dopants.
    ///
    /// # Errors
    /// [`Error::Argument`] for a share outside 0..=1.
    pub fn random_sites(&self, element: Element, share: f64, seed: Seed) -> Result<Vec<usize>> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::argument("share", share, "a share of 0..=1"));
        }
        let sites: Vec<usize> = (0..self.atoms.len())
            .filter(|&i| self.atoms[i].element == element)
            .collect();
        let count = (share * sites.len() as f64).round() as usize;
        let mut stream = Stream::new(
            seed,
            Purpose::Defects,
            [u64::from(element.atomic_number()), 0],
        );
        let mut chosen: Vec<usize> = sample(&mut stream, sites.len(), count)
            .into_iter()
            .map(|i| sites[i])
            .collect();
        chosen.sort_unstable();
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Structure {
        let atoms = (0..100).map(|i| {
            let symbol = if i % 2 == 0 { "Mo" } else { "S" };
            PlacedAtom::new(
                symbol.parse().unwrap(),
                Vector3::new(f64::from(i), 0.0, 0.5),
            )
        });
        Structure::new(Vector3::new(100.0, 5.0, 1.0), atoms.collect()).unwrap()
    }

    #[test]
    fn a_share_of_one_element_is_drawn() {
        let sulfur = "S".parse().unwrap();
        let chosen = row().random_sites(sulfur, 0.1, Seed(3)).unwrap();
        assert_eq!(chosen.len(), 5);
        assert!(chosen.iter().all(|i| i % 2 == 1) && chosen.is_sorted());
        assert_eq!(chosen, row().random_sites(sulfur, 0.1, Seed(3)).unwrap());
        assert_ne!(chosen, row().random_sites(sulfur, 0.1, Seed(4)).unwrap());
        assert!(row().random_sites(sulfur, f64::NAN, Seed(3)).is_err());
    }

    #[test]
    fn a_strain_field_moves_atoms_and_may_not_push_them_out() {
        let strained = row()
            .displaced(|r| Vector3::new(0.01 * r.x, 0.0, 0.0))
            .unwrap();
        assert!((strained.atoms()[50].position.x - 50.5).abs() < 1e-12);
        let error = row().displaced(|_| Vector3::z()).unwrap_err().to_string();
        assert!(error.contains("position of atom 0"), "{error}");
    }

    #[test]
    fn the_nearest_atom_is_found_across_the_edge() {
        assert_eq!(row().nearest(Vector3::new(99.8, 4.9, 0.5)), Some(0));
        let wide = Structure::new(Vector3::new(50.0, 50.0, 1.0), vec![row().atoms()[0]]).unwrap();
        assert_eq!(wide.nearest(Vector3::new(25.0, 25.0, 0.0)), None);
    }
}
