//! Quality of the answer against dose: mean curves with bands, a panel per world.

use super::axis::Axis;
use super::canvas::{Canvas, Place};
use super::check;
use super::figure::Figure;
use super::frame::Frame;
use super::legend::{Legend, MAX_PANELS, PanelGrid, Sample};
use super::style::{
    CURVE_WIDTH, MARKER_SIZE, MAX_SERIES, SeriesStyle, Strategy, WHITE, series_styles,
};
use crate::error::{Error, Result};

/// Lower and upper ends of a confidence band, one pair per dose.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Band {
    /// Lower ends.
    pub lower: Vec<f64>,
    /// Upper ends.
    pub upper: Vec<f64>,
}

/// Quality of one configuration after each dose.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QualityCurve {
    /// Name of the configuration; the same name has the same colour in every panel.
    pub label: String,
    /// What the configuration may do: sets the dash.
    pub strategy: Strategy,
    /// Doses, e⁻/Å², not falling; the first may be 0.
    pub dose: Vec<f64>,
    /// Quality from each dose on, held until the next (a right-continuous step function).
    pub quality: Vec<f64>,
    /// Confidence band around the curve.
    pub band: Option<Band>,
}

/// All curves of one world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QualityPanel {
    /// Title above the panel.
    pub title: String,
    /// Right end of the dose axis, e⁻/Å²; without it the largest dose of the panel.
    pub budget: Option<f64>,
    /// The curves, in order of colours.
    pub curves: Vec<QualityCurve>,
}

/// Quality against dose, one panel a world, up to 24 configurations. One panel is 85 mm wide, several are 180 mm.
///
/// ```
/// use dosewise::plot::{Figure, QualityCurve, QualityCurves, QualityPanel, Strategy};
/// let curve = QualityCurve {
///     label: "raster".into(),
///     strategy: Strategy::Fixed,
///     dose: vec![0.0, 500.0, 1000.0],
///     quality: vec![0.0, 0.4, 0.7],
///     band: None,
/// };
/// let panel = QualityPanel { title: "MoS₂".into(), budget: Some(2000.0), curves: vec![curve] };
/// let figure = QualityCurves { panels: vec![panel], ..Default::default() };
/// let (width, _) = figure.draw()?.size();
/// assert!((width - 85.0 / 25.4 * 72.0).abs() < 1e-9);
/// # Ok::<(), dosewise::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QualityCurves {
    /// The panels, left to right, top to bottom.
    pub panels: Vec<QualityPanel>,
    /// Whether the dose axis is logarithmic; doses of 0 then lie on its left end.
    pub log_dose: bool,
    /// Label of the dose axis, if the dose is not in e⁻/Å².
    pub dose_label: Option<String>,
    /// Small print below the key, e.g. how many episodes were averaged and what the bands mean.
    pub note: Option<String>,
}

impl QualityCurves {
    fn check(&self) -> Result<()> {
        check::count("panels", self.panels.len(), MAX_PANELS)?;
        for (p, panel) in self.panels.iter().enumerate() {
            let at = format!("panels[{p}]");
            check::count(&format!("{at}.curves"), panel.curves.len(), MAX_SERIES)?;
            if let Some(budget) = panel.budget {
                check::positive(&format!("{at}.budget"), budget)?;
            }
            for (c, curve) in panel.curves.iter().enumerate() {
                curve.check(&format!("{at}.curves[{c}]"))?;
            }
        }
        Ok(())
    }

    /// Every configuration once, in order of first appearance.
    fn series(&self) -> Result<Vec<(&str, Strategy, SeriesStyle)>> {
        let mut names: Vec<(&str, Strategy)> = Vec::new();
        for curve in self.panels.iter().flat_map(|p| &p.curves) {
            if !names.iter().any(|(name, _)| *name == curve.label) {
                names.push((&curve.label, curve.strategy));
            }
        }
        check::count("different labels", names.len(), MAX_SERIES)?;
        let strategies: Vec<Strategy> = names.iter().map(|n| n.1).collect();
        let styles = series_styles(&strategies);
        Ok(names
            .into_iter()
            .zip(styles)
            .map(|((name, strategy), style)| (name, strategy, style))
            .collect())
    }

    fn dose_axis(&self, panel: &QualityPanel) -> Axis {
        let doses = || panel.curves.iter().flat_map(|c| &c.dose).copied();
        let high = panel.budget.unwrap_or_else(|| doses().fold(0.0, f64::max));
        if self.log_dose {
            let low = doses()
                .filter(|&d| d > 0.0)
                .fold(f64::INFINITY, f64::min)
                .min(high);
            Axis::log(if low > 0.0 { low } else { 1.0 }, high)
        } else {
            Axis::linear(0.0, high, 5)
        }
    }
}

impl QualityCurve {
    fn check(&self, at: &str) -> Result<()> {
        if self.dose.is_empty() {
            return Err(Error::argument(
                format!("{at}.dose"),
                "an empty list",
                "at least one dose",
            ));
        }
        check::numbers(&format!("{at}.dose"), &self.dose)?;
        if let Some(i) = (1..self.dose.len()).find(|&i| self.dose[i] < self.dose[i - 1]) {
            return Err(Error::argument(
                format!("{at}.dose[{i}]"),
                self.dose[i],
                format!("not below the dose before it, {}", self.dose[i - 1]),
            ));
        }
        if self.dose[0] < 0.0 {
            return Err(Error::argument(
                format!("{at}.dose[0]"),
                self.dose[0],
                "a dose of at least 0",
            ));
        }
        let mut lists = vec![("quality", &self.quality)];
        if let Some(band) = &self.band {
            lists.extend([("band.lower", &band.lower), ("band.upper", &band.upper)]);
        }
        for (name, values) in lists {
            let name = format!("{at}.{name}");
            check::same_length(&name, values.len(), "dose", self.dose.len())?;
            check::numbers(&name, values)?;
        }
        if let Some(band) = &self.band {
            for (i, ends) in band.lower.iter().zip(&band.upper).enumerate() {
                check::interval(&format!("{at}.band[{i}]"), (*ends.0, *ends.1))?;
            }
        }
        Ok(())
    }

