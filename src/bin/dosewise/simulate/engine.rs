//! How waves are computed: in the whole box, in a window around each probe, or by PRISM.

use clap::Args;
use dosewise::stem::Multislice;
use dosewise::{Error, Result};
use serde_json::{Value, json};

#[derive(Args)]
pub struct EngineOptions {
    /// Compute the wave of each probe only in a square of this width around it, Å: faster, good for dark fields.
    #[arg(long, value_name = "Å")]
    window: Option<f64>,
    /// PRISM: send every F-th plane wave along y and x through the specimen once, and put all probes together from them.
    #[arg(long, value_name = "F")]
    prism: Option<usize>,
}

impl EngineOptions {
    /// Refuses what excludes each other.
    pub fn check(&self) -> Result<()> {
        if self.prism.is_some() && self.window.is_some() {
            let rule =
                "one of the two: PRISM looks at a probe in a window of its own, 1/F of the box";
            return Err(Error::argument("--prism", "together with --window", rule));
        }
        Ok(())
    }

    /// The interpolation of PRISM along (y, x), if it is to be used.
    pub fn interpolation(&self) -> Option<[usize; 2]> {
        self.prism.map(|f| [f, f])
    }

    /// The same simulation in the window that was asked for.
    pub fn windowed<'a>(&self, multislice: Multislice<'a>) -> Multislice<'a> {
        match self.window {
            Some(width) => multislice.window(width),
            None => multislice,
        }
    }

    /// The options, for the files of a scan.
    pub fn description(&self) -> Value {
        json!({ "window": self.window, "prism": self.prism })
    }
}
