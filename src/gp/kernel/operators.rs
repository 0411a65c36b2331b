//! `a + b` and `a * b` for every kernel of the crate, and for boxed ones.

use super::{
    ActiveDimensions, Autoregressive, Categorical, Constant, Coregionalised, DoseWeight, Kernel,
    Linear, Periodic, Polynomial, Product, RationalQuadratic, Scaled, Sum, White,
};
use crate::gp::stationary::{Profile, Stationary};
use std::ops::{Add, Mul};

macro_rules! operators {
    ($($kernel:ty $(, $profile:ident)?;)*) => {$(
        impl<$($profile: Profile,)? Other: Kernel> Add<Other> for $kernel {
            type Output = Sum;
            fn add(self, other: Other) -> Sum {
                self.plus(other)
            }
        }

        impl<$($profile: Profile,)? Other: Kernel> Mul<Other> for $kernel {
            type Output = Product;
            fn mul(self, other: Other) -> Product {
                self.times(other)
            }
        }
    )*};
}

operators! {
    ActiveDimensions;
    Autoregressive;
    Box<dyn Kernel>;
    Categorical;
    Constant;
    Coregionalised;
    DoseWeight;
    Linear;
    Periodic;
    Polynomial;
    Product;
    RationalQuadratic;
    Scaled;
    Stationary<P>, P;
    Sum;
    White;
}
