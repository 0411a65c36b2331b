//! What a program that runs or writes policies needs.

pub use crate::agent::{Agent, Record, Trace};
pub use crate::analyst::{Analyst, DomainLikelihood, SiteLikelihood, StandardAnalyst};
pub use crate::error::{Error, Result};
pub use crate::navigator::{
    Bayesian, Columns, DoseIndex, Navigator, RandomOrder, Raster, Step, View,
};
pub use crate::units::{Dose, Point, Seed};
pub use crate::world::{Episode, Finding, Frame, Scan, SiteBelief, Task, Truth, World};
