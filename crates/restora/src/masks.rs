//! Where the mask of missing pixels of a picture comes from.

use crate::damage::{Search, detect};
use crate::error::Error;
use crate::pairs::{counterpart, read_page};
use crate::run::page_file;
use restora_data::Limits;
use restora_image::{Context, Image, Mask, OpError, Pixels, Raster, Rect, Size};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What marks the missing pixels of a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum MaskSource {
    /// A picture, white = missing, for every picture of the same size; or a folder of such, with the
    /// same relative names.
    Path(PathBuf),
    /// Fully transparent pixels are missing; they are opaque once filled.
    Alpha,
    /// Pixels of a color are missing.
    Color {
        /// Red, green, blue, 0..=255 whatever the depth of the picture.
        rgb: [u8; 3],
        /// Largest difference in a channel, in steps of 1/255.
        tolerance: f32,
    },
    /// Pixels that detectors find damaged.
    Damage(Vec<Search>),
}

/// Room for the rounding of a nominal value that is a multiple of 1/255, in steps of 1/255.
const ROUNDING: f32 = 1e-3;

impl FromStr for MaskSource {
    type Err = Error;

    /// Reads `alpha`, `color:#RRGGBB`, `color:#RRGGBB:tolerance=N`, `auto`,
    /// `detect:scratches,dust:false-marks=30`; everything else is a path.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "alpha" {
            return Ok(Self::Alpha);
        }
        if text == "auto" {
            return Ok(Self::Damage(Search::unasked()));
        }
        if let Some(list) = text.strip_prefix("detect:") {
            return Ok(Self::Damage(list.split(',').map(str::parse).collect::<Result<_, _>>()?));
        }
        let Some(key) = text.strip_prefix("color:") else { return Ok(Self::Path(text.into())) };
        let wrong = || {
            Error::Usage(format!(
                "a mask by color is color:#RRGGBB or color:#RRGGBB:tolerance=N with N in 0..=255, got `{text}`"
            ))
        };
        let (hex, option) = key.split_once(':').map_or((key, None), |(h, o)| (h, Some(o)));
        let hex = hex.strip_prefix('#').unwrap_or(hex);
        if hex.len() != 6 || !hex.is_ascii() {
            return Err(wrong());
        }
        let mut rgb = [0; 3];
        for (value, at) in rgb.iter_mut().zip([0, 2, 4]) {
            *value = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| wrong())?;
        }
        let tolerance = match option {
            None => 0.0,
            Some(option) => option
                .strip_prefix("tolerance=")
                .and_then(|n| n.parse().ok())
                .filter(|n| (0.0..=255.0).contains(n))
                .ok_or_else(wrong)?,
        };
        Ok(Self::Color { rgb, tolerance })
    }
}

impl MaskSource {
    /// Do detectors say what is missing?
    pub fn is_found(&self) -> bool {
        matches!(self, Self::Damage(_))
    }

    /// The mask of a page, with its number, of the picture that lies at `relative` in its tree. Pages after
    /// the first have masks of their own in a folder where there are such (`NAME-1.png`).
    ///
    /// # Errors
    /// If there is no mask for it, the mask cannot be read, or it is of another size.
    pub fn mask(
        &self,
        relative: &Path,
        (number, page): (usize, &Raster),
        limits: &Limits,
        cx: &Context,
    ) -> Result<Mask, Error> {
        match self {
            Self::Path(path) => {
                let path = if path.is_dir() {
                    let first = counterpart(path, relative).ok_or_else(|| {
                        let (name, folder) = (relative.display(), path.display());
                        Error::Input(format!("no mask for {name} in {folder}"))
                    })?;
                    let own = Some(page_file(&first, number)).filter(|own| own.exists());
                    own.filter(|_| number > 0).unwrap_or(first)
                } else {
                    path.clone()
                };
                let mask = white(&read_page(&path, limits)?);
                let (wanted, got) = (page.size, mask.size());
                if got != wanted {
                    return Err(OpError::SizeMismatch { what: "mask", wanted, got }.into());
                }
                Ok(mask)
            }
            Self::Alpha if page.layout.has_alpha() => Ok(marked(page, |image, i| {
                image.alpha.as_ref().is_some_and(|alpha| alpha.data[i] <= 0.0)
            })),
            Self::Alpha => {
                Err(Error::Input("the picture has no alpha channel to take a mask from".into()))
            }
            Self::Damage(searches) => Ok(detect(page, searches, cx)?.0),
            Self::Color { rgb, tolerance } => Ok(marked(page, |image, i| {
                (0..3).all(|c| {
                    let value = image.plane_data(c.min(image.channels() - 1))[i] * 255.0;
                    (value - f32::from(rgb[c])).abs() <= tolerance + ROUNDING
                })
            })),
        }
    }

    /// Changes when a mask does: of the names and bytes of the files that the masks are read from; 0 where
    /// pictures carry them.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be read.
    pub fn checksum(&self) -> Result<u32, Error> {
        let Self::Path(root) = self else { return Ok(0) };
        let mut hasher = crc32fast::Hasher::new();
        let mut waiting = vec![root.clone()];
        while let Some(path) = waiting.pop() {
            let io = |source| Error::Io { path: path.clone(), source };
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).map_err(io)?;
                let mut paths: Vec<PathBuf> =
                    entries.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>().map_err(io)?;
                paths.sort();
                waiting.extend(paths);
                continue;
            }
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).map_err(io)?;
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
        Ok(hasher.finalize())
    }

    /// Finishes a page whose missing pixels were filled: what was transparent is seen now.
    pub fn show(&self, page: &mut Raster, mask: &Mask) {
        if *self != Self::Alpha || !page.layout.has_alpha() {
            return;
        }
        let samples = page.layout.samples();
        let missing = mask.data().iter().enumerate().filter(|(_, m)| **m);
        let alpha = missing.map(|(i, _)| (i + 1) * samples - 1);
        match &mut page.pixels {
            Pixels::U8(v) => alpha.for_each(|i| v[i] = u8::MAX),
            Pixels::U16(v) => alpha.for_each(|i| v[i] = u16::MAX),
            Pixels::F32(v) => alpha.for_each(|i| v[i] = 1.0),
        }
    }
}

