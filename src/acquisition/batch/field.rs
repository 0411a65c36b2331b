//! A batch to be picked out of measurements on offer: where, and with how much dose.

use super::search::BatchSearch;
use crate::acquisition::argument::not_negative;
use crate::acquisition::{Choice, Field};
use crate::error::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// The measurements that a batch may be made of, those already under way, and how many are wanted.
///
/// What [`best`](crate::acquisition::best) is for one measurement this is for several: any posterior, any
/// [`FieldCriterion`](crate::acquisition::FieldCriterion) in any dose wrapper (an
/// [`Acquisition`](crate::acquisition::Acquisition) becomes one by
/// [`at_each_place`](crate::acquisition::Acquisition::at_each_place)), and any doses, noise variances and costs on offer.
/// [`sequential`](Self::sequential) imagines outcomes, [`penalised`](Self::penalised) keeps a distance. What is chosen are
/// indices among the offers.
///
/// A place is chosen at most once, with one of its doses: places that repeat an earlier one or a pending one, bit by bit, are
/// passed over. Where fewer different places are on offer than wanted, the batch holds all of them, and none if all are pending.
#[derive(Debug, Clone)]
pub struct FieldBatch<'f> {
    field: Field<'f>,
    search: BatchSearch<'f>,
    /// Noise **variances** of the pending measurements.
    pending_noise: Vec<f64>,
}

impl<'f> FieldBatch<'f> {
    /// A batch of `size` out of the offers of a field.
    ///
    /// # Errors
    /// [`Error::Argument`] if the places have no coordinates or `size` is zero.
    pub fn new(field: Field<'f>, size: usize) -> Result<Self> {
        Ok(Self {
            search: BatchSearch::new(field.offers.places(), size)?,
            field,
            pending_noise: Vec::new(),
        })
    }

    /// The same while measurements at `pending` (p × d) with these noise **variances** are under way, whose outcomes are not
    /// known yet; there may be none.
    ///
    /// # Errors
    /// As [`BatchSearch::with_pending`], and unless there is one finite variance, 0 or more, for each.
    pub fn with_pending<'q>(
        self,
        pending: impl Into<ArrayView2<'q, f64>>,
        noise_variances: &[f64],
    ) -> Result<Self> {
        let search = self.search.with_pending(pending)?;
        if noise_variances.len() != search.pending().nrows() {
            return Err(Error::argument(
                "noise_variances",
                format!("{} values", noise_variances.len()),
                format!("{}, one for each pending place", search.pending().nrows()),
            ));
        }
        noise_variances
            .iter()
            .try_for_each(|&variance| not_negative("noise_variances", variance))?;
        Ok(Self {
            search,
            pending_noise: noise_variances.to_vec(),
            ..self
        })
    }

    /// What the batch is picked from.
    pub(super) fn field(&self) -> Field<'f> {
        self.field
    }

    /// Places and noise variances of the pending measurements.
    pub(super) fn pending(&self) -> (ArrayView2<'_, f64>, &[f64]) {
        (self.search.pending(), &self.pending_noise)
    }

    /// The pending places, then those on offer.
    pub(super) fn pending_first(&self) -> Array2<f64> {
        self.search.pending_first()
    }

    /// Picks until the batch is full or no place is left: `next` names one of the open offers.
    pub(super) fn pick(&self, next: impl FnMut(&[usize]) -> Result<Choice>) -> Result<Vec<Choice>> {
        self.search.pick_doses(self.field.offers.doses(), next)
    }
}
