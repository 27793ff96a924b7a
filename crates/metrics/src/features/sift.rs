//! Scale-invariant feature transform (SIFT): keypoints that are found again after a change of scale,
//! rotation, light and moderate perspective, with a descriptor of 128 bytes each.
//!
//! ```text
//! L(x, y, s) = G(s) * I        D(s) = L(k s) - L(s)        k = 2^(1/layers)
//! keypoints: extrema of D over x, y, s, refined by a quadratic, |D| >= contrast_threshold / layers,
//!            tr(H)^2 / det(H) < (r + 1)^2 / r
//! ```
//!
//! Orientations are the peaks of a histogram of 36 gradient directions; the descriptor holds 4 x 4
//! cells of 8 directions in the keypoint's own frame, clipped at 0.2 of its length. `root-sift` takes
//! the square root of the descriptor divided by its sum, so that Euclidean distance becomes Hellinger's.
//!
//! Color images are reduced to BT.601 luma. The picture is taken as blurred by 0.5 pixels and doubled
//! first (`first_octave` -1), by cubic interpolation. Unlike common implementations, pixel `(x, y)`
//! lies at `(2 x, 2 y)` of the doubled picture (OpenCV's keypoints lie 0.25 pixels to the upper left),
//! and histograms are centered on the keypoint below the pixel. The contrast threshold is divided by
//! the layers, as OpenCV's (0.04 there); `sigma` is 1.6 in the paper, whose linear interpolation blurs
//! more. Cost: 22 taps in each direction on average per pixel of the doubled picture and layer; 44
//! bytes of memory per pixel of it.
//!
//! References: D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2),
//! 2004, doi:10.1023/B:VISI.0000029664.99615.94. R. Arandjelovic, A. Zisserman, "Three things everyone
//! should know to improve object retrieval", CVPR 2012, doi:10.1109/CVPR.2012.6248018.

mod descriptor;
mod extrema;
mod scale_space;

use crate::MetricError;
use descriptor::{Samples, descriptor, orientations};
use extrema::{Extremum, extrema};
use restora_image::{Context, Image, OpError, OpInfo, ParamInfo, Plane, map_bands, to_luma};
use scale_space::{Octave, blur, doubled};
use serde::{Deserialize, Serialize};

/// Blur that every picture is taken to have, in pixels.
const CAMERA_BLUR: f64 = 0.5;
/// Octaves smaller than this have no room for a keypoint.
const LEAST_SIDE: u32 = 12;

/// How the descriptor is normalized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DescriptorKind {
    /// To unit length.
    #[default]
    Sift,
    /// To unit sum, then the square root of each entry.
    RootSift,
}

/// Options of [`sift()`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sift {
    /// Layers per octave.
    pub layers: u32,
    /// Least contrast, times `layers`, in nominal range.
    pub contrast_threshold: f64,
    /// Largest ratio of principal curvatures.
    pub edge_threshold: f64,
    /// Scale of the first layer, in pixels of its octave.
    pub sigma: f64,
    /// -1 doubles the picture first, 0 does not.
    pub first_octave: i32,
    /// Keep only so many, the ones of highest contrast; 0 keeps all.
    pub max_keypoints: u32,
    /// How the descriptor is normalized.
    pub descriptor: DescriptorKind,
}

impl Default for Sift {
    fn default() -> Self {
        Self {
            layers: 3,
            contrast_threshold: 0.03,
            edge_threshold: 10.0,
            sigma: 1.5,
            first_octave: -1,
            max_keypoints: 0,
            descriptor: DescriptorKind::Sift,
        }
    }
}

impl Sift {
    /// Least `|D|` of a keypoint.
    fn contrast(&self) -> f64 {
        self.contrast_threshold / f64::from(self.layers)
    }

    fn validate(&self) -> Result<(), MetricError> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        if !(1..=8).contains(&self.layers) {
            return Err(OpError::param("layers", "1 to 8", self.layers).into());
        }
        if !(self.contrast_threshold.is_finite() && self.contrast_threshold >= 0.0) {
            let got = self.contrast_threshold;
            return Err(OpError::param("contrast_threshold", "0 or above", got).into());
        }
        if !positive(self.edge_threshold) {
            return Err(OpError::param("edge_threshold", "above 0", self.edge_threshold).into());
        }
        if !(1.0..=8.0).contains(&self.sigma) {
            return Err(OpError::param("sigma", "1 to 8", self.sigma).into());
        }
        if !(-1..=0).contains(&self.first_octave) {
            return Err(OpError::param("first_octave", "-1 or 0", self.first_octave).into());
        }
        Ok(())
    }
}

