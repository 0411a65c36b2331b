//! A page in points on which figures are laid out, before any file format is chosen.
//!
//! A figure records marks here once; [`Canvas::save`](super::figure) replays them through plotters' bitmap or SVG
//! backend. Coordinates are points (1/72 inch) at print size, x to the right, y downward.

use super::font::{self, Weight};
use super::style::{BLACK, Colour, Dash, Marker, WHITE};

/// A place on the page, pt.
pub type Place = (f64, f64);

/// Which end of a text lies at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anchor {
    /// The text starts there.
    #[default]
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextFormat {
    /// Size of the em, pt.
    pub size: f64,
    /// Regular or bold.
    pub weight: Weight,
    /// Colour of the letters.
    pub colour: Colour,
    /// Horizontal alignment.
    pub anchor: Anchor,
    /// Whether the text reads upward, as the title of a vertical axis.
    pub upward: bool,
}

impl TextFormat {
    /// Black, regular, horizontal text of `size` points.
    pub fn new(size: f64, anchor: Anchor) -> Self {
        Self {
            size,
            weight: Weight::Regular,
            colour: BLACK,
            anchor,
            upward: false,
        }
    }

    /// The same in bold.
    pub fn bold(self) -> Self {
        Self {
            weight: Weight::Bold,
            ..self
        }
    }

    /// The same in another colour.
    pub fn coloured(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The same reading upward.
    pub fn upward(self) -> Self {
        Self {
            upward: true,
            ..self
        }
    }
}

/// One thing on the page.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    /// A connected line.
    Stroke {
        points: Vec<Place>,
        width: f64,
        colour: Colour,
    },
    /// A filled simple polygon.
    Fill {
        points: Vec<Place>,
        colour: Colour,
        opacity: f64,
    },
    /// The area between two functions of x: `(x, top, bottom)` with growing x, straight in between.
    Band {
        edges: Vec<(f64, f64, f64)>,
        colour: Colour,
        opacity: f64,
    },
    /// Text with its baseline at `place`.
    Text {
        text: String,
        place: Place,
        format: TextFormat,
    },
    /// A picture of `columns` × `rows` RGB pixels, each shown as a flat rectangle.
    Image {
        corner: Place,
        size: (f64, f64),
        columns: usize,
        rows: usize,
        pixels: Vec<u8>,
    },
}

/// A page of given size, pt, with marks in drawing order.
#[derive(Debug, Clone)]
pub struct Canvas {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) marks: Vec<Mark>,
}

