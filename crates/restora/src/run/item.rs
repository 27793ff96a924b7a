//! One item on the belt: read, decode, measure, restore, write, score.

use super::RunOptions;
use super::gate::Gate;
use super::missing::{Names, filled_notes};
use super::opening;
use super::place::Place;
use super::scoring::Scoring;
use super::session::Lights;
use crate::auto::filler;
use crate::damage::listed;
use crate::doubt_map::doubt_map;
use crate::error::Error;
use crate::pairs::{counterpart, read_page};
use crate::pipeline::Stage;
use crate::preview::Crop;
use crate::quality::Quality;
use crate::report::{Failure, ItemReport, Outcome};
use crate::resolve::resolve;
use crate::step::Step;
use crate::tiles::{self, Known};
use restora_data::{Decoded, Entry, Format, ItemError};
use restora_image::{Cancel, Context, ErrorKind, Raster, Sample};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One run, as its items see it.
pub struct Belt<'a> {
    pub options: &'a RunOptions,
    /// Of the shoot, for the steps that ask for it.
    pub lights: &'a Lights,
    pub place: &'a Place,
    /// Of the files of masks and maps.
    pub names: &'a Names,
    pub finished: HashMap<String, ItemReport>,
    /// Outputs that items of this run have taken: two inputs may want the same name once the format
    /// changes.
    pub claimed: Mutex<HashSet<PathBuf>>,
    pub memory: Gate,
    pub pool: &'a rayon::ThreadPool,
    pub cancel: &'a Cancel,
}

