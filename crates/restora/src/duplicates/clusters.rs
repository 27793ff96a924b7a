//! Pictures joined by pairs.

use super::{Cluster, Pair, Picture};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The clusters of two and more.
pub fn clusters(pictures: &[Picture], pairs: &[Pair]) -> Vec<Cluster> {
    let mut parents: Vec<usize> = (0..pictures.len()).collect();
    for pair in pairs {
        let (a, b) = (root(&mut parents, pair.first), root(&mut parents, pair.second));
        parents[a.max(b)] = a.min(b);
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for i in 0..pictures.len() {
        members.entry(root(&mut parents, i)).or_default().push(i);
    }
    let mut clusters: Vec<Cluster> = members
        .into_values()
        .filter(|m| m.len() > 1)
        .map(|members| {
            let worth = |&&i: &&usize| {
                let p: &Picture = &pictures[i];
                (u64::from(p.width) * u64::from(p.height), p.bytes, Reverse(i))
            };
            let keeper = *members.iter().max_by_key(worth).expect("two or more");
            Cluster { keeper, copies: members.into_iter().filter(|&i| i != keeper).collect() }
        })
        .collect();
    clusters.sort_by_key(|c| c.keeper);
    clusters
}

fn root(parents: &mut [usize], mut i: usize) -> usize {
    while parents[i] != i {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::super::Likeness;
    use super::*;

    #[test]
    fn chains_are_one_cluster_and_the_largest_is_kept() {
        let picture = |id: &str, width, bytes| Picture {
            id: id.into(),
            width,
            height: 10,
            bytes,
            path: None,
            keypoints: 50,
        };
        let pictures = [
            picture("a", 10, 5),
            picture("b", 30, 5),
            picture("c", 30, 9),
            picture("d", 90, 9),
            picture("e", 30, 9),
        ];
        let pair = |first, second| Pair {
            first,
            second,
            likeness: Likeness::NearDuplicate,
            probability: 1.0,
            map: None,
        };
        let found = clusters(&pictures, &[pair(0, 1), pair(2, 4), pair(1, 2)]);
        assert_eq!(found, [Cluster { keeper: 2, copies: vec![0, 1, 4] }]);
        assert_eq!(clusters(&pictures, &[]), []);
    }
}
