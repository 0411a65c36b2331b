//! The probe and a frame before and after.

use super::compete::Outcome;
use super::microscope::{Microscope, Setting};
use dosewise::Result;
use dosewise::plot::canvas::{Anchor, Place, TextFormat};
use dosewise::plot::style::{
    BLACK, COLUMN_WIDTH_MM, FRAME_WIDTH, LABEL_SIZE, POINTS_PER_MM, TICK_SIZE, WHITE,
};
use dosewise::plot::{Canvas, ColourMap, Figure};
use dosewise::stem::Grid;
use dosewise::units::Dose;
use ndarray::{Array2, s};

/// Pixels of a picture of the probe, and their size in Å.
const PROBE: (usize, f64) = (64, 0.25);
/// Dose of the frames shown, e⁻/Å².
const DOSE: f64 = 10_000.0;
const MARGIN: f64 = 12.0;
const GAP: f64 = 5.0;

/// Probe (above) and frame (below) before, after each of some attempts, and at the sharpest setting.
pub struct BeforeAfter {
    columns: Vec<Column>,
    /// Extent of a picture of the probe and of a frame, Å.
    extents: [f64; 2],
}

struct Column {
    title: String,
    probe: Array2<f64>,
    frame: Array2<f64>,
}

impl BeforeAfter {
    /// Of the first scored microscope.
    pub fn new(microscope: &Microscope, outcomes: &[Outcome]) -> Result<Self> {
        let at = |name: &str| {
            let found = outcomes.iter().find(|outcome| outcome.name == name);
            found.map(|outcome| outcome.settings[0])
        };
        let settings = [
            ("before", Some([0.0; 3])),
            ("Nelder-Mead", at("Nelder-Mead")),
            ("grid", at("grid and parabola")),
            ("study", outcomes.first().map(|outcome| outcome.settings[0])),
            ("sharpest", Some(microscope.sharpest())),
        ];
        let column = |title: &str, setting: Setting| -> Result<Column> {
            // Three times as large as shown, so that nothing wraps around.
            let (size, pixel) = PROBE;
            let wide = microscope.probe(setting, Grid::square(3 * size, pixel))?;
            let frame = microscope.counts(&microscope.image(setting)?, Dose(DOSE), 1 << 40);
            Ok(Column {
                title: title.into(),
                probe: wide.slice(s![size..2 * size, size..2 * size]).to_owned(),
                frame: frame.mapv(|count| count as f64),
            })
        };
        let columns: Result<Vec<Column>> = settings
            .into_iter()
            .filter_map(|(title, setting)| Some(column(title, setting?)))
            .collect();
        let columns = columns?;
        let frame = columns[0].frame.ncols() as f64 * microscope.pixel().1;
        Ok(Self {
            columns,
            extents: [PROBE.0 as f64 * PROBE.1, frame],
        })
    }
}

impl Figure for BeforeAfter {
    fn draw(&self) -> Result<Canvas> {
        let page = 2.0 * COLUMN_WIDTH_MM * POINTS_PER_MM;
        let count = self.columns.len() as f64;
        let side = (page - 2.0 * MARGIN - (count - 1.0) * GAP) / count;
        let (top, below) = (18.0, 18.0 + side + GAP);
        let mut canvas = Canvas::new(page, below + side + 8.0);
        let brightest = |of: fn(&Column) -> &Array2<f64>| {
            let values = self.columns.iter().flat_map(|column| of(column).iter());
            values.copied().fold(0.0, f64::max)
        };
        let scales = [brightest(|c| &c.probe), brightest(|c| &c.frame)];
        for (i, column) in self.columns.iter().enumerate() {
            let left = MARGIN + i as f64 * (side + GAP);
            let title = TextFormat::new(LABEL_SIZE, Anchor::Middle);
            canvas.text(&column.title, (left + 0.5 * side, top - 6.0), title);
            let rows = [(top, &column.probe, 0.5), (below, &column.frame, 1.0)];
            for (row, (y, values, power)) in rows.into_iter().enumerate() {
                // The probe by its square root, which is the amplitude: its tails would not be seen otherwise.
                let shade = |v: &f64| ColourMap::Grey.colour((v / scales[row]).powf(power));
                let pixels = values.iter().map(shade).flat_map(|c| [c.0, c.1, c.2]);
                canvas.image((left, y), (side, side), values.dim(), pixels.collect());
                canvas.frame((left, y), (side, side), FRAME_WIDTH, BLACK);
                if i == 0 {
                    let length = 5.0 * side / self.extents[row];
                    scale_bar(&mut canvas, (left + 5.0, y + side - 6.0), length);
                }
            }
        }
        let label = TextFormat::new(LABEL_SIZE, Anchor::Middle).upward();
        canvas.text("probe amplitude", (MARGIN - 4.0, top + 0.5 * side), label);
        canvas.text("counts", (MARGIN - 4.0, below + 0.5 * side), label);
        Ok(canvas)
    }
}

fn scale_bar(canvas: &mut Canvas, at: Place, length: f64) {
    canvas.rectangle(at, (length, 1.8), WHITE, 1.0);
    let format = TextFormat::new(TICK_SIZE, Anchor::Middle).coloured(WHITE);
    canvas.text("5 Å", (at.0 + 0.5 * length, at.1 - 3.0), format);
}
