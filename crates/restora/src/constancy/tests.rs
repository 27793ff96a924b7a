use super::*;
use restora_data::DatasetOptions;
use restora_image::{Depth, Raster, Size};

/// A folder of colorful photographs stand-ins, some of them unusable.
fn folder(count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..count {
        let mut rng = Rng::new(3, "scenes", i as u64);
        let size = Size::new(48, 40);
        let mut image = Image::zeros(size, ColorSpace::Srgb);
        // Patches of gray and of muted colors.
        let patches: Vec<[f32; 3]> = (0..20)
            .map(|k| {
                let gray = 0.2 + 0.6 * rng.uniform();
                let off = if k % 2 == 0 { 0.0 } else { 0.15 };
                [0, 1, 2].map(|_| (gray + off * (rng.uniform() - 0.3)) as f32)
            })
            .collect();
        for at in 0..size.len() {
            let patch = patches[(at / size.w() / 8 * 4 + at % size.w() / 12) % 20];
            for c in 0..3 {
                image.plane_mut(c)[at] = patch[c];
            }
        }
        write(&folder.path().join(format!("scene{i:02}.ppm")), &image);
    }
    folder
}

fn write(path: &Path, image: &Image) {
    let raster = Raster::from_image(image, Depth::U8).unwrap();
    let format = restora_data::Format::Pnm;
    let meta = restora_data::FileMeta::new(format, raster.layout, Depth::U8);
    let options = restora_data::EncodeOptions::default();
    restora_data::write_file(path, &[raster], format, &meta, &options, false).unwrap();
}

fn open(path: &Path, lights: &Lights, cx: &Context) -> Result<LitSet, Error> {
    let set = Dataset::open(path, &DatasetOptions::default())?;
    read_lit(path, &set, lights, None, cx)
}

#[test]
fn neutral_photographs_are_lit_anew_and_teach_a_model_that_finds_the_lights() {
    let folder = folder(24);
    let cx = Context::default();
    let set = open(folder.path(), &Lights::Synthesized(4), &cx).unwrap();
    assert_eq!((set.pictures.len(), set.synthesized), (24 * 5, true));
    let lit = set.pictures.iter().filter(|p| p.light != Illuminant::NEUTRAL).count();
    assert_eq!(lit, 24 * 4);
    let rows = cross_validate(&set, None, 3, false, &cx).unwrap();
    let learned = LightErrors::of(&rows).unwrap();
    let nothing: f64 = set
        .pictures
        .iter()
        .map(|p| restora_metrics::recovery_error([1.0; 3], p.light.rgb()))
        .sum::<f64>()
        / set.pictures.len() as f64;
    assert!(learned.mean < 0.5 * nothing, "{learned:?}, doing nothing {nothing}");
    assert!(learned.surer_half.unwrap() < learned.mean, "{learned:?}");
    // The same bytes again, with any number of threads.
    let again = open(folder.path(), &Lights::Synthesized(4), &Context::with_threads(3)).unwrap();
    let bytes = |set: &LitSet, cx: &Context| train(set, None, cx).unwrap().to_json().unwrap();
    assert_eq!(bytes(&set, &cx), bytes(&again, &Context::with_threads(3)));
}