/// A failure with the place on the belt where it happened.
type Staged<T> = Result<T, (&'static str, Error)>;

/// Names the place on the belt.
fn at<T, E: Into<Error>>(stage: &'static str, result: Result<T, E>) -> Staged<T> {
    result.map_err(|e| (stage, e.into()))
}

impl Belt<'_> {
    /// The row of one entry; `None` if the run was cancelled while it was on the belt.
    pub fn item(&self, index: u64, entry: Result<Entry, ItemError>) -> Option<ItemReport> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                let failure = Failure::new("walk", &Error::Data(e.error));
                return Some(ItemReport::failed(index, e.id, failure));
            }
        };
        if let Some(done) = self.finished.get(&entry.id)
            && done.output.as_ref().is_none_or(|file| Path::new(file).exists())
            && done.outcome != Outcome::Failed
        {
            self.claim(Path::new(done.output.as_deref().unwrap_or_default()));
            return Some(ItemReport { index, ..done.clone() });
        }
        let start = Instant::now();
        let mut row = ItemReport::new(index, entry.id.clone());
        // A fault in one picture's code path must not take the other pictures with it.
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.process(&entry, &mut row)
        }));
        row.seconds = start.elapsed().as_secs_f64();
        match worked {
            Ok(Ok(())) => {}
            Ok(Err((_, error))) if error.kind() == ErrorKind::Cancelled => return None,
            Ok(Err((stage, error))) => {
                row.outcome = Outcome::Failed;
                row.failure = Some(Failure::new(stage, &error));
            }
            Err(_) => {
                let error = Error::Fault("internal fault: please report this picture".into());
                row.outcome = Outcome::Failed;
                row.failure = Some(Failure::new("restore", &error));
            }
        }
        Some(row)
    }

    fn process(&self, entry: &Entry, row: &mut ItemReport) -> Staged<()> {
        let options = self.options;
        let bytes = at("read", entry.read(&options.limits))?;
        let header = at("decode", self.header(&bytes))?;
        row.format = Some(header.format.name().to_lowercase());
        (row.width, row.height) = (header.size.width, header.size.height);
        row.channels = header.layout.colors() as u32;
        row.pages = header.pages as u32;
        row.depth = Some(header.depth);

        let target = self.target(entry, header.format);
        if !options.dry_run && !self.claim(&target) {
            let message = "another input of this run has the same output: give them other names";
            let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, message);
            return Err(("write", Error::Io { path: target, source }));
        }
        if !options.dry_run && target.exists() && !options.overwrite {
            if options.resume {
                row.outcome = Outcome::Kept;
                row.output = Some(target.to_string_lossy().into_owned());
                return Ok(());
            }
            let source = std::io::Error::new(
                std::io::ErrorKind::AlreadyExists,
                "the output is there already: --overwrite replaces it, --resume keeps it",
            );
            return Err(("write", Error::Io { path: target, source }));
        }

        // Input, output (one strip late, or of another size), and what the steps need.
        let resizing: Vec<Step> = options.pipeline.resizing().cloned().collect();
        let size = at("restore", tiles::result_size(&resizing, header.size))?;
        let growth = size.pixels().div_ceil(header.size.pixels().max(1));
        let working = tiles::working_set(size, header.layout, &options.tiling);
        let pixels = header.bytes.saturating_mul(1 + growth);
        let _admission = self.memory.enter((bytes.len() as u64 + working).saturating_add(pixels));
        self.pool.install(|| self.picture(entry, &bytes, target, row))
    }

    fn picture(
        &self,
        entry: &Entry,
        bytes: &[u8],
        target: PathBuf,
        row: &mut ItemReport,
    ) -> Staged<()> {
        let options = self.options;
        let cx = Context {
            threads: options.threads,
            seed: options.seed,
            cancel: Some(self.cancel),
            ..Context::default()
        };
        let (Decoded { mut pages, mut meta }, lost) = at("decode", self.open(bytes))?;
        row.damage = lost.as_ref().map(|lost| lost.damage.clone());
        row.notes.extend(meta.notes.iter().cloned());
        if let Some(first) = pages.first() {
            (row.width, row.height) = (first.size.width, first.size.height);
        }
        let first = pages.first().ok_or_else(|| ("decode", Error::Fault("no page".into())))?;
        let scoring = match self.reference(entry) {
            Some(path) => {
                let clean = at("score", read_page(&path, &options.limits))?;
                Some(at("score", Scoring::of(clean, first, &options.pipeline, &cx))?)
            }
            None => None,
        };

        let asked = self.lights.pipeline(&options.pipeline, &entry.id);
        let pipeline = opening::filling(asked, lost.as_ref());
        let mut changed = false;
        let mut crop = None;
        let mut filled = None;
        for (number, page) in pages.iter_mut().enumerate() {
            // Every page its own stream of random numbers; the first one has the item's name.
            let id = if number == 0 { row.id.clone() } else { format!("{}#{number}", row.id) };
            let lost = lost.as_ref();
            let mut mask = at("mask", self.mask(entry, (number, page), lost, &pipeline, &cx))?;
            let (mut pipeline, mut found) = (pipeline.clone(), None);
            if mask.is_none() && options.diagnose && !options.searches.is_empty() {
                let (damaged, all) = at("diagnose", self.damage(page, &mut pipeline, &cx))?;
                (mask, found) = (damaged, Some(all));
            }
            let (mut steps, noise) = if options.diagnose {
                let gpu = options.gpu.as_ref();
                let (probe, holes) =
                    at("mask", opening::probe(page, mask.as_ref(), lost.is_some()))?;
                let open = pipeline.steps.contains(&Stage::FILL);
                let filler = mask.as_ref().filter(|_| open).map(|mask| filler(page, mask));
                let mut probe = Sample { mask: holes, ..Sample::new(probe) };
                probe.meta.id.clone_from(&id);
                probe.meta.jpeg = opening::saved_jpeg(&meta, page.size);
                let resolved = resolve(&pipeline, probe, filler, gpu, &cx);
                let mut resolved = at("diagnose", resolved)?;
                if let Some(found) = found {
                    if mask.is_some() {
                        let damage = listed(&found);
                        resolved.reason = format!("{damage} of the picture; {}", resolved.reason);
                    }
                    resolved.diagnosis.damage = Some(found);
                }
                if number == 0 {
                    resolved.diagnosis.quality = options.quality.then(|| Quality::of(page));
                    row.steps.clone_from(&resolved.steps);
                    row.reason = resolved.reason;
                    row.notes.extend(resolved.left_alone);
                    row.diagnosis = Some(resolved.diagnosis);
                }
                (resolved.steps, Some(resolved.noise))
            } else {
                let steps = at("diagnose", pipeline.named_steps())?.into_iter();
                let steps: Vec<_> = steps.map(|step| step.on(options.gpu.as_ref())).collect();
                row.steps.clone_from(&steps);
                (steps, None)
            };
            if number == 0 && options.previews > row.index {
                crop = Some(Crop::of(page, mask.as_ref()));
            }
            if mask.as_ref().is_some_and(|mask| mask.count() == 0) {
                steps.retain(|step| !step.fills());
                if number == 0 {
                    row.steps.clone_from(&steps);
                    row.reason += "; the mask marks nothing";
                }
            }
            let settled = at("diagnose", tiles::settle(page, &steps, &cx))?;
            if number == 0 && settled != steps {
                for asked in &steps {
                    if !settled.iter().any(|step| step.id() == asked.id()) {
                        let note = match asked {
                            Step::WhiteBalance(options) if !options.is_told() => {
                                "left as it is: no cast is the more probable (untouched=0 takes the \
                                 estimate at its word)"
                            }
                            _ => "left as it is: there is nothing to correct",
                        };
                        row.notes.push(format!("{}: {note}", asked.id()));
                    }
                }
                row.steps.clone_from(&settled);
            }
            if number == 0 {
                row.steps = row.steps.iter().map(Step::as_asked).collect();
            }
            let steps = settled;
            if number == 0 {
                let channels = page.layout.colors();
                let weights = row.steps.iter().filter_map(|s| s.weights(channels).transpose());
                row.weights = at("restore", weights.collect::<Result<_, _>>())?;
            }
            if options.dry_run {
                continue;
            }
            if steps.is_empty() {
                // A mask that marks nothing can be edited as well.
                if let Some(mask) = &mask {
                    at("write", self.write_mask(mask, entry, number))?;
                }
                continue;
            }
            changed = true;
            let size = page.size;
            if let (Some(source), Some(mask)) = (&options.mask, &mask) {
                // No step changes opacity but where the size changes.
                source.show(page, mask);
            }
            let known = Known { noise: noise.as_ref(), mask: mask.as_ref(), id: &id };
            let left = tiles::apply(page, &steps, &known, &options.tiling, &cx);
            let left = at("restore", left)?;
            if number == 0 && page.size != size {
                row.notes.push(format!("the size is {}, was {size}", page.size));
            }
            if let Some(mask) = mask.as_ref().filter(|mask| mask.count() > 0)
                && (options.mask.is_some() || lost.is_none())
            {
                let guessed = !matches!(&options.mask, Some(source) if !source.is_found());
                row.notes.extend(filled_notes(mask, guessed));
            }
            if let (Some(mask), Some(folder)) = (&mask, &options.doubt_maps)
                && mask.count() > 0
            {
                let map = at("doubt", doubt_map(page, mask, &steps, &cx))?;
                at("write", self.write_gray(&map, folder, entry, number))?;
            }
            if let Some(mask) = &left {
                at("write", self.write_mask(mask, entry, number))?;
            }
            if number == 0 && steps.iter().any(Step::fills) {
                filled = left;
            }
        }
        row.outcome =
            if changed || lost.is_some() { Outcome::Restored } else { Outcome::Unchanged };
        row.notes.extend(lost.as_ref().map(|lost| lost.words(!options.dry_run)));
        if options.dry_run {
            return Ok(());
        }

        let (up, down) = tiles::ratio(&row.steps);
        if let Some(page) = pages.first().filter(|_| (up, down) != (1, 1)) {
            meta.resized(page.size, up, down);
        }
        let format = Format::from_path(&target).unwrap_or(meta.format);
        if let Some(depth) = options.depth {
            for page in pages.iter_mut().filter(|p| p.depth() != depth) {
                *page = at("encode", Raster::from_image(&page.to_image(), depth))?;
            }
        }
        let converted = format != meta.format
            || options.depth.is_some_and(|d| d != meta.depth)
            || meta.orientation != 1
            || lost.is_some();
        row.output = Some(target.to_string_lossy().into_owned());
        if changed || converted {
            if options.format.is_some() || format != meta.format {
                let fitted = pages.into_iter().map(|page| restora_data::fit(page, format));
                let (fitted, notes): (Vec<_>, Vec<_>) = fitted.unzip();
                pages = fitted;
                row.notes.extend(notes.into_iter().flatten());
            }
            at(
                "write",
                restora_data::write_file(
                    &target,
                    &pages,
                    format,
                    &meta,
                    &options.encode,
                    options.overwrite,
                ),
            )?;
        } else {
            at("write", restora_data::write_atomically(&target, bytes, options.overwrite))?;
        }
        // What a lossy format kept of the result is what counts.
        let lossy = format == Format::Jpeg && (changed || converted);
        if lossy && (crop.is_some() || scoring.is_some()) {
            let bytes =
                std::fs::read(&target).map_err(|source| Error::Io { path: target.clone(), source });
            pages = at("score", restora_data::decode(&at("score", bytes)?, &options.limits))?.pages;
        }
        if let Some(crop) = crop {
            row.preview = Some(at("score", crop.preview(&pages[0], filled.as_ref()))?);
        }
        if let Some(scoring) = scoring {
            row.scores = Some(at("score", scoring.scores(&pages[0], &cx))?);
        }
        if options.sidecar {
            let mut path = target.into_os_string();
            path.push(".restora.json");
            let record = ItemReport { preview: None, ..row.clone() };
            let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
            at("write", restora_data::write_atomically(Path::new(&path), &text, true))?;
        }
        Ok(())
    }
}

impl Belt<'_> {
    /// The file that an entry's result goes to: the same relative name, with another extension only
    /// if the format changes.
    fn target(&self, entry: &Entry, format: Format) -> PathBuf {
        let folder = match self.place {
            Place::File(file) => return file.clone(),
            Place::Folder(folder) => folder,
            Place::Nowhere => return PathBuf::new(),
        };
        let target = folder.join(&entry.relative);
        let wanted = self.options.format.unwrap_or(format.output_default());
        let named = Format::from_path(&target);
        // A wrong extension is kept as the user has it: only a change of format changes the name.
        if (self.options.format.is_some() || wanted != format) && named != Some(wanted) {
            target.with_extension(wanted.extension())
        } else {
            target
        }
    }

    /// Takes an output for an item; `false` if another has it.
    pub fn claim(&self, target: &Path) -> bool {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.insert(target.to_owned())
    }

    /// The clean picture that belongs to an entry, if there is one.
    fn reference(&self, entry: &Entry) -> Option<PathBuf> {
        let root = self.options.reference.as_ref()?;
        if root.is_dir() { counterpart(root, &entry.relative) } else { Some(root.clone()) }
    }
}
