//! Several outputs at once against numpy, single-output processes, finite differences and their own invariants.

mod case;
mod fits;
mod kernels;
mod models;
mod refused;
