//! Looks of different dose against numpy, plain processes, finite differences and their own invariants.

mod case;
mod models;
mod refused;
mod statistics;
