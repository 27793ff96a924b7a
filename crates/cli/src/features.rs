//! `restora features`: pictures as rows of numbers.

use crate::learned::{context, label_column, open};
use crate::learning_arguments::SetArgs;
use crate::progress::Bar;
use crate::restore::cancel_on_interrupt;
use crate::{End, print};
use anyhow::bail;
use clap::Args;
use restora::data::{TableFormat, TableWriter};
use restora::extractor::{Extracted, Extractor, extract_all};
use restora::{Error, image::ErrorKind};
use std::path::PathBuf;

pub const FEATURES_HELP: &str = "\
Examples:
  restora features photos -o features.parquet --features hog --features lbp
  restora features t10k-images-idx3-ubyte.gz -o gabor.npy --features gabor:frequencies=0.1,0.2
  restora features photos -o hashes.csv --features p-hash --features d-hash

`restora methods --family features` lists the features with their options. Several become one table, a row
per picture, the numbers of one feature after those of another.";

#[derive(Args, Clone, Debug)]
pub struct FeaturesArgs {
    /// A folder, a quoted glob, a list (@files.txt), a zip of pictures, IDX (MNIST), CIFAR, NPY, NPZ,
    /// a CSV of pixels, or a mosaic with --cell
    #[arg(value_name = "SET")]
    pub data: PathBuf,
    #[command(flatten)]
    pub set: SetArgs,
    /// The table to write: .npy (numbers only), .csv or .parquet (with names and labels)
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// A feature with its options, NAME:key=value,key=value; repeat for more
    #[arg(short, long, value_name = "FEATURE", required = true)]
    pub features: Vec<String>,
    /// Threads [default: all]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Replace a file that is already there
    #[arg(long)]
    pub overwrite: bool,
    /// No progress, and no line that says what was written
    #[arg(short, long)]
    pub quiet: bool,
}

pub fn run(args: &FeaturesArgs) -> anyhow::Result<End> {
    let name = args.output.display();
    let Some(format) = TableFormat::from_path(&args.output) else {
        bail!(Error::Usage(format!("{name}: features are written as .npy, .csv or .parquet")));
    };
    let read = args.features.iter().map(|text| Extractor::parse(text));
    let extractors = read.collect::<Result<Vec<_>, _>>()?;
    let set = open(&args.data, &args.set)?;
    let columns = extractors.iter().map(Extractor::dimensions).sum();
    let labels = label_column(&set);
    let mut writer = TableWriter::create(&args.output, format, columns, labels, args.overwrite)
        .map_err(Error::from)?;
    let cancel = cancel_on_interrupt();
    let bar = Bar::new(set.len() as u64, args.quiet);
    let mut failed = Vec::new();
    let walked = extract_all(&set, &extractors, &context(args.threads, &cancel), &mut |told| {
        bar.step();
        let Extracted { id, label, vector, .. } = told;
        match vector {
            Err(error) => failed.push((id, error)),
            Ok(numbers) => match writer.push(&id, label, &numbers) {
                Err(error) if error.kind() == ErrorKind::Param => failed.push((id, error.into())),
                other => other?,
            },
        }
        Ok(())
    });
    bar.clear();
    for (id, error) in &failed {
        eprintln!("restora: {id}: {error}");
    }
    walked?;
    let rows = writer.rows();
    if rows == 0 {
        eprintln!("restora: no picture could be used; nothing is written");
        return Ok(End::SomeFailed);
    }
    writer.commit().map_err(Error::from)?;
    if !args.quiet {
        let mut from = 0;
        let parts = extractors.iter().map(|extractor| {
            let first = from;
            from += extractor.dimensions();
            format!("{extractor} (c{first} to c{})", from - 1)
        });
        let parts = parts.collect::<Vec<_>>().join(", ");
        print(&format!("{name}: {rows} rows of {columns} numbers: {parts}\n"))?;
    }
    Ok(if failed.is_empty() { End::Done } else { End::SomeFailed })
}
