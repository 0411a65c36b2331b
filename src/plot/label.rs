//! Names beside points: where they cover least, with a line to the point when they had to move away.

use super::canvas::{Anchor, Canvas, Place, TextFormat};
use super::font::Weight;
use super::frame::Frame;
use super::style::{Colour, Dash, TICK_SIZE};

/// An upright rectangle: left, top, right, bottom.
pub(crate) type Area = (f64, f64, f64, f64);

fn overlap(a: Area, b: Area) -> f64 {
    let width = a.2.min(b.2) - a.0.max(b.0);
    let height = a.3.min(b.3) - a.1.max(b.1);
    if width > 0.0 && height > 0.0 {
        width * height
    } else {
        0.0
    }
}

/// Cost of covering one area by another: even a touch is read as a flaw.
fn touch(a: Area, b: Area) -> f64 {
    let shared = overlap(a, b);
    if shared > 0.0 { 8.0 + shared } else { 0.0 }
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
    (apart > 7.5).then_some([(x + t * (to.0 - x), y + t * (to.1 - y)), to])
}

/// Small areas along a line, to ask what it crosses.
fn beads([from, to]: [Place; 2]) -> impl Iterator<Item = Area> {
    (0..12).map(move |i| {
        let t = f64::from(i) / 12.0;
        let (x, y) = (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1));
        (x - 0.7, y - 0.7, x + 0.7, y + 0.7)
    })
}

/// A point and the name that belongs beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) at: Place,
    pub(crate) text: &'a str,
    pub(crate) colour: Colour,
}

/// What names should keep clear of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// All points, named or not: a name close to a stranger's point would be read as the stranger's.
    pub(crate) points: Vec<Place>,
    /// Areas that carry ink.
    pub(crate) taken: Vec<Area>,
}

/// Finds a place for each name and its cost. Names are placed one after the other, the last given first if `backward`.
fn arranged(
    frame: &Frame,
    names: &[Name],
    around: &Surroundings,
    backward: bool,
) -> (f64, Vec<Area>) {
    let mut around = around.clone();
    let mut areas = vec![(0.0, 0.0, 0.0, 0.0); names.len()];
    let mut total = 0.0;
    for k in 0..names.len() {
        let i = if backward { names.len() - 1 - k } else { k };
        let (cost, area) = best_place(frame, &names[i], &around);
        total += cost;
        areas[i] = area;
        around.taken.push(area);
        around
            .taken
            .extend(leader(names[i].at, area).into_iter().flat_map(beads));
    }
    (total, areas)
}

/// The cheapest of many places around a point, with its cost.
fn best_place(frame: &Frame, name: &Name, around: &Surroundings) -> (f64, Area) {
    let (x, y) = name.at;
    let half = Canvas::text_width(name.text, TICK_SIZE, Weight::Regular) / 2.0;
    let rise = 0.5 * TICK_SIZE;
    let mut best = (f64::INFINITY, (x, y, x, y));
    for distance in [6.0, 9.0, 13.0, 18.0, 24.0, 32.0] {
        // Above left first: the side of the front where no configuration can lie.
        let (d, s) = (distance, 0.75 * distance);
        let beside = [-half - s, half + s].map(|dx| [(dx, -s), (dx, s)]);
        let level = [(-half - d, 0.0), (half + d, 0.0)];
        let shifts = [0.0, -0.5, 0.5, -1.0, 1.0].map(|share| share * half);
        let above = shifts.map(|dx| (dx, -d));
        let below = shifts.map(|dx| (dx, d));
        let offsets = beside
            .into_iter()
            .flatten()
            .chain(level)
            .chain(above)
            .chain(below);
        for (dx, dy) in offsets {
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
            let covered: f64 = around.taken.iter().map(|t| touch(area, *t)).sum();
            let strangers = around.points.iter().filter(|p| **p != name.at);
            let confused: f64 = strangers.map(|p| (8.0 - gap(area, *p)).max(0.0)).sum();
            let crossed: f64 = leader(name.at, area)
                .into_iter()
                .flat_map(beads)
                .flat_map(|bead| around.taken.iter().map(move |t| touch(bead, *t)))
                .sum();
            let cost = covered + crossed + 4.0 * confused + 1e3 * outside + 0.5 * distance;
            if cost < best.0 - 1e-9 {
                best = (cost, area);
            }
        }
    }
    best
}

/// Writes each name beside its point where it covers least of what is there already; a name that had to move away is
/// tied to its point by a thin line.
pub(crate) fn draw_names(
    canvas: &mut Canvas,
    frame: &Frame,
    names: &[Name],
    around: &Surroundings,
) -> Vec<Area> {
    let forward = arranged(frame, names, around, false);
    let backward = arranged(frame, names, around, true);
    let (_, areas) = if backward.0 < forward.0 {
        backward
    } else {
        forward
    };
    for (name, &area) in names.iter().zip(&areas) {
        if let Some([from, to]) = leader(name.at, area) {
            canvas.line(&[from, to], 0.5, name.colour, Dash::Solid);
        }
        let middle = ((area.0 + area.2) / 2.0, (area.1 + area.3) / 2.0);
        let format = TextFormat::new(TICK_SIZE, Anchor::Middle).coloured(darker(name.colour));
        canvas.text_centred(name.text, middle, format);
    }
    areas
}

/// The colour dark enough for small text on white.
fn darker(colour: Colour) -> Colour {
    let dim = |c: u8| (0.72 * f64::from(c)) as u8;
    Colour(dim(colour.0), dim(colour.1), dim(colour.2))
}

#[cfg(test)]
mod tests {
    use super::super::axis::Axis;
    use super::super::style::BLACK;
    use super::*;

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
        let points = vec![(50.0, 50.0), (56.0, 48.0), (60.0, 60.0), (52.0, 62.0)];
        let name = |&at: &Place| Name {
            at,
            text: "gittins",
            colour: BLACK,
        };
        let names: Vec<Name> = points.iter().map(name).collect();
        let taken = vec![(0.0, 54.0, 200.0, 56.0)];
        let areas = draw_names(&mut canvas, &frame, &names, &Surroundings { points, taken });
        for (i, a) in areas.iter().enumerate() {
            assert!(a.0 >= frame.left && a.2 <= frame.right() + 3.0);
            assert!(areas[..i].iter().all(|b| overlap(*a, *b) == 0.0));
        }
    }
}
