//! Merkle trees over a growing list, and what they prove.
//!
//! The root is one digest for a whole list. With a handful of further digests, an *inclusion proof* shows that a leaf
//! is in the list of a root, and a *consistency proof* that the list of an older root is the beginning of that of a
//! newer one: nothing was changed or dropped, only added.
//!
//! We own this because it is 200 lines and the kept crates bring a second implementation of SHA-256 or of
//! Ed25519 with them; one of them (`tlog_tiles`) checks ours in the tests.
//!
//! Source: RFC 9162, section 2.1 (and RFC 6962, section 2.1, which has the same trees).

use crate::digest::{Digest, DigestHasher};

/// The digest of a leaf. It begins with another byte than an inner node, so that neither passes for the other.
///
/// ```
/// use mcp_trust::receipts::merkle::leaf;
///
/// assert_ne!(leaf(b""), mcp_trust::digest::Digest::of(b""));
/// ```
#[must_use]
pub fn leaf(bytes: &[u8]) -> Digest {
    let mut hasher = DigestHasher::new();
    hasher.update(&[0]);
    hasher.update(bytes);
    hasher.finish()
}

/// The digest of an inner node.
pub(super) fn node(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = DigestHasher::new();
    hasher.update(&[1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root of the empty tree.
fn empty() -> Digest {
    Digest::of(b"")
}

/// The right edge of a tree: what it takes to add leaves and to know the root, and no more. One digest for
/// each bit of the size.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    /// Roots of complete subtrees, the largest first: one for each bit that is set in `size`.
    roots: Vec<Digest>,
    size: u64,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf, by its digest.
    pub fn push(&mut self, leaf: Digest) {
        let mut right = leaf;
        // Where the old size has a bit set, its subtree and the new one make a larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                right = node(&left, &right);
            }
        }
        self.roots.push(right);
        self.size += 1;
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => empty(),
            Some(last) => roots.fold(*last, |right, left| node(left, &right)),
        }
    }
}

/// A whole tree, with the digests of all complete subtrees: two for each leaf. Proofs take a number of steps
/// that grows with the logarithm of its size.
///
/// ```
/// use mcp_trust::receipts::merkle::{Tree, leaf};
///
/// let mut tree = Tree::new();
/// for text in ["a", "b", "c"] {
///     tree.push(leaf(text.as_bytes()));
/// }
/// let (two, three) = (tree.root_at(2).unwrap(), tree.root());
///
/// let proof = tree.prove_inclusion(1, 3).unwrap();
/// assert!(proof.verify(&leaf(b"b"), 1, 3, &three));
/// let proof = tree.prove_consistency(2, 3).unwrap();
/// assert!(proof.verify(2, &two, 3, &three));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// For each power of two, the digests of the complete subtrees of that many leaves.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf, by its digest.
    pub fn push(&mut self, leaf: Digest) {
        let mut digest = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(digests) = self.levels.get_mut(level) else { return };
            digests.push(digest);
            match digests.as_slice() {
                [.., left, right] if digests.len().is_multiple_of(2) => digest = node(left, right),
                _ => return,
            }
        }
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// A leaf's digest.
    #[must_use]
    pub fn leaf(&self, index: u64) -> Option<&Digest> {
        self.levels.first()?.get(usize::try_from(index).ok()?)
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.root_at(self.size()).unwrap_or_else(empty)
    }

    /// The root that the tree had with its first `size` leaves; `None` if it never had so many.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        if size == 0 { Some(empty()) } else { self.subtree(0, size) }
    }

    /// Proves that the leaf at `index` is in the tree of the first `size` leaves; `None` if it is not.
    #[must_use]
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Option<InclusionProof> {
        if index >= size || size > self.size() {
            return None;
        }
        let mut path = Vec::new();
        let (mut start, mut size) = (0, size);
        while size > 1 {
            let left = split(size);
            if index - start < left {
                path.push(self.subtree(start + left, size - left)?);
                size = left;
            } else {
                path.push(self.subtree(start, left)?);
                (start, size) = (start + left, size - left);
            }
        }
        path.reverse();
        Some(InclusionProof(path))
    }

    /// Proves that the tree of the first `old` leaves is the beginning of that of the first `new`; `None` if there
    /// are not so many, or `old` is the larger.
    #[must_use]
    pub fn prove_consistency(&self, old: u64, new: u64) -> Option<ConsistencyProof> {
        if old > new || new > self.size() {
            return None;
        }
        let mut path = Vec::new();
        if old == 0 || old == new {
            return Some(ConsistencyProof(path));
        }
        let (mut start, mut size, mut old) = (0, new, old);
        // Whether the subtree in view is all of the old tree, whose root the verifier has already.
        let mut whole = true;
        while old < size {
            let left = split(size);
            if old <= left {
                path.push(self.subtree(start + left, size - left)?);
                size = left;
            } else {
                path.push(self.subtree(start, left)?);
                (start, size, old) = (start + left, size - left, old - left);
                whole = false;
            }
        }
        if !whole {
            path.push(self.subtree(start, size)?);
        }
        path.reverse();
        Some(ConsistencyProof(path))
    }

    /// The root of the leaves from `start` on; `start` is a multiple of the next power of two from `size` on.
    fn subtree(&self, start: u64, size: u64) -> Option<Digest> {
        if size.is_power_of_two() {
            let level = self.levels.get(size.trailing_zeros() as usize)?;
            return level.get(usize::try_from(start / size).ok()?).copied();
        }
        let left = split(size);
        Some(node(&self.subtree(start, left)?, &self.subtree(start + left, size - left)?))
    }
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The digests beside the way from a leaf to the root, the leaf's sibling first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof(pub Vec<Digest>);

