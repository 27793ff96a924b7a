//! JPEG compression: the loss of one encode and decode, without a bitstream.
//!
//! ```text
//! 8-bit RGB -> Y Cb Cr -> (4:2:0: chroma halved) -> 8 x 8 DCT
//!   -> round(c / q) q -> inverse DCT -> 8-bit -> (chroma doubled) -> RGB
//! ```
//!
//! Entropy coding loses nothing, so it is left out; every rounding to integers that a baseline codec
//! makes is made here: integer color conversion, chroma means of 2 x 2 with alternating bias,
//! Loeffler's DCT in 13-bit fixed point, quantization half away from zero, samples clamped to 8
//! bits, triangle filter for chroma. Tables are those of annex K scaled by quality as the
//! Independent JPEG Group does. The result is libjpeg-turbo's to the bit (`goldens/jpeg`).
//! Input is rounded to 8 bits first, as a real codec's is; edge blocks repeat the last pixel.
//! Cost: 24 multiplications per 8 samples and direction.
//!
//! Reference: ITU-T T.81 (1992), annex A.3 (DCT), K.1 (tables); G. K. Wallace, "The JPEG still
//! picture compression standard", Communications of the ACM 34(4), 1991, doi:10.1145/103085.103089;
//! C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11
//! multiplications", ICASSP 1989, doi:10.1109/ICASSP.1989.266596.

use restora_image::{
    ColorSpace, Context, Image, OpError, OpInfo, Operation, ParamInfo, Sample, for_each_band,
    jpeg_tables, simd,
};
use serde::{Deserialize, Serialize};

/// Resolution of the chroma planes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subsampling {
    /// As luma.
    #[serde(rename = "4:4:4")]
    Full,
    /// Half in both directions: what most cameras and programs write.
    #[default]
    #[serde(rename = "4:2:0")]
    Quarter,
}

/// Options of [`jpeg`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jpeg {
    /// Quality, `1..=100`, on the scale of the Independent JPEG Group.
    pub quality: u32,
    /// Resolution of chroma; gray images have none.
    pub subsampling: Subsampling,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self { quality: 75, subsampling: Subsampling::Quarter }
    }
}

/// Name, paper and parameters of [`jpeg`].
pub const INFO: OpInfo = OpInfo {
    id: "jpeg",
    title: "JPEG compression",
    family: "degrade",
    paper: "G. K. Wallace, The JPEG still picture compression standard, Communications of the ACM \
            34(4), 1991, doi:10.1145/103085.103089",
    params: &[
        ParamInfo {
            name: "quality",
            symbol: "",
            unit: "",
            range: "1..=100",
            default: "75",
            doc: "quality on the scale of the Independent JPEG Group",
        },
        ParamInfo {
            name: "subsampling",
            symbol: "",
            unit: "",
            range: "4:4:4 | 4:2:0",
            default: "\"4:2:0\"",
            doc: "resolution of chroma",
        },
    ],
};

/// Encodes and decodes.
///
/// # Errors
/// [`OpError::Param`] if `quality` is not in `1..=100`; [`OpError::WrongSpace`] for anything but
/// gray and sRGB; [`OpError::Cancelled`].
pub fn jpeg(image: &Image, options: &Jpeg, cx: &Context) -> Result<Image, OpError> {
    options.validate()?;
    cx.check()?;
    let (w, h) = (image.size().w(), image.size().h());
    let mut out = image.clone();
    if image.size().is_empty() {
        return Ok(out);
    }
    // Levels 0..=255, whole numbers throughout.
    let luma = jpeg_tables::luminance(options.quality).map(i32::from);
    let chroma = jpeg_tables::chrominance(options.quality).map(i32::from);
    let data = out.data_mut();
    simd(
        #[inline(always)]
        || data.iter_mut().for_each(|v| *v = (v.clamp(0.0, 1.0) * 255.0).round()),
    );
    match image.space() {
        ColorSpace::Gray => coded(out.plane_mut(0), w, &luma, cx)?,
        ColorSpace::Srgb => {
            rgb_to_ycc(&mut out);
            coded(out.plane_mut(0), w, &luma, cx)?;
            for c in 1..3 {
                let plane = out.plane_mut(c);
                if options.subsampling == Subsampling::Full {
                    coded(plane, w, &chroma, cx)?;
                    continue;
                }
                // Whole blocks across: the last pixel is repeated before halving, not after.
                let stride = w.div_ceil(16) * 8;
                let mut small = halved(plane, w, h, stride);
                coded(&mut small, stride, &chroma, cx)?;
                doubled(&small, stride, plane, w, h);
            }
            ycc_to_rgb(&mut out);
        }
        got => return Err(OpError::WrongSpace { op: "jpeg", wanted: "gray or sRGB", got }),
    }
    for v in out.data_mut() {
        *v /= 255.0;
    }
    Ok(out)
}

