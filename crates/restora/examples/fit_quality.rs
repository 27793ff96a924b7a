//! Fits the models of NIQE and BRISQUE that are part of the library.
//!
//! `cargo run --release -p restora --example fit_quality -- PHOTOS TABLE OUT [search]`
//!
//! `PHOTOS` is a folder of undamaged photographs; `TABLE` (tab-separated, with a header) names for each file in its
//! columns `crop`, `original_file` and `licence`. Those under CC BY-SA are left out, so that the models are under no
//! such terms. `OUT/niqe.json` and `OUT/brisque.json` are written. Every number drawn depends on the name of the
//! file alone. `search` cross-validates the options of the regression, by photograph, and prints the table.

#![expect(clippy::print_stdout, reason = "prints a table")]

use rayon::prelude::*;
use restora::data::Limits;
use restora::image::{Context, Depth, Image, Raster, Rng, Sample};
use restora::metrics::full_reference::{CompareOptions, Measure, measure};
use restora::metrics::no_reference::{
    BrisqueCard, BrisqueModel, NiqeCard, NiqeModel, SupportVectorOptions, brisque_features,
};
use restora::pairs::read_page;
use restora::train::Damage;
use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

/// What is done to the photographs, one draw of each per crop.
const DAMAGES: [&str; 11] = [
    "clean",
    "gaussian-noise:sigma=2/255..20/255",
    "gaussian-noise:sigma=20/255..60/255",
    "poisson-gaussian-noise:a=0.00001..0.001,b=0.0005..0.02",
    "correlated-noise:sigma=3/255..30/255,kernel=0.6..1.5",
    "salt-and-pepper:density=0.002..0.1",
    "blur:size=0.4..1.5",
    "blur:size=1.5..4",
    "blur:shape=disk,size=0.7..5",
    "jpeg:quality=5..30",
    "jpeg:quality=30..90",
];

/// Values of VIF's, GMSD's and FSIM's share at heavy damage.
const HEAVY: [f64; 3] = [1.0, 0.3, 0.4];

/// Options of the regression, by cross-validation (`search`).
const OPTIONS: SupportVectorOptions = SupportVectorOptions { gamma: 0.2, c: 300.0, epsilon: 4.0 };

/// Parts of the photographs for cross-validation.
const FOLDS: u64 = 5;

const LICENSE: &str =
    "the terms of this program (MIT or Apache-2.0); fitted to openly licensed photographs";

struct Photo {
    crop: String,
    /// Is it the first of its photograph? Only those are damaged, so that none counts more than another.
    first: bool,
    fold: u64,
    image: Image,
}

struct Case {
    fold: u64,
    damage: usize,
    features: [f64; 36],
    target: f64,
    niqe: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, table, out, rest @ ..] = &arguments[..] else {
        panic!("wanted PHOTOS TABLE OUT [search]")
    };
    let photos = photographs(Path::new(folder), Path::new(table));
    let originals: std::collections::BTreeSet<_> = photos.iter().map(|p| p.fold).collect();
    assert_eq!(originals.len() as u64, FOLDS, "photographs in every fold");
    let data = format!(
        "photos_open: {} crops of open photographs (CC0, public domain, CC BY)",
        photos.len()
    );
    let command = "cargo run --release -p restora --example fit_quality -- PHOTOS TABLE OUT";
    let niqe = NiqeModel::fit(
        photos.iter().map(|p| &p.image),
        NiqeCard {
            data: data.clone(),
            license: LICENSE.into(),
            command: command.into(),
            ..NiqeCard::default()
        },
    )
    .expect("a model");
    println!("NIQE: {} pictures, {} sharp patches", niqe.card.pictures, niqe.card.patches);
    let cases: Vec<Case> =
        photos.par_iter().filter(|p| p.first).flat_map_iter(|p| cases(p, &niqe)).collect();
    if rest.first().is_some_and(|word| word == "search") {
        for gamma in [0.1, 0.2, 0.4] {
            for c in [100.0, 300.0, 1000.0] {
                for epsilon in [2.0, 4.0] {
                    let options = SupportVectorOptions { gamma, c, epsilon };
                    let (predicted, kept) = cross_validated(&cases, &options);
                    let targets: Vec<f64> = cases.iter().map(|c| c.target).collect();
                    println!(
                        "gamma {gamma} c {c} epsilon {epsilon}: SROCC {:.4}, RMSE {:.2}, {kept} vectors",
                        rank_correlation(&predicted, &targets),
                        root_mean_square(&predicted, &targets),
                    );
                }
            }
        }
        return;
    }
    let (predicted, _) = cross_validated(&cases, &OPTIONS);
    let scores = told(&cases, &predicted);
    println!("{scores}");
    let features: Vec<_> = cases.iter().map(|c| c.features).collect();
    let targets: Vec<_> = cases.iter().map(|c| c.target).collect();
    let card = BrisqueCard {
        data: format!(
            "photos_open: {} crops of as many open photographs (CC0, public domain, CC BY), undamaged and under: {}",
            cases.iter().filter(|c| c.damage == 0).count(),
            DAMAGES[1..].join("; ")
        ),
        target:
            "100 times the mean of 1 - VIF, GMSD / 0.3 and (1 - FSIM) / 0.4, each within 0 and 1; \
                 no human scores"
                .into(),
        license: LICENSE.into(),
        command: command.into(),
        scores,
        ..BrisqueCard::default()
    };
    let brisque = BrisqueModel::fit(&features, &targets, &OPTIONS, card).expect("a model");
    println!("BRISQUE: {} pictures, {} vectors kept", cases.len(), brisque.vectors());
    let write = |name: &str, text: String| {
        std::fs::write(Path::new(out).join(name), text + "\n").expect("written");
    };
    write("niqe.json", niqe.to_json());
    write("brisque.json", brisque.to_json());
}

