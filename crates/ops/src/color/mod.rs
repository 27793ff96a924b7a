//! Color: the light of a scene, estimated and made neutral; the colors of one picture given to another.
//!
//! Estimators take pictures in linear light ([`to_linear`]) and give an [`Illuminant`]; operations
//! take pictures as they come and convert within.

mod adaptation;
pub mod auto_levels;
pub mod bright_dark_pca;
mod cast_prior;
pub mod clahe;
pub mod color_transfer;
mod consensus;
pub mod convolutional;
pub mod gray_edge;
pub mod gray_world;
mod illuminant;
mod light;
mod light_method;
pub mod session;
pub mod shades_of_gray;
pub mod white_balance;
pub mod white_patch;

pub use adaptation::{Adaptation, black_body};
pub use auto_levels::{AutoLevels, LevelChannels, auto_levels};
pub use bright_dark_pca::bright_dark_pca;
pub use cast_prior::{Belief, Evidence};
pub use clahe::{Clahe, clahe};
pub use color_transfer::{ColorTransfer, TransferMethod, color_transfer};
pub use convolutional::{
    ColorHistograms, LightCard, LightEstimate, LightFit, LightModel, LightOdds,
};
pub use gray_edge::{EdgeOrder, GrayEdge, gray_edge};
pub use gray_world::gray_world;
pub use illuminant::{Illuminant, Usable};
pub use light::{Encoding, overview, overview_factor, to_linear, to_srgb};
pub use light_method::LightMethod;
pub use session::light_track;
pub use shades_of_gray::shades_of_gray;
pub use white_balance::{Highlights, Session, WhiteBalance, white_balance};
pub use white_patch::white_patch;
