//! `restora reconstruct`, `encode` and `anomaly`: what a trained net makes of pictures.

use crate::learning_arguments::{AnomalyArgs, EncodeArgs, ReconstructArgs, SetArgs, ThroughArgs};
use crate::restore::cancel_on_interrupt;
use crate::table::table;
use crate::train::threads;
use crate::{End, print};
use anyhow::bail;
use restora::Error;
use restora::data::{
    Dataset, EncodeOptions, FileMeta, Format, TableFormat, TableLabels, TableWriter, fit,
};
use restora::image::{Cancel, Context, Image, Raster, Sigma};
use restora::learned::{Passed, Told, Wanted, anomalies, code_length, pass, psnr_of};
use restora::model::{self, Loaded};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// Rows of a table on the terminal.
const TABLE_ROWS: usize = 30;

/// The set of pictures.
pub fn open(data: &Path, set: &SetArgs) -> anyhow::Result<Dataset> {
    Ok(Dataset::open(data, &set.options()?).map_err(Error::from)?)
}

/// The net, on the device that is asked for.
fn load(through: &ThroughArgs) -> anyhow::Result<Loaded> {
    let gpu = through.device.gpu()?;
    let loaded = model::read(&through.model)?;
    Ok(loaded.on(gpu.as_ref()).map_err(Error::from)?)
}

/// The threads asked for, and what stops them.
pub fn context(asked: Option<u16>, cancel: &Cancel) -> Context<'_> {
    Context { threads: threads(asked), cancel: Some(cancel), ..Context::default() }
}

