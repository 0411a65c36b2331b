//! From a world file to what its operator knows and what its specimens are made of.

use super::blueprint::{Blueprint, Content};
use super::briefing::{Briefing, DomainCell, PerfectFact, PhaseFact};
use super::crystal_plan;
use super::definition::Definition;
use super::illumination::Illumination;
use super::imager::{Lens, detector};
use super::knock_on_plan::cross_sections;
use super::lattice::{Lattice, Layout};
use super::material::Material;
use super::neighbourhood::Neighbourhood;
use super::particle_plan;
use super::region_plan::{self, RegionPlan};
use super::regions::Phase;
use crate::error::{Error, Result};
use crate::metric::QualityCurve;
use crate::stem::Crystal;
use crate::units::{Dose, Point, Seed};
use std::ops::ControlFlow;
use std::path::Path;

/// Margin around the field in which the crystal goes on, Å: an atom beyond it cannot be seen from inside.
pub(super) const MARGIN: f64 = 12.0;
/// Time in which a current of 1 pA carries one electron, s.
const SECONDS_PER_ELECTRON_AT_ONE_PICOAMPERE: f64 =
    crate::stem::constants::ELEMENTARY_CHARGE / 1e-12;
/// Where libraries that are not shipped are kept.
const LIBRARIES: &str = "target/libraries";
/// Specimens from which the shares of the phases are learned.
const SPECIMENS: u64 = 40;

