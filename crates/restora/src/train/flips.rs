//! How training turns pictures: which of their mirror images are pictures of the same kind.

use serde::{Deserialize, Deserializer, Serialize};

/// Which flips and turns are drawn from, each as often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flips {
    /// None: digits and letters.
    None,
    /// Left and right change places: faces, photos that must stay upright.
    Horizontal,
    /// All eight flips and turns by 90 degrees (the four flips where a picture is no square):
    /// textures and patches of photos.
    #[default]
    All,
}

impl<'de> Deserialize<'de> for Flips {
    /// Also reads `true` for all and `false` for none.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Switch(bool),
            Name(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Switch(true) => Ok(Self::All),
            Form::Switch(false) => Ok(Self::None),
            Form::Name(name) => match name.as_str() {
                "none" => Ok(Self::None),
                "horizontal" => Ok(Self::Horizontal),
                "all" => Ok(Self::All),
                _ => Err(serde::de::Error::custom(format!(
                    "`flips` must be none, horizontal or all, got {name}"
                ))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_switches_are_read_and_names_written() {
        for (text, flips) in [
            ("\"none\"", Flips::None),
            ("\"horizontal\"", Flips::Horizontal),
            ("\"all\"", Flips::All),
            ("true", Flips::All),
            ("false", Flips::None),
        ] {
            assert_eq!(serde_json::from_str::<Flips>(text).unwrap(), flips);
        }
        assert_eq!(serde_json::to_string(&Flips::Horizontal).unwrap(), "\"horizontal\"");
        let error = serde_json::from_str::<Flips>("\"vertical\"").unwrap_err().to_string();
        assert!(error.contains("none, horizontal or all, got vertical"), "{error}");
    }
}