    /// Indices of the doses to draw, each with the place on the page from which and to which it holds.
    fn steps(&self, frame: &Frame) -> Vec<(usize, f64, f64)> {
        // Steps narrower than this cannot be seen and would only swell the file.
        const NARROW: f64 = 0.05;
        let mut steps: Vec<(usize, f64, f64)> = Vec::new();
        for (i, &dose) in self.dose.iter().enumerate() {
            if dose > frame.x.high * (1.0 + 1e-12) {
                break;
            }
            let x = frame.x_at(dose);
            if let Some(last) = steps.last_mut() {
                if x - last.1 < NARROW {
                    last.0 = i;
                    continue;
                }
                last.2 = x;
            }
            steps.push((i, x, frame.right()));
        }
        steps
    }

    fn draw_band(&self, canvas: &mut Canvas, frame: &Frame, style: SeriesStyle) {
        if let Some(band) = &self.band {
            let edges = self.steps(frame).into_iter().flat_map(|(i, from, to)| {
                let (top, bottom) = (frame.y_at(band.upper[i]), frame.y_at(band.lower[i]));
                [(from, top, bottom), (to, top, bottom)]
            });
            canvas.band(edges.collect(), style.colour, 0.16);
        }
    }

    /// Draws the line and, if there is a `phase`, markers shifted by it (0 to 1) so that series do not hide each other.
    fn draw_line(
        &self,
        canvas: &mut Canvas,
        frame: &Frame,
        style: SeriesStyle,
        phase: Option<f64>,
    ) {
        let steps = self.steps(frame);
        let points: Vec<Place> = steps
            .iter()
            .flat_map(|&(i, from, to)| {
                let y = frame.y_at(self.quality[i]);
                [(from, y), (to, y)]
            })
            .collect();
        canvas.line(&points, CURVE_WIDTH, style.colour, style.dash);
        let Some(phase) = phase else { return };
        for k in 0..3 {
            // Not at the left end, where all curves start from the same place.
            let x = frame.left + frame.width * (0.2 + 0.26 * (f64::from(k) + phase));
            if let Some(&(i, ..)) = steps.iter().find(|s| s.1 <= x && x <= s.2) {
                let at = (x, frame.y_at(self.quality[i]));
                canvas.marker_with(style.marker, at, MARKER_SIZE, style.colour, WHITE, 0.5);
            }
        }
    }
}

impl Figure for QualityCurves {
    /// Lays out panels, key and note.
    ///
    /// # Errors
    /// [`Error::Argument`] for empty, unsorted, non-finite or mismatched lists, a budget not above 0, more than 30 panels
    /// or 24 configurations.
    fn draw(&self) -> Result<Canvas> {
        self.check()?;
        let series = self.series()?;
        let values = self.panels.iter().flat_map(|p| &p.curves).flat_map(|c| {
            let band = c.band.iter().flat_map(|b| b.lower.iter().chain(&b.upper));
            c.quality.iter().chain(band)
        });
        let (low, high) = values.fold((0.0_f64, 1.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
        // A single oracle is told by its dots alone and needs no markers.
        let oracles = series.iter().filter(|s| s.1 == Strategy::Oracle).count();
        let marked = |strategy: Strategy| strategy != Strategy::Oracle || oracles > 1;
        let grid = PanelGrid {
            panels: self.panels.len(),
            y: Axis::rounded(low, high, 5),
            legend: Legend {
                entries: series
                    .iter()
                    .map(|(name, strategy, style)| {
                        (Sample::Curve(*style, marked(*strategy)), (*name).to_owned())
                    })
                    .collect(),
            },
            note: self.note.as_deref(),
        };
        let axes: Vec<Axis> = self.panels.iter().map(|p| self.dose_axis(p)).collect();
        let titles: Vec<&str> = self.panels.iter().map(|p| p.title.as_str()).collect();
        let dose_label = self.dose_label.as_deref().unwrap_or("dose / e⁻ Å⁻²");
        let labels = (axes.as_slice(), dose_label, "quality q");
        Ok(grid.draw(labels, &titles, |canvas, frame, p| {
            let find = |curve: &QualityCurve| series.iter().position(|s| s.0 == curve.label);
            let mut curves: Vec<(usize, &QualityCurve)> = self.panels[p]
                .curves
                .iter()
                .filter_map(|c| Some((find(c)?, c)))
                .collect();
            // Bounds and plans first, so that the adaptive curves end up on top.
            curves.sort_by_key(|(_, c)| match c.strategy {
                Strategy::Oracle => 0,
                Strategy::Fixed => 1,
                Strategy::Adaptive => 2,
            });
            for (s, curve) in &curves {
                curve.draw_band(canvas, frame, series[*s].2);
            }
            for (s, curve) in &curves {
                let phase = *s as f64 / series.len() as f64;
                let phase = marked(curve.strategy).then_some(phase);
                curve.draw_line(canvas, frame, series[*s].2, phase);
            }
        }))
    }
}