#[test]
fn lights_are_read_from_a_table_by_name_or_in_order() {
    let folder = folder(3);
    let table = folder.path().join("lights.csv");
    let cx = Context::default();
    let read = |text: &str| {
        std::fs::write(&table, text).unwrap();
        open(&folder.path().join("*.ppm"), &Lights::Table(table.clone()), &cx)
    };
    let named = "name,r,g,b\nscene01,1,2,3\nscene00.ppm,3,2,1\nscene02,1,1,1\n";
    let set = read(named).unwrap();
    assert_eq!(set.pictures[1].light, Illuminant::new([1.0, 2.0, 3.0]).unwrap());
    assert_eq!(set.pictures[0].light, Illuminant::new([3.0, 2.0, 1.0]).unwrap());
    assert!(!set.synthesized);
    let ordered = read("0.2 , 0.3, 0.4\n1,1,1\n1,2,2\n").unwrap();
    assert_eq!(ordered.pictures[2].light, Illuminant::new([1.0, 2.0, 2.0]).unwrap());
    // A picture without a light is left out, and told.
    let partly = read("scene01,1,2,3\n").unwrap();
    assert_eq!((partly.pictures.len(), partly.left_out.len()), (1, 2));
    assert!(partly.left_out[0].contains("no light"), "{:?}", partly.left_out);
    for bad in ["1,1,1\n1,1,1\n", "a,1,1,1\n1,1,1\n", "a,1,1,-1\n", "a,1,1,1\nb,1,x,1\n", ""] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_says_nothing_of_its_light_is_left_out_and_told() {
    let folder = folder(2);
    let gray = Image::gray_from_fn(Size::new(9, 9), |_, _| 0.5);
    write(&folder.path().join("gray.pgm"), &gray);
    write(&folder.path().join("black.ppm"), &Image::zeros(Size::new(9, 9), ColorSpace::Srgb));
    std::fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let cx = Context::default();
    let set = open(folder.path(), &Lights::Found, &cx).unwrap();
    assert_eq!((set.pictures.len(), set.left_out.len()), (2 * 3, 3), "{:?}", set.left_out);
    std::fs::remove_file(folder.path().join("scene00.ppm")).unwrap();
    std::fs::remove_file(folder.path().join("scene01.ppm")).unwrap();
    assert!(open(folder.path(), &Lights::Found, &cx).is_err());
}

#[test]
fn a_model_from_a_file_balances_pictures_and_a_wrong_file_is_told() {
    let folder = folder(12);
    let cx = Context::default();
    let set = open(folder.path(), &Lights::Synthesized(3), &cx).unwrap();
    let file = folder.path().join("mine.json");
    let model = train(&set, None, &cx).unwrap();
    let about = |card| LightCard { data: "stand-ins".into(), ..card };
    write_model(&file, model.clone(), about, false).unwrap();
    assert_eq!(read_model(&file).unwrap().card().data, "stand-ins");
    assert!(write_model(&file, model, about, false).is_err());

    let text = format!("white-balance:method=learned:untouched=0:model={}", file.display());
    let step = crate::Step::from_text(&text).unwrap();
    let lit = set.pictures.iter().find(|p| p.light != Illuminant::NEUTRAL).unwrap();
    let settled = step.settled(&lit.overview, &cx).unwrap().expect("something to do");
    let crate::Step::WhiteBalance(options) = settled else { panic!("{settled:?}") };
    let light = options.light.unwrap().map(f64::from);
    let error = restora_metrics::recovery_error(light, lit.light.rgb());
    assert!(error < 4.0, "{error} degrees");

    std::fs::write(&file, "{}").unwrap();
    let error = step.settled(&lit.overview, &cx).unwrap_err();
    assert!(error.to_string().contains("mine.json"), "{error}");
    assert!(crate::Step::from_text("white-balance:method=gray-edge:model=a.json").is_err());
}

#[test]
fn errors_are_summed_up_as_tables_do() {
    let row = |error: f64, expected: f64| LightRow {
        id: String::new(),
        estimate: None,
        light: [1.0; 3],
        error,
        reproduction_error: 2.0 * error,
        expected_error: Some(expected),
    };
    let rows: Vec<_> = (1..=8).map(|i| row(f64::from(i), f64::from(i % 2))).collect();
    let errors = LightErrors::of(&rows).unwrap();
    assert_eq!((errors.count, errors.mean, errors.median), (8, 4.5, 4.5));
    assert_eq!((errors.best_quarter, errors.worst_quarter), (1.5, 7.5));
    assert_eq!((errors.trimean, errors.reproduction), (4.5, 9.0));
    // The even ones are the surer half.
    assert_eq!((errors.surer_half, errors.expected), (Some(5.0), Some(0.5)));
    assert_eq!(LightErrors::of(&[]), None);
}

#[test]
fn folds_are_two_at_least_and_hold_a_picture_each() {
    let folder = folder(4);
    let cx = Context::default();
    let set = open(folder.path(), &Lights::Synthesized(1), &cx).unwrap();
    let fit = Some(LightFit { steps: 2, prior: false, ..LightFit::default() });
    for folds in [0, 1, 5] {
        assert!(cross_validate(&set, fit, folds, false, &cx).is_err(), "{folds}");
    }
    for blocks in [false, true] {
        let rows = cross_validate(&set, fit, 4, blocks, &cx).unwrap();
        let ids: Vec<_> = rows.iter().map(|r| r.id.clone()).collect();
        let wanted: Vec<_> = set.pictures.iter().map(|p| p.id.clone()).collect();
        assert_eq!(ids, wanted);
    }
}
