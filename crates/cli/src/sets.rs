//! `restora sets`: how far two sets are apart, and what one may have copied from the other.

use crate::progress::Bar;
use crate::restore::cancel_on_interrupt;
use crate::table::table;
use crate::train::threads;
use crate::{End, print};
use clap::Args;
use restora::Error;
use restora::data::{Dataset, DatasetOptions, TableFormat, TableReader};
use restora::extractor::Extractor;
use restora::image::Context;
use restora::metrics::sets::{Memorization, PrecisionRecall, Share};
use restora::sets::{SetMeasure, SetOptions, SetReport, Sets, Source, measure_sets};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Pairs and suspects on the terminal; JSON has all.
const SHOWN: usize = 5;

pub const SETS_HELP: &str = "\
Examples:
  restora sets photos generated --features hog
  restora sets train.zip generated --held-out test.zip --features gabor --json > sets.json
  restora sets real.npy generated.npy --feature-name inception-v3
  restora sets real.npy generated.npy --probabilities classes.npy --measures frechet-distance,inception-score

With --features the sets are pictures: folders, zips, IDX, CIFAR, NPY, NPZ. Without, they are tables of features, NPY
of shape [items, numbers] or CSV. Every number carries the name of the features: a Frechet distance is the FID only
over the Inception net's. docs/sets.md tells what each measure sees.";

#[derive(Args, Debug)]
pub struct SetsArgs {
    /// The real set; for memorization, the set that was trained on
    #[arg(value_name = "REAL")]
    pub real: PathBuf,
    /// The set to measure
    #[arg(value_name = "GENERATED")]
    pub generated: PathBuf,
    /// What makes numbers of pictures, NAME:key=value, such as hog or gabor:size=64
    #[arg(long, value_name = "EXTRACTOR")]
    pub features: Option<String>,
    /// Real items that training did not see: turns the memorization test on
    #[arg(long, value_name = "SET")]
    pub held_out: Option<PathBuf>,
    /// A table of class probabilities of the generated items, a row each: turns the Inception score on
    #[arg(long, value_name = "TABLE")]
    pub probabilities: Option<PathBuf>,
    /// Measures, separated by commas: frechet-distance, kernel-distance, precision-recall, birthday-paradox,
    /// memorization, inception-score [default: all that what is given allows]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub measures: Vec<String>,
    /// What the features are called in the report [default: the name of the extractor, or of the table REAL]
    #[arg(long, value_name = "NAME")]
    pub feature_name: Option<String>,
    /// Items of each set that are compared pair by pair, drawn at random
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub sample: usize,
    /// Neighbors that make the ball of an item, for precision and recall
    #[arg(long, value_name = "K", default_value_t = 3)]
    pub neighbors: u32,
    /// The same for density and coverage
    #[arg(long, value_name = "K", default_value_t = 5)]
    pub density_neighbors: u32,
    /// Generated items nearer to each other than this are the same [default: nearer than any two of as many real ones]
    #[arg(long, value_name = "DISTANCE")]
    pub duplicate_distance: Option<f64>,
    /// Cells in which copying is looked for
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub cells: u32,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// No progress
    #[arg(short, long)]
    pub quiet: bool,
}

pub fn run(args: &SetsArgs) -> anyhow::Result<End> {
    let options = SetOptions {
        measures: args.measures.iter().map(|name| measure(name)).collect::<Result<_, _>>()?,
        sample: args.sample,
        duplicate_distance: args.duplicate_distance,
        overlap: PrecisionRecall {
            neighbors: args.neighbors,
            density_neighbors: args.density_neighbors,
        },
        memorization: Memorization { cells: args.cells, ..Memorization::default() },
        ..SetOptions::default()
    };
    let probabilities = args.probabilities.as_deref().map(TableReader::open).transpose();
    let sets = Sets {
        real: source(args, &args.real)?,
        generated: source(args, &args.generated)?,
        held_out: args.held_out.as_deref().map(|path| source(args, path)).transpose()?,
        probabilities: probabilities.map_err(Error::from)?,
    };
    let items = [Some(&sets.real), Some(&sets.generated), sets.held_out.as_ref()];
    let total = items.into_iter().flatten().filter_map(Source::items).sum();
    let bar = Bar::new(total, args.quiet);
    let cancel = cancel_on_interrupt();
    let cx = Context {
        threads: threads(args.threads),
        seed: args.seed,
        cancel: Some(&cancel),
        ..Context::default()
    };
    let report = measure_sets(sets, &options, &cx, &|| bar.step());
    bar.clear();
    let report = report?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        print(&words(&report))?;
    }
    for warning in &report.warnings {
        eprintln!("restora: {warning}");
    }
    for (id, failure) in &report.failures {
        eprintln!("restora: {id}: {}", failure.message);
    }
    Ok(if report.failures.is_empty() { End::Done } else { End::SomeFailed })
}

fn measure(name: &str) -> anyhow::Result<SetMeasure> {
    let found = SetMeasure::ALL.into_iter().find(|measure| measure.name() == name.trim());
    found.ok_or_else(|| {
        let names: Vec<_> = SetMeasure::ALL.iter().map(|measure| measure.name()).collect();
        let told = format!("no measure of sets is named `{name}`; there are {}", names.join(", "));
        Error::Usage(told).into()
    })
}

