//! The report as one HTML page that needs nothing beside itself.

use crate::report::{ItemReport, Outcome, Report};
use std::fmt::Write;

/// The page. Pictures are shown for the rows that have a preview; every row is in the table.
pub fn page(report: &Report, title: &str) -> String {
    let mut html = String::with_capacity(64 * 1024);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        title = escape(title)
    );
    summary(&mut html, report);
    let failed: Vec<_> = report.items.iter().filter(|i| i.outcome == Outcome::Failed).collect();
    if !failed.is_empty() {
        html.push_str("<h2>Failed</h2>\n<table><tr><th>item</th><th>stage</th><th>kind</th><th>what</th></tr>\n");
        for item in failed {
            let (stage, kind, message) = item
                .failure
                .as_ref()
                .map_or(("", "", ""), |f| (f.stage.as_str(), f.kind.as_str(), f.message.as_str()));
            let _ = writeln!(
                html,
                "<tr class=\"failed\"><td>{}</td><td>{stage}</td><td>{kind}</td><td>{}</td></tr>",
                escape(&item.id),
                escape(message)
            );
        }
        html.push_str("</table>\n");
    }
    let pictured = report.items.iter().filter(|i| i.preview.is_some()).count();
    if pictured > 0 {
        html.push_str("<h2>Before and after</h2>\n");
        let shown = report.items.iter().filter(|i| i.outcome != Outcome::Failed).count();
        if pictured < shown {
            let _ = writeln!(
                html,
                "<p class=\"hint\">The first {pictured} of {shown} pictures; all are in the table below.</p>"
            );
        }
        html.push_str("<p class=\"hint\">Middle of each picture (or where most of it was missing), one pixel to one. Drag the handle: left of it the input (its pixels repeated where the output is larger), right of it the output.</p>\n");
        for item in report.items.iter().filter(|i| i.preview.is_some()) {
            card(&mut html, item);
        }
    }
    table(&mut html, report);
    html.push_str("<script>\n");
    html.push_str(SCRIPT);
    html.push_str("</script>\n</body></html>\n");
    html
}

fn summary(html: &mut String, report: &Report) {
    let count = |o| report.count(o);
    html.push_str("<div class=\"tiles\">");
    let mut tile = |value: String, label: &str| {
        let _ = write!(html, "<div><b>{value}</b><span>{label}</span></div>");
    };
    tile(report.items.len().to_string(), "pictures");
    tile(count(Outcome::Restored).to_string(), "restored");
    tile(count(Outcome::Unchanged).to_string(), "left as they are");
    if count(Outcome::Kept) > 0 {
        tile(count(Outcome::Kept).to_string(), "already there");
    }
    tile(count(Outcome::Failed).to_string(), "failed");
    if report.salvaged() > 0 {
        tile(report.salvaged().to_string(), "of them salvaged");
    }
    if let Some((before, after)) = report.mean_psnr() {
        tile(format!("{before:.2} → {after:.2} dB"), "mean PSNR, before → after");
    }
    tile(format!("{:.1} s", report.seconds), "wall time");
    html.push_str("</div>\n");
    if report.cancelled {
        html.push_str(
            "<p class=\"failed\">The run was stopped before the end; --resume goes on.</p>\n",
        );
    }
}

