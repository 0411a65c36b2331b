//! Atoms that stand on one another.

use crate::stem::{PlacedAtom, Structure};
use crate::{Error, Result};
use std::collections::HashMap;

/// Atoms closer than this (Å) stand on one spot.
const ONE_SPOT: f64 = 0.1;

/// Refuses a structure in which atoms closer than 0.1 Å add up to more than one atom: doubled positions. Shares of one
/// site (occupancies that sum to at most 1) pass.
pub(super) fn check(structure: &Structure) -> Result<()> {
    let extent = structure.extent();
    let atoms = structure.atoms();
    // cells at least as wide as the spot, so that neighbours stand in neighbouring cells
    let cells = [extent.x, extent.y].map(|edge| ((edge / ONE_SPOT) as i64).max(1));
    let cell_of = |atom: &PlacedAtom| {
        let p = atom.position;
        let across =
            |r: f64, edge: f64, count: i64| ((r / edge * count as f64) as i64).min(count - 1);
        let (x, y) = (
            across(p.x, extent.x, cells[0]),
            across(p.y, extent.y, cells[1]),
        );
        [x, y, (p.z / ONE_SPOT) as i64]
    };
    let mut members = HashMap::<[i64; 3], Vec<usize>>::new();
    for (index, atom) in atoms.iter().enumerate() {
        members.entry(cell_of(atom)).or_default().push(index);
    }
    for (index, atom) in atoms.iter().enumerate() {
        let [x, y, z] = cell_of(atom);
        let mut around: Vec<usize> = Vec::new();
        for offset in 0..27 {
            let [i, j, k] = [offset % 3 - 1, offset / 3 % 3 - 1, offset / 9 - 1];
            let cell = [
                (x + i).rem_euclid(cells[0]),
                (y + j).rem_euclid(cells[1]),
                z + k,
            ];
            let near = members.get(&cell).into_iter().flatten();
            around
                .extend(near.filter(|other| distance(structure, atom, &atoms[**other]) < ONE_SPOT));
        }
        // in a box narrower than three cells the same neighbour is met more than once
        around.sort_unstable();
        around.dedup();
        let shares: f64 = around.iter().map(|other| atoms[*other].occupancy).sum();
        if shares > 1.0 + 1e-3 {
            let other = around.iter().copied().find(|other| *other != index);
            let p = atom.position;
            return Err(Error::argument(
                "structure",
                format!(
                    "{shares} atoms within {ONE_SPOT} Å of ({:.3}, {:.3}, {:.3}) Å, among them atoms {index} and {}",
                    p.x,
                    p.y,
                    p.z,
                    other.unwrap_or(index)
                ),
                "occupancies that add up to at most 1 on one spot",
            ));
        }
    }
    Ok(())
}

/// Distance to the nearest periodic image, Å.
fn distance(structure: &Structure, a: &PlacedAtom, b: &PlacedAtom) -> f64 {
    let extent = structure.extent();
    let mut between = a.position - b.position;
    between.x -= extent.x * (between.x / extent.x).round();
    between.y -= extent.y * (between.y / extent.y).round();
    between.norm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    #[test]
    fn doubled_atoms_are_named_and_shared_sites_pass() {
        let atom = |x, y, z, share| {
            PlacedAtom::new("Ti".parse().unwrap(), Vector3::new(x, y, z)).occupancy(share)
        };
        let outcome = |atoms: Vec<PlacedAtom>| {
            let structure = Structure::new(Vector3::new(4.0, 3.9, 4.0), atoms).unwrap();
            check(&structure).map_err(|error| error.to_string())
        };
        assert_eq!(
            outcome(vec![atom(0.0, 0.0, 1.0, 1.0), atom(0.11, 0.0, 1.0, 1.0)]),
            Ok(())
        );
        assert_eq!(
            outcome(vec![atom(1.0, 1.0, 1.0, 0.3), atom(1.0, 1.0, 1.0, 0.7)]),
            Ok(())
        );
        // across the edges of the box, and three thirds too many
        let message = outcome(vec![
            atom(3.97, 3.88, 1.04, 1.0),
            atom(0.02, 0.01, 0.99, 1.0),
        ])
        .unwrap_err();
        assert!(
            message.contains("2 atoms within 0.1") && message.contains("atoms 0 and 1"),
            "{message}"
        );
        let thirds = vec![atom(1.0, 1.0, 1.0, 0.4); 3];
        assert!(outcome(thirds).unwrap_err().contains("1.2"));
    }
}
