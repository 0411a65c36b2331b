//! What all specimens of a world have in common, and no policy may see: the optics as they are and the laws of damage.

use super::crystal_plan::{CrystalPlan, Placed};
use super::damage::{Contamination, EnergyDiffusion, Nucleation};
use super::illumination::Illumination;
use super::image::Canvas;
use super::lattice::Lattice;
use super::particle_plan::ParticlePlan;
use super::region_plan::RegionPlan;
use super::site::SiteKind;
use crate::units::Point;

/// Everything about a world but its seed and what its operator knows.
#[derive(Debug)]
pub(super) struct Blueprint {
    pub lattice: Lattice,
    pub content: Content,
    /// What the columns may have been; none in a world of domains.
    pub kinds: Vec<SiteKind>,
    pub illumination: Illumination,
    /// Whether local dose is followed on a map.
    pub follows_dose: bool,
    pub contamination: Option<Contamination>,
    pub diffusion: Option<EnergyDiffusion>,
    pub nucleation: Option<Nucleation>,
}

/// What the specimens are.
#[derive(Debug)]
pub(super) enum Content {
    /// A crystal with point defects.
    Crystal(CrystalPlan),
    /// Domains side by side.
    Regions(RegionPlan),
    /// A particle of columns.
    Particle(ParticlePlan),
}

impl Content {
    /// The columns that may change, those of the field first.
    pub(super) fn placed(&self) -> &[Placed] {
        match self {
            Self::Crystal(plan) => &plan.placed,
            Self::Regions(_) => &[],
            Self::Particle(plan) => &plan.placed,
        }
    }

    /// The label cells of the field with their middles; none where there are no domains.
    pub(super) fn cells(&self) -> &[([usize; 2], Point)] {
        match self {
            Self::Regions(plan) => &plan.inside,
            _ => &[],
        }
    }

    /// How many of them are in the field.
    pub(super) fn inside(&self) -> usize {
        match self {
            Self::Crystal(plan) => plan.inside,
            Self::Regions(_) => 0,
            Self::Particle(plan) => plan.inside,
        }
    }

    /// Brings an image up to date when a column changes its appearance; `now` tells the appearance of any other.
    pub(super) fn repaint(
        &self,
        canvas: &mut Canvas,
        index: usize,
        (before, after): (usize, usize),
        now: impl Fn(usize) -> usize,
    ) {
        match self {
            Self::Crystal(plan) => {
                let placed = &plan.placed[index];
                let stamps = &plan.stamps[placed.column];
                canvas.add(placed.cell, &stamps[before], -1.0);
                canvas.add(placed.cell, &stamps[after], 1.0);
            }
            Self::Regions(_) => {}
            Self::Particle(plan) => plan.repaint(canvas, index, (before, after), now),
        }
    }
}