/// What the operator knows, and what nobody but the simulator does.
pub(super) fn plan(definition: &Definition, file: &Path) -> Result<(Briefing, Blueprint)> {
    definition.check(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let material_file = folder.join(&definition.material);
    let material = Material::load(&material_file)?;
    let library = material.library(Path::new(LIBRARIES), &mut |_| ControlFlow::Continue(()))?;
    let Some(detector) = detector(&material, &definition.detector.name) else {
        let sections = &material.definition().detector;
        let names: Vec<&str> = sections.iter().map(|d| d.name.as_str()).collect();
        let allowed = format!("a detector of the material: {}", names.join(", "));
        let found = format!("{:?}", definition.detector.name);
        return Err(Error::config(file, "detector.name", found, allowed));
    };
    let field = &definition.field;
    let rotation = field.rotation_deg.to_radians();
    let layout = Layout {
        field: [field.height, field.width],
        margin: MARGIN,
        rotation,
        origin: Point::new(field.origin[0], field.origin[1]),
    };
    let extent = material.recipe().cell().extent();
    let lattice = Lattice::new([extent.y, extent.x], &layout);
    // FWHM = sqrt(8 ln 2) σ
    let source = definition.beam.source_fwhm / (8.0 * 2.0_f64.ln()).sqrt();
    let lens = Lens {
        detector,
        aberrations: definition.beam.aberrations.turned(-rotation),
        blur: source,
    };
    let expected = Lens {
        blur: source.hypot(definition.scan.jitter()),
        ..lens.clone()
    };
    let refused = |error| super::key_refusal::refused_argument(file, "beam.aberrations", error);
    let probe = lens.probe(&library)?;
    let illumination = Illumination::new(&probe, source).map_err(refused)?;
    let seen_illumination = Illumination::new(&probe, expected.blur).map_err(refused)?;

    let pair = (&material, &library);
    let lenses = (&lens, &expected);
    let (mut kinds, mut classes) = (Vec::new(), Vec::new());
    let (mut phases, mut domain_classes) = (Vec::new(), Vec::new());
    let (mut cells, mut labels) = (Vec::new(), None);
    let mut pair_ratios = [Vec::new(), Vec::new()];
    let (content, image) = if let Some(section) = &definition.domains {
        let (plan, seen) = region_plan::plan(definition, file, section, pair, lenses, &lattice)
            .map_err(refused)?;
        (phases, pair_ratios) = facts(&plan, seen);
        labels = Some(plan.grid);
        domain_classes = plan.classes.clone();
        let cell = |&(index, position): &([usize; 2], Point)| DomainCell { position, index };
        cells = plan.inside.iter().map(cell).collect();
        (Content::Regions(plan), PerfectFact::Phases)
    } else if let Some(section) = &definition.particle {
        let (plan, found, empty) =
            particle_plan::plan(definition, file, section, pair, lenses, &lattice)
                .map_err(refused)?;
        kinds = found;
        (Content::Particle(plan), PerfectFact::Even(empty))
    } else {
        let crystal_file = material_file.parent().unwrap_or(Path::new("."));
        let crystal = Crystal::read_cif(crystal_file.join(&material.definition().crystal))?;
        let sigmas = cross_sections(definition, &crystal, probe.beam(), file)?;
        let (plan, facts) = crystal_plan::plan(definition, file, pair, lenses, &lattice, &sigmas)
            .map_err(refused)?;
        kinds = facts.kinds;
        classes = facts.classes;
        (Content::Crystal(plan), PerfectFact::Crystal(facts.tile))
    };
    let placed = &content.placed()[..content.inside()];
    let sites: Vec<_> = placed.iter().map(|placed| placed.site).collect();
    let places = sites.iter().map(|site| site.position);
    let places: Vec<Point> = places.chain(cells.iter().map(|c| c.position)).collect();
    if places.is_empty() {
        let allowed = "a field with something to ask about in it";
        return Err(Error::config(file, "field", "no column or cell", allowed));
    }
    let contamination = definition.damage.contamination;
    let damage = &definition.damage;
    let follows_dose =
        !damage.decay.is_empty() || damage.nucleation.is_some() || contamination.is_some();
    let briefing = Briefing {
        name: definition.name.clone(),
        material: material.definition().title.clone(),
        level: definition.level,
        task: definition.tasks[0],
        tasks: definition.tasks.clone(),
        height: field.height,
        width: field.width,
        budget: Dose(definition.budget.dose),
        sites,
        kinds: kinds.clone(),
        classes,
        clusters: definition.defects.as_ref().and_then(|d| d.clusters),
        cells,
        phases,
        domain_classes,
        electrons_per_second: definition.beam.current_pa / SECONDS_PER_ELECTRON_AT_ONE_PICOAMPERE,
        scan: definition.scan,
        readout_noise: definition.detector.readout_noise,
        gain_noise: definition.detector.gain_noise,
        image,
        lattice: lattice.clone(),
        blank_curve: QualityCurve::new(definition.budget.dose)?,
        neighbourhood: Neighbourhood::new(&places),
        illumination: seen_illumination,
        contamination,
        pair_ratios,
        labels,
        numbers: (content.cells().iter().map(|(cell, _)| *cell).zip(0..)).collect(),
        follows_dose,
    };
    let blueprint = Blueprint {
        follows_dose,
        lattice,
        content,
        kinds,
        illumination,
        contamination,
        diffusion: damage.diffusion,
        nucleation: damage.nucleation,
    };
    Ok((briefing, blueprint))
}

/// What is known of the phases, their shares and how likely one is beside another, over specimens drawn from the world's published
/// law with seeds of their own.
fn facts(plan: &RegionPlan, seen: Vec<Phase>) -> (Vec<PhaseFact>, [Vec<f64>; 2]) {
    let phases = seen.len();
    // one of each to begin with: nothing that the law allows is impossible
    let mut counts = vec![1.0; phases];
    let mut pairs = [0, 1].map(|_| vec![0.02; phases * phases]);
    for specimen in 0..SPECIMENS {
        // seeds of a range of their own, far from those that anybody counts up to
        let labels = plan.pattern.draw(&plan.cells, Seed(u64::MAX - specimen));
        let at = |row: usize, column: usize| labels.get([row, column]).map(|l| usize::from(*l));
        for &([row, column], _) in &plan.inside {
            let Some(own) = at(row, column) else { continue };
            counts[own] += 1.0;
            for (axis, behind) in [at(row + 1, column), at(row, column + 1)]
                .into_iter()
                .enumerate()
            {
                if let Some(behind) = behind {
                    pairs[axis][own * phases + behind] += 1.0;
                }
            }
        }
    }
    let total: f64 = counts.iter().sum();
    let ratios = pairs.map(|pairs| {
        let all: f64 = pairs.iter().sum();
        let share = |k: usize, l: usize| counts[k] * counts[l] / (total * total);
        let each = pairs.iter().enumerate();
        each.map(|(n, count)| count / all / share(n / phases, n % phases))
            .collect()
    });
    let facts = seen.into_iter().zip(&plan.meaning).zip(&counts);
    let facts = facts.map(|((seen, meaning), count)| PhaseFact {
        class: meaning.class,
        vector: meaning.vector,
        prior: count / total,
        seen,
    });
    (facts.collect(), ratios)
}
