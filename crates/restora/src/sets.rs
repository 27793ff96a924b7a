//! How far two sets of pictures are apart, and what the second may have copied from the first.
//!
//! ```text
//!  real ----.                 .-- moments of all rows --------- Frechet distance, jackknifed
//!  generated +-- rows of  ---+--- a sample, drawn as rows pass - kernel distance, precision, recall, density,
//!  held out -'   features     |                                  coverage, closest pairs
//!                             '-- rows against rows held back -- memorization
//! ```
//!
//! Features come from a table, or from pictures by a named extractor; every number of the report carries its name.
//! Rows pass once: the memory does not grow with their number.

mod report;
mod source;

pub use report::{Birthday, Copying, Frechet, NamedPair, NamedSuspect, SetReport, Side};
pub use source::{Names, Source};

use crate::Error;
use crate::report::Failure;
use restora_data::TableReader;
use restora_image::Context;
use restora_metrics::sets::{
    BirthdayParadox, ClosePair, InceptionScore, KernelDistance, KernelInceptionDistance, Mean,
    Memorization, MemorizationTest, PartedMoments, PrecisionRecall, Reservoir, Suspect,
    birthday_paradox, frechet_distance, frechet_jackknife, kernel_inception_distance, nearest_pair,
    precision_recall,
};
use serde::{Deserialize, Serialize};

/// Parts of the jackknife of the Frechet distance.
const PARTS: usize = 8;
/// Columns up to which the Frechet distance is computed once for each part too.
const JACKKNIFE_COLUMNS: usize = 1024;
/// Bytes that the rows of one set may take for the kernel distance.
const KERNEL_BYTES: usize = 256 << 20;
/// Probabilities that are read at a time.
const PIECE: usize = 4096;

/// What can be measured of sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetMeasure {
    /// Distance of the Gaussians of the features.
    FrechetDistance,
    /// Maximum mean discrepancy.
    KernelDistance,
    /// Precision, recall, density, coverage.
    PrecisionRecall,
    /// Duplicates among the generated items.
    BirthdayParadox,
    /// Generated against training against held-out items.
    Memorization,
    /// Of the probabilities of a classifier.
    InceptionScore,
}

impl SetMeasure {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FrechetDistance,
        Self::KernelDistance,
        Self::PrecisionRecall,
        Self::BirthdayParadox,
        Self::Memorization,
        Self::InceptionScore,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FrechetDistance => "frechet-distance",
            Self::KernelDistance => "kernel-distance",
            Self::PrecisionRecall => "precision-recall",
            Self::BirthdayParadox => "birthday-paradox",
            Self::Memorization => "memorization",
            Self::InceptionScore => "inception-score",
        }
    }
}

/// How sets are measured.
#[derive(Clone, Debug, PartialEq)]
pub struct SetOptions {
    /// What; empty for all that what is given allows.
    pub measures: Vec<SetMeasure>,
    /// Items of each set that are compared pair by pair, drawn at random.
    pub sample: usize,
    /// Two generated items nearer than this are the same; `None`: nearer than any two of as many real ones.
    pub duplicate_distance: Option<f64>,
    /// Of the kernel distance.
    pub kernel: KernelInceptionDistance,
    /// Of precision, recall, density and coverage.
    pub overlap: PrecisionRecall,
    /// Of the memorization test.
    pub memorization: Memorization,
}

impl Default for SetOptions {
    fn default() -> Self {
        Self {
            measures: Vec::new(),
            sample: 10_000,
            duplicate_distance: None,
            kernel: KernelInceptionDistance::default(),
            overlap: PrecisionRecall::default(),
            memorization: Memorization::default(),
        }
    }
}

/// The sets.
#[derive(Debug)]
pub struct Sets {
    /// What the other is compared with; the training set for memorization.
    pub real: Source,
    /// What is measured.
    pub generated: Source,
    /// Of the same world as the real set, not seen in training.
    pub held_out: Option<Source>,
    /// Class probabilities of the generated items, a row each.
    pub probabilities: Option<TableReader>,
}

/// Measures two sets. `seen` is called after each item.
///
/// # Errors
/// [`Error::Usage`] for a measure that needs what is not there; [`Error::Input`] if the sets have features of different
/// lengths; [`Error::Metric`] for sets too small or an option out of range; [`Error::Data`] for a table that is damaged.
pub fn measure_sets(
    sets: Sets,
    options: &SetOptions,
    cx: &Context,
    seen: &(dyn Fn() + Sync),
) -> Result<SetReport, Error> {
    let measures = wanted(&sets, options)?;
    crate::train::pool(cx.threads)?.install(|| Run { options, cx, seen, measures }.run(sets))
}

