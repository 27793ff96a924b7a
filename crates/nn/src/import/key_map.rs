//! Other people's names of tensors turned into ours.

use crate::{NnError, Tensors};
use serde::{Deserialize, Serialize};

/// One rule. Three kinds, told apart by how they are written:
///
/// - `from` ends in a dot: a prefix. It is replaced by `to`, and the next rules see the new name.
/// - `from` is a whole name, where each `*` stands for anything without a dot. The name becomes
///   `to`, whose `*` take the found parts in order, and no further rule is tried.
/// - `to` is absent: a tensor whose name fits (prefix or whole) is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The name, prefix or pattern.
    pub from: String,
    /// What it becomes.
    pub to: Option<String>,
}

/// Rules that rename tensors, tried in order.
///
/// ```
/// use restora_nn::import::KeyMap;
/// let map = KeyMap::parse("module.=\nnet.*.weight = conv*.weight\n-*.num_batches_tracked")?;
/// assert_eq!(map.rename("module.net.3.weight"), Some("conv3.weight".into()));
/// assert_eq!(map.rename("bn.num_batches_tracked"), None);
/// # Ok::<(), restora_nn::NnError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyMap {
    /// The rules in their order.
    pub rules: Vec<Rule>,
}

impl KeyMap {
    /// Reads rules from JSON, `[{"from": "module.", "to": ""}, {"from": "x", "to": null}]`, or from
    /// lines: `from=to` renames, `-from` leaves out, `#` begins a comment.
    ///
    /// # Errors
    /// [`NnError::Param`] that names the line or place, or a rule that can never be followed.
    pub fn parse(text: &str) -> Result<Self, NnError> {
        let map = if text.trim_start().starts_with('[') {
            serde_json::from_str(text).map_err(|e| NnError::Param(format!("key map: {e}")))?
        } else {
            let rules = text.lines().enumerate().filter_map(|(n, line)| rule(n + 1, line));
            Self { rules: rules.collect::<Result<_, _>>()? }
        };
        for Rule { from, to } in &map.rules {
            let stars = |text: &str| text.matches('*').count();
            let to_stars = to.as_deref().map_or(0, stars);
            let wrong = if from.is_empty() {
                "names nothing"
            } else if from.ends_with('.') && stars(from) > 0 {
                "is a prefix with a `*`"
            } else if from.ends_with('.') && to_stars > 0 || to_stars > stars(from) {
                "has more `*` on the right than on the left"
            } else if !from.ends_with('.') && to.as_deref() == Some("") {
                "gives an empty name: write `-name` to leave a tensor out"
            } else {
                continue;
            };
            return Err(NnError::Param(format!("key map: the rule for `{from}` {wrong}")));
        }
        Ok(map)
    }

    /// The new name of a tensor; `None` where it is left out.
    pub fn rename(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for Rule { from, to } in &self.rules {
            if from.ends_with('.') {
                if let Some(rest) = name.strip_prefix(from.as_str()) {
                    name = format!("{}{rest}", to.as_ref()?);
                }
            } else if let Some(found) = matched(from, &name) {
                return Some(filled(to.as_ref()?, &found));
            }
        }
        Some(name)
    }

    /// The tensors under their new names.
    ///
    /// # Errors
    /// [`NnError::Input`] where two tensors would get one name.
    pub fn apply(&self, tensors: Tensors) -> Result<Tensors, NnError> {
        let mut renamed = Tensors::new();
        for (old, tensor) in tensors {
            let Some(new) = self.rename(&old) else { continue };
            if renamed.contains_key(&new) {
                return Err(NnError::Input(format!(
                    "key map: `{old}` and another tensor both become `{new}`"
                )));
            }
            renamed.insert(new, tensor);
        }
        Ok(renamed)
    }
}

/// The rule on a line, if there is one.
fn rule(number: usize, line: &str) -> Option<Result<Rule, NnError>> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.is_empty() {
        return None;
    }
    if let Some(from) = line.strip_prefix('-') {
        return Some(Ok(Rule { from: from.trim().to_owned(), to: None }));
    }
    Some(match line.split_once('=') {
        Some((from, to)) => {
            Ok(Rule { from: from.trim().to_owned(), to: Some(to.trim().to_owned()) })
        }
        None => Err(NnError::Param(format!(
            "key map, line {number}: wanted `from=to` or `-from`, got `{line}`"
        ))),
    })
}