/// Names, ranges and defaults of [`Sift`], for help texts.
pub const INFO: OpInfo = OpInfo {
    id: "sift",
    title: "SIFT keypoints and descriptors",
    family: "features",
    paper: "Lowe, Distinctive image features from scale-invariant keypoints, IJCV 60(2), 2004, \
            doi:10.1023/B:VISI.0000029664.99615.94",
    params: &[
        ParamInfo::plain("layers", "1..8", "3", "layers per octave"),
        ParamInfo::plain(
            "contrast_threshold",
            ">= 0",
            "0.03",
            "least contrast, times layers, in nominal range",
        ),
        ParamInfo::plain("edge_threshold", "> 0", "10.0", "largest ratio of principal curvatures"),
        ParamInfo::plain(
            "sigma",
            "1..8",
            "1.5",
            "scale of the first layer, in pixels of its octave",
        ),
        ParamInfo::plain("first_octave", "-1 | 0", "-1", "-1 doubles the picture first"),
        ParamInfo::plain(
            "max_keypoints",
            ">= 0",
            "0",
            "keep only so many of highest contrast; 0 keeps all",
        ),
        ParamInfo::plain(
            "descriptor",
            "sift | root-sift",
            "\"sift\"",
            "how the descriptor is normalized",
        ),
    ],
};

/// A place that can be found again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keypoint {
    /// Column in pixels; 0 is the center of the first one.
    pub x: f32,
    /// Row in pixels.
    pub y: f32,
    /// Scale (sigma) in pixels. OpenCV's `size` is twice this.
    pub scale: f32,
    /// Radians in `[0, 2 pi)`, from +x towards +y (clockwise as seen). OpenCV's is in degrees.
    pub orientation: f32,
    /// Contrast `|D|` in nominal range.
    pub response: f32,
}

/// What [`sift()`] finds; descriptor `i` belongs to keypoint `i`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiftFeatures {
    /// Where.
    pub keypoints: Vec<Keypoint>,
    /// What it looks like there: unit vectors times 512, cut at 255.
    pub descriptors: Vec<[u8; 128]>,
}

/// Keypoints and descriptors of a gray or RGB image, by octave, layer and place. An image too small
/// or too flat has none.
///
/// # Errors
/// If an option is out of range, the image is neither gray nor RGB, or the caller cancelled.
pub fn sift(image: &Image, options: &Sift, cx: &Context) -> Result<SiftFeatures, MetricError> {
    options.validate()?;
    let luma = to_luma(image)?;
    if luma.size.is_empty() {
        return Ok(SiftFeatures::default());
    }
    let (picture, step) =
        if options.first_octave < 0 { (doubled(&luma), 0.5) } else { (luma, 1.0) };
    let here = CAMERA_BLUR / step;
    let more = (options.sigma.powi(2) - here * here).max(0.01).sqrt();
    let mut base = blur(&picture, more, cx)?;
    drop(picture);
    let mut octaves = Vec::new();
    let mut step = step;
    while base.size.width.min(base.size.height) >= LEAST_SIDE {
        let mut octave = Octave::new(base, step, options.sigma, options.layers as usize, cx)?;
        let found = extrema(&octave, options, cx)?;
        base = octave.next_base();
        octave.differences = Vec::new();
        octaves.push((octave, found));
        step *= 2.0;
    }
    keep_strongest(&mut octaves, options.max_keypoints as usize);
    let mut features = SiftFeatures::default();
    for (octave, found) in &octaves {
        describe(octave, found, options, &mut features, cx)?;
    }
    features.keep_strongest(options.max_keypoints as usize);
    Ok(features)
}

impl SiftFeatures {
    /// Drops all but `most`: one extremum may have several orientations. The order stays.
    fn keep_strongest(&mut self, most: usize) {
        if most == 0 || self.keypoints.len() <= most {
            return;
        }
        let mut order: Vec<usize> = (0..self.keypoints.len()).collect();
        order.sort_by(|&a, &b| self.keypoints[b].response.total_cmp(&self.keypoints[a].response));
        order.truncate(most);
        order.sort_unstable();
        self.keypoints = order.iter().map(|&i| self.keypoints[i]).collect();
        self.descriptors = order.iter().map(|&i| self.descriptors[i]).collect();
    }
}

