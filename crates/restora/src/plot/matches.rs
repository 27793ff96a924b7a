//! Two pictures side by side, with lines between what matches.

use super::Picture;
use super::line_chart::{LABEL, TITLE};
use super::scene::{Anchor, Ink, Mark, Scene, fitting};
use crate::matching::MatchReport;
use restora_image::Size;

/// Gap between the pictures, and around them.
const GAP: f64 = 12.0;
/// Width of a picture.
const WIDTH: f64 = 540.0;
/// More lines than this hide the pictures: every n-th is drawn.
const LINES: usize = 150;

/// A drawing of matches.
#[derive(Clone, Debug)]
pub struct MatchPlot {
    pictures: [(String, Size, Picture); 2],
    title: String,
    inliers: Vec<[[f64; 2]; 2]>,
    others: Vec<[[f64; 2]; 2]>,
}

impl MatchPlot {
    /// Largest side that a picture needs.
    pub const SIDE: u32 = 1200;

    /// Of two pictures (name, size in pixels, the picture, which may be smaller) and their matches.
    pub fn new(
        first: (String, Size, Picture),
        second: (String, Size, Picture),
        report: &MatchReport,
    ) -> Self {
        let [inliers, others] = [true, false].map(|inlier| -> Vec<[[f64; 2]; 2]> {
            let points = report.points.iter().filter(|p| p.inlier == inlier);
            points.map(|p| [p.first, p.second]).collect()
        });
        let title = format!("{} of {} matches agree", report.inliers, report.matches);
        Self { pictures: [first, second], title, inliers, others }
    }

    /// The drawing laid out: matches that agree in one color, the others thin in another.
    pub fn scene(&self) -> Scene {
        let heights =
            self.pictures.each_ref().map(|(_, s, _)| WIDTH * s.h() as f64 / s.w().max(1) as f64);
        let top = 2.0 * GAP + TITLE + LABEL + 6.0;
        let height = top + heights[0].max(heights[1]) + GAP;
        let mut scene = Scene::new(3.0 * GAP + 2.0 * WIDTH, height, &self.title);
        scene.text((GAP, GAP + TITLE), TITLE, Anchor::Start, Ink::Text, &self.title);
        let lefts = [GAP, 2.0 * GAP + WIDTH];
        for ((name, _, picture), (left, height)) in
            self.pictures.iter().zip(lefts.into_iter().zip(heights))
        {
            let name = fitting(name, LABEL, WIDTH);
            scene.text((left, top - 6.0), LABEL, Anchor::Start, Ink::Soft, &name);
            scene.marks.push(Mark::Picture {
                x: left,
                y: top,
                width: WIDTH,
                height,
                picture: picture.clone(),
            });
        }
        let place = |i: usize, [x, y]: [f64; 2]| {
            let scale = WIDTH / self.pictures[i].1.w().max(1) as f64;
            (lefts[i] + (x + 0.5) * scale, top + (y + 0.5) * scale)
        };
        for (matches, width, ink, opacity) in
            [(&self.others, 0.6, Ink::Series(1), 0.45), (&self.inliers, 1.0, Ink::Series(2), 0.8)]
        {
            for [a, b] in matches.iter().step_by(matches.len().div_ceil(LINES).max(1)) {
                scene.line(vec![place(0, *a), place(1, *b)], width, ink, opacity);
            }
        }
        scene
    }
}
