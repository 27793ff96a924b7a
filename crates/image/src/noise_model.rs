use crate::OpError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Noise of one channel: `variance = a + b * signal`, in nominal range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelNoise {
    /// Variance at signal 0 (read noise).
    pub a: f32,
    /// Growth of the variance with the signal (shot noise); 0 for purely additive noise.
    pub b: f32,
    /// One number for the whole channel: the root of the mean variance over its pixels.
    pub sigma: f32,
}

impl ChannelNoise {
    /// Purely additive noise.
    pub fn additive(sigma: f32) -> Self {
        Self { a: sigma * sigma, b: 0.0, sigma }
    }
}

/// What the diagnosis found out about the noise of an image; travels with the sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoiseModel {
    /// One entry per color plane.
    pub channels: Vec<ChannelNoise>,
    /// Correlation between horizontal or vertical neighbors, 0 for white noise.
    pub correlation: f32,
}

impl NoiseModel {
    /// The same white additive noise in each of `channels` planes.
    pub fn white(sigma: f32, channels: usize) -> Self {
        Self { channels: vec![ChannelNoise::additive(sigma); channels], correlation: 0.0 }
    }

    /// One standard deviation for the whole image: root mean square over the channels.
    pub fn sigma(&self) -> f32 {
        let n = self.channels.len().max(1) as f32;
        (self.channels.iter().map(|c| c.sigma * c.sigma).sum::<f32>() / n).sqrt()
    }
}

/// Noise level given to a denoiser: measured (`auto`) or known, in nominal range (`25/255`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sigma {
    /// Take it from the sample's [`NoiseModel`].
    #[default]
    Auto,
    /// This standard deviation, in nominal range.
    Known(f32),
}

impl Sigma {
    /// The number, if it is known and finite and not negative.
    ///
    /// # Errors
    /// [`OpError::Param`] if it is `auto`, negative or not finite.
    pub fn known(self) -> Result<f32, OpError> {
        match self {
            Self::Known(s) if s.is_finite() && s >= 0.0 => Ok(s),
            Self::Known(s) => Err(OpError::param("sigma", "a finite number of at least 0", s)),
            Self::Auto => {
                Err(OpError::param("sigma", "measured first, or given as a number", "auto"))
            }
        }
    }

    /// Itself if known, else the level of `noise`.
    #[must_use]
    pub fn or_measured(self, noise: Option<&NoiseModel>) -> Self {
        match (self, noise) {
            (Self::Auto, Some(noise)) => Self::Known(noise.sigma()),
            _ => self,
        }
    }

    /// Checks a known value; `auto` passes.
    ///
    /// # Errors
    /// [`OpError::Param`] if it is negative or not finite.
    pub fn validate(self) -> Result<(), OpError> {
        if self == Self::Auto { Ok(()) } else { self.known().map(|_| ()) }
    }
}

/// What is said of a level that somebody wrote and that is above the whole range of a picture: they meant levels of 8
/// bits.
pub fn beyond_range(name: &str, level: f64) -> String {
    format!(
        "`{name}` is in nominal range, where 1 is white, got {level}: {level} of 255 is written {level}/255"
    )
}

impl std::str::FromStr for Sigma {
    type Err = OpError;

    /// `auto`, a number, or a fraction such as `25/255`.
    fn from_str(text: &str) -> Result<Self, OpError> {
        let wanted = "auto, a number such as 0.098, or a fraction such as 25/255";
        if text.trim() == "auto" {
            return Ok(Self::Auto);
        }
        let number = |t: &str| t.trim().parse::<f64>().ok();
        let value = match text.split_once('/') {
            Some((top, bottom)) => number(top).zip(number(bottom)).map(|(t, b)| t / b),
            None => number(text),
        };
        let value = value.ok_or_else(|| OpError::param("sigma", wanted, format!("`{text}`")))?;
        if value > 1.0 {
            return Err(OpError::Input(beyond_range("sigma", value)));
        }
        let sigma = Self::Known(value as f32);
        sigma.known().map(|_| sigma)
    }
}

impl Serialize for Sigma {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Known(s) => serializer.serialize_f32(*s),
        }
    }
}

impl<'de> Deserialize<'de> for Sigma {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f32),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(s) => {
                Self::Known(s).known().map(Self::Known).map_err(serde::de::Error::custom)
            }
            Form::Text(t) => t.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigma_reads_fractions_numbers_and_auto() {
        assert_eq!("25/255".parse(), Ok(Sigma::Known((25.0f64 / 255.0) as f32)));
        assert_eq!(" 0.098 ".parse(), Ok(Sigma::Known(0.098)));
        assert_eq!("auto".parse(), Ok(Sigma::Auto));
        for bad in ["", "-1", "1/0", "x", "nan", "3/"] {
            assert!(bad.parse::<Sigma>().is_err(), "{bad}");
        }
    }
}
