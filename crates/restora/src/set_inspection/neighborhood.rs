//! Which pictures are near each other by a feature, and what that says of them.

use super::{Finding, FindingKind, Labels, Mislabeled, OUTLIER, SetOptions, SetReport};
use crate::error::Error;
use crate::extractor::Extractor;
use crate::pairs::read_page;
use crate::report::Failure;
use rayon::prelude::*;
use restora_image::{Cancel, Context};
use restora_metrics::search::{KnnGraph, KnnGraphOptions, knn_graph};
use restora_metrics::sets::{label_errors, local_outlier_factor, neighbor_votes};
use restora_nn::pca::{Matrix, Pca, PcaOptions};

/// Bytes of a code.
const CODE: usize = 64;
/// Largest value of a coefficient, as a share of the range of a byte.
const SPAN: f32 = 120.0;
/// The share of coefficients that is within it.
const WITHIN: f64 = 0.9995;

/// The neighbors of the pictures that could be read.
pub(super) struct Neighborhood {
    /// The numbers of those pictures.
    pictures: Vec<usize>,
    graph: KnnGraph,
    failures: Vec<(String, Failure)>,
}

impl Neighborhood {
    pub fn of(
        set: &SetReport,
        options: &SetOptions,
        cancel: &Cancel,
        seen: &(dyn Fn() + Sync),
    ) -> Result<Self, Error> {
        let threads = options.duplicates.threads.unwrap_or_else(rayon::current_num_threads);
        let pool = crate::train::pool(threads)?;
        let alone = Context { cancel: Some(cancel), ..Context::default() };
        let limits = &options.duplicates.limits;
        let widths: Vec<usize> = options.features.iter().map(Extractor::dimensions).collect();
        let dims = widths.iter().sum();
        let vectors: Vec<Result<Vec<f32>, Error>> = pool.install(|| {
            let one = |picture: &super::SetPicture| {
                alone.check()?;
                let path = picture.path.as_ref();
                let path = path.ok_or_else(|| Error::Usage("a stream is no set".into()))?;
                let image = read_page(path, limits)?.to_image();
                let mut vector = Vec::with_capacity(dims);
                for feature in &options.features {
                    vector.extend(feature.extract(&image, &alone)?);
                }
                seen();
                Ok(vector)
            };
            set.pictures.par_iter().with_max_len(1).map(one).collect()
        });
        alone.check()?;
        let (mut pictures, mut failures) = (Vec::new(), Vec::new());
        let mut rows = Vec::with_capacity(vectors.len() * dims);
        for (i, vector) in vectors.into_iter().enumerate() {
            match vector {
                Ok(vector) => {
                    rows.extend(vector);
                    pictures.push(i);
                }
                Err(error) => {
                    let id = set.pictures[i].id.clone();
                    failures.push((id, Failure::new("features", &error)));
                }
            }
        }
        let cx = Context { cancel: Some(cancel), ..Context::with_threads(threads) };
        balance(&mut rows, &widths);
        let (codes, width) = codes(&rows, dims, &cx)?;
        let graph = knn_graph(&codes, width, &KnnGraphOptions::default(), &cx)?;
        Ok(Self { pictures, graph, failures })
    }

    /// Writes neighbors, outliers and suspects into the report.
    pub fn tell(self, set: &mut SetReport) -> Result<(), Error> {
        let factors = local_outlier_factor(&self.graph);
        let typical =
            super::findings::median(&factors.iter().map(|f| f64::from(*f)).collect::<Vec<_>>());
        let limit = OUTLIER * typical as f32;
        for (row, &picture) in self.pictures.iter().enumerate() {
            let entry = &mut set.pictures[picture];
            entry.nearest = self.graph.neighbors(row).map(|(j, _)| self.pictures[j]).collect();
            entry.outlier_factor = Some(factors[row]);
        }
        let mut outliers: Vec<Finding> = (0..factors.len())
            .filter(|row| factors[*row] > limit)
            .map(|row| Finding {
                kind: FindingKind::Outlier,
                picture: self.pictures[row],
                severity: factors[row],
                words: format!("local outlier factor {:.2}", factors[row]),
            })
            .collect();
        outliers.sort_by(|a, b| b.severity.total_cmp(&a.severity));
        outliers.append(&mut set.findings);
        set.findings = outliers;
        let class = |row: usize| set.pictures[self.pictures[row]].class.map(|c| c as u32);
        let labels: Option<Vec<u32>> = (0..self.pictures.len()).map(class).collect();
        if let Some(labels) = labels.filter(|_| set.classes.len() > 1) {
            let votes = |i: usize, row: &mut [f32]| neighbor_votes(&self.graph, &labels, i, row);
            let found = label_errors(&labels, set.classes.len(), &votes)?;
            let suspect = |s: &restora_metrics::sets::LabelSuspect| Mislabeled {
                picture: self.pictures[s.item],
                suggested: s.suggested as usize,
                given_share: s.given_probability,
                suggested_share: s.suggested_probability,
            };
            set.labels = Some(Labels {
                suspects: found.suspects.iter().map(suspect).collect(),
                share: found.share,
                agreement: found.agreement,
            });
        }
        set.failures.extend(self.failures);
        Ok(())
    }
}

/// Scales the columns of each feature together so that all features vary as much as one another.
fn balance(rows: &mut [f32], widths: &[usize]) {
    let dims: usize = widths.iter().sum();
    let count = (rows.len() / dims.max(1)).max(1) as f64;
    let mut start = 0;
    for width in widths {
        let columns = start..start + width;
        let mut variance = 0.0;
        for column in columns.clone() {
            let values = || rows.iter().skip(column).step_by(dims).map(|v| f64::from(*v));
            let mean = values().sum::<f64>() / count;
            variance += values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        }
        if variance > 0.0 {
            let scale = variance.sqrt().recip() as f32;
            for row in rows.chunks_exact_mut(dims) {
                row[columns.clone()].iter_mut().for_each(|v| *v *= scale);
            }
        }
        start += width;
    }
}

/// Rows as bytes: their principal components and how far they are from the space these span, all on one scale, so that distances
/// stay what they are, and what the set does not vary in counts where a row does.
fn codes(rows: &[f32], dims: usize, cx: &Context) -> Result<(Vec<u8>, usize), Error> {
    if rows.is_empty() {
        return Ok((Vec::new(), 1));
    }
    let pca = Pca::fit(
        &Matrix::new(rows, dims)?,
        (CODE - 1).min(dims).min(rows.len() / dims),
        &PcaOptions::default(),
        cx,
    )?;
    let inside = pca.encode(rows, cx)?;
    let kept = pca.code_size();
    let mut reduced = Vec::with_capacity(rows.len() / dims * (kept + 1));
    for (row, code) in rows.chunks_exact(dims).zip(inside.chunks_exact(kept)) {
        let whole: f32 = row.iter().zip(pca.mean()).map(|(v, m)| (v - m).powi(2)).sum();
        let inside: f32 = code.iter().map(|v| v * v).sum();
        reduced.extend_from_slice(code);
        reduced.push((whole - inside).max(0.0).sqrt());
    }
    let mut sizes: Vec<f32> = reduced.iter().map(|v| v.abs()).collect();
    let at = ((sizes.len() - 1) as f64 * WITHIN) as usize;
    let (_, largest, _) = sizes.select_nth_unstable_by(at, f32::total_cmp);
    let scale = SPAN / largest.max(f32::MIN_POSITIVE);
    let code = |v: &f32| (128.0 + scale * v).round().clamp(0.0, 255.0) as u8;
    Ok((reduced.iter().map(code).collect(), kept + 1))
}
