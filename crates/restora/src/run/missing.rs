//! What is missing of a picture, and the files that masks and doubt maps go to.

use super::RunOptions;
use super::item::Belt;
use super::opening::Lost;
use super::place::Place;
use crate::damage::{self, Detector, Finding, Search, Trust};
use crate::error::Error;
use crate::pipeline::{Pipeline, Stage};
use restora_data::{Entry, FileMeta, Format, Input};
use restora_image::{Context, Layout, Mask, OpError, Pixels, Raster};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How the PNG of a picture is named in a folder of masks or maps: as the picture; where another
/// picture differs from it by its extension alone, as the picture with its extension.
#[derive(Default)]
pub struct Names {
    shared: HashSet<PathBuf>,
}

impl Names {
    /// Of the pictures of a run, if it writes masks or maps.
    pub fn of(input: &Input, options: &RunOptions) -> Self {
        let mut names = Self::default();
        if options.masks.is_none() && options.doubt_maps.is_none() {
            return names;
        }
        let mut seen = HashSet::new();
        for entry in restora_data::walk(input).filter_map(Result::ok) {
            let stem = entry.relative.with_extension("");
            if !seen.insert(stem.clone()) {
                names.shared.insert(stem);
            }
        }
        names
    }

    fn of_entry(&self, relative: &Path) -> PathBuf {
        let shared = self.shared.contains(&relative.with_extension(""));
        if !shared || Format::from_path(relative) == Some(Format::Png) {
            return relative.with_extension("png");
        }
        let mut name: OsString = relative.as_os_str().to_owned();
        name.push(".png");
        name.into()
    }
}

impl Belt<'_> {
    /// The mask of a page, if there are steps that fill what is missing: what was lost, and what the
    /// user marked.
    pub fn mask(
        &self,
        entry: &Entry,
        (number, page): (usize, &Raster),
        lost: Option<&Lost>,
        pipeline: &Pipeline,
        cx: &Context,
    ) -> Result<Option<Mask>, Error> {
        if !pipeline.steps.iter().any(Stage::fills) {
            return Ok(None);
        }
        let source = self.options.mask.as_ref();
        let limits = &self.options.limits;
        let given = source.map(|s| s.mask(&entry.relative, (number, page), limits, cx));
        let Some(mut mask) = given.transpose()? else {
            let none = || self.options.salvage.then(|| Mask::empty(page.size));
            return Ok(lost.map(|lost| lost.mask.clone()).or_else(none));
        };
        if let Some(lost) = lost {
            mask.add(&lost.mask)?;
        }
        Ok(Some(mask))
    }

    /// Looks for the damage of a page of which no mask is known. Where the choice of the steps is left to the
    /// diagnosis it is filled first, so that the rest is measured on what was filled.
    pub fn damage(
        &self,
        page: &Raster,
        pipeline: &mut Pipeline,
        cx: &Context,
    ) -> Result<(Option<Mask>, Vec<Finding>), Error> {
        // Impulses the diagnosis measures in any case.
        let told = |s: &&Search| s.detector != Detector::Impulses || s.trust != Trust::Unasked;
        let searches: Vec<_> = self.options.searches.iter().filter(told).copied().collect();
        let (mask, found) = damage::detect(page, &searches, cx)?;
        if found.is_empty() || !pipeline.has_auto() {
            return Ok((None, found));
        }
        pipeline.steps.insert(0, Stage::FILL);
        Ok((Some(mask), found))
    }

    /// Writes the mask of a page, if masks are asked for.
    pub fn write_mask(&self, mask: &Mask, entry: &Entry, number: usize) -> Result<(), Error> {
        let Some(folder) = &self.options.masks else { return Ok(()) };
        self.write_gray(&pictured(mask)?, folder, entry, number)
    }

    /// Writes a gray page as PNG into a folder; to a PNG that was asked for, where there is one picture.
    pub fn write_gray(
        &self,
        page: &Raster,
        place: &Path,
        entry: &Entry,
        number: usize,
    ) -> Result<(), Error> {
        let one = matches!(self.place, Place::File(_)) && !place.is_dir();
        let mut path = if one && Format::from_path(place) == Some(Format::Png) {
            place.to_owned()
        } else {
            place.join(self.names.of_entry(&entry.relative))
        };
        if number > 0 {
            path = page_file(&path, number);
        }
        if !self.claim(&path) {
            let message = "another output of this run is the same file: give it another place";
            let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, message);
            return Err(Error::Io { path, source });
        }
        let options = self.options;
        let meta = FileMeta::new(Format::Png, Layout::Gray, page.depth());
        let (pages, png) = (std::slice::from_ref(page), Format::Png);
        Ok(restora_data::write_file(&path, pages, png, &meta, &options.encode, options.overwrite)?)
    }
}

