//! From patches to the features that the kernel sees.

use crate::error::{Error, Result};
use crate::network::{Batch, Gradient, Network, Pass};
use crate::units::Seed;
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// z = scale ∘ (g_w(inputs) − shift): a network whose inputs and outputs are both brought to mean zero and variance one on
/// the patches it was made with. The two maps stay fixed afterwards: only the weights are trained, and the
/// lengthscales follow what becomes of the spread of the features.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureMap {
    pub network: Network,
    /// One for each channel of the inputs.
    inputs: Vec<Standard>,
    /// One for each feature.
    outputs: Vec<Standard>,
}

/// (value − shift) · scale.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standard {
    shift: f64,
    scale: f64,
}

impl Standard {
    /// Brings these values to mean zero and variance one; values that do not differ are only shifted.
    fn of(values: ArrayView2<'_, f64>) -> Self {
        let count = values.len().max(1) as f64;
        let shift = values.iter().map(|v| v / count).sum::<f64>();
        let spread = (values.iter().map(|v| (v - shift).powi(2)).sum::<f64>() / count).sqrt();
        let usable = spread > 1e-12 * shift.abs() && (1e-140..1e140).contains(&spread);
        let scale = if usable { 1.0 / spread } else { 1.0 };
        Self { shift, scale }
    }

    fn is_usable(&self) -> bool {
        self.shift.is_finite() && self.scale.is_finite() && self.scale > 0.0
    }
}

impl FeatureMap {
    /// Standardised on these patches.
    pub fn new(network: Network, patches: &Batch<'_>) -> Result<Self> {
        let rows = patches.rows("patches", network.input())?;
        let pixels = network.input().height * network.input().width;
        let channel = |c: usize| rows.slice_axis(Axis(1), (c * pixels..(c + 1) * pixels).into());
        let channels = 0..network.input().channels;
        let mut map = Self {
            inputs: channels.map(|c| Standard::of(channel(c))).collect(),
            outputs: Vec::new(),
            network,
        };
        let prepared = map.prepare(patches)?;
        map.standardise(&prepared)?;
        Ok(map)
    }

    /// The same with other weights, standardised on these prepared patches.
    pub fn redrawn(&self, seed: Seed, prepared: &Array2<f64>) -> Result<Self> {
        let mut map = Self {
            network: self.network.redrawn(seed),
            ..self.clone()
        };
        map.standardise(prepared)?;
        Ok(map)
    }

    fn standardise(&mut self, prepared: &Array2<f64>) -> Result<()> {
        let raw = self.network.forward(prepared)?;
        let columns = raw.columns().into_iter();
        self.outputs = columns
            .map(|column| Standard::of(column.insert_axis(Axis(1))))
            .collect();
        Ok(())
    }

    /// Numbers in a patch.
    pub fn dimension(&self) -> usize {
        self.network.input().len()
    }

    /// The patches as the network wants them, one a row.
    pub fn prepare(&self, patches: &Batch<'_>) -> Result<Array2<f64>> {
        let mut rows = patches.rows("patches", self.network.input())?;
        let pixels = self.network.input().height * self.network.input().width;
        for ((_, k), value) in rows.indexed_iter_mut() {
            let standard = self.inputs[k / pixels];
            *value = (*value - standard.shift) * standard.scale;
        }
        Ok(rows)
    }

    /// Features of patches, one patch a row.
    pub fn features(&self, patches: &Batch<'_>) -> Result<Array2<f64>> {
        self.of_prepared(&self.prepare(patches)?)
    }

    /// Features of prepared patches.
    pub fn of_prepared(&self, prepared: &Array2<f64>) -> Result<Array2<f64>> {
        Ok(self.standardised(self.network.forward(prepared)?))
    }

    /// As [`FeatureMap::of_prepared`], ready for [`FeatureMap::backward`].
    pub fn pass(&self, prepared: &Array2<f64>) -> Result<(Pass, Array2<f64>)> {
        let pass = self.network.pass(prepared)?;
        let features = self.standardised(pass.outputs().to_owned());
        Ok((pass, features))
    }

    /// Slopes by the weights and by the patches, given those by the features.
    pub fn backward(&self, pass: &Pass, by_features: ArrayView2<'_, f64>) -> Result<Gradient> {
        let mut slopes = by_features.to_owned();
        for ((_, k), slope) in slopes.indexed_iter_mut() {
            *slope *= self.outputs[k].scale;
        }
        let mut gradient = self.network.backward(pass, slopes.view())?;
        let pixels = self.network.input().height * self.network.input().width;
        for ((_, k), slope) in gradient.inputs.indexed_iter_mut() {
            *slope *= self.inputs[k / pixels].scale;
        }
        Ok(gradient)
    }

    fn standardised(&self, mut outputs: Array2<f64>) -> Array2<f64> {
        for ((_, k), value) in outputs.indexed_iter_mut() {
            let standard = self.outputs[k];
            *value = (*value - standard.shift) * standard.scale;
        }
        outputs
    }

    /// Refuses a map whose parts do not belong together.
    pub fn check(&self) -> Result<()> {
        let counts = (self.inputs.len(), self.outputs.len());
        let expected = (self.network.input().channels, self.network.output().len());
        let usable = self
            .inputs
            .iter()
            .chain(&self.outputs)
            .all(Standard::is_usable);
        if counts == expected && usable {
            return Ok(());
        }
        Err(Error::argument(
            "features",
            format!("{counts:?} scales of channels and features"),
            format!("{expected:?} finite and positive ones"),
        ))
    }
}
