//! `restora inspect`: measure, change nothing.

use crate::arguments::InspectArgs;
use crate::progress::Bar;
use crate::restore::{cancel_on_interrupt, input};
use crate::table::table;
use crate::{End, print};
use restora::Pipeline;
use restora::report::Outcome;
use restora::run::{RunOptions, run};

pub fn inspect(args: &InspectArgs) -> anyhow::Result<End> {
    let (input, limits) = input(&args.input)?;
    let mut options = RunOptions::new(Pipeline::default(), std::path::PathBuf::new());
    options.dry_run = true;
    options.previews = 0;
    options.limits = limits;
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
                    "failure": item.failure,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&items)?))?;
    } else {
        let names: Vec<&str> = report
            .items
            .iter()
            .find_map(|item| item.diagnosis.as_ref())
            .map_or_else(Vec::new, |d| d.facts().into_iter().map(|(name, _)| name).collect());
        let head: Vec<&str> = std::iter::once("picture").chain(names.iter().copied()).collect();
        let rows: Vec<Vec<String>> = report
            .items
            .iter()
            .filter_map(|item| {
                let facts = item.diagnosis.as_ref()?.facts();
                let cells = facts.into_iter().map(|(_, value)| value);
                Some(std::iter::once(item.id.clone()).chain(cells).collect())
            })
            .collect();
        if !rows.is_empty() {
            print(&table(&head, &[], &rows))?;
        }
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
