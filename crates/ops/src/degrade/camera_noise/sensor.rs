//! The sensor: what it sees of a picture, and the noise of its counts.

use super::camera::Camera;
use super::{CameraNoise, demosaic};
use restora_image::{ColorSpace, Context, Image, OpError, Rng, Size, for_each_band, simd};

/// Rows of a band, the unit of work of a thread.
const BAND: usize = 16;
/// Photons below which the count is a Poisson number; its skewness is 0.18 there.
const FEW: f32 = 32.0;

/// The sensor's values without noise, in `[0, 1]`, of the picture with `margin` pixels around it:
/// one plane for a mosaic or gray, else three.
pub(super) fn exposed(
    image: &Image,
    margin: usize,
    options: &CameraNoise,
    camera: &Camera,
    cx: &Context,
) -> Result<Image, OpError> {
    let (w, h) = (image.size().w(), image.size().h());
    let size = Size::new((w + 2 * margin) as u32, (h + 2 * margin) as u32);
    let (wide, color) = (size.w(), image.channels() == 3);
    let mut linear = Image::zeros(size, image.space());
    for c in 0..image.channels() {
        let from = image.plane_data(c);
        for_each_band(linear.plane_mut(c), wide, BAND, cx, |y0, rows| {
            for (y, row) in (y0..).zip(rows.chunks_exact_mut(wide)) {
                let inner = &from[y.saturating_sub(margin).min(h - 1) * w..][..w];
                row[margin..][..w].copy_from_slice(inner);
                options.tone.decode(&mut row[margin..][..w]);
                let (first, last) = (row[margin], row[margin + w - 1]);
                row[..margin].fill(first);
                row[margin + w..].fill(last);
            }
            Ok(())
        })?;
    }
    if !color {
        return Ok(linear);
    }
    let mosaic = camera.mosaic;
    let mut raw = Image::zeros(size, if mosaic { ColorSpace::Gray } else { ColorSpace::Srgb });
    for (c, plane) in raw.planes_mut().enumerate() {
        for_each_band(plane, wide, BAND, cx, |y0, rows| {
            for (y, row) in (y0..).zip(rows.chunks_exact_mut(wide)) {
                // What even and odd columns see: rows of the matrix, divided by the gain.
                let sees = [0, 1].map(|x| {
                    let k = if mosaic { demosaic::color(x, y, camera.phase) } else { c };
                    camera.matrix[k].map(|m| m / camera.gains[k])
                });
                let rgb = [0, 1, 2].map(|k| &linear.plane_data(k)[y * wide..][..wide]);
                simd(
                    #[inline(always)]
                    || seen(rgb, sees, row),
                );
            }
            Ok(())
        })?;
    }
    Ok(raw)
}

/// Products of each pixel with the weights of its column's parity, clipped.
#[inline(always)]
fn seen([r, g, b]: [&[f32]; 3], sees: [[f32; 3]; 2], out: &mut [f32]) {
    for (i, (v, ((r, g), b))) in out.iter_mut().zip(r.iter().zip(g).zip(b)).enumerate() {
        let weight = |k: usize| if i & 1 == 1 { sees[1][k] } else { sees[0][k] };
        *v = (weight(0) * r + weight(1) * g + weight(2) * b).clamp(0.0, 1.0);
    }
}

/// Values times the gains of their colors; beyond white there is no color. Gray has no gain.
pub(super) fn balance(raw: &mut Image, camera: &Camera, cx: &Context) -> Result<(), OpError> {
    let (wide, h, full, mosaic) =
        (raw.size().w(), raw.size().h(), raw.channels() == 3, camera.mosaic);
    if !full && !mosaic {
        return Ok(());
    }
    for_each_band(raw.data_mut(), wide, BAND, cx, |y0, rows| {
        for (y, row) in (y0..).zip(rows.chunks_exact_mut(wide)) {
            let gains = [0, 1].map(|x| {
                let k = if mosaic { demosaic::color(x, y, camera.phase) } else { y / h };
                camera.gains[k]
            });
            simd(
                #[inline(always)]
                || {
                    for (i, v) in row.iter_mut().enumerate() {
                        *v = (*v * if i & 1 == 1 { gains[1] } else { gains[0] }).min(1.0);
                    }
                },
            );
        }
        Ok(())
    })
}

/// Photon counts and read noise; clipped as the sensor clips.
pub(super) fn add_noise(
    raw: &mut Image,
    camera: &Camera,
    rng: &Rng,
    cx: &Context,
) -> Result<(), OpError> {
    let (shot, read) = (camera.shot, camera.read);
    if shot <= 0.0 {
        return Ok(());
    }
    let width = raw.size().w();
    for_each_band(raw.data_mut(), width, BAND, cx, |y0, rows| {
        let mut normal = vec![0.0; width];
        for (y, row) in (y0..).zip(rows.chunks_exact_mut(width)) {
            rng.child(2 * y as u64).fill_normal(&mut normal);
            let mut counts = rng.child(2 * y as u64 + 1);
            // Few photons first: what is left to add to them is the read noise.
            for (v, n) in row.iter_mut().zip(&mut normal) {
                if *v < FEW * shot {
                    *v = (f64::from(shot) * counts.poisson(f64::from(*v / shot))) as f32;
                    *n *= read.sqrt();
                } else {
                    *n *= (shot * *v + read).sqrt();
                }
            }
            for (v, n) in row.iter_mut().zip(&normal) {
                *v = (*v + n).clamp(0.0, 1.0);
            }
        }
        Ok(())
    })
}
