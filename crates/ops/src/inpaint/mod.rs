//! Fills what a mask marks as missing, from what is known around it.
//!
//! Known pixels keep every bit, and what a missing pixel holds is never read. An empty mask gives the image
//! back; a mask that leaves no pixel is an error.

pub mod aloha;
pub mod biharmonic;
pub mod doubt;
pub mod exemplar;
mod fast_marching;
mod frame;
mod groups;
pub mod hbe;
pub mod navier_stokes;
pub mod telea;

pub use aloha::{Aloha, aloha};
pub use biharmonic::{Biharmonic, biharmonic};
pub use exemplar::{Exemplar, exemplar};
pub use hbe::{Hbe, hbe};
pub use navier_stokes::{NavierStokes, navier_stokes};
pub use telea::{Telea, telea};
