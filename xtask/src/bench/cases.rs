//! What is measured: for each case of the peers' script, ours.

use super::pictures::{Pictures, SIGMA, as_u8};
use anyhow::{Result, anyhow};
use restora::Step;
use restora_data::{EncodeOptions, FileMeta, Format, JpegDetail, Limits, decode, encode};
use restora_image::{Border, Context, Depth, Image, Layout, Mask, Pixels, Raster, Sample};
use restora_metrics::full_reference::{
    CompareOptions, Measure, Psnr, Ssim, SsimBorder, Window, measure, psnr, ssim,
};
use restora_ops::color::{Clahe, LightMethod, WhiteBalance, clahe, white_balance};
use restora_ops::filter::{
    Bilateral, Gaussian, Guided, Median, bilateral, gaussian, guided, median, median_u8,
};
use std::path::Path;

/// What ours gave.
pub enum Answer {
    Image(Image),
    Raster(Raster),
    Score(f64),
    /// A vector.
    Numbers(Vec<f32>),
    Bytes(usize),
}

type Ours<'a> = Box<dyn Fn(&Context) -> Result<Answer> + Send + Sync + 'a>;

pub struct Case<'a> {
    /// `peer/name`, as in the script.
    pub id: &'static str,
    pub what: &'static str,
    /// The image, in words.
    pub on: &'static str,
    pub threads: usize,
    /// Where the results are scored, not compared.
    pub clean: Option<&'a Image>,
    pub ours: Ours<'a>,
}

impl Case<'_> {
    pub fn peer(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    fn on_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }
}

pub const GRAY: &str = "768x512 gray f32";
pub const GRAY_U8: &str = "768x512 gray u8";
const RGB: &str = "768x512 RGB f32";
pub const RGB_U8: &str = "768x512 RGB u8";
const SMALL: &str = "256x256 gray f32";
const SMALL_RGB: &str = "256x256 RGB f32";

/// Every case, in the order of the table. `folder` has the files that the decoders read.
pub fn cases<'a>(p: &'a Pictures, folder: &Path) -> Result<Vec<Case<'a>>> {
    let mut all = denoisers(p);
    all.extend(inpainters(p));
    all.extend(filters(p)?);
    all.extend(sizes(p));
    all.extend(measures(p)?);
    all.extend(super::features::features(p));
    all.extend(files(p, folder)?);
    Ok(all)
}

/// A step of the belt on a noisy image; results are scored against `clean`.
fn denoiser<'a>(
    id: &'static str,
    what: &'static str,
    on: &'static str,
    (noisy, clean): (&'a Image, &'a Image),
    step: &'static str,
) -> Case<'a> {
    let step = Step::from_text(step).map_err(|e| e.to_string());
    let ours: Ours<'a> = Box::new(move |cx| {
        let step = step.as_ref().map_err(|e| anyhow!("{e}"))?;
        let mut sample = Sample::new(noisy.clone());
        step.operation().apply(&mut sample, cx)?;
        Ok(Answer::Image(sample.image))
    });
    Case { id, what, on, threads: 1, clean: Some(clean), ours }
}

pub fn case<'a>(
    id: &'static str,
    what: &'static str,
    on: &'static str,
    ours: impl Fn(&Context) -> Result<Answer> + Send + Sync + 'a,
) -> Case<'a> {
    Case { id, what, on, threads: 1, clean: None, ours: Box::new(ours) }
}

