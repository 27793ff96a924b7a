//! `restora index` and `restora search`: pictures that were looked at once, in a file, and copies of others among
//! them.

use crate::arguments::InputArgs;
use crate::learned::context;
use crate::progress::Bar;
use crate::restore::{cancel_on_interrupt, input};
use crate::table::table;
use crate::{End, print};
use anyhow::bail;
use clap::Args;
use restora::data::{Entry, Input, Limits, TableFormat, decode, walk};
use restora::duplicates::{Found, PictureIndex, Searcher};
use restora::image::Context;
use restora::nearest::{Distance, nearest_rows};
use restora::{Error, Extractor};
use serde_json::json;
use std::path::PathBuf;

pub const INDEX_HELP: &str = "\
Examples:
  restora index photos -o photos.index
  restora search scan.jpg --in photos.index
  restora dedupe photos --index photos.index

Run again, it looks only at pictures that are new or changed, and strikes out those that are gone. A run
that is stopped goes on where it was. Beside the index lies photos.index.lock while it is written.";

pub const SEARCH_HELP: &str = "\
Examples:
  restora search scan.jpg --in photos.index
  restora search new --in photos.index --json > known.json
  restora search scan.jpg --in features.csv --features hog --features color-histogram

Answers which pictures of the index are of one source with each that is asked for: equal, or one made from
the other by cropping, turning, mirroring, resizing, saving again, recoloring or captions. `restora index`
makes the index.

In a table of features (.csv or .npy) that `restora features` wrote, it names the nearest rows, by the same
features of the pictures asked for.";

#[derive(Args, Clone, Debug)]
pub struct IndexArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// The index, made or brought up to date
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Keypoints of each picture that are kept, 16 to 1000: 68 bytes each
    #[arg(long, value_name = "N", default_value_t = 120)]
    pub keypoints: u32,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Args, Clone, Debug)]