/// The pixels of a mask picture that are nearer to white than to black.
fn white(raster: &Raster) -> Mask {
    marked(raster, |image, i| {
        let sum: f32 = (0..image.channels()).map(|c| image.plane_data(c)[i]).sum();
        sum >= 0.5 * image.channels() as f32
    })
}

/// The pixels for which `missing(rows, index)`, asked in bands of rows: a mask of a large picture
/// takes no second picture.
fn marked(raster: &Raster, missing: impl Fn(&Image, usize) -> bool) -> Mask {
    const BAND: u32 = 64;
    let Size { width, height } = raster.size;
    let mut mask = Mask::empty(raster.size);
    for y in (0..height).step_by(BAND as usize) {
        let rows = raster.tile(Rect { x: 0, y, width, height: BAND.min(height - y) });
        for i in (0..rows.size().len()).filter(|&i| missing(&rows, i)) {
            mask.set(i % width as usize, y as usize + i / width as usize, true);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Layout;

    #[test]
    fn a_mask_is_a_path_alpha_or_a_color() {
        let read = |text: &str| text.parse::<MaskSource>();
        assert_eq!(read("alpha").unwrap(), MaskSource::Alpha);
        assert_eq!(read("auto").unwrap(), MaskSource::Damage(Search::unasked()));
        let some = vec!["text".parse().unwrap(), "dust:false-marks=30".parse().unwrap()];
        assert_eq!(read("detect:text,dust:false-marks=30").unwrap(), MaskSource::Damage(some));
        assert!(read("detect:text,dirt").unwrap_err().to_string().contains("`dirt`"));
        assert_eq!(read("./alpha").unwrap(), MaskSource::Path("./alpha".into()));
        let color = |rgb, tolerance| MaskSource::Color { rgb, tolerance };
        assert_eq!(read("color:#FF00a0").unwrap(), color([255, 0, 160], 0.0));
        assert_eq!(read("color:ff00a0:tolerance=12").unwrap(), color([255, 0, 160], 12.0));
        for bad in [
            "color:",
            "color:#12345",
            "color:#12345g",
            "color:#ff00a0:tol=3",
            "color:#é00a0",
            "color:#ff00a0:tolerance=-1",
            "color:#ff00a0:tolerance=300",
        ] {
            let message = read(bad).unwrap_err().to_string();
            assert!(message.contains("#RRGGBB") && message.contains(bad), "{message}");
        }
    }

    #[test]
    fn color_keys_hold_at_every_depth_and_tolerances_in_every_channel() {
        let size = Size::new(4, 1);
        let bytes = vec![255, 0, 160, 255, 1, 160, 250, 3, 161, 255, 0, 170];
        let words = bytes.iter().map(|b| u16::from(*b) * 257).collect();
        let limits = Limits::default();
        for pixels in [Pixels::U8(bytes), Pixels::U16(words)] {
            let page = Raster::new(size, Layout::Rgb, pixels).unwrap();
            let marks = |tolerance| {
                let source = MaskSource::Color { rgb: [255, 0, 160], tolerance };
                source
                    .mask(Path::new("x"), (0, &page), &limits, &Context::default())
                    .unwrap()
                    .data()
                    .to_vec()
            };
            assert_eq!(marks(0.0), [true, false, false, false]);
            assert_eq!(marks(5.0), [true, true, true, false]);
        }
    }

    #[test]
    fn the_checksum_follows_names_and_contents_of_the_masks() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let sum = || MaskSource::Path(root.into()).checksum().unwrap();
        std::fs::create_dir(root.join("sub")).unwrap();
        std::fs::write(root.join("a.png"), b"one").unwrap();
        std::fs::write(root.join("sub/b.png"), b"two").unwrap();
        let first = sum();
        assert_eq!(sum(), first);
        std::fs::write(root.join("sub/b.png"), b"owt").unwrap();
        let second = sum();
        assert_ne!(second, first);
        std::fs::rename(root.join("sub/b.png"), root.join("sub/c.png")).unwrap();
        assert!(![first, second].contains(&sum()));
        let file = |name: &str| MaskSource::Path(root.join(name)).checksum();
        assert_ne!(file("a.png").unwrap(), file("sub/c.png").unwrap());
        assert!(file("none.png").is_err());
        assert_eq!(MaskSource::Alpha.checksum().unwrap(), 0);
    }

    #[test]
    fn what_was_transparent_is_missing_and_opaque_once_filled() {
        let samples = vec![9, 0, 9, 1, 9, 65535];
        let mut page =
            Raster::new(Size::new(3, 1), Layout::GrayAlpha, Pixels::U16(samples)).unwrap();
        let mask = MaskSource::Alpha
            .mask(Path::new("x"), (0, &page), &Limits::default(), &Context::default())
            .unwrap();
        assert_eq!(mask.data(), [true, false, false]);
        MaskSource::Alpha.show(&mut page, &mask);
        assert_eq!(page.pixels, Pixels::U16(vec![9, 65535, 9, 1, 9, 65535]));
        let opaque = Raster::new(Size::new(1, 1), Layout::Gray, Pixels::U8(vec![0])).unwrap();
        assert!(
            MaskSource::Alpha
                .mask(Path::new("x"), (0, &opaque), &Limits::default(), &Context::default())
                .is_err()
        );
    }
}
