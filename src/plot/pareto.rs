//! Quality against dose for whole configurations, with the front of those that nothing beats.

use super::axes::{Axis, Frame};
use super::canvas::{Anchor, Canvas, Place, TextFormat};
use super::check;
use super::figure::Figure;
use super::font::Weight;
use super::legend::{Legend, MAX_PANELS, PanelGrid, Sample};
use super::style::{
    Colour, Dash, MARKER_SIZE, MAX_SERIES, SeriesStyle, Strategy, TICK_SIZE, series_styles,
};
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
/// neither make up the front nor push others off it.
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
            let margin = (high / low).powf(0.1).max(1.15);
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

/// An upright rectangle: left, top, right, bottom.
type Area = (f64, f64, f64, f64);

fn overlap(a: Area, b: Area) -> f64 {
    let width = a.2.min(b.2) - a.0.max(b.0);
    let height = a.3.min(b.3) - a.1.max(b.1);
    if width > 0.0 && height > 0.0 {
        width * height
    } else {
        0.0
    }
}

/// Distance from a place to the nearest edge of an area, 0 inside.
fn gap(area: Area, (x, y): Place) -> f64 {
    let aside = (area.0 - x).max(x - area.2).max(0.0);
    let above = (area.1 - y).max(y - area.3).max(0.0);
    aside.hypot(above)
}

/// The line that ties a name to a point far from it; none when they are neighbours.
fn leader((x, y): Place, area: Area) -> Option<[Place; 2]> {
    let apart = gap(area, (x, y));
    let to = (x.clamp(area.0, area.2), y.clamp(area.1, area.3));
    let t = 3.8 / apart;
    (apart > 7.5).then(|| [(x + t * (to.0 - x), y + t * (to.1 - y)), to])
}

/// Small areas along a line, to ask what it crosses.
fn beads(from: Place, to: Place) -> impl Iterator<Item = Area> {
    (0..12).map(move |i| {
        let t = f64::from(i) / 12.0;
        let (x, y) = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
        (x - 0.7, y - 0.7, x + 0.7, y + 0.7)
    })
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
    for ((point, style), _) in points.iter().zip(front).filter(named) {
        draw_label(
            canvas,
            frame,
            place(point),
            &point.label,
            style.colour,
            (&markers, &mut taken),
        );
    }
}

/// Writes a name beside its point where it covers least of what is there already.
fn draw_label(
    canvas: &mut Canvas,
    frame: &Frame,
    (x, y): Place,
    name: &str,
    colour: Colour,
    (markers, taken): (&[Place], &mut Vec<Area>),
) {
    let width = Canvas::text_width(name, TICK_SIZE, Weight::Regular);
    let (half, rise) = (width / 2.0, 0.5 * TICK_SIZE);
    let mut best: Option<(f64, Area)> = None;
    for distance in [6.0, 9.0, 13.0, 18.0, 24.0, 32.0] {
        // Above left first: the side of the front where no configuration can lie.
        let (d, s) = (distance, 0.75 * distance);
        for (dx, dy) in [
            (-half - s, -s),
            (0.0, -d),
            (half + d, 0.0),
            (half + s, s),
            (half + s, -s),
            (-half - d, 0.0),
            (-half / 2.0, -d),
            (half / 2.0, -d),
            (0.0, d),
            (half / 2.0, d),
            (-half / 2.0, d),
            (-half - s, s),
        ] {
            let middle = (x + dx, y + dy);
            let area = (
                middle.0 - half,
                middle.1 - rise,
                middle.0 + half,
                middle.1 + rise,
            );
            let outside = (frame.left + 1.0 - area.0).max(0.0)
                + (area.2 - frame.right() - 3.0).max(0.0)
                + (frame.top - 2.0 - area.1).max(0.0)
                + (area.3 - frame.bottom() + 1.0).max(0.0);
            let covered: f64 = taken.iter().map(|t| overlap(area, *t)).sum();
            // A name close to a stranger's marker would be read as the stranger's.
            let confused: f64 = markers
                .iter()
                .filter(|m| **m != (x, y))
                .map(|m| (8.0 - gap(area, *m)).max(0.0))
                .sum();
            let crossed: f64 = leader((x, y), area)
                .into_iter()
                .flat_map(|[from, to]| beads(from, to))
                .flat_map(|bead| taken.iter().map(move |t| overlap(bead, *t)))
                .sum();
            let cost = covered + 3.0 * crossed + 4.0 * confused + 1e3 * outside + 0.5 * distance;
            if best.is_none_or(|(least, _)| cost < least - 1e-9) {
                best = Some((cost, area));
            }
        }
    }
    if let Some((_, area)) = best {
        // A name that had to move away is tied to its point by a thin line.
        if let Some([from, to]) = leader((x, y), area) {
            canvas.line(&[from, to], 0.5, colour, Dash::Solid);
            taken.extend(beads(from, to));
        }
        let middle = ((area.0 + area.2) / 2.0, (area.1 + area.3) / 2.0);
        let format = TextFormat::new(TICK_SIZE, Anchor::Middle).coloured(darker(colour));
        canvas.text_centred(name, middle, format);
        taken.push(area);
    }
}

/// The colour dark enough for small text on white.
fn darker(colour: Colour) -> Colour {
    let dim = |c: u8| (0.72 * f64::from(c)) as u8;
    Colour(dim(colour.0), dim(colour.1), dim(colour.2))
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

    #[test]
    fn labels_of_separate_points_do_not_overlap() {
        let y = Axis::linear(0.0, 1.0, 5);
        let frame = Frame {
            left: 0.0,
            top: 0.0,
            width: 200.0,
            height: 150.0,
            x: y.clone(),
            y,
        };
        let mut canvas = Canvas::new(220.0, 170.0);
        let mut taken = Vec::new();
        let markers = [(50.0, 50.0), (56.0, 48.0), (60.0, 60.0), (52.0, 62.0)];
        for at in markers {
            let before = taken.len();
            let around = (&markers[..], &mut taken);
            draw_label(&mut canvas, &frame, at, "gittins", STAIR, around);
            let new = taken[before];
            assert!(taken[..before].iter().all(|t| overlap(*t, new) == 0.0));
        }
    }
}
