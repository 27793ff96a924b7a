//! The belt: every item of the input through the pipeline, several at once, in bounded memory.

mod gate;
mod item;
mod missing;
mod opening;
mod place;
mod scoring;
mod session;

use crate::damage::Search;
use crate::doubt_map;
use crate::error::Error;
use crate::journal::{Earlier, Journal};
use crate::masks::MaskSource;
use crate::pipeline::Pipeline;
use crate::report::{ItemReport, Report};
use crate::tiles::Tiling;
use gate::Gate;
use item::Belt;
use missing::Names;
pub(crate) use missing::page_file;
use place::Place;
use restora_data::{EncodeOptions, Format, Input, Limits};
use restora_image::{Cancel, Context, Depth};
use restora_nn::Gpu;
use session::Lights;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a run is asked to do.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each a flag of the command"
)]
pub struct RunOptions {
    /// The stages for every picture.
    pub pipeline: Pipeline,
    /// Where results go: a folder, or one file for one input file.
    pub output: PathBuf,
    /// Another format than the input's.
    pub format: Option<Format>,
    /// Another sample format than the input's.
    pub depth: Option<Depth>,
    /// How files are written.
    pub encode: EncodeOptions,
    /// Replace files that are there already.
    pub overwrite: bool,
    /// Go on with an interrupted run: finished items are kept.
    pub resume: bool,
    /// Clean pictures to score against: a folder with the same relative names, or one file.
    pub reference: Option<PathBuf>,
    /// Write a record `NAME.restora.json` beside each output.
    pub sidecar: bool,
    /// What marks the missing pixels, for the steps that fill them.
    pub mask: Option<MaskSource>,
    /// Damage that is looked for where no step was asked to fill it: it is told in the diagnosis, and filled
    /// first where the steps are left to the diagnosis.
    pub searches: Vec<Search>,
    /// Decode what is left of damaged JPEG and PNG files, and fill what is lost. Without it they fail.
    pub salvage: bool,
    /// Write the masks of missing pixels, given or left by steps, into this folder, as PNG, white =
    /// missing.
    pub masks: Option<PathBuf>,
    /// Write how far filled pixels may be off into this folder, as 16-bit PNG: half-widths of 90 % intervals.
    pub doubt_maps: Option<PathBuf>,
    /// Number of items that get pictures in the report.
    pub previews: u64,
    /// Limits on what is read.
    pub limits: Limits,
    /// Threads; items and rows inside them share these.
    pub threads: usize,
    /// Where nets run, if not on the CPU.
    pub gpu: Option<Gpu>,
    /// Bytes that items in flight may take together. One item is always let in.
    pub memory: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Measure each picture even if no stage needs it.
    pub diagnose: bool,
    /// Measure how good each picture looks too (NIQE, BRISQUE, colorfulness).
    pub quality: bool,
    /// How large pictures are cut.
    pub tiling: Tiling,
    /// Find out what would be done, and write nothing.
    pub dry_run: bool,
}

/// A picture of more pixels is measured on windows of it.
const PROBE_PIXELS: u64 = 4_000_000;

impl RunOptions {
    /// The defaults, writing into `output`.
    pub fn new(pipeline: Pipeline, output: PathBuf) -> Self {
        Self {
            pipeline,
            output,
            format: None,
            depth: None,
            encode: EncodeOptions::default(),
            overwrite: false,
            resume: false,
            reference: None,
            sidecar: false,
            mask: None,
            searches: Vec::new(),
            salvage: false,
            masks: None,
            doubt_maps: None,
            previews: 60,
            limits: Limits::default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            gpu: None,
            memory: 1_500_000_000,
            seed: 0,
            diagnose: true,
            quality: false,
            tiling: Tiling::default(),
            dry_run: false,
        }
    }

    /// The options that decide what is written, as text: a resumed run must have the same.
    ///
    /// # Errors
    /// [`Error::Io`] if a mask cannot be read.
    fn fingerprint(&self) -> Result<String, Error> {
        let pipeline = serde_json::to_string(&self.pipeline.steps).unwrap_or_default();
        let (format, depth, seed) = (self.format, self.depth, self.seed);
        let mask = match &self.mask {
            Some(mask) => format!(", mask {mask:?} {:08x}", mask.checksum()?),
            None => String::new(),
        };
        let salvage = if self.salvage { ", salvage" } else { "" };
        let searches = match &self.searches[..] {
            [] => String::new(),
            all => format!(", looks for {all:?}"),
        };
        Ok(format!(
            "steps {pipeline}, format {format:?}, depth {depth:?}, seed {seed}{mask}{searches}{salvage}"
        ))
    }
}

