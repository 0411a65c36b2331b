//! Libraries in a folder, each under a name that follows from all that its numbers depend on.

use super::Material;
use crate::Result;
use crate::stem::library::{Library, Report};
use std::path::{Path, PathBuf};

impl Material {
    /// Where a folder keeps the library: a file named after the material and the [key](crate::stem::library::Recipe::key)
    /// of its recipe, so that a changed material never meets numbers of the old one.
    pub fn library_file(&self, folder: &Path) -> PathBuf {
        let (name, key) = (&self.definition.name, self.recipe.key());
        folder.join(format!("{name}-{key}.library"))
    }

    /// The library from a folder, or else built and kept there. A file that cannot be read as the library of this recipe
    /// is replaced.
    ///
    /// # Errors
    /// As [`Recipe::build`](crate::stem::library::Recipe::build) and [`Library::save`].
    pub fn library(&self, folder: &Path, report: Report<'_>) -> Result<Library> {
        match Library::load(self.library_file(folder)) {
            Ok(library) if *library.recipe() == self.recipe => Ok(library),
            _ => self.rebuild_library(folder, report),
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
}
