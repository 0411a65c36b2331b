//! The two bundled faces and the widths of their letters.
//!
//! plotters places a glyph by its ink, ignoring the side bearing, and measures text in whole pixels. Both are too coarse
//! for print, so the widths are read here from the font's own tables and every letter is placed on its own.

use plotters::style::{FontStyle, register_font};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Family name under which the faces are registered; the names behind the first are what an SVG viewer falls back to.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, Arial, sans-serif";

/// Ascent plus descent of the faces in units of the em: plotters' bitmap text size counts this height, not the em.
pub(crate) const LINE_HEIGHT: f64 = (1901.0 + 483.0) / 2048.0;

/// Height of a capital letter in units of the em.
pub(crate) const CAP_HEIGHT: f64 = 0.729;

static REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
static BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");

/// Weight of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    /// Running text.
    #[default]
    Regular,
    /// Panel letters and titles.
    Bold,
}

impl Weight {
    pub(crate) fn style(self) -> FontStyle {
        match self {
            Self::Regular => FontStyle::Normal,
            Self::Bold => FontStyle::Bold,
        }
    }
}

/// Horizontal metrics of one glyph, in units of the em.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Glyph {
    /// Distance to the next pen position.
    pub(crate) advance: f64,
    /// Distance from the pen to the left edge of the ink.
    pub(crate) bearing: f64,
}

/// Both faces: character to metrics, and what a character without a glyph gets.
struct Faces {
    glyphs: [HashMap<char, Glyph>; 2],
    missing: [Glyph; 2],
}

/// Registers the faces with plotters once, whichever thread comes first, and returns their metrics.
fn faces() -> &'static Faces {
    static FACES: OnceLock<Faces> = OnceLock::new();
    FACES.get_or_init(|| {
        for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            // The bytes are part of the crate; `bundled_faces_are_complete` proves that they load.
            let _ = register_font(FAMILY, style, bytes);
        }
        let (regular, missing_regular) = metrics(REGULAR).unwrap_or_default();
        let (bold, missing_bold) = metrics(BOLD).unwrap_or_default();
        Faces {
            glyphs: [regular, bold],
            missing: [missing_regular, missing_bold],
        }
    })
}

impl Default for Glyph {
    fn default() -> Self {
        Self {
            advance: 0.6,
            bearing: 0.05,
        }
    }
}

/// Makes the faces known to plotters; cheap after the first call.
pub(crate) fn register() {
    faces();
}

/// Metrics of one character; characters outside the bundled subset get those of the missing-glyph box.
pub(crate) fn glyph(character: char, weight: Weight) -> Glyph {
    let faces = faces();
    let face = weight as usize;
    faces.glyphs[face]
        .get(&character)
        .copied()
        .unwrap_or(faces.missing[face])
}

/// Width of `text` set in `size` points, in points.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    text.chars().map(|c| glyph(c, weight).advance).sum::<f64>() * size
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

/// The table named `tag` (OpenType specification, "Table directory").
fn table<'a>(bytes: &'a [u8], tag: &[u8; 4]) -> Option<&'a [u8]> {
    let count = usize::from(u16_at(bytes, 4)?);
    (0..count).map(|i| 12 + 16 * i).find_map(|at| {
        if bytes.get(at..at + 4)? != tag {
            return None;
        }
        let offset = u32_at(bytes, at + 8)?;
        bytes.get(offset..offset.checked_add(u32_at(bytes, at + 12)?)?)
    })
}

/// Reads `cmap` (format 4) and `hmtx` (OpenType specification) of a TrueType file.
fn metrics(bytes: &[u8]) -> Option<(HashMap<char, Glyph>, Glyph)> {
    let em = f64::from(u16_at(table(bytes, b"head")?, 18)?);
    let long_metrics = usize::from(u16_at(table(bytes, b"hhea")?, 34)?);
    let hmtx = table(bytes, b"hmtx")?;
    let glyph = |index: usize| -> Option<Glyph> {
        let last = long_metrics.checked_sub(1)?;
        let bearing = if index <= last {
            4 * index + 2
        } else {
            4 * long_metrics + 2 * (index - long_metrics)
        };
        Some(Glyph {
            advance: f64::from(u16_at(hmtx, 4 * index.min(last))?) / em,
            bearing: f64::from(u16_at(hmtx, bearing)?.cast_signed()) / em,
        })
    };
    let cmap = table(bytes, b"cmap")?;
    let subtables = usize::from(u16_at(cmap, 2)?);
    let format4 = (0..subtables)
        .filter_map(|i| cmap.get(u32_at(cmap, 4 + 8 * i + 4)?..))
        .find(|t| u16_at(t, 0) == Some(4))?;
    let segments = usize::from(u16_at(format4, 6)?) / 2;
    let mut glyphs = HashMap::new();
    for segment in 0..segments {
        let end = u16_at(format4, 14 + 2 * segment)?;
        let start = u16_at(format4, 16 + 2 * (segments + segment))?;
        let delta = u16_at(format4, 16 + 2 * (2 * segments + segment))?;
        let range_at = 16 + 2 * (3 * segments + segment);
        let range = usize::from(u16_at(format4, range_at)?);
        for code in start..=end {
            let index = if range == 0 {
                code.wrapping_add(delta)
            } else {
                u16_at(format4, range_at + range + 2 * usize::from(code - start))?
            };
            if index != 0
                && let (Some(character), Some(glyph)) =
                    (char::from_u32(u32::from(code)), glyph(usize::from(index)))
            {
                glyphs.insert(character, glyph);
            }
        }
    }
    Some((glyphs, glyph(0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_faces_are_complete() {
        for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            assert!(register_font("probe", style, bytes).is_ok());
            assert!(bytes.len() < 150_000);
        }
        for character in "Aze⁻²³Å·×±−–→≤≥αβσµΩ₀₁%0123456789\u{2009}".chars()
        {
            for face in &faces().glyphs {
                assert!(face.contains_key(&character), "{character}");
            }
        }
    }

    #[test]
    fn widths_are_those_of_the_font_file() {
        // Advances of DejaVu Sans 2.37 in font units of 1/2048 em, read with fonttools.
        assert_eq!(glyph('A', Weight::Regular).advance, 1401.0 / 2048.0);
        assert_eq!(glyph('i', Weight::Regular).bearing, 193.0 / 2048.0);
        assert!((width("Ai", 10.0, Weight::Regular) - (1401.0 + 569.0) / 204.8).abs() < 1e-12);
        assert!(width("dose", 8.0, Weight::Bold) > width("dose", 8.0, Weight::Regular));
        assert!(metrics(&REGULAR[..4000]).is_none());
    }

    #[test]
    fn registration_is_safe_from_many_threads() {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    register();
                    assert!(width("q", 7.0, Weight::Regular) > 0.0);
                });
            }
        });
    }
}
