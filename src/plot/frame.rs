//! The frame around data: axis lines, ticks, titles, and text that fits its room.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Place, TextFormat};
use super::style::{BLACK, Dash, FRAME_WIDTH, GRID, LABEL_SIZE, LETTER_SIZE, TICK_SIZE};

/// `text` cut with an ellipsis so that it is at most `room` points wide.
pub(crate) fn fitted(text: &str, room: f64, format: TextFormat) -> String {
    let wide = |t: &str| Canvas::text_width(t, format.size, format.weight) > room;
    if !wide(text) {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let short = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if !wide(&short) {
            return short;
        }
    }
    String::new()
}

/// `text` broken at spaces into lines of at most `room` points.
pub(crate) fn wrapped(text: &str, room: f64, format: TextFormat) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line))
                if Canvas::text_width(&longer, format.size, format.weight) <= room =>
            {
                *line = longer;
            }
            _ => lines.push(fitted(word, room, format)),
        }
    }
    lines
}

/// A rectangle on the page with two axes.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

/// Length of ticks, pt.
const TICK: f64 = 2.6;
/// Room from the lower edge of a frame to below its tick labels, and to below its axis title, pt.
pub(crate) const BELOW_TICKS: f64 = 13.0;
pub(crate) const BELOW_TITLE: f64 = 25.0;

impl Frame {
    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub(crate) fn x_at(&self, value: f64) -> f64 {
        self.left + self.width * self.x.fraction(value)
    }

    pub(crate) fn y_at(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - self.y.fraction(value))
    }

    pub(crate) fn place(&self, x: f64, y: f64) -> Place {
        (self.x_at(x), self.y_at(y))
    }

    /// Grid lines at the ticks of y, below all data.
    pub(crate) fn draw_grid(&self, canvas: &mut Canvas) {
        for (value, _) in &self.y.ticks {
            let y = self.y_at(*value);
            canvas.line(&[(self.left, y), (self.right(), y)], 0.5, GRID, Dash::Solid);
        }
    }

    /// The two axis lines, ticks, tick labels and titles; `None` leaves out the labels and the title of y, an empty title
    /// only the title.
    pub(crate) fn draw_axes(&self, canvas: &mut Canvas, x_title: &str, y_title: Option<&str>) {
        let (left, bottom) = (self.left, self.bottom());
        let solid = |canvas: &mut Canvas, points: &[Place]| {
            canvas.line(points, FRAME_WIDTH, BLACK, Dash::Solid);
        };
        solid(
            canvas,
            &[(left, self.top), (left, bottom), (self.right(), bottom)],
        );
        for value in &self.x.minor {
            let x = self.x_at(*value);
            solid(canvas, &[(x, bottom), (x, bottom + 0.6 * TICK)]);
        }
        let label = TextFormat::new(TICK_SIZE, Anchor::Middle);
        let mut free_from = f64::NEG_INFINITY;
        for (value, text) in &self.x.ticks {
            let x = self.x_at(*value);
            solid(canvas, &[(x, bottom), (x, bottom + TICK)]);
            let half = Canvas::text_width(text, TICK_SIZE, label.weight) / 2.0;
            // A label that would touch its left neighbour is left out; its tick stays.
            if x - half > free_from {
                canvas.text(text, (x, bottom + TICK + 7.6), label);
                free_from = x + half + 3.0;
            }
        }
        let title = TextFormat::new(LABEL_SIZE, Anchor::Middle);
        canvas.text(
            fitted(x_title, self.width + 30.0, title),
            (left + self.width / 2.0, bottom + 21.5),
            title,
        );
        let mut widest: f64 = 0.0;
        for (value, text) in &self.y.ticks {
            let y = self.y_at(*value);
            solid(canvas, &[(left - TICK, y), (left, y)]);
            if y_title.is_some() {
                let label = TextFormat::new(TICK_SIZE, Anchor::End);
                widest = widest.max(Canvas::text_width(text, TICK_SIZE, label.weight));
                canvas.text_centred(text, (left - TICK - 2.0, y), label);
            }
        }
        if let Some(text) = y_title {
            canvas.text(
                fitted(text, self.height + 20.0, title),
                (left - TICK - 6.5 - widest, self.top + self.height / 2.0),
                title.upward(),
            );
        }
    }

    /// Bold panel letter and title above the frame.
    pub(crate) fn draw_title(&self, canvas: &mut Canvas, index: usize, panels: usize, title: &str) {
        draw_title(
            canvas,
            (self.left, self.top - 5.0),
            self.width + 10.0,
            (panels > 1).then_some(index),
            title,
        );
    }
}

/// Bold panel letter, if there is an index, and title with their baseline at `place`.
pub(crate) fn draw_title(
    canvas: &mut Canvas,
    place: Place,
    room: f64,
    index: Option<usize>,
    title: &str,
) {
    let mut start = place.0;
    if let Some(index) = index {
        let bold = TextFormat::new(LETTER_SIZE, Anchor::Start).bold();
        let letter = panel_letter(index);
        canvas.text(&letter, (start, place.1), bold);
        start += Canvas::text_width(&letter, bold.size, bold.weight) + 4.0;
    }
    let format = TextFormat::new(LABEL_SIZE, Anchor::Start);
    let text = fitted(title, room - (start - place.0), format);
    canvas.text(text, (start, place.1), format);
}

/// (a), (b), ... (z), (aa), ...
fn panel_letter(index: usize) -> String {
    let letter = |i: usize| char::from(b'a' + (i % 26) as u8);
    if index < 26 {
        format!("({})", letter(index))
    } else {
        format!("({}{})", letter(index / 26 - 1), letter(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_cut() {
        let format = TextFormat::new(8.0, Anchor::Start);
        assert_eq!(fitted("dose", 100.0, format), "dose");
        let short = fitted("a very long title that cannot fit", 60.0, format);
        assert!(short.ends_with('…'));
        assert!(Canvas::text_width(&short, 8.0, format.weight) <= 60.0);
        assert_eq!(panel_letter(27), "(ab)");
        let lines = wrapped("mean of 40 episodes, bands: 95 % intervals", 90.0, format);
        assert!(lines.len() > 1);
        assert_eq!(
            lines.join(" "),
            "mean of 40 episodes, bands: 95 % intervals"
        );
    }
}
