//! What extractors there are: the features' own definitions, with the size that pictures are brought to.

use super::Fit;
use restora_image::{OpInfo, ParamInfo};
use restora_metrics::features::{COLOR_HISTOGRAM_INFO, GABOR_INFO, GIST_INFO, HOG_INFO, LBP_INFO};

/// An extractor's face.
pub struct Entry {
    pub info: &'static OpInfo,
    /// The frame that pictures are brought to; none where the method has its own.
    pub frame: Option<Frame>,
}

/// The frame where none is asked for.
pub struct Frame {
    /// Side of the square; 0 for the picture as it is.
    pub size: u32,
    pub fit: Fit,
    /// Least side that can be asked for: 0 where the vector has one length for any picture.
    pub least: u32,
}

const AS_IT_IS: Option<Frame> = Some(Frame { size: 0, fit: Fit::Stretch, least: 0 });

pub const ALL: &[Entry] = &[
    Entry { info: &COLOR_HISTOGRAM, frame: AS_IT_IS },
    // The authors' pictures are cut to 256 x 256.
    Entry { info: &GIST, frame: Some(Frame { size: 256, fit: Fit::Crop, least: 16 }) },
    Entry { info: &GABOR, frame: AS_IT_IS },
    Entry { info: &HOG, frame: Some(Frame { size: 64, fit: Fit::Stretch, least: 1 }) },
    Entry { info: &LBP, frame: AS_IT_IS },
    Entry { info: &MODEL, frame: None },
    Entry { info: &A_HASH, frame: None },
    Entry { info: &P_HASH, frame: None },
    Entry { info: &D_HASH, frame: None },
    Entry { info: &D_HASH_VERTICAL, frame: None },
    Entry { info: &W_HASH, frame: None },
];

/// The frame of what takes pictures as they are.
const SIZE: ParamInfo = ParamInfo {
    unit: "px",
    ..ParamInfo::plain(
        "size",
        "0..4096",
        "0",
        "side of the square that pictures are brought to first; 0 takes them as they are",
    )
};

/// The frame of what needs one.
const fn side(range: &'static str, default: &'static str) -> ParamInfo {
    let doc = "side of the square that pictures are brought to first";
    ParamInfo { unit: "px", ..ParamInfo::plain("size", range, default, doc) }
}

const fn fit(default: &'static str) -> ParamInfo {
    let doc = "how a picture fills that square: all of it, or its middle";
    ParamInfo::plain("fit", "stretch | crop", default, doc)
}

const COLOR_HISTOGRAM: OpInfo = OpInfo {
    params: &[
        SIZE,
        fit("\"stretch\""),
        COLOR_HISTOGRAM_INFO.params[0],
        COLOR_HISTOGRAM_INFO.params[1],
        COLOR_HISTOGRAM_INFO.params[2],
        COLOR_HISTOGRAM_INFO.params[3],
    ],
    ..COLOR_HISTOGRAM_INFO
};

const GIST: OpInfo = OpInfo {
    params: &[
        side("16..4096", "256"),
        fit("\"crop\""),
        GIST_INFO.params[0],
        GIST_INFO.params[1],
        GIST_INFO.params[2],
    ],
    ..GIST_INFO
};

const GABOR: OpInfo = OpInfo {
    params: &[
        SIZE,
        fit("\"stretch\""),
        GABOR_INFO.params[0],
        GABOR_INFO.params[1],
        GABOR_INFO.params[2],
        GABOR_INFO.params[3],
    ],
    ..GABOR_INFO
};

const HOG: OpInfo = OpInfo {
    params: &[
        side("1..4096", "64"),
        fit("\"stretch\""),
        HOG_INFO.params[0],
        HOG_INFO.params[1],
        HOG_INFO.params[2],
    ],
    ..HOG_INFO
};

const LBP: OpInfo = OpInfo {
    params: &[SIZE, fit("\"stretch\""), LBP_INFO.params[0], LBP_INFO.params[1]],
    ..LBP_INFO
};

const MODEL: OpInfo = OpInfo {
    id: "model",
    title: "What a net sees: model=FILE of ONNX, or weights of ours",
    family: "features",
    paper: "J. Donahue, Y. Jia, O. Vinyals, J. Hoffman, N. Zhang, E. Tzeng, T. Darrell, DeCAF: a deep \
            convolutional activation feature for generic visual recognition, ICML 2014, arXiv:1310.1531",
    params: &[
        ParamInfo::plain(
            "output",
            "embedding | result | probabilities",
            "\"embedding\"",
            "what the classifier at the end looks at, or an autoencoder's code; or what comes out",
        ),
        ParamInfo::plain(
            "layer",
            "a value's name",
            "null",
            "read this one, averaged over all places",
        ),
        ParamInfo {
            unit: "px",
            ..ParamInfo::plain(
                "size",
                "1..4096",
                "null",
                "side of the square the net is given; as its file says, else 224, for ours 256",
            )
        },
        fit("\"crop\""),
        ParamInfo::plain("order", "rgb | bgr", "\"rgb\"", "order of the channels"),
        ParamInfo::plain("range", "> 0", "1.0", "what white is before mean and std"),
        ParamInfo::plain(
            "mean",
            "a number, or 3",
            "null",
            "taken away, in the net's order; ImageNet's where range, mean and std are not said",
        ),
        ParamInfo::plain("std", "> 0", "null", "what is left is divided by it"),
    ],
};

const fn hash(id: &'static str, title: &'static str, paper: &'static str) -> OpInfo {
    OpInfo { id, title, family: "features", paper, params: &[] }
}

const A_HASH: OpInfo = hash("a-hash", "Bits of 8 x 8 pixels: brighter than the mean", KRAWETZ);
const P_HASH: OpInfo = hash("p-hash", "Bits of 8 x 8 low frequencies: above their median", ZAUNER);
const D_HASH: OpInfo =
    hash("d-hash", "Bits of 8 x 8 pixels: brighter than the left neighbor", KRAWETZ_DIFFERENCE);
const D_HASH_VERTICAL: OpInfo = hash(
    "d-hash-vertical",
    "Bits of 8 x 8 pixels: brighter than the upper neighbor",
    KRAWETZ_DIFFERENCE,
);
const W_HASH: OpInfo = hash("w-hash", "Bits of 8 x 8 wavelet means: above their median", PETROV);

const KRAWETZ: &str = "N. Krawetz, 2011, as in imagehash; compared with others in H. Farid, An overview \
                       of perceptual hashing, doi:10.54501/jots.v1i1.24";
const KRAWETZ_DIFFERENCE: &str = "N. Krawetz, 2013, as in imagehash; compared with others in H. Farid, An \
                                  overview of perceptual hashing, doi:10.54501/jots.v1i1.24";
const ZAUNER: &str = "C. Zauner, Implementation and benchmarking of perceptual image hash functions, 2010, \
                      as in imagehash; compared with others in H. Farid, An overview of perceptual \
                      hashing, doi:10.54501/jots.v1i1.24";
const PETROV: &str = "D. Petrov, 2016, as in imagehash; the transform as in S. Mallat, A theory for \
                      multiresolution signal decomposition, doi:10.1109/34.192463";
