//! A stroke font drawn for this crate: letters as pen movements, so that text has any size without a
//! font file.
//!
//! A glyph is a list of strokes separated by spaces; a stroke is a run of points, two digits each, x
//! then y, on a grid where capitals reach from 0 to 6 downwards, small letters start at 2 and
//! descenders end at 8. `~` makes the run the control polygon of a quadratic B-spline, closed where
//! the last point is the first.

/// Height of a capital of size 1.
const UNIT_Y: f64 = 0.12;
const UNIT_X: f64 = 0.1;
/// Room between letters, in grid units.
const GAP: f64 = 1.75;
const SPACE: f64 = 1.2;
/// Width of the pen for size 1.
pub(super) const PEN: f64 = 0.085;

fn glyph(c: char) -> &'static str {
    match c {
        'A' => "062046 1434",
        'B' => "0600 ~002040432303 ~032343462606",
        'C' => "~414000064645",
        'D' => "0006 ~002040462606",
        'E' => "40000646 0333",
        'F' => "400006 0333",
        'G' => "~414000064643 4323",
        'H' => "0006 4046 0343",
        'I' | 'l' => "0006",
        'J' => "~30360604",
        'K' => "0006 4004 2246",
        'L' => "000646",
        'M' => "0600255056",
        'N' => "06004640",
        'O' => "~0050560600",
        'P' => "0600 ~002040432303",
        'Q' => "~0050560600 3457",
        'R' => "0600 ~002040432303 2346",
        'S' => "~4140000343460605",
        'T' => "0040 2026",
        'U' => "~00064640",
        'V' => "002640",
        'W' => "0016314660",
        'X' => "0046 4006",
        'Y' => "002340 2326",
        'Z' => "00400646",
        'a' => "3236 ~333202063635",
        'b' => "0006 ~030232360605",
        'c' => "~333202063635",
        'd' => "3036 ~333202063635",
        'e' => "0434 ~343202063635",
        'f' => "~30101316 0222",
        'g' => "~333202063635 ~32380807",
        'h' => "0006 ~04023236",
        'i' => "0206 0000",
        'j' => "~121808 1010",
        'k' => "0006 3205 1336",
        'm' => "0206 ~04023236 ~34326266",
        'n' => "0206 ~04023236",
        'o' | '°' => "~0232360602",
        'p' => "0208 ~030232360605",
        'q' => "3238 ~333202063635",
        'r' => "0206 ~040222",
        's' => "~3332020434360605",
        't' => "~101626 0222",
        'u' => "~02063634 3236",
        'v' => "022642",
        'w' => "0216334662",
        'x' => "0236 3206",
        'y' => "0226 4218",
        'z' => "02320636",
        '0' => "~0040460600",
        '1' => "112026",
        '2' => "~0100404306 0646",
        '3' => "~0100404313 ~1343460605",
        '4' => "36300444",
        '5' => "400003 ~030242460605",
        '6' => "~4140000646430304",
        '7' => "004016",
        '8' => "~0040430300 ~0343460603",
        '9' => "~0506464000034342",
        '.' => "0606",
        ',' => "1607",
        ':' => "0303 0606",
        ';' => "1303 1607",
        '-' => "0424",
        '–' | '—' | '−' => "0444",
        '+' => "0444 2226",
        '=' => "0343 0545",
        '/' => "0730",
        '\\' => "0037",
        '(' => "~10020517",
        ')' => "~00121507",
        '[' => "10000717",
        ']' => "00101707",
        '{' => "20101203141727",
        '}' => "00101223141707",
        '%' => "0640 ~0020220200 ~2444462624",
        '_' => "0747",
        '*' => "2125 0244 4204",
        '#' => "1016 3036 0242 0444",
        '<' => "420446",
        '>' => "024406",
        '!' => "0004 0606",
        '?' => "~010040432324 2626",
        '\'' | '’' => "0002",
        '"' => "0002 2022",
        '`' => "0012",
        '^' => "022042",
        '~' => "~04022644",
        '|' => "0008",
        '$' => "~4140000343460605 2027",
        '@' => "~0050560600 ~2242442422",
        '&' => "4611 ~1110003132 ~320406364544",
        '·' => "0404",
        '×' => "0336 3306",
        '→' => "0454 325436",
        '…' => "0606 2626 4646",
        'σ' => "~0232360602 2242",
        'µ' => "0208 ~02063634 3236",
        _ => "0040460600",
    }
}

