//! Which pixels of a picture are damaged, by the detectors of `metrics` and `ops`.
//!
//! A picture is looked at in strips of at most two megapixels that overlap, so that one of any size takes
//! little memory.

use crate::auto::has_salt_and_pepper;
use crate::error::Error;
use restora_image::{Context, Image, Mask, OpError, Raster, Rect};
use restora_metrics::damage::{
    DeadLines, Dust, Scratches, Significance, Text, dead_lines, dust, scratches, text,
};
use restora_metrics::no_reference::impulse_rate;
use restora_ops::denoise::{Impulse, impulse_mask};
use restora_ops::inpaint::{Telea, telea};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What finds damage of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// Salt and pepper.
    Impulses,
    /// Scratches and cracks.
    Scratches,
    /// Dust and specks.
    Dust,
    /// Burnt-in text.
    Text,
    /// Dead rows and columns.
    DeadLines,
}

impl Detector {
    /// All of them, in the order in which they look.
    pub const ALL: [Self; 5] =
        [Self::Impulses, Self::Scratches, Self::Dust, Self::Text, Self::DeadLines];

    /// Name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Impulses => "impulses",
            Self::Scratches => "scratches",
            Self::Dust => "dust",
            Self::Text => "text",
            Self::DeadLines => "dead-lines",
        }
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to look for, and how certain it must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// What finds it.
    pub detector: Detector,
    /// How sure it must be.
    pub trust: Trust,
}

/// How sure a detector must be. Only those of scratches and of dust weigh evidence; the others are as
/// sure as they can be in any case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trust {
    /// Nobody says that there is such damage: the whole picture must speak for it.
    Unasked,
    /// The picture is known to have such damage: one mark in ten may be wrong by what photographs show on
    /// average; or so many marks in a megapixel may be wrong on an undamaged photograph, `0.1..=100`.
    Asked(Option<f32>),
}

impl Search {
    /// Everything, on a picture of which nothing is known.
    pub fn unasked() -> Vec<Self> {
        Detector::ALL.map(|detector| Self { detector, trust: Trust::Unasked }).to_vec()
    }
}

impl FromStr for Search {
    type Err = Error;

    /// Reads `dust` or `dust:false-marks=30`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, option) = text.split_once(':').map_or((text, None), |(n, o)| (n, Some(o)));
        let names = || Detector::ALL.map(Detector::name).join(", ");
        let detector =
            Detector::ALL.into_iter().find(|d| d.name() == name.trim()).ok_or_else(|| {
                Error::Usage(format!("no detector is named `{name}`; there are {}", names()))
            })?;
        let Some(option) = option else { return Ok(Self { detector, trust: Trust::Asked(None) }) };
        let weighs = matches!(detector, Detector::Scratches | Detector::Dust);
        let rate = option
            .strip_prefix("false-marks=")
            .and_then(|n| n.parse().ok())
            .filter(|n| weighs && (0.1..=100.0).contains(n));
        let rate = rate.ok_or_else(|| {
            Error::Usage(format!(
                "scratches and dust take false-marks=N with N in 0.1..=100, got `{text}`"
            ))
        })?;
        Ok(Self { detector, trust: Trust::Asked(Some(rate)) })
    }
}

/// Damage of one kind in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What found it.
    pub detector: Detector,
    /// Part of the pixels, in `(0, 1]`.
    pub share: f32,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.2} %", self.detector, 100.0 * self.share)
    }
}

/// Findings for people.
pub fn listed(found: &[Finding]) -> String {
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    if found.is_empty() { "none found".into() } else { found.join(", ") }
}

/// Pixels of a strip, and rows that it overlaps its neighbors by: more than a detector looks to.
const STRIP: usize = 2_000_000;
const OVERLAP: u32 = 64;

/// Looks for damage in a page.
///
/// # Errors
/// If a detector refuses the page, or the caller cancelled.
pub fn detect(
    page: &Raster,
    searches: &[Search],
    cx: &Context,
) -> Result<(Mask, Vec<Finding>), Error> {
    let size = page.size;
    let mut mask = Mask::empty(size);
    let mut counts = vec![0usize; searches.len()];
    if size.is_empty() {
        return Ok((mask, Vec::new()));
    }
    let rows = u32::try_from(STRIP / size.w()).unwrap_or(u32::MAX).max(4 * OVERLAP);
    for top in (0..size.height).step_by(rows as usize) {
        // The rest of a picture that is not worth a strip of its own belongs to the one before.
        let bottom = if size.height - top < rows + rows / 2 { size.height } else { top + rows };
        let from = top.saturating_sub(OVERLAP);
        let to = (bottom + OVERLAP).min(size.height);
        let mut strip = page.tile(Rect { x: 0, y: from, width: size.width, height: to - from });
        // Dead lines first: what is left of them would be scratches.
        let later = |i: &usize| searches[*i].detector != Detector::DeadLines;
        let mut order: Vec<usize> = (0..searches.len()).collect();
        order.sort_by_key(later);
        for i in order {
            let found = marks(&strip, searches[i], cx)?;
            let count = &mut counts[i];
            for y in top..bottom {
                for x in 0..size.w() {
                    if found.at(x, (y - from) as usize) {
                        mask.set(x, y as usize, true);
                        *count += 1;
                    }
                }
            }
            let living = (1..strip.size().len()).contains(&found.count());
            if searches[i].detector == Detector::DeadLines && living {
                strip = telea(&strip, &found, &Telea::default(), cx)?;
            }
        }
        if bottom == size.height {
            break;
        }
    }
    let finding = |(search, count): (&Search, &usize)| Finding {
        detector: search.detector,
        share: *count as f32 / size.len() as f32,
    };
    let found = searches.iter().zip(&counts).filter(|(_, c)| **c > 0).map(finding).collect();
    Ok((mask, found))
}

