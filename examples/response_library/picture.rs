//! A patch by multislice, by the library, and what is between them.

use dosewise::Result;
use dosewise::plot::canvas::{Anchor, TextFormat};
use dosewise::plot::style::{
    BLACK, FRAME_WIDTH, LABEL_SIZE, PAGE_WIDTH_MM, POINTS_PER_MM, TICK_SIZE, WHITE,
};
use dosewise::plot::{Canvas, ColourMap, Figure};
use dosewise::stem::library::Patch;
use ndarray::Array2;

const MARGIN: f64 = 6.0;
const GAP: f64 = 8.0;
/// Height of a colour bar with the space above it and the numbers below it, pt.
const BAR: f64 = 6.0;
const BELOW: f64 = 30.0;

/// Three pictures side by side.
pub struct InBothWays {
    multislice: Array2<f64>,
    assembled: Array2<f64>,
    /// Side of the pictures, Å.
    side: f64,
}

impl InBothWays {
    /// Of the first patch on a detector.
    pub fn new(patches: &[Patch], detector: usize) -> Self {
        let patch = &patches[0];
        let (_, _, rows, columns) = patch.multislice.dim();
        let image = |of: &ndarray::Array4<f64>| {
            Array2::from_shape_fn((rows, columns), |(y, x)| of[[detector, 0, y, x]])
        };
        Self {
            multislice: image(&patch.multislice),
            assembled: image(&patch.assembled),
            side: columns as f64 * patch.frame.pixel,
        }
    }
}

impl Figure for InBothWays {
    fn draw(&self) -> Result<Canvas> {
        let width = PAGE_WIDTH_MM * POINTS_PER_MM;
        let side = (width - 2.0 * MARGIN - 2.0 * GAP) / 3.0;
        let top = 20.0;
        let mut canvas = Canvas::new(width, top + side + BELOW);
        let difference = &self.assembled - &self.multislice;
        let largest = |of: &Array2<f64>| of.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        let (brightest, worst) = (largest(&self.multislice), largest(&difference));
        let panels = [
            ("multislice", &self.multislice, [0.0, brightest]),
            ("assembled", &self.assembled, [0.0, brightest]),
            ("assembled − multislice", &difference, [-worst, worst]),
        ];
        for (i, (title, values, [low, high])) in panels.into_iter().enumerate() {
            let left = MARGIN + i as f64 * (side + GAP);
            let middle = TextFormat::new(LABEL_SIZE, Anchor::Middle);
            canvas.text(title, (left + 0.5 * side, top - 6.0), middle);
            let shade = |v: f64| ColourMap::Grey.colour((v - low) / (high - low));
            let pixels = values
                .iter()
                .map(|v| shade(*v))
                .flat_map(|c| [c.0, c.1, c.2]);
            canvas.image((left, top), (side, side), values.dim(), pixels.collect());
            canvas.frame((left, top), (side, side), FRAME_WIDTH, BLACK);
            let steps = 128;
            let ramp = (0..steps).map(|n| low + (high - low) * f64::from(n) / f64::from(steps - 1));
            let ramp = ramp.map(shade).flat_map(|c| [c.0, c.1, c.2]).collect();
            let bar = top + side + 6.0;
            canvas.image((left, bar), (side, BAR), (1, steps as usize), ramp);
            canvas.frame((left, bar), (side, BAR), FRAME_WIDTH, BLACK);
            let percent = |v: f64| {
                let share = 100.0 * v / brightest;
                if i == 2 {
                    format!("{share:+.2} %")
                } else {
                    format!("{share:.0} %")
                }
            };
            let number = bar + BAR + 9.0;
            canvas.text(
                percent(low),
                (left, number),
                TextFormat::new(TICK_SIZE, Anchor::Start),
            );
            let end = TextFormat::new(TICK_SIZE, Anchor::End);
            canvas.text(percent(high), (left + side, number), end);
            let note = TextFormat::new(TICK_SIZE, Anchor::Middle);
            canvas.text("of the brightest", (left + 0.5 * side, number), note);
        }
        let length = 2.0 * side / self.side;
        let (x, y) = (MARGIN + 5.0, top + side - 6.0);
        canvas.rectangle((x, y), (length, 1.8), WHITE, 1.0);
        let label = TextFormat::new(TICK_SIZE, Anchor::Middle).coloured(WHITE);
        canvas.text("2 Å", (x + 0.5 * length, y - 3.0), label);
        Ok(canvas)
    }
}
