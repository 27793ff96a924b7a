//! `restora compare --explain`: what other programs give for the same pair, and why.

use crate::compare::number;
use crate::looking_arguments::CompareArgs;
use crate::table::table;
use crate::{End, print};
use anyhow::bail;
use restora::data::Limits;
use restora::image::{Context, Depth};
use restora::metrics::full_reference::Measure;
use restora::pairs::read_page;
use restora::referee::{MEASURES, RefereedPair, Ruling, referee};
use std::fmt::Write as _;

pub fn compare_explain(
    args: &CompareArgs,
    measures: &[Measure],
    cx: &Context,
) -> anyhow::Result<End> {
    if args.reference.is_dir() || args.distorted.is_dir() {
        let told = "--explain takes two files: conventions are judged on one pair";
        bail!(restora::Error::Usage(told.into()));
    }
    let limits = Limits::default();
    let reference = read_page(&args.reference, &limits)?;
    let distorted = read_page(&args.distorted, &limits)?;
    let white = match reference.depth() {
        Depth::F32 => 1.0,
        depth => f64::from((1u32 << depth.bits()) - 1),
    };
    let (reference, distorted) = (reference.to_image(), distorted.to_image());
    let pair = RefereedPair { reference: &reference, distorted: &distorted, white };
    let rulings = referee(&pair, measures, cx)?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&rulings)?))?;
        return Ok(End::Done);
    }
    let agreed: Vec<_> =
        measures.iter().filter(|m| !MEASURES.contains(m)).map(|m| m.facts().name).collect();
    let mut text = String::from("a is the reference, b the distorted picture, white is 255\n");
    for ruling in &rulings {
        text.push_str(&words(ruling));
    }
    if !agreed.is_empty() {
        let _ = writeln!(text, "\nno differing conventions are known of {}", agreed.join(", "));
    }
    print(&text)?;
    Ok(End::Done)
}

fn words(ruling: &Ruling) -> String {
    let facts = ruling.measure.facts();
    let score = |v: Option<f64>| v.map_or("-".into(), |v| number(ruling.measure, v));
    let mut rows = Vec::new();
    for row in &ruling.rows {
        let why = match row.causes.as_slice() {
            [] => "the same".to_owned(),
            [cause] => cause.words.clone(),
            causes => {
                let each = causes.iter().map(|c| format!("{} (alone {})", c.words, score(c.score)));
                each.collect::<Vec<_>>().join("; ")
            }
        };
        rows.push(vec![row.tool.to_owned(), score(row.score), why, row.call.clone()]);
    }
    format!(
        "\n{}: {}, {}\n{}",
        facts.title,
        score(ruling.ours),
        ruling.convention,
        table(&["program", "score", "why", "call"], &[1], &rows)
    )
}