/// Drops all but the `most` extrema of highest contrast before they are described.
fn keep_strongest(octaves: &mut [(Octave, Vec<Extremum>)], most: usize) {
    let mut responses: Vec<f64> =
        octaves.iter().flat_map(|(_, found)| found.iter().map(|e| e.response)).collect();
    if most == 0 || responses.len() <= most {
        return;
    }
    responses.sort_by(|a, b| b.total_cmp(a));
    let least = responses[most - 1];
    for (_, found) in octaves {
        found.retain(|e| e.response >= least);
    }
}

/// Adds the keypoints of an octave, one per orientation.
fn describe(
    octave: &Octave,
    found: &[Extremum],
    options: &Sift,
    features: &mut SiftFeatures,
    cx: &Context,
) -> Result<(), MetricError> {
    let bands = map_bands(found.len(), 16, cx, |band| {
        let mut samples = Samples::default();
        let mut out = Vec::new();
        for extremum in &found[band] {
            let plane: &Plane = &octave.gaussians[extremum.layer.round() as usize];
            let scale = extremum.scale(options);
            let (x, y, s) = (extremum.x as f32, extremum.y as f32, scale as f32);
            for orientation in orientations(plane, x, y, s, &mut samples) {
                let bytes =
                    descriptor(plane, x, y, s, orientation, options.descriptor, &mut samples);
                let keypoint = Keypoint {
                    x: (extremum.x * octave.step) as f32,
                    y: (extremum.y * octave.step) as f32,
                    scale: (scale * octave.step) as f32,
                    orientation,
                    response: extremum.response as f32,
                };
                out.push((keypoint, bytes));
            }
        }
        Ok(out)
    })?;
    for (keypoint, bytes) in bands.into_iter().flatten() {
        features.keypoints.push(keypoint);
        features.descriptors.push(bytes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Rng, Size};
    use restora_testkit::assert_info_matches;

    fn run(image: &Image) -> SiftFeatures {
        sift(image, &Sift::default(), &Context::default()).unwrap()
    }

    /// A bright disc of standard deviation `s` at `(x, y)`.
    fn blob(x: f64, y: f64, s: f64) -> Image {
        Image::gray_from_fn(Size::new(96, 80), |i, j| {
            let d = (i as f64 - x).powi(2) + (j as f64 - y).powi(2);
            (0.2 + 0.6 * (-0.5 * d / (s * s)).exp()) as f32
        })
    }

    /// Blobs of all sizes and brightnesses, in colors.
    fn blobs(size: Size, space: ColorSpace) -> Image {
        let mut rng = Rng::new(3, "blobs", 0);
        let mut draw = |low: f64, high: f64| low + (high - low) * rng.uniform();
        let mut image = Image::zeros(size, space);
        image.data_mut().fill(0.5);
        for _ in 0..size.len() / 60 {
            let (x, y) = (draw(0.0, size.w() as f64), draw(0.0, size.h() as f64));
            let s = draw(1.0, 2.0).powi(2);
            for plane in image.planes_mut() {
                let height = draw(-0.2, 0.2);
                for (i, v) in plane.iter_mut().enumerate() {
                    let (dx, dy) = ((i % size.w()) as f64 - x, (i / size.w()) as f64 - y);
                    *v += (height * (-0.5 * (dx * dx + dy * dy) / (s * s)).exp()) as f32;
                }
            }
        }
        image
    }

    #[test]
    fn a_blob_is_found_at_its_place_and_scale() {
        for (x, y, s) in [(40.3, 37.6, 2.0), (50.0, 33.25, 3.5), (44.5, 40.0, 6.0)] {
            let found = run(&blob(x, y, s));
            let best = found.keypoints.iter().max_by(|a, b| a.response.total_cmp(&b.response));
            let best = best.unwrap();
            let gap = (f64::from(best.x) - x).hypot(f64::from(best.y) - y);
            assert!(gap < 0.08, "{x}, {y}: {best:?}");
            // The difference of Gaussians of ratio k answers most where scale^2 k = s^2, less the
            // camera's blur, which the blob does not have.
            let wanted = (s * s - 0.25).sqrt() / 2f64.powf(1.0 / 6.0);
            assert!((f64::from(best.scale) / wanted - 1.0).abs() < 0.04, "{wanted}: {best:?}");
        }
    }

    #[test]
    fn keypoints_turn_with_the_picture() {
        let image = blobs(Size::new(90, 70), ColorSpace::Gray);
        let turned = Image::gray_from_fn(Size::new(70, 90), |x, y| image.plane(0).at(y, 69 - x));
        let (a, b) = (run(&image), run(&turned));
        assert!(a.keypoints.len() >= 20);
        let found = a.keypoints.iter().zip(&a.descriptors).filter(|(k, d)| {
            b.keypoints.iter().zip(&b.descriptors).any(|(other, e)| {
                let near = (other.x - (69.0 - k.y)).hypot(other.y - k.x) < 0.05;
                let gap =
                    d.iter().zip(*e).map(|(p, q)| i32::from(p.abs_diff(q)).pow(2)).sum::<i32>();
                near && gap < 40 * 40
            })
        });
        // Every one but those at the right and lower edge, where the octaves end elsewhere.
        assert!(found.count() * 10 >= a.keypoints.len() * 9);
    }

    #[test]
    fn the_features_are_the_same_for_any_number_of_threads_and_color_is_luma() {
        let image = blobs(Size::new(120, 97), ColorSpace::Srgb);
        let one = run(&image);
        let more = sift(&image, &Sift::default(), &Context::with_threads(4)).unwrap();
        assert_eq!(one, more);
        let gray = Image::from_plane(to_luma(&image).unwrap());
        assert_eq!(one, run(&gray));
        assert!(!one.keypoints.is_empty());
    }

    #[test]
    fn limits_keep_the_strongest_and_root_sift_keeps_the_places() {
        let image = blobs(Size::new(120, 97), ColorSpace::Gray);
        let all = run(&image);
        let few = Sift { max_keypoints: 10, ..Sift::default() };
        let few = sift(&image, &few, &Context::default()).unwrap();
        assert_eq!((few.keypoints.len(), few.descriptors.len()), (10, 10));
        let mut responses: Vec<f32> = all.keypoints.iter().map(|k| k.response).collect();
        responses.sort_by(|a, b| b.total_cmp(a));
        assert!(few.keypoints.iter().all(|k| k.response >= responses[9]));
        let root = Sift { descriptor: DescriptorKind::RootSift, ..Sift::default() };
        let root = sift(&image, &root, &Context::default()).unwrap();
        assert_eq!(root.keypoints, all.keypoints);
        // Unit vectors: the squares of the bytes sum to 512^2.
        for bytes in &root.descriptors {
            let length = bytes.iter().map(|b| f32::from(*b).powi(2)).sum::<f32>().sqrt();
            assert!((480.0..=516.0).contains(&length), "{length}");
        }
    }

    #[test]
    fn flat_tiny_and_empty_pictures_have_none() {
        for size in [Size::new(0, 0), Size::new(1, 1), Size::new(3, 200), Size::new(64, 64)] {
            let flat = Image::gray_from_fn(size, |_, _| 0.5);
            assert_eq!(run(&flat), SiftFeatures::default());
        }
    }

    #[test]
    fn bad_options_and_spaces_are_refused_by_name() {
        let image = Image::zeros(Size::new(20, 20), ColorSpace::Gray);
        let bad = [
            ("layers", Sift { layers: 0, ..Sift::default() }),
            ("contrast_threshold", Sift { contrast_threshold: -1.0, ..Sift::default() }),
            ("edge_threshold", Sift { edge_threshold: 0.0, ..Sift::default() }),
            ("sigma", Sift { sigma: f64::NAN, ..Sift::default() }),
            ("first_octave", Sift { first_octave: 1, ..Sift::default() }),
        ];
        for (name, options) in bad {
            let error = sift(&image, &options, &Context::default()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        let lab = Image::zeros(Size::new(20, 20), ColorSpace::Opponent);
        assert!(sift(&lab, &Sift::default(), &Context::default()).is_err());
    }

    #[test]
    fn info_lists_every_option_with_its_default() {
        assert_info_matches(&INFO, &Sift::default());
    }
}
