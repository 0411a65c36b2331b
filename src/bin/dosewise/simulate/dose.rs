//! The electrons of a scan and the chain that counts them.

use clap::Args;
use dosewise::Result;
use dosewise::stem::{Exposure, Raster, Readout};
use dosewise::units::Dose;

#[derive(Args)]
pub struct DoseOptions {
    /// Dose, e⁻/Å²: the images become counts.
    #[arg(long, conflicts_with_all = ["current", "dwell"])]
    dose: Option<f64>,
    /// Current of the beam, pA.
    #[arg(long, requires = "dwell")]
    current: Option<f64>,
    /// Time at each position, µs.
    #[arg(long, requires = "current")]
    dwell: Option<f64>,
    /// Counts per electron.
    #[arg(long, default_value_t = 1.0)]
    gain: f64,
    /// Standard deviation of the readout noise, electrons.
    #[arg(long, default_value_t = 0.0)]
    readout_noise: f64,
    /// Counts without electrons.
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    offset: f64,
    /// Bits of the converter; real numbers if it is not given.
    #[arg(long)]
    bits: Option<u32>,
}

/// How many electrons, and how they are counted.
#[derive(Clone, Copy)]
pub struct Chain {
    amount: Amount,
    readout: Readout,
}

#[derive(Clone, Copy)]
enum Amount {
    Dose(Dose),
    Each(Exposure),
}

impl DoseOptions {
    /// The chain, if a dose was given.
    pub fn chain(&self) -> Result<Option<Chain>> {
        let amount = match (self.dose, self.current, self.dwell) {
            (Some(dose), ..) => Amount::Dose(Dose(dose)),
            (None, Some(current), Some(dwell)) => Amount::Each(Exposure::beam(current, dwell)?),
            _ => return Ok(None),
        };
        let readout = Readout {
            gain: self.gain,
            noise_variance: self.readout_noise * self.readout_noise.abs(),
            offset: self.offset,
            bits: self.bits,
        };
        // a bad number is told before the simulation, not after it
        let nothing = ndarray::Array2::zeros((1, 1));
        readout.read(
            &nothing,
            Exposure::electrons_each(0.0)?,
            Default::default(),
            0,
        )?;
        Ok(Some(Chain { amount, readout }))
    }
}

impl Chain {
    /// Electrons of each position, and their detector.
    pub fn exposure(self, raster: &Raster) -> Result<(Exposure, Readout)> {
        let exposure = match self.amount {
            Amount::Dose(dose) => Exposure::dosed(dose, raster)?,
            Amount::Each(exposure) => exposure,
        };
        Ok((exposure, self.readout))
    }
}
