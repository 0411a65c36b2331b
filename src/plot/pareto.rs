//! Quality against dose for whole configurations, with the front of those that nothing beats.

use super::axis::Axis;
use super::canvas::{Canvas, Place};
use super::check;
use super::figure::Figure;
use super::frame::Frame;
use super::label::{Area, Name, Surroundings, draw_names};
use super::legend::{Legend, MAX_PANELS, PanelGrid, Sample};
use super::style::{Colour, Dash, MARKER_SIZE, MAX_SERIES, SeriesStyle, Strategy, series_styles};
use crate::error::{Error, Result};

/// One configuration: what it costs and what it gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParetoPoint {
    /// Name of the configuration; the same name has the same colour in every panel.
    pub label: String,
    /// What the configuration may do.
    pub strategy: Strategy,
    /// Dose, e⁻/Å²; less is better.
    pub dose: f64,
    /// Quality; more is better.
    pub quality: f64,
    /// Confidence interval of the dose, lower and upper end.
    pub dose_interval: Option<(f64, f64)>,
    /// Confidence interval of the quality, lower and upper end.
    pub quality_interval: Option<(f64, f64)>,
}

/// All configurations of one world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParetoPanel {
    /// Title above the panel.
    pub title: String,
    /// The configurations.
    pub points: Vec<ParetoPoint>,
}

/// Quality against dose, one panel a world: configurations on the front are filled and named, the others hollow; a grey
/// staircase bounds what the front reaches. Oracles know the truth and so do not compete: they are black and named, but
/// neither make up the front nor push others off it. A configuration at several doses is named at the lowest of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ParetoFronts {
    /// The panels, left to right, top to bottom.
    pub panels: Vec<ParetoPanel>,
    /// Title of the dose axis.
    pub dose_label: String,
    /// Title of the quality axis.
    pub quality_label: String,
    /// Whether the dose axis is logarithmic; all doses must then be above 0.
    pub log_dose: bool,
    /// Small print below the key.
    pub note: Option<String>,
}

impl Default for ParetoFronts {
    fn default() -> Self {
        Self {
            panels: Vec::new(),
            dose_label: "dose / e⁻ Å⁻²".to_owned(),
            quality_label: "quality q".to_owned(),
            log_dose: false,
            note: None,
        }
    }
}

const STAIR: Colour = Colour(150, 150, 150);

/// Which points no other point beats: none has at most the dose and at least the quality, one of them strictly.
pub fn non_dominated(points: &[ParetoPoint]) -> Vec<bool> {
    points
        .iter()
        .map(|p| {
            !points.iter().any(|o| {
                o.dose <= p.dose
                    && o.quality >= p.quality
                    && (o.dose < p.dose || o.quality > p.quality)
            })
        })
        .collect()
}

/// The front of all that compete: [`non_dominated`] without oracles.
fn front(points: &[ParetoPoint]) -> Vec<bool> {
    let competes = |p: &&ParetoPoint| p.strategy != Strategy::Oracle;
    let rivals: Vec<ParetoPoint> = points.iter().filter(competes).cloned().collect();
    let mut verdicts = non_dominated(&rivals).into_iter();
    points
        .iter()
        .map(|p| competes(&p) && verdicts.next().unwrap_or(false))
        .collect()
}

impl ParetoFronts {
    fn check(&self) -> Result<()> {
        check::count("panels", self.panels.len(), MAX_PANELS)?;
        for (p, panel) in self.panels.iter().enumerate() {
            let count = panel.points.len();
            check::count(&format!("panels[{p}].points"), count, 4 * MAX_SERIES)?;
            for (i, point) in panel.points.iter().enumerate() {
                let at = format!("panels[{p}].points[{i}]");
                check::number(&format!("{at}.quality"), point.quality)?;
                check::number(&format!("{at}.dose"), point.dose)?;
                for (name, interval) in [
                    ("dose_interval", point.dose_interval),
                    ("quality_interval", point.quality_interval),
                ] {
                    if let Some(ends) = interval {
                        check::interval(&format!("{at}.{name}"), ends)?;
                    }
                }
                let least = point
                    .dose_interval
                    .map_or(point.dose, |d| d.0.min(point.dose));
                if least < 0.0 || (self.log_dose && least <= 0.0) {
                    let allowed = if self.log_dose {
                        "doses and interval ends above 0 on a logarithmic axis"
                    } else {
                        "doses and interval ends of at least 0"
                    };
                    return Err(Error::argument(format!("{at}.dose"), least, allowed));
                }
            }
        }
        Ok(())
    }

