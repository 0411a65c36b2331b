//! The key below a figure: samples and names in aligned columns, never over data. Also the grid of panels above it.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Place, TextFormat};
use super::frame::{BELOW_TICKS, BELOW_TITLE, Frame, fitted, wrapped};
use super::style::{
    COLUMN_WIDTH_MM, CURVE_WIDTH, Colour, LABEL_SIZE, MARKER_SIZE, Marker, PAGE_WIDTH_MM,
    POINTS_PER_MM, SeriesStyle, TICK_SIZE, WHITE,
};

/// What stands before a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample {
    /// A line, with or without its marker.
    Curve(SeriesStyle, bool),
    /// A data point, filled or hollow.
    Point(SeriesStyle, bool),
    /// The outline of a marker.
    Ring(Marker, Colour),
    /// A diagonal cross.
    Cross(Colour),
    /// A patch of colour.
    Swatch(Colour),
}

impl Sample {
    fn width(self) -> f64 {
        match self {
            Self::Curve(..) => 20.0,
            _ => 8.0,
        }
    }

    fn draw(self, canvas: &mut Canvas, (x, y): Place) {
        let middle = (x + self.width() / 2.0, y);
        match self {
            Self::Curve(style, marked) => {
                let ends = [(x, y), (x + self.width(), y)];
                canvas.line(&ends, CURVE_WIDTH, style.colour, style.dash);
                if marked {
                    let (marker, size) = (style.marker, MARKER_SIZE);
                    canvas.marker_with(marker, middle, size, style.colour, WHITE, 0.5);
                }
            }
            Self::Point(style, filled) => {
                canvas.marker(style.marker, middle, MARKER_SIZE, style.colour, filled);
            }
            Self::Ring(marker, colour) => canvas.ring(marker, middle, 6.0, colour, 1.1),
            Self::Cross(colour) => canvas.cross(middle, 5.0, colour, 1.3),
            Self::Swatch(colour) => {
                canvas.rectangle((x, y - 3.0), (8.0, 6.0), colour, 1.0);
            }
        }
    }
}

/// Names with their samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Legend {
    pub(crate) entries: Vec<(Sample, String)>,
}

const ROW: f64 = 11.5;
const SAMPLE_GAP: f64 = 4.0;
const COLUMN_GAP: f64 = 10.0;

impl Legend {
    /// Widths of the columns, as many as fit into `room`.
    fn columns(&self, room: f64) -> Vec<f64> {
        let widths: Vec<f64> = self
            .entries
            .iter()
            .map(|(sample, name)| {
                let format = TextFormat::new(LABEL_SIZE, Anchor::Start);
                let name = Canvas::text_width(name, format.size, format.weight);
                (sample.width() + SAMPLE_GAP + name).min(room)
            })
            .collect();
        // Names run down the columns, so that neighbours in the list stay together.
        let layout = |count: usize| -> Vec<f64> {
            widths
                .chunks(widths.len().div_ceil(count))
                .map(|column| column.iter().fold(0.0, |m: f64, &w| m.max(w)))
                .collect()
        };
        let fits = |columns: &[f64]| {
            columns.iter().sum::<f64>() + COLUMN_GAP * (columns.len() - 1) as f64 <= room
        };
        (1..=widths.len())
            .rev()
            .map(layout)
            .find(|columns| fits(columns))
            .unwrap_or_else(|| vec![room])
    }

    /// Height in points when set into a width of `room`.
    pub(crate) fn height(&self, room: f64) -> f64 {
        if self.entries.is_empty() {
            return 0.0;
        }
        ROW * self.entries.len().div_ceil(self.columns(room).len()) as f64
    }

    /// Draws the key centred in `room` with its upper edge at `top`.
    pub(crate) fn draw(&self, canvas: &mut Canvas, left: f64, top: f64, room: f64) {
        if self.entries.is_empty() {
            return;
        }
        let columns = self.columns(room);
        let total = columns.iter().sum::<f64>() + COLUMN_GAP * (columns.len() - 1) as f64;
        let rows = self.entries.len().div_ceil(columns.len());
        let format = TextFormat::new(LABEL_SIZE, Anchor::Start);
        for (i, (sample, name)) in self.entries.iter().enumerate() {
            let column = i / rows;
            let before: f64 = columns[..column].iter().map(|w| w + COLUMN_GAP).sum();
            let x = left + (room - total).max(0.0) / 2.0 + before;
            let y = top + ROW * ((i % rows) as f64 + 0.5);
            sample.draw(canvas, (x, y));
            let start = x + sample.width() + SAMPLE_GAP;
            let name = fitted(name, room - sample.width() - SAMPLE_GAP, format);
            canvas.text_centred(name, (start, y), format);
        }
    }
}

/// Panels with a common y axis, in rows of equal frames, with a key and a note below.
pub(crate) struct PanelGrid<'a> {
    pub(crate) panels: usize,
    pub(crate) y: Axis,
    pub(crate) legend: Legend,
    pub(crate) note: Option<&'a str>,
}

