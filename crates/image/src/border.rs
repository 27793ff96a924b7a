use serde::{Deserialize, Serialize};

/// How an image goes on beyond its edge.
///
/// | here | continues `abcd` as | OpenCV | SciPy `mode` | NumPy `pad` |
/// |---|---|---|---|---|
/// | `Clamp` | `aa\|abcd\|dd` | `BORDER_REPLICATE` | `nearest` | `edge` |
/// | `Reflect` | `ba\|abcd\|dc` | `BORDER_REFLECT` | `reflect` | `symmetric` |
/// | `Reflect101` | `cb\|abcd\|cb` | `BORDER_REFLECT_101` | `mirror` | `reflect` |
/// | `Wrap` | `cd\|abcd\|ab` | `BORDER_WRAP` | `grid-wrap` | `wrap` |
/// | `Constant` | `00\|abcd\|00` | `BORDER_CONSTANT` | `constant` | `constant` |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Border {
    /// Repeat the edge pixel.
    Clamp,
    /// Mirror about the edge of the edge pixel.
    Reflect,
    /// Mirror about the center of the edge pixel.
    #[default]
    Reflect101,
    /// Periodic continuation.
    Wrap,
    /// Zero outside.
    Constant,
}

impl Border {
    /// The index inside `0..n` that position `i` reads from, or `None` where the border is constant.
    /// Works for any distance from the image, also for `n == 1`.
    pub fn index(self, i: isize, n: usize) -> Option<usize> {
        debug_assert!(n > 0);
        let n = n as isize;
        if (0..n).contains(&i) {
            return Some(i as usize);
        }
        let inside = match self {
            Self::Clamp => i.clamp(0, n - 1),
            Self::Wrap => i.rem_euclid(n),
            Self::Reflect => {
                let m = i.rem_euclid(2 * n);
                if m < n { m } else { 2 * n - 1 - m }
            }
            Self::Reflect101 if n == 1 => 0,
            Self::Reflect101 => {
                let m = i.rem_euclid(2 * n - 2);
                if m < n { m } else { 2 * n - 2 - m }
            }
            Self::Constant => return None,
        };
        Some(inside as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(border: Border) -> Vec<Option<usize>> {
        (-3..7).map(|i| border.index(i, 4)).collect()
    }

    #[test]
    fn borders_continue_like_their_numpy_names() {
        let some = |v: [usize; 10]| v.map(Some).to_vec();
        assert_eq!(row(Border::Clamp), some([0, 0, 0, 0, 1, 2, 3, 3, 3, 3]));
        assert_eq!(row(Border::Reflect), some([2, 1, 0, 0, 1, 2, 3, 3, 2, 1]));
        assert_eq!(row(Border::Reflect101), some([3, 2, 1, 0, 1, 2, 3, 2, 1, 0]));
        assert_eq!(row(Border::Wrap), some([1, 2, 3, 0, 1, 2, 3, 0, 1, 2]));
        assert_eq!(Border::Constant.index(-1, 4), None);
    }

    #[test]
    fn one_pixel_reflects_to_itself() {
        for border in [Border::Clamp, Border::Reflect, Border::Reflect101, Border::Wrap] {
            assert_eq!(border.index(-9, 1), Some(0));
            assert_eq!(border.index(9, 1), Some(0));
        }
    }
}
