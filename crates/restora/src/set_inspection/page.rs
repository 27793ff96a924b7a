//! The set on one HTML page that needs nothing beside itself.

use super::{Finding, FindingKind, SetPicture, SetReport};
use crate::duplicates::Pair;
use crate::html::{CARDS, STYLE, escape};
use crate::pairs::read_page;
use crate::plot::{Point, Scatter, Surroundings};
use crate::preview;
use restora_data::Limits;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Pictures or pairs shown of each kind; the rest are counted.
const SHOWN: usize = 24;
/// Pictures of fewer pixels a side are shown enlarged.
const TINY: u32 = 80;
/// Rows of the tables of sizes and modes.
const ROWS: usize = 10;
/// Neighbors shown beside a suspect.
const NEIGHBORS: usize = 4;
/// A class this much smaller than the largest is marked.
const RARE: f64 = 0.1;

const LAYOUT: &str = "\
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:1rem 0}.bar{height:.7rem;background:#0072b2;border-radius:.2rem;min-width:1px}
td.wide{width:45%}.pair{display:flex;gap:.4rem;align-items:flex-end}.rare{color:var(--bad)}.near img{max-height:4rem}
img.tiny{width:6rem;image-rendering:pixelated}.near img.tiny{width:3rem}
";

/// The page. `limits` hold for the pictures that are read again to be shown.
pub fn page(set: &SetReport, limits: &Limits) -> String {
    let page = Page { set, limits };
    let mut sections: Vec<(&str, String, usize, String)> = Vec::new();
    let mut add = |id: &'static str, title: &str, count: usize, html: String| {
        sections.push((id, title.to_owned(), count, html));
    };
    if !set.classes.is_empty() || !set.splits.is_empty() {
        add("classes", "Classes and splits", set.classes.len(), page.classes());
    }
    let leaks: Vec<&Pair> = set.leaks().collect();
    if !set.splits.is_empty() {
        let hint = "The same source in two splits: what is measured on one is not new to what was trained on the other.";
        add("leaks", "Leaks across splits", leaks.len(), page.pairs(&leaks, hint));
    }
    if let Some(labels) = &set.labels {
        add("labels", "Labels to check", labels.suspects.len(), page.labels());
        let pairs: Vec<&Pair> = set.contradictions().collect();
        let hint = "Copies of one source with different labels: at most one can be right.";
        add("contradictions", "Copies of different classes", pairs.len(), page.pairs(&pairs, hint));
    }
    let copies: Vec<&Pair> = set.copies.iter().collect();
    let hint = "Pictures of one source; <code>restora dedupe</code> lists them in clusters with a picture to keep.";
    add("copies", "Copies", copies.len(), page.pairs(&copies, hint));
    for kind in FindingKind::ALL {
        let found: Vec<&Finding> = set.of_kind(kind).collect();
        add(kind.title(), kind.title(), found.len(), page.findings(&found, hint_of(kind)));
    }
    add("sizes", "Sizes and formats", 0, page.sizes());
    if !set.failures.is_empty() {
        add("failures", "Not readable", set.failures.len(), page.failures());
    }
    let title = "Inspection of the set";
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{CARDS}{LAYOUT}</style></head><body>\n<h1>{title}</h1>\n"
    );
    html.push_str(&page.tiles());
    if set.cancelled {
        html.push_str("<p class=\"failed\">The inspection was stopped before the end.</p>\n");
    }
    html.push_str("<nav>");
    for (id, title, count, _) in &sections {
        let anchor = id.to_lowercase().replace(' ', "-");
        let count = if *count > 0 { format!(" ({count})") } else { String::new() };
        let _ = write!(html, "<a href=\"#{anchor}\">{title}{count}</a>");
    }
    html.push_str("</nav>\n");
    for (id, title, _, body) in &sections {
        let anchor = id.to_lowercase().replace(' ', "-");
        let _ = write!(html, "<h2 id=\"{anchor}\">{title}</h2>\n{body}");
    }
    html.push_str("</body></html>\n");
    html
}

const fn hint_of(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Outlier => {
            "Farther from the pictures most like them than those are from each other."
        }
        FindingKind::LowInformation => "Next to no contrast, or one tone nearly everywhere.",
        FindingKind::Dark => "Nothing is brighter than a shadow.",
        FindingKind::Bright => "Nothing is darker than a light gray.",
        FindingKind::Blurry => "Even the sharpest edges are soft, or the picture was enlarged.",
        FindingKind::Noisy => "<code>restora restore</code> removes noise where that helps.",
        FindingKind::OddSize => "Far from the median in pixels or in the ratio of the sides.",
    }
}