/// Is told how the run goes; called from several threads.
pub trait Observer: Sync {
    /// An item ended.
    fn finished(&self, item: &ItemReport);
}

/// Runs every item of `input` through the pipeline.
///
/// A bad item is a row of the report and never stops the run. Outputs mirror the input tree; each is
/// written to a temporary name and renamed. The report is in input order.
///
/// # Errors
/// [`Error::Usage`] or [`Error::Io`] if the run cannot start as asked. Once it has started, only
/// [`Error::Io`] on its journal.
pub fn run(
    input: &Input,
    options: &RunOptions,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Report, Error> {
    let start = Instant::now();
    options.pipeline.check_order()?;
    if options.doubt_maps.is_some() && options.pipeline.resizing().next().is_some() {
        let message = "doubt maps are told of filled pixels at the size of the input: enlarge in a second run";
        return Err(Error::Usage(message.into()));
    }
    let cx = Context { cancel: Some(cancel), ..Context::with_threads(options.threads) };
    let pipeline = options.pipeline.with_references(&options.limits, &cx)?;
    let options = &RunOptions { pipeline, ..options.clone() };
    let place = Place::of(input, options)?;
    if options.doubt_maps.is_some() {
        doubt_map::is_known(&options.pipeline)?;
    }
    let (journal, finished) = match &place {
        Place::Folder(folder) => {
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::Io { path: folder.clone(), source })?;
            let earlier = match (options.resume, options.overwrite) {
                (true, _) => Earlier::Resume,
                (false, true) => Earlier::Discard,
                (false, false) => Earlier::Refuse,
            };
            let (journal, finished) = Journal::open(folder, &options.fingerprint()?, earlier)?;
            sweep(folder)?;
            (Some(journal), finished)
        }
        Place::File(_) | Place::Nowhere => (None, HashMap::new()),
    };
    let threads = options.threads.max(1);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::Usage(format!("no pool of {threads} threads: {e}")))?;
    let lights = Lights::of(input, options, &pool, &cx)?;
    let belt = Belt {
        options,
        lights: &lights,
        place: &place,
        names: &Names::of(input, options),
        finished,
        claimed: Mutex::default(),
        memory: Gate::new(options.memory),
        pool: &pool,
        cancel,
    };
    let mut walk = restora_data::walk(input);
    if let Place::Folder(folder) = &place {
        walk = walk.exclude(folder);
    }
    let entries = Mutex::new(walk.enumerate());
    let next = || entries.lock().unwrap_or_else(PoisonError::into_inner).next();
    let rows = Mutex::new(Vec::new());
    let broken: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, entry)) = next() {
                    if cancel.is_cancelled() {
                        break;
                    }
                    let Some(row) = belt.item(index as u64, entry) else { break };
                    if let Some(journal) = &journal
                        && let Err(error) = journal.note(&row)
                    {
                        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        cancel.cancel();
                    }
                    observer.finished(&row);
                    rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                }
            });
        }
    });
    if let Some(error) = broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut items = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    items.sort_by_key(|item| item.index);
    let cancelled = cancel.is_cancelled();
    if let Some(journal) = journal
        && !cancelled
    {
        journal.finish()?;
    }
    Ok(Report { items, seconds: start.elapsed().as_secs_f64(), cancelled })
}

/// Removes what a killed run left half-written, in the folder and below.
fn sweep(folder: &Path) -> Result<(), Error> {
    restora_data::remove_stale_temporaries(folder)?;
    let io = |source| Error::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_type().map_err(io)?.is_dir() {
            sweep(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_whose_mask_changed_is_not_the_same_run() {
        let dir = tempfile::tempdir().unwrap();
        let mask = dir.path().join("mask.png");
        let fingerprint = || {
            let mut options =
                RunOptions::new(Pipeline::from_texts(&["telea"]).unwrap(), "out".into());
            options.mask = Some(MaskSource::Path(mask.clone()));
            options.fingerprint()
        };
        assert!(fingerprint().is_err(), "there is no mask");
        std::fs::write(&mask, b"first").unwrap();
        let first = fingerprint().unwrap();
        assert_eq!(fingerprint().unwrap(), first);
        std::fs::write(&mask, b"other").unwrap();
        assert_ne!(fingerprint().unwrap(), first);
    }
}
