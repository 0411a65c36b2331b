//! Images and 4D data in files that other programs open.
//!
//! | what | file | opens in |
//! | --- | --- | --- |
//! | [`ScanImage`], one or a stack | `.tif`: 32-bit floats, the pixel in Å | Fiji/ImageJ, tifffile, Pillow |
//! | | `.npy`: 64-bit floats, and a `.npy.json` beside it that says what they are | NumPy |
//! | | `.zarr`: 64-bit floats with axes and units | zarr; laid out as xarray wants it |
//! | [`ZarrBlocks`], any number of axes | `.zarr`, written block by block | the same |
//! | [`write_npy`], [`read_npy`] | bare arrays | NumPy |
//!
//! A file is whole or not there. So is each block of a Zarr folder: a computation that was interrupted asks
//! [`ZarrBlocks::missing_blocks`] what is left to do. A figure with scale bar is [`plot::Micrograph`](crate::plot::Micrograph).

mod file_float;
mod npy;
mod scan_image;
mod tiff;
mod zarr;
mod zarr_metadata;

pub use file_float::FileFloat;
pub use npy::{read_npy, write_npy};
pub use scan_image::{Quantity, ScanImage};
pub use zarr::ZarrBlocks;
pub use zarr_metadata::Axis;
