//! `dosewise study figure`.

use super::JournalOptions;
use clap::Args;
use dosewise::optimize::Study;
use dosewise::plot::{ConvergenceFigure, Figure, MapFigure, SliceFigure};
use dosewise::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct FigureOptions {
    #[command(flatten)]
    journal: JournalOptions,
    /// Folder of the figures; made if need be.
    #[arg(long)]
    out: PathBuf,
    /// Draw the model along this parameter, too; may be given again.
    #[arg(long)]
    slice: Vec<String>,
    /// Draw the model over these two parameters, too, X,Y, or over the image of one parameter of pixels; may be given again.
    #[arg(long)]
    map: Vec<String>,
    /// What the value is, with its unit.
    #[arg(long, default_value = "value")]
    value_label: String,
    /// What the cost is, with its unit.
    #[arg(long, default_value = "cost spent")]
    cost_label: String,
    /// Whether the convergence has a logarithmic axis of values.
    #[arg(long)]
    log: bool,
}

impl FigureOptions {
    /// Draws everything before anything is written: a refusal leaves no figure.
    pub fn run(&self) -> Result<()> {
        let study = self.journal.open()?;
        let mut figures: Vec<(String, Box<dyn Figure>)> = Vec::new();
        let mut convergence = ConvergenceFigure::new(study.convergence()?);
        convergence.value_label.clone_from(&self.value_label);
        convergence.cost_label.clone_from(&self.cost_label);
        convergence.log_value = self.log;
        figures.push(("convergence".into(), Box::new(convergence)));
        for parameter in &self.slice {
            let mut figure = SliceFigure::new(study.slice(parameter)?);
            figure.value_label.clone_from(&self.value_label);
            figures.push((format!("slice-{}", file_name(parameter)), Box::new(figure)));
        }
        for parameters in &self.map {
            let mut figure = MapFigure::new(map(&study, parameters)?);
            figure.value_label.clone_from(&self.value_label);
            figures.push((format!("map-{}", file_name(parameters)), Box::new(figure)));
        }
        for (_, figure) in &figures {
            figure.draw()?;
        }
        for (name, figure) in &figures {
            let [png, svg] = figure.save_png_and_svg(&self.out.join(Path::new(name)))?;
            println!("{}\n{}", png.display(), svg.display());
        }
        Ok(())
    }
}

fn map(study: &Study, parameters: &str) -> Result<dosewise::optimize::StudyMap> {
    let names: Vec<&str> = parameters.split(',').map(str::trim).collect();
    match names.as_slice() {
        [image] => study.pixel_map(image),
        [x, y] => study.map(x, y),
        _ => {
            let allowed = "one parameter of pixels or two of numbers, X,Y";
            Err(Error::argument("--map", format!("`{parameters}`"), allowed))
        }
    }
}

/// Letters and digits as they are, anything else as a hyphen.
fn file_name(text: &str) -> String {
    let kept = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' });
    kept.collect()
}
