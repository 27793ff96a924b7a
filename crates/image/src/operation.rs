use crate::{Context, OpError, Sample, Scale};

/// One step of the belt: changes a sample.
pub trait Operation: Send + Sync {
    /// Name, family, paper and parameters.
    fn info(&self) -> &'static OpInfo;

    /// Checks the options.
    ///
    /// # Errors
    /// [`OpError::Param`] naming the first option out of range.
    fn validate(&self) -> Result<(), OpError>;

    /// How far an output pixel looks, in pixels; `None` if it depends on the whole image.
    /// An image is processed in tiles with a margin of this many pixels.
    fn reach(&self) -> Option<u32>;

    /// What the origin of a tile with its margin must be a multiple of, in pixels, for the tile to
    /// give the same bytes as the whole (to rounding where the algorithm says so): more than 1 where the
    /// algorithm works on a grid.
    fn alignment(&self) -> u32 {
        1
    }

    /// How the size of the image changes. Reach and alignment count the pixels of the image as it comes.
    fn scale(&self) -> Scale {
        Scale::Same
    }

    /// Changes the sample.
    ///
    /// # Errors
    /// If the options are out of range, the image does not fit, or the caller cancelled.
    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError>;
}

/// The single definition of an operation's face: command-line help, docs and forms are made from it.
#[derive(Debug, PartialEq)]
pub struct OpInfo {
    /// Name on the command line and in JSON (`kebab-case`).
    pub id: &'static str,
    /// Title as the literature has it.
    pub title: &'static str,
    /// `filter`, `denoise`, `degrade` ...
    pub family: &'static str,
    /// Authors, title, venue, year, DOI or arXiv id.
    pub paper: &'static str,
    /// The options, in order.
    pub params: &'static [ParamInfo],
}

impl OpInfo {
    /// Number of the random stream of this operation, for [`crate::Context::rng`]: FNV-1a of its id,
    /// so that different operations on one item draw different numbers.
    pub const fn stream(&self) -> u64 {
        let bytes = self.id.as_bytes();
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01B3);
            i += 1;
        }
        hash
    }
}

/// One option of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamInfo {
    /// Rust field = JSON key = command-line key.
    pub name: &'static str,
    /// The paper's letter, or empty.
    pub symbol: &'static str,
    /// Unit, for instance `pixels` or `nominal range`, or empty.
    pub unit: &'static str,
    /// Range in words, for instance `0..=100`.
    pub range: &'static str,
    /// Default, as JSON.
    pub default: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
}

impl ParamInfo {
    /// An option without a letter and without a unit.
    pub const fn plain(
        name: &'static str,
        range: &'static str,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, symbol: "", unit: "", range, default, doc }
    }
}
