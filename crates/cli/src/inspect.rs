//! `restora inspect`: measure, change nothing.

use crate::arguments::InspectArgs;
use crate::progress::Bar;
use crate::restore::{cancel_on_interrupt, input, tell_notes};
use crate::table::table;
use crate::{End, print};
use restora::Pipeline;
use restora::damage::{Search, listed};
use restora::diagnose::Diagnosis;
use restora::report::Outcome;
use restora::run::{RunOptions, run};

/// Findings below this confidence carry a question mark.
const LOW_CONFIDENCE: f32 = 0.5;

pub fn inspect(args: &InspectArgs) -> anyhow::Result<End> {
    let (input, limits) = input(&args.input)?;
    let mut options = RunOptions::new(Pipeline::default(), std::path::PathBuf::new());
    options.dry_run = true;
    options.previews = 0;
    options.limits = limits;
    options.salvage = args.salvage;
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
    let bar = Bar::new(total, args.quiet);
    let result = run(&input, &options, &bar, &cancel_on_interrupt());
    bar.clear();
    let report = result?;
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
        if args.damage {
            head.push("damage");
        }
        let rows: Vec<Vec<String>> = report
            .items
            .iter()
            .filter_map(|item| Some(row(&item.id, item.diagnosis.as_ref()?)))
            .collect();
        if !rows.is_empty() {
            print(&table(&head, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &rows))?;
            print("\nA ? marks a finding of low confidence; --json has all numbers.\n")?;
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
    cells.extend(d.damage.as_deref().map(listed));
    cells
}
