//! Tagged processes in files.

use super::{Design, Tagged, TaggedEvidence};
use crate::error::{Error, Result};
use crate::gp::exact::{ExactGp, check_target};
use crate::gp::mean::Mean;
use crate::gp::store::{Format, Stamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

impl<D: Design> Format for Tagged<D> {
    const NAME: &'static str = D::FORMAT;
}

/// A process on its way out.
#[derive(Serialize)]
#[serde(bound = "D: Design + Serialize")]
struct Outgoing<'m, D> {
    format: Stamp<Tagged<D>>,
    design: &'m D,
    y: &'m [f64],
    residuals: Option<&'m ExactGp>,
}

/// A process on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "D: Design + DeserializeOwned")]
pub struct Parts<D> {
    // First, so that a file of another format is refused for its name and not for what follows.
    #[expect(dead_code, reason = "read for its check alone")]
    format: Stamp<Tagged<D>>,
    design: D,
    y: Vec<f64>,
    residuals: Option<ExactGp>,
}

impl<D: Design + Serialize> Serialize for Tagged<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Outgoing {
            format: Stamp::HERE,
            design: &self.design,
            y: &self.y,
            residuals: self.gp.as_ref(),
        }
        .serialize(serializer)
    }
}

impl<'de, D: Design + DeserializeOwned> Deserialize<'de> for Tagged<D> {
    fn deserialize<S: Deserializer<'de>>(deserializer: S) -> std::result::Result<Self, S::Error> {
        let parts = Parts::<D>::deserialize(deserializer)?;
        Self::try_from(parts).map_err(serde::de::Error::custom)
    }
}

impl<D: Design> TryFrom<Parts<D>> for Tagged<D> {
    type Error = Error;

    /// The process, if what stands beside the residuals belongs to them; the residuals have checked themselves.
    fn try_from(parts: Parts<D>) -> Result<Self> {
        let Parts {
            design,
            y,
            residuals: gp,
            ..
        } = parts;
        let measured = gp.as_ref().map_or(0, ExactGp::len);
        let mismatch =
            |key: &str, found: &str| Err(Error::argument(key, found, "a file as it was saved"));
        if y.len() != measured {
            return mismatch("y", &format!("{} values for {measured} residuals", y.len()));
        }
        y.iter().try_for_each(|&value| check_target(value))?;
        let Some(gp) = gp.filter(|gp| !gp.is_empty()) else {
            return Ok(Self::new(design));
        };
        let Some(dimension) = gp
            .points()
            .dimension()
            .checked_sub(D::TAGS)
            .filter(|d| *d > 0)
        else {
            return mismatch("residuals", "points without a place");
        };
        design.check(dimension)?;
        // As text, in which numbers that differ in any bit differ.
        let kernel = design.kernel(dimension);
        kernel.check_points(gp.points().view())?;
        if format!("{kernel:?}") != format!("{:?}", gp.kernel()) || *gp.mean() != Mean::Zero {
            return mismatch("design", "not the kernel and the mean of the residuals");
        }
        let evidence = TaggedEvidence::new(&design, gp.points().view(), &y);
        if evidence.noise(&design) != *gp.noise() {
            return mismatch("design", "not the noise of the residuals");
        }
        if evidence.residuals(design.means())? != gp.targets() {
            return mismatch("y", "not the residuals with their means");
        }
        Ok(Self {
            design,
            y,
            gp: Some(gp),
        })
    }
}
