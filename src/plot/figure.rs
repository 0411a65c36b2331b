//! What a figure is, and how a page becomes a file: whole or not at all.

use super::canvas::Canvas;
use super::{encode, render, style};
use crate::error::{Error, Result};
use crate::whole_file::write_whole;
use std::path::{Path, PathBuf};

/// File formats of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Bitmap at [`style::PNG_DPI`], with the resolution written into the file.
    Png,
    /// Vector graphic whose width and height are the print size in mm.
    Svg,
}

impl Format {
    /// The format that the extension of `file` asks for.
    ///
    /// # Errors
    /// [`Error::Argument`] for any extension but `png` and `svg`.
    pub fn of(file: &Path) -> Result<Self> {
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            _ => Err(Error::argument(
                "file",
                file.display(),
                "a file name that ends in .png or .svg",
            )),
        }
    }
}

/// Something that can be drawn on a page. Implement `draw` and get `save` for every format.
pub trait Figure {
    /// Checks the data and lays the figure out on a page.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the field, when the data cannot be drawn.
    fn draw(&self) -> Result<Canvas>;

    /// Draws the figure and writes it to `file` in the format of its extension.
    ///
    /// # Errors
    /// Those of [`Figure::draw`] and [`Canvas::save`].
    fn save(&self, file: &Path) -> Result<()> {
        Format::of(file)?;
        self.draw()?.save(file)
    }

    /// Draws the figure once and writes it beside each other as `stem.png` and `stem.svg`; returns both paths.
    ///
    /// # Errors
    /// Those of [`Figure::draw`] and [`Canvas::save`].
    fn save_png_and_svg(&self, stem: &Path) -> Result<[PathBuf; 2]> {
        let canvas = self.draw()?;
        let with = |extension: &str| {
            let mut name = stem.as_os_str().to_owned();
            name.push(extension);
            PathBuf::from(name)
        };
        let files = [with(".png"), with(".svg")];
        for file in &files {
            canvas.save(file)?;
        }
        Ok(files)
    }
}

impl Canvas {
    /// Writes the page to `file`, PNG or SVG by its extension. The folder is created if need be. The bytes go to a
    /// temporary file in the same folder, which takes the final name only when complete.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown extension, [`Error::Io`] when the system refuses, [`Error::Figure`] when
    /// drawing fails.
    ///
    /// ```
    /// use dosewise::plot::canvas::{Anchor, Canvas, TextFormat};
    /// let folder = tempfile::tempdir().unwrap();
    /// let mut page = Canvas::new(72.0, 36.0);
    /// page.text("10 e⁻ Å⁻²", (36.0, 20.0), TextFormat::new(8.0, Anchor::Middle));
    /// page.save(&folder.path().join("new/label.svg"))?;
    /// let svg = std::fs::read_to_string(folder.path().join("new/label.svg")).unwrap();
    /// assert!(svg.contains("10 e⁻ Å⁻²") && svg.contains("width=\"25.400mm\""));
    /// # Ok::<(), dosewise::Error>(())
    /// ```
    pub fn save(&self, file: &Path) -> Result<()> {
        let format = Format::of(file)?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        let failed = |reason: String| Error::Figure {
            file: file.to_path_buf(),
            reason,
        };
        let bytes = match format {
            Format::Png => render::bitmap(self, style::PNG_DPI)
                .and_then(|(w, h, pixels)| encode::png((w, h), &pixels, folder))
                .and_then(|png| encode::with_resolution(&png, style::PNG_DPI))
                .map_err(failed)?,
            Format::Svg => render::svg(self, folder).map_err(failed)?.into_bytes(),
        };
        write_whole(file, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_follows_the_extension() {
        assert_eq!(Format::of(Path::new("a/b.PNG")).unwrap(), Format::Png);
        assert_eq!(Format::of(Path::new("b.svg")).unwrap(), Format::Svg);
        for bad in ["b.pdf", "b", "", ".png"] {
            assert!(
                matches!(Format::of(Path::new(bad)), Err(Error::Argument { .. })),
                "{bad}"
            );
        }
    }
}
