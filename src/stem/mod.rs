//! Scanning transmission electron microscopy: scattering, probe, response, damage.

pub mod beam;
mod bessel;
pub mod cell;
pub mod cif;
mod cif_crystal;
pub mod constants;
pub mod crystal;
pub mod element;
pub mod field;
mod lobato;
mod quadrature;
pub mod scattering;
pub mod symmetry;

pub use beam::Beam;
pub use cell::Cell;
pub use cif::Cif;
pub use crystal::{Crystal, Site};
pub use element::Element;
pub use field::{Atom, Column, columns};
pub use scattering::ScatteringFactor;
pub use symmetry::SymmetryOperation;
