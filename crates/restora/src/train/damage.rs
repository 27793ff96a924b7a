//! What training does to clean pictures: alternatives with weights, each a list of steps whose
//! options may be ranges to draw from.

use crate::{Error, Step};
use restora_image::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One alternative. In text `[weight*]step[+step ...]`, where a number may be a range:
/// `0.3*gaussian-noise:sigma=0..50/255+jpeg:quality=40..95`; `clean` does nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Damage {
    weight: f64,
    text: String,
    steps: Vec<Value>,
}

impl From<Damage> for String {
    fn from(damage: Damage) -> Self {
        damage.text
    }
}

impl TryFrom<String> for Damage {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::from_text(&text)
    }
}

impl Damage {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`Error::Pipeline`] saying which part is wrong; both ends of every range are tried.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let (weight, rest) = text.split_once('*').unwrap_or(("1", text));
        let weight: f64 = weight.trim().parse().unwrap_or(f64::NAN);
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(Error::Pipeline(format!(
                "`{text}`: the weight before `*` must be above 0"
            )));
        }
        let mut steps = Vec::new();
        for step in rest.split('+').map(str::trim).filter(|s| *s != "clean") {
            let at = |end: usize| Step::from_text(&without_ranges(step, end));
            let (first, last) = (at(0)?, at(1)?);
            if crate::tiles::resizes(std::slice::from_ref(&first)) {
                let message = format!(
                    "`{text}`: a net is trained at one size, and `{}` changes it",
                    first.id()
                );
                return Err(Error::Pipeline(message));
            }
            let (low, high) = (to_json(&first)?, to_json(&last)?);
            steps.push(between(low, high));
        }
        Ok(Self { weight, text: text.to_owned(), steps })
    }

    /// Draws an alternative by weight, and its options; also the standard deviation if all it does is
    /// to add white Gaussian noise.
    ///
    /// # Errors
    /// [`Error::Pipeline`] where a drawn value does not suit the step.
    pub fn draw(all: &[Self], rng: &mut Rng) -> Result<(Vec<Step>, Option<f32>), Error> {
        let total: f64 = all.iter().map(|d| d.weight).sum();
        let mut at = rng.uniform() * total;
        let chosen = all.iter().find(|d| {
            at -= d.weight;
            at < 0.0
        });
        let Some(chosen) = chosen.or(all.last()) else { return Ok((Vec::new(), Some(0.0))) };
        let mut steps = Vec::with_capacity(chosen.steps.len());
        for step in &chosen.steps {
            let drawn = drawn(step, rng);
            steps.push(serde_json::from_value(drawn).map_err(|e| Error::Pipeline(e.to_string()))?);
        }
        let sigma = match steps.as_slice() {
            [] => Some(0.0),
            [step @ Step::GaussianNoise(_)] => {
                step.option("sigma").and_then(|s| s.as_f64()).map(|s| s as f32)
            }
            _ => None,
        };
        Ok((steps, sigma))
    }
}

/// The text with each range `a..b` replaced by its end number `end`.
fn without_ranges(step: &str, end: usize) -> String {
    let parts = step.split([':', ',']).map(|part| match part.split_once('=') {
        Some((key, value)) => match value.split_once("..") {
            Some(ends) => format!("{key}={}", if end == 0 { ends.0 } else { ends.1 }),
            None => part.to_owned(),
        },
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(":")
}

fn to_json(step: &Step) -> Result<Value, Error> {
    serde_json::to_value(step).map_err(|e| Error::Pipeline(e.to_string()))
}

/// Where two values differ, a range; both come from one text, so only numbers do.
fn between(low: Value, high: Value) -> Value {
    match (low, high) {
        (Value::Object(low), Value::Object(mut high)) => low
            .into_iter()
            .map(|(key, l)| {
                let h = high.remove(&key).unwrap_or(Value::Null);
                (key, between(l, h))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (low, high) if low == high => low,
        (low, high) => json!({ "from": low, "to": high }),
    }
}

fn drawn(value: &Value, rng: &mut Rng) -> Value {
    let Value::Object(object) = value else { return value.clone() };
    if let (Some(from), Some(to), 2) = (object.get("from"), object.get("to"), object.len()) {
        if let (Some(from), Some(to)) = (from.as_u64(), to.as_u64()) {
            let span = to.max(from) - to.min(from) + 1;
            return (to.min(from) + rng.below(span)).into();
        }
        let (from, to) = (from.as_f64().unwrap_or(0.0), to.as_f64().unwrap_or(0.0));
        return (from + (to - from) * rng.uniform()).into();
    }
    object.iter().map(|(k, v)| (k.clone(), drawn(v, rng))).collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_drawn_from_and_the_rest_is_kept() {
        let text = "2*correlated-noise:sigma=5/255..25/255:kernel=0.7+jpeg:quality=30..40";
        let all = [Damage::from_text(text).unwrap()];
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..200 {
            let (steps, sigma) = Damage::draw(&all, &mut Rng::new(1, "d", i)).unwrap();
            assert_eq!((steps.len(), sigma), (2, None));
            let level = steps[0].option("sigma").unwrap().as_f64().unwrap();
            assert!((5.0 / 255.0 - 1e-6..25.0 / 255.0 + 1e-6).contains(&level));
            assert!((steps[0].option("kernel").unwrap().as_f64().unwrap() - 0.7).abs() < 1e-6);
            seen.insert(steps[1].option("quality").unwrap().as_u64().unwrap());
        }
        assert_eq!(seen, (30..=40).collect());
    }

    #[test]
    fn alternatives_come_as_often_as_their_weights_say() {
        let all = ["3*gaussian-noise:sigma=0..0.2", "clean"].map(|t| Damage::from_text(t).unwrap());
        let mut clean = 0;
        for i in 0..1000 {
            let (steps, sigma) = Damage::draw(&all, &mut Rng::new(1, "d", i)).unwrap();
            clean += usize::from(steps.is_empty());
            assert!(sigma.is_some());
        }
        assert!((200..300).contains(&clean), "{clean}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in
            [("0*clean", "weight"), ("fog", "fog"), ("jpeg:quality=30..300", "quality")]
        {
            let message = Damage::from_text(text).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