fn card(html: &mut String, item: &ItemReport) {
    let Some(preview) = &item.preview else { return };
    let (mask, switch) = preview.filled.as_ref().map_or_else(Default::default, |filled| {
        let mask = format!(
            "<img class=\"mask\" alt=\"filled pixels\" src=\"data:image/png;base64,{filled}\">"
        );
        let switch =
            "<label class=\"switch\"><input type=\"checkbox\" checked>filled pixels marked</label>";
        (mask, switch)
    });
    let _ = writeln!(
        html,
        "<section><div class=\"ba\" style=\"width:{w}px;aspect-ratio:{w}/{h}\">\
         <img alt=\"after\" src=\"data:image/jpeg;base64,{after}\">\
         <img class=\"before\" alt=\"before\" src=\"data:image/jpeg;base64,{before}\">\
         {mask}<i></i><input type=\"range\" min=\"0\" max=\"100\" value=\"50\" aria-label=\"before or after\"></div>\
         <div class=\"facts\"><h3>{id}</h3>{switch}<img class=\"thumb\" alt=\"whole picture\" src=\"data:image/jpeg;base64,{thumb}\">",
        w = preview.width,
        h = preview.height,
        after = preview.after,
        before = preview.before,
        thumb = preview.thumbnail,
        id = escape(&item.id),
    );
    html.push_str("<dl>");
    let mut fact = |name: &str, value: &str| {
        let _ = write!(html, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    };
    fact("outcome", outcome(item.outcome));
    fact("steps", &steps(item));
    for weights in &item.weights {
        fact("weights", &weights.to_string());
    }
    fact("why", &item.reason);
    if let Some(scores) = &item.scores {
        fact(
            "PSNR",
            &format!("{} → {}", with_unit(scores.before.psnr), with_unit(scores.after.psnr)),
        );
        if let (Some(before), Some(after)) = (scores.before.ssim, scores.after.ssim) {
            fact("SSIM", &format!("{before:.4} → {after:.4}"));
        }
    }
    if let Some(diagnosis) = &item.diagnosis {
        for (name, value) in diagnosis.facts() {
            fact(name, &value);
        }
    }
    fact("file", &file(item));
    for note in &item.notes {
        fact("note", note);
    }
    html.push_str("</dl></div></section>\n");
}

fn table(html: &mut String, report: &Report) {
    html.push_str(
        "<h2>All pictures</h2>\n<table><tr><th>item</th><th>file</th><th>outcome</th>\
         <th>noise, of 255</th><th>steps</th><th>PSNR</th><th>SSIM</th><th>s</th></tr>\n",
    );
    for item in &report.items {
        let noise = item
            .diagnosis
            .as_ref()
            .map_or(String::new(), |d| format!("{:.1}", d.noise_sigma() * 255.0));
        let (psnr, ssim) = item.scores.as_ref().map_or_else(Default::default, |s| {
            (
                format!("{} → {}", decibel(s.before.psnr), decibel(s.after.psnr)),
                match (s.before.ssim, s.after.ssim) {
                    (Some(before), Some(after)) => format!("{before:.3} → {after:.3}"),
                    _ => String::new(),
                },
            )
        });
        let _ = writeln!(
            html,
            "<tr class=\"{class}\"><td>{id}</td><td>{file}</td><td>{outcome}</td><td class=\"n\">{noise}</td>\
             <td>{steps}</td><td class=\"n\">{psnr}</td><td class=\"n\">{ssim}</td><td class=\"n\">{seconds:.2}</td></tr>",
            class = if item.outcome == Outcome::Failed { "failed" } else { "" },
            id = escape(&item.id),
            file = escape(&file(item)),
            outcome = outcome(item.outcome),
            steps = escape(&steps(item)),
            seconds = item.seconds,
        );
    }
    html.push_str("</table>\n");
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Restored => "restored",
        Outcome::Unchanged => "left as it is",
        Outcome::Kept => "already there",
        Outcome::Failed => "failed",
    }
}

