//! Where libraries are kept: shipped beside the materials, or built once into a folder.

use super::Material;
use crate::stem::library::{Library, Report};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

impl Material {
    /// Where a folder keeps the library: a file named after the material and the [key](crate::stem::library::Recipe::key)
    /// of its recipe, so that a changed material never meets numbers of the old one.
    pub fn library_file(&self, folder: &Path) -> PathBuf {
        let (name, key) = (&self.definition.name, self.recipe.key());
        folder.join(format!("{name}-{key}.library"))
    }

    /// Where a library of this recipe is if it is shipped: in `libraries`, next to the folder of the material file.
    pub fn shipped_file(&self) -> PathBuf {
        self.library_file(&self.shipped)
    }

    /// The shipped library; `None` if there is none of this recipe, or it cannot be read.
    pub fn shipped_library(&self) -> Option<Library> {
        self.stored_in(&self.shipped_file())
    }

    /// The shipped library, or that from a folder, or else built and kept in this folder. A file that cannot be read as the
    /// library of this recipe is replaced.
    ///
    /// # Errors
    /// As [`Recipe::build`](crate::stem::library::Recipe::build) and [`Library::save`].
    pub fn library(&self, folder: &Path, report: Report<'_>) -> Result<Library> {
        let kept = || self.stored_in(&self.library_file(folder));
        match self.shipped_library().or_else(kept) {
            Some(library) => Ok(library),
            None => self.rebuild_library(folder, report),
        }
    }

    /// The library, built anew and kept in a folder. The same recipe gives the same bytes.
    ///
    /// # Errors
    /// As [`Material::library`].
    pub fn rebuild_library(&self, folder: &Path, report: Report<'_>) -> Result<Library> {
        let library = self.recipe.build(report)?;
        library.save(self.library_file(folder))?;
        Ok(library)
    }

    /// Whether the library, built anew, is byte by byte the shipped one.
    ///
    /// # Errors
    /// [`Error::Io`] where none is shipped, and as [`Recipe::build`](crate::stem::library::Recipe::build).
    pub fn is_shipped_as_built(&self, report: Report<'_>) -> Result<bool> {
        let file = self.shipped_file();
        let shipped = std::fs::read(&file).map_err(|source| Error::io(&file, source))?;
        Ok(self.recipe.build(report)?.to_bytes() == shipped)
    }

    /// The library in a file, if it is one of this recipe.
    fn stored_in(&self, file: &Path) -> Option<Library> {
        let library = Library::load(file).ok()?;
        (*library.recipe() == self.recipe).then_some(library)
    }
}
