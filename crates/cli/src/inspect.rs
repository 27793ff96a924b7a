//! `restora inspect`: measure, change nothing.

use crate::looking_arguments::InspectArgs;
use crate::progress::Bar;
use crate::restore::{cancel_on_interrupt, input, tell_notes};
use crate::table::table;
use crate::{End, print};
use restora::Pipeline;
use restora::damage::{Search, listed};
use restora::diagnose::Diagnosis;
use restora::duplicates::DuplicateOptions;
use restora::extractor::Extractor;
use restora::report::Outcome;
use restora::run::{RunOptions, run};
use restora::set_inspection::{FindingKind, SetOptions, SetReport, inspect_set, page};
use std::fmt::Write as _;

/// Findings below this confidence carry a question mark.
const LOW_CONFIDENCE: f32 = 0.5;

pub fn inspect(args: &InspectArgs) -> anyhow::Result<End> {
    // What is asked for is checked before anything is measured.
    let features: Vec<Extractor> =
        args.features.iter().map(|text| Extractor::parse(text)).collect::<Result<_, _>>()?;
    let (input, limits) = input(&args.input)?;
    let mut options = RunOptions::new(Pipeline::default(), std::path::PathBuf::new());
    options.dry_run = true;
    options.previews = 0;
    options.limits = limits;
    options.salvage = args.salvage;
    options.quality = args.quality;
    if args.damage {
        options.searches = Search::unasked();
    }
    if let Some(threads) = args.threads {
        options.threads = usize::from(threads);
    }
    let total = restora::data::walk(&input).count() as u64;
    if total == 0 {
        return Ok(End::NothingToDo);
    }
    let cancel = cancel_on_interrupt();
    let bar = Bar::new(total, args.quiet);
    let result = run(&input, &options, &bar, &cancel);
    bar.clear();
    let report = result?;
    let set = match &args.report {
        Some(file) => {
            let duplicates = DuplicateOptions {
                threads: args.threads.map(usize::from),
                limits,
                ..DuplicateOptions::default()
            };
            let options = SetOptions { features, duplicates };
            let bar = Bar::new(2 * total, args.quiet);
            let set = inspect_set(&input, &report, &options, &cancel, &|| bar.step());
            bar.clear();
            let set = set?;
            let json = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
            let text = if json { serde_json::to_string_pretty(&set)? } else { page(&set, &limits) };
            restora::data::write_atomically(file, text.as_bytes(), true)?;
            Some(set)
        }
        None => None,
    };
    if args.json {
        let items: Vec<_> = report
            .items
            .iter()
            .map(|item| {
                serde_json::json!({
                    "id": item.id, "format": item.format, "depth": item.depth,
                    "width": item.width, "height": item.height, "channels": item.channels,
                    "pages": item.pages, "diagnosis": item.diagnosis, "notes": item.notes,
                    "failure": item.failure, "damage": item.damage,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&items)?))?;
    } else {
        let mut head = vec![
            "picture",
            "noise/255",
            "per channel",
            "grows",
            "correlated",
            "salt+pepper",
            "random",
            "JPEG blocks",
            "edge blur",
            "dark",
            "bright",
        ];
        let mut right: Vec<usize> = (1..head.len()).collect();
        if args.quality {
            right.extend(head.len()..head.len() + 3);
            head.extend(["NIQE", "BRISQUE", "colorful"]);
        }
        if args.damage {
            head.push("damage");
        }
        let rows: Vec<Vec<String>> = report
            .items
            .iter()
            .filter_map(|item| Some(row(&item.id, item.diagnosis.as_ref()?)))
            .collect();
        if !rows.is_empty() {
            print(&table(&head, &right, &rows))?;
            print("\nA ? marks a finding of low confidence; --json has all numbers.\n")?;
        }
        if let Some(set) = &set {
            print(&set_words(set))?;
        }
        tell_notes(&report);
        for item in &report.items {
            if let Some(failure) = &item.failure {
                eprintln!("restora: {}: {}", item.id, failure.message);
            }
        }
    }
    if report.cancelled {
        return Ok(End::Interrupted);
    }
    let failed = report.count(Outcome::Failed) > 0;
    Ok(if failed { End::SomeFailed } else { End::Done })
}

/// The set in a few lines; the page shows the pictures.
fn set_words(set: &SetReport) -> String {
    let mut rows = vec![vec!["pictures".to_owned(), set.pictures.len().to_string()]];
    let mut add = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    if let Some(imbalance) = set.imbalance() {
        let counts = set.counts();
        let sums: Vec<usize> = counts.iter().map(|row| row.iter().sum()).collect();
        let smallest = sums.iter().enumerate().min_by_key(|(_, n)| **n);
        let mut words = format!("{}, largest to smallest {imbalance:.1} : 1", set.classes.len());
        if let Some((class, n)) = smallest {
            let _ = write!(words, " (`{}` has {n})", set.classes[class]);
        }
        add("classes", words);
    }
    if !set.splits.is_empty() {
        add("splits", set.splits.join(", "));
        add("leaks across splits", set.leaks().count().to_string());
    }
    add("pairs of copies", set.copies.len().to_string());
    if let Some(labels) = &set.labels {
        add("copies of different classes", set.contradictions().count().to_string());
        let words = format!(
            "{}, {:.1} % estimated wrong; neighbors by {} agree with {:.0} % of the labels",
            labels.suspects.len(),
            100.0 * labels.share,
            set.features,
            100.0 * labels.agreement
        );
        add("labels to check", words);
    }
    for kind in FindingKind::ALL {
        add(&kind.title().to_lowercase(), set.of_kind(kind).count().to_string());
    }
    format!("\n{}", table(&["the set", ""], &[], &rows))
}

/// One line of findings, each with a mark if the diagnosis is not sure of it.
fn row(id: &str, d: &Diagnosis) -> Vec<String> {
    let sure = |text: String, confidence: f32| {
        if confidence < LOW_CONFIDENCE { format!("{text}?") } else { text }
    };
    let percent = |share: f32| format!("{:.1} %", 100.0 * share);
    let channels = &d.noise.model.channels;
    let levels: Vec<_> = channels.iter().map(|c| format!("{:.1}", 255.0 * c.sigma)).collect();
    let grows = channels.iter().any(|c| c.b > 0.0);
    let correlated = if d.is_correlated() {
        format!("{:.2}", 0.5 * (d.correlation.horizontal + d.correlation.vertical))
    } else {
        "no".into()
    };
    let mut cells = vec![
        id.to_owned(),
        sure(format!("{:.1}", 255.0 * d.noise_sigma()), d.noise.confidence),
        levels.join(" "),
        if grows { sure("yes".into(), d.noise.slope_confidence) } else { "no".into() },
        correlated,
        sure(percent(d.impulses.salt_and_pepper), d.impulses.confidence),
        sure(percent(d.impulses.random_valued), d.impulses.confidence),
        if d.blocking.confidence > 0.0 {
            sure(format!("{:.1}/255", 255.0 * d.blocking.strength), d.blocking.confidence)
        } else {
            "no".into()
        },
        sure(format!("{:.1} px", d.blur.sigma), d.blur.confidence),
        percent(d.exposure.shadows),
        percent(d.exposure.highlights),
    ];
    if let Some(quality) = &d.quality {
        let score = |score: f32, confidence: f32| match confidence {
            0.0 => "-".into(),
            confidence => sure(format!("{score:.1}"), confidence),
        };
        cells.extend([
            score(quality.niqe.score, quality.niqe.confidence),
            score(quality.brisque.score, quality.brisque.confidence),
            format!("{:.0}", quality.colorfulness.score),
        ]);
    }
    cells.extend(d.damage.as_deref().map(listed));
    cells
}
