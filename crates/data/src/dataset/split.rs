use crate::DataError;
use restora_image::Rng;

/// Divides the items `0..n` into those to train on and those to validate with: the same for the same
/// `n`, `validation_fraction` and `seed` on every machine. Both lists are in rising order.
///
/// `validation_fraction` is in `[0, 1)`; `n * validation_fraction` is rounded to the nearest number,
/// but neither list is left empty where both were asked for and `n` is 2 or more.
///
/// # Errors
/// [`DataError::Param`].
pub fn split(
    n: usize,
    validation_fraction: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    if !(0.0..1.0).contains(&validation_fraction) {
        return Err(DataError::param("validation_fraction", "in [0, 1)", validation_fraction));
    }
    let held = if validation_fraction == 0.0 || n < 2 {
        0
    } else {
        ((n as f64 * validation_fraction).round() as usize).clamp(1, n - 1)
    };
    // The first `held` steps of Fisher and Yates' shuffle choose a uniform subset.
    let mut order: Vec<usize> = (0..n).collect();
    let mut rng = Rng::new(seed, "split", 0);
    for i in 0..held {
        order.swap(i, i + rng.below((n - i) as u64) as usize);
    }
    let mut train = order.split_off(held);
    train.sort_unstable();
    order.sort_unstable();
    Ok((train, order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_disjoint_complete_and_of_the_size_asked() {
        for n in [0, 1, 2, 3, 10, 1001] {
            for fraction in [0.0, 1e-9, 0.1, 0.25, 0.5, 0.999] {
                let (train, held) = split(n, fraction, 7).unwrap();
                let mut all = [train.clone(), held.clone()].concat();
                all.sort_unstable();
                assert_eq!(all, (0..n).collect::<Vec<_>>());
                if n >= 2 && fraction > 0.0 {
                    assert!(!train.is_empty() && !held.is_empty(), "{n} {fraction}");
                    let wanted = n as f64 * fraction;
                    assert!((held.len() as f64 - wanted).abs() <= 1.0, "{n} {fraction}");
                } else {
                    assert!(held.is_empty());
                }
            }
        }
    }

    #[test]
    fn the_seed_decides_and_every_item_is_held_out_equally_often() {
        assert_eq!(split(100, 0.2, 1).unwrap(), split(100, 0.2, 1).unwrap());
        assert_ne!(split(100, 0.2, 1).unwrap(), split(100, 0.2, 2).unwrap());
        // Pinned: a split written down in a card must come out the same for ever.
        assert_eq!(split(10, 0.3, 0).unwrap().1, [3, 5, 9]);
        let mut times = [0u32; 20];
        for seed in 0..4000 {
            for i in split(20, 0.25, seed).unwrap().1 {
                times[i] += 1;
            }
        }
        // Binomial(4000, 0.25): 1000 +- 27.4; 4.5 standard deviations.
        assert!(times.iter().all(|t| t.abs_diff(1000) < 124), "{times:?}");
    }

    #[test]
    fn a_fraction_that_is_none_is_refused() {
        for fraction in [-0.1, 1.0, 2.0, f64::NAN] {
            assert!(split(10, fraction, 0).is_err());
        }
    }
}