impl Canvas {
    /// An empty white page, sizes in points.
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            marks: Vec::new(),
        }
    }

    /// Page size in points, (width, height).
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// Draws a connected line; points that are NaN are left out, fewer than two points draw nothing.
    pub fn line(&mut self, points: &[Place], width: f64, colour: Colour, dash: Dash) {
        // Far beyond any page, near enough that even there the dashes can be counted.
        let near = |v: f64| v.clamp(-1e4, 1e4);
        let points: Vec<Place> = points
            .iter()
            .filter(|p| !p.0.is_nan() && !p.1.is_nan())
            .map(|p| (near(p.0), near(p.1)))
            .collect();
        let pieces = match dash.pattern() {
            None => vec![points],
            Some((stroke, gap)) => dashes(&points, stroke, gap),
        };
        for points in pieces.into_iter().filter(|p| p.len() > 1) {
            self.marks.push(Mark::Stroke {
                points,
                width,
                colour,
            });
        }
    }

    /// Fills a simple polygon with a colour of `opacity` in [0, 1].
    pub fn polygon(&mut self, points: &[Place], colour: Colour, opacity: f64) {
        if points.len() > 2 {
            self.marks.push(Mark::Fill {
                points: points.to_vec(),
                colour,
                opacity,
            });
        }
    }

    /// Fills the area between two functions, given as `(x, top, bottom)` with growing x.
    pub fn band(&mut self, edges: Vec<(f64, f64, f64)>, colour: Colour, opacity: f64) {
        if edges.len() > 1 {
            self.marks.push(Mark::Band {
                edges,
                colour,
                opacity,
            });
        }
    }

    /// Fills a rectangle.
    pub fn rectangle(&mut self, corner: Place, size: (f64, f64), colour: Colour, opacity: f64) {
        self.polygon(&outline(corner, size)[..4], colour, opacity);
    }

    /// Draws the outline of a rectangle.
    pub fn frame(&mut self, corner: Place, size: (f64, f64), width: f64, colour: Colour) {
        let corners = outline(corner, size);
        // The first edge is repeated so that the last corner is joined as well.
        let mut points = corners.to_vec();
        points.push(corners[1]);
        self.line(&points, width, colour, Dash::Solid);
    }

    /// Draws a marker `size` points across, filled with its colour or hollow (white inside).
    pub fn marker(&mut self, marker: Marker, at: Place, size: f64, colour: Colour, filled: bool) {
        self.marker_with(
            marker,
            at,
            size,
            if filled { colour } else { WHITE },
            colour,
            0.9,
        );
    }

    /// Draws a marker with separate inner and outline colours; `edge` is the width of the outline.
    pub fn marker_with(
        &mut self,
        marker: Marker,
        at: Place,
        size: f64,
        inner: Colour,
        outer: Colour,
        edge: f64,
    ) {
        let mut points = place_outline(marker, at, size);
        self.polygon(&points, inner, 1.0);
        if edge > 0.0 {
            points.extend_from_within(..2);
            self.line(&points, edge, outer, Dash::Solid);
        }
    }

    /// Draws only the outline of a marker.
    pub fn ring(&mut self, marker: Marker, at: Place, size: f64, colour: Colour, edge: f64) {
        let mut points = place_outline(marker, at, size);
        points.extend_from_within(..2);
        self.line(&points, edge, colour, Dash::Solid);
    }

    /// Draws a diagonal cross `size` points across.
    pub fn cross(&mut self, at: Place, size: f64, colour: Colour, edge: f64) {
        let h = size / 2.0;
        for sign in [-1.0, 1.0] {
            let ends = [(at.0 - h, at.1 - sign * h), (at.0 + h, at.1 + sign * h)];
            self.line(&ends, edge, colour, Dash::Solid);
        }
    }

    /// Sets text with its baseline at `place`.
    pub fn text(&mut self, text: impl Into<String>, place: Place, format: TextFormat) {
        let mut text: String = text.into();
        // Line breaks cannot be set; other control characters and the two non-characters are not allowed in SVG.
        let unfit = |c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
        if text.contains(unfit) {
            text = text.replace(unfit, " ");
        }
        if !text.is_empty() {
            self.marks.push(Mark::Text {
                text,
                place,
                format,
            });
        }
    }

    /// Sets text whose capitals are vertically centred on `place`.
    pub fn text_centred(&mut self, text: impl Into<String>, place: Place, format: TextFormat) {
        let drop = font::CAP_HEIGHT * format.size / 2.0;
        self.text(text, (place.0, place.1 + drop), format);
    }

    /// Width of `text`, pt.
    pub fn text_width(text: &str, size: f64, weight: Weight) -> f64 {
        font::width(text, size, weight)
    }

    /// Places a picture: `pixels` are `rows` × `columns` RGB triples, first row on top. Pictures whose byte count does not
    /// fit their size are left out.
    pub fn image(
        &mut self,
        corner: Place,
        size: (f64, f64),
        (rows, columns): (usize, usize),
        pixels: Vec<u8>,
    ) {
        let expected = rows.checked_mul(columns).and_then(|n| n.checked_mul(3));
        if rows > 0 && columns > 0 && expected == Some(pixels.len()) {
            self.marks.push(Mark::Image {
                corner,
                size,
                columns,
                rows,
                pixels,
            });
        }
    }
}

fn place_outline(marker: Marker, at: Place, size: f64) -> Vec<Place> {
    let radius = size / 2.0;
    marker
        .outline()
        .into_iter()
        .map(|(x, y)| (at.0 + radius * x, at.1 + radius * y))
        .collect()
}

/// The four corners of a rectangle, and the first again.
fn outline((x, y): Place, (w, h): (f64, f64)) -> [Place; 5] {
    [(x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y)]
}

/// Cuts a line into strokes of length `stroke` with gaps of length `gap`, following its corners.
fn dashes(points: &[Place], stroke: f64, gap: f64) -> Vec<Vec<Place>> {
    let mut pieces = Vec::new();
    let mut current: Vec<Place> = points.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, stroke);
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let t = done / length;
            let here = (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
            if drawing {
                current.push(here);
                pieces.push(std::mem::take(&mut current));
            } else {
                current = vec![here];
            }
            drawing = !drawing;
            left = if drawing { stroke } else { gap };
        }
        left -= length - done;
        if drawing {
            current.push(b);
        }
    }
    if drawing && current.len() > 1 {
        pieces.push(current);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_keep_their_share_of_the_length() {
        let line = [(0.0, 0.0), (60.0, 0.0), (60.0, 31.0)];
        let total: f64 = dashes(&line, 4.0, 3.0)
            .iter()
            .flat_map(|piece| piece.windows(2))
            .map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1))
            .sum();
        assert!((total - 91.0 * 4.0 / 7.0).abs() < 1e-9, "{total}");
    }

    #[test]
    fn endless_lines_end() {
        let mut canvas = Canvas::new(10.0, 10.0);
        let points = [(0.0, f64::NEG_INFINITY), (f64::NAN, 1.0), (1e300, 3.0)];
        canvas.line(&points, 1.0, BLACK, Dash::Dotted);
        assert!((1000..10_000).contains(&canvas.marks.len()));
    }

    #[test]
    fn a_picture_of_the_wrong_length_is_left_out() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.image((0.0, 0.0), (5.0, 5.0), (2, 2), vec![0; 11]);
        canvas.image((0.0, 0.0), (5.0, 5.0), (usize::MAX, 2), vec![0; 12]);
        assert!(canvas.marks.is_empty());
        canvas.image((0.0, 0.0), (5.0, 5.0), (2, 2), vec![0; 12]);
        assert_eq!(canvas.marks.len(), 1);
    }
}
