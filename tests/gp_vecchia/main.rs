//! Vecchia's process against numpy, against the exact process, and against statistics of data drawn from the model.

mod accuracy;
mod exact;
mod fits;
mod grown;
mod numpy;
mod problem;
mod properties;
mod refused;
