//! Scanning transmission electron microscopy: scattering, probe, response, damage.

pub mod beam;
mod bessel;
pub mod cell;
pub mod cif;
mod cif_crystal;
mod cif_token;
pub mod constants;
pub mod crystal;
pub mod element;
pub mod field;
pub mod knock_on;
mod lobato;
mod quadrature;
pub mod scattering;
pub mod symmetry;
pub mod thermal_motion;

pub use beam::Beam;
pub use cell::Cell;
pub use cif::Cif;
pub use crystal::{Crystal, Site};
pub use element::Element;
pub use field::{Atom, Column, columns};
pub use knock_on::{CrossSection, KnockOn};
pub use scattering::ScatteringFactor;
pub use symmetry::SymmetryOperation;
pub use thermal_motion::ThermalMotion;
