//! Rows of features: what every measure of sets asks of the numbers it is given.

use crate::MetricError;
use restora_image::{OpError, Rng};

/// Most numbers in a row: a covariance of so many columns takes 2 GiB.
const MOST_DIMS: usize = 16_384;

/// How many rows of `dims` numbers `rows` holds. The first of them is row number `first`, for the message.
pub(super) fn count(rows: &[f32], dims: usize, first: u64) -> Result<usize, MetricError> {
    check_dims(dims)?;
    if !rows.len().is_multiple_of(dims) {
        let got = rows.len();
        return Err(MetricError::Input(format!("wanted rows of {dims} numbers, got {got} in all")));
    }
    // Many times as fast as a search, which is made only where there is something to find.
    if rows.iter().fold(0, |wrong, v| wrong | u32::from(!v.is_finite())) != 0
        && let Some(at) = rows.iter().position(|v| !v.is_finite())
    {
        let row = first + (at / dims) as u64;
        return Err(MetricError::Input(format!("row {row} has a number that is not finite")));
    }
    Ok(rows.len() / dims)
}

pub(super) fn check_dims(dims: usize) -> Result<(), MetricError> {
    if dims == 0 || dims > MOST_DIMS {
        return Err(OpError::param("dims", "1 to 16384", dims).into());
    }
    Ok(())
}

/// At least `least` rows.
pub(super) fn at_least(what: &str, got: usize, least: usize) -> Result<(), MetricError> {
    if got < least {
        return Err(MetricError::Input(format!("{what}: wanted at least {least} rows, got {got}")));
    }
    Ok(())
}

/// Deals items into parts of equal size (to one item), at random: an order of the items that repeats every so many,
/// as of classes made in turn, must not become an order of the parts.
#[derive(Clone, Debug)]
pub(super) struct Dealer {
    order: Vec<usize>,
    turn: usize,
    rng: Rng,
}

impl Dealer {
    pub fn new(parts: usize, seed: u64) -> Self {
        Self { order: (0..parts).collect(), turn: 0, rng: Rng::new(seed, "parts", 0) }
    }

    /// The part of the next item.
    pub fn next(&mut self) -> usize {
        if self.turn == 0 {
            for i in (1..self.order.len()).rev() {
                self.order.swap(i, self.rng.below(i as u64 + 1) as usize);
            }
        }
        let part = self.order[self.turn];
        self.turn = (self.turn + 1) % self.order.len();
        part
    }
}
