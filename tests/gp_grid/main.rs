//! Inference on a grid against the dense process on the same pixels, and against known statistics.

mod between;
mod composed;
mod count_fits;
mod counts;
mod exact;
mod fits;
mod iterative;
mod problem;
mod refused;
mod statistics;