/// Quantizes the blocks of a plane of 8-bit levels; rows of blocks are spread over the threads.
fn coded(plane: &mut [f32], w: usize, table: &[i32; 64], cx: &Context) -> Result<(), OpError> {
    for_each_band(plane, w, 8, cx, |_, band| {
        simd(
            #[inline(always)]
            || coded_band(band, w, table),
        );
        Ok(())
    })
}

/// Eight rows of eight.
type Block = [[i32; 8]; 8];

/// Up to eight rows; those that the last band lacks repeat its last one.
#[inline(always)]
fn coded_band(band: &mut [f32], w: usize, table: &[i32; 64]) {
    let rows = band.len() / w;
    for x0 in (0..w).step_by(8) {
        let columns = (w - x0).min(8);
        let mut block: Block = [[0; 8]; 8];
        for y in 0..8 {
            let row = &band[y.min(rows - 1) * w..][x0..w];
            let mut levels = [row[columns - 1]; 8];
            levels[..columns].copy_from_slice(&row[..columns]);
            block[y] = levels.map(|v| v as i32 - 128);
        }
        // Along rows, then along columns; the result is 8 times the orthonormal DCT.
        block = forward(transposed(block), 0, CONSTANT_BITS - EXTRA_BITS, EXTRA_BITS);
        block = forward(transposed(block), EXTRA_BITS, CONSTANT_BITS + EXTRA_BITS, 0);
        for v in 0..8 {
            for u in 0..8 {
                let (c, q) = (block[v][u], table[8 * v + u]);
                // To nearest, half away from zero. In f32, which is vectorized: a quotient that is
                // not whole is at least 1 / (8 q) away from one, far more than its rounding error.
                let levels = ((c.abs() + 4 * q) as f32 / (8 * q) as f32) as i32;
                block[v][u] = levels * q * c.signum();
            }
        }
        block = transposed(inverse(block, CONSTANT_BITS - EXTRA_BITS));
        block = transposed(inverse(block, CONSTANT_BITS + EXTRA_BITS + 3));
        for y in 0..rows {
            let levels = block[y].map(|v| (v + 128).clamp(0, 255) as f32);
            band[y * w + x0..][..columns].copy_from_slice(&levels[..columns]);
        }
    }
}

#[inline(always)]
fn transposed(block: Block) -> Block {
    let mut out: Block = [[0; 8]; 8];
    for i in 0..8 {
        for j in 0..8 {
            out[j][i] = block[i][j];
        }
    }
    out
}

/// Fraction bits of the constants, and of the values between the two passes: the word lengths of
/// the common integer codecs, so that roundings fall alike.
const CONSTANT_BITS: u32 = 13;
const EXTRA_BITS: u32 = 2;

/// `x` in `CONSTANT_BITS` fixed point.
const fn fixed(x: f64) -> i32 {
    (x * (1 << CONSTANT_BITS) as f64 + 0.5) as i32
}

/// `x / 2^bits` to nearest.
#[inline(always)]
fn descaled(x: i32, bits: u32) -> i32 {
    if bits == 0 { x } else { (x + (1 << (bits - 1))) >> bits }
}

