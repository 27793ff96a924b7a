//! Features of a picture, and groups of its parts.

use super::cases::{Answer, Case, GRAY, GRAY_U8, RGB_U8, case};
use super::pictures::Pictures;
use anyhow::Result;
use restora_image::{Context, Image};
use restora_metrics::features::hashes::{
    PerceptualHash, a_hash_opencv, block_mean, marr_hildreth, p_hash_opencv, radial_variance,
};
use restora_metrics::features::{
    ColorHistogram, Gabor, Hog, Lbp, Sift, color_histogram, gabor, hog, lbp, sift,
};
use restora_metrics::sets::{KMeans, k_means};

pub fn features<'a>(p: &'a Pictures) -> Vec<Case<'a>> {
    let numbers = |id, what, on, of: fn(&Image, &Context) -> Result<Vec<f32>>, image: &'a Image| {
        case(id, what, on, move |cx| Ok(Answer::Numbers(of(image, cx)?)))
    };
    let hash = |id, what, of: fn(&Image) -> Result<Vec<f32>>| {
        case(id, what, RGB_U8, move |_| Ok(Answer::Numbers(of(&p.rgb)?)))
    };
    let patches = patches(&p.gray);
    let options = KMeans { clusters: 16, ..KMeans::default() };
    vec![
        case("opencv/sift", "SIFT, keypoints and descriptors", GRAY_U8, |cx| {
            let found = sift(&p.gray, &Sift::default(), cx)?;
            Ok(Answer::Score(found.keypoints.len() as f64))
        }),
        numbers("skimage/gabor-12", "energies of 12 Gabor filters", GRAY, energies, &p.gray),
        numbers(
            "skimage/hog",
            "HOG",
            GRAY,
            |image, cx| Ok(hog(image, &Hog::default(), cx)?),
            &p.gray,
        ),
        numbers(
            "skimage/lbp",
            "uniform LBP of 8 neighbors, counts; rounding decides the peer's ties",
            GRAY_U8,
            |image, cx| Ok(lbp(image, &Lbp::default(), cx)?.iter().map(|n| *n as f32).collect()),
            &p.gray,
        ),
        numbers(
            "opencv/color-histogram",
            "color histogram, 8 x 8 x 8 bins; peer 8-bit",
            RGB_U8,
            |image, cx| Ok(color_histogram(image, &ColorHistogram::default(), cx)?),
            &p.rgb,
        ),
        hash("opencv/average-hash", "average hash", |image| Ok(bytes(a_hash_opencv(image)?))),
        hash("opencv/p-hash", "pHash", |image| Ok(bytes(p_hash_opencv(image)?))),
        hash("opencv/block-mean-hash", "block mean hash", |image| {
            Ok(block_mean(image)?.0.map(f32::from).to_vec())
        }),
        hash("opencv/marr-hildreth-hash", "Marr-Hildreth hash", |image| {
            Ok(marr_hildreth(image)?.0.map(f32::from).to_vec())
        }),
        hash("opencv/radial-variance-hash", "radial variance hash", |image| {
            Ok(radial_variance(image)?.0.map(f32::from).to_vec())
        }),
        case(
            "opencv/k-means-16",
            "k-means, 16 groups of 6,144 squares of 8 x 8",
            GRAY,
            move |cx| Ok(Answer::Score(k_means(&patches, 64, &options, cx)?.inertia)),
        ),
    ]
}

fn energies(image: &Image, cx: &Context) -> Result<Vec<f32>> {
    Ok(gabor(image, &Gabor::default(), cx)?.iter().map(|e| e.mean_energy as f32).collect())
}

/// The bytes of a hash as OpenCV has them: its first bit is the lowest of the first byte.
fn bytes(hash: PerceptualHash) -> Vec<f32> {
    hash.0.to_be_bytes().map(|byte| f32::from(byte.reverse_bits())).to_vec()
}

/// Squares of 8 x 8 pixels, row by row.
fn patches(image: &Image) -> Vec<f32> {
    let (plane, size) = (image.plane(0), image.size());
    let mut patches = Vec::with_capacity(image.data().len());
    for y in (0..size.h()).step_by(8) {
        for x in (0..size.w()).step_by(8) {
            for row in y..y + 8 {
                patches.extend_from_slice(&plane.row(row)[x..x + 8]);
            }
        }
    }
    patches
}