fn steps(item: &ItemReport) -> String {
    if item.steps.is_empty() {
        return "none".into();
    }
    item.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

fn file(item: &ItemReport) -> String {
    let Some(format) = &item.format else { return String::new() };
    let colors = if item.channels == 1 { "gray" } else { "RGB" };
    let bits = item.depth.map_or(0, restora_image::Depth::bits);
    let pages = if item.pages > 1 { format!(", {} pages", item.pages) } else { String::new() };
    format!("{} {}x{}, {bits}-bit {colors}{pages}", format.to_uppercase(), item.width, item.height)
}

/// Decibels with two digits; a perfect match has no number.
pub fn decibel(psnr: f64) -> String {
    if psnr.is_finite() { format!("{psnr:.2}") } else { "identical".into() }
}

fn with_unit(psnr: f64) -> String {
    if psnr.is_finite() { format!("{psnr:.2} dB") } else { "identical".into() }
}

/// Text that may stand anywhere in HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--bad:#c33;--soft:#8881}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:78rem;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2rem 0 .6rem}h3{font-size:1rem;margin:0 0 .4rem;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.6rem}.tiles div{background:var(--soft);border-radius:.5rem;padding:.6rem 1rem}
.tiles b{display:block;font-size:1.25rem}.tiles span,.hint{opacity:.7;font-size:.85rem}
section{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1.2rem;border-top:1px solid var(--line);padding:1rem 0}
.ba{position:relative;max-width:100%;flex:none;overflow:hidden;border-radius:.4rem;--cut:50%}
.ba img{position:absolute;inset:0;width:100%;height:100%;display:block;user-select:none}
.ba .mask{image-rendering:pixelated;transition:opacity .15s}.ba .mask.off{opacity:0}
.switch{display:inline-flex;align-items:center;gap:.4rem;font-size:.9rem;margin:0 0 .4rem;cursor:pointer}
.switch::after{content:'';width:.8rem;height:.8rem;border:1px solid #ff00aa;background:#ff00aa46}
.ba .before{clip-path:inset(0 calc(100% - var(--cut)) 0 0)}
.ba i{position:absolute;top:0;bottom:0;left:var(--cut);width:2px;margin-left:-1px;background:#fff;box-shadow:0 0 4px #000a}
.ba i::after{content:'\\2194';position:absolute;top:50%;left:50%;transform:translate(-50%,-50%);background:#fff;color:#222;border-radius:1rem;padding:.1rem .45rem;box-shadow:0 0 4px #0008}
.ba input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize}
.facts{flex:1 1 22rem;min-width:0}.thumb{float:right;max-width:9rem;max-height:7rem;margin:0 0 .5rem .8rem;border-radius:.3rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .8rem;margin:0;font-size:.9rem}dt{opacity:.65}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.85rem}th{text-align:left;opacity:.65}
td,th{padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}.n{white-space:nowrap;font-variant-numeric:tabular-nums}
.failed{color:var(--bad)}
";

/// Pictures side by side with words below.
pub(crate) const CARDS: &str = "\
.cards{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-end}.cards figure{margin:0;max-width:15rem}
.cards img{display:block;max-width:100%;border-radius:.3rem}.cards figcaption{font-size:.8rem;overflow-wrap:anywhere}
.cards .keep img{outline:3px solid #009e73;outline-offset:2px}.cards b{font-weight:600}
";

const SCRIPT: &str = "\
document.querySelectorAll('.ba').forEach(b=>{const r=b.querySelector('input');r.addEventListener('input',()=>b.style.setProperty('--cut',r.value+'%'))});
document.querySelectorAll('.switch input').forEach(s=>s.addEventListener('change',()=>s.closest('section').querySelector('.mask').classList.toggle('off',!s.checked)));
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Failure;

    #[test]
    fn what_was_filled_lies_over_the_picture_and_can_be_switched_off() {
        let card = |filled: Option<&str>| {
            let preview = crate::report::Preview {
                thumbnail: String::new(),
                before: String::new(),
                after: String::new(),
                filled: filled.map(str::to_owned),
                width: 30,
                height: 20,
            };
            let item = ItemReport { preview: Some(preview), ..ItemReport::new(0, "a.png".into()) };
            page(&Report { items: vec![item], ..Report::default() }, "x")
        };
        let html = card(Some("cGljdHVyZQ=="));
        assert!(html.contains("<img class=\"mask\"") && html.contains("base64,cGljdHVyZQ=="));
        assert!(html.contains("<input type=\"checkbox\" checked>"));
        let plain = card(None);
        assert!(!plain.contains("<img class=\"mask\"") && !plain.contains("checkbox\" checked"));
    }

    #[test]
    fn names_of_files_cannot_break_out_of_the_page() {
        let failure = Failure {
            stage: "decode".into(),
            kind: "corrupt".into(),
            message: "<script>alert(1)</script>".into(),
        };
        let item = ItemReport::failed(0, "<b>\"'&.png".into(), failure);
        let html = page(&Report { items: vec![item], ..Report::default() }, "a < b");
        assert!(html.contains("&lt;b&gt;&quot;&#39;&amp;.png"));
        assert!(html.contains("<title>a &lt; b</title>"));
        assert!(!html.contains("<script>alert"));
    }
}
