//! The belt: every item of the input through the pipeline, several at once, in bounded memory.

use crate::error::Error;
use crate::journal::{Earlier, Journal};
use crate::pairs::{counterpart, read_image};
use crate::pipeline::Pipeline;
use crate::preview;
use crate::report::{Failure, ItemReport, Outcome, Report, Scores};
use crate::resolve::resolve;
use crate::tiles::{self, Tiling};
use restora_data::{Decoded, EncodeOptions, Entry, FileMeta, Format, Input, ItemError, Limits};
use restora_image::{Cancel, Context, Depth, ErrorKind, Image, Layout, Mask, Pixels, Raster};
use restora_metrics::full_reference::{CompareOptions, Comparison, compare};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// What a run is asked to do.
#[derive(Clone, Debug)]
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
    /// Write the masks that steps produce into this folder, as PNG, white = missing.
    pub masks: Option<PathBuf>,
    /// Number of items that get pictures in the report.
    pub previews: u64,
    /// Limits on what is read.
    pub limits: Limits,
    /// Threads; items and rows inside them share these.
    pub threads: usize,
    /// Bytes that items in flight may take together. One item is always let in.
    pub memory: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Measure each picture even if no stage needs it.
    pub diagnose: bool,
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
            masks: None,
            previews: 60,
            limits: Limits::default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: 1_500_000_000,
            seed: 0,
            diagnose: true,
            tiling: Tiling::default(),
            dry_run: false,
        }
    }

    /// The options that decide what is written, as text: a resumed run must have the same.
    fn fingerprint(&self) -> String {
        let pipeline = serde_json::to_string(&self.pipeline.steps).unwrap_or_default();
        let (format, depth, seed) = (self.format, self.depth, self.seed);
        format!("steps {pipeline}, format {format:?}, depth {depth:?}, seed {seed}")
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
    let place = Place::of(input, options)?;
    let (journal, finished) = match &place {
        Place::Folder(folder) => {
            std::fs::create_dir_all(folder)
                .map_err(|source| Error::Io { path: folder.clone(), source })?;
            let earlier = match (options.resume, options.overwrite) {
                (true, _) => Earlier::Resume,
                (false, true) => Earlier::Discard,
                (false, false) => Earlier::Refuse,
            };
            let (journal, finished) = Journal::open(folder, &options.fingerprint(), earlier)?;
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
    let belt = Belt {
        options,
        place: &place,
        finished,
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

/// Where results go.
enum Place {
    Folder(PathBuf),
    File(PathBuf),
    /// Nothing is written.
    Nowhere,
}

impl Place {
    /// One input file goes to the named file if the name has the extension of a picture and is not a
    /// folder; everything else goes into a folder.
    fn of(input: &Input, options: &RunOptions) -> Result<Self, Error> {
        if options.dry_run {
            return Ok(Self::Nowhere);
        }
        let output = &options.output;
        let single = match input {
            Input::Stdin => true,
            Input::Path(path) => !path.is_dir(),
            Input::Glob(_) | Input::List(_) => false,
        };
        let named = Format::from_path(output).is_some();
        let place = match input {
            _ if single && named && !output.is_dir() => Self::File(output.clone()),
            _ => Self::Folder(output.clone()),
        };
        let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
        let clash = match (&place, input) {
            (Self::Folder(out), Input::Path(source)) if source.is_dir() => same(out, source),
            (Self::Folder(out), Input::Path(source)) => {
                source.file_name().is_some_and(|name| same(&out.join(name), source))
            }
            (Self::File(out), Input::Path(source)) => same(out, source),
            _ => false,
        };
        if clash {
            return Err(Error::Usage(format!(
                "the output {} is the input itself; originals are never replaced: choose another place",
                output.display()
            )));
        }
        if let Self::Folder(folder) = &place
            && folder.exists()
            && !folder.is_dir()
        {
            return Err(Error::Usage(format!(
                "the output {} is a file, wanted a folder",
                folder.display()
            )));
        }
        Ok(place)
    }
}

/// Lets items in while their working sets fit together; one alone always fits.
struct Gate {
    capacity: u64,
    taken: Mutex<u64>,
    freed: Condvar,
}

impl Gate {
    fn new(capacity: u64) -> Self {
        Self { capacity, taken: Mutex::new(0), freed: Condvar::new() }
    }

    fn enter(&self, bytes: u64) -> Admission<'_> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken > 0 && *taken + bytes > self.capacity {
            taken = self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += bytes;
        Admission { gate: self, bytes }
    }
}

struct Admission<'a> {
    gate: &'a Gate,
    bytes: u64,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        *self.gate.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.gate.freed.notify_all();
    }
}

struct Belt<'a> {
    options: &'a RunOptions,
    place: &'a Place,
    finished: HashMap<String, ItemReport>,
    memory: Gate,
    pool: &'a rayon::ThreadPool,
    cancel: &'a Cancel,
}

