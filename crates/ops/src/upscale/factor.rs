//! The option that everything that enlarges has.

use restora_image::{OpError, ParamInfo};

/// The option `factor` of everything that enlarges.
pub const FACTOR: ParamInfo = ParamInfo {
    name: "factor",
    symbol: "s",
    unit: "",
    range: "2 | 3 | 4",
    default: "2",
    doc: "how many times wider and higher",
};

/// Checks a factor.
///
/// # Errors
/// [`OpError::Param`] if it is not 2, 3 or 4.
pub fn check_factor(factor: u32) -> Result<(), OpError> {
    if (2..=4).contains(&factor) {
        Ok(())
    } else {
        Err(OpError::param("factor", "2, 3 or 4", factor))
    }
}
