//! `restora dedupe`: duplicates in a folder.

use crate::looking_arguments::DedupeArgs;
use crate::progress::Bar;
use crate::restore::{cancel_on_interrupt, input};
use crate::table::table;
use crate::{End, print};
use restora::data::write_atomically;
use restora::duplicates::{DuplicateOptions, Duplicates, find_duplicates, page};

pub fn run(args: &DedupeArgs) -> anyhow::Result<End> {
    let (input, limits) = input(&args.input)?;
    let options = DuplicateOptions {
        keypoints: args.keypoints,
        least_probability: args.probability,
        threads: args.threads.map(usize::from),
        limits,
    };
    let total = restora::data::walk(&input).count() as u64;
    if total == 0 {
        return Ok(End::NothingToDo);
    }
    let bar = Bar::new(total, args.quiet);
    let found =
        find_duplicates(&input, &options, args.index.as_deref(), &cancel_on_interrupt(), &|| {
            bar.step();
        });
    bar.clear();
    let found = found?;
    if let Some(path) = &args.report {
        write_atomically(path, page(&found, &options.limits).as_bytes(), true)?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&found)?))?;
    } else {
        print(&words(&found))?;
    }
    for (id, failure) in &found.failures {
        eprintln!("restora: {id}: {}", failure.message);
    }
    if found.cancelled {
        return Ok(End::Interrupted);
    }
    Ok(if found.failures.is_empty() { End::Done } else { End::SomeFailed })
}

/// A line per picture, clusters apart, the keeper first.
fn words(found: &Duplicates) -> String {
    if found.clusters.is_empty() {
        return format!("no duplicates among {} pictures\n", found.pictures.len());
    }
    let mut rows = Vec::new();
    for (n, cluster) in found.clusters.iter().enumerate() {
        let cells = |i: usize, what: String| {
            let p = &found.pictures[i];
            let size = format!("{} x {}", p.width, p.height);
            vec![(n + 1).to_string(), p.id.clone(), size, what]
        };
        rows.push(cells(cluster.keeper, "keep".into()));
        for &copy in &cluster.copies {
            let direct = found.pairs.iter().find(|p| {
                (p.first, p.second) == (cluster.keeper.min(copy), cluster.keeper.max(copy))
            });
            let what =
                direct.map_or("by way of another copy".into(), |p| p.words_from(cluster.keeper));
            rows.push(cells(copy, what));
        }
    }
    let copies: usize = found.clusters.iter().map(|c| c.copies.len()).sum();
    table(&["cluster", "picture", "size", "what"], &[0, 2], &rows)
        + &format!(
            "\n{copies} copies in {} clusters among {} pictures\n",
            found.clusters.len(),
            found.pictures.len()
        )
}
