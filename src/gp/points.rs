//! Sets of points, stored coordinate by coordinate so that kernels run over contiguous memory.

use crate::error::{Error, Result};
use ndarray::ArrayView2;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Coordinates beyond this would overflow when squared.
const LARGEST_COORDINATE: f64 = 1e150;

/// A growing set of `d`-dimensional points; coordinate `k` of all points lies in one contiguous slice.
#[derive(Debug, Clone, Default)]
pub struct Points {
    dimension: usize,
    length: usize,
    capacity: usize,
    data: Vec<f64>,
}

impl Points {
    /// The rows of an n × d array.
    ///
    /// # Errors
    /// [`Error::Argument`] naming `argument` if d = 0, or if a coordinate is NaN, infinite or beyond 10¹⁵⁰.
    pub fn from_rows(argument: &str, rows: ArrayView2<'_, f64>) -> Result<Self> {
        let (length, dimension) = rows.dim();
        if dimension == 0 {
            return Err(Error::argument(
                argument,
                format!("shape {length} × 0"),
                "at least one coordinate a point",
            ));
        }
        let mut data = Vec::with_capacity(length * dimension);
        for column in rows.columns() {
            data.extend(column.iter());
        }
        check_coordinates(argument, &data)?;
        Ok(Self {
            dimension,
            length,
            capacity: length,
            data,
        })
    }

    /// The points of a set at `indices`, each below its length.
    pub(super) fn select(points: PointsView<'_>, indices: &[usize]) -> Self {
        let data = (0..points.dimension())
            .flat_map(|k| indices.iter().map(move |&i| points.coordinate(k)[i]))
            .collect();
        Self {
            dimension: points.dimension(),
            length: indices.len(),
            capacity: indices.len(),
            data,
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Number of coordinates a point; zero before the first point of an empty set.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Adds one point; the first point of an empty set decides the dimension.
    ///
    /// # Errors
    /// [`Error::Argument`] if the point has another dimension than the set, or an unusable coordinate.
    pub fn push(&mut self, point: &[f64]) -> Result<()> {
        check_coordinates("x", point)?;
        if self.length == 0 && self.dimension == 0 && !point.is_empty() {
            self.dimension = point.len();
        }
        if point.len() != self.dimension || point.is_empty() {
            return Err(Error::argument(
                "x",
                format!("a point of {} coordinates", point.len()),
                format!("{} coordinates", self.dimension.max(1)),
            ));
        }
        if self.length == self.capacity {
            let capacity = (2 * self.capacity).max(16);
            let mut data = vec![0.0; capacity * self.dimension];
            for k in 0..self.dimension {
                data[k * capacity..][..self.length].copy_from_slice(self.view().coordinate(k));
            }
            self.capacity = capacity;
            self.data = data;
        }
        for (k, &coordinate) in point.iter().enumerate() {
            self.data[k * self.capacity + self.length] = coordinate;
        }
        self.length += 1;
        Ok(())
    }

    /// Takes out the point at `index`, which is below the length; those behind it move up.
    pub(super) fn remove(&mut self, index: usize) {
        for column in self.data.chunks_exact_mut(self.capacity.max(1)) {
            column.copy_within(index + 1..self.length, index);
        }
        self.length -= 1;
    }

    /// All points, borrowed.
    pub fn view(&self) -> PointsView<'_> {
        PointsView {
            data: &self.data,
            stride: self.capacity,
            length: self.length,
            dimension: self.dimension,
            columns: None,
        }
    }
}

/// As a list of points, each a list of coordinates.
impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.length).map(|i| self.view().point(i)))
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let rows = Vec::<Vec<f64>>::deserialize(deserializer)?;
        let mut points = Self::default();
        for row in &rows {
            points.push(row).map_err(serde::de::Error::custom)?;
        }
        Ok(points)
    }
}

/// A borrowed run of points, cheap to copy and to cut.
#[derive(Debug, Clone, Copy)]
pub struct PointsView<'a> {
    data: &'a [f64],
    stride: usize,
    length: usize,
    /// Columns of `data`; those seen through the view are `columns`, where there are any.
    dimension: usize,
    columns: Option<&'a [usize]>,
}

