//! The unit cells of a crystal laid over a field of view.

use crate::units::Point;

/// Cells of `period` (y, x) Å, turned against the scan, that cover a field and a margin around it.
///
/// Three frames: the *field* (y, x from the field's corner), the *crystal* (turned, from the corner of the first cell, so
/// that all that is covered has positive coordinates) and cells with offsets in them.
#[derive(Debug, Clone)]
pub(crate) struct Lattice {
    period: [f64; 2],
    sine: f64,
    cosine: f64,
    /// Corner of the first cell in the turned frame whose origin is that of the lattice, Å.
    corner: [f64; 2],
    origin: Point,
    rows: usize,
    columns: usize,
}

/// What is laid out: a field, and how the crystal lies in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Height and width of the field, Å.
    pub field: [f64; 2],
    /// How far the crystal is followed beyond it, Å.
    pub margin: f64,
    /// Rotation from x towards y, radians.
    pub rotation: f64,
    /// Place of a corner of a cell, Å.
    pub origin: Point,
}

impl Lattice {
    pub(crate) fn new(period: [f64; 2], layout: &Layout) -> Self {
        let (sine, cosine) = layout.rotation.sin_cos();
        let mut lattice = Self {
            period,
            sine,
            cosine,
            corner: [0.0; 2],
            origin: layout.origin,
            rows: 0,
            columns: 0,
        };
        let ([height, width], margin) = (layout.field, layout.margin);
        let corners = [
            (-margin, -margin),
            (-margin, width + margin),
            (height + margin, -margin),
            (height + margin, width + margin),
        ]
        .map(|(y, x)| lattice.to_crystal(Point::new(y, x)));
        let cells = |of: fn(Point) -> f64, period: f64| {
            let (low, high) = corners
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| {
                    (low.min(of(*c)), high.max(of(*c)))
                });
            ((low / period).floor(), (high / period).ceil())
        };
        let (first_row, last_row) = cells(|p| p.y, period[0]);
        let (first_column, last_column) = cells(|p| p.x, period[1]);
        lattice.corner = [first_row * period[0], first_column * period[1]];
        lattice.rows = (last_row - first_row) as usize;
        lattice.columns = (last_column - first_column) as usize;
        lattice
    }

    /// Edges of a cell, Å.
    pub(crate) fn period(&self) -> [f64; 2] {
        self.period
    }

    /// Cells along y and x.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// A place of the field in the crystal.
    #[inline]
    pub(crate) fn to_crystal(&self, place: Point) -> Point {
        let offset = self.turn(place - self.origin);
        Point::new(offset.y - self.corner[0], offset.x - self.corner[1])
    }

    /// A place of the crystal in the field.
    pub(crate) fn to_field(&self, place: Point) -> Point {
        let (y, x) = (place.y + self.corner[0], place.x + self.corner[1]);
        let turned = Point::new(
            self.sine * x + self.cosine * y,
            self.cosine * x - self.sine * y,
        );
        turned + self.origin
    }

    /// A vector of the field as the crystal sees it.
    pub(crate) fn turn(&self, offset: Point) -> Point {
        Point::new(
            self.cosine * offset.y - self.sine * offset.x,
            self.sine * offset.y + self.cosine * offset.x,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_the_margin_is_covered() {
        for degrees in [0.0_f64, 19.0, 45.0, -130.0] {
            let layout = Layout {
                field: [60.0, 40.0],
                margin: 12.0,
                rotation: degrees.to_radians(),
                origin: Point::new(1.1, -0.7),
            };
            let lattice = Lattice::new([5.47, 3.16], &layout);
            let [rows, columns] = lattice.shape();
            for (y, x) in [(-12.0, -12.0), (72.0, 52.0), (30.0, 7.0), (72.0, -12.0)] {
                let crystal = lattice.to_crystal(Point::new(y, x));
                assert!(crystal.y >= -1e-9 && crystal.y <= 5.47 * rows as f64 + 1e-9);
                assert!(crystal.x >= -1e-9 && crystal.x <= 3.16 * columns as f64 + 1e-9);
                assert!(lattice.to_field(crystal).distance(Point::new(y, x)) < 1e-9);
            }
        }
    }

    #[test]
    fn a_rotation_turns_x_towards_y() {
        let layout = Layout {
            field: [10.0, 10.0],
            margin: 0.0,
            rotation: std::f64::consts::FRAC_PI_2,
            origin: Point::default(),
        };
        let lattice = Lattice::new([1.0, 1.0], &layout);
        let step = lattice.to_field(Point::new(0.0, 1.0)) - lattice.to_field(Point::default());
        assert!(step.distance(Point::new(1.0, 0.0)) < 1e-12);
    }
}
