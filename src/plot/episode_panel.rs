//! One episode at a glance: truth, dose, measurement, posterior.

use super::canvas::{Anchor, Canvas, Place, TextFormat};
use super::field_map::{BAR_HEIGHT, ColourScale, FieldMap, draw_field, draw_scale_bar};
use super::figure::Figure;
use super::frame::{draw_title, fitted};
use super::legend::{Legend, Sample};
use super::style::{
    BLACK, BLUE, Colour, ColourMap, FRAME_WIDTH, LETTER_SIZE, Marker, PAGE_WIDTH_MM, POINTS_PER_MM,
    UNVISITED, VERMILLION,
};
use crate::error::{Error, Result};

/// A place that may hold a defect, with the answer given and the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Site {
    /// Distance from the upper edge of the field, Å.
    pub y: f64,
    /// Distance from the left edge of the field, Å.
    pub x: f64,
    /// Posterior probability of a defect, 0 to 1.
    pub probability: f64,
    /// Whether there is one.
    pub is_defect: bool,
    /// Whether the answer says that there is one.
    pub is_flagged: bool,
}

/// Four panels of one episode: (a) the true field, (b) the dose map, (c) what was measured, (d) the posterior per site with
/// found defects ringed, missed ones crossed and false alarms in a triangle. 180 mm wide.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodePanel {
    /// Title above all panels.
    pub title: Option<String>,
    /// The field nobody but the scorer may see.
    pub truth: FieldMap,
    /// Title of its colour bar.
    pub truth_label: String,
    /// Dose given, e⁻/Å²; 0 and NaN are shown as not visited.
    pub dose: FieldMap,
    /// Whether the dose map is logarithmic.
    pub log_dose: bool,
    /// What was measured; NaN where nothing was.
    pub measured: FieldMap,
    /// Title of its colour bar.
    pub measured_label: String,
    /// The sites of panel (d).
    pub sites: Vec<Site>,
    /// Colours of truth and measurement.
    pub colour_map: ColourMap,
}

/// Rings around defects that were found.
const FOUND: Colour = BLACK;
/// Crosses on defects that were missed.
const MISSED: Colour = VERMILLION;
/// Triangles around false alarms.
const FALSE_ALARM: Colour = BLUE;

impl EpisodePanel {
    fn check(&self) -> Result<()> {
        let maps = [
            ("truth", &self.truth),
            ("dose", &self.dose),
            ("measured", &self.measured),
        ];
        let (height, width) = self.truth.extent();
        for (name, map) in maps {
            map.check(name)?;
            let (h, w) = map.extent();
            let slack = 1.01 * map.pixel_size.max(self.truth.pixel_size);
            if (h - height).abs() > slack || (w - width).abs() > slack {
                return Err(Error::argument(
                    name,
                    format!("a field of {h:.3} × {w:.3} Å"),
                    format!("the {height:.3} × {width:.3} Å of the truth, to a pixel"),
                ));
            }
        }
        if let Some(((row, column), value)) =
            self.dose.values.indexed_iter().find(|(_, d)| **d < 0.0)
        {
            return Err(Error::argument(
                format!("dose.values[{row}, {column}]"),
                value,
                "a dose of at least 0",
            ));
        }
        for (i, site) in self.sites.iter().enumerate() {
            let within = |name: &str, value: f64, high: f64, slack: f64| {
                if value >= -slack && value <= high + slack {
                    Ok(())
                } else {
                    Err(Error::argument(
                        format!("sites[{i}].{name}"),
                        value,
                        format!("0 to {high:.3}"),
                    ))
                }
            };
            within("y", site.y, height, self.truth.pixel_size)?;
            within("x", site.x, width, self.truth.pixel_size)?;
            within("probability", site.probability, 1.0, 0.0)?;
        }
        Ok(())
    }

    fn draw_sites(
        &self,
        canvas: &mut Canvas,
        corner: Place,
        size: (f64, f64),
        scale: &ColourScale,
    ) {
        let (height, width) = self.truth.extent();
        canvas.frame(corner, size, FRAME_WIDTH, BLACK);
        let spacing = (size.0 * size.1 / self.sites.len().max(1) as f64).sqrt();
        let dot = (0.5 * spacing).clamp(1.2, 5.0);
        let mark = (dot + 2.6).max(5.0);
        let place = |site: &Site| {
            (
                corner.0 + size.0 * (site.x / width).clamp(0.0, 1.0),
                corner.1 + size.1 * (site.y / height).clamp(0.0, 1.0),
            )
        };
        for site in &self.sites {
            let colour = scale.colour(site.probability);
            canvas.marker_with(Marker::Circle, place(site), dot, colour, BLACK, 0.25);
        }
        // Verdicts last, so that no neighbour hides them.
        for site in &self.sites {
            match (site.is_defect, site.is_flagged) {
                (true, true) => canvas.ring(Marker::Circle, place(site), mark, FOUND, 1.1),
                (true, false) => canvas.cross(place(site), mark, MISSED, 1.3),
                (false, true) => {
                    let (x, y) = place(site);
                    // A triangle looks too high when centred by its corners.
                    let at = (x, y + 0.08 * mark);
                    canvas.ring(Marker::Triangle, at, 1.35 * mark, FALSE_ALARM, 1.1);
                }
                (false, false) => {}
            }
        }
    }

