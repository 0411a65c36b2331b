//! Which atoms stand close together.

use super::Structure;
use nalgebra::Vector3;
use std::collections::HashMap;

/// The atoms of a structure sorted into bins, for look-ups by place that do not grow with their number.
pub(super) struct Neighbours<'a> {
    structure: &'a Structure,
    bins: [i64; 3],
    members: HashMap<[i64; 3], Vec<usize>>,
}

impl<'a> Neighbours<'a> {
    /// Bins no narrower than `reach` (Å), the largest distance that will be asked for.
    pub fn new(structure: &'a Structure, reach: f64) -> Self {
        let extent = structure.extent();
        let bins = [0, 1, 2].map(|i| (extent[i] / reach.max(0.5)).floor().clamp(1.0, 1e5) as i64);
        let mut all = Self {
            structure,
            bins,
            members: HashMap::new(),
        };
        for (index, atom) in structure.atoms().iter().enumerate() {
            let bin = all.bin(atom.position);
            all.members.entry(bin).or_default().push(index);
        }
        all
    }

    fn bin(&self, place: Vector3<f64>) -> [i64; 3] {
        let extent = self.structure.extent();
        [0, 1, 2].map(|i| {
            let bin = (place[i] / extent[i] * self.bins[i] as f64).floor() as i64;
            bin.clamp(0, self.bins[i] - 1)
        })
    }

    /// Atoms within `reach` of a place and their distances, over the periodic edges of x and y.
    pub fn within(&self, place: Vector3<f64>, reach: f64) -> impl Iterator<Item = (usize, f64)> {
        let centre = self.bin(place);
        let mut bins: Vec<[i64; 3]> = (0..27)
            .map(|i| {
                let moved = [0, 1, 2].map(|k| centre[k] + [i % 3, i / 3 % 3, i / 9][k] - 1);
                [
                    moved[0].rem_euclid(self.bins[0]),
                    moved[1].rem_euclid(self.bins[1]),
                    moved[2],
                ]
            })
            .collect();
        // few bins are met more than once from several sides
        bins.sort_unstable();
        bins.dedup();
        bins.into_iter()
            .filter_map(|bin| self.members.get(&bin))
            .flatten()
            .map(move |&index| (index, self.distance(index, place)))
            .filter(move |(_, distance)| *distance <= reach)
    }

    pub fn any_within(&self, place: Vector3<f64>, reach: f64) -> bool {
        self.within(place, reach).next().is_some()
    }

    fn distance(&self, index: usize, place: Vector3<f64>) -> f64 {
        let extent = self.structure.extent();
        let mut apart = self.structure.atoms()[index].position - place;
        for axis in 0..2 {
            apart[axis] -= extent[axis] * (apart[axis] / extent[axis]).round();
        }
        apart.norm()
    }
}

/// Two atoms and how far apart they stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Indices of the two, the smaller first.
    pub atoms: [usize; 2],
    /// Distance, Å, over the periodic edges of x and y.
    pub distance: f64,
}

/// The two atoms of a structure that stand closest together, if any stand within 4 Å; the first pair of several.
///
/// Partly filled sites may share a place and do not count against each other while their occupancies add up to 1 at most.
pub fn closest_pair(structure: &Structure) -> Option<Pair> {
    const REACH: f64 = 4.0;
    let neighbours = Neighbours::new(structure, REACH);
    let mut best: Option<Pair> = None;
    for (index, atom) in structure.atoms().iter().enumerate() {
        for (other, distance) in neighbours.within(atom.position, REACH) {
            let shared = structure.atoms()[other].occupancy + atom.occupancy <= 1.0 + 1e-6;
            let closer =
                best.is_none_or(|best| (distance, [other, index]) < (best.distance, best.atoms));
            if other < index && !shared && closer {
                best = Some(Pair {
                    atoms: [other, index],
                    distance,
                });
            }
        }
    }
    best
}
