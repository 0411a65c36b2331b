//! Images in the frame of the crystal: one period of it, the change that an atom makes, and what they add up to.
//!
//! All are sampled on one grid, a whole number of pixels a cell, so that the same change looks the same in every cell and is
//! put into its place by plain additions.

mod canvas;
mod raster;
mod stamp;
mod tile;

pub(super) use canvas::Canvas;
pub(super) use raster::{Patch, Raster};
pub(super) use stamp::Stamp;
pub(super) use tile::Tile;