fn source(args: &SetsArgs, path: &Path) -> anyhow::Result<Source> {
    let called = |name: String| args.feature_name.clone().unwrap_or(name);
    if let Some(text) = &args.features {
        let extractor = Extractor::parse(text)?;
        let set = Dataset::open(path, &DatasetOptions::default()).map_err(Error::from)?;
        return Ok(Source::Pictures { set, features: called(extractor.name()), extractor });
    }
    if TableFormat::from_path(path).is_none() {
        let told = format!(
            "{}: no table of features (.npy, .csv); for pictures say what makes features of them, \
             such as --features hog",
            path.display()
        );
        anyhow::bail!(Error::Usage(told));
    }
    let reader = TableReader::open(path).map_err(Error::from)?;
    let name = args.real.file_name().unwrap_or(args.real.as_os_str()).to_string_lossy();
    Ok(Source::Table { reader, features: called(name.into_owned()) })
}

/// Five digits that count.
fn number(value: f64) -> String {
    let size = value.abs();
    match () {
        () if size == 0.0 => "0".into(),
        () if (1e-4..1e6).contains(&size) => {
            format!("{value:.*}", (4 - size.log10().floor() as i32).max(0) as usize)
        }
        () => format!("{value:.4e}"),
    }
}

/// A line per number.
fn words(report: &SetReport) -> String {
    let mut lines = Lines { features: &report.features, rows: Vec::new() };
    if let Some(frechet) = &report.frechet_distance {
        let items = format!("{} and {}", report.real.items, report.generated.items);
        lines.add("Frechet distance", frechet.plain.distance, None, &items);
        if let Some(estimate) = &frechet.jackknife {
            let note = "corrected for their number";
            lines.add("Frechet distance", estimate.corrected, Some(estimate.interval), note);
        }
    }
    if let Some(kernel) = &report.kernel_distance {
        let [a, b] = kernel.rows;
        let items = match kernel.blocks {
            1 => format!("{a} and {b}, each with each"),
            blocks => format!("{blocks} blocks of {}", a / blocks),
        };
        lines.add("kernel distance", kernel.distance, Some(kernel.interval), &items);
    }
    if let Some(overlap) = &report.precision_recall {
        let mut share = |name: &str, share: &Share, which: &str| {
            let items = format!("{} {which}", share.items);
            lines.add(name, share.value, Some(share.interval), &items);
        };
        share("precision", &overlap.precision, "generated");
        share("recall", &overlap.recall, "real");
        share("coverage", &overlap.coverage, "real");
        let density = &overlap.density;
        let items = format!("{} generated", density.items);
        lines.add("density", density.value, Some(density.interval), &items);
    }
    if let Some(copying) = &report.memorization {
        let items = format!("{} against {}", copying.report.generated, copying.report.held_out);
        lines.add("data copying z", copying.report.z, None, &items);
        if let Some(score) = copying.report.data_copying {
            let cells = format!("{} cells", copying.report.cells.len());
            lines.add("data copying C_T", score, None, &cells);
        }
    }
    if let Some(score) = &report.inception_score {
        let parts = format!("{} parts, deviation {}", score.items, number(score.deviation));
        let row = ["Inception-style score (given probabilities)", &number(score.value)];
        lines.rows.push([row[0], row[1], &span(score.interval), &parts].map(Into::into).to_vec());
    }
    let mut text = table(&["measure", "value", "95 % interval", "items"], &[1], &lines.rows);
    if let Some(birthday) = &report.birthday_paradox {
        let support = &birthday.support;
        let (low, high) = support.interval;
        let told = match support.support {
            Some(value) => format!("about {value:.0} different items"),
            None => "no sign of a limit".into(),
        };
        let upto = high.map_or("or more".into(), |high| format!("to {high:.0}"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{} pairs of {} generated items nearer than {}: {told} ({low:.0} {upto})",
            support.duplicates,
            support.items,
            number(support.distance),
        );
        for pair in birthday.pairs.iter().take(SHOWN) {
            let distance = number(pair.distance);
            let _ = writeln!(text, "  {distance}  {}  {}", pair.first, pair.second);
        }
    }
    if let Some(copying) = &report.memorization {
        text += "\nmost like copies (distance to the training item as a share of that to a held-out one):\n";
        let rows: Vec<_> = copying
            .named
            .iter()
            .take(SHOWN)
            .map(|s| {
                let ratio = s.ratio.map_or("-".into(), number);
                let odds = format!("{:.2} % of held-out items", 100.0 * s.odds);
                vec![s.generated.clone(), s.training.clone(), number(s.distance), ratio, odds]
            })
            .collect();
        text +=
            &table(&["generated", "training", "distance", "share", "as small for"], &[2, 3], &rows);
    }
    text
}

struct Lines<'a> {
    features: &'a str,
    rows: Vec<Vec<String>>,
}

impl Lines<'_> {
    fn add(&mut self, name: &str, value: f64, interval: Option<[f64; 2]>, items: &str) {
        let interval = interval.map_or(String::new(), span);
        let name = format!("{name} ({})", self.features);
        self.rows.push(vec![name, number(value), interval, items.into()]);
    }
}

fn span([low, high]: [f64; 2]) -> String {
    format!("{} to {}", number(low), number(high))
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_keep_five_digits() {
        for (value, wanted) in
            [(0.0, "0"), (1234.5678, "1234.6"), (-0.012_345_678, "-0.012346"), (3e-7, "3.0000e-7")]
        {
            assert_eq!(super::number(value), wanted);
        }
    }
}
