//! The numbers that files hold.

/// A floating-point number in files: `f32` or `f64`, always written with its lowest byte first.
pub trait FileFloat: Copy + sealed::Sealed {
    /// The type in the notation of NumPy (array interface protocol, `typestr`).
    const TYPE: &'static str;
    /// Not a number: what stands where nothing was measured.
    const NAN: Self;
}

pub(super) mod sealed {
    /// Keeps the set of numbers closed, and says how one becomes bytes.
    pub trait Sealed {
        fn append_to(self, bytes: &mut Vec<u8>);
        /// From as many bytes as the number has.
        fn from_bytes(bytes: &[u8]) -> Option<Self>
        where
            Self: Sized;
    }
}

macro_rules! file_float {
    ($($float:ident $name:literal),*) => {$(
        impl FileFloat for $float {
            const TYPE: &'static str = $name;
            const NAN: Self = $float::NAN;
        }
        impl sealed::Sealed for $float {
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Some($float::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

file_float!(f32 "<f4", f64 "<f8");

/// Appends values in the order given.
pub(super) fn append_values<'a, T: FileFloat + 'a>(
    values: impl ExactSizeIterator<Item = &'a T>,
    bytes: &mut Vec<u8>,
) {
    bytes.reserve(values.len() * size_of::<T>());
    for value in values {
        value.append_to(bytes);
    }
}

/// The values in `bytes`, in order; `None` unless they fill them exactly.
pub(super) fn read_values<T: FileFloat>(bytes: &[u8]) -> Option<Vec<T>> {
    if !bytes.len().is_multiple_of(size_of::<T>()) {
        return None;
    }
    bytes
        .chunks_exact(size_of::<T>())
        .map(T::from_bytes)
        .collect()
}