/// The crops whose licence asks for nothing of what is made of them.
fn photographs(folder: &Path, table: &Path) -> Vec<Photo> {
    let text = std::fs::read_to_string(table).expect("a table");
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().expect("a header");
    let column = |name: &str| head.iter().position(|h| *h == name).expect("a column");
    let [crop, original, licence] = ["crop", "original_file", "licence"].map(column);
    let (mut photos, mut seen) = (Vec::new(), HashSet::new());
    for line in lines.filter(|line| !line[licence].starts_with("CC-BY-SA")) {
        let path = folder.join(line[crop]);
        // The folder may hold fewer than the table.
        let Ok(page) = read_page(&path, &Limits::default()) else { continue };
        let fold = Rng::new(0, line[original], 0).below(FOLDS);
        let first = seen.insert(line[original]);
        photos.push(Photo { crop: line[crop].to_owned(), first, fold, image: page.to_image() });
    }
    photos
}

/// The photograph under each damage.
fn cases(photo: &Photo, niqe: &NiqeModel) -> Vec<Case> {
    let cx = Context::with_threads(1);
    let case = |(number, text): (usize, &&str)| {
        let damage = [Damage::from_text(text).expect("a damage")];
        let mut rng = Rng::new(1, &photo.crop, number as u64);
        let (steps, _) = Damage::draw(&damage, &mut rng).expect("a draw");
        let mut sample = Sample::new(photo.image.clone());
        sample.meta.id = format!("{}#{number}", photo.crop);
        for step in &steps {
            step.operation().apply(&mut sample, &cx).expect("damaged");
        }
        let damaged = Raster::from_image(&sample.image, Depth::U8).expect("8 bits").to_image();
        Some(Case {
            fold: photo.fold,
            damage: number,
            features: brisque_features(&damaged)?,
            target: target(&photo.image, &damaged, &cx),
            niqe: f64::from(niqe.score(&damaged).score),
        })
    };
    DAMAGES.iter().enumerate().filter_map(case).collect()
}

/// How damaged a picture is by VIF, GMSD and FSIM, 0 to 100.
fn target(clean: &Image, damaged: &Image, cx: &Context) -> f64 {
    let measures = [Measure::Vif, Measure::Gmsd, Measure::Fsim];
    let options = CompareOptions::default();
    let scores = measure(clean, damaged, &measures, &options, cx).expect("scores");
    let [vif, gmsd, fsim] = measures.map(|m| scores.get(m).expect("a score"));
    let parts = [1.0 - vif, gmsd, 1.0 - fsim];
    let part = |(v, heavy): (f64, f64)| (v / heavy).clamp(0.0, 1.0);
    100.0 / 3.0 * parts.into_iter().zip(HEAVY).map(part).sum::<f64>()
}

/// What is predicted for each case by a model of the other folds, and how many vectors one keeps.
fn cross_validated(cases: &[Case], options: &SupportVectorOptions) -> (Vec<f64>, usize) {
    let mut predicted = vec![0.0; cases.len()];
    let mut kept = 0;
    for fold in 0..FOLDS {
        let rest = cases.iter().filter(|c| c.fold != fold);
        let (features, targets): (Vec<_>, Vec<_>) = rest.map(|c| (c.features, c.target)).unzip();
        let model = BrisqueModel::fit(&features, &targets, options, BrisqueCard::default())
            .expect("a model");
        kept = kept.max(model.vectors());
        for (case, predicted) in cases.iter().zip(&mut predicted).filter(|(c, _)| c.fold == fold) {
            *predicted = model.of(&case.features);
        }
    }
    (predicted, kept)
}

/// Rank correlations of the predictions with the target, and of NIQE, over all cases and by damage.
fn told(cases: &[Case], predicted: &[f64]) -> String {
    let of = |chosen: &[usize]| {
        let take = |values: &dyn Fn(usize) -> f64| chosen.iter().map(|i| values(*i)).collect();
        let target: Vec<f64> = take(&|i| cases[i].target);
        let own: Vec<f64> = take(&|i| predicted[i]);
        let niqe: Vec<f64> = take(&|i| cases[i].niqe);
        (rank_correlation(&own, &target), rank_correlation(&niqe, &target))
    };
    let all: Vec<usize> = (0..cases.len()).collect();
    let (own, niqe) = of(&all);
    let mut text = format!(
        "SROCC with the target in {FOLDS}-fold cross-validation by photograph: {own:.3} (NIQE: {niqe:.3})"
    );
    for (number, name) in DAMAGES.iter().enumerate().skip(1) {
        let chosen: Vec<usize> =
            all.iter().copied().filter(|i| cases[*i].damage == number).collect();
        let (own, niqe) = of(&chosen);
        let _ = write!(text, "; {name}: {own:.3} ({niqe:.3})");
    }
    text
}

fn root_mean_square(a: &[f64], b: &[f64]) -> f64 {
    (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64).sqrt()
}

/// Spearman's.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let same =
            order[start..].iter().take_while(|i| values[**i] == values[order[start]]).count();
        for i in &order[start..start + same] {
            ranks[*i] = start as f64 + (same as f64 - 1.0) / 2.0;
        }
        start += same;
    }
    ranks
}
