//! `restora restore` and `restora degrade`: the same belt with other steps on it.

use crate::arguments::{DegradeArgs, InputArgs, RestoreArgs, RunArgs};
use crate::progress::Bar;
use crate::table::table;
use crate::{End, print};
use anyhow::{Context, bail};
use restora::data::{Input, Limits};
use restora::image::{Cancel, Sigma};
use restora::masks::MaskSource;
use restora::pipeline::Stage;
use restora::report::{ItemReport, Outcome, Report};
use restora::run::{RunOptions, run};
use restora::{Error, Pipeline, Step};
use std::fmt::Write as _;
use std::path::Path;

/// Rows of the table on the terminal; the rest is in the reports.
const TABLE_ROWS: usize = 30;

pub fn restore(args: &RestoreArgs) -> anyhow::Result<End> {
    let mut pipeline = match &args.pipeline {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the pipeline {}", file.display()))?;
            Pipeline::from_json(&text)?
        }
        None => asked(args)?,
    };
    if let Sigma::Known(sigma) = args.sigma
        && !pipeline.set_sigma(sigma)
    {
        eprintln!("restora: no method of the pipeline takes --sigma; it has no effect");
    }
    let fills = pipeline.steps.iter().any(Stage::fills);
    // What is damaged is filled by auto where no method is named.
    let searches = match &args.mask {
        Some(MaskSource::Damage(searches)) if !fills && pipeline.has_auto() => searches.clone(),
        _ => Vec::new(),
    };
    let mask = args.mask.clone().filter(|_| searches.is_empty());
    if mask.is_some() && !fills {
        pipeline.steps.insert(0, Stage::FILL);
    }
    let written = args.mask_out.is_some() || args.doubt_map.is_some();
    let may_fill = fills || args.salvage || args.mask.is_some();
    if written && !may_fill {
        let message = "--mask-out and --doubt-map tell of what is filled: give --mask, --inpaint or --salvage";
        bail!(Error::Usage(message.into()));
    }
    let gpu = args.device.gpu()?;
    if gpu.is_some() && !pipeline.may_run_nets() {
        eprintln!("restora: no method of the pipeline is a net; --device has no effect");
    }
    execute(&args.run, pipeline, |options| {
        options.gpu = gpu;
        options.mask = mask;
        options.searches = searches;
        options.masks.clone_from(&args.mask_out);
        options.doubt_maps.clone_from(&args.doubt_map);
        options.salvage = args.salvage;
    })
}

/// The pipeline that the words of the command line ask for: fill, undo JPEG, denoise, then balance the colors,
/// then enlarge.
fn asked(args: &RestoreArgs) -> anyhow::Result<Pipeline> {
    let mut pipeline = of_family("inpaint", "fills nothing", &args.inpaint)?;
    pipeline.steps.extend(of_family("deblock", "does not undo JPEG", &args.deblock)?.steps);
    let rest: Vec<_> = args.denoise.iter().chain(&args.color).collect();
    let enlarge: Vec<_> = args.upscale.iter().cloned().collect();
    let enlarge = of_family("upscale", "does not enlarge", &enlarge)?;
    let rest = if rest.is_empty() && pipeline.steps.is_empty() && enlarge.steps.is_empty() {
        Pipeline::auto()
    } else {
        Pipeline::from_texts(&rest)?
    };
    pipeline.steps.extend(rest.steps);
    pipeline.steps.extend(enlarge.steps);
    Ok(pipeline)
}

/// The steps that the words after `--family` ask for; none of another family.
fn of_family(family: &str, otherwise: &str, words: &[String]) -> anyhow::Result<Pipeline> {
    let mut pipeline = Pipeline::from_texts(words)?;
    if family == "inpaint" {
        let auto = pipeline.steps.iter_mut().filter(|stage| **stage == Stage::AUTO);
        auto.for_each(|stage| *stage = Stage::FILL);
    }
    let belongs = |stage: &&Stage| match stage {
        Stage::Step(step) => step.operation().info().family == family,
        Stage::Fill(_) => family == "inpaint",
        Stage::Auto(_) => false,
    };
    if let Some(other) = pipeline.steps.iter().find(|stage| !belongs(stage)) {
        let name = match other {
            Stage::Step(step) => step.id(),
            Stage::Fill(_) => "auto-inpaint",
            Stage::Auto(_) => "auto",
        };
        let known = Step::catalog().into_iter().filter(|i| i.family == family).map(|i| i.id);
        let auto = (family == "inpaint").then_some("auto");
        let known = known.chain(auto).collect::<Vec<_>>().join(", ");
        bail!(Error::Usage(format!("--{family}: `{name}` {otherwise}; there are {known}")));
    }
    Ok(pipeline)
}