/// The measures that are asked for, or that what is given allows.
fn wanted(sets: &Sets, options: &SetOptions) -> Result<Vec<SetMeasure>, Error> {
    let lacks = |measure: SetMeasure| match measure {
        SetMeasure::Memorization if sets.held_out.is_none() => Some("held-out items"),
        SetMeasure::InceptionScore if sets.probabilities.is_none() => Some("class probabilities"),
        _ => None,
    };
    let dims = sets.real.columns();
    for (name, source) in
        [("generated", Some(&sets.generated)), ("held-out", sets.held_out.as_ref())]
    {
        if let Some(got) = source.map(Source::columns).filter(|got| *got != dims) {
            return Err(Error::Input(format!(
                "the real items have {dims} features each, the {name} ones {got}: use one extractor for all"
            )));
        }
    }
    if options.measures.is_empty() {
        return Ok(SetMeasure::ALL.into_iter().filter(|m| lacks(*m).is_none()).collect());
    }
    for measure in &options.measures {
        if let Some(what) = lacks(*measure) {
            return Err(Error::Usage(format!("{} needs {what}", measure.name())));
        }
    }
    Ok(options.measures.clone())
}

struct Run<'a> {
    options: &'a SetOptions,
    cx: &'a Context<'a>,
    seen: &'a (dyn Fn() + Sync),
    measures: Vec<SetMeasure>,
}

/// What is kept of a set.
struct Gathered {
    side: Side,
    names: Names,
    moments: Option<PartedMoments>,
    sample: Reservoir,
}