fn marks(image: &Image, search: Search, cx: &Context) -> Result<Mask, OpError> {
    let significance = match search.trust {
        Trust::Unasked => Significance::UNASKED,
        Trust::Asked(None) => Significance::ASKED,
        Trust::Asked(Some(rate)) => Significance::FalseMarks(rate),
    };
    match search.detector {
        Detector::Impulses => impulses(image, search.trust, cx),
        Detector::Scratches => scratches(image, &Scratches { significance }, cx),
        Detector::Dust => dust(image, &Dust { significance }, cx),
        Detector::Text => text(image, &Text::default(), cx),
        Detector::DeadLines => dead_lines(image, &DeadLines::default(), cx),
    }
}

/// The pixels that were hit in any channel. Unasked only where salt and pepper are everywhere.
fn impulses(image: &Image, trust: Trust, cx: &Context) -> Result<Mask, OpError> {
    let mut mask = Mask::empty(image.size());
    if trust == Trust::Unasked && !has_salt_and_pepper(&impulse_rate(image)) {
        return Ok(mask);
    }
    for plane in image.planes() {
        cx.check()?;
        mask.add(&impulse_mask(plane, &Impulse::default())?)?;
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::{Depth, Rng, Size};
    use restora_testkit::{noisy, synthetic_rgb};

    fn raster(image: &Image) -> Raster {
        Raster::from_image(image, Depth::U8).unwrap()
    }

    #[test]
    fn searches_are_read_and_what_is_wrong_with_them_is_said() {
        let read = |text: &str| text.parse::<Search>();
        let asked = |detector, rate| Search { detector, trust: Trust::Asked(rate) };
        assert_eq!(read("text").unwrap(), asked(Detector::Text, None));
        assert_eq!(
            read("scratches:false-marks=30").unwrap(),
            asked(Detector::Scratches, Some(30.0))
        );
        for detector in Detector::ALL {
            assert_eq!(read(detector.name()).unwrap().detector, detector);
        }
        assert!(read("scratch").unwrap_err().to_string().contains("dead-lines"));
        for bad in ["dust:false-marks=0", "dust:rate=3", "text:false-marks=3", "dust:false-marks=x"]
        {
            assert!(read(bad).unwrap_err().to_string().contains("false-marks=N"), "{bad}");
        }
    }

    #[test]
    fn nothing_is_found_on_clean_pictures_of_any_size() {
        for (w, h) in [(0, 0), (1, 1), (1, 60), (2, 3), (200, 160)] {
            let image = noisy(&synthetic_rgb(Size::new(w, h)), 0.01, 1);
            let (mask, found) =
                detect(&raster(&image), &Search::unasked(), &Context::default()).unwrap();
            assert_eq!((mask.count(), found), (0, Vec::new()), "{w}x{h}");
        }
    }

    #[test]
    fn damage_of_several_kinds_is_told_apart_and_marked_together() {
        let size = Size::new(240, 200);
        let mut image = noisy(&synthetic_rgb(size), 0.01, 2);
        let mut rng = Rng::new(1, "hits", 0);
        let hits: Vec<bool> = (0..size.len()).map(|_| rng.uniform() < 0.05).collect();
        for plane in image.planes_mut() {
            for (i, v) in plane.iter_mut().enumerate() {
                if hits[i] {
                    *v = f32::from(u8::from(i % 2 == 0));
                } else if i / 240 == 77 {
                    *v = 0.5;
                }
            }
        }
        let searches = Search::unasked();
        let (mask, found) = detect(&raster(&image), &searches, &Context::default()).unwrap();
        let kinds: Vec<_> = found.iter().map(|f| f.detector).collect();
        assert!(kinds.contains(&Detector::Impulses), "{found:?}");
        let hit = hits.iter().zip(mask.data()).filter(|(h, m)| **h && **m).count();
        assert!(hit as f32 > 0.95 * hits.iter().filter(|h| **h).count() as f32);
    }

    #[test]
    fn strips_of_a_large_picture_find_what_the_whole_has() {
        let size = Size::new(2000, 2600);
        let clean = noisy(&synthetic_rgb(Size::new(250, 325)), 0.01, 3);
        let image = Image::gray_from_fn(size, |x, y| {
            if x == 700 || y == 1000 { 1.0 } else { clean.plane(0).at(x % 250, y % 325) }
        });
        let lines = [Search { detector: Detector::DeadLines, trust: Trust::Unasked }];
        let (mask, found) = detect(&raster(&image), &lines, &Context::default()).unwrap();
        let truth = Mask::from_fn(size, |x, y| x == 700 || y == 1000);
        assert_eq!(mask, truth);
        assert!((found[0].share - 4599.0 / 5.2e6).abs() < 1e-6, "{found:?}");
    }
}
