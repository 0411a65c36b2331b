//! Partly filled and mixed sites: which atom stands there.

use super::Structure;
use super::neighbours::Neighbours;
use crate::random::{Purpose, Stream};
use crate::units::Seed;
use crate::{Error, Result};
use rand::RngExt;

/// Atoms closer than this (Å) share a site.
const SAME_SITE: f64 = 0.05;

impl Structure {
    /// One specimen of a structure with partly filled sites: each site is drawn, with probabilities as its occupancies, to
    /// hold one of the atoms that share it, or none; all occupancies are then 1.
    ///
    /// Without it a partly filled site stands for its average, which blurs the contrast of single atoms away.
    ///
    /// # Errors
    /// [`Error::Argument`] if the occupancies of a site add up to more than 1.
    pub fn drawn(&self, seed: Seed) -> Result<Self> {
        let neighbours = Neighbours::new(self, SAME_SITE);
        let mut stays = vec![true; self.atoms.len()];
        for (index, atom) in self.atoms.iter().enumerate() {
            if atom.occupancy >= 1.0 {
                continue;
            }
            let mut sharers: Vec<usize> = neighbours
                .within(atom.position, SAME_SITE)
                .map(|(other, _)| other)
                .collect();
            sharers.sort_unstable();
            if sharers[0] != index {
                continue; // drawn with the first of its site
            }
            let total: f64 = sharers.iter().map(|&i| self.atoms[i].occupancy).sum();
            if total > 1.0 + 1e-6 {
                return Err(Error::argument(
                    format!("occupancies at the site of atom {index}"),
                    total,
                    "a sum of at most 1",
                ));
            }
            let mut left = Stream::new(seed, Purpose::Defects, [index as u64, 1]).random::<f64>();
            for &sharer in &sharers {
                let occupancy = self.atoms[sharer].occupancy;
                stays[sharer] = (0.0..occupancy).contains(&left);
                left -= occupancy;
            }
        }
        self.edited(|index, atom| stays[index].then(|| atom.occupancy(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::PlacedAtom;
    use super::*;
    use nalgebra::Vector3;

    /// 400 sites of 60 % Sr, 30 % Pb, 10 % empty: numbers within four binomial deviations, never two on one site.
    #[test]
    fn mixed_sites_hold_one_atom_each_in_their_shares() {
        let place = |i: usize| Vector3::new((i % 20) as f64, (i / 20) as f64, 0.0);
        let atom = |symbol: &str, i, share| {
            PlacedAtom::new(symbol.parse().unwrap(), place(i)).occupancy(share)
        };
        let atoms = (0..400).flat_map(|i| [atom("Sr", i, 0.6), atom("Pb", i, 0.3)]);
        let mixed = Structure::new(Vector3::new(20.0, 20.0, 1.0), atoms.collect()).unwrap();
        let drawn = mixed.drawn(Seed(5)).unwrap();
        let count = |symbol: &str| {
            drawn
                .atoms()
                .iter()
                .filter(|a| a.element.symbol() == symbol)
                .count()
        };
        for (found, share) in [(count("Sr"), 0.6), (count("Pb"), 0.3)] {
            let deviation = (400.0 * share * (1.0_f64 - share)).sqrt();
            assert!(
                (found as f64 - 400.0 * share).abs() < 4.0 * deviation,
                "{found} for {share}"
            );
        }
        let nearest = super::super::closest_pair(&drawn).unwrap();
        assert_eq!(nearest.distance, 1.0);
        assert!(drawn.atoms().iter().all(|a| a.occupancy == 1.0));
        assert_eq!(drawn, mixed.drawn(Seed(5)).unwrap());
    }

    #[test]
    fn sites_more_than_full_are_refused() {
        let iron = PlacedAtom::new("Fe".parse().unwrap(), Vector3::zeros()).occupancy(0.7);
        let full = Structure::new(Vector3::new(3.0, 3.0, 1.0), vec![iron, iron]).unwrap();
        assert!(full.drawn(Seed(0)).is_err());
    }
}
