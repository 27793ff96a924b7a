//! What every operation promises, as assertions any algorithm's tests can call.

use restora_image::{
    Cancel, Context, Image, Mask, OpError, OpInfo, Operation, Plane, Rect, Sample, Size,
};
use serde::Serialize;

/// The names and defaults of `info.params` are exactly serde's fields of `default`, so that help
/// texts, forms and docs made from `info` can never drift from the code.
///
/// # Panics
/// If they differ.
pub fn assert_info_matches(info: &OpInfo, default: &impl Serialize) {
    let text = serde_json::to_string(default).expect("options serialize");
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).expect("options are a JSON object");
    let mut listed: Vec<_> = info.params.iter().map(|p| p.name).collect();
    listed.sort_unstable();
    let mut known: Vec<_> = fields.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(listed, known, "params of `{}` against its fields", info.id);
    for param in info.params {
        let default: serde_json::Value = serde_json::from_str(param.default)
            .unwrap_or_else(|e| panic!("default of `{}` is not JSON: {e}", param.name));
        assert_eq!(default, fields[param.name], "default of `{}`", param.name);
        assert!(!param.doc.is_empty() && !param.range.is_empty(), "docs of `{}`", param.name);
    }
    assert!(!info.id.is_empty() && !info.title.is_empty() && !info.paper.is_empty());
}

fn applied(op: &dyn Operation, image: &Image, cx: &Context) -> Result<Image, OpError> {
    let mut sample = Sample::new(image.clone());
    op.apply(&mut sample, cx).map(|()| sample.image)
}

/// An operation on any image: runs it on `image` and on small windows of it.
///
/// - the size of the result is that of the image after its `scale`; an image of which nothing would be
///   left is an error;
/// - the same bytes for 1 and 3 threads, and on a second run;
/// - no panic and finite values for 1x1, 1xN, Nx1, 2x3 and empty images, alpha untouched (of the
///   new size, where that changes);
/// - cancelled -> [`OpError::Cancelled`];
/// - where the reach is finite, tiles with that margin, from the next origin that is a multiple of
///   the alignment, give the same bytes as the whole.
///
/// Use an image larger than the reach in both directions, or the last check proves nothing.
///
/// # Panics
/// If a promise is broken.
pub fn assert_contract(op: &dyn Operation, image: &Image) {
    assert_contract_within(0.0, op, image);
}

