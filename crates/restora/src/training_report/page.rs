//! The page.

use super::{PcaComparison, TrainingReport};
use crate::Error;
use crate::html::{STYLE, escape};
use crate::plot::{SERIES_VARIABLES, Scene, Surroundings};
use std::fmt::Write;

/// The report as one HTML page; parts without data are left out.
///
/// # Errors
/// If a picture cannot be encoded.
pub fn page(report: &TrainingReport) -> Result<String, Error> {
    let title = if report.title.is_empty() { "Training report" } else { &report.title };
    let mut html = String::with_capacity(256 * 1024);
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{SERIES_VARIABLES}{MORE_STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n",
        title = escape(title)
    );
    tiles(&mut html, report);
    for note in &report.notes {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(note));
    }
    let curves: Vec<Scene> = report.history_charts().iter().map(super::LineChart::scene).collect();
    charts(&mut html, "How it went", &curves)?;
    if let Some(pca) = &report.pca {
        beside_pca(&mut html, pca);
    }
    for grid in &report.grids {
        // The heading stands in for the picture's own title.
        let mut untitled = grid.clone();
        let heading = std::mem::take(&mut untitled.title);
        let heading = if heading.is_empty() { "Pictures".to_owned() } else { heading };
        charts(&mut html, &heading, &[untitled.scene()])?;
    }
    if let Some(latent) = &report.latent {
        charts(&mut html, "Latent space", &[latent.scene()])?;
    }
    let more: Vec<Scene> = report.charts.iter().map(super::LineChart::scene).collect();
    charts(&mut html, "More charts", &more)?;
    let model: Vec<(String, String)> = [("model".to_owned(), report.model.clone())]
        .into_iter()
        .filter(|m| !m.1.is_empty())
        .chain(report.architecture.iter().cloned())
        .collect();
    html.push_str("<div class=\"columns\">\n");
    facts(&mut html, "Net", &model);
    facts(&mut html, "Data", &report.data);
    facts(&mut html, "Options", &report.options);
    let timings: Vec<_> =
        report.timings.iter().map(|(what, s)| (what.clone(), duration(*s))).collect();
    facts(&mut html, "Time", &timings);
    html.push_str("</div>\n");
    history(&mut html, report);
    if !report.command.is_empty() {
        let command = escape(&report.command);
        let _ = writeln!(html, "<h2>Run it again</h2>\n<pre>{command}</pre>");
    }
    html.push_str("</body></html>\n");
    Ok(html)
}

fn tiles(html: &mut String, report: &TrainingReport) {
    let rows = &report.history;
    let finite = |v: Option<f64>| v.filter(|v| v.is_finite());
    let mut all: Vec<(String, &str)> = Vec::new();
    if !report.model.is_empty() {
        all.push((report.model.clone(), "model"));
    }
    if let Some(last) = rows.last() {
        all.push((last.step.to_string(), "steps"));
        all.push((short(last.epoch), "epochs"));
    }
    let losses = rows.iter().filter_map(|r| finite(r.validation_loss));
    if let Some(best) = losses.min_by(f64::total_cmp) {
        all.push((short(best), "best validation loss"));
    }
    let psnr = rows.iter().filter_map(|r| finite(r.validation_psnr));
    if let Some(best) = psnr.max_by(f64::total_cmp) {
        all.push((format!("{best:.2} dB"), "best validation PSNR"));
    }
    let seconds: f64 = report.timings.iter().map(|t| t.1).sum();
    if seconds.is_finite() && seconds > 0.0 {
        all.push((duration(seconds), "time"));
    }
    if all.is_empty() {
        return;
    }
    html.push_str("<div class=\"tiles\">");
    for (value, label) in all {
        let _ = write!(html, "<div><b>{}</b><span>{label}</span></div>", escape(&value));
    }
    html.push_str("</div>\n");
}

fn charts(html: &mut String, heading: &str, scenes: &[Scene]) -> Result<(), Error> {
    if scenes.is_empty() {
        return Ok(());
    }
    let _ = writeln!(html, "<h2>{}</h2>\n<div class=\"charts\">", escape(heading));
    for scene in scenes {
        html.push_str(&scene.to_svg(Surroundings::Page)?);
    }
    html.push_str("</div>\n");
    Ok(())
}

