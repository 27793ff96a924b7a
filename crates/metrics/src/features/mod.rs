//! Descriptions of one image, or of places in it, that can be compared.

mod color_histogram;
mod gabor;
mod gist;
pub mod hashes;
mod hog;
mod homography;
mod keypoint_code;
mod lbp;
mod matching;
mod sift;

pub use color_histogram::{
    ColorHistogram, HistogramChannels, HistogramSpace, INFO as COLOR_HISTOGRAM_INFO,
    color_histogram,
};
pub use gabor::{Gabor, GaborEnergy, INFO as GABOR_INFO, gabor};
pub use gist::{Gist, GistColor, INFO as GIST_INFO, gist};
pub use hog::{Hog, INFO as HOG_INFO, hog};
pub use homography::{Homography, HomographyFit, homography};
pub use keypoint_code::{keypoint_code, mirrored};
pub use lbp::{INFO as LBP_INFO, Lbp, lbp};
pub use matching::{Match, Matching, matching};
pub use sift::{DescriptorKind, INFO as SIFT_INFO, Keypoint, Sift, SiftFeatures, sift};