fn denoisers(p: &Pictures) -> Vec<Case<'_>> {
    let gray = |id, what, step| denoiser(id, what, GRAY, (&p.noisy, &p.gray), step);
    let rgb = |id, what, step| denoiser(id, what, RGB, (&p.noisy_rgb, &p.rgb), step);
    let small = |id, what, step| denoiser(id, what, SMALL, (&p.small_noisy, &p.small), step);
    let small_rgb =
        |id, what, step| denoiser(id, what, SMALL_RGB, (&p.small_noisy_rgb, &p.small_rgb), step);
    let nlm = "nl-means:sigma=25/255";
    vec![
        small("bm3d/gray", "BM3D", "bm3d:sigma=25/255"),
        small("bm3d/gray", "BM3D", "bm3d:sigma=25/255").on_threads(2),
        small_rgb("bm3d/rgb", "CBM3D", "bm3d:sigma=25/255"),
        small("bm3d/gray", "NL-Ridge; peer BM3D", "nl-ridge:sigma=25/255"),
        small("bm3d/gray", "LIChI; peer BM3D", "lichi:sigma=25/255"),
        gray("opencv/nl-means-7-21-u8", "non-local means; peer patch 7, search 21, 8-bit", nlm),
        gray("opencv/nl-means-5-21-u8", "non-local means; peer patch 5, search 21, 8-bit", nlm),
        gray("skimage/nl-means-5-13", "non-local means; peer patch 5, search 13", nlm),
        rgb("opencv/nl-means-7-21-u8-rgb", "non-local means; peer patch 7, search 21, 8-bit", nlm),
        gray("skimage/tv-chambolle", "TV", "tv-chambolle:sigma=25/255"),
        gray("skimage/tv-chambolle-default", "TV; peer stops early", "tv-chambolle:sigma=25/255"),
        gray("skimage/wavelet", "wavelet, one shift", "wavelet:sigma=25/255:shifts=one"),
        gray("skimage/wavelet-spun", "wavelet; peer 8x8 shifts, ours all", "wavelet:sigma=25/255"),
        gray("skimage/wavelet", "wavelet; ours all shifts", "wavelet:sigma=25/255"),
        gray("opencv/bilateral-9-f32", "bilateral, ours chosen by sigma", "bilateral:sigma=25/255"),
        rgb(
            "opencv/bilateral-9-f32-rgb",
            "bilateral, ours chosen by sigma",
            "bilateral:sigma=25/255",
        ),
    ]
}

fn inpainters(p: &Pictures) -> Vec<Case<'_>> {
    let fill = |id, what, mask: &Mask, step: &'static str| {
        let mask = mask.clone();
        let step = Step::from_text(step).map_err(|e| e.to_string());
        let ours = case(id, what, RGB_U8, move |cx| {
            let step = step.as_ref().map_err(|e| anyhow!("{e}"))?;
            let mut sample = Sample { mask: Some(mask.clone()), ..Sample::new(p.rgb.clone()) };
            step.operation().apply(&mut sample, cx)?;
            Ok(Answer::Image(sample.image))
        });
        Case { clean: Some(&p.rgb), ..ours }
    };
    vec![
        fill("opencv/telea-half", "Telea, half missing; peer radius 3", &p.half, "telea"),
        fill("opencv/telea-strokes", "Telea, strokes; peer radius 3", &p.strokes, "telea"),
        fill("opencv/telea-blocks", "Telea, blocks; peer radius 3", &p.blocks, "telea"),
        fill("opencv/telea-half", "Telea, half missing, radius 3", &p.half, "telea:radius=3"),
        fill("opencv/navier-stokes-half", "Navier-Stokes, half missing", &p.half, "navier-stokes"),
        fill("opencv/navier-stokes-strokes", "Navier-Stokes, strokes", &p.strokes, "navier-stokes"),
        fill("opencv/navier-stokes-blocks", "Navier-Stokes, blocks", &p.blocks, "navier-stokes"),
        fill("skimage/biharmonic-strokes", "biharmonic, strokes", &p.strokes, "biharmonic"),
        fill("skimage/biharmonic-blocks", "biharmonic, blocks", &p.blocks, "biharmonic"),
    ]
}