/// Share of the pixels beyond which marks of detectors are told of: of undamaged photographs 0.02 to 0.09 % are marked
/// where damage is asked for, and ten times that is worth a look.
const MUCH: f64 = 0.01;

/// What was filled, for people; `guessed` if detectors marked it.
pub fn filled_notes(mask: &Mask, guessed: bool) -> Vec<String> {
    let (count, share) = (mask.count(), mask.count() as f64 / mask.data().len().max(1) as f64);
    let percent = 100.0 * share;
    let what = if guessed { "were marked as damage" } else { "were missing" };
    let mut notes = vec![format!("{count} pixels ({percent:.2} %) {what} and are filled")];
    if guessed && share > MUCH {
        notes.push(format!(
            "look at the mask (--mask-out): {percent:.2} % of the picture were marked as damage, and content may \
             be among it"
        ));
    }
    notes
}

/// The file of a page after the first: the name of the first one's with the number of the page.
pub fn page_file(first: &Path, number: usize) -> PathBuf {
    let stem = first.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    first.with_file_name(format!("{stem}-{number}.png"))
}

/// A mask as 8-bit gray, white where a pixel is missing.
pub fn pictured(mask: &Mask) -> Result<Raster, OpError> {
    let pixels = mask.data().iter().map(|missing| if *missing { 255 } else { 0 }).collect();
    Raster::new(mask.size(), Layout::Gray, Pixels::U8(pixels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use restora_image::Size;

    #[test]
    fn many_marks_of_detectors_are_warned_of_and_those_of_people_are_not() {
        let mask = |n: usize| Mask::from_fn(Size::new(100, 100), |x, y| y == 0 && x < n);
        assert_eq!(
            filled_notes(&mask(100), true),
            ["100 pixels (1.00 %) were marked as damage and are filled"]
        );
        let many = Mask::from_fn(Size::new(100, 100), |_, y| y < 2);
        let notes = filled_notes(&many, true);
        assert!(
            notes[1].starts_with("look at the mask") && notes[1].contains("2.00 %"),
            "{notes:?}"
        );
        assert_eq!(filled_notes(&many, false), ["200 pixels (2.00 %) were missing and are filled"]);
    }

    #[test]
    fn pictures_that_differ_by_their_extension_have_masks_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["cut.png", "cut.jpg", "lone.jpg", "sub/cut.jpg"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        let input = Input::Path(dir.path().into());
        let mut options = RunOptions::new(Pipeline::default(), "out".into());
        let name = |options: &RunOptions, relative: &str| {
            Names::of(&input, options).of_entry(Path::new(relative)).to_str().unwrap().to_owned()
        };
        assert_eq!(name(&options, "cut.jpg"), "cut.png", "nothing is written");
        options.masks = Some("masks".into());
        assert_eq!(name(&options, "cut.jpg"), "cut.jpg.png");
        assert_eq!(name(&options, "cut.png"), "cut.png");
        assert_eq!(name(&options, "lone.jpg"), "lone.png");
        assert_eq!(name(&options, "sub/cut.jpg"), "sub/cut.png");
        assert_eq!(page_file(Path::new("m/cut.jpg.png"), 2), Path::new("m/cut.jpg-2.png"));
    }
}
