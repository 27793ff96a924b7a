//! A sample of rows that pass once: every set of so many rows is equally likely.
//!
//! ```text
//! row i (from 0) is kept while there is room;  later it takes the place j, uniform in 0..=i, if j has one
//! ```
//!
//! Which rows are kept depends on the seed and their order alone. Memory: the rows kept.
//!
//! Reference: J. S. Vitter, "Random sampling with a reservoir", ACM Trans. Mathematical Software 11(1), 1985,
//! doi:10.1145/3147.3165 (algorithm R).

use super::rows;
use crate::MetricError;
use restora_image::Rng;

/// The sample so far.
#[derive(Clone, Debug)]
pub struct Reservoir {
    capacity: usize,
    dims: usize,
    rows: Vec<f32>,
    numbers: Vec<u64>,
    seen: u64,
    rng: Rng,
}

impl Reservoir {
    /// Of at most `capacity` rows of `dims` numbers.
    ///
    /// # Errors
    /// If `dims` is 0 or more than 16,384.
    pub fn new(capacity: usize, dims: usize, seed: u64) -> Result<Self, MetricError> {
        rows::check_dims(dims)?;
        let rng = Rng::new(seed, "reservoir", 0);
        Ok(Self { capacity, dims, rows: Vec::new(), numbers: Vec::new(), seen: 0, rng })
    }

    /// Lets rows pass.
    ///
    /// # Errors
    /// If the numbers do not make whole rows or one is not finite; nothing passes then.
    pub fn add(&mut self, rows: &[f32]) -> Result<(), MetricError> {
        rows::count(rows, self.dims, self.seen)?;
        for row in rows.chunks_exact(self.dims) {
            if self.numbers.len() < self.capacity {
                self.rows.extend_from_slice(row);
                self.numbers.push(self.seen);
            } else {
                let place = self.rng.below(self.seen + 1) as usize;
                if place < self.capacity {
                    self.rows[place * self.dims..][..self.dims].copy_from_slice(row);
                    self.numbers[place] = self.seen;
                }
            }
            self.seen += 1;
        }
        Ok(())
    }

    /// Rows that passed.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Numbers in a row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// The rows kept, one after the other, in no order that means anything.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// Which rows they are, the first that passed being 0.
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// At most `most` of them, drawn from those kept, in the order in which they passed.
    #[must_use]
    pub fn sample(&self, most: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed, "sample", 0);
        let mut places: Vec<usize> = (0..self.numbers.len()).collect();
        for i in 0..most.min(places.len()) {
            let other = i + rng.below((places.len() - i) as u64) as usize;
            places.swap(i, other);
        }
        places.truncate(most);
        places.sort_by_key(|i| self.numbers[*i]);
        let row = |i: &usize| self.rows[i * self.dims..][..self.dims].iter().copied();
        Self {
            capacity: most,
            dims: self.dims,
            rows: places.iter().flat_map(row).collect(),
            numbers: places.iter().map(|i| self.numbers[*i]).collect(),
            seen: self.seen,
            rng,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_kept_equally_often_and_few_rows_are_kept_in_order() {
        let rows: Vec<f32> = (0..40).map(|v| v as f32).collect();
        let mut kept = [0; 20];
        for seed in 0..4000 {
            let mut sample = Reservoir::new(5, 2, seed).unwrap();
            rows.chunks(6).for_each(|rows| sample.add(rows).unwrap());
            assert_eq!((sample.seen(), sample.numbers().len()), (20, 5));
            let part = sample.sample(2, seed);
            assert!(part.numbers().is_sorted());
            for (row, number) in sample.rows().chunks(2).zip(sample.numbers()) {
                assert_eq!(row[0], 2.0 * *number as f32);
                kept[*number as usize] += 1;
            }
        }
        // 1000 each, standard deviation 27.
        assert!(kept.iter().all(|k| (880..1120).contains(k)), "{kept:?}");
        let mut all = Reservoir::new(50, 2, 1).unwrap();
        all.add(&rows).unwrap();
        assert_eq!(all.rows(), rows);
        assert_eq!(all.sample(100, 1).rows(), rows);
        assert!(all.add(&[1.0]).is_err() && all.add(&[1.0, f32::NAN]).is_err());
        assert_eq!(all.seen(), 20);
    }
}