pub fn degrade(args: DegradeArgs) -> anyhow::Result<End> {
    let pipeline = Pipeline::from_texts(&args.damage)?;
    let masks = args.mask_out;
    execute(&args.run, pipeline, |options| {
        options.masks = masks;
        options.diagnose = false;
        // The random streams of damage count the pixels of the whole picture.
        options.tiling.whole_up_to = u64::MAX;
    })
}

/// What the input arguments name.
pub fn input(args: &InputArgs) -> anyhow::Result<(Input, Limits)> {
    let input = match (&args.list, &args.input) {
        (Some(list), _) => Input::List(list.clone()),
        (None, Some(path)) => Input::parse(path.as_os_str()),
        (None, None) => bail!(Error::Usage("an input is missing".into())),
    };
    if !(args.max_megapixels > 0.0 && args.max_megapixels.is_finite()) {
        bail!(Error::Usage(format!(
            "--max-megapixels must be above 0, got {}",
            args.max_megapixels
        )));
    }
    let limits = Limits { max_pixels: (args.max_megapixels * 1e6) as u64, ..Limits::default() };
    Ok((input, limits))
}

/// A flag that Ctrl-C raises; a second Ctrl-C ends the process at once.
pub fn cancel_on_interrupt() -> Cancel {
    let cancel = Cancel::default();
    let flag = cancel.clone();
    let handler = move || {
        if flag.is_cancelled() {
            std::process::exit(130);
        }
        flag.cancel();
    };
    // Without a handler Ctrl-C ends the process, which a resumed run survives as well.
    let _ = ctrlc::set_handler(handler);
    cancel
}

fn execute(
    args: &RunArgs,
    pipeline: Pipeline,
    adjust: impl FnOnce(&mut RunOptions),
) -> anyhow::Result<End> {
    let (input, limits) = input(&args.input)?;
    if !(args.memory > 0.0 && args.memory.is_finite()) {
        bail!(Error::Usage(format!("--memory must be above 0, got {}", args.memory)));
    }
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    if to_stdout && (args.json || matches!(input, Input::Glob(_) | Input::List(_))) {
        bail!(Error::Usage("-o - takes one input file and goes without --json".into()));
    }
    let scratch = to_stdout.then(tempfile::tempdir).transpose()?;
    let output = match (&scratch, &args.output) {
        (Some(folder), _) => folder.path().to_path_buf(),
        (None, Some(output)) => output.clone(),
        (None, None) => std::path::PathBuf::new(),
    };
    let mut options = RunOptions::new(pipeline, output);
    options.format = args.format.map(Into::into);
    options.depth = args.depth.map(Into::into);
    if let Some(quality) = args.quality {
        options.encode.jpeg_quality = quality;
    }
    options.overwrite = args.overwrite;
    options.resume = args.resume;
    options.reference.clone_from(&args.reference);
    options.sidecar = args.sidecar;
    options.limits = limits;
    options.memory = (args.memory * f64::from(1 << 30)) as u64;
    options.seed = args.seed;
    options.dry_run = args.dry_run;
    if let Some(threads) = args.threads {
        options.threads = usize::from(threads);
    }
    if args.report.is_none() || args.dry_run {
        options.previews = 0;
    }
    adjust(&mut options);

    let total = restora::data::walk(&input).count() as u64;
    if total == 0 {
        return Ok(End::NothingToDo);
    }
    let bar = Bar::new(total, args.quiet);
    let cancel = cancel_on_interrupt();
    let result = run(&input, &options, &bar, &cancel);
    bar.clear();
    let report = result?;
    if let Some(file) = &args.report {
        let name = if options.diagnose { "Restoration report" } else { "Degradation report" };
        restora::data::write_atomically(file, restora::html::page(&report, name).as_bytes(), true)
            .map_err(Error::from)?;
    }
    if args.dry_run {
        print(&plan(&options.pipeline, &report)?)?;
    } else if to_stdout {
        for item in &report.items {
            if let Some(file) = &item.output {
                use std::io::Write;
                std::io::stdout().lock().write_all(&std::fs::read(file)?)?;
            }
        }
    } else if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else if !args.quiet {
        print(&summary(&report))?;
    }
    tell_notes(&report);
    for item in report.items.iter().filter(|i| i.outcome == Outcome::Failed) {
        if let Some(failure) = &item.failure
            && (to_stdout || args.quiet || args.json || args.dry_run)
        {
            eprintln!("restora: {}: {}", item.id, failure.message);
        }
    }
    if report.cancelled {
        eprintln!("restora: interrupted after {} pictures; --resume goes on", report.items.len());
        return Ok(End::Interrupted);
    }
    let failed = report.count(Outcome::Failed) > 0;
    Ok(if failed { End::SomeFailed } else { End::Done })
}