struct Page<'a> {
    set: &'a SetReport,
    limits: &'a Limits,
}

impl Page<'_> {
    fn tiles(&self) -> String {
        let set = self.set;
        let mut html = String::from("<div class=\"tiles\">");
        let mut tile = |value: String, label: &str| {
            let _ = write!(html, "<div><b>{value}</b><span>{label}</span></div>");
        };
        tile(set.pictures.len().to_string(), "pictures");
        if !set.classes.is_empty() {
            tile(set.classes.len().to_string(), "classes");
        }
        if let Some(imbalance) = set.imbalance() {
            tile(format!("{imbalance:.1} : 1"), "largest to smallest class");
        }
        if !set.splits.is_empty() {
            tile(set.splits.len().to_string(), "splits");
            tile(set.leaks().count().to_string(), "leaks across splits");
        }
        if let Some(labels) = &set.labels {
            tile(format!("{:.1} %", 100.0 * labels.share), "labels likely wrong");
        }
        tile(set.copies.len().to_string(), "pairs of copies");
        tile(set.failures.len().to_string(), "not readable");
        html.push_str("</div>\n");
        html
    }

    fn classes(&self) -> String {
        let set = self.set;
        let counts = set.counts();
        if set.classes.is_empty() {
            let in_split = |s: usize| set.pictures.iter().filter(|p| p.split == Some(s)).count();
            let told: Vec<String> = (0..set.splits.len())
                .map(|s| format!("{}: {}", escape(&set.splits[s]), in_split(s)))
                .collect();
            return format!("<p>The folders name splits, no classes. {}</p>\n", told.join(", "));
        }
        let sum = |row: &Vec<usize>| row.iter().sum::<usize>();
        let most = counts.iter().map(sum).max().unwrap_or(0).max(1);
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|c| (usize::MAX - sum(&counts[*c]), *c));
        let rare = order.iter().filter(|c| (sum(&counts[**c]) as f64) < RARE * most as f64).count();
        let mut html =
            String::from("<p class=\"hint\">Classes and splits are the names of the folders. ");
        if rare > 0 {
            let _ = write!(
                html,
                "{rare} of {} classes have less than a tenth of the largest; more pictures of these, or augmentation, may help.",
                counts.len()
            );
        }
        html.push_str("</p>\n<table><tr><th>class</th><th>pictures</th>");
        for split in &set.splits {
            let _ = write!(html, "<th>{}</th>", escape(split));
        }
        html.push_str("<th></th></tr>\n");
        for class in order {
            let total = sum(&counts[class]);
            let mark = if (total as f64) < RARE * most as f64 { " class=\"rare\"" } else { "" };
            let name = escape(&set.classes[class]);
            let _ = write!(html, "<tr{mark}><td>{name}</td><td class=\"n\">{total}</td>");
            if !set.splits.is_empty() {
                for count in &counts[class] {
                    let _ = write!(html, "<td class=\"n\">{count}</td>");
                }
            }
            let width = 100.0 * total as f64 / most as f64;
            let bar = format!("<div class=\"bar\" style=\"width:{width:.1}%\"></div>");
            let _ = writeln!(html, "<td class=\"wide\">{bar}</td></tr>");
        }
        html.push_str("</table>\n");
        html
    }

    fn pairs(&self, pairs: &[&Pair], hint: &str) -> String {
        if pairs.is_empty() {
            return "<p>None.</p>\n".into();
        }
        let mut html = format!("<p class=\"hint\">{hint}{}</p>\n", first_of(pairs.len()));
        html.push_str("<section><div class=\"cards\">\n");
        for pair in pairs.iter().take(SHOWN) {
            let (first, second) = (&self.set.pictures[pair.first], &self.set.pictures[pair.second]);
            let images = self.image(first) + &self.image(second);
            let _ = writeln!(
                html,
                "<figure><div class=\"pair\">{images}</div><figcaption><b>{}</b><br><b>{}</b><br>{}</figcaption></figure>",
                escape(&first.id),
                escape(&second.id),
                escape(&pair.words_from(pair.first))
            );
        }
        html.push_str("</div></section>\n");
        html
    }

    fn findings(&self, found: &[&Finding], hint: &str) -> String {
        if found.is_empty() {
            return "<p>None.</p>\n".into();
        }
        let mut html = format!("<p class=\"hint\">{hint}{}</p>\n", first_of(found.len()));
        html.push_str("<section><div class=\"cards\">\n");
        for finding in found.iter().take(SHOWN) {
            let picture = &self.set.pictures[finding.picture];
            let _ = writeln!(
                html,
                "<figure>{}<figcaption><b>{}</b><br>{}</figcaption></figure>",
                self.image(picture),
                escape(&picture.id),
                escape(&finding.words)
            );
        }
        html.push_str("</div></section>\n");
        html
    }

    fn labels(&self) -> String {
        let Some(labels) = &self.set.labels else { return String::new() };
        let agreement = 100.0 * labels.agreement;
        let features = escape(&self.set.features);
        let trust = if labels.agreement < 0.6 {
            " That is little: these features do not know the classes well, and most suspects will be right as they \
             are. Name features that do with --features."
        } else {
            ""
        };
        let mut html = format!(
            "<p class=\"hint\">The neighbors by {features} say the picture's own class for {agreement:.0} % of the \
             pictures.{trust}{}</p>\n",
            first_of(labels.suspects.len())
        );
        if labels.suspects.is_empty() {
            html.push_str("<p>None.</p>\n");
            return html;
        }
        html.push_str("<section><div class=\"cards\">\n");
        let class = |i: usize| self.set.classes.get(i).map_or_else(String::new, |c| escape(c));
        for suspect in labels.suspects.iter().take(SHOWN) {
            let picture = &self.set.pictures[suspect.picture];
            let near: String = picture
                .nearest
                .iter()
                .take(NEIGHBORS)
                .map(|&i| self.image(&self.set.pictures[i]))
                .collect();
            let _ = writeln!(
                html,
                "<figure>{}<figcaption><b>{}</b><br>labeled <b>{}</b> ({:.0} %), neighbors say <b>{}</b> ({:.0} %)\
                 <div class=\"pair near\">{near}</div></figcaption></figure>",
                self.image(picture),
                escape(&picture.id),
                class(picture.class.unwrap_or(usize::MAX)),
                100.0 * suspect.given_share,
                class(suspect.suggested),
                100.0 * suspect.suggested_share,
            );
        }
        html.push_str("</div></section>\n");
        html
    }

    fn sizes(&self) -> String {
        let mut html = String::from("<section>\n");
        let pictures = &self.set.pictures;
        let sizes = counted(pictures.iter().map(|p| format!("{} x {}", p.width, p.height)));
        let modes = counted(pictures.iter().map(|p| p.mode.clone()));
        for (head, rows) in [("size", sizes), ("format", modes)] {
            let _ = writeln!(html, "<div><table><tr><th>{head}</th><th>pictures</th></tr>");
            for (name, count) in rows.iter().take(ROWS) {
                let _ = writeln!(
                    html,
                    "<tr><td>{}</td><td class=\"n\">{count}</td></tr>",
                    escape(name)
                );
            }
            html.push_str("</table>");
            if rows.len() > ROWS {
                let rest: usize = rows[ROWS..].iter().map(|row| row.1).sum();
                let _ = write!(
                    html,
                    "<p class=\"hint\">{rest} more in {} others</p>",
                    rows.len() - ROWS
                );
            }
            html.push_str("</div>\n");
        }
        let differ =
            pictures.iter().any(|p| (p.width, p.height) != (pictures[0].width, pictures[0].height));
        if differ {
            let point =
                |p: &SetPicture| Point { x: p.width.into(), y: p.height.into(), class: None };
            let chart = Scatter {
                title: "Sizes".into(),
                x_label: "width".into(),
                y_label: "height".into(),
                points: pictures.iter().map(point).collect(),
                size: (480.0, 400.0),
                ..Scatter::default()
            };
            if let Ok(svg) = chart.scene().to_svg(Surroundings::Page) {
                let _ = writeln!(html, "<div>{svg}</div>");
            }
        }
        html.push_str("</section>\n");
        html
    }

    fn failures(&self) -> String {
        let mut html = String::from("<table><tr><th>file</th><th>what</th></tr>\n");
        for (id, failure) in &self.set.failures {
            let (id, what) = (escape(id), escape(&failure.message));
            let _ = writeln!(html, "<tr class=\"failed\"><td>{id}</td><td>{what}</td></tr>");
        }
        html.push_str("</table>\n");
        html
    }

    fn image(&self, picture: &SetPicture) -> String {
        let small = picture
            .path
            .as_ref()
            .and_then(|path| preview::small(&read_page(path, self.limits).ok()?).ok());
        let tiny = if picture.width.max(picture.height) < TINY { " class=\"tiny\"" } else { "" };
        small.map_or_else(String::new, |small| {
            format!("<img alt=\"\"{tiny} src=\"data:image/jpeg;base64,{small}\">")
        })
    }
}

fn first_of(count: usize) -> String {
    if count > SHOWN { format!(" The first {SHOWN} of {count}.") } else { String::new() }
}

/// Names with how often they come, the most frequent first.
fn counted(names: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| usize::MAX - count);
    counts
}
