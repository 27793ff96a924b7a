//! A hash of 64 bits and the kinds of it.

use super::{a_hash, d_hash, d_hash_vertical, p_hash, w_hash};
use crate::MetricError;
use restora_image::Image;
use serde::{Deserialize, Serialize};

/// A hash of 8 x 8 bits, row by row, the first one highest. Shown as imagehash does: 16 hexadecimal
/// digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PerceptualHash(pub u64);

impl PerceptualHash {
    pub(super) fn of_bits(bits: impl IntoIterator<Item = bool>) -> Self {
        Self(bits.into_iter().fold(0, |hash, bit| hash << 1 | u64::from(bit)))
    }

    /// In how many of 64 bits two hashes differ.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

impl std::fmt::Display for PerceptualHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for PerceptualHash {
    type Err = MetricError;

    fn from_str(text: &str) -> Result<Self, MetricError> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| digits).map(Self).ok_or_else(|| {
            MetricError::Input(format!("a hash is 16 hexadecimal digits, got `{text}`"))
        })
    }
}

/// A kind of hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HashKind {
    /// [`a_hash`]: brighter than the mean.
    AHash,
    /// [`p_hash`]: low frequencies above their median.
    PHash,
    /// [`d_hash`]: brighter than the left neighbor.
    DHash,
    /// [`d_hash_vertical`]: brighter than the upper neighbor.
    DHashVertical,
    /// [`w_hash`]: means of an 8 x 8 grid above their median.
    WHash,
}

impl HashKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AHash, Self::PHash, Self::DHash, Self::DHashVertical, Self::WHash];

    /// The hash of an image.
    ///
    /// # Errors
    /// If the image is empty, or neither gray nor RGB.
    pub fn of(self, image: &Image) -> Result<PerceptualHash, MetricError> {
        match self {
            Self::AHash => a_hash(image),
            Self::PHash => p_hash(image),
            Self::DHash => d_hash(image),
            Self::DHashVertical => d_hash_vertical(image),
            Self::WHash => w_hash(image),
        }
    }
}
