//! What the damages share: rows with a random stream each, and checks of options.

use restora_image::{Context, Image, OpError, Rng, Sigma, for_each_band};

/// Rows of a band, the unit of work of a thread.
const BAND: usize = 16;

/// A copy of `image` whose rows `work` has changed, each with the random stream of its own:
/// number `c * height + y` of `rng`.
pub(super) fn per_row(
    image: &Image,
    rng: &Rng,
    cx: &Context,
    work: impl Fn(&mut [f32], &mut Rng) + Sync,
) -> Result<Image, OpError> {
    cx.check()?;
    let mut out = image.clone();
    let width = image.size().w();
    for_each_band(out.data_mut(), width, BAND, cx, |y0, rows| {
        for (y, row) in (y0..).zip(rows.chunks_exact_mut(width)) {
            work(row, &mut rng.child(y as u64));
        }
        Ok(())
    })?;
    Ok(out)
}

/// Adds white Gaussian noise of deviation `sigma`.
pub(super) fn add_normal(row: &mut [f32], sigma: f32, rng: &mut Rng) {
    let mut noise = [0.0; 512];
    for part in row.chunks_mut(noise.len()) {
        let noise = &mut noise[..part.len()];
        rng.fill_normal(noise);
        for (v, n) in part.iter_mut().zip(noise) {
            *v += sigma * *n;
        }
    }
}

/// A standard deviation that has to be given: damage cannot be measured beforehand.
pub(super) fn given(sigma: Sigma) -> Result<f32, OpError> {
    match sigma {
        Sigma::Auto => Err(OpError::param("sigma", "a number such as 25/255", "auto")),
        Sigma::Known(_) => sigma.known(),
    }
}

/// Is a share in `[0, 1]`?
pub(super) fn share(name: &'static str, value: f32) -> Result<(), OpError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(OpError::param(name, "in [0, 1]", value))
}

/// Is a number finite and not negative?
pub(super) fn not_negative(name: &'static str, value: f32) -> Result<(), OpError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(OpError::param(name, "a finite number of at least 0", value))
}
