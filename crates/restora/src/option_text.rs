//! Options as text: `key=value:key=value`, the grammar of steps and features.

use serde_json::{Map, Value};
use std::fmt::Write;

/// Reads `key=value:key=value`, also with commas between: a number alone continues the list before it.
/// In names `-` stands for `_` as well. Numbers, fractions such as `25/255`, `true`, `false` and `null`
/// are what they look like, anything else is text.
///
/// # Errors
/// A word that is neither.
pub fn read(options: &str) -> Result<Map<String, Value>, String> {
    let mut object = Map::new();
    let mut last = None;
    for pair in options.split([':', ',']).filter(|p| !p.trim().is_empty()) {
        match (pair.split_once('='), last.as_ref().and_then(|key| object.get_mut(key))) {
            (Some((key, value)), _) => {
                let key = key.trim().replace('-', "_");
                object.insert(key.clone(), scalar(value.trim()));
                last = Some(key);
            }
            (None, Some(value)) if continues_list(pair) => match value {
                Value::Array(list) => list.push(scalar(pair.trim())),
                first => *first = vec![first.take(), scalar(pair.trim())].into(),
            },
            _ => return Err(format!("options are key=value, got `{pair}`")),
        }
    }
    Ok(object)
}

/// What [`read`] reads, of the options that differ from the default: `:key=value` for each, numbers to
/// five digits.
pub fn written(mine: &Map<String, Value>, default: &Value) -> String {
    let mut text = String::new();
    for (key, value) in mine.iter().filter(|(k, v)| default.get(k.as_str()) != Some(v)) {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(n) => short(n),
            Value::Array(list) => {
                let words = list.iter().map(|v| v.as_number().map_or(v.to_string(), short));
                words.collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        let _ = write!(text, ":{key}={value}");
    }
    text
}

/// A number as a reader wants it: they are f32 at heart, five digits say all.
fn short(n: &serde_json::Number) -> String {
    if n.is_i64() || n.is_u64() {
        return n.to_string();
    }
    let n = n.as_f64().unwrap_or(f64::NAN);
    let digits = (4 - n.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
    let text = format!("{n:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Is a word between commas a further number of the list that the word before it began?
pub fn continues_list(word: &str) -> bool {
    scalar(word.trim()).is_number()
}

/// A word of the command line as JSON.
fn scalar(text: &str) -> Value {
    if let Some((top, bottom)) = text.split_once('/')
        && let (Ok(top), Ok(bottom)) = (top.trim().parse::<f64>(), bottom.trim().parse::<f64>())
    {
        return (top / bottom).into();
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