fn filters<'a>(p: &'a Pictures) -> Result<Vec<Case<'a>>> {
    let median_case = |id, what, radius| -> Result<Case<'a>> {
        let options = Median { radius, border: Border::Clamp };
        let raster = as_u8(&p.gray)?;
        Ok(case(id, what, GRAY_U8, move |cx| {
            let Pixels::U8(pixels) = &raster.pixels else { unreachable!("made of 8 bits") };
            let pixels = Pixels::U8(median_u8(pixels, raster.size, &options, cx)?);
            Ok(Answer::Raster(Raster::new(raster.size, Layout::Gray, pixels)?))
        }))
    };
    let median_float = |id, what| {
        let options = Median { radius: 2, border: Border::Clamp };
        case(id, what, GRAY, move |cx| Ok(Answer::Image(median(&p.gray, &options, cx)?)))
    };
    let blur = |id, what| {
        let options = Gaussian::with_blur(2.0);
        case(id, what, GRAY, move |cx| Ok(Answer::Image(gaussian(&p.gray, &options, cx)?)))
    };
    // The peer's numbers, in nominal range; without our blur of the guide.
    let plain = Bilateral {
        sigma_space: Some(1.5),
        sigma_range: Some(2.5 * SIGMA),
        guide_blur: Some(0.0),
        radius: Some(4),
        ..Bilateral::default()
    };
    let colors = plain.clone();
    let edges = Guided { radius: 8, eps: Some((20.0_f32 / 255.0).powi(2)), ..Guided::default() };
    let scored = |case: Case<'a>, clean: &'a Image| Case { clean: Some(clean), ..case };
    let equalize = |id, what, on, image: &'a Image| {
        case(id, what, on, move |cx| Ok(Answer::Image(clahe(image, &Clahe::default(), cx)?)))
    };
    let world = WhiteBalance {
        method: Some(LightMethod::GrayWorld),
        untouched: Some(0.0),
        ..WhiteBalance::default()
    };
    let consensus = WhiteBalance { untouched: Some(0.0), ..WhiteBalance::default() };
    let balance = |what, options: WhiteBalance| {
        case("opencv/gray-world-u8-rgb", what, RGB, move |cx| {
            Ok(Answer::Image(white_balance(&p.rgb, &options, cx)?))
        })
    };
    Ok(vec![
        equalize("opencv/clahe-u8", "CLAHE; peer 8-bit", GRAY, &p.gray),
        equalize("opencv/clahe-u8-rgb", "CLAHE in lightness; peer 8-bit", RGB, &p.rgb),
        balance("white balance, gray world in linear light; peer on 8-bit values", world),
        balance("white balance, consensus; peer gray world", consensus),
        scored(
            case("opencv/bilateral-9-f32", "bilateral, equal options", GRAY, move |cx| {
                Ok(Answer::Image(bilateral(&p.noisy, &plain, cx)?))
            }),
            &p.gray,
        ),
        scored(
            case(
                "opencv/bilateral-9-f32-rgb",
                "bilateral, equal sigmas; peer adds channels up",
                RGB,
                move |cx| Ok(Answer::Image(bilateral(&p.noisy_rgb, &colors, cx)?)),
            ),
            &p.rgb,
        ),
        scored(
            case("opencv/guided-8-f32", "guided radius 8, equal options", GRAY, move |cx| {
                Ok(Answer::Image(guided(&p.noisy, &edges, cx)?))
            }),
            &p.gray,
        ),
        median_case("opencv/median-3-u8", "median 3x3", 1)?,
        median_case("opencv/median-5-u8", "median 5x5", 2)?,
        median_case("opencv/median-7-u8", "median 7x7", 3)?,
        median_case("opencv/median-9-u8", "median 9x9", 4)?,
        median_case("opencv/median-15-u8", "median 15x15", 7)?,
        median_case("opencv/median-31-u8", "median 31x31", 15)?,
        median_case("opencv/median-63-u8", "median 63x63", 31)?,
        median_float("opencv/median-5-f32", "median 5x5"),
        blur("opencv/gaussian-2-u8", "Gaussian sigma 2; peer 8-bit"),
        blur("opencv/gaussian-2-f32", "Gaussian sigma 2"),
    ])
}

/// Changes of size by 2.
fn sizes(p: &Pictures) -> Vec<Case<'_>> {
    let resized = |id, what, step: &'static str| {
        let step = Step::from_text(step).map_err(|e| e.to_string());
        case(id, what, GRAY, move |cx| {
            let step = step.as_ref().map_err(|e| anyhow!("{e}"))?;
            let mut sample = Sample::new(p.gray.clone());
            step.operation().apply(&mut sample, cx)?;
            Ok(Answer::Image(sample.image))
        })
    };
    let back = "iterative back-projection by 2; peer LANCZOS";
    vec![
        resized("opencv/bicubic-2-f32", "bicubic by 2; peer a = -3/4", "bicubic"),
        resized("pillow/bicubic-2-f32", "bicubic by 2; peer cuts at edges", "bicubic"),
        resized("opencv/lanczos4-2-f32", "Lanczos by 2, four lobes", "lanczos:lobes=4"),
        resized("pillow/lanczos-2-f32", "Lanczos by 2; peer cuts at edges", "lanczos"),
        resized("pillow/lanczos-2-f32", back, "iterative-back-projection"),
        resized(
            "pillow/downscale-2-f32",
            "bicubic reduction by 2; peer cuts at edges",
            "downscale",
        ),
    ]
}

