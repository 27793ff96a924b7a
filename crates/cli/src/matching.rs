//! `restora match`: what two pictures have in common.

use crate::looking_arguments::MatchArgs;
use crate::{End, print};
use restora::data::{Limits, write_atomically};
use restora::image::Context;
use restora::matching::{MatchOptions, match_files};
use restora::plot::Surroundings;
use serde_json::json;
use std::fmt::Write;

pub fn run(args: &MatchArgs) -> anyhow::Result<End> {
    let mut options = MatchOptions::default();
    options.sift.descriptor = serde_json::from_value(json!(args.descriptor))
        .map_err(|e| restora::Error::Usage(format!("--descriptor: {e}")))?;
    options.sift.max_keypoints = args.max_keypoints;
    options.matching.ratio = args.ratio;
    options.matching.mutual = args.mutual;
    options.homography.threshold = args.threshold;
    let threads = args
        .threads
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let cx = Context { seed: args.seed, ..Context::with_threads(threads) };
    let limits = Limits::default();
    let (report, plot) = match_files(&args.first, &args.second, &options, &limits, &cx)?;
    if let Some(path) = &args.picture {
        let svg = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("svg"));
        let scene = plot.scene();
        let bytes =
            if svg { scene.to_svg(Surroundings::File)?.into_bytes() } else { scene.to_png(2.0)? };
        write_atomically(path, &bytes, args.overwrite)?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
        return Ok(End::Done);
    }
    let [a, b] = report.keypoints;
    let mut text = format!("keypoints   {a} and {b}\nmatches     {}\n", report.matches);
    if let (Some(matrix), Some(odds)) = (report.homography, report.log10_false_alarms) {
        let share = 100.0 * report.inliers as f64 / report.matches as f64;
        writeln!(text, "agree       {} ({share:.0} %)", report.inliers)?;
        writeln!(text, "by chance   1 in 10^{:.0}", -odds)?;
        for (i, [x, y, z]) in matrix.iter().enumerate() {
            let head = if i == 0 { "homography" } else { "" };
            writeln!(text, "{head:<10}  {x:>12.6} {y:>12.6} {z:>12.6}")?;
        }
    } else {
        text += "nothing in common that chance does not explain\n";
    }
    print(&text)?;
    Ok(End::Done)
}