impl<'a> PointsView<'a> {
    /// One point as a set.
    pub fn single(point: &'a [f64]) -> Self {
        Self {
            data: point,
            stride: 1,
            length: 1,
            dimension: point.len(),
            columns: None,
        }
    }

    /// The same points with only these columns, counted in the unrestricted set (see [`PointsView::columns`]).
    pub(super) fn with_columns(self, columns: &'a [usize]) -> Self {
        Self {
            columns: Some(columns),
            ..self
        }
    }

    /// The columns that this view is restricted to.
    pub(super) fn columns(self) -> Option<&'a [usize]> {
        self.columns
    }

    /// Number of points.
    pub fn len(self) -> usize {
        self.length
    }

    /// Whether there is no point.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Number of coordinates a point.
    pub fn dimension(self) -> usize {
        self.columns.map_or(self.dimension, <[usize]>::len)
    }

    /// Coordinate `k` of every point; empty if there is no such coordinate.
    pub fn coordinate(self, k: usize) -> &'a [f64] {
        let column = match self.columns {
            Some(columns) => columns.get(k).copied().unwrap_or(self.dimension),
            None => k,
        };
        if column >= self.dimension || self.length == 0 {
            return &[];
        }
        &self.data[column * self.stride..][..self.length]
    }

    /// Points `start..end`, both cut to the length of the set.
    pub fn range(self, start: usize, end: usize) -> Self {
        let end = end.min(self.length);
        let start = start.min(end);
        Self {
            data: self.data.get(start..).unwrap_or(&[]),
            length: end - start,
            ..self
        }
    }

    /// The coordinates of point `index`; empty if there is no such point.
    pub fn point(self, index: usize) -> Vec<f64> {
        let mut point = Vec::with_capacity(self.dimension());
        self.copy_point(index, &mut point);
        point
    }

    /// As [`PointsView::point`] into an existing vector, which is resized.
    pub fn copy_point(self, index: usize, point: &mut Vec<f64>) {
        point.clear();
        if index < self.length {
            let coordinates = (0..self.dimension()).map(|k| self.coordinate(k).get(index));
            point.extend(coordinates.map(|c| c.copied().unwrap_or(f64::NAN)));
        }
    }
}

fn check_coordinates(argument: &str, coordinates: &[f64]) -> Result<()> {
    let usable = -LARGEST_COORDINATE..=LARGEST_COORDINATE;
    match coordinates.iter().find(|c| !usable.contains(c)) {
        None => Ok(()),
        Some(bad) => Err(Error::argument(
            argument,
            bad,
            "finite coordinates up to 1e150 in magnitude",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn growing_keeps_every_coordinate() {
        let mut points = Points::default();
        for i in 0..40 {
            points.push(&[i as f64, -(i as f64)]).unwrap();
        }
        assert_eq!(points.len(), 40);
        assert_eq!(points.view().point(33), vec![33.0, -33.0]);
        let cut = points.view().range(10, 13);
        assert_eq!(cut.coordinate(1), &[-10.0, -11.0, -12.0]);
        assert_eq!(cut.range(2, 99).point(0), vec![12.0, -12.0]);
        assert!(points.view().range(40, 41).coordinate(1).is_empty());
        assert!(points.push(&[1.0]).is_err());
        assert!(points.push(&[1.0, f64::NAN]).is_err());
        points.remove(39);
        points.remove(0);
        assert_eq!(
            (points.len(), points.view().point(37)),
            (38, vec![38.0, -38.0])
        );
        assert_eq!(points.view().range(0, 2).coordinate(1), &[-1.0, -2.0]);
    }

    #[test]
    fn rows_of_any_memory_order_are_read() {
        let rows = arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        let points = Points::from_rows("x", rows.view()).unwrap();
        let reversed = Points::from_rows("x", rows.t().reversed_axes()).unwrap();
        assert_eq!(points.view().point(1), vec![3.0, 4.0]);
        assert_eq!(reversed.view().coordinate(1), points.view().coordinate(1));
        assert!(Points::from_rows("x", arr2(&[[1e200]]).view()).is_err());
    }
}