    fn series(&self) -> Result<Vec<(&str, SeriesStyle)>> {
        let mut names: Vec<(&str, Strategy)> = Vec::new();
        for point in self.panels.iter().flat_map(|p| &p.points) {
            if !names.iter().any(|(name, _)| *name == point.label) {
                names.push((&point.label, point.strategy));
            }
        }
        check::count("different labels", names.len(), MAX_SERIES)?;
        let strategies: Vec<Strategy> = names.iter().map(|n| n.1).collect();
        let styles = series_styles(&strategies);
        Ok(names.into_iter().map(|n| n.0).zip(styles).collect())
    }

    fn dose_axis(&self, panel: &ParetoPanel) -> Axis {
        let ends = panel.points.iter().flat_map(|p| {
            let interval = p.dose_interval.unwrap_or((p.dose, p.dose));
            [p.dose, interval.0, interval.1]
        });
        let (low, high) = ends.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
        if self.log_dose {
            // A tenth of the range on either side, so that markers stay off the axes.
            let margin = (high / low.max(1e-100)).powf(0.1).max(1.15);
            Axis::log(low / margin, high * margin)
        } else {
            Axis::linear(0.0, 1.1 * high, 5)
        }
    }

    fn quality_axis(&self) -> Axis {
        let ends = self.panels.iter().flat_map(|p| &p.points).flat_map(|p| {
            let interval = p.quality_interval.unwrap_or((p.quality, p.quality));
            [p.quality, interval.0, interval.1]
        });
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        let margin = 0.06 * (high - low);
        let axis = Axis::rounded(low - margin, high + margin, 5);
        // A fraction does not go beyond 0 and 1, so its axis need not either.
        if low >= 0.0 && high <= 1.0 {
            Axis::linear(axis.low.max(0.0), axis.high.min(1.0), 5)
        } else {
            axis
        }
    }
}

impl Figure for ParetoFronts {
    /// Lays out panels, key and note.
    ///
    /// # Errors
    /// [`Error::Argument`] for empty panels, numbers that are not finite, intervals upside down, negative doses, more than
    /// 30 panels or 24 configurations.
    fn draw(&self) -> Result<Canvas> {
        self.check()?;
        let series = self.series()?;
        let fronts: Vec<Vec<bool>> = self.panels.iter().map(|p| front(&p.points)).collect();
        let entries = series
            .iter()
            .map(|(name, style)| (Sample::Point(*style, true), (*name).to_owned()))
            .collect();
        let outdone = |(p, front): (&ParetoPanel, &Vec<bool>)| {
            let mut both = p.points.iter().zip(front);
            both.any(|(point, on)| !on && point.strategy != Strategy::Oracle)
        };
        let hollow = self.panels.iter().zip(&fronts).any(outdone);
        let note = [
            hollow.then_some("hollow: another is at least as good at no more dose"),
            self.note.as_deref(),
        ];
        let note: Vec<&str> = note.into_iter().flatten().collect();
        let note = note.join("; ");
        let grid = PanelGrid {
            panels: self.panels.len(),
            y: self.quality_axis(),
            legend: Legend { entries },
            note: Some(&note),
        };
        let axes: Vec<Axis> = self.panels.iter().map(|p| self.dose_axis(p)).collect();
        let titles: Vec<&str> = self.panels.iter().map(|p| p.title.as_str()).collect();
        let labels = (
            axes.as_slice(),
            self.dose_label.as_str(),
            self.quality_label.as_str(),
        );
        Ok(grid.draw(labels, &titles, |canvas, frame, p| {
            let points = &self.panels[p].points;
            let styled: Vec<(&ParetoPoint, SeriesStyle)> = points
                .iter()
                .filter_map(|p| Some((p, series.iter().find(|s| s.0 == p.label)?.1)))
                .collect();
            draw_panel(canvas, frame, &styled, &fronts[p]);
        }))
    }
}