impl InclusionProof {
    /// Whether the leaf is at `index` in the tree of `size` leaves with this root (RFC 9162, section 2.1.3.2).
    #[must_use]
    pub fn verify(&self, leaf: &Digest, index: u64, size: u64, root: &Digest) -> bool {
        if index >= size {
            return false;
        }
        let (mut here, mut last, mut digest) = (index, size - 1, *leaf);
        for other in &self.0 {
            if last == 0 {
                return false;
            }
            if here & 1 == 1 || here == last {
                digest = node(other, &digest);
                climb(&mut here, &mut last);
            } else {
                digest = node(&digest, other);
            }
            (here, last) = (here >> 1, last >> 1);
        }
        last == 0 && digest == *root
    }
}

/// The digests that lead from an old root to a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof(pub Vec<Digest>);

impl ConsistencyProof {
    /// Whether the list of `old` leaves with the old root is the beginning of that of `new` leaves with the new one
    /// (RFC 9162, section 2.1.4.2).
    #[must_use]
    pub fn verify(&self, old: u64, old_root: &Digest, new: u64, new_root: &Digest) -> bool {
        if old > new {
            return false;
        }
        if old == 0 {
            return self.0.is_empty() && *old_root == empty() && (new > 0 || *new_root == empty());
        }
        if old == new {
            return self.0.is_empty() && old_root == new_root;
        }
        let (mut here, mut last) = (old - 1, new - 1);
        while here & 1 == 1 {
            (here, last) = (here >> 1, last >> 1);
        }
        let mut path = self.0.iter();
        // A complete old tree is a node of the new one, and its root the proof's first digest.
        let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
        let Some(&first) = first else { return false };
        let (mut old_digest, mut new_digest) = (first, first);
        for other in path {
            if last == 0 {
                return false;
            }
            if here & 1 == 1 || here == last {
                old_digest = node(other, &old_digest);
                new_digest = node(other, &new_digest);
                climb(&mut here, &mut last);
            } else {
                new_digest = node(&new_digest, other);
            }
            (here, last) = (here >> 1, last >> 1);
        }
        last == 0 && old_digest == *old_root && new_digest == *new_root
    }
}

