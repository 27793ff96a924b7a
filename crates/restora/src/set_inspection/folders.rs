//! Classes and splits, by the folders that pictures lie in.

use std::collections::BTreeSet;

/// Names of folders that hold a split, in lower case.
const SPLITS: [&str; 14] = [
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "dev",
    "test",
    "testing",
    "eval",
    "evaluation",
    "holdout",
    "hold-out",
    "heldout",
    "held-out",
];

/// Which class and split each picture belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Names of the classes in their order.
    pub classes: Vec<String>,
    /// Names of the splits in their order.
    pub splits: Vec<String>,
    /// Of each picture, the places of its class and its split.
    pub of: Vec<(Option<usize>, Option<usize>)>,
}

/// Reads classes and splits from names such as `train/cat/1.png` or `cat/train/1.png`.
///
/// The splits are the folders named `train`, `test`, `val` and so on, if every picture lies in one and there are two or
/// more. The class is the innermost other folder, if every picture has one and there are two or more.
pub fn memberships(names: &[&str]) -> Membership {
    let folders = |name: &str| -> Vec<String> {
        let (above, _) = name.rsplit_once('/').unwrap_or(("", name));
        above.split('/').filter(|f| !f.is_empty()).map(str::to_owned).collect()
    };
    let is_split = |folder: &String| SPLITS.contains(&folder.to_lowercase().as_str());
    let split = |name: &&str| folders(name).into_iter().find(is_split);
    let (splits, split_of) = numbered(names.iter().map(split));
    let class = |name: &&str| {
        let mut inner = folders(name).into_iter().rev();
        inner.find(|folder| splits.is_empty() || !is_split(folder))
    };
    let (classes, class_of) = numbered(names.iter().map(class));
    Membership { of: class_of.into_iter().zip(split_of).collect(), classes, splits }
}

/// Numbers names in their order; none if one is missing or all are the same.
fn numbered(names: impl Iterator<Item = Option<String>>) -> (Vec<String>, Vec<Option<usize>>) {
    let names: Vec<Option<String>> = names.collect();
    let sorted: BTreeSet<&String> = names.iter().flatten().collect();
    if names.iter().any(Option::is_none) || sorted.len() < 2 {
        return (Vec::new(), vec![None; names.len()]);
    }
    let sorted: Vec<String> = sorted.into_iter().cloned().collect();
    let of = names.iter().map(|name| name.as_ref().and_then(|n| sorted.binary_search(n).ok()));
    (sorted.clone(), of.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_known_above_and_below_the_classes() {
        for names in [
            ["train/cat/1.png", "train/dog/2.png", "test/cat/3.png"],
            ["cat/train/1.png", "dog/train/2.png", "cat/test/3.png"],
            ["a/train/x/cat/1.png", "a/train/x/dog/2.png", "a/test/x/cat/3.png"],
        ] {
            let found = memberships(&names);
            assert_eq!(found.classes, ["cat", "dog"]);
            assert_eq!(found.splits, ["test", "train"]);
            let of = [(Some(0), Some(1)), (Some(1), Some(1)), (Some(0), Some(0))];
            assert_eq!(found.of, of);
        }
    }

    #[test]
    fn splits_alone_are_no_classes_and_folders_alone_no_splits() {
        let found = memberships(&["Train/1.png", "Train/2.png", "Test/3.png"]);
        assert_eq!((found.classes.len(), found.splits.len()), (0, 2));
        let found = memberships(&["cat/1.png", "dog/2.png"]);
        assert_eq!((found.classes.len(), found.splits.len()), (2, 0));
        // One split is none, and then a folder like any other.
        let found = memberships(&["train/1.png", "cat/2.png"]);
        assert_eq!((found.classes.len(), found.splits.len()), (2, 0));
    }

    #[test]
    fn a_picture_beside_the_folders_means_that_they_are_no_classes() {
        let found = memberships(&["cat/1.png", "dog/2.png", "3.png"]);
        assert_eq!(found.classes.len() + found.splits.len(), 0);
        assert_eq!(found.of, [(None, None); 3]);
        assert_eq!(memberships(&[]), Membership::default());
    }
}
