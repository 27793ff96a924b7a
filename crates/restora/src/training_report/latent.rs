//! The latent space in a plane.

use crate::Error;
use crate::plot::{Point, Scatter};
use restora_image::Context;
use restora_nn::pca::{Matrix, Pca, PcaOptions};

/// A map of codes `[n, code_size]`: a code of two numbers as it is, a longer one by its two principal
/// components, a single number along x. `labels` has a class for each code, or is empty.
///
/// # Errors
/// [`Error::Input`] where the lengths do not fit or a code is not finite, [`restora_image::OpError`]'s
/// `Cancelled` as an operation's error.
pub fn latent_map(
    codes: &[f32],
    code_size: usize,
    labels: &[usize],
    classes: &[String],
    cx: &Context,
) -> Result<Scatter, Error> {
    let told = |e: restora_nn::NnError| match e {
        restora_nn::NnError::Cancelled => Error::Op(restora_image::OpError::Cancelled),
        other => Error::Input(format!("latent map: {other}")),
    };
    let rows = Matrix::new(codes, code_size).map_err(told)?;
    let count = codes.len() / code_size;
    if !labels.is_empty() && labels.len() != count {
        let came = labels.len();
        return Err(Error::Input(format!(
            "latent map: {count} codes need as many labels, got {came}"
        )));
    }
    let mut scatter = Scatter {
        title: "Latent map".into(),
        x_label: "first number of the code".into(),
        classes: classes.to_vec(),
        ..Scatter::default()
    };
    let plane: Vec<f32> = if code_size == 1 {
        codes.iter().flat_map(|c| [*c, 0.0]).collect()
    } else if code_size == 2 || count < 2 {
        scatter.y_label = "second number of the code".into();
        codes.chunks_exact(code_size).flat_map(|c| [c[0], c[1]]).collect()
    } else {
        let pca = Pca::fit(&rows, 2, &PcaOptions::default(), cx).map_err(told)?;
        let parts = pca.explained_variance_ratio();
        let label = |which: &str, part: f32| {
            format!("{which} principal component, {:.0} % of the variance", part * 100.0)
        };
        scatter.x_label = label("first", parts[0]);
        scatter.y_label = label("second", parts[1]);
        pca.encode(codes, cx).map_err(told)?
    };
    let point = |(i, p): (usize, &[f32])| Point {
        x: f64::from(p[0]),
        y: f64::from(p[1]),
        class: labels.get(i).copied(),
    };
    scatter.points = plane.chunks_exact(2).enumerate().map(point).collect();
    Ok(scatter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_the_map_and_more_are_turned_into_their_widest_plane() {
        let cx = Context::default();
        let two = latent_map(&[1.0, 2.0, 3.0, 4.0], 2, &[0, 1], &[], &cx).unwrap();
        assert_eq!(two.points[1], Point { x: 3.0, y: 4.0, class: Some(1) });
        // Spread along the third number, a little along the first, none along the second.
        let codes = [0.0, 5.0, -9.0, 0.5, 5.0, 0.0, 0.0, 5.0, 9.0];
        let map = latent_map(&codes, 3, &[], &[], &cx).unwrap();
        assert!((map.points[0].x + 9.0).abs() < 1e-4 && (map.points[2].x - 9.0).abs() < 1e-4);
        assert!(map.x_label.contains("100 %"), "{}", map.x_label);
        assert_eq!(latent_map(&[4.0, 5.0], 1, &[], &[], &cx).unwrap().points[1].x, 5.0);
        assert_eq!(latent_map(&[4.0, 5.0, 6.0], 3, &[], &[], &cx).unwrap().points[0].y, 5.0);
        assert!(latent_map(&[], 3, &[], &[], &cx).unwrap().points.is_empty());
    }

    #[test]
    fn wrong_lengths_and_nan_are_errors() {
        let cx = Context::default();
        assert!(latent_map(&[1.0; 4], 3, &[], &[], &cx).is_err());
        assert!(latent_map(&[1.0; 4], 0, &[], &[], &cx).is_err());
        assert!(latent_map(&[1.0; 4], 2, &[0], &[], &cx).is_err());
        assert!(latent_map(&[f32::NAN; 6], 3, &[], &[], &cx).is_err());
    }
}
