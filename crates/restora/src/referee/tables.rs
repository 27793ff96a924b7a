//! What each program does by default.

use super::{Change, Gray};
use restora_metrics::full_reference::{Measure, Pooling, SsimBorder};

/// A program, a call, and the changes from ours.
type Known = (&'static str, &'static str, Vec<Change>);

/// Our own convention in words.
pub(super) const fn ours(measure: Measure) -> &'static str {
    match measure {
        Measure::Mse | Measure::Mae => "mean over all channels and pixels, white is 255",
        Measure::Psnr => "from the mean squared error over all channels; identical pictures: inf",
        Measure::Ssim => {
            "11 Gaussian taps of 1.5, windows inside the picture, full size, mean over the channels"
        }
        Measure::MsSsim => "five scales, 11 Gaussian taps, odd sizes: the edge is repeated",
        Measure::Gmsd => "halved, Prewitt, c = 170; color as BT.601 luma, not rounded",
        Measure::Vif => "pixel domain, noise 2; the reference is given first; color as BT.601 luma",
        Measure::Fsim => "luminance alone, averaged to about 256 pixels a side",
        _ => "",
    }
}

/// Programs, calls and changes for one measure of a gray or color pair whose files have this white.
pub(super) fn rows(
    measure: Measure,
    color: bool,
    white: f64,
) -> Vec<(&'static str, String, Vec<Change>)> {
    use Change::{
        AddedToMse, Border, ChannelsFirst, Chroma, Coarsest, EachChannel, Even, Exchanged, Nominal,
        PeakOf8Bit, RangeOfPixels, Reduced, Uniform,
    };
    let gray = |gray| vec![Change::Gray(gray)];
    let peak: &[Change] = if white == 255.0 { &[] } else { &[PeakOf8Bit] };
    // Machine epsilon in the root of the squared error counts only for identical pictures.
    let opencv_psnr = [&[AddedToMse((f64::EPSILON / 255.0).powi(2))], peak].concat();
    let mut rows: Vec<Known> = match measure {
        Measure::Mse => vec![
            ("scikit-image", "mean_squared_error(a, b)", vec![]),
            ("MATLAB", "immse(b, a)", vec![]),
            ("torchmetrics", "mean_squared_error(b / 255, a / 255)", vec![Nominal]),
        ],
        Measure::Mae => {
            vec![("torchmetrics", "mean_absolute_error(b / 255, a / 255)", vec![Nominal])]
        }
        Measure::Psnr => vec![
            ("scikit-image", "peak_signal_noise_ratio(a, b)", vec![]),
            ("MATLAB", "psnr(b, a)", vec![]),
            ("piq", "psnr(b, a, data_range=255)", vec![AddedToMse(1e-8)]),
            ("torchmetrics", "peak_signal_noise_ratio(b, a, data_range=255)", vec![]),
            ("OpenCV", "PSNR(a, b)", opencv_psnr),
        ],
        Measure::Ssim => vec![
            ("scikit-image", "structural_similarity(a, b, channel_axis=-1)", vec![Uniform]),
            (
                "scikit-image",
                "structural_similarity(a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)",
                vec![],
            ),
            ("MATLAB", "ssim_index(a, b) of Wang", vec![]),
            ("piq", "ssim(b, a, data_range=255)", vec![Reduced]),
            ("piq", "ssim(b, a, data_range=255, downsample=False)", vec![]),
            ("pytorch-msssim", "ssim(b, a, data_range=255)", vec![]),
            (
                "torchmetrics",
                "structural_similarity_index_measure(b, a, data_range=255)",
                vec![Border(SsimBorder::Reflect101)],
            ),
            (
                "torchmetrics",
                "structural_similarity_index_measure(b, a)",
                vec![Border(SsimBorder::Reflect101), RangeOfPixels],
            ),
            ("OpenCV", "quality.QualitySSIM_compute(a, b)", vec![Border(SsimBorder::Reflect101)]),
        ],
        Measure::MsSsim => vec![
            ("piq", "multi_scale_ssim(b, a, data_range=255)", vec![]),
            (
                "pytorch-msssim",
                "ms_ssim(b, a, data_range=255)",
                vec![Change::Pooling(Pooling::Zero)],
            ),
            (
                "torchmetrics",
                "multiscale_structural_similarity_index_measure(b, a, data_range=255)",
                vec![
                    Change::Pooling(Pooling::Drop),
                    Coarsest(SsimBorder::Reflect101),
                    ChannelsFirst,
                ],
            ),
        ],
        Measure::Gmsd => vec![
            ("piq", "gmsd(b, a, data_range=255)", vec![]),
            ("OpenCV", "quality.QualityGMSD_compute(a, b)", vec![EachChannel, Even]),
        ],
        Measure::Vif => vec![
            ("piq", "vif_p(a, b, data_range=255)", vec![Exchanged]),
            ("piq", "vif_p(b, a, data_range=255)", vec![]),
        ],
        Measure::Fsim => vec![
            ("piq", "fsim(b, a, data_range=255)", vec![Chroma]),
            ("piq", "fsim(b, a, data_range=255, chromatic=False)", vec![]),
        ],
        _ => vec![],
    };
    if !color {
        rows.retain(|(_, _, changes)| !changes.contains(&Chroma));
    }
    match measure {
        Measure::Psnr if color => rows.extend([
            (
                "scikit-image",
                "peak_signal_noise_ratio(rgb2gray(a), rgb2gray(b), data_range=1)",
                gray(Gray::Skimage),
            ),
            ("MATLAB", "psnr(rgb2gray(b), rgb2gray(a))", gray(Gray::Matlab)),
            ("OpenCV", "PSNR of cvtColor(.., COLOR_BGR2GRAY)", gray(Gray::OpenCv)),
            ("Pillow", "PSNR of convert(\"L\")", gray(Gray::Pillow)),
            (
                "piq",
                "psnr(b, a, data_range=255, convert_to_greyscale=True)",
                vec![Change::Gray(Gray::Luma), AddedToMse(1e-8)],
            ),
            ("super-resolution papers", "PSNR of Y of YCbCr", gray(Gray::Studio)),
            ("OpenCV", "mean of quality.QualityPSNR_compute(a, b)", vec![EachChannel]),
        ]),
        Measure::Ssim if color => rows.extend([
            (
                "scikit-image",
                "structural_similarity(rgb2gray(a), rgb2gray(b), data_range=1)",
                vec![Change::Gray(Gray::Skimage), Uniform],
            ),
            (
                "MATLAB",
                "ssim(rgb2gray(b), rgb2gray(a))",
                vec![Change::Gray(Gray::Matlab), Border(SsimBorder::Replicate)],
            ),
            ("super-resolution papers", "SSIM of Y of YCbCr", gray(Gray::Studio)),
        ]),
        Measure::Ssim => rows.push(("MATLAB", "ssim(b, a)", vec![Border(SsimBorder::Replicate)])),
        _ => {}
    }
    // Which axis has the channels is asked of color only.
    let call = |call: &str| if color { call.into() } else { call.replace(", channel_axis=-1", "") };
    rows.into_iter().map(|(tool, text, changes)| (tool, call(text), changes)).collect()
}
