//! A batch to be picked out of a list of places.

use crate::acquisition::Choice;
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use std::collections::HashSet;

/// The places a batch may be made of, those already pending, and how many are wanted.
///
/// A place is chosen at most once: places that repeat an earlier one or a pending one, bit by bit, are passed over. Where fewer
/// different places are on offer than wanted, the batch holds all of them, and none if all are pending.
#[derive(Debug, Clone)]
pub struct BatchSearch<'p> {
    places: ArrayView2<'p, f64>,
    pending: Array2<f64>,
    size: usize,
}

impl<'p> BatchSearch<'p> {
    /// A batch of `size` out of `places` (m × d).
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no place or no coordinate, a coordinate is not finite, or `size` is zero.
    pub fn new(places: impl Into<ArrayView2<'p, f64>>, size: usize) -> Result<Self> {
        let places = places.into();
        check_places("places", places)?;
        if size == 0 {
            return Err(Error::argument("size", 0, "at least one place"));
        }
        Ok(Self {
            pending: Array2::zeros((0, places.ncols())),
            places,
            size,
        })
    }

    /// The same search while measurements at `pending` (p × d) are under way, whose outcomes are not known yet; there may
    /// be none.
    ///
    /// # Errors
    /// [`Error::Argument`] if a coordinate is not finite or the dimension is another than that of the places.
    pub fn with_pending<'q>(self, pending: impl Into<ArrayView2<'q, f64>>) -> Result<Self> {
        let pending = pending.into();
        if pending.nrows() > 0 {
            check_places("pending", pending)?;
        }
        check_width("pending", pending.ncols(), self.places.ncols())?;
        Ok(Self {
            pending: pending.to_owned(),
            ..self
        })
    }

    pub(in crate::acquisition) fn places(&self) -> ArrayView2<'p, f64> {
        self.places
    }

    pub(in crate::acquisition) fn pending(&self) -> ArrayView2<'_, f64> {
        self.pending.view()
    }

    pub(in crate::acquisition) fn size(&self) -> usize {
        self.size
    }

    /// Indices of the places that repeat neither an earlier nor a pending one.
    pub(in crate::acquisition) fn open(&self) -> Vec<usize> {
        let key = |row: ndarray::ArrayView1<'_, f64>| -> Vec<u64> {
            row.iter().map(|c| (c + 0.0).to_bits()).collect() // −0 is 0
        };
        let mut seen: HashSet<Vec<u64>> = self.pending.rows().into_iter().map(key).collect();
        let rows = self.places.rows().into_iter().enumerate();
        rows.filter_map(|(index, row)| seen.insert(key(row)).then_some(index))
            .collect()
    }

    /// Picks until the batch is full or no place is left: `next` names one of the open places.
    pub(in crate::acquisition) fn pick(
        &self,
        next: impl FnMut(&[usize]) -> Result<Choice>,
    ) -> Result<Vec<Choice>> {
        self.pick_doses(1, next)
    }

    /// As [`pick`](Self::pick) where every place comes with this many `doses`, place by place: `next` names one of the open
    /// pairs, and closes all those of its place.
    pub(super) fn pick_doses(
        &self,
        doses: usize,
        mut next: impl FnMut(&[usize]) -> Result<Choice>,
    ) -> Result<Vec<Choice>> {
        let of_place = |place| place * doses..(place + 1) * doses;
        let mut open: Vec<usize> = self.open().into_iter().flat_map(of_place).collect();
        let mut batch = Vec::with_capacity(self.size.min(open.len()));
        while batch.len() < self.size && !open.is_empty() {
            let choice = next(&open)?;
            open.retain(|index| index / doses != choice.index / doses);
            batch.push(choice);
        }
        Ok(batch)
    }

    /// The pending places, then those on offer.
    pub(super) fn pending_first(&self) -> Array2<f64> {
        concatenate(Axis(0), &[self.pending.view(), self.places])
            .expect("pending places and those on offer have one width")
    }
}

/// Refuses no places, no coordinates and coordinates that are not finite.
pub(in crate::acquisition) fn check_places(
    argument: &str,
    places: ArrayView2<'_, f64>,
) -> Result<()> {
    if places.is_empty() {
        return Err(Error::argument(
            argument,
            format!("{} × {} coordinates", places.nrows(), places.ncols()),
            "at least one place of at least one coordinate",
        ));
    }
    match places.indexed_iter().find(|(_, c)| !c.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::argument(
            format!("{argument}[{row}, {column}]"),
            value,
            "a finite coordinate",
        )),
    }
}

pub(super) fn check_width(argument: &str, found: usize, allowed: usize) -> Result<()> {
    if found == allowed {
        return Ok(());
    }
    Err(Error::argument(
        argument,
        format!("{found} coordinates a place"),
        format!("{allowed}, as the places on offer have"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::choice::first_best;
    use ndarray::array;

    #[test]
    fn repeated_and_pending_places_are_passed_over() {
        let places = array![[0.0], [1.0], [-0.0], [2.0], [1.0]];
        let search = BatchSearch::new(&places, 9).unwrap();
        assert_eq!(search.open(), [0, 1, 3]);
        let search = search.with_pending(&array![[2.0]]).unwrap();
        assert_eq!(search.open(), [0, 1]);
        let first = |open: &[usize]| first_best(open.iter().copied(), &vec![0.0; open.len()]);
        let batch = search.pick(first).unwrap();
        assert_eq!(batch.iter().map(|c| c.index).collect::<Vec<_>>(), [0, 1]);
        let search = search.with_pending(&array![[0.0], [1.0], [2.0]]).unwrap();
        assert!(search.pick(first).unwrap().is_empty());
    }

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        let places = array![[0.0], [1.0]];
        assert!(BatchSearch::new(&places, 0).is_err());
        assert!(BatchSearch::new(&Array2::zeros((0, 1)), 1).is_err());
        assert!(BatchSearch::new(&Array2::zeros((3, 0)), 1).is_err());
        let error = BatchSearch::new(&array![[0.0], [f64::NAN]], 1).unwrap_err();
        assert!(error.to_string().starts_with("places[1, 0]"), "{error}");
        let search = BatchSearch::new(&places, 1).unwrap();
        assert!(search.clone().with_pending(&array![[0.0, 1.0]]).is_err());
        let none = search.clone().with_pending(&Array2::zeros((0, 1)));
        assert_eq!(none.unwrap().open(), [0, 1]);
        assert!(search.with_pending(&array![[f64::INFINITY]]).is_err());
    }
}