/// The rotations of the odd half, the same in both directions (figure 1 of Loeffler, Ligtenberg and
/// Moschytz, with the common factor of all outputs taken out). Inputs and outputs are in the order
/// 7, 5, 3, 1 of the frequencies.
#[inline(always)]
fn odd_half([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    const R: [i32; 5] = [
        fixed(1.175_875_602),
        fixed(0.899_976_223),
        fixed(2.562_915_447),
        fixed(1.961_570_560),
        fixed(0.390_180_644),
    ];
    let z5 = R[0] * (a + c + b + d);
    let (z1, z2) = (-R[1] * (a + d), -R[2] * (b + c));
    let (z3, z4) = (z5 - R[3] * (a + c), z5 - R[4] * (b + d));
    [
        fixed(0.298_631_336) * a + z1 + z3,
        fixed(2.053_119_869) * b + z2 + z4,
        fixed(3.072_711_026) * c + z2 + z3,
        fixed(1.501_321_110) * d + z1 + z4,
    ]
}

/// DCT of each column. Sums leave by `plain` bits, products by `product` bits; sums gain `gain`.
#[inline(always)]
fn forward(x: Block, plain: u32, product: u32, gain: u32) -> Block {
    let mut out: Block = [[0; 8]; 8];
    for i in 0..8 {
        let (s0, d0) = (x[0][i] + x[7][i], x[0][i] - x[7][i]);
        let (s1, d1) = (x[1][i] + x[6][i], x[1][i] - x[6][i]);
        let (s2, d2) = (x[2][i] + x[5][i], x[2][i] - x[5][i]);
        let (s3, d3) = (x[3][i] + x[4][i], x[3][i] - x[4][i]);
        let (e0, e3, e1, e2) = (s0 + s3, s0 - s3, s1 + s2, s1 - s2);
        out[0][i] = descaled((e0 + e1) << gain, plain);
        out[4][i] = descaled((e0 - e1) << gain, plain);
        let z = fixed(0.541_196_100) * (e2 + e3);
        out[2][i] = descaled(z + fixed(0.765_366_865) * e3, product);
        out[6][i] = descaled(z - fixed(1.847_759_065) * e2, product);
        let [o7, o5, o3, o1] = odd_half([d3, d2, d1, d0]);
        out[7][i] = descaled(o7, product);
        out[5][i] = descaled(o5, product);
        out[3][i] = descaled(o3, product);
        out[1][i] = descaled(o1, product);
    }
    out
}

/// Inverse DCT of each column.
#[inline(always)]
fn inverse(x: Block, bits: u32) -> Block {
    let mut out: Block = [[0; 8]; 8];
    for i in 0..8 {
        let z = fixed(0.541_196_100) * (x[2][i] + x[6][i]);
        let e2 = z - fixed(1.847_759_065) * x[6][i];
        let e3 = z + fixed(0.765_366_865) * x[2][i];
        let e0 = (x[0][i] + x[4][i]) << CONSTANT_BITS;
        let e1 = (x[0][i] - x[4][i]) << CONSTANT_BITS;
        let even = [e0 + e3, e1 + e2, e1 - e2, e0 - e3];
        let [o0, o1, o2, o3] = odd_half([x[7][i], x[5][i], x[3][i], x[1][i]]);
        for (k, (e, o)) in even.into_iter().zip([o3, o2, o1, o0]).enumerate() {
            out[k][i] = descaled(e + o, bits);
            out[7 - k][i] = descaled(e - o, bits);
        }
    }
    out
}

/// JFIF's conversion in 16-bit fixed point, rounded; chroma just below the half, so that 255 is kept.
fn rgb_to_ycc(image: &mut Image) {
    const CENTER: i32 = (128 << 16) + 32767;
    each_pixel(
        image,
        #[inline(always)]
        |[r, g, b]| {
            [
                (19595 * r + 38470 * g + 7471 * b + 32768) >> 16,
                (-11059 * r - 21709 * g + 32768 * b + CENTER) >> 16,
                (32768 * r - 27439 * g - 5329 * b + CENTER) >> 16,
            ]
        },
    );
}

/// The inverse in 16-bit fixed point: 1.402, 0.34414, 0.71414, 1.772; clamped.
fn ycc_to_rgb(image: &mut Image) {
    each_pixel(
        image,
        #[inline(always)]
        |[y, cb, cr]| {
            let (cb, cr) = (cb - 128, cr - 128);
            let rgb = [
                y + ((91881 * cr + 32768) >> 16),
                y + ((-22554 * cb - 46802 * cr + 32768) >> 16),
                y + ((116130 * cb + 32768) >> 16),
            ];
            rgb.map(|v| v.clamp(0, 255))
        },
    );
}

fn each_pixel(image: &mut Image, f: impl Fn([i32; 3]) -> [i32; 3]) {
    let n = image.size().len();
    let (a, bc) = image.data_mut().split_at_mut(n);
    let (b, c) = bc.split_at_mut(n);
    simd(
        #[inline(always)]
        || {
            for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                let [x, y, z] = f([*a as i32, *b as i32, *c as i32]);
                (*a, *b, *c) = (x as f32, y as f32, z as f32);
            }
        },
    );
}

