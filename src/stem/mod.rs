//! Scanning transmission electron microscopy: scattering, probe, response, damage.

pub mod beam;
mod bessel;
pub mod constants;
pub mod element;
mod lobato;
mod quadrature;
pub mod scattering;

pub use beam::Beam;
pub use element::Element;
pub use scattering::ScatteringFactor;
