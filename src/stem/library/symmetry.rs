//! Places at which a defect looks the same: half to seven eighths of the probes need not be computed.

use super::lattice::shortest;
use crate::stem::{Structure, Vibration};
use nalgebra::{Matrix2, Matrix3, Vector2};
use std::collections::HashMap;

/// Atoms nearer than this (Å) stand on the same place.
const SAME: f64 = 1e-3;

/// The turns by quarters and reflections about `middle` (x, y) that leave a periodic structure as it is, the identity
/// among them. A round probe sees the same from either side of each.
pub(super) fn operations(structure: &Structure, middle: Vector2<f64>) -> Vec<Matrix2<f64>> {
    let extent = structure.extent().xy();
    let (quarter, mirror) = (
        Matrix2::new(0.0, -1.0, 1.0, 0.0),
        Matrix2::new(1.0, 0.0, 0.0, -1.0),
    );
    let turns = (0..4).map(|n| (0..n).fold(Matrix2::identity(), |turn, _| turn * quarter));
    let all = turns.flat_map(|turn| [turn, turn * mirror]);
    all.filter(|operation| {
        let keeps_box = (operation * extent).abs() == extent;
        keeps_box && keeps_atoms(structure, middle, operation)
    })
    .collect()
}

fn keeps_atoms(structure: &Structure, middle: Vector2<f64>, operation: &Matrix2<f64>) -> bool {
    // by height first, so that only the atoms of one layer are held against one another
    let mut layers: HashMap<i64, Vec<usize>> = HashMap::new();
    let layer = |z: f64| (z / SAME).round() as i64;
    let atoms = structure.atoms();
    for (index, atom) in atoms.iter().enumerate() {
        layers
            .entry(layer(atom.position.z))
            .or_default()
            .push(index);
    }
    atoms.iter().all(|atom| {
        let image = middle + operation * (atom.position.xy() - middle);
        layers[&layer(atom.position.z)].iter().any(|&other| {
            let other = &atoms[other];
            (other.element, other.occupancy) == (atom.element, atom.occupancy)
                && other.vibration == turned(atom.vibration, operation)
                && shortest(image - other.position.xy(), structure.extent().xy()).norm() < SAME
        })
    })
}

/// A vibration as the operation leaves it; the entries of a matrix only change places and signs.
fn turned(vibration: Vibration, operation: &Matrix2<f64>) -> Vibration {
    let Vibration::Anisotropic(covariance) = vibration else {
        return vibration;
    };
    let mut turn = Matrix3::identity();
    turn.fixed_view_mut::<2, 2>(0, 0).copy_from(operation);
    Vibration::Anisotropic(turn * covariance * turn.transpose())
}

/// Of a square of (2h + 1)² places about a middle, those within `radius` (in steps) that differ under the operations, and
/// for each place of the square, by rows, which of them it looks like.
pub(super) fn orbits(
    half: usize,
    radius: f64,
    operations: &[Matrix2<f64>],
) -> (Vec<[i32; 2]>, Vec<Option<usize>>) {
    let (mut places, mut numbers) = (Vec::new(), HashMap::new());
    let half = half as i32;
    let square = (-half..=half).flat_map(|y| (-half..=half).map(move |x| [y, x]));
    let like = square
        .map(|[y, x]| {
            if f64::from(y).hypot(f64::from(x)) > radius {
                return None;
            }
            let images = operations.iter().map(|operation| {
                let image = operation * Vector2::new(f64::from(x), f64::from(y));
                [image.y.round() as i32, image.x.round() as i32]
            });
            let first = images.min().unwrap_or([y, x]);
            Some(*numbers.entry(first).or_insert_with(|| {
                places.push(first);
                places.len() - 1
            }))
        })
        .collect();
    (places, like)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stem::PlacedAtom;
    use nalgebra::Vector3;

    fn structure(places: &[(f64, f64)]) -> Structure {
        let atom =
            |&(x, y): &(f64, f64)| PlacedAtom::new("C".parse().unwrap(), Vector3::new(x, y, 1.0));
        Structure::new(
            Vector3::new(8.0, 8.0, 2.0),
            places.iter().map(atom).collect(),
        )
        .unwrap()
    }

    #[test]
    fn a_square_has_eight_operations_and_a_lone_neighbour_two() {
        let middle = Vector2::new(4.0, 4.0);
        let square = structure(&[(4.0, 4.0), (2.0, 4.0), (6.0, 4.0), (4.0, 2.0), (4.0, 6.0)]);
        assert_eq!(operations(&square, middle).len(), 8);
        let lone = structure(&[(4.0, 4.0), (2.0, 4.0)]);
        assert_eq!(operations(&lone, middle).len(), 2);
        assert_eq!(
            operations(&structure(&[(1.0, 2.0), (3.0, 3.5)]), middle).len(),
            1
        );
    }

    #[test]
    fn orbits_cover_the_disc_once() {
        let middle = Vector2::new(4.0, 4.0);
        let eight = operations(&structure(&[(4.0, 4.0)]), middle);
        let (places, like) = orbits(5, 5.0, &eight);
        assert_eq!(like.iter().flatten().count(), 81); // lattice points within 5 of the origin
        assert_eq!(places.len(), 15); // the middle, 5 on an axis, 3 on a diagonal, 6 between
        let (all, _) = orbits(5, 5.0, &eight[..1]);
        assert_eq!(all.len(), 81);
    }
}
