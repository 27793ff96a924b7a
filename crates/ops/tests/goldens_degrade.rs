//! Damage against goldens: JPEG against libjpeg-turbo (`goldens/jpeg`, made by
//! `tools/goldens/jpeg.py`), and every seeded damage against the numbers it gave when it was written,
//! so that a data set made with a seed can be made again.

use restora_image::{ColorSpace, Context, Image, Operation, Sample, Size};
use restora_ops::degrade::{
    Blur, BlurShape, CameraNoise, CorrelatedNoise, GaussianNoise, Jpeg, MissingBlocks,
    MissingPixels, PoissonGaussianNoise, RandomValuedImpulse, SaltAndPepper, Scratches,
    Subsampling, jpeg,
};
use restora_testkit::{psnr, read_png};

/// As `picture` in `tools/goldens/jpeg.py`: integer arithmetic alone.
fn picture() -> Image {
    let mut image = Image::zeros(Size::new(83, 61), ColorSpace::Srgb);
    for c in 0..3i64 {
        for (i, v) in image.plane_mut(c as usize).iter_mut().enumerate() {
            let (x, y) = ((i % 83) as i64, (i / 83) as i64);
            let shade = (x * (2 + c) + y * (3 - c)) / 4 % 180;
            let bars = if (x / 11 + y / 17) % 3 == c { 40 } else { 0 };
            let (dx, dy) = (x - 40 - 8 * c, y - 30);
            let disc = if dx * dx + dy * dy < 400 { 35 } else { 0 };
            let h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521;
            *v = (shade + bars + disc + h * h % 65521 % 13 - 6).clamp(0, 255) as f32 / 255.0;
        }
    }
    image
}

#[test]
fn jpeg_loses_what_libjpeg_turbo_loses_to_the_bit() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../goldens/jpeg");
    let rgb = picture();
    let green = rgb.data()[83 * 61..2 * 83 * 61].to_vec();
    let green = Image::from_vec(rgb.size(), ColorSpace::Gray, green).unwrap();
    for quality in [10, 50, 75, 95] {
        for (name, input, subsampling) in [
            ("444", &rgb, Subsampling::Full),
            ("420", &rgb, Subsampling::Quarter),
            ("gray", &green, Subsampling::Full),
        ] {
            let wanted = read_png(&folder.join(format!("{name}_q{quality}.png")));
            let got = jpeg(input, &Jpeg { quality, subsampling }, &Context::default()).unwrap();
            // Every step rounds as libjpeg-turbo's default integer code does.
            assert!(got == wanted, "{name} q{quality}: {:.2} dB", psnr(&wanted, &got));
        }
    }
}

/// Mean absolute change, and three values: first, one in the middle, last.
fn figures(op: &dyn Operation) -> [f64; 4] {
    let clean = picture();
    let mut sample = Sample::new(clean.clone());
    sample.meta.id = "golden.png".into();
    op.apply(&mut sample, &Context { seed: 7, ..Context::default() }).expect("damage");
    let data = sample.image.data();
    let changes = data.iter().zip(clean.data()).map(|(a, b)| f64::from((a - b).abs()));
    let change = changes.sum::<f64>() / data.len() as f64;
    [change, f64::from(data[0]), f64::from(data[7600]), f64::from(data[data.len() - 1])]
}

#[test]
fn a_seed_gives_the_damage_it_always_gave() {
    let motion = Blur { shape: BlurShape::Motion, size: 9.0, angle: 30.0 };
    let disk = Blur { shape: BlurShape::Disk, size: 3.0, angle: 0.0 };
    let goldens: [(&str, &dyn Operation, [f64; 4]); 13] = [
        ("gaussian_noise", &GaussianNoise::default(), [0.0777071, 0.1343364, 0.2822566, 0.4963603]),
        (
            "poisson_gaussian_noise",
            &PoissonGaussianNoise::default(),
            [0.0402430, 0.1865315, 0.5059305, 0.4266681],
        ),
        ("camera_noise", &CameraNoise::default(), [0.0294395, 0.1331943, 0.2663187, 0.3950936]),
        (
            "correlated_noise",
            &CorrelatedNoise::default(),
            [0.0779574, 0.1817845, 0.1932581, 0.4650292],
        ),
        (
            "salt_and_pepper",
            &SaltAndPepper::default(),
            [0.0534683, 0.1450980, 0.3098039, 0.3960784],
        ),
        (
            "random_valued_impulse",
            &RandomValuedImpulse::default(),
            [0.0324702, 0.1450980, 0.0662394, 0.3960784],
        ),
        ("missing_pixels", &MissingPixels::default(), [0.1333674, 0.1450980, 0.3098039, 0.0000000]),
        ("missing_blocks", &MissingBlocks::default(), [0.0877650, 0.1450980, 0.0000000, 0.3960784]),
        ("scratches", &Scratches::default(), [0.0303268, 0.1450980, 0.3098039, 0.3960784]),
        ("jpeg", &Jpeg::default(), [0.0291116, 0.1450980, 0.3450980, 0.3882353]),
        ("blur", &Blur::default(), [0.0238846, 0.1536250, 0.3358578, 0.3792514]),
        ("blur", &motion, [0.0287882, 0.1599173, 0.3406797, 0.3756185]),
        ("blur", &disk, [0.0260403, 0.1560071, 0.3337113, 0.3779005]),
    ];
    for (name, op, wanted) in goldens {
        assert_eq!(op.info().id.replace('-', "_"), name);
        let got = figures(op);
        println!("{name}: {got:.7?}");
        for (g, w) in got.iter().zip(wanted) {
            // Rounding of f32 sums; Poisson numbers and curves use the system's ln and sin.
            assert!((g - w).abs() < 2e-6, "{name}: {got:.7?}, was {wanted:?}");
        }
    }
}
