//! Which lattice sites lie near a place: a grid of bins.

use crate::units::Point;

/// Side of a bin, Å.
const BIN: f64 = 3.0;

/// Points sorted into square bins.
#[derive(Debug, Clone)]
pub(super) struct Neighbourhood {
    corner: Point,
    rows: usize,
    columns: usize,
    bins: Vec<Vec<usize>>,
}

impl Neighbourhood {
    pub(super) fn new(positions: &[Point]) -> Self {
        if positions.is_empty() {
            return Self {
                corner: Point::default(),
                rows: 1,
                columns: 1,
                bins: vec![Vec::new()],
            };
        }
        let (mut corner, mut opposite) = (positions[0], positions[0]);
        for place in positions {
            corner = Point::new(corner.y.min(place.y), corner.x.min(place.x));
            opposite = Point::new(opposite.y.max(place.y), opposite.x.max(place.x));
        }
        let extent = opposite - corner;
        let rows = (extent.y / BIN).floor() as usize + 1;
        let columns = (extent.x / BIN).floor() as usize + 1;
        let mut bins = vec![Vec::new(); rows * columns];
        for (index, place) in positions.iter().enumerate() {
            let offset = *place - corner;
            bins[(offset.y / BIN) as usize * columns + (offset.x / BIN) as usize].push(index);
        }
        Self {
            corner,
            rows,
            columns,
            bins,
        }
    }

    /// Every point within `radius` of `place`, and some that are farther.
    pub(super) fn candidates(&self, place: Point, radius: f64) -> impl Iterator<Item = usize> + '_ {
        // Casts from negative numbers and NaN saturate at zero, which only adds candidates.
        let range = |centre: f64, corner: f64, count: usize| {
            let first = ((centre - radius - corner) / BIN).floor() as usize;
            let last = ((centre + radius - corner) / BIN).floor();
            let end = if last < 0.0 {
                0
            } else {
                (last as usize).saturating_add(1).min(count)
            };
            first.min(count)..end
        };
        let columns = range(place.x, self.corner.x, self.columns);
        range(place.y, self.corner.y, self.rows)
            .flat_map(move |row| {
                columns
                    .clone()
                    .map(move |column| row * self.columns + column)
            })
            .flat_map(|bin| self.bins[bin].iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_near_is_forgotten(
            points in prop::collection::vec((-20.0..20.0_f64, -20.0..20.0_f64), 0..60),
            centre in (-30.0..30.0_f64, -30.0..30.0_f64),
            radius in 0.1..12.0_f64,
        ) {
            let points: Vec<Point> = points.into_iter().map(|(y, x)| Point::new(y, x)).collect();
            let place = Point::new(centre.0, centre.1);
            let found: Vec<usize> = Neighbourhood::new(&points).candidates(place, radius).collect();
            for (index, point) in points.iter().enumerate() {
                if point.distance(place) < radius {
                    prop_assert!(found.contains(&index));
                }
            }
        }
    }
}
