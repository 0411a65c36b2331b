//! A field as a figure of its own, with scale bar, colour bar and title.

use super::canvas::Canvas;
use super::field_map::{BAR_HEIGHT, ColourScale, FieldMap, draw_field, draw_scale_bar};
use super::figure::Figure;
use super::frame::draw_title;
use super::style::{COLUMN_WIDTH_MM, ColourMap, POINTS_PER_MM};
use crate::error::{Error, Result};

/// One field with scale bar, colour bar and an optional title.
///
/// ```
/// use dosewise::plot::{Figure, FieldImage, FieldMap};
/// let map = FieldMap::new(ndarray::Array2::from_shape_fn((40, 60), |(y, x)| (y + x) as f64), 0.2);
/// let figure = FieldImage::new(map, "annular dark field signal");
/// assert!(figure.draw()?.size().0 > 240.0);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FieldImage {
    /// The field.
    pub map: FieldMap,
    /// Title of the colour bar, with unit.
    pub label: String,
    /// Title above the picture.
    pub title: Option<String>,
    /// Colours.
    pub colour_map: ColourMap,
    /// Whether colours follow the logarithm; values of 0 and below are then grey.
    pub log_scale: bool,
    /// Width of the figure, mm.
    pub width_mm: f64,
}

impl FieldImage {
    /// A grey, linear picture of column width.
    pub fn new(map: FieldMap, label: impl Into<String>) -> Self {
        Self {
            map,
            label: label.into(),
            title: None,
            colour_map: ColourMap::Grey,
            log_scale: false,
            width_mm: COLUMN_WIDTH_MM,
        }
    }
}

impl Figure for FieldImage {
    /// Lays out picture and bars.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty or very long array, infinite values, a pixel size not above 0, a width outside 30
    /// to 300 mm.
    fn draw(&self) -> Result<Canvas> {
        self.map.check("map")?;
        if !(30.0..=300.0).contains(&self.width_mm) {
            return Err(Error::argument("width_mm", self.width_mm, "30 to 300 mm"));
        }
        const MARGIN: f64 = 6.0;
        let page = self.width_mm * POINTS_PER_MM;
        let (height, width) = self.map.extent();
        let room = page - 2.0 * MARGIN;
        // Tall fields are narrowed rather than let to run off the page.
        let shown = room.min(1.6 * room * width / height);
        let size = (shown, shown * height / width);
        let top = if self.title.is_some() { 16.0 } else { 4.0 };
        let mut canvas = Canvas::new(page, top + size.1 + 4.0 + BAR_HEIGHT);
        let corner = ((page - size.0) / 2.0, top);
        if let Some(title) = &self.title {
            draw_title(
                &mut canvas,
                (corner.0, top - 5.0),
                page - corner.0 - MARGIN,
                None,
                title,
            );
        }
        let scale = if self.log_scale {
            ColourScale::over(&self.map, self.colour_map, true)
        } else {
            ColourScale::over_most(&self.map, self.colour_map, 0.995)
        };
        draw_field(&mut canvas, corner, size, &self.map, &scale);
        draw_scale_bar(&mut canvas, corner, size, width);
        let bar = size.0.max(100.0).min(room);
        let start = ((page - bar) / 2.0, top + size.1 + 4.0);
        scale.draw_bar_below(&mut canvas, start, bar, &self.label);
        Ok(canvas)
    }
}
