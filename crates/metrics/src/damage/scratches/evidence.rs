//! What speaks for a curve being a scratch, and not a line of the scene.

use super::super::windows::{Sums, chroma, ends, median, scatter};
use super::chains::{Curve, ordered, turn};
use super::ridges::{Ridges, direction, step};
use restora_image::{Image, Plane};

/// Number of terms of the evidence.
pub const SCRATCH_TERMS: usize = 20;

/// Radius of the windows that say how busy the surroundings of a pixel are.
const AROUND: usize = 20;
/// Distance of the flanks whose tones are compared with that of the line.
pub const FLANK: f32 = 6.0;

/// What is measured once for a picture.
pub struct Surroundings<'a> {
    image: &'a Image,
    /// Luma, of 255.
    luma: &'a Plane,
    /// Responses of lines.
    response: Sums,
    /// Pixels on center lines.
    centers: Sums,
    /// Tones that 1 % of the pixels lie below, and above.
    ends: (f32, f32),
}

impl<'a> Surroundings<'a> {
    pub fn new(
        image: &'a Image,
        luma: &'a Plane,
        ridges: &Ridges,
        centers: impl Iterator<Item = (u32, u32)>,
    ) -> Self {
        let (w, h) = (luma.size.w(), luma.size.h());
        let pairs = ridges.response[0].iter().zip(&ridges.response[1]);
        let largest: Vec<u8> = pairs.map(|(a, b)| *a.max(b)).collect();
        let mut marks = vec![0; w * h];
        for (x, y) in centers {
            marks[y as usize * w + x as usize] = 1;
        }
        let (response, centers) = (Sums::new(&largest, w), Sums::new(&marks, w));
        Self { image, luma, response, centers, ends: ends(luma) }
    }

    fn index(&self, x: i32, y: i32) -> usize {
        let (w, h) = (self.luma.size.w() as i32, self.luma.size.h() as i32);
        (y.clamp(0, h - 1) * w + x.clamp(0, w - 1)) as usize
    }

    /// The terms whose weighted sum is the score of a curve.
    pub fn terms(&self, ridges: &Ridges, polarity: usize, curve: &Curve) -> [f32; SCRATCH_TERMS] {
        let n = curve.links.len() as f32;
        let (mut tones, mut grounds, mut sides) = (Vec::new(), Vec::new(), Vec::new());
        let mut sums = [0.0f32; 6];
        for &(x, y, k) in &curve.links {
            let along = direction(k);
            let (dx, dy) = step((-along.1, along.0), FLANK);
            let (x, y) = (x as i32, y as i32);
            let here = self.index(x, y);
            let flanks = [self.index(x + dx, y + dy), self.index(x - dx, y - dy)];
            let [a, b] = flanks.map(|i| self.luma.data[i]);
            tones.push(self.luma.data[here]);
            grounds.push(0.5 * (a + b));
            sides.push((a, b));
            let values = [
                f32::from(ridges.response[polarity][here]),
                self.response.mean(x as usize, y as usize, AROUND),
                self.centers.mean(x as usize, y as usize, AROUND),
                (a - b).abs(),
                chroma(self.image, here),
                0.5 * (chroma(self.image, flanks[0]) + chroma(self.image, flanks[1])),
            ];
            sums.iter_mut().zip(values).for_each(|(s, v)| *s += v / n);
        }
        let [response, around, density, asymmetry, chroma, chroma_ground] = sums;
        let links = ordered(&curve.links);
        let turns = links.windows(2).map(|l| turn(l[0].2, l[1].2).min(2) as f32).sum::<f32>();
        let tone = median(&tones);
        let (darkest, lightest) = self.ends;
        let off = if polarity == 0 { lightest - tone } else { tone - darkest };

        let length = (n.min(400.0) / 32.0).ln();
        let strength = (response / 32.0).ln();
        let relative = (response / (around + 1.0)).ln();
        let busy = (10.0 * density + 0.1).ln();
        let uneven = ((scatter(&tones, tone) + 2.0) / 16.0).ln();
        let ground = ((scatter(&grounds, median(&grounds)) + 2.0) / 16.0).ln();
        let two_sided = ((asymmetry + 3.0) / 16.0).ln();
        let off = (off / 50.0).clamp(-1.0, 3.0);
        let colorless = ((chroma + 4.0) / (chroma_ground + 4.0)).ln();
        let passes = correlation(&sides);
        let turning = turns / (n - 1.0).max(1.0);
        [
            length,
            strength,
            relative,
            busy,
            uneven,
            ground,
            two_sided,
            off,
            off * off,
            colorless,
            passes,
            turning,
            length * strength,
            length * off,
            length * busy,
            length * uneven,
            strength * off,
            uneven * off,
            colorless * off,
            1.0,
        ]
    }
}

/// Correlation of the two sides along a line: high where the scene passes under it.
fn correlation(sides: &[(f32, f32)]) -> f32 {
    let n = sides.len() as f32;
    let (ma, mb) = sides.iter().fold((0.0, 0.0), |m, s| (m.0 + s.0 / n, m.1 + s.1 / n));
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in sides.iter().map(|s| (s.0 - ma, s.1 - mb)) {
        (aa, ab, bb) = (aa + a * a / n, ab + a * b / n, bb + b * b / n);
    }
    // 4: variance of the noise of a quiet ground.
    ab / ((aa + 4.0) * (bb + 4.0)).sqrt()
}
