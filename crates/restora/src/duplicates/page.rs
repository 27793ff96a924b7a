//! The clusters side by side, as one HTML page that needs nothing beside itself.

use super::{Duplicates, Likeness, Pair, Picture};
use crate::html::{CARDS, STYLE, escape};
use crate::pairs::read_page;
use crate::preview;
use restora_data::Limits;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;

/// More clusters than this are listed without pictures.
const PICTURED: usize = 200;
/// More copies than this are listed without pictures.
const COPIES: usize = 24;

/// The page: of each cluster the keeper first, then the copies with how they were made from it.
pub fn page(found: &Duplicates, limits: &Limits) -> String {
    let title = "Duplicates";
    let copies: usize = found.clusters.iter().map(|c| c.copies.len()).sum();
    let spare: u64 =
        found.clusters.iter().flat_map(|c| &c.copies).map(|&i| found.pictures[i].bytes).sum();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{CARDS}</style></head><body>\n<h1>{title}</h1>\n\
         <div class=\"tiles\"><div><b>{}</b><span>pictures</span></div>\
         <div><b>{}</b><span>clusters</span></div><div><b>{copies}</b><span>copies</span></div>\
         <div><b>{}</b><span>in copies</span></div>\
         <div><b>{}</b><span>not readable</span></div></div>\n",
        found.pictures.len(),
        found.clusters.len(),
        size(spare),
        found.failures.len(),
    );
    if found.clusters.is_empty() {
        html.push_str("<p>No two pictures are of one source.</p>\n");
    } else {
        html.push_str(
            "<p class=\"hint\">Outlined: the picture of most pixels, then most bytes, of each cluster. \
             The others say how they differ from it.</p>\n",
        );
    }
    let links = links(found);
    for (n, cluster) in found.clusters.iter().enumerate() {
        let words = from_keeper(cluster.keeper, &links);
        html.push_str("<section><div class=\"cards\">\n");
        let members = std::iter::once(&cluster.keeper).chain(&cluster.copies);
        for (m, &i) in members.enumerate() {
            let picture = &found.pictures[i];
            let class = if i == cluster.keeper { " class=\"keep\"" } else { "" };
            let _ = write!(html, "<figure{class}>");
            if n < PICTURED
                && m <= COPIES
                && let Some(small) = small(picture, limits)
            {
                let _ = write!(html, "<img alt=\"\" src=\"data:image/jpeg;base64,{small}\">");
            }
            let _ = write!(
                html,
                "<figcaption><b>{}</b><br>{} x {}, {}",
                escape(&picture.id),
                picture.width,
                picture.height,
                size(picture.bytes)
            );
            if let Some(words) = words.get(&i).filter(|_| i != cluster.keeper) {
                let _ = write!(html, "<br>{}", escape(words));
            }
            html.push_str("</figcaption></figure>\n");
        }
        html.push_str("</div></section>\n");
    }
    if !found.failures.is_empty() {
        html.push_str("<h2>Not readable</h2>\n<table><tr><th>file</th><th>what</th></tr>\n");
        for (id, failure) in &found.failures {
            let (id, what) = (escape(id), escape(&failure.message));
            let _ = writeln!(html, "<tr class=\"failed\"><td>{id}</td><td>{what}</td></tr>");
        }
        html.push_str("</table>\n");
    }
    html.push_str("</body></html>\n");
    html
}

fn small(picture: &Picture, limits: &Limits) -> Option<String> {
    preview::small(&read_page(picture.path.as_ref()?, limits).ok()?).ok()
}

/// Bytes in words.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The pairs of each picture.
fn links(found: &Duplicates) -> HashMap<usize, Vec<&Pair>> {
    let mut links: HashMap<usize, Vec<&Pair>> = HashMap::new();
    for pair in &found.pairs {
        links.entry(pair.first).or_default().push(pair);
        links.entry(pair.second).or_default().push(pair);
    }
    links
}

/// How each picture of a cluster differs from its keeper, over the fewest pairs.
fn from_keeper(keeper: usize, links: &HashMap<usize, Vec<&Pair>>) -> HashMap<usize, String> {
    let mut words: HashMap<usize, String> = HashMap::from([(keeper, String::new())]);
    let mut next = VecDeque::from([(keeper, 0)]);
    while let Some((i, steps)) = next.pop_front() {
        for pair in links.get(&i).into_iter().flatten() {
            let other = if pair.first == i { pair.second } else { pair.first };
            if words.contains_key(&other) {
                continue;
            }
            let text =
                if steps == 0 { pair.words_from(i) } else { "by way of another copy".into() };
            words.insert(other, text);
            next.push_back((other, steps + 1));
        }
    }
    words
}

impl Pair {
    /// How picture `from` of the pair becomes the other, in words.
    pub fn words_from(&self, from: usize) -> String {
        let Some(map) = &self.map else {
            return match self.likeness {
                Likeness::SameFile => "the same file".into(),
                _ => "the same pixels".into(),
            };
        };
        let forward = from == self.first;
        let mut parts = Vec::new();
        if map.mirrored {
            parts.push("mirrored".to_owned());
        }
        // The inverse of a turn after mirroring is the same turn.
        let turn = if forward || map.mirrored { map.rotation } else { -map.rotation };
        if turn.abs() >= 0.5 {
            parts.push(format!("turned {turn:.0}\u{b0}"));
        }
        let scale = if forward { map.scale } else { 1.0 / map.scale };
        if (scale - 1.0).abs() >= 0.02 {
            parts.push(format!("scaled {scale:.2}"));
        }
        // What the other shows of the one, and the other way round.
        let (mut of_one, mut of_other) = (map.overlap, map.overlap_of_second);
        if !forward {
            std::mem::swap(&mut of_one, &mut of_other);
        }
        if of_one < 0.97 {
            parts.push(format!("shows {:.0} % of it", 100.0 * of_one));
        }
        if of_other < 0.97 {
            parts.push(format!("{:.0} % of this one is beyond it", 100.0 * (1.0 - of_other)));
        }
        if map.correlation < 0.98 {
            parts.push(format!("correlation {:.2}", map.correlation));
        }
        if parts.is_empty() { "a copy".into() } else { parts.join(", ") }
    }
}
