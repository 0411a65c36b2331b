//! The columns of a crystal that are asked about: what each may have been, what it looks like, what the beam makes of it.

use super::image::Stamp;
use crate::stem::Element;
use crate::units::Point;

/// A column of the crystal, inside the field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatticeSite {
    /// Place in the field, Å.
    pub position: Point,
    /// Number of its kind in [`Briefing::kinds`](super::Briefing::kinds).
    pub kind: usize,
}

/// Columns that are alike: one element, one number of atoms, one surrounding.
#[derive(Debug, Clone)]
pub struct SiteKind {
    /// Element of the perfect column.
    pub element: Element,
    /// Atoms of the perfect column.
    pub atoms: usize,
    /// What it may have been when the episode began, the perfect column (or the empty place of a particle) first.
    pub hypotheses: Vec<Hypothesis>,
    /// What it may look like now, the perfect column (or the empty place) first.
    pub appearances: Vec<Appearance>,
}

/// What a column may have been when the episode began.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Number of the defect class, if it is a defect.
    pub class: Option<usize>,
    /// What a task of counting asks for.
    pub number: f64,
    /// Probability before anything was seen; those of a kind add up to one.
    pub prior: f64,
    /// What it looks like after none, one, two … of its atoms at risk have gone: numbers of appearances.
    pub chain: Vec<usize>,
    /// Cross section for losing each of the atoms at risk, Å².
    pub cross_section: f64,
}

impl Hypothesis {
    /// Atoms that the beam may take, each by itself.
    pub fn at_risk(&self) -> usize {
        self.chain.len().saturating_sub(1)
    }
}

/// What a column may look like.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// For people.
    pub name: String,
    /// What it adds to the image of the perfect crystal on average over the jitter.
    pub(super) seen: Stamp,
}

impl Appearance {
    /// What it adds to the fraction of electrons detected, integrated over the plane, Å².
    pub fn integral(&self) -> f64 {
        self.seen.integral()
    }
}
