//! Kernels in files: which kinds there are, and under which names.

use super::{
    ActiveDimensions, Autoregressive, Categorical, Constant, Coregionalised, DoseWeight, Kernel,
    Linear, Periodic, Polynomial, Product, RationalQuadratic, Scaled, Sum, White, check_parameter,
};
use crate::gp::stationary::{Matern12, Matern32, Matern52, Rbf};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::any::Any;

macro_rules! kinds {
    ($($kernel:ident)*) => {
        /// A kernel on its way out, its kind written beside its parameters.
        #[derive(Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        enum Outgoing<'k> {
            $($kernel(&'k $kernel),)*
        }

        /// A kernel on its way in.
        #[derive(Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        enum Incoming {
            $($kernel($kernel),)*
        }

        impl<'k> Outgoing<'k> {
            /// `None` for a kernel of the user's own, whose code no file can hold.
            fn of(kernel: &'k dyn Kernel) -> Option<Self> {
                let any: &dyn Any = kernel;
                $(if let Some(kernel) = any.downcast_ref::<$kernel>() {
                    return Some(Self::$kernel(kernel));
                })*
                None
            }
        }

        impl From<Incoming> for Box<dyn Kernel> {
            fn from(incoming: Incoming) -> Self {
                match incoming {
                    $(Incoming::$kernel(kernel) => Box::new(kernel),)*
                }
            }
        }
    };
}

kinds! {
    ActiveDimensions Autoregressive Categorical Constant Coregionalised DoseWeight Linear Matern12 Matern32 Matern52 Periodic Polynomial
    Product RationalQuadratic Rbf Scaled Sum White
}

/// As its parameters with a `kind` beside them; fails for kernels that are not of this crate.
impl Serialize for dyn Kernel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let any: &dyn Any = self;
        if let Some(inner) = any.downcast_ref::<Box<dyn Kernel>>() {
            return inner.as_ref().serialize(serializer);
        }
        match Outgoing::of(self) {
            Some(outgoing) => outgoing.serialize(serializer),
            None => Err(ser::Error::custom(format!(
                "kernel: found {self:?}, allowed are the kernels of this crate and compositions of them, \
                 since a file cannot hold the code of another"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Box<dyn Kernel> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kernel: Self = Incoming::deserialize(deserializer)?.into();
        for parameter in kernel.parameters() {
            check_parameter(&parameter.name, parameter.value).map_err(de::Error::custom)?;
        }
        Ok(kernel)
    }
}
