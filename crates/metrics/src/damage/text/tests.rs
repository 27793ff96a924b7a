use super::*;
use restora_image::{Cancel, ColorSpace, Size};
use restora_testkit::{noisy, synthetic_rgb};

/// Digits and some letters, 5 x 7, row by row.
const FONT: [(char, [u8; 7]); 8] = [
    ('1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('2', [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111]),
    ('9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001, 0b01110]),
    ('8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110]),
    ('7', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000]),
    ('.', [0, 0, 0, 0, 0, 0b01100, 0b01100]),
    ('L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    ('I', [0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
];

/// The pixels of a text with pixels of the font 2 x 2 large.
fn written(size: Size, text: &str, left: usize, top: usize) -> Mask {
    Mask::from_fn(size, |x, y| {
        if x < left || y < top || y >= top + 14 || x >= left + 14 * text.len() {
            return false;
        }
        let letter = text.as_bytes()[(x - left) / 14] as char;
        let (column, row) = ((x - left) % 14 / 2, (y - top) / 2);
        let rows = FONT.iter().find(|f| f.0 == letter).map_or([0; 7], |f| f.1);
        column < 5 && rows[row] >> (4 - column) & 1 == 1
    })
}

fn painted(clean: &Image, mask: &Mask, color: [f32; 3]) -> Image {
    let mut out = clean.clone();
    for (plane, value) in out.planes_mut().zip(color) {
        for (v, _) in plane.iter_mut().zip(mask.data()).filter(|(_, m)| **m) {
            *v = value;
        }
    }
    out
}

fn found(image: &Image) -> Mask {
    text(image, &Text::default(), &Context::default()).unwrap()
}

#[test]
fn a_hard_date_stamp_is_marked_whole_without_a_border() {
    let size = Size::new(260, 200);
    let clean = noisy(&synthetic_rgb(size), 0.02, 1);
    let stamp = written(size, "21.9.1987", 120, 170);
    for color in [[1.0, 0.6, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.9, 0.1, 0.1]] {
        let mask = found(&painted(&clean, &stamp, color));
        let missed = stamp.data().iter().zip(mask.data()).filter(|(s, m)| **s && !**m).count();
        assert_eq!(missed, 0, "{color:?}: of {}", stamp.count());
        let wrong = mask.data().iter().zip(stamp.data()).filter(|(m, s)| **m && !**s).count();
        assert!(wrong * 50 < stamp.count(), "{color:?}: {wrong} marked beside the text");
    }
}

#[test]
fn a_soft_date_stamp_is_marked_with_its_border_and_no_more() {
    let size = Size::new(260, 200);
    let clean = noisy(&synthetic_rgb(size), 0.02, 1);
    let stamp = written(size, "21.9.1987", 120, 170);
    let border = grown(stamp.data(), size.w(), size.h());
    for color in [[1.0, 0.6, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.9, 0.1, 0.1]] {
        let mut image = painted(&clean, &stamp, color);
        for (plane, value) in image.planes_mut().zip(color) {
            for (i, v) in plane.iter_mut().enumerate() {
                if border[i] && !stamp.data()[i] {
                    *v += 0.3 * (value - *v);
                }
            }
        }
        let mask = found(&image);
        let missed = border.iter().zip(mask.data()).filter(|(b, m)| **b && !**m).count();
        assert_eq!(missed, 0, "{color:?}: of {}", stamp.count());
        let wrong = mask.data().iter().zip(&border).filter(|(m, b)| **m && !**b).count();
        assert_eq!(wrong, 0, "{color:?}: marked away from the text");
    }
}

#[test]
fn an_outline_is_marked_with_the_letters() {
    let size = Size::new(260, 200);
    let clean = noisy(&synthetic_rgb(size), 0.02, 1);
    let letters = written(size, "12.LI.1987", 60, 100);
    let wide = grown(&grown(letters.data(), size.w(), size.h()), size.w(), size.h());
    let outline = Mask::from_fn(size, |x, y| wide[y * size.w() + x]);
    let image = painted(&painted(&clean, &outline, [0.0; 3]), &letters, [1.0, 1.0, 0.2]);
    let mask = found(&image);
    let missed = outline.data().iter().zip(mask.data()).filter(|(s, m)| **s && !**m).count();
    assert!(missed * 50 < outline.count(), "{missed} of {}", outline.count());
}

#[test]
fn few_letters_rows_of_like_things_and_lettering_of_the_scene_are_left() {
    let size = Size::new(260, 200);
    let clean = noisy(&synthetic_rgb(size), 0.02, 1);
    let windows = Mask::from_fn(size, |x, y| x % 20 < 6 && (80..92).contains(&y));
    let text = written(size, "21.9.1987", 60, 100);
    // Lettering that was photographed is lit unevenly.
    let mut lit = painted(&clean, &text, [0.9, 0.9, 0.9]);
    for plane in lit.planes_mut() {
        for (i, v) in plane.iter_mut().enumerate().filter(|(i, _)| text.data()[*i]) {
            *v -= 0.004 * (i % 260) as f32;
        }
    }
    let pictures = [
        painted(&clean, &written(size, "19.7", 60, 100), [1.0; 3]),
        painted(&clean, &windows, [0.0; 3]),
        lit,
        clean,
    ];
    for (i, picture) in pictures.iter().enumerate() {
        assert_eq!(found(picture).count(), 0, "picture {i}");
    }
}

#[test]
fn any_size_is_looked_at_and_errors_say_why() {
    for (w, h) in [(0, 0), (1, 1), (1, 40), (40, 1), (24, 12), (30, 20)] {
        assert_eq!(found(&synthetic_rgb(Size::new(w, h))).count(), 0, "{w}x{h}");
    }
    let image = Image::zeros(Size::new(40, 40), ColorSpace::Gray);
    for letters in [2, 101] {
        let result = text(&image, &Text { letters }, &Context::default());
        assert!(matches!(result, Err(OpError::Param { name: "letters", .. })));
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    assert_eq!(text(&image, &Text::default(), &cx), Err(OpError::Cancelled));
}