type Stroke = Vec<(f64, f64)>;

/// Strokes in grid units, and the width.
fn strokes(c: char) -> (Vec<Stroke>, f64) {
    if c.is_whitespace() {
        return (Vec::new(), SPACE);
    }
    let strokes: Vec<Stroke> = glyph(c)
        .split(' ')
        .map(|run| {
            let smooth = run.starts_with('~');
            let digits: Vec<f64> =
                run.bytes().filter(u8::is_ascii_digit).map(|b| f64::from(b - b'0')).collect();
            let points: Stroke = digits.chunks_exact(2).map(|p| (p[0], p[1])).collect();
            if smooth { spline(&points) } else { points }
        })
        .collect();
    let width = strokes.iter().flatten().fold(0.0, |w: f64, p| w.max(p.0));
    (strokes, width)
}

/// The quadratic B-spline of a control polygon, as a polyline.
fn spline(control: &[(f64, f64)]) -> Stroke {
    let middle = |a: (f64, f64), b: (f64, f64)| (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1));
    let (Some(&first), Some(&last)) = (control.first(), control.last()) else { return Vec::new() };
    let closed = first == last && control.len() > 3;
    // A closed polygon starts and ends in the middle of its first side.
    let mut corners = control.to_vec();
    let (start, end) = if closed {
        let start = middle(first, control[1]);
        corners.push(control[1]);
        (start, start)
    } else {
        (first, last)
    };
    let mut out = vec![start];
    let mut from = start;
    for i in 1..corners.len() - 1 {
        let to = if i + 2 == corners.len() { end } else { middle(corners[i], corners[i + 1]) };
        for step in 1..=8 {
            let t = f64::from(step) / 8.0;
            let mix = |a: f64, b: f64, c: f64| {
                (1.0 - t).powi(2) * a + 2.0 * t * (1.0 - t) * b + t * t * c
            };
            out.push((mix(from.0, corners[i].0, to.0), mix(from.1, corners[i].1, to.1)));
        }
        from = to;
    }
    out
}

/// Width of a text as the rasterizer draws it.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let units: f64 = text.chars().map(|c| strokes(c).1 + GAP).sum();
    (units * UNIT_X * size - GAP * UNIT_X * size).max(0.0)
}

/// The room that a text may take in any system's sans-serif: the widest common ones (`DejaVu`, Verdana)
/// are a sixth wider than this font.
pub(super) fn room(text: &str, size: f64) -> f64 {
    1.18 * width(text, size)
}

/// The pen's runs for a text whose baseline starts at (0, 0).
pub(super) fn runs(text: &str, size: f64) -> Vec<Stroke> {
    let mut x0 = 0.0;
    let mut out = Vec::new();
    for c in text.chars() {
        let (strokes, width) = strokes(c);
        let at = |p: &(f64, f64)| ((x0 + p.0) * UNIT_X * size, (p.1 - 6.0) * UNIT_Y * size);
        out.extend(strokes.iter().map(|s| s.iter().map(at).collect::<Stroke>()));
        x0 += width + GAP;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_has_a_glyph_of_its_own() {
        let box_ = glyph('\u{1}');
        let printable: Vec<char> = ('!'..='~').collect();
        for c in &printable {
            let runs = glyph(c.to_owned());
            assert_ne!(runs, box_, "{c}");
            for run in runs.split(' ') {
                let digits = run.trim_start_matches('~');
                assert!(digits.len() >= 4 && digits.len() % 2 == 0, "{c}: {run}");
                assert!(digits.bytes().all(|b| b.is_ascii_digit()), "{c}: {run}");
            }
        }
        let distinct: std::collections::HashSet<_> = printable.iter().map(|c| glyph(*c)).collect();
        // I, l and | are bars; ' is a short one.
        assert!(distinct.len() >= printable.len() - 2);
    }

    #[test]
    fn text_is_as_wide_as_its_runs() {
        for text in ["validation", "0.0045", "W", "a b"] {
            let right = runs(text, 10.0).iter().flatten().fold(0.0, |w: f64, p| w.max(p.0));
            assert!((right - width(text, 10.0)).abs() < 1.5, "{text}");
        }
        assert_eq!(width("", 10.0), 0.0);
    }
}