/// Notes that nobody should have to look for in a report begin so.
const TOLD: [&str; 3] = ["salvaged: ", "left alone: ", "look at the mask"];

/// Says on standard error of which pictures parts were lost, and how much, and what was asked for and not done.
pub fn tell_notes(report: &Report) {
    for item in &report.items {
        let told = |note: &&String| TOLD.iter().any(|start| note.starts_with(start));
        for note in item.notes.iter().filter(told) {
            eprintln!("restora: {}: {note}", item.id);
        }
    }
}

/// The pipeline and what it comes to for every picture, as `--pipeline` reads it.
fn plan(pipeline: &Pipeline, report: &Report) -> anyhow::Result<String> {
    let item = |item: &ItemReport| {
        serde_json::json!({
            "id": item.id,
            "steps": item.steps,
            "reason": item.reason,
            "failure": item.failure,
        })
    };
    let items: Vec<_> = report.items.iter().map(item).collect();
    let plan = serde_json::json!({ "steps": pipeline.steps, "items": items });
    Ok(format!("{}\n", serde_json::to_string_pretty(&plan)?))
}

fn summary(report: &Report) -> String {
    let mut text = String::new();
    let scored = report.items.iter().any(|i| i.scores.is_some());
    let mut head = vec!["picture", "outcome", "noise/255", "steps"];
    if scored {
        head.extend(["PSNR before", "after"]);
    }
    let failed_first = report.items.iter().filter(|i| i.outcome == Outcome::Failed);
    let rest = report.items.iter().filter(|i| i.outcome != Outcome::Failed);
    let rows: Vec<Vec<String>> =
        failed_first.chain(rest).take(TABLE_ROWS).map(|item| row(item, scored)).collect();
    let right: &[usize] = if scored { &[2, 4, 5] } else { &[2] };
    text += &table(&head, right, &rows);
    if report.items.len() > TABLE_ROWS {
        let _ = writeln!(text, "... and {} more", report.items.len() - TABLE_ROWS);
    }
    let count = |o| report.count(o);
    let _ = write!(
        text,
        "\n{} picture{}: {} restored, {} left as they are",
        report.items.len(),
        if report.items.len() == 1 { "" } else { "s" },
        count(Outcome::Restored),
        count(Outcome::Unchanged),
    );
    if report.salvaged() > 0 {
        let _ = write!(text, ", {} of them salvaged", report.salvaged());
    }
    if count(Outcome::Kept) > 0 {
        let _ = write!(text, ", {} already there", count(Outcome::Kept));
    }
    if count(Outcome::Failed) > 0 {
        let _ = write!(text, ", {} failed", count(Outcome::Failed));
    }
    if let Some((before, after)) = report.mean_psnr() {
        let _ = write!(text, "; mean PSNR {before:.2} -> {after:.2} dB");
    }
    let _ = writeln!(text, "; {:.1} s", report.seconds);
    text
}

fn row(item: &ItemReport, scored: bool) -> Vec<String> {
    let outcome = match item.outcome {
        Outcome::Restored if item.damage.is_some() => "salvaged",
        Outcome::Restored => "restored",
        Outcome::Unchanged => "as it is",
        Outcome::Kept => "already there",
        Outcome::Failed => "FAILED",
    };
    let noise = item
        .diagnosis
        .as_ref()
        .map_or(String::new(), |d| format!("{:.1}", d.noise_sigma() * 255.0));
    let steps = match &item.failure {
        Some(failure) => failure.message.clone(),
        None if item.steps.is_empty() => {
            let left = |note: &&String| note.contains("left alone") || note.contains("left as it");
            item.notes.iter().find(left).map_or("none".into(), |note| format!("none: {note}"))
        }
        None => item.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + "),
    };
    let mut cells = vec![item.id.clone(), outcome.into(), noise, steps];
    if scored {
        let decibel = restora::html::decibel;
        match &item.scores {
            Some(s) => cells.extend([decibel(s.before.psnr), decibel(s.after.psnr)]),
            None => cells.extend([String::new(), String::new()]),
        }
    }
    cells
}
