//! `restora compare --mask` and `--crop`: scores of a part.

use crate::looking_arguments::CompareArgs;
use crate::table::table;
use crate::{End, print};
use restora::data::Limits;
use restora::image::Context;
use restora::metrics::full_reference::{CompareOptions, OutOfRange};
use restora::region::{Region, compare_region};
use serde_json::json;

pub fn compare_part(
    args: &CompareArgs,
    options: &CompareOptions,
    out_of_range: Option<OutOfRange>,
    cx: &Context,
) -> anyhow::Result<End> {
    let side = serde_json::from_value(json!(args.mask_side))
        .map_err(|e| restora::Error::Usage(format!("--mask-side: {e}")))?;
    let mask = args.mask.as_deref().map(str::parse).transpose()?;
    let region = Region { mask, side, crop: args.crop };
    let files = (args.reference.as_path(), args.distorted.as_path());
    let found = compare_region(files, &region, options, out_of_range, &Limits::default(), cx)?;
    if let Some(size) = found.cropped {
        eprintln!("restora: both were cut to {size}, from the upper left corner");
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&found)?))?;
        return Ok(End::Done);
    }
    let s = &found.scores;
    let number =
        |v: f64| if v == 0.0 || v >= 1e-2 { format!("{v:.4}") } else { format!("{v:.4e}") };
    let psnr = if s.psnr.is_finite() { format!("{:.4}", s.psnr) } else { "inf".into() };
    let ssim = s.ssim.map_or("-".into(), |v| format!("{v:.5}"));
    let head = ["picture", "pixels", "MSE", "MAE", "PSNR dB", "SSIM"];
    let name = args.distorted.display().to_string();
    let row = vec![name, found.pixels.to_string(), number(s.mse), number(s.mae), psnr, ssim];
    print(&table(&head, &[1, 2, 3, 4, 5], &[row]))?;
    Ok(End::Done)
}