pub fn reconstruct(args: &ReconstructArgs) -> anyhow::Result<End> {
    let sigma = match args.sigma {
        Some(Sigma::Known(sigma)) => Some(sigma),
        Some(Sigma::Auto) => bail!(Error::Usage("--sigma: a number is wanted here".into())),
        None => None,
    };
    let loaded = load(&args.through)?;
    let set = open(&args.data, &args.set)?;
    let real = |path: &Path| path.canonicalize().ok();
    let folder = if args.data.is_dir() { Some(args.data.as_path()) } else { args.data.parent() };
    if folder.and_then(real).is_some_and(|folder| Some(folder) == real(&args.output)) {
        let told = "the output folder is the input's: originals are never replaced";
        bail!(Error::Usage(told.into()));
    }
    let cancel = cancel_on_interrupt();
    let cx = context(args.through.threads, &cancel);
    let mut rows = Vec::new();
    let mut failed = 0;
    pass(&loaded, &set, Wanted::Output, sigma, &cx, &mut |told: Told| {
        let written = told.result.and_then(|passed| {
            write(&args.output, &told.id, &passed, args.through.overwrite)?;
            Ok(passed)
        });
        match written {
            Ok(passed) => rows.push((told.id, passed.input.size(), passed.mse())),
            Err(error) => {
                eprintln!("restora: {}: {error}", told.id);
                failed += 1;
            }
        }
        Ok(())
    })?;
    let count = rows.len();
    let mean = rows.iter().map(|r| r.2).sum::<f64>() / count.max(1) as f64;
    if args.json {
        let row = |(id, size, mse): &(String, restora::image::Size, f64)| json!({"id": id, "width": size.width, "height": size.height, "mse": mse, "psnr": finite(psnr_of(*mse))});
        let rows: Vec<_> = rows.iter().map(row).collect();
        let all = json!({"items": rows, "mean_mse": (count > 0).then_some(mean), "failed": failed});
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else if !args.through.quiet {
        let cells = |id: &str, size: String, mse: f64| {
            vec![id.to_owned(), size, format!("{mse:.6}"), decibel(psnr_of(mse))]
        };
        let mut lines: Vec<_> = rows
            .iter()
            .take(TABLE_ROWS)
            .map(|(id, size, mse)| cells(id, size.to_string(), *mse))
            .collect();
        if count > 1 {
            lines.push(cells(&format!("mean of {count}"), String::new(), mean));
        }
        print(&table(&["picture", "size", "MSE", "PSNR dB"], &[2, 3], &lines))?;
    }
    Ok(if failed > 0 { End::SomeFailed } else { End::Done })
}

/// JSON has no infinity.
fn finite(x: f64) -> serde_json::Value {
    if x.is_finite() { x.into() } else { "inf".into() }
}

fn decibel(x: f64) -> String {
    if x.is_finite() { format!("{x:.2}") } else { "inf".to_owned() }
}

/// Writes what the net made of a picture under the picture's name, in its format where that can be
/// told from the name, else as PNG.
fn write(folder: &Path, id: &str, passed: &Passed, overwrite: bool) -> Result<(), Error> {
    let image: &Image = match &passed.output {
        Some(output) => output,
        None => return Ok(()),
    };
    // Names in archives are not to be trusted with places outside.
    let mut path: PathBuf =
        Path::new(id).components().filter(|c| matches!(c, Component::Normal(_))).collect();
    let format = Format::from_path(&path).unwrap_or_else(|| {
        path.as_mut_os_string().push(".png");
        Format::Png
    });
    let raster = Raster::from_image(image, passed.depth)?;
    let (raster, _) = fit(raster, format);
    let meta = FileMeta::new(format, raster.layout, raster.depth());
    let (path, options) = (folder.join(path), EncodeOptions::default());
    restora::data::write_file(
        &path,
        std::slice::from_ref(&raster),
        format,
        &meta,
        &options,
        overwrite,
    )?;
    Ok(())
}

/// How a table of the set's pictures has their classes.
pub fn label_column(set: &Dataset) -> TableLabels {
    match (set.labels(), set.classes()) {
        (None, _) => TableLabels::None,
        (Some(_), []) => TableLabels::Numbers,
        (Some(_), names) => TableLabels::Names(names.to_vec()),
    }
}

pub fn encode(args: &EncodeArgs) -> anyhow::Result<End> {
    let Some(format) = TableFormat::from_path(&args.output) else {
        let name = args.output.display();
        bail!(Error::Usage(format!("{name}: codes are written as .npy, .csv or .parquet")));
    };
    let loaded = load(&args.through)?;
    let set = open(&args.data, &args.set)?;
    let labels = label_column(&set);
    let create = |columns: usize| {
        let overwrite = args.through.overwrite;
        TableWriter::create(&args.output, format, columns, labels.clone(), overwrite)
    };
    // Where the code's length is that of every picture the table is begun before the work.
    let mut writer = code_length(&loaded).map(create).transpose().map_err(Error::from)?;
    let cancel = cancel_on_interrupt();
    let cx = context(args.through.threads, &cancel);
    let mut failed = 0;
    pass(&loaded, &set, Wanted::Code, None, &cx, &mut |told: Told| {
        let passed = match told.result {
            Ok(passed) => passed,
            Err(error) => {
                eprintln!("restora: {}: {error}", told.id);
                failed += 1;
                return Ok(());
            }
        };
        if writer.is_none() {
            writer = Some(create(passed.code.len())?);
        }
        if let Some(writer) = &mut writer {
            match writer.push(&told.id, told.label, &passed.code) {
                Err(error) if error.kind() == restora::image::ErrorKind::Param => {
                    eprintln!("restora: {}: {error}", told.id);
                    failed += 1;
                }
                other => other?,
            }
        }
        Ok(())
    })?;
    let Some(writer) = writer else { return Ok(End::SomeFailed) };
    let rows = writer.rows();
    if rows == 0 {
        eprintln!("restora: no picture could be used; nothing is written");
        return Ok(End::SomeFailed);
    }
    writer.commit().map_err(Error::from)?;
    if !args.through.quiet {
        print(&format!("{}: {rows} codes\n", args.output.display()))?;
    }
    Ok(if failed > 0 { End::SomeFailed } else { End::Done })
}

pub fn anomaly(args: &AnomalyArgs) -> anyhow::Result<End> {
    if let Some(file) = &args.output
        && TableFormat::from_path(file) != Some(TableFormat::Csv)
    {
        bail!(Error::Usage(format!("{}: errors are written as .csv", file.display())));
    }
    if let Some(file) = args.output.as_ref().filter(|f| f.exists() && !args.through.overwrite) {
        let name = file.display();
        bail!(Error::Usage(format!("{name} is already there; --overwrite replaces it")));
    }
    let loaded = load(&args.through)?;
    let set = open(&args.data, &args.set)?;
    let cancel = cancel_on_interrupt();
    let found = anomalies(&loaded, &set, &args.normal, &context(args.through.threads, &cancel))?;
    if let Some(file) = &args.output {
        let mut text = "id,label,mse,psnr\n".to_owned();
        for row in &found.rows {
            let label = row.label.as_deref().unwrap_or("");
            let _ = writeln!(
                text,
                "{},{},{:e},{:.4}",
                quoted(&row.id),
                quoted(label),
                row.mse,
                row.psnr
            );
        }
        restora::data::write_atomically(file, text.as_bytes(), args.through.overwrite)
            .map_err(Error::from)?;
    }
    if let Some(file) = &args.report {
        let page = restora::training_report::page(&found.report(&loaded)?)?;
        restora::data::write_atomically(file, page.as_bytes(), true).map_err(Error::from)?;
    }
    if args.json {
        let all = json!({"items": found.rows, "auc": found.auc, "failed": found.failed});
        print(&format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    } else if !args.through.quiet {
        let row = |r: &restora::learned::AnomalyRow| {
            let label = r.label.clone().unwrap_or_default();
            vec![r.id.clone(), label, format!("{:.6}", r.mse), decibel(r.psnr)]
        };
        let rows: Vec<_> = found.rows.iter().take(TABLE_ROWS).map(row).collect();
        let mut text = table(&["picture", "label", "MSE", "PSNR dB"], &[2, 3], &rows);
        if found.rows.len() > TABLE_ROWS {
            let _ = writeln!(text, "... and {} more", found.rows.len() - TABLE_ROWS);
        }
        if let Some(auc) = found.auc {
            let _ = writeln!(text, "\nROC-AUC {auc:.4} over {} pictures", found.rows.len());
        }
        print(&text)?;
    }
    if let Some(note) = &found.note {
        eprintln!("restora: {note}");
    }
    for (id, why) in &found.failed {
        eprintln!("restora: {id}: {why}");
    }
    Ok(if found.failed.is_empty() { End::Done } else { End::SomeFailed })
}

/// A field of a CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
