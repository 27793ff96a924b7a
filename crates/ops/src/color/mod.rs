//! The light of a scene: estimating it, making it neutral.
//!
//! Estimators take pictures in linear light ([`to_linear`]) and give an [`Illuminant`]; operations
//! take pictures as they come and convert within.

mod adaptation;
pub mod bright_dark_pca;
mod cast_prior;
pub mod gray_edge;
pub mod gray_world;
mod illuminant;
mod light;
pub mod shades_of_gray;
pub mod white_balance;
pub mod white_patch;

pub use adaptation::Adaptation;
pub use bright_dark_pca::bright_dark_pca;
pub use cast_prior::Belief;
pub use gray_edge::{EdgeOrder, GrayEdge, gray_edge};
pub use gray_world::gray_world;
pub use illuminant::{Illuminant, Usable};
pub use light::{Encoding, overview, overview_factor, to_linear, to_srgb};
pub use shades_of_gray::shades_of_gray;
pub use white_balance::{LightMethod, WhiteBalance, white_balance};
pub use white_patch::white_patch;