pub struct SearchArgs {
    #[command(flatten)]
    pub input: InputArgs,
    /// The index, made by `restora index`, or a table, made by `restora features`
    #[arg(long = "in", value_name = "INDEX")]
    pub index: PathBuf,
    /// The features that the table holds, in its order: NAME:key=value,key=value
    #[arg(short, long, value_name = "FEATURE")]
    pub features: Vec<String>,
    /// How far rows of a table are apart: euclidean or cosine
    #[arg(long, default_value = "euclidean", requires = "features")]
    pub distance: String,
    /// Most pictures to name for each
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub most: usize,
    /// Least probability that two pictures are of one source
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    pub probability: f64,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

pub fn index(args: &IndexArgs) -> anyhow::Result<End> {
    let (input, limits) = input(&args.input)?;
    let total = walk(&input).count() as u64;
    if total == 0 {
        return Ok(End::NothingToDo);
    }
    let bar = Bar::new(total, args.quiet);
    let cancel = cancel_on_interrupt();
    let done = restora::duplicates::update_index(
        &args.output,
        &input,
        args.keypoints,
        &limits,
        args.threads.map(usize::from),
        &cancel,
        &|| bar.step(),
    );
    bar.clear();
    let (index, updated) = done?;
    for (id, failure) in &updated.failures {
        eprintln!("restora: {id}: {}", failure.message);
    }
    if args.json {
        let all = json!({ "pictures": index.len(), "updated": updated });
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else {
        let (name, n) = (args.output.display(), index.len());
        let pictures = if n == 1 { "picture" } else { "pictures" };
        let parts = [
            (updated.added, "new"),
            (updated.changed, "changed"),
            (updated.gone, "gone"),
            (updated.kept, "as before"),
        ];
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let parts = if parts.is_empty() { parts } else { format!(" ({parts})") };
        print(&format!("{name}: {n} {pictures}{parts}\n"))?;
    }
    Ok(match updated.failures.is_empty() {
        _ if updated.cancelled => End::Interrupted,
        true => End::Done,
        false => End::SomeFailed,
    })
}

pub fn search(args: &SearchArgs) -> anyhow::Result<End> {
    let (input, limits) = input(&args.input)?;
    let is_table = TableFormat::from_path(&args.index).is_some();
    if is_table == args.features.is_empty() {
        let name = args.index.display();
        let told = if is_table {
            "is a table: say which --features it holds"
        } else {
            "is no table: --features are of .csv and .npy"
        };
        bail!(Error::Usage(format!("{name} {told}")));
    }
    if is_table {
        return search_table(args, &input, &limits);
    }
    let cancel = cancel_on_interrupt();
    let threads = args
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let cx = Context { cancel: Some(&cancel), ..Context::with_threads(threads) };
    let searcher = Searcher::new(PictureIndex::open(&args.index)?, &cx)?;
    let (mut failed, mut asked) = (false, 0);
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for entry in walk(&input) {
        asked += 1;
        let found =
            entry.map_err(|e| (e.id, Error::Data(e.error))).and_then(|entry| {
                match searcher.search(&entry, args.most, args.probability, &limits) {
                    Ok(found) => Ok((entry.id, found)),
                    Err(error) => Err((entry.id, error)),
                }
            });
        match found {
            Ok((id, found)) if args.json => all.push(json!({ "asked": id, "found": found })),
            Ok((id, found)) => rows.extend(rows_of(&id, &found)),
            Err((_, error @ Error::Usage(_))) => return Err(error.into()),
            Err((id, error)) => {
                failed = true;
                eprintln!("restora: {id}: {error}");
            }
        }
        if cancel.is_cancelled() {
            return Ok(End::Interrupted);
        }
    }
    if asked == 0 {
        return Ok(End::NothingToDo);
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else if !rows.is_empty() {
        print(&table(&["asked for", "found", "size", "probability", "what"], &[2, 3], &rows))?;
    }
    Ok(if failed { End::SomeFailed } else { End::Done })
}

fn search_table(args: &SearchArgs, input: &Input, limits: &Limits) -> anyhow::Result<End> {
    let distance = Distance::parse(&args.distance)?;
    let read = args.features.iter().map(|text| Extractor::parse(text));
    let extractors = read.collect::<Result<Vec<_>, _>>()?;
    let cancel = cancel_on_interrupt();
    let cx = context(args.threads, &cancel);
    let (mut asked, mut vectors, mut failed) = (Vec::new(), Vec::new(), false);
    for entry in walk(input) {
        let vector = entry.map_err(|e| (e.id, Error::Data(e.error))).and_then(|entry| {
            let vector = vector_of(&entry, &extractors, limits, &cx);
            vector.map(|vector| (entry.id.clone(), vector)).map_err(|error| (entry.id, error))
        });
        match vector {
            Ok((id, vector)) => {
                asked.push(id);
                vectors.push(vector);
            }
            Err((id, error)) => {
                failed = true;
                eprintln!("restora: {id}: {error}");
            }
        }
    }
    if asked.is_empty() {
        return Ok(if failed { End::SomeFailed } else { End::NothingToDo });
    }
    let found = nearest_rows(&args.index, &vectors, args.most, distance, &cancel)?;
    if args.json {
        let all = asked.iter().zip(&found).map(|(id, f)| json!({ "asked": id, "found": f }));
        print(&format!("{}\n", serde_json::to_string_pretty(&all.collect::<Vec<_>>())?))?;
    } else {
        let rows = asked.iter().zip(&found).flat_map(|(id, found)| {
            found.iter().enumerate().map(move |(i, near)| {
                let name = near.id.clone().unwrap_or_else(|| format!("row {}", near.row));
                let asked = if i == 0 { id.clone() } else { String::new() };
                vec![asked, name, format!("{:.6}", near.distance)]
            })
        });
        print(&table(&["asked for", "found", "distance"], &[2], &rows.collect::<Vec<_>>()))?;
    }
    Ok(if failed { End::SomeFailed } else { End::Done })
}

/// The numbers of all features one after another, as `restora features` writes them.
fn vector_of(
    entry: &Entry,
    extractors: &[Extractor],
    limits: &Limits,
    cx: &Context,
) -> Result<Vec<f32>, Error> {
    let pages = decode(&entry.read(limits)?, limits)?.pages;
    let page = pages.first().ok_or_else(|| Error::Fault("no page".into()))?;
    let image = page.to_image();
    let mut all = Vec::new();
    for extractor in extractors {
        all.extend(extractor.extract(&image, cx)?);
    }
    Ok(all)
}

/// A line per picture found.
fn rows_of(id: &str, found: &[Found]) -> Vec<Vec<String>> {
    if found.is_empty() {
        let nothing = ["", "", "no copy among the pictures of the index"].map(str::to_owned);
        return vec![[vec![id.to_owned(), "-".into()], nothing.to_vec()].concat()];
    }
    let row = |(i, f): (usize, &Found)| {
        let size = format!("{} x {}", f.picture.width, f.picture.height);
        let asked = if i == 0 { id } else { "" };
        vec![asked.into(), f.picture.id.clone(), size, format!("{:.4}", f.probability), f.words()]
    };
    found.iter().enumerate().map(row).collect()
}
