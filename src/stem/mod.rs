//! Scanning transmission electron microscopy: scattering, probe, response, damage.
