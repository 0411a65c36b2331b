//! A k-d tree: points sorted into nested boxes, so that most of them need not be looked at.

use std::ops::Range;

/// Points in a box that is not cut further.
const LEAF: usize = 12;

/// Points in nested boxes, each cut at the median of its longest side (Bentley, Commun. ACM 18 (1975) 509; boxes drawn
/// tightly around their points).
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    dimension: usize,
    /// Coordinates point by point, those of one leaf next to each other.
    coordinates: Vec<f64>,
    /// The row that each of these points was given in.
    labels: Vec<u32>,
    /// In preorder: the first child of a node follows it.
    nodes: Vec<Node>,
    /// Lower ends, then upper ends, of the box of each node.
    boxes: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Node {
    start: u32,
    end: u32,
    /// The second child; zero for a leaf.
    second: u32,
    /// Smallest label inside.
    earliest: u32,
}

impl Tree {
    /// A tree of rows of `dimension` coordinates, labelled 0, 1, …
    pub fn new(rows: &[f64], dimension: usize) -> Self {
        let count = rows.len() / dimension.max(1);
        let mut tree = Self {
            dimension,
            ..Self::default()
        };
        if count == 0 {
            return tree;
        }
        let mut labels: Vec<u32> = (0..count as u32).collect();
        tree.grow(rows, &mut labels, 0);
        let row = |&label: &u32| &rows[label as usize * dimension..][..dimension];
        tree.coordinates = labels.iter().flat_map(row).copied().collect();
        tree.labels = labels;
        tree
    }

    /// Adds the node of these labels, which begin at slot `start`, and those below it.
    fn grow(&mut self, rows: &[f64], labels: &mut [u32], start: u32) -> u32 {
        let d = self.dimension;
        let index = self.nodes.len();
        let coordinate = |label: u32, axis: usize| rows[label as usize * d + axis];
        let (mut widest, mut axis) = (f64::NEG_INFINITY, 0);
        let ends: Vec<(f64, f64)> = (0..d)
            .map(|k| {
                let along = labels.iter().map(|&label| coordinate(label, k));
                let fold = |(low, high): (f64, f64), c: f64| (low.min(c), high.max(c));
                let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), fold);
                if high - low > widest {
                    (widest, axis) = (high - low, k);
                }
                (low, high)
            })
            .collect();
        self.boxes.extend(ends.iter().map(|end| end.0));
        self.boxes.extend(ends.iter().map(|end| end.1));
        self.nodes.push(Node {
            start,
            end: start + labels.len() as u32,
            second: 0,
            earliest: labels.iter().copied().min().unwrap_or(u32::MAX),
        });
        if labels.len() > LEAF {
            let half = labels.len() / 2;
            labels.select_nth_unstable_by(half, |&a, &b| {
                let along = coordinate(a, axis).total_cmp(&coordinate(b, axis));
                along.then(a.cmp(&b))
            });
            let (low, high) = labels.split_at_mut(half);
            self.grow(rows, low, start);
            self.nodes[index].second = self.grow(rows, high, start + half as u32);
        }
        index as u32
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Number of nodes; the first is the root.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The children of a node; `None` for a leaf.
    pub fn children(&self, node: usize) -> Option<[usize; 2]> {
        let second = self.nodes[node].second as usize;
        (second != 0).then_some([node + 1, second])
    }

    /// The slots of the points in a node.
    pub fn slots(&self, node: usize) -> Range<usize> {
        self.nodes[node].start as usize..self.nodes[node].end as usize
    }

    /// The smallest label in a node.
    pub fn earliest(&self, node: usize) -> u32 {
        self.nodes[node].earliest
    }

    /// The label of the point in a slot.
    pub fn label(&self, slot: usize) -> u32 {
        self.labels[slot]
    }

    /// The coordinates of the point in a slot.
    pub fn point(&self, slot: usize) -> &[f64] {
        &self.coordinates[slot * self.dimension..][..self.dimension]
    }

    /// Squared distance from a point to the box of a node. It never exceeds the [`squared_distance`] to a point inside,
    /// not even by rounding, which is monotone and goes through the same steps.
    pub fn box_distance(&self, node: usize, at: &[f64]) -> f64 {
        let d = self.dimension;
        let (low, high) = self.boxes[2 * d * node..][..2 * d].split_at(d);
        let mut sum = 0.0;
        for ((x, low), high) in at.iter().zip(low).zip(high) {
            let outside = (low - x).max(x - high).max(0.0);
            sum += outside * outside;
        }
        sum
    }
}

/// |a − b|².
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        let difference = a - b;
        sum += difference * difference;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_hold_their_points_and_nothing_is_lost() {
        let rows: Vec<f64> = (0..1500).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let tree = Tree::new(&rows, 3);
        let mut seen: Vec<u32> = (0..tree.len()).map(|slot| tree.label(slot)).collect();
        seen.sort_unstable();
        assert!(seen.iter().enumerate().all(|(i, &label)| i as u32 == label) && seen.len() == 500);
        let at = [0.3, 2.0, -0.7];
        for node in 0..tree.node_count() {
            let labels = tree.slots(node).map(|slot| tree.label(slot));
            assert_eq!(labels.min(), Some(tree.earliest(node)));
            for slot in tree.slots(node) {
                assert!(tree.box_distance(node, &at) <= squared_distance(tree.point(slot), &at));
                let label = tree.label(slot) as usize;
                assert_eq!(tree.point(slot), &rows[3 * label..][..3]);
            }
            if let Some([first, second]) = tree.children(node) {
                assert_eq!(tree.slots(first).end, tree.slots(second).start);
                assert_eq!(
                    tree.slots(node).len(),
                    tree.slots(first).len() + tree.slots(second).len()
                );
            }
        }
        assert_eq!(Tree::new(&[], 2).node_count(), 0);
    }
}
