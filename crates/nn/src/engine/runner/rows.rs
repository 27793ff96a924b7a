//! The rows of a feature map that are still needed.

use crate::kernels::Aligned;

/// Some rows of a feature map, channels last; new ones are appended, old ones dropped.
#[derive(Default)]
pub struct Rows {
    /// The first row that is held.
    pub from: usize,
    /// How many are held.
    pub count: usize,
    /// Numbers in a row.
    row: usize,
    /// Where the first one lies, in rows.
    start: usize,
    data: Aligned,
}

impl Rows {
    /// Forgets everything; rows will have `row` numbers.
    pub fn reset(&mut self, row: usize) {
        (self.from, self.count, self.start, self.row) = (0, 0, 0, row);
    }

    /// Behind the last row.
    pub fn end(&self) -> usize {
        self.from + self.count
    }

    /// The rows that are held.
    pub fn all(&self) -> &[f32] {
        &self.data[self.start * self.row..][..self.count * self.row]
    }

    /// The rows `from..to`, which are held.
    pub fn range(&self, from: usize, to: usize) -> &[f32] {
        &self.data[(self.start + from - self.from) * self.row..][..(to - from) * self.row]
    }

    /// Room for the rows up to `end`, with whatever was in it.
    pub fn append(&mut self, end: usize) -> &mut [f32] {
        let new = end - self.end();
        let room = self.data.len() / self.row.max(1);
        if self.start + self.count + new > room {
            let held = self.start * self.row..(self.start + self.count) * self.row;
            self.data.copy_within(held, 0);
            self.start = 0;
            // Twice what is held, so that a row is moved about once at most.
            if self.count + new > room {
                self.data.grow((2 * self.count + new) * self.row);
            }
        }
        let at = (self.start + self.count) * self.row;
        self.count += new;
        &mut self.data[at..][..new * self.row]
    }

    /// Drops the rows before `row`.
    pub fn drop_before(&mut self, row: usize) {
        let gone = row.saturating_sub(self.from).min(self.count);
        self.from += gone;
        self.start += gone;
        self.count -= gone;
        if self.count == 0 {
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_what_was_appended_last() {
        let mut rows = Rows::default();
        rows.reset(3);
        let (mut end, mut kept) = (0, 0);
        for (new, keep) in [(4, 2), (1, 2), (7, 5), (2, 6), (1, 0), (9, 3), (3, 12), (1, 13)] {
            for (i, x) in rows.append(end + new).iter_mut().enumerate() {
                *x = (3 * end + i) as f32;
            }
            end += new;
            kept = kept.max(end.saturating_sub(keep));
            rows.drop_before(kept);
            assert_eq!((rows.from, rows.end()), (kept, end));
            let wanted: Vec<f32> = (3 * kept..3 * end).map(|i| i as f32).collect();
            assert_eq!(rows.all(), wanted);
            assert_eq!(rows.range(kept, end), wanted);
        }
    }
}