/// Goes past the levels on which a node at the right edge has no sibling.
fn climb(here: &mut u64, last: &mut u64) {
    while *here & 1 == 0 && *here != 0 {
        (*here, *last) = (*here >> 1, *last >> 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The eight leaves, and the roots of the first 0 to 8 of them, that implementations of RFC 6962 test with.
    #[test]
    fn known_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let (mut tree, mut frontier) = (Tree::new(), Frontier::new());
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(tree.root().to_hex(), *root);
            assert_eq!(frontier.root().to_hex(), *root);
            assert_eq!((tree.size(), frontier.size()), (size as u64, size as u64));
            if let Some(bytes) = leaves.get(size) {
                tree.push(leaf(bytes));
                frontier.push(leaf(bytes));
            }
        }
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(tree.root_at(size as u64).unwrap().to_hex(), *root);
        }
        assert_eq!(tree.root_at(9), None);
    }

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::new();
        for index in 0..size {
            tree.push(leaf(&index.to_be_bytes()));
        }
        tree
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other() {
        let tree = tree(33);
        let root = |size| tree.root_at(size).unwrap();
        for size in 0..=33 {
            for index in 0..size {
                let proof = tree.prove_inclusion(index, size).unwrap();
                let this = tree.leaf(index).unwrap();
                assert!(proof.verify(this, index, size, &root(size)), "{index} of {size}");
                for other in 0..=33 {
                    assert_eq!(proof.verify(this, other, size, &root(size)), other == index);
                    // The way to the root may be the same in another tree, the root is not.
                    if other != size {
                        assert!(!proof.verify(this, index, size, &root(other)));
                    }
                }
                assert!(!proof.verify(&leaf(b"other"), index, size, &root(size)));
            }
            assert_eq!(tree.prove_inclusion(size, size), None);
            for old in 0..=size {
                let proof = tree.prove_consistency(old, size).unwrap();
                assert!(proof.verify(old, &root(old), size, &root(size)), "{old} to {size}");
                for other in 0..=33 {
                    if other != old {
                        assert!(!proof.verify(old, &root(other), size, &root(size)));
                    }
                    // Everything begins with nothing.
                    if other != size && old != 0 {
                        assert!(!proof.verify(old, &root(old), size, &root(other)));
                    }
                }
            }
            assert_eq!(tree.prove_consistency(size + 1, size), None);
        }
        assert_eq!(tree.prove_inclusion(0, 34), None);
        assert_eq!(tree.prove_consistency(1, 34), None);
    }

    proptest! {
        #[test]
        fn changed_proofs_do_not_hold(size in 2_u64..300, index: u64, old: u64, place: prop::sample::Index, how in 0..4) {
            let (index, old) = (index % size, 1 + old % (size - 1));
            let tree = tree(size);
            let change = |path: &mut Vec<Digest>| {
                let at = place.index(path.len().max(1));
                match how {
                    0 => path.truncate(at),
                    1 => path.insert(at, leaf(b"more")),
                    2 => path.push(leaf(b"more")),
                    _ => path.get_mut(at).map(|digest| *digest = leaf(b"another")).unwrap_or_default(),
                }
            };
            let proof = tree.prove_inclusion(index, size).unwrap();
            let mut changed = proof.clone();
            change(&mut changed.0);
            let holds = changed.verify(tree.leaf(index).unwrap(), index, size, &tree.root());
            prop_assert_eq!(holds, changed == proof);

            let proof = tree.prove_consistency(old, size).unwrap();
            let mut changed = proof.clone();
            change(&mut changed.0);
            let holds = changed.verify(old, &tree.root_at(old).unwrap(), size, &tree.root());
            prop_assert_eq!(holds, changed == proof);
        }

        #[test]
        fn any_proof_is_answered(path in prop::collection::vec(any::<[u8; 32]>(), 0..70), a: u64, b: u64) {
            let path: Vec<_> = path.into_iter().map(Digest::from_bytes).collect();
            let digest = leaf(b"x");
            // An empty path proves a single leaf, and a list by itself.
            if !path.is_empty() {
                prop_assert!(!InclusionProof(path.clone()).verify(&digest, a, b, &digest));
                prop_assert!(!ConsistencyProof(path).verify(a, &digest, b, &digest));
            }
        }
    }
}