impl Run<'_> {
    fn wants(&self, measure: SetMeasure) -> bool {
        self.measures.contains(&measure)
    }

    fn run(&self, sets: Sets) -> Result<SetReport, Error> {
        let Sets { real, generated, held_out, probabilities } = sets;
        let (features, dims) = (real.features().to_owned(), real.columns());
        let mut failures = Vec::new();
        // Sets may be pairs of pictures in one order: each is sampled by itself.
        let seed = |set: &str| self.cx.rng(set, 0).next_u64();
        let mut gather = |source: Source, set: &str, test: Option<&mut MemorizationTest>| {
            self.gather(source, seed(set), test, &mut failures)
        };
        let held_out = held_out.map(|source| gather(source, "held-out", None)).transpose()?;
        let generated = gather(generated, "generated", None)?;
        let few = generated.sample.sample(self.options.sample, seed("generated"));
        let mut test = match &held_out {
            Some(held) if self.wants(SetMeasure::Memorization) => {
                let held = held.sample.sample(self.options.sample, seed("held-out"));
                let options = &self.options.memorization;
                Some(MemorizationTest::new(held.rows(), few.rows(), dims, options, self.cx)?)
            }
            _ => None,
        };
        let real = gather(real, "real", test.as_mut())?;
        let mut report = SetReport {
            features,
            dimensions: dims,
            real: real.side,
            generated: generated.side,
            held_out: held_out.map(|held| held.side),
            sample: self.options.sample,
            seed: self.cx.seed,
            frechet_distance: self.frechet(&real, &generated)?,
            kernel_distance: self.kernel(&real, &generated, dims)?,
            precision_recall: None,
            birthday_paradox: None,
            memorization: None,
            inception_score: probabilities.map(|table| self.score(table)).transpose()?,
            warnings: Vec::new(),
            failures,
        };
        let real_few = real.sample.sample(self.options.sample, seed("real"));
        if self.wants(SetMeasure::PrecisionRecall) {
            let overlap = &self.options.overlap;
            let found = precision_recall(real_few.rows(), few.rows(), dims, overlap, self.cx)?;
            report.precision_recall = Some(found);
        }
        if self.wants(SetMeasure::BirthdayParadox) {
            let (real, generated) = ((&real_few, &real.names), (&few, &generated.names));
            report.birthday_paradox = Some(self.birthday(real, generated, dims)?);
        }
        if let Some(test) = test {
            let found = test.finish(self.cx)?;
            let name = |s: &Suspect| NamedSuspect {
                generated: generated.names.of(few.numbers()[s.generated]),
                training: real.names.of(s.training),
                distance: s.distance,
                ratio: s.ratio,
                odds: s.odds,
            };
            let named = found.suspects.iter().map(name).collect();
            report.memorization = Some(Copying { report: found, named });
        }
        report.warnings = report.warned();
        Ok(report)
    }

    fn gather(
        &self,
        source: Source,
        seed: u64,
        mut test: Option<&mut MemorizationTest>,
        failures: &mut Vec<(String, Failure)>,
    ) -> Result<Gathered, Error> {
        let dims = source.columns();
        let mut moments = if self.wants(SetMeasure::FrechetDistance) {
            Some(PartedMoments::new(dims, PARTS, self.cx.seed)?)
        } else {
            None
        };
        let kernel = if self.wants(SetMeasure::KernelDistance) {
            self.kernel_options(dims).rows()
        } else {
            0
        };
        let mut sample = Reservoir::new(kernel.max(self.options.sample), dims, seed)?;
        let before = failures.len();
        let names = source.rows(self.cx, self.seen, failures, &mut |rows| {
            if let Some(moments) = &mut moments {
                moments.add(rows, self.cx)?;
            }
            if let Some(test) = &mut test {
                test.add(rows, self.cx)?;
            }
            Ok(sample.add(rows)?)
        })?;
        let failed = (failures.len() - before) as u64;
        Ok(Gathered { side: Side { items: sample.seen(), failed }, names, moments, sample })
    }

    /// Fewer blocks where rows are long.
    fn kernel_options(&self, dims: usize) -> KernelInceptionDistance {
        let kernel = self.options.kernel;
        let fit = KERNEL_BYTES / (4 * dims * kernel.block.max(1) as usize);
        KernelInceptionDistance { blocks: kernel.blocks.min((fit as u32).max(10)), ..kernel }
    }

    fn frechet(&self, real: &Gathered, generated: &Gathered) -> Result<Option<Frechet>, Error> {
        let (Some(a), Some(b)) = (&real.moments, &generated.moments) else { return Ok(None) };
        let of = |m: &PartedMoments| m.whole(self.cx)?.gaussian(self.cx);
        let plain = frechet_distance(&of(a)?, &of(b)?, self.cx)?;
        let dims = real.sample.dims();
        let enough = a.count().min(b.count()) >= 2 * PARTS as u64 && dims <= JACKKNIFE_COLUMNS;
        let jackknife = enough.then(|| frechet_jackknife(a, b, self.cx)).transpose()?;
        Ok(Some(Frechet { plain, jackknife }))
    }

    fn kernel(
        &self,
        real: &Gathered,
        generated: &Gathered,
        dims: usize,
    ) -> Result<Option<KernelDistance>, Error> {
        if !self.wants(SetMeasure::KernelDistance) {
            return Ok(None);
        }
        let (a, b) = (real.sample.rows(), generated.sample.rows());
        let options = self.kernel_options(dims);
        Ok(Some(kernel_inception_distance(a, b, dims, &options, self.cx)?))
    }

    fn birthday(
        &self,
        (real, real_names): (&Reservoir, &Names),
        (generated, names): (&Reservoir, &Names),
        dims: usize,
    ) -> Result<Birthday, Error> {
        // As many of each, or the nearest pair of the larger set would be the nearer.
        let count = real.numbers().len().min(generated.numbers().len());
        let real = real.sample(count, self.cx.seed);
        let named = |names: &Names, of: &Reservoir, pair: &ClosePair| NamedPair {
            first: names.of(of.numbers()[pair.first]),
            second: names.of(of.numbers()[pair.second]),
            distance: pair.distance,
        };
        let nearest = nearest_pair(real.rows(), dims, self.cx)?;
        let distance = self.options.duplicate_distance.unwrap_or(nearest.distance);
        let generated = match self.options.duplicate_distance {
            Some(_) => generated.clone(),
            None => generated.sample(count, self.cx.seed),
        };
        let options = BirthdayParadox { distance, ..BirthdayParadox::default() };
        let support = birthday_paradox(generated.rows(), dims, &options, self.cx)?;
        let pairs = support.closest.iter().map(|p| named(names, &generated, p)).collect();
        let nearest_real = named(real_names, &real, &nearest);
        Ok(Birthday { support, nearest_real, pairs })
    }

    fn score(&self, mut table: TableReader) -> Result<Mean, Error> {
        let mut score = InceptionScore::new(table.columns(), 10, self.cx.seed)?;
        let mut rows = Vec::new();
        loop {
            self.cx.check()?;
            table.next(&mut rows, PIECE)?;
            if rows.is_empty() {
                return Ok(score.score()?);
            }
            score.add(&rows)?;
        }
    }
}

#[cfg(test)]
mod tests;
