//! The specimen that a seed stands for.

use super::columns::{Candidate, Wear};
use super::{Column, Nucleus, Specimen, Tally};
use crate::random::{Purpose, StreamKey};
use crate::stem::Charge;
use crate::units::{Point, Seed};
use crate::world::blueprint::{Blueprint, Content};
use crate::world::briefing::Briefing;
use crate::world::crystal_plan::CrystalPlan;
use crate::world::damage::{DoseMap, EnergyTrail};
use crate::world::image::Canvas;
use crate::world::particle_plan::ParticlePlan;
use crate::world::region_plan::RegionPlan;
use crate::world::regions::Regions;
use crate::world::task::{Task, Truth};
use std::sync::Arc;

impl Specimen {
    /// A fresh specimen; everything random in it follows from the seed.
    pub(in crate::world) fn realise(
        blueprint: Arc<Blueprint>,
        briefing: &Briefing,
        seed: Seed,
    ) -> Self {
        let mut canvas = None;
        let mut regions = None;
        let mut columns = Vec::new();
        let truth = match &blueprint.content {
            Content::Crystal(plan) => {
                let (image, drawn, truth) = crystal(plan, &blueprint, briefing, seed);
                canvas = Some(image);
                columns = drawn;
                truth
            }
            Content::Particle(plan) => {
                let (image, drawn, truth) = particle(plan, &blueprint, briefing, seed);
                canvas = Some(image);
                columns = drawn;
                truth
            }
            Content::Regions(plan) => {
                let labels = plan.pattern.draw(&plan.cells, seed);
                let drawn = Regions::new(plan.grid, labels, plan.seam);
                let truth = domains(plan, &drawn, briefing);
                regions = Some(drawn);
                if blueprint.nucleation.is_some() {
                    canvas = Some(Canvas::new(plan.raster, blueprint.lattice.shape()));
                }
                truth
            }
        };
        let hypotheses = || {
            let placed = blueprint.content.placed().iter().zip(&columns);
            placed.map(|(placed, column)| {
                &blueprint.kinds[placed.site.kind].hypotheses[usize::from(column.hypothesis)]
            })
        };
        let at_risk: usize = hypotheses()
            .take(blueprint.content.inside())
            .map(|hypothesis| hypothesis.at_risk())
            .sum();
        let candidates = (blueprint.content.placed().iter()).zip(hypotheses());
        let candidates = candidates.map(|(placed, hypothesis)| Candidate {
            place: blueprint.lattice.to_field(placed.crystal),
            crystal: placed.crystal,
            hypothesis,
        });
        let budget = Charge::from_electrons(briefing.budget_electrons());
        let wear = Wear::new(candidates, &blueprint.illumination, budget, seed);
        let [rows, cells] = blueprint.lattice.shape();
        let [height, width] = blueprint.lattice.period();
        let nuclei = blueprint.nucleation.iter().flat_map(|nucleation| {
            let extent = [rows as f64 * height, cells as f64 * width];
            nucleation.draw(extent, seed).into_iter()
        });
        let mut nuclei: Vec<(Point, f64)> = nuclei.collect();
        nuclei.sort_by(|a, b| a.0.y.total_cmp(&b.0.y));
        let dose_map = DoseMap::new(rows, cells, height, width);
        let nuclei = nuclei.into_iter().enumerate();
        let nuclei = nuclei.map(|(number, (place, threshold))| Nucleus {
            number,
            place,
            corners: dose_map.corners(place.y, place.x),
            dose: 0.0,
            threshold,
            grown: false,
        });
        Self {
            nuclei: nuclei.collect(),
            dose_map: blueprint.follows_dose.then_some(dose_map),
            diffusion: (blueprint.diffusion)
                .map(|law| EnergyTrail::new(law, rows as f64 * height, cells as f64 * width)),
            tally: Tally { at_risk, lost: 0 },
            hops: StreamKey::new(seed, Purpose::Hop),
            departures: Vec::new(),
            passed: Vec::new(),
            canvas,
            regions,
            columns,
            wear: (!wear.is_empty()).then_some(wear),
            truth,
            blueprint,
        }
    }
}

fn crystal(
    plan: &CrystalPlan,
    blueprint: &Blueprint,
    briefing: &Briefing,
    seed: Seed,
) -> (Canvas, Vec<Column>, Truth) {
    let kinds = &blueprint.kinds;
    let places = plan.placed.iter().map(|p| (p.site.position, p.site.kind));
    let defects = briefing.draw_defects(&places.collect::<Vec<_>>(), seed);
    let mut canvas = Canvas::tiled(&plan.tile, blueprint.lattice.shape());
    let mut columns = Vec::with_capacity(plan.placed.len());
    for (placed, defect) in plan.placed.iter().zip(&defects) {
        let kind = &kinds[placed.site.kind];
        let hypothesis = (kind.hypotheses.iter())
            .position(|h| h.class == *defect)
            .unwrap_or(0);
        let appearance = kind.hypotheses[hypothesis].chain[0];
        if appearance != 0 {
            canvas.add(placed.cell, &plan.stamps[placed.column][appearance], 1.0);
        }
        columns.push(Column {
            hypothesis: hypothesis as u16,
            lost: 0,
            gained: 0,
        });
    }
    let truth = Truth::PointDefects {
        positions: briefing.sites.iter().map(|site| site.position).collect(),
        defects: defects[..plan.inside].to_vec(),
    };
    (canvas, columns, truth)
}

fn particle(
    plan: &ParticlePlan,
    blueprint: &Blueprint,
    briefing: &Briefing,
    seed: Seed,
) -> (Canvas, Vec<Column>, Truth) {
    let (canvas, atoms) = plan.draw(&blueprint.lattice, seed);
    let columns = atoms.iter().map(|&atoms| Column {
        hypothesis: atoms as u16,
        lost: 0,
        gained: 0,
    });
    let truth = Truth::Counting {
        positions: briefing.sites.iter().map(|site| site.position).collect(),
        numbers: atoms[..plan.inside].iter().map(|&n| n as f64).collect(),
    };
    (canvas, columns.collect(), truth)
}

/// The truth about a world of domains, for the task that was chosen.
fn domains(plan: &RegionPlan, regions: &Regions, briefing: &Briefing) -> Truth {
    let positions = plan.inside.iter().map(|(_, place)| *place).collect();
    let meaning = plan.inside.iter();
    let meaning = meaning.map(|(cell, _)| plan.meaning[regions.label(*cell)]);
    match briefing.task {
        Task::Polarisation => Truth::Polarisation {
            positions,
            vectors: meaning.map(|m| m.vector).collect(),
        },
        _ => Truth::Domains {
            positions,
            labels: meaning.map(|m| m.class).collect(),
            classes: plan.classes.len(),
        },
    }
}
