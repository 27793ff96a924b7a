//! Windows that hold whole holes.

use restora_image::{Mask, Rect, Size};

/// Pixels a window grows by at a time on a side where a hole leaves it.
const GROWTH: u32 = 64;

/// Has the window a missing pixel?
pub fn any_missing(mask: &Mask, rect: Rect) -> bool {
    any(mask, rect, true)
}

fn any(mask: &Mask, rect: Rect, wanted: bool) -> bool {
    let (w, x) = (mask.size().w(), rect.x as usize);
    let rows = rect.y as usize..(rect.y + rect.height) as usize;
    rows.into_iter().any(|y| mask.data()[y * w + x..][..rect.width as usize].contains(&wanted))
}

/// `plain` grown until no hole leaves it, and `margin` of surroundings more; its origin stays a
/// multiple of `align` and not above row `top`. A window that would pass `limit` pixels stays plain,
/// if there is anything known in it: a hole that wide is filled from what is near.
pub fn window(mask: &Mask, plain: Rect, (margin, align): (u32, u32), top: u32, limit: u64) -> Rect {
    let size = mask.size();
    let limit = if any(mask, plain, false) { limit } else { u64::MAX };
    let mut window = plain;
    loop {
        let grown = grown_at_holes(mask, window, top);
        if grown == window {
            break;
        }
        window = grown;
        if window.size().pixels() > limit {
            return plain;
        }
    }
    if window == plain {
        return plain;
    }
    let roomy = aligned(with_top(window.grown(margin, size), top), align);
    if roomy.size().pixels() > limit { plain } else { roomy }
}

/// `core` grown until no hole leaves it, and the same with `margin` of surroundings, its origin a
/// multiple of `align`; `None` if that takes more than `limit` pixels, unless nothing less is known.
pub fn whole(
    mask: &Mask,
    core: Rect,
    (margin, align): (u32, u32),
    limit: u64,
) -> Option<(Rect, Rect)> {
    let mut held = core;
    loop {
        let roomy = aligned(held.grown(margin, mask.size()), align);
        if roomy.size().pixels() > limit && any(mask, core.grown(margin, mask.size()), false) {
            return None;
        }
        let grown = grown_at_holes(mask, held, 0);
        if grown == held {
            return Some((held, roomy));
        }
        held = grown;
    }
}

/// The window with [`GROWTH`] more pixels on each side where a missing pixel lies at its edge.
fn grown_at_holes(mask: &Mask, window: Rect, top: u32) -> Rect {
    let Rect { x, y, width, height } = window;
    let Size { width: w, height: h } = mask.size();
    let column = |x| any_missing(mask, Rect { x, y, width: 1, height });
    let row = |y| any_missing(mask, Rect { x, y, width, height: 1 });
    let left = if x > 0 && column(x) { x.min(GROWTH) } else { 0 };
    let up = if y > top && row(y) { (y - top).min(GROWTH) } else { 0 };
    let (end_x, end_y) = (x + width, y + height);
    let right = if end_x < w && column(end_x - 1) { (w - end_x).min(GROWTH) } else { 0 };
    let down = if end_y < h && row(end_y - 1) { (h - end_y).min(GROWTH) } else { 0 };
    Rect { x: x - left, y: y - up, width: width + left + right, height: height + up + down }
}

fn with_top(window: Rect, top: u32) -> Rect {
    let cut = top.saturating_sub(window.y);
    Rect { y: window.y + cut, height: window.height - cut, ..window }
}

/// The window with its origin moved left and up to multiples of `align`.
fn aligned(window: Rect, align: u32) -> Rect {
    let (dx, dy) = (window.x % align, window.y % align);
    Rect {
        x: window.x - dx,
        y: window.y - dy,
        width: window.width + dx,
        height: window.height + dy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_grows_until_it_holds_the_holes_it_meets() {
        let size = Size::new(1000, 800);
        // A line from the tile far to the right, and a hole that the tile does not meet.
        let mask = Mask::from_fn(size, |x, y| {
            (y == 100 && (50..700).contains(&x)) || (x > 900 && y > 700)
        });
        let plain = Rect { x: 0, y: 0, width: 240, height: 240 };
        let grown = window(&mask, plain, (48, 24), 0, 1 << 20);
        assert!(grown.width >= 700 + 47 && grown.width < 900, "{grown:?}");
        assert_eq!((grown.x, grown.y), (0, 0));
        assert_eq!(window(&mask, plain, (48, 24), 0, 100_000), plain, "too large to be held");
        let apart = Rect { x: 240, y: 240, width: 240, height: 240 };
        assert_eq!(window(&mask, apart, (48, 24), 0, 1 << 20), apart);
    }

    #[test]
    fn whole_holes_are_held_with_room_around_them_or_not_at_all() {
        let size = Size::new(1000, 800);
        let mask = Mask::from_fn(size, |x, y| y == 100 && (50..700).contains(&x));
        let core = Rect { x: 240, y: 0, width: 240, height: 240 };
        let (held, roomy) = whole(&mask, core, (48, 24), 1 << 20).unwrap();
        assert!(held.x <= 49 && held.x + held.width > 700 && held.width < 800, "{held:?}");
        assert!(roomy.x + 48 <= held.x.max(48) && roomy.x % 24 == 0 && roomy.height >= 288);
        assert_eq!(whole(&mask, core, (48, 24), 100_000), None);
        let all = Mask::from_fn(size, |x, _| x < 900);
        assert!(whole(&all, core, (48, 24), 100_000).unwrap().0.width > 900);
    }

    #[test]
    fn a_window_without_a_known_pixel_grows_whatever_it_takes_and_never_above_its_top() {
        let size = Size::new(600, 600);
        let mask = Mask::from_fn(size, |x, y| (100..500).contains(&x) && (100..500).contains(&y));
        let plain = Rect { x: 240, y: 240, width: 48, height: 48 };
        let grown = window(&mask, plain, (24, 24), 0, 10_000);
        assert!(grown.x < 100 && grown.y < 100 && grown.x + grown.width > 500, "{grown:?}");
        let grown = window(&mask, plain, (24, 24), 192, 10_000);
        assert_eq!((grown.y, grown.x % 24), (192, 0));
    }
}