/// Largest number of panels on a page.
pub(crate) const MAX_PANELS: usize = 30;

const RIGHT: f64 = 12.0;
const GAP: f64 = 18.0;
const TITLE: f64 = 16.0;
const MARGIN: f64 = 4.0;
const NOTE_ROW: f64 = 9.5;

impl PanelGrid<'_> {
    fn columns(&self) -> usize {
        match self.panels {
            4 => 2,
            n => n.clamp(1, 3),
        }
    }

    fn page_width(&self) -> f64 {
        POINTS_PER_MM
            * if self.panels > 1 {
                PAGE_WIDTH_MM
            } else {
                COLUMN_WIDTH_MM
            }
    }

    fn left(&self) -> f64 {
        let widest = self
            .y
            .ticks
            .iter()
            .map(|(_, t)| Canvas::text_width(t, TICK_SIZE, super::font::Weight::Regular))
            .fold(0.0, f64::max);
        widest + 19.0
    }

    /// Size of each frame.
    fn frame(&self) -> (f64, f64) {
        let columns = self.columns() as f64;
        let width = (self.page_width() - self.left() - RIGHT - GAP * (columns - 1.0)) / columns;
        let ratio = match self.columns() {
            1 => 0.72,
            2 => 0.62,
            _ => 0.86,
        };
        (width, ratio * width)
    }

    /// Draws all panels: `x_axes` one a panel, `titles` likewise, `data` draws the marks of one panel.
    pub(crate) fn draw(
        &self,
        axes: (&[Axis], &str, &str),
        titles: &[&str],
        mut data: impl FnMut(&mut Canvas, &Frame, usize),
    ) -> Canvas {
        let (x_axes, x_title, y_title) = axes;
        let (width, height) = self.frame();
        let (columns, left) = (self.columns(), self.left());
        let rows = self.panels.div_ceil(columns);
        // an axis that all panels share is named under the lowest panel of each column, others under every panel
        let shared = x_title.is_empty() || x_axes.windows(2).all(|pair| pair[0] == pair[1]);
        let row = TITLE + height + if shared { BELOW_TICKS } else { BELOW_TITLE } + 7.0;
        let below = TITLE + row * (rows - 1) as f64 + height + BELOW_TITLE + 5.0;
        let room = self.page_width() - 2.0 * MARGIN;
        let legend = self.legend.height(room);
        let note = TextFormat::new(TICK_SIZE, Anchor::Middle);
        let notes = wrapped(self.note.unwrap_or(""), room, note);
        let bottom = below + legend + NOTE_ROW * notes.len() as f64 + 4.0;
        let mut canvas = Canvas::new(self.page_width(), bottom);
        for (i, (x, title)) in x_axes.iter().zip(titles).enumerate() {
            let (r, c) = (i / columns, i % columns);
            let frame = Frame {
                left: left + (width + GAP) * c as f64,
                top: TITLE + row * r as f64,
                width,
                height,
                x: x.clone().fitted_to(width),
                y: self.y.clone(),
            };
            frame.draw_grid(&mut canvas);
            data(&mut canvas, &frame, i);
            let x_title = if shared && i + columns < self.panels {
                ""
            } else {
                x_title
            };
            frame.draw_axes(&mut canvas, x_title, (c == 0).then_some(y_title));
            frame.draw_title(&mut canvas, i, self.panels, title);
        }
        self.legend.draw(&mut canvas, MARGIN, below, room);
        for (i, line) in notes.into_iter().enumerate() {
            let y = below + legend + NOTE_ROW * (i as f64 + 0.9);
            canvas.text(line, (self.page_width() / 2.0, y), note);
        }
        canvas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::style::{Strategy, series_styles};

    fn legend(names: &[&str]) -> Legend {
        let style = series_styles(&[Strategy::Adaptive])[0];
        Legend {
            entries: names
                .iter()
                .map(|n| (Sample::Curve(style, true), (*n).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn the_key_stays_inside_its_room() {
        let long =
            "a configuration with a name much longer than any column is wide, and then some more";
        let legend = legend(&["raster", "gittins+cnn", long, "oracle"]);
        for room in [150.0, 240.0, 500.0] {
            let columns = legend.columns(room);
            let total: f64 = columns.iter().sum::<f64>() + COLUMN_GAP * (columns.len() - 1) as f64;
            assert!(total <= room + 1e-9, "{total} in {room}");
            assert!(legend.height(room) >= ROW);
        }
    }

    #[test]
    fn columns_are_evenly_filled() {
        // Five equal names that fit four abreast are set as two, two and one.
        let legend = legend(&["aaaa"; 5]);
        let one = legend.columns(1e3)[0];
        assert_eq!(legend.columns(4.0 * one + 3.0 * COLUMN_GAP + 0.1).len(), 3);
        assert_eq!(Legend::default().height(100.0), 0.0);
    }
}
