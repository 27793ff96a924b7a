//! `restora methods`: what there is, from the methods' own definitions.

use crate::arguments::MethodsArgs;
use crate::table::table;
use crate::{End, print};
use anyhow::bail;
use restora::image::OpInfo;
use restora::nets::WeightsUsed;
use restora::{Extractor, Step};
use serde_json::json;
use std::fmt::Write as _;

pub fn methods(args: &MethodsArgs) -> anyhow::Result<End> {
    let mut all = Step::catalog();
    all.extend(Extractor::catalog());
    let families: std::collections::BTreeSet<_> = all.iter().map(|info| info.family).collect();
    if let Some(family) = &args.family
        && !families.contains(family.as_str())
    {
        let known: Vec<_> = families.into_iter().collect();
        bail!(restora::Error::Usage(format!(
            "no family is named `{family}`; there are {}",
            known.join(", ")
        )));
    }
    let wanted = |info: &OpInfo| {
        args.name.as_ref().is_none_or(|n| n == info.id)
            && args.family.as_ref().is_none_or(|f| f == info.family)
    };
    let chosen: Vec<_> = all.iter().filter(|info| wanted(info)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|info| info.id).collect();
        bail!(restora::Error::Usage(format!(
            "no method is named `{}`; there are {}",
            args.name.as_deref().unwrap_or_default(),
            names.join(", ")
        )));
    }
    if args.json {
        let list: Vec<_> = chosen.iter().map(|info| as_json(info)).collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&list)?))?;
    } else if args.name.is_some() {
        for info in chosen {
            print(&details(info))?;
        }
    } else {
        let row = |info: &&&OpInfo| vec![info.id.into(), info.family.into(), info.title.into()];
        let rows: Vec<Vec<String>> = chosen.iter().map(row).collect();
        print(&table(&["method", "family", "what"], &[], &rows))?;
        print("\nrestora methods NAME shows options and paper.\n")?;
    }
    Ok(End::Done)
}

fn details(info: &OpInfo) -> String {
    let mut text = format!("{}: {}\n{}\n\n", info.id, info.title, info.paper);
    let rows: Vec<Vec<String>> = info
        .params
        .iter()
        .map(|p| {
            let unit = if p.unit.is_empty() { String::new() } else { format!(" {}", p.unit) };
            vec![p.name.into(), p.default.into(), format!("{}{unit}", p.range), p.doc.into()]
        })
        .collect();
    text += &table(&["option", "default", "range", "what"], &[], &rows);
    for used in weights(info) {
        let _ = writeln!(text, "weights: {used}");
    }
    text
}

/// The weights that a method comes with, for gray and color.
fn weights(info: &OpInfo) -> Vec<WeightsUsed> {
    let Ok(step) = Step::from_text(info.id) else { return Vec::new() };
    [1, 3].into_iter().filter_map(|channels| step.weights(channels).ok().flatten()).collect()
}

fn as_json(info: &OpInfo) -> serde_json::Value {
    let params: Vec<_> = info
        .params
        .iter()
        .map(|p| {
            json!({ "name": p.name, "symbol": p.symbol, "unit": p.unit, "range": p.range,
                    "default": p.default, "doc": p.doc })
        })
        .collect();
    json!({ "id": info.id, "title": info.title, "family": info.family, "paper": info.paper,
            "params": params, "weights": weights(info) })
}
