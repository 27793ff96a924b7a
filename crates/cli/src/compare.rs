//! `restora compare`: scores of pairs.

use crate::arguments::CompareArgs;
use crate::table::table;
use crate::{End, print};
use restora::data::Limits;
use restora::image::Context;
use restora::metrics::full_reference::CompareOptions;
use restora::pairs::{PairReport, compare_paths};
use serde_json::json;

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
    let threads = args
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let cx = Context::with_threads(threads);
    let limits = Limits::default();
    let report =
        compare_paths(&args.reference, &args.distorted, &options, out_of_range, &limits, &cx)?;
    if report.pairs.is_empty() {
        return Ok(End::NothingToDo);
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
    } else {
        let name = |pair: &PairReport| {
            let path = std::path::Path::new(&pair.distorted);
            let short =
                path.strip_prefix(&args.distorted).ok().filter(|p| *p != std::path::Path::new(""));
            short.unwrap_or(path).display().to_string()
        };
        let optional = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.5}"));
        let number =
            |v: f64| if v == 0.0 || v >= 1e-2 { format!("{v:.4}") } else { format!("{v:.4e}") };
        let cells = |name: String, s: &restora::metrics::full_reference::Comparison| {
            let psnr = if s.psnr.is_finite() { format!("{:.4}", s.psnr) } else { "inf".into() };
            vec![name, number(s.mse), number(s.mae), psnr, optional(s.ssim), optional(s.ms_ssim)]
        };
        let mut rows: Vec<Vec<String>> =
            report.pairs.iter().filter_map(|p| Some(cells(name(p), p.scores.as_ref()?))).collect();
        if let Some(mean) = report.mean.as_ref().filter(|_| rows.len() > 1) {
            rows.push(cells("mean".into(), mean));
        }
        let head = ["picture", "MSE", "MAE", "PSNR dB", "SSIM", "MS-SSIM"];
        if !rows.is_empty() {
            print(&table(&head, &[1, 2, 3, 4, 5], &rows))?;
        }
    }
    let mut end = End::Done;
    for pair in &report.pairs {
        if let Some(failure) = &pair.failure {
            eprintln!("restora: {}: {}", pair.distorted, failure.message);
            end = End::SomeFailed;
        }
    }
    Ok(end)
}
