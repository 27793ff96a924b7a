//! `restora compare`: scores of pairs.

use crate::compare_explain::compare_explain;
use crate::compare_part::compare_part;
use crate::looking_arguments::CompareArgs;
use crate::table::table;
use crate::{End, print};
use restora::data::Limits;
use restora::image::Context;
use restora::metrics::full_reference::{CompareOptions, Direction, Measure, Scores};
use restora::pairs::{PairReport, PairsReport, compare_paths};
use restora::perceptual::Perceptual;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// More measures than this are listed below each other.
const COLUMNS: usize = 8;

pub fn compare(args: &CompareArgs) -> anyhow::Result<End> {
    let conventions = json!({
        "gray": args.gray,
        "range": args.range,
        "unit": args.unit,
        "window": args.window,
        "border": args.border,
        "pooling": args.pooling,
    });
    let options: CompareOptions =
        serde_json::from_value(conventions).map_err(|e| restora::Error::Usage(e.to_string()))?;
    let out_of_range = match args.out_of_range.as_str() {
        "auto" => None,
        rule => Some(
            serde_json::from_value(json!(rule))
                .map_err(|e| restora::Error::Usage(format!("--out-of-range: {e}, or `auto`")))?,
        ),
    };
    let measures = measures(&args.measures)?;
    let threads = args
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let cx = Context::with_threads(threads);
    if args.explain {
        return compare_explain(args, &measures, &cx);
    }
    if args.mask.is_some() || args.crop {
        return compare_part(args, &options, out_of_range, &cx);
    }
    let learned: Vec<Perceptual> =
        args.perceptual.iter().map(|text| Perceptual::from_text(text)).collect::<Result<_, _>>()?;
    let limits = Limits::default();
    let report = compare_paths(
        &args.reference,
        &args.distorted,
        (&measures, &learned),
        &options,
        out_of_range,
        &limits,
        &cx,
    )?;
    if report.pairs.is_empty() {
        return Ok(End::NothingToDo);
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else if args.csv {
        print(&csv(&measures, &learned, &report)?)?;
    } else {
        print(&text(args, &measures, &learned, &report))?;
    }
    let mut end = End::Done;
    for pair in &report.pairs {
        if let Some(failure) = &pair.failure {
            let sizes = failure.message.ends_with("sizes must be equal");
            let hint = if sizes { " (--crop compares what both have)" } else { "" };
            eprintln!("restora: {}: {}{hint}", pair.distorted, failure.message);
            end = End::SomeFailed;
        }
    }
    Ok(end)
}

fn measures(names: &[String]) -> Result<Vec<Measure>, restora::Error> {
    if names == ["all"] {
        return Ok(Measure::ALL.to_vec());
    }
    let mut measures = Vec::new();
    for name in names {
        let measure = Measure::from_name(name)
            .map_err(|e| restora::Error::Usage(format!("--measures: {e}, or `all`")))?;
        if !measures.contains(&measure) {
            measures.push(measure);
        }
    }
    Ok(measures)
}

fn csv(
    measures: &[Measure],
    learned: &[Perceptual],
    report: &PairsReport,
) -> Result<String, serde_json::Error> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let keys: Vec<String> =
        measures.iter().map(|m| m.key()).chain(learned.iter().map(Perceptual::key)).collect();
    let mut text = format!("reference,distorted,{}\n", keys.join(","));
    for pair in &report.pairs {
        let _ = write!(text, "{},{}", quoted(&pair.reference), quoted(&pair.distorted));
        let scores = serde_json::to_value(pair)?;
        for key in &keys {
            let cell = match &scores[key] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(word) => word.clone(),
                number => number.to_string(),
            };
            let _ = write!(text, ",{cell}");
        }
        text.push('\n');
    }
    Ok(text)
}

fn text(
    args: &CompareArgs,
    measures: &[Measure],
    learned: &[Perceptual],
    report: &PairsReport,
) -> String {
    let name = |pair: &PairReport| {
        let path = std::path::Path::new(&pair.distorted);
        let short =
            path.strip_prefix(&args.distorted).ok().filter(|p| *p != std::path::Path::new(""));
        short.unwrap_or(path).display().to_string()
    };
    let mut scored: Vec<(String, &Scores, &BTreeMap<String, f64>)> = report
        .pairs
        .iter()
        .filter_map(|p| Some((name(p), p.scores.as_ref()?, &p.learned)))
        .collect();
    if let Some(mean) = report.mean.as_ref().filter(|_| scored.len() > 1) {
        scored.push(("mean".into(), mean, &report.learned_mean));
    }
    if scored.is_empty() {
        return String::new();
    }
    let cell = |m: Measure, scores: &Scores| scores.get(m).map_or("-".into(), |v| number(m, v));
    let distance = |one: &Perceptual, found: &BTreeMap<String, f64>| {
        found.get(&one.key()).map_or("-".into(), |v| format!("{v:.5}"))
    };
    let titles: Vec<String> = learned.iter().map(Perceptual::title).collect();
    if measures.len() + learned.len() <= COLUMNS {
        let mut head = vec!["picture"];
        head.extend(measures.iter().map(|m| m.facts().title));
        head.extend(titles.iter().map(String::as_str));
        let right: Vec<usize> = (1..head.len()).collect();
        let row = |(name, scores, found): &(String, &Scores, &BTreeMap<String, f64>)| {
            let cells = measures.iter().map(|m| cell(*m, scores));
            let cells = cells.chain(learned.iter().map(|one| distance(one, found)));
            std::iter::once(name.clone()).chain(cells).collect()
        };
        return table(&head, &right, &scored.iter().map(row).collect::<Vec<_>>());
    }
    let mut rows = Vec::new();
    for (name, scores, found) in &scored {
        for measure in measures {
            let facts = measure.facts();
            let better = match facts.direction {
                Direction::Higher => "more",
                Direction::Lower => "less",
            };
            let identical = facts.identical.map_or_else(String::new, |v| v.to_string());
            let score = cell(*measure, scores);
            rows.push(vec![name.clone(), facts.name.into(), score, better.into(), identical]);
        }
        for one in learned {
            let score = distance(one, found);
            rows.push(vec![name.clone(), one.key(), score, "less".into(), "0".into()]);
        }
    }
    table(&["picture", "measure", "score", "better", "identical"], &[2, 4], &rows)
}

/// A score in as many digits as mean something.
pub fn number(measure: Measure, v: f64) -> String {
    match measure {
        _ if !v.is_finite() => v.to_string().to_lowercase(),
        Measure::Psnr => format!("{v:.4}"),
        Measure::Mse | Measure::Mae if v == 0.0 || v >= 1e-2 => format!("{v:.4}"),
        Measure::Mse | Measure::Mae => format!("{v:.4e}"),
        _ if v.abs() >= 100.0 => format!("{v:.3}"),
        _ if v == 0.0 || v.abs() >= 1e-3 => format!("{v:.5}"),
        _ => format!("{v:.4e}"),
    }
}
