//! Scanning transmission electron microscopy: scattering, probe, response, damage.
//!
//! # Which engine when
//!
//! | engine | for | a probe costs | its own error |
//! | --- | --- | --- | --- |
//! | [`multislice`] | any specimen, any detector, a few probes; the truth for the others | one pass through all slices | none but the sampling |
//! | [`prism`] | scans with many more probes than beams, series of defocus and aberrations | a small share of a pass; each beam one pass, once | none without interpolation; a few per cent of the mean with interpolation 2 on a thick crystal |
//! | [`library`] | whole fields of one crystal with many defects, strain and turns, in milliseconds | a look into a table | 0.02 % to 0.1 % of the range for the probe it was built with, 0.1 % to 0.4 % for others if made for any aberrations |
//! | [`response`] | thin specimens at high angles, worlds that answer at once | a look into an image | channelling and interference between atoms are missing |
//!
//! PRISM has π(α/λ)²·A/(f_y f_x) beams for an aperture α, a box of area A and interpolations f. It pays once there are more
//! probes than that; bright-field signals and small boxes suffer first when the window becomes narrow. Multislice and PRISM
//! take the same detectors; a [`RasterScan`] goes through either and can be stopped and continued.

pub mod aberrations;
pub mod aperture;
pub mod beam;
mod bessel;
mod binomial;
pub mod cell;
pub mod charge;
pub mod cif;
mod cif_crystal;
mod cif_token;
pub mod coherence;
pub mod constants;
pub mod crystal;
pub mod detector;
pub mod element;
pub mod engine;
pub mod exposure;
pub mod field;
pub mod focal_spread;
mod fourier;
pub(crate) mod interpolation;
mod kirkland;
pub mod knock_on;
pub mod library;
mod lobato;
pub mod multislice;
pub mod output;
pub mod perfect_image;
pub mod periodic_specimen;
pub mod poisson;
pub mod prism;
pub mod probe;
mod quadrature;
pub mod raster;
pub mod raster_scan;
pub mod readout;
pub mod response;
pub mod scattering;
pub mod sharpness;
pub mod source;
pub mod space_group;
mod stirling;
pub mod structure;
pub mod symmetry;
pub mod thermal_motion;
pub mod tilt;

pub use aberrations::{Aberration, Aberrations, scherzer_defocus};
pub use aperture::ApertureEdge;
pub use beam::Beam;
pub use cell::Cell;
pub use charge::{Charge, DoseMeter, Fluence};
pub use cif::Cif;
pub use coherence::Coherence;
pub use crystal::{Crystal, Site};
pub use detector::{AnnularDetector, Detector, ScanAxis, Segment};
pub use element::Element;
pub use engine::Engine;
pub use exposure::Exposure;
pub use field::{Atom, Column, columns};
pub use focal_spread::{ChromaticAberration, FocalSpread, Focus};
pub use knock_on::{CrossSection, KnockOn};
pub use multislice::{
    AtomicMotion, Multislice, PixelatedDetector, Recorder, Recording, Sampling, Simulation,
};
pub use output::ScanImage;
pub use perfect_image::PerfectImage;
pub use periodic_specimen::PeriodicSpecimen;
pub use poisson::Arrivals;
pub use prism::{MatrixPlan, ScatteringMatrix};
pub use probe::{Grid, Probe};
pub use raster::Raster;
pub use raster_scan::{RasterImages, RasterScan, ScanFiles};
pub use readout::Readout;
pub use response::{IncoherentModel, KERNEL_RADIUS, Kernel};
pub use scattering::{Parametrisation, ScatteringFactor};
pub use sharpness::{Sharpness, normalised_variance};
pub use source::{Edges, Source};
pub use space_group::SpaceGroup;
pub use structure::{
    Grain, HalfSpace, Orientation, OrthogonalCell, PlacedAtom, Polyhedron, Region, Sphere,
    Structure, Vibration,
};
pub use symmetry::SymmetryOperation;
pub use thermal_motion::ThermalMotion;
pub use tilt::Tilt;