    fn legend(&self, unvisited: bool) -> Legend {
        let count = |defect: bool, flagged: bool| {
            self.sites
                .iter()
                .filter(|s| s.is_defect == defect && s.is_flagged == flagged)
                .count()
        };
        let mut entries = vec![
            (
                Sample::Ring(Marker::Circle, FOUND),
                format!("defect found ({})", count(true, true)),
            ),
            (
                Sample::Cross(MISSED),
                format!("defect missed ({})", count(true, false)),
            ),
            (
                Sample::Ring(Marker::Triangle, FALSE_ALARM),
                format!("false alarm ({})", count(false, true)),
            ),
        ];
        if unvisited {
            entries.insert(0, (Sample::Swatch(UNVISITED), "not visited".to_owned()));
        }
        Legend { entries }
    }
}

impl Figure for EpisodePanel {
    /// Lays out the four panels.
    ///
    /// # Errors
    /// [`Error::Argument`] for empty arrays, infinite values, negative doses, maps that cover different fields, sites
    /// outside the field, probabilities outside 0 to 1.
    fn draw(&self) -> Result<Canvas> {
        self.check()?;
        const MARGIN: f64 = 7.0;
        const GAP: f64 = 15.0;
        let page = PAGE_WIDTH_MM * POINTS_PER_MM;
        let cell = (page - 2.0 * MARGIN - 3.0 * GAP) / 4.0;
        let (height, width) = self.truth.extent();
        let shown = cell.min(2.0 * cell * width / height);
        let size = (shown, shown * height / width);
        let top = 16.0 + if self.title.is_some() { 15.0 } else { 0.0 };
        let mut dose_map = self.dose.clone();
        dose_map
            .values
            .mapv_inplace(|d| if d > 0.0 { d } else { f64::NAN });
        let mut shown_values = dose_map.values.iter().chain(&self.measured.values);
        let legend = self.legend(shown_values.any(|v| v.is_nan()));
        let room = page - 2.0 * MARGIN;
        let below = top + size.1 + 5.0 + BAR_HEIGHT + 4.0;
        let mut canvas = Canvas::new(page, below + legend.height(room) + 4.0);
        if let Some(title) = &self.title {
            let format = TextFormat::new(LETTER_SIZE, Anchor::Middle);
            canvas.text(fitted(title, room, format), (page / 2.0, 11.0), format);
        }
        let measured = ColourScale::over_most(&self.measured, self.colour_map, 0.995);
        // A heavy substitutional atom would push everything else into the dark.
        let truth = ColourScale::over_most(&self.truth, self.colour_map, 0.995);
        let dose = ColourScale::over(&dose_map, ColourMap::Viridis, self.log_dose);
        let probability = ColourScale::new(0.0, 1.0, ColourMap::Cividis);
        let panels = [
            (
                "truth",
                &self.truth_label as &str,
                &truth,
                Some(&self.truth),
            ),
            ("dose given", "dose / e⁻ Å⁻²", &dose, Some(&dose_map)),
            (
                "measured",
                &self.measured_label,
                &measured,
                Some(&self.measured),
            ),
            ("posterior", "probability of a defect", &probability, None),
        ];
        for (i, (title, label, scale, map)) in panels.into_iter().enumerate() {
            let left = MARGIN + (cell + GAP) * i as f64;
            let corner = (left + (cell - size.0) / 2.0, top);
            draw_title(&mut canvas, (corner.0, top - 4.5), cell, Some(i), title);
            match map {
                Some(map) => draw_field(&mut canvas, corner, size, map, scale),
                None => self.draw_sites(&mut canvas, corner, size, scale),
            }
            if i == 0 {
                draw_scale_bar(&mut canvas, corner, size, width);
            }
            scale.draw_bar_below(&mut canvas, (left, top + size.1 + 5.0), cell, label);
        }
        legend.draw(&mut canvas, MARGIN, below, room);
        Ok(canvas)
    }
}
