//! Pixel density of JFIF (ITU-T T.871).

use crate::meta::{Density, DensityUnit};

/// JFIF's density field.
pub(crate) fn jfif_density(unit: u8, x: u16, y: u16) -> Option<Density> {
    let unit = match unit {
        0 => DensityUnit::Aspect,
        1 => DensityUnit::Inch,
        2 => DensityUnit::Centimeter,
        _ => return None,
    };
    (x > 0 && y > 0).then(|| Density { x: x.into(), y: y.into(), unit })
}
