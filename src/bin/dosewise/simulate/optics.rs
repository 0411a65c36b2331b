//! The beam, the lens and how coherent they are.

use super::numbers;
use clap::Args;
use dosewise::stem::{
    Aberrations, ApertureEdge, Beam, Coherence, FocalSpread, Probe, Source, Tilt,
};
use dosewise::{Error, Result};

#[derive(Args)]
pub struct OpticsOptions {
    /// Energy of the electrons, keV.
    #[arg(long, default_value_t = 200.0)]
    energy: f64,
    /// Convergence semi-angle, mrad.
    #[arg(long, default_value_t = 20.0)]
    semiangle: f64,
    /// Aberrations in Å and rad, e.g. 'C10=-50, C12=20@0.3, C30=1e4'.
    #[arg(long, default_value = "none", allow_hyphen_values = true)]
    aberrations: Aberrations,
    /// How the aperture ends: hard, anti-aliased, or over so many mrad.
    #[arg(long, default_value = "hard")]
    edge: String,
    /// Tilt of the beam towards y and x, mrad.
    #[arg(long, value_name = "Y,X", allow_hyphen_values = true)]
    beam_tilt: Option<String>,
    /// Size of the source: full width at half maximum on the specimen, Å.
    #[arg(long, default_value_t = 0.0)]
    source: f64,
    /// Spread of focus, standard deviation, Å.
    #[arg(long, default_value_t = 0.0)]
    focal_spread: f64,
}

impl OpticsOptions {
    pub fn beam(&self) -> Result<Beam> {
        Beam::new(self.energy)
    }

    pub fn probe(&self) -> Result<Probe> {
        let edge = match self.edge.as_str() {
            "hard" => ApertureEdge::Hard,
            "anti-aliased" => ApertureEdge::AntiAliased,
            width => ApertureEdge::Soft {
                width_mrad: width.parse().map_err(|_| {
                    let rule = "hard, anti-aliased, or a width in mrad";
                    Error::argument("--edge", format!("`{width}`"), rule)
                })?,
            },
        };
        let probe = Probe::new(self.beam()?, self.semiangle, self.aberrations.clone())?;
        let probe = probe.with_edge(edge)?;
        match &self.beam_tilt {
            Some(tilt) => {
                let [y, x] = numbers::two("--beam-tilt", tilt)?;
                Ok(probe.with_tilt(Tilt::new(y, x)?))
            }
            None => Ok(probe),
        }
    }

    pub fn coherence(&self) -> Result<Coherence> {
        Ok(Coherence {
            focal_spread: FocalSpread::new(self.focal_spread)?,
            source: Source::gaussian_fwhm(self.source)?,
        })
    }
}
