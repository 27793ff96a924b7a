//! Full-reference measures of a 768 x 512 gray pair, one thread.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use restora_image::{Context, Image, Size};
use restora_metrics::MetricError;
use restora_metrics::full_reference::{
    CompareOptions, Cosine, DeltaE, Dss, Ergas, Euclidean, Fsim, Gmsd, HaarPsi, HistogramDistance,
    Mae, Mdsi, Measure, MsGmsd, MsSsim, Mse, Nmi, Nrmse, Psnr, PsnrB, PsnrHvs, SpectralAngle,
    SrSim, Ssim, Ssimulacra2, Uqi, Vif, Vsi, Window, compare, cosine, delta_e, dss, ergas,
    euclidean, fsim, gmsd, haar_psi, histogram_distance, mae, mdsi, measure, ms_gmsd, ms_ssim, mse,
    nmi, nrmse, psnr, psnr_b, psnr_hvs, spectral_angle, sr_sim, ssim, ssimulacra2, uqi, vif, vsi,
};

fn main() {
    divan::main();
}

fn measured(bencher: Bencher, score: impl Fn(&Image, &Image) -> Result<f64, MetricError> + Sync) {
    let clean = restora_testkit::synthetic(Size::new(768, 512));
    let noisy = restora_testkit::noisy(&clean, 0.1, 1);
    bencher
        .counter(ItemsCount::new(clean.size().len()))
        .bench(|| score(&clean, &noisy).expect("score"));
}

#[divan::bench]
fn mse_gray(bencher: Bencher) {
    measured(bencher, |x, y| mse(x, y, &Mse::default(), &Context::default()));
}

#[divan::bench]
fn mae_gray(bencher: Bencher) {
    measured(bencher, |x, y| mae(x, y, &Mae::default(), &Context::default()));
}

#[divan::bench]
fn psnr_gray(bencher: Bencher) {
    measured(bencher, |x, y| psnr(x, y, &Psnr::default(), &Context::default()));
}

/// Width and height of what the caches hold, and of what they do not.
const SIZES: [(u32, u32); 2] = [(768, 512), (6000, 4000)];

/// What reads two 8-bit pictures held in `f32`, in bytes a second.
fn reading(
    bencher: Bencher,
    (width, height): (u32, u32),
    f: impl Fn(&Image, &Image) -> f64 + Sync,
) {
    let level = |x: usize, y: usize, k: usize| ((x * 7 + y * k) % 256) as f32 / 255.0;
    let [a, b] =
        [3, 5].map(|k| Image::gray_from_fn(Size::new(width, height), |x, y| level(x, y, k)));
    bencher.counter(BytesCount::new(2 * size_of_val(a.data()))).bench(|| f(&a, &b));
}

/// A plain sum of all values: as fast as both can be read.
#[divan::bench(args = SIZES)]
fn read_both(bencher: Bencher, size: (u32, u32)) {
    reading(bencher, size, |x, y| {
        restora_image::simd(
            #[inline(always)]
            || {
                let mut lanes = [0.0f32; 64];
                for (x, y) in x.data().as_chunks::<64>().0.iter().zip(y.data().as_chunks::<64>().0)
                {
                    for i in 0..64 {
                        lanes[i] += x[i] + y[i];
                    }
                }
                f64::from(lanes.iter().sum::<f32>())
            },
        )
    });
}

#[divan::bench(args = SIZES)]
fn mse_of_bytes_read(bencher: Bencher, size: (u32, u32)) {
    reading(bencher, size, |x, y| mse(x, y, &Mse::default(), &Context::default()).expect("score"));
}

#[divan::bench(args = SIZES)]
fn psnr_of_bytes_read(bencher: Bencher, size: (u32, u32)) {
    reading(bencher, size, |x, y| {
        psnr(x, y, &Psnr::default(), &Context::default()).expect("score")
    });
}

#[divan::bench]
fn ssim_gaussian_gray(bencher: Bencher) {
    measured(bencher, |x, y| ssim(x, y, &Ssim::default(), &Context::default()));
}

#[divan::bench]
fn ssim_uniform_gray(bencher: Bencher) {
    let options = Ssim { window: Window::Uniform, ..Ssim::default() };
    measured(bencher, |x, y| ssim(x, y, &options, &Context::default()));
}

#[divan::bench]
fn ms_ssim_gray(bencher: Bencher) {
    measured(bencher, |x, y| ms_ssim(x, y, &MsSsim::default(), &Context::default()));
}

#[divan::bench]
fn compare_gray(bencher: Bencher) {
    measured(bencher, |x, y| {
        compare(x, y, &CompareOptions::default(), &Context::default()).map(|c| c.psnr)
    });
}

#[divan::bench(args = Measure::ALL.iter().filter(|m| m.facts().gray).map(|m| m.facts().name))]
fn measure_gray(bencher: Bencher, name: &str) {
    let which = [Measure::from_name(name).expect("a name")];
    let options = CompareOptions::default();
    measured(bencher, |x, y| measure(x, y, &which, &options, &Context::default()).map(|_| 0.0));
}

/// A function with its default options, on an RGB pair.
macro_rules! color {
    ($($bench:ident: $function:ident, $options:ident;)*) => {$(
        #[divan::bench]
        fn $bench(bencher: Bencher) {
            let clean = restora_testkit::synthetic_rgb(Size::new(768, 512));
            let noisy = restora_testkit::noisy(&clean, 0.1, 1);
            bencher.counter(ItemsCount::new(clean.size().len())).bench(|| {
                $function(&clean, &noisy, &$options::default(), &Context::default())
                    .expect("score")
            });
        }
    )*};
}

color! {
    dss_rgb: dss, Dss;
    fsim_rgb: fsim, Fsim;
    mdsi_rgb: mdsi, Mdsi;
    psnr_b_rgb: psnr_b, PsnrB;
    psnr_hvs_rgb: psnr_hvs, PsnrHvs;
    sr_sim_rgb: sr_sim, SrSim;
    vsi_rgb: vsi, Vsi;
    cosine_rgb: cosine, Cosine;
    delta_e_rgb: delta_e, DeltaE;
    ergas_rgb: ergas, Ergas;
    euclidean_rgb: euclidean, Euclidean;
    gmsd_rgb: gmsd, Gmsd;
    haar_psi_rgb: haar_psi, HaarPsi;
    histogram_distance_rgb: histogram_distance, HistogramDistance;
    ms_gmsd_rgb: ms_gmsd, MsGmsd;
    nmi_rgb: nmi, Nmi;
    nrmse_rgb: nrmse, Nrmse;
    ssimulacra2_rgb: ssimulacra2, Ssimulacra2;
    spectral_angle_rgb: spectral_angle, SpectralAngle;
    uqi_rgb: uqi, Uqi;
    vif_rgb: vif, Vif;
}