/// What each `*` stands for, where the whole name fits the pattern. Parts are compared dot by dot,
/// one `*` per part, so there is one way to fit and no search.
fn matched<'a>(pattern: &str, name: &'a str) -> Option<Vec<&'a str>> {
    let (mut found, mut parts) = (Vec::new(), name.split('.'));
    for wanted in pattern.split('.') {
        let mut rest = parts.next()?;
        let pieces: Vec<&str> = wanted.split('*').collect();
        let [first, middle @ ..] = pieces.as_slice() else { return None };
        rest = rest.strip_prefix(first)?;
        for (i, piece) in middle.iter().enumerate() {
            let end = if i + 1 == middle.len() {
                rest.len()
                    .checked_sub(piece.len())
                    .filter(|&e| rest.ends_with(piece) && e <= rest.len())?
            } else {
                rest.find(piece)?
            };
            found.push(&rest[..end]);
            rest = &rest[end + piece.len()..];
        }
        if !rest.is_empty() {
            return None;
        }
    }
    parts.next().is_none().then_some(found)
}

/// The text with its `*` replaced in order.
fn filled(text: &str, found: &[&str]) -> String {
    let mut out = String::new();
    for (i, piece) in text.split('*').enumerate() {
        if i > 0 {
            out.push_str(found.get(i - 1).copied().unwrap_or_default());
        }
        out.push_str(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;

    #[test]
    fn prefixes_go_on_and_whole_names_end_the_search() {
        let map =
            KeyMap::parse("module.= # wrapped\nnet.=\n\na.weight=b.weight\nb.weight=a.weight")
                .unwrap();
        assert_eq!(map.rename("module.net.a.weight").unwrap(), "b.weight");
        assert_eq!(map.rename("b.weight").unwrap(), "a.weight");
        assert_eq!(map.rename("net.c").unwrap(), "c");
        assert_eq!(map.rename("xmodule.c").unwrap(), "xmodule.c");
    }

    #[test]
    fn stars_take_one_part_each_and_keep_their_order() {
        let map = KeyMap::parse("m.*.c*_x.weight=*/*.w\n-*.*.tracked\n-old.").unwrap();
        assert_eq!(map.rename("m.12.c3_x.weight").unwrap(), "12/3.w");
        assert_eq!(map.rename("m.1.2.c3_x.weight").unwrap(), "m.1.2.c3_x.weight");
        assert_eq!(map.rename("m.1.c3_y.weight").unwrap(), "m.1.c3_y.weight");
        assert_eq!(map.rename("a.b.tracked"), None);
        assert_eq!(map.rename("old.thing"), None);
        assert_eq!(map.rename("a.tracked").unwrap(), "a.tracked");
    }

    #[test]
    fn json_and_lines_say_the_same() {
        let lines = KeyMap::parse("module.=\n-x\na=b").unwrap();
        let json = serde_json::to_string(&lines).unwrap();
        assert_eq!(KeyMap::parse(&json).unwrap(), lines);
        assert!(json.starts_with(r#"[{"from":"module.","to":""},{"from":"x","to":null}"#));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused_with_their_line_or_name() {
        for (text, part) in [
            ("a=b\nc", "line 2"),
            ("=b", "names nothing"),
            ("a=", "empty name"),
            ("a.*=b.*.*", "more `*`"),
            ("a*.=b", "prefix with a `*`"),
            ("[1]", "key map"),
            (r#"[{"from":"a","two":"b"}]"#, "two"),
        ] {
            let error = KeyMap::parse(text).unwrap_err();
            assert!(matches!(&error, NnError::Param(m) if m.contains(part)), "{text}: {error}");
        }
    }

    #[test]
    fn two_tensors_never_become_one() {
        let t = |n: &str| (n.to_owned(), Tensor::zeros(&[1]));
        let tensors = Tensors::from([t("a.x"), t("b.x")]);
        let error = KeyMap::parse("a.=\nb.=").unwrap().apply(tensors.clone()).unwrap_err();
        assert!(error.to_string().contains("both become `x`"), "{error}");
        let kept = KeyMap::parse("a.=\n-b.").unwrap().apply(tensors).unwrap();
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["x"]);
    }
}