fn measures(p: &Pictures) -> Result<Vec<Case<'_>>> {
    let similarity = |id, what, on, window, border, distorted: Image| {
        let options = Ssim { window, border, ..Ssim::default() };
        case(id, what, on, move |cx| Ok(Answer::Score(ssim(&p.gray, &distorted, &options, cx)?)))
    };
    let noisy_u8 = as_u8(&p.noisy)?.to_image();
    let rounded = noisy_u8.clone();
    let listed = |id, what, which: Measure| {
        let distorted = noisy_u8.clone();
        case(id, what, GRAY_U8, move |cx| {
            let options = CompareOptions::default();
            let scores = measure(&p.gray, &distorted, &[which], &options, cx)?;
            Ok(Answer::Score(scores.get(which).ok_or_else(|| anyhow!("no score"))?))
        })
    };
    Ok(vec![
        listed("msssim/ssim", "SSIM, Gaussian window", Measure::Ssim),
        listed("msssim/ms-ssim", "MS-SSIM", Measure::MsSsim),
        listed("piq/fsim", "FSIM", Measure::Fsim),
        listed("piq/sr-sim", "SR-SIM", Measure::SrSim),
        listed("piq/dss", "DSS", Measure::Dss),
        listed("piq/gmsd", "GMSD", Measure::Gmsd),
        listed("piq/ms-gmsd", "MS-GMSD", Measure::MsGmsd),
        listed("piq/vif", "VIF, pixel domain", Measure::Vif),
        listed("piq/haar-psi", "HaarPSI", Measure::HaarPsi),
        similarity(
            "skimage/ssim",
            "SSIM, Gaussian window",
            GRAY,
            Window::Gaussian,
            SsimBorder::Valid,
            p.noisy.clone(),
        ),
        similarity(
            "skimage/ssim-uniform",
            "SSIM, uniform window of 7",
            GRAY,
            Window::Uniform,
            SsimBorder::Valid,
            p.noisy.clone(),
        ),
        similarity(
            "opencv/ssim",
            "SSIM, Gaussian window; peer 8-bit",
            GRAY_U8,
            Window::Gaussian,
            SsimBorder::Reflect101,
            noisy_u8.clone(),
        ),
        case("opencv/psnr", "PSNR; peer 8-bit", GRAY_U8, move |cx| {
            Ok(Answer::Score(psnr(&p.gray, &rounded, &Psnr::default(), cx)?))
        }),
    ])
}

fn files<'a>(p: &Pictures, folder: &Path) -> Result<Vec<Case<'a>>> {
    let decoded = |id, what, file: &str| -> Result<Case<'a>> {
        let bytes = std::fs::read(folder.join(file))?;
        Ok(case(id, what, RGB_U8, move |_| {
            let pages = decode(&bytes, &Limits::default())?.pages;
            Ok(Answer::Raster(pages.into_iter().next().unwrap_or_else(|| {
                Raster::zeros(restora_image::Size::new(0, 0), Layout::Rgb, Depth::U8)
            })))
        }))
    };
    let encoded = |id, what, format| -> Result<Case<'a>> {
        let page = [as_u8(&p.rgb)?];
        let mut meta = FileMeta::new(format, Layout::Rgb, Depth::U8);
        // The peers' default at every quality: chroma at half width and height.
        meta.jpeg = Some(JpegDetail { quality: 90, subsampling: (2, 2), progressive: false });
        let options = EncodeOptions { jpeg_quality: 90, ..EncodeOptions::default() };
        Ok(case(id, what, RGB_U8, move |_| {
            Ok(Answer::Bytes(encode(&page, format, &meta, &options)?.len()))
        }))
    };
    Ok(vec![
        decoded("pillow/png-decode", "PNG, decode", "photo.png")?,
        decoded("opencv/png-decode", "PNG, decode", "photo.png")?,
        encoded("pillow/png-encode", "PNG, encode", Format::Png)?,
        encoded("opencv/png-encode", "PNG, encode", Format::Png)?,
        decoded("pillow/jpeg-decode", "JPEG quality 90, decode", "photo.jpg")?,
        decoded("opencv/jpeg-decode", "JPEG quality 90, decode", "photo.jpg")?,
        encoded("pillow/jpeg-encode", "JPEG quality 90, encode", Format::Jpeg)?,
        encoded("opencv/jpeg-encode", "JPEG quality 90, encode", Format::Jpeg)?,
    ])
}

#[cfg(test)]
mod tests {
    use crate::shell::root;
    use std::collections::BTreeSet;

    #[test]
    fn the_script_of_the_peers_has_a_call_for_every_case_and_no_other() {
        let script = std::fs::read_to_string(root().join("tools/peers/bench.py")).unwrap();
        let ids = |text: &str| -> BTreeSet<String> {
            let peers = ["opencv/", "skimage/", "bm3d/", "pillow/", "piq/", "msssim/"];
            let is_id = |s: &&str| peers.iter().any(|p| s.starts_with(p) && s.len() > p.len());
            text.split('"').filter(is_id).map(ToString::to_string).collect()
        };
        let mut ours = ids(include_str!("cases.rs"));
        ours.extend(ids(include_str!("features.rs")));
        let theirs = ids(&script);
        assert_eq!(ours, theirs);
        assert!(ours.len() > 20);
    }
}