fn draw_panel(
    canvas: &mut Canvas,
    frame: &Frame,
    points: &[(&ParetoPoint, SeriesStyle)],
    front: &[bool],
) {
    let place = |p: &ParetoPoint| frame.place(p.dose, p.quality);
    let mut steps: Vec<Place> = points
        .iter()
        .zip(front)
        .filter(|(_, on)| **on)
        .map(|((p, _), _)| place(p))
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut stair: Vec<Place> = Vec::new();
    for (i, &(x, y)) in steps.iter().enumerate() {
        let next = steps.get(i + 1).map_or(frame.right(), |s| s.0);
        stair.extend([(x, y), (next, y)]);
    }
    canvas.line(&stair, 0.9, STAIR, Dash::Solid);
    let mut taken: Vec<Area> = stair
        .windows(2)
        .map(|w| {
            let (a, b) = (w[0], w[1]);
            (
                a.0.min(b.0) - 0.6,
                a.1.min(b.1) - 0.6,
                a.0.max(b.0) + 0.6,
                a.1.max(b.1) + 0.6,
            )
        })
        .collect();
    for (point, style) in points {
        let (x, y) = place(point);
        let mut bar = |from: Place, to: Place| {
            canvas.line(&[from, to], 0.7, style.colour, Dash::Solid);
            taken.push((from.0 - 0.5, to.1 - 0.5, to.0 + 0.5, from.1 + 0.5));
        };
        if let Some((low, high)) = point.quality_interval {
            bar((x, frame.y_at(low)), (x, frame.y_at(high)));
        }
        if let Some((low, high)) = point.dose_interval {
            bar((frame.x_at(low), y), (frame.x_at(high), y));
        }
    }
    // Hollow first: where points meet, the one on the front is seen.
    for wanted in [false, true] {
        for ((point, style), &on) in points.iter().zip(front) {
            let on = on || point.strategy == Strategy::Oracle;
            if on == wanted {
                let (x, y) = place(point);
                canvas.marker(style.marker, (x, y), MARKER_SIZE + 0.6, style.colour, on);
                taken.push((x - 3.2, y - 3.2, x + 3.2, y + 3.2));
            }
        }
    }
    let markers: Vec<Place> = points.iter().map(|(p, _)| place(p)).collect();
    let named = |(point, on): &(&(&ParetoPoint, SeriesStyle), &bool)| {
        **on || point.0.strategy == Strategy::Oracle
    };
    let mut candidates: Vec<&(&ParetoPoint, SeriesStyle)> = points
        .iter()
        .zip(front)
        .filter(named)
        .map(|(point, _)| point)
        .collect();
    candidates.sort_by(|a, b| a.0.dose.total_cmp(&b.0.dose));
    // A configuration that is there at several doses is named once, at the lowest.
    let mut names: Vec<Name> = Vec::new();
    for (point, style) in candidates {
        if !names.iter().any(|name| name.text == point.label) {
            names.push(Name {
                at: place(point),
                text: &point.label,
                colour: style.colour,
            });
        }
    }
    let around = Surroundings {
        points: markers,
        taken,
    };
    draw_names(canvas, frame, &names, &around);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(dose: f64, quality: f64) -> ParetoPoint {
        ParetoPoint {
            dose,
            quality,
            ..ParetoPoint::default()
        }
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let points = [
            point(1.0, 0.2),
            point(2.0, 0.5),
            point(2.0, 0.4),
            point(3.0, 0.5),
            point(4.0, 0.9),
            point(4.0, 0.9),
        ];
        assert_eq!(
            non_dominated(&points),
            [true, true, false, false, true, true]
        );
    }

    #[test]
    fn oracles_do_not_compete() {
        let oracle = ParetoPoint {
            strategy: Strategy::Oracle,
            ..point(0.5, 1.0)
        };
        assert_eq!(
            front(&[oracle, point(1.0, 0.2), point(2.0, 0.1)]),
            [false, true, false]
        );
    }
}
