//! What waves meet in one arrangement of the atoms.

use super::grid::WaveGrid;
use super::lanes::Lanes;
use super::potential::Potentials;
use super::propagator::Propagator;
use super::slices::{Slice, Step};
use super::transforms::Transforms;
use super::transmission::transmission;
use crate::stem::Beam;
use rayon::prelude::*;
use std::borrow::Cow;

/// One arrangement of the atoms.
pub(super) struct Configuration {
    /// What a wave meets, in order.
    pub steps: Vec<Step>,
    /// The atoms of the distinct slices that the steps refer to.
    pub slices: Vec<Slice>,
    /// Their transmission functions, if they are kept.
    pub kept: Option<Vec<Vec<Lanes>>>,
}

/// A configuration with its transmission functions.
pub(in crate::stem) struct Passage<'a> {
    pub(super) steps: &'a [Step],
    pub(super) transmissions: Cow<'a, [Vec<Lanes>]>,
}

impl Configuration {
    /// With the transmission functions that are kept, or made now.
    pub(super) fn passage(&self, maker: &TransmissionMaker) -> Passage<'_> {
        Passage {
            steps: &self.steps,
            transmissions: match &self.kept {
                Some(kept) => Cow::Borrowed(kept),
                None => Cow::Owned(maker.transmissions(&self.slices)),
            },
        }
    }
}

/// Makes transmission functions of slices.
pub(super) struct TransmissionMaker {
    potentials: Potentials,
    transforms: Transforms,
    /// The frequencies that are kept.
    circle: Propagator,
    /// rad/(V Å).
    interaction: f64,
}

impl TransmissionMaker {
    /// On the grid of the whole box.
    pub(super) fn new(grid: &WaveGrid, potentials: Potentials, beam: Beam) -> Self {
        let transforms = Transforms::new(grid);
        Self {
            potentials,
            circle: Propagator::circle(&transforms, beam),
            transforms,
            interaction: beam.interaction(),
        }
    }

    /// The grid of the whole box.
    pub(super) fn grid(&self) -> &WaveGrid {
        self.transforms.grid()
    }

    /// Two slices at a time, see [`Potentials::pair`].
    pub(super) fn transmissions(&self, slices: &[Slice]) -> Vec<Vec<Lanes>> {
        let pairs = slices.par_chunks(2).map(|pair| {
            let both = (self.potentials).pair([&pair[0], pair.get(1).map_or(&[], |slice| slice)]);
            let (sigma, circle) = (self.interaction, &self.circle);
            let mut found = vec![transmission(
                &both,
                |v| &v.re,
                sigma,
                &self.transforms,
                circle,
            )];
            if pair.len() == 2 {
                let second = transmission(&both, |v| &v.im, sigma, &self.transforms, circle);
                found.push(second);
            }
            found
        });
        pairs.flatten_iter().collect()
    }
}
