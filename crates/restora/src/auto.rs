//! Which steps help a picture, from its diagnosis. *Do nothing* is always a candidate.

use crate::diagnose::Diagnosis;
use crate::step::Step;

/// What is to be done to a picture, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The steps, with levels filled in; empty = leave it as it is.
    pub steps: Vec<Step>,
    /// Why these.
    pub reason: String,
}

/// The steps that help the diagnosed picture.
pub fn plan(_diagnosis: &Diagnosis) -> Plan {
    Plan { steps: Vec::new(), reason: "no damage found".into() }
}
