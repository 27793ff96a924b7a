//! Do two pictures show the same thing, and how does one map onto the other?

use crate::error::Error;
use crate::pairs::read_page;
use crate::plot::{MatchPlot, Picture};
use restora_data::Limits;
use restora_image::{Context, Image, Size};
use restora_metrics::features::{
    DescriptorKind, Homography, HomographyFit, Matching, Sift, SiftFeatures, homography, matching,
    sift,
};
use serde::Serialize;
use std::path::Path;

/// Larger pictures are not doubled before keypoints are looked for: they have enough of them, and
/// doubled 4 megapixels need 0.7 GB.
const DOUBLED_AT_MOST: usize = 4_000_000;

/// How pictures are matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatchOptions {
    /// Keypoints. Pictures above 4 megapixels are not doubled, whatever `first_octave` says.
    pub sift: Sift,
    /// Which descriptors are alike.
    pub matching: Matching,
    /// Which matches agree.
    pub homography: Homography,
}

impl Default for MatchOptions {
    /// `root-sift`, which finds more than SIFT at no cost.
    fn default() -> Self {
        Self {
            sift: Sift { descriptor: DescriptorKind::RootSift, ..Sift::default() },
            matching: Matching::default(),
            homography: Homography::default(),
        }
    }
}

/// A match, in pixels of either picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MatchedPoint {
    /// `(x, y)` in the first picture.
    pub first: [f64; 2],
    /// `(x, y)` in the second.
    pub second: [f64; 2],
    /// Euclidean distance of the descriptors, of length 512.
    pub distance: f32,
    /// Does it agree with the homography?
    pub inlier: bool,
}

/// What two pictures have in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatchReport {
    /// Keypoints of the first picture and of the second.
    pub keypoints: [usize; 2],
    /// Matches that passed the ratio test.
    pub matches: usize,
    /// Matches that agree with the homography.
    pub inliers: usize,
    /// Maps the first picture onto the second; `None` where chance explains the matches.
    pub homography: Option<[[f64; 3]; 3]>,
    /// Base-10 logarithm of how many homographies as good as this chance would give; below 0.
    pub log10_false_alarms: Option<f64>,
    /// The matches.
    pub points: Vec<MatchedPoint>,
}

/// Matches two images.
///
/// # Errors
/// If an option is out of range, an image is neither gray nor RGB, or the caller cancelled.
pub fn match_images(
    first: &Image,
    second: &Image,
    options: &MatchOptions,
    cx: &Context,
) -> Result<MatchReport, Error> {
    let (a, b) = (features(first, options, cx)?, features(second, options, cx)?);
    let matches = matching(&a.descriptors, &b.descriptors, &options.matching, cx)?;
    let place = |f: &SiftFeatures, i: u32| {
        let k = f.keypoints[i as usize];
        [f64::from(k.x), f64::from(k.y)]
    };
    let from: Vec<[f64; 2]> = matches.iter().map(|m| place(&a, m.a)).collect();
    let to: Vec<[f64; 2]> = matches.iter().map(|m| place(&b, m.b)).collect();
    let fit = homography(&from, &to, &options.homography, cx)?;
    let is_inlier = |i: usize| fit.as_ref().is_some_and(|f| f.inliers[i]);
    let points = matches.iter().enumerate().map(|(i, m)| MatchedPoint {
        first: from[i],
        second: to[i],
        distance: m.distance,
        inlier: is_inlier(i),
    });
    Ok(MatchReport {
        keypoints: [a.keypoints.len(), b.keypoints.len()],
        matches: matches.len(),
        inliers: fit.as_ref().map_or(0, HomographyFit::inlier_count),
        homography: fit.as_ref().map(|f| f.matrix),
        log10_false_alarms: fit.as_ref().map(|f| f.log10_false_alarms),
        points: points.collect(),
    })
}

fn features(image: &Image, options: &MatchOptions, cx: &Context) -> Result<SiftFeatures, Error> {
    let mut options = options.sift;
    if image.size().len() > DOUBLED_AT_MOST {
        options.first_octave = 0;
    }
    Ok(sift(image, &options, cx)?)
}

/// Matches the first pages of two files; also gives both side by side with lines between the matches.
///
/// # Errors
/// As [`match_images`], or if a file cannot be read.
pub fn match_files(
    first: &Path,
    second: &Path,
    options: &MatchOptions,
    limits: &Limits,
    cx: &Context,
) -> Result<(MatchReport, MatchPlot), Error> {
    let (a, b) = (read_page(first, limits)?.to_image(), read_page(second, limits)?.to_image());
    let report = match_images(&a, &b, options, cx)?;
    let named = |path: &Path, image: &Image| -> Result<(String, Size, Picture), Error> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok((name, image.size(), Picture::from_image(image)?.at_most(MatchPlot::SIDE)))
    };
    let plot = MatchPlot::new(named(first, &a)?, named(second, &b)?, &report);
    Ok((report, plot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{ColorSpace, Rng};

    /// Overlapping bright and dark squares of many sizes.
    fn squares(seed: u64) -> Image {
        let mut rng = Rng::new(seed, "squares", 0);
        let mut image = Image::zeros(Size::new(200, 160), ColorSpace::Gray);
        for _ in 0..160 {
            let (x, y) = (rng.below(190) as usize, rng.below(150) as usize);
            let (side, value) = (4 + rng.below(20) as usize, rng.uniform() as f32);
            for row in y..(y + side).min(160) {
                image.plane_mut(0)[row * 200..][x..(x + side).min(200)].fill(value);
            }
        }
        image
    }

    #[test]
    fn a_turned_picture_is_found_with_its_map_and_another_one_is_not() {
        let (image, cx) = (squares(1), Context::default());
        let turned = Image::gray_from_fn(Size::new(160, 200), |x, y| image.plane(0).at(y, 159 - x));
        let found = match_images(&image, &turned, &MatchOptions::default(), &cx).unwrap();
        let matrix = found.homography.expect("the same picture");
        // (x, y) goes to (159 - y, x).
        let wanted = [[0.0, -1.0, 159.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
        for (row, wanted) in matrix.iter().zip(wanted) {
            for (v, wanted) in row.iter().zip(wanted) {
                assert!((v - wanted).abs() < 0.1, "{matrix:?}");
            }
        }
        assert!(found.inliers * 10 >= found.matches * 9 && found.inliers > 30, "{found:?}");
        assert_eq!(found.points.iter().filter(|p| p.inlier).count(), found.inliers);
        assert!(found.log10_false_alarms.unwrap() < -20.0);
        let other = match_images(&image, &squares(2), &MatchOptions::default(), &cx).unwrap();
        assert_eq!((other.homography, other.inliers), (None, 0));
    }
}