/// Rows of `stride` means of 2 x 2 levels, rounded with a bias of 1/4 and 1/2 in turn along a row so
/// that flat regions keep their mean; the last row and column are repeated.
fn halved(plane: &[f32], w: usize, h: usize, stride: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(stride * h.div_ceil(2));
    let mut sums = vec![0.0; 2 * stride];
    for y in (0..h).step_by(2) {
        let (a, b) = (&plane[y * w..][..w], &plane[(y + 1).min(h - 1) * w..][..w]);
        for (s, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *s = a + b;
        }
        let last = sums[w - 1];
        sums[w..].fill(last);
        // Sums of whole levels: truncation is the floor.
        let mean = |[a, b]: [f32; 2], bias: f32| ((a + b + bias) * 0.25) as i32 as f32;
        out.extend(
            sums.as_chunks::<4>()
                .0
                .iter()
                .flat_map(|&[a, b, c, d]| [mean([a, b], 1.0), mean([c, d], 2.0)]),
        );
    }
    out
}

/// The triangle filter that decoders use: 9/16, 3/16, 3/16, 1/16 of the four nearest, with 8/16 and
/// 7/16 added in turn. Planes of two columns or less are repeated instead.
fn doubled(small: &[f32], stride: usize, out: &mut [f32], w: usize, h: usize) {
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    // Sums down the columns, the first and the last one twice.
    let mut sums = vec![0.0; cw + 2];
    for y in 0..h {
        let near = &small[y / 2 * stride..][..cw];
        let row = &mut out[y * w..][..w];
        if cw <= 2 {
            for (x, v) in row.iter_mut().enumerate() {
                *v = near[x / 2];
            }
            continue;
        }
        let other = if y % 2 == 0 { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(ch - 1) };
        let far = &small[other * stride..][..cw];
        for (s, (near, far)) in sums[1..].iter_mut().zip(near.iter().zip(far)) {
            *s = 3.0 * near + far;
        }
        (sums[0], sums[cw + 1]) = (sums[1], sums[cw]);
        // Whole numbers of 0 or more: truncation is the floor.
        let mix =
            |near: f32, side: f32, bias: f32| ((3.0 * near + side + bias) * 0.0625) as i32 as f32;
        for (pixels, s) in row.chunks_mut(2).zip(sums.windows(3)) {
            pixels[0] = mix(s[1], s[0], 8.0);
            if let Some(odd) = pixels.get_mut(1) {
                *odd = mix(s[1], s[2], 7.0);
            }
        }
    }
}

impl Operation for Jpeg {
    fn info(&self) -> &'static OpInfo {
        &INFO
    }

    fn validate(&self) -> Result<(), OpError> {
        if (1..=100).contains(&self.quality) {
            return Ok(());
        }
        Err(OpError::param("quality", "in 1..=100", self.quality))
    }

    /// Blocks have their places in the whole image.
    fn reach(&self) -> Option<u32> {
        None
    }

    fn apply(&self, sample: &mut Sample, cx: &Context) -> Result<(), OpError> {
        sample.image = jpeg(&sample.image, self, cx)?;
        sample.noise = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