/// As [`assert_contract`], with tiles that may differ from the whole by `tolerance`: for sums whose
/// rounding depends on what lies beyond the margin.
///
/// # Panics
/// If a promise is broken.
pub fn assert_contract_within(tolerance: f32, op: &dyn Operation, image: &Image) {
    let id = op.info().id;
    let whole = applied(op, image, &Context::default()).unwrap_or_else(|e| panic!("{id}: {e}"));
    assert!(whole.data().iter().all(|v| v.is_finite()), "{id}: not finite");
    for threads in [1, 3] {
        let again = applied(op, image, &Context::with_threads(threads)).expect("threads");
        assert!(again == whole, "{id}: {threads} threads gave other bytes");
    }
    let (w, h) = (image.size().width, image.size().height);
    for (width, height) in [(1, 1), (1, 7), (9, 1), (2, 3), (0, 0), (0, 4), (5, 0)] {
        let mut small = image.crop(Rect { x: w / 2, y: h / 2, width, height });
        small.alpha = Some(restora_image::Plane::zeros(small.size()));
        let scaled = op.scale().size(small.size());
        let out = applied(op, &small, &Context::default());
        if scaled.is_empty() && !small.size().is_empty() {
            assert!(out.is_err(), "{id}: {width}x{height} has no result");
            continue;
        }
        let out = out.unwrap_or_else(|e| panic!("{id}: {e}"));
        assert_eq!((out.size(), out.space()), (scaled, small.space()), "{id}");
        assert_eq!(out.alpha, Some(Plane::zeros(scaled)), "{id}");
        assert!(out.data().iter().all(|v| v.is_finite()), "{id}: {width}x{height} not finite");
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    assert_eq!(applied(op, image, &cx), Err(OpError::Cancelled), "{id}");
    if let Some(reach) = op.reach() {
        assert_tiled_is_whole(tolerance, op, image, &whole, reach);
    }
}

fn assert_tiled_is_whole(
    tolerance: f32,
    op: &dyn Operation,
    image: &Image,
    whole: &Image,
    reach: u32,
) {
    let Size { width, height } = image.size();
    let scale = op.scale();
    let multiple = scale.pixels_per_result();
    let tw = width.div_ceil(2).next_multiple_of(multiple);
    let th = height.div_ceil(3).next_multiple_of(multiple);
    for y in (0..height).step_by(th as usize) {
        for x in (0..width).step_by(tw as usize) {
            let tile = Rect { x, y, width: tw.min(width - x), height: th.min(height - y) };
            let outer = aligned(tile.grown(reach, image.size()), op.alignment());
            let out = applied(op, &image.crop(outer), &Context::default()).expect("tile");
            let inner = Rect { x: x - outer.x, y: y - outer.y, ..tile };
            let (came, wanted) = (out.crop(scale.rect(inner)), whole.crop(scale.rect(tile)));
            let pairs = came.data().iter().zip(wanted.data());
            let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let same = off <= tolerance && came.alpha == wanted.alpha;
            assert!(same, "{}: tile {tile:?} is {off} off, reach {reach}", op.info().id);
        }
    }
}

/// `rect` with its origin moved up and left to multiples of `step`.
fn aligned(rect: Rect, step: u32) -> Rect {
    let (dx, dy) = (rect.x % step, rect.y % step);
    Rect { x: rect.x - dx, y: rect.y - dy, width: rect.width + dx, height: rect.height + dy }
}

/// An inpainter: fills scattered pixels, a line and a block of `image`.
///
/// - known pixels and alpha keep every bit, filled ones are finite, and what a missing pixel held does
///   not matter;
/// - the same bytes for 1 and 3 threads, and for a window that holds the whole block with room around it;
/// - an empty mask gives the image back; no mask, a mask of another size and one without a known pixel
///   are errors; images of a few pixels work; cancelled -> [`OpError::Cancelled`].
///
/// Use an image of at least 80x60 pixels.
///
/// # Panics
/// If a promise is broken.
pub fn assert_inpaint_contract(op: &dyn Operation, image: &Image) {
    assert_inpaint_contract_within(0.0, op, image);
}

/// As [`assert_inpaint_contract`], for inpainters that look further than the rim of a hole: the block
/// filled in a window may differ by `tolerance` from that filled in the whole image.
///
/// # Panics
/// If a promise is broken.
pub fn assert_inpaint_contract_within(tolerance: f32, op: &dyn Operation, image: &Image) {
    let id = op.info().id;
    assert_eq!((op.info().family, op.reach()), ("inpaint", None), "{id}");
    let fill = |image: &Image, mask: Option<Mask>, cx: &Context| {
        let mut sample = Sample { mask, ..Sample::new(image.clone()) };
        op.apply(&mut sample, cx).map(|()| sample.image)
    };
    let size = image.size();
    let mask = Mask::from_fn(size, |x, y| {
        (x * 7 + y * 13) % 11 == 0 && x < 30
            || (y == 3)
            || (55..63).contains(&x) && (25..33).contains(&y)
    });
    let n = size.len();
    let emptied = |hole: f32| {
        let mut emptied = image.clone();
        for (i, v) in emptied.data_mut().iter_mut().enumerate() {
            *v = if mask.data()[i % n] { hole } else { *v };
        }
        emptied.alpha = Some(Plane::from_fn(size, |x, _| x as f32));
        emptied
    };
    let cx = Context::default();
    let filled =
        fill(&emptied(f32::NAN), Some(mask.clone()), &cx).unwrap_or_else(|e| panic!("{id}: {e}"));
    assert_eq!(filled.alpha, emptied(0.0).alpha, "{id}: alpha");
    for (i, (out, given)) in filled.data().iter().zip(image.data()).enumerate() {
        assert!(out.is_finite(), "{id}: not finite");
        let known = !mask.data()[i % n];
        assert!(!known || out.to_bits() == given.to_bits(), "{id}: a known pixel changed");
    }
    for (hole, threads) in [(0.0, 1), (7.0, 3)] {
        let again = fill(&emptied(hole), Some(mask.clone()), &Context::with_threads(threads));
        assert!(again.expect("filled") == filled, "{id}: {threads} threads, holes of {hole}");
    }
    let block = Rect { x: 33, y: 5, width: size.width - 33, height: size.height - 5 };
    let window = fill(&image.crop(block), Some(mask.crop(block)), &cx).expect("window");
    for (got, want) in window.data().iter().zip(filled.crop(block).data()) {
        assert!((got - want).abs() <= tolerance, "{id}: a window around the block: {got} {want}");
    }
    assert_eq!(fill(image, Some(Mask::empty(size)), &cx).expect("empty mask"), *image, "{id}");
    for wrong in [None, Some(Mask::empty(Size::new(3, 2))), Some(Mask::from_fn(size, |_, _| true))]
    {
        let error = fill(image, wrong, &cx).expect_err("a mask that does not do");
        assert!(error.to_string().contains("mask"), "{id}: {error}");
    }
    for (width, height) in [(2, 1), (1, 7), (9, 1), (2, 3), (3, 3)] {
        let small = image.crop(Rect { x: 5, y: 5, width, height });
        let all_but_one = Mask::from_fn(small.size(), |x, y| (x, y) != (0, 0));
        let out = fill(&small, Some(all_but_one), &cx).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert!(out.data().iter().all(|v| v.is_finite()), "{id}: {width}x{height}");
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let cx = Context { cancel: Some(&cancel), ..Context::default() };
    assert_eq!(fill(image, Some(mask), &cx), Err(OpError::Cancelled), "{id}");
}