fn beside_pca(html: &mut String, pca: &PcaComparison) {
    let decibel = |mse: f64| crate::html::decibel(-10.0 * mse.log10());
    let _ = write!(
        html,
        "<h2>Beside PCA, with a code of {} numbers</h2>\n<table class=\"small\"><tr><th></th>\
         <th>test MSE</th><th>PSNR of that, dB</th></tr>\n",
        pca.code_size
    );
    for (name, mse) in [("this net", pca.model_mse), ("PCA", pca.pca_mse)] {
        let _ = writeln!(
            html,
            "<tr><td>{name}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            number(mse),
            decibel(mse)
        );
    }
    html.push_str("</table>\n<p class=\"hint\">Mean squared error per value, values from 0 to 1");
    if pca.images > 0 {
        let _ = write!(html, ", over the same {} test images", pca.images);
    }
    let ratio = pca.model_mse / pca.pca_mse;
    if ratio.is_finite() {
        let _ = write!(html, "; the net leaves {:.1} % of PCA's error", ratio * 100.0);
    }
    if let Some(part) = pca.explained_variance.filter(|p| p.is_finite()) {
        let _ = write!(html, ". PCA's code explains {:.1} % of the variance", part * 100.0);
    }
    html.push_str(".</p>\n");
}

fn facts(html: &mut String, heading: &str, rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(html, "<div><h2>{heading}</h2>\n<dl>");
    for (name, value) in rows {
        let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    html.push_str("</dl></div>\n");
}

/// Every row of the history, folded away; of more than 200, as many, evenly spread, and the last.
fn history(html: &mut String, report: &TrainingReport) {
    let rows = &report.history;
    if rows.is_empty() {
        return;
    }
    let every = rows.len().div_ceil(200);
    html.push_str(
        "<details><summary>History as a table</summary>\n<table><tr><th>step</th><th>epoch</th>\
         <th>training loss</th><th>validation loss</th><th>PSNR, dB</th><th>learning rate</th>\
         <th>images/s</th></tr>\n",
    );
    for (_, row) in rows.iter().enumerate().filter(|(i, _)| i % every == 0 || i + 1 == rows.len()) {
        let _ = write!(
            html,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            row.step,
            short(row.epoch)
        );
        let psnr = row.validation_psnr.map(|v| format!("{v:.2}"));
        let speed = row.images_per_second.map(|v| format!("{v:.1}"));
        let cells = [
            row.train_loss.map(number),
            row.validation_loss.map(number),
            psnr,
            row.learning_rate.map(short),
            speed,
        ];
        for cell in cells {
            let _ = write!(html, "<td class=\"n\">{}</td>", cell.unwrap_or_default());
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></details>\n");
}

/// Four significant digits.
fn number(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return v.to_string();
    }
    let power = v.abs().log10().floor();
    if (-5.0..6.0).contains(&power) {
        format!("{v:.*}", (3.0 - power).max(0.0) as usize)
    } else {
        format!("{v:.3e}")
    }
}

/// As [`number`], without zeros at the end.
fn short(v: f64) -> String {
    let text = number(v);
    let Some((digits, power)) = text.split_once('e') else {
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').into();
        }
        return text;
    };
    format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
}

fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours} h {minutes:02} min")
    } else {
        format!("{minutes} min {seconds:02} s")
    }
}

const MORE_STYLE: &str = "\
.charts{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1rem}.charts svg{max-width:100%;height:auto;background:var(--soft);border-radius:.5rem}
.columns{display:flex;flex-wrap:wrap;gap:0 3rem}.columns>div{flex:1 1 16rem;min-width:0}
table.small{width:auto}table.small td,table.small th{padding-right:1.6rem}
pre{background:var(--soft);border-radius:.5rem;padding:.8rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
.note{border-left:3px solid var(--s1);padding-left:.7rem}details{margin-top:2rem}summary{cursor:pointer;font-weight:600}
";

#[cfg(test)]
mod tests;
