//! Scanning transmission electron microscopy: scattering, probe, response, damage.

pub mod beam;
mod bessel;
pub mod cell;
pub mod charge;
pub mod cif;
mod cif_crystal;
mod cif_token;
pub mod constants;
pub mod crystal;
pub mod detector;
pub mod element;
pub mod field;
mod fourier;
pub(crate) mod interpolation;
pub mod knock_on;
mod lobato;
pub mod output;
pub mod perfect_image;
pub mod poisson;
pub mod probe;
mod quadrature;
pub mod response;
pub mod scattering;
pub mod space_group;
pub mod structure;
pub mod symmetry;
pub mod thermal_motion;

pub use beam::Beam;
pub use cell::Cell;
pub use charge::{Charge, DoseMeter, Fluence};
pub use cif::Cif;
pub use crystal::{Crystal, Site};
pub use detector::AnnularDetector;
pub use element::Element;
pub use field::{Atom, Column, columns};
pub use knock_on::{CrossSection, KnockOn};
pub use output::ScanImage;
pub use perfect_image::PerfectImage;
pub use poisson::Arrivals;
pub use probe::{Aberration, Aberrations, Grid, Probe};
pub use response::{IncoherentModel, KERNEL_RADIUS, Kernel};
pub use scattering::ScatteringFactor;
pub use space_group::SpaceGroup;
pub use structure::{
    Grain, HalfSpace, Orientation, OrthogonalCell, PlacedAtom, Polyhedron, Region, Sphere,
    Structure, Vibration,
};
pub use symmetry::SymmetryOperation;
pub use thermal_motion::ThermalMotion;