/// A failure with the place on the belt where it happened.
type Staged<T> = Result<T, (&'static str, Error)>;

/// Names the place on the belt.
fn at<T, E: Into<Error>>(stage: &'static str, result: Result<T, E>) -> Staged<T> {
    result.map_err(|e| (stage, e.into()))
}

impl Belt<'_> {
    /// The row of one entry; `None` if the run was cancelled while it was on the belt.
    fn item(&self, index: u64, entry: Result<Entry, ItemError>) -> Option<ItemReport> {
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
        let header = at("decode", restora_data::read_header(&bytes, &options.limits))?;
        row.format = Some(header.format.name().to_lowercase());
        (row.width, row.height) = (header.size.width, header.size.height);
        row.channels = header.layout.colors() as u32;
        row.pages = header.pages as u32;
        row.depth = Some(header.depth);

        let target = self.target(entry, header.format);
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

        // Input, output (one strip late), and what the steps need.
        let working = tiles::working_set(header.size, header.layout, &options.tiling);
        let _admission = self.memory.enter(bytes.len() as u64 + 2 * header.bytes + working);
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
        let Decoded { mut pages, meta } =
            at("decode", restora_data::decode(bytes, &options.limits))?;
        row.notes.extend(meta.notes.iter().cloned());
        if let Some(first) = pages.first() {
            (row.width, row.height) = (first.size.width, first.size.height);
        }
        let reference = match self.reference(entry) {
            Some(path) => Some(at("score", read_image(&path, &options.limits))?),
            None => None,
        };
        let first = pages.first().ok_or_else(|| ("decode", Error::Fault("no page".into())))?;
        let before = (options.previews > row.index).then(|| preview::middle(first));
        let score_before = match &reference {
            Some(clean) => Some(at("score", score(clean, first, &cx))?),
            None => None,
        };

        let mut changed = false;
        for (number, page) in pages.iter_mut().enumerate() {
            // Every page its own stream of random numbers; the first one has the item's name.
            let id = if number == 0 { row.id.clone() } else { format!("{}#{number}", row.id) };
            let (steps, noise) = if options.diagnose {
                let probe = tiles::probe(page, PROBE_PIXELS);
                let resolved = at("diagnose", resolve(&options.pipeline, probe, &id, &cx))?;
                if number == 0 {
                    row.steps.clone_from(&resolved.steps);
                    row.reason = resolved.reason;
                    row.diagnosis = Some(resolved.diagnosis);
                }
                (resolved.steps, Some(resolved.noise))
            } else {
                let steps = at("diagnose", options.pipeline.named_steps())?;
                row.steps.clone_from(&steps);
                (steps, None)
            };
            if options.dry_run || steps.is_empty() {
                continue;
            }
            changed = true;
            let mask = at(
                "restore",
                tiles::apply(page, &steps, noise.as_ref(), &id, &options.tiling, &cx),
            )?;
            if let (Some(mask), Some(folder)) = (mask, &options.masks) {
                let path = folder.join(entry.relative.with_extension("png"));
                at("write", write_mask(&mask, &path, options))?;
            }
        }
        row.outcome = if changed { Outcome::Restored } else { Outcome::Unchanged };
        if options.dry_run {
            return Ok(());
        }

        let format = Format::from_path(&target).unwrap_or(meta.format);
        if let Some(depth) = options.depth {
            for page in pages.iter_mut().filter(|p| p.depth() != depth) {
                *page = at("encode", Raster::from_image(&page.to_image(), depth))?;
            }
        }
        let converted = format != meta.format
            || options.depth.is_some_and(|d| d != meta.depth)
            || meta.orientation != 1;
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
        if lossy && (before.is_some() || reference.is_some()) {
            let bytes =
                std::fs::read(&target).map_err(|source| Error::Io { path: target.clone(), source });
            pages = at("score", restora_data::decode(&at("score", bytes)?, &options.limits))?.pages;
        }
        if let Some(before) = before {
            row.preview = Some(at("score", preview::preview(&before, &pages[0]))?);
        }
        if let (Some(clean), Some(before)) = (&reference, score_before) {
            row.scores = Some(Scores { before, after: at("score", score(clean, &pages[0], &cx))? });
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

    /// The clean picture that belongs to an entry, if there is one.
    fn reference(&self, entry: &Entry) -> Option<PathBuf> {
        let root = self.options.reference.as_ref()?;
        if root.is_dir() { counterpart(root, &entry.relative) } else { Some(root.clone()) }
    }
}

fn score(clean: &Image, page: &Raster, cx: &Context) -> Result<Comparison, Error> {
    Ok(compare(clean, &page.to_image(), &CompareOptions::default(), cx)?)
}

/// A mask as an 8-bit PNG, white where a pixel is missing.
fn write_mask(mask: &Mask, path: &Path, options: &RunOptions) -> Result<(), Error> {
    let pixels = mask.data().iter().map(|missing| if *missing { 255 } else { 0 }).collect();
    let raster = Raster::new(mask.size(), Layout::Gray, Pixels::U8(pixels))?;
    let meta = FileMeta::new(Format::Png, Layout::Gray, Depth::U8);
    let (pages, png) = (std::slice::from_ref(&raster), Format::Png);
    Ok(restora_data::write_file(path, pages, png, &meta, &options.encode, options.overwrite)?)
}
