//! The response library: images of large fields at the accuracy of multislice and the price of a sum.
//!
//! Multislice tells, once for each material, what the perfect crystal looks like and what each kind of defect changes. Any
//! field is put together from these: the perfect image, mapped with the strain and rotation of each grain, plus the
//! difference that each defect makes, I_defect − I_perfect, in its place. One lone defect is then as multislice has it, up
//! to the edge of a window; what defects do to one another is left out unless a motif of both is in the library. How much
//! that is, [`Library::trial`] measures against the full computation.
//!
//! ```
//! use dosewise::stem::library::{Change, Domain, Edit, Frame, Imaging, Motif, Recipe, Scene};
//! use dosewise::stem::{AnnularDetector, Beam, PlacedAtom, Structure};
//! use dosewise::units::Point;
//! use nalgebra::Vector3;
//! use std::ops::ControlFlow;
//! let gold = PlacedAtom::new("Au".parse()?, Vector3::new(2.0, 2.0, 1.0));
//! let cell = Structure::new(Vector3::new(4.0, 4.0, 2.0), vec![gold])?;
//! let haadf = AnnularDetector::new(50.0, 80.0)?;
//! let library = Recipe::new(&cell, Beam::new(200.0)?, 10.0, &[haadf])?
//!     .pixel(0.1)?
//!     .least_box(12.0)?
//!     .window(3.0)?
//!     .motif(Motif::new("vacancy", [Edit::new(0, Change::Removed)]))?
//!     .build(&mut |_| ControlFlow::Continue(()))?;
//! let response = library.response(0, 0, &Imaging::default())?;
//! let missing = Edit::new(0, Change::Removed).in_cell(2, 2);
//! let scene = Scene {
//!     domains: vec![Domain::default().edited(&[missing])],
//!     ..Scene::default()
//! };
//! let frame = Frame { origin: Point::default(), rows: 80, columns: 80, pixel: 0.25 };
//! let image = response.image(&scene, frame)?;
//! assert!(image[[40, 40]] < 0.4 * image[[40, 24]]); // the vacancy, and an atom four Å beside it
//! # Ok::<(), dosewise::Error>(())
//! ```
//!
//! # Why so few numbers are enough
//!
//! A probe is a sum of the plane waves of its aperture, |k| ≤ α/λ. Whatever the specimen does to each, an intensity on any
//! detector holds only the differences of two of them as frequencies of the probe's place, |Q| ≤ 2α/λ. So the image of a
//! perfect crystal is a finite Fourier series, about sixty complex numbers for MoS₂, from as many probes as that takes;
//! and a difference is known everywhere from samples 0.3 Å apart. The file of a library holds these alone.
//!
//! # How good, how fast
//!
//! RMS difference from multislice in shares of the range, 432 probes on three MoS₂ monolayers at rest with 10 % of each of
//! five kinds of defects (80 kV, 30 mrad; `cargo run --example response_library -- --patches 3`): 0.03 % on 80-180 mrad,
//! 0.04 % on 60-180, 0.07 % on 15-30; lone and neighbouring vacancies and dopants 0.01 to 0.11 %; strained by 2 % and
//! −1.5 %, 0.10 % and 0.13 % in the dark fields (4 % on 15-30, a bright field that does not bear it).
//!
//! From the ideal probe's library, made for [any aberrations](Recipe::any_aberrations), under 20 Å of defocus, 15 Å of
//! astigmatism and 300 Å of coma: 0.13 % on 80-180 mrad, 0.19 % on 60-180; under 60 Å, 40 Å, 1000 Å, 500 Å of C23 and 1 µm of
//! spherical aberration 0.33 % and 0.43 % (the same specimens). A library that was not made for them errs by 1.5 to 2.7 %
//! there.
//!
//! The library has five motifs and three detectors, takes 11 s on two processors, and fills 73 kB. A field of 164 × 158 pixels
//! with a vacancy takes 0.9 ms (`cargo bench --bench stem -- library`).
//!
//! 8 nm of SrTiO₃ with 2 % of lead on strontium and of missing oxygen at any depth: 0.49 % on 80-140 mrad, 0.15 % on 10-20; lead at
//! a depth between two that were tabulated 0.49 %, at a tabulated one 0.01 %. Ten motifs, 9 s, 40 kB (the same command).
//!
//! # Where to read on
//!
//! [`Recipe`] says what is computed, [`Recipe::build`] does it, [`Library::save`] and [`Library::load`] keep it.
//! [`Library::response`] picks a detector and a thickness under an [`Imaging`], [`Response::image`] assembles a [`Scene`].
//! Inside, `series` is the perfect image and `window` a difference, `symmetry` saves probes, `lattice` tells which motifs
//! a list of edits amounts to, `imaging` is the change of the probe, `expansion` what of it is coherent.

mod build;
mod expansion;
mod file;
mod imaging;
mod lattice;
mod motif;
mod recipe;
mod record;
mod response;
mod scene;
mod series;
mod symmetry;
mod trial;
mod window;

pub use build::{Progress, Report};
pub use imaging::Imaging;
pub use motif::{Change, Edit, Island, Motif};
pub use recipe::Recipe;
pub use response::Response;
pub use scene::{Domain, Frame, Scene};
pub use trial::{Deviation, Patch, Trial};

use file::Stored;
use lattice::Lattice;

/// The responses of one material to one beam; see the [module](self).
#[derive(Debug, Clone)]
pub struct Library {
    stored: Stored,
    lattice: Lattice,
    frequencies: Vec<[i32; 2]>,
}

impl Library {
    fn from_stored(stored: Stored) -> Self {
        Self {
            lattice: stored.recipe.lattice(),
            frequencies: stored.recipe.frequencies(),
            stored,
        }
    }

    /// What it was made from.
    pub fn recipe(&self) -> &Recipe {
        &self.stored.recipe
    }

    fn stored(&self) -> &Stored {
        &self.stored
    }

    fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    fn frequencies(&self) -> &[[i32; 2]] {
        &self.frequencies
    }
}

impl PartialEq for Library {
    /// Bit for bit the same numbers from the same recipe.
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}
