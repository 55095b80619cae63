//! Labels that only rise.
//!
//! What protects data (a confidentiality, a set of obligations, the fact that a minor is concerned) must never get weaker
//! on its way through a server: the label of a result is at least that of everything that went into it, and nothing
//! a sender says takes it back. The domains have labels of their own; this module has the one rule that they
//! share, as types that offer no way down.
//!
//! ```
//! use mcp_trust::label::{HighWater, Join};
//!
//! #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
//! enum Confidentiality {
//!     Normal,
//!     Restricted,
//! }
//! # use Confidentiality::*;
//!
//! let mut label = HighWater::new(Normal);
//! label.raise(&HighWater::new(Restricted));
//! label.raise(&HighWater::new(Normal));
//! assert_eq!(*label.get(), Restricted);
//! ```
//!
//! A label of several parts joins each:
//!
//! ```
//! # use mcp_trust::label::{HighWater, Join};
//! use std::collections::BTreeSet;
//!
//! #[derive(Clone, PartialEq, Debug)]
//! struct Label {
//!     minor: HighWater<bool>,
//!     obligations: BTreeSet<&'static str>,
//! }
//!
//! impl Join for Label {
//!     fn raise(&mut self, other: &Self) {
//!         self.minor.raise(&other.minor);
//!         self.obligations.raise(&other.obligations);
//!     }
//! }
//!
//! let one = Label { minor: HighWater::new(true), obligations: ["no-log"].into() };
//! let two = Label { minor: HighWater::new(false), obligations: ["no-train"].into() };
//! let both = one.joined(&two);
//! assert!(both.covers(&one) && both.covers(&two));
//! assert!(!one.covers(&both));
//! ```
//!
//! Source: join semilattices, as Denning's lattice model of secure information flow (1976) has them.

use std::collections::{BTreeMap, BTreeSet};

/// Something that can be combined with another of its kind so that the result protects at least as much as either.
///
/// Implementations keep three laws, for which the tests of a label should look: the order does not matter, grouping does
/// not matter, and joining with oneself changes nothing.
pub trait Join: Clone + PartialEq {
    /// Takes on whatever the other has and this has not.
    fn raise(&mut self, other: &Self);

    /// Both together.
    #[must_use]
    fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.raise(other);
        joined
    }

    /// Whether this protects at least as much as the other.
    #[must_use]
    fn covers(&self, other: &Self) -> bool {
        self.joined(other) == *self
    }
}

/// The highest of all values that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct HighWater<L>(L);

impl<L: Ord + Clone> HighWater<L> {
    /// Begins at a level. It cannot be lowered from there.
    #[must_use]
    pub const fn new(level: L) -> Self {
        Self(level)
    }

    /// The level.
    #[must_use]
    pub const fn get(&self) -> &L {
        &self.0
    }
}

impl<L: Ord + Clone> Join for HighWater<L> {
    fn raise(&mut self, other: &Self) {
        if other.0 > self.0 {
            self.0 = other.0.clone();
        }
    }
}

/// A set joins by union: obligations, security codes.
impl<T: Ord + Clone> Join for BTreeSet<T> {
    fn raise(&mut self, other: &Self) {
        self.extend(other.iter().cloned());
    }
}

/// A map joins by key: a label for each subject or resource.
impl<K: Ord + Clone, L: Join> Join for BTreeMap<K, L> {
    fn raise(&mut self, other: &Self) {
        for (key, label) in other {
            match self.get_mut(key) {
                Some(own) => own.raise(label),
                None => {
                    self.insert(key.clone(), label.clone());
                }
            }
        }
    }
}

/// Nothing protects less than something.
impl<L: Join> Join for Option<L> {
    fn raise(&mut self, other: &Self) {
        match (self.as_mut(), other) {
            (Some(own), Some(other)) => own.raise(other),
            (None, Some(other)) => *self = Some(other.clone()),
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Label = BTreeMap<u8, Option<BTreeSet<HighWater<u8>>>>;

    fn label() -> impl Strategy<Value = (Label, HighWater<u8>)> {
        let set = prop::collection::btree_set((0..4_u8).prop_map(HighWater::new), 0..4);
        let map = prop::collection::btree_map(0..4_u8, prop::option::of(set), 0..4);
        (map, (0..4_u8).prop_map(HighWater::new))
    }

    fn laws<L: Join + std::fmt::Debug>(a: &L, b: &L, c: &L) {
        assert_eq!(a.joined(b), b.joined(a));
        assert_eq!(a.joined(b).joined(c), a.joined(&b.joined(c)));
        assert_eq!(a.joined(a), *a);
        // Which make it so that nothing ever falls.
        assert!(a.joined(b).covers(a) && a.joined(b).covers(b));
        assert!(a.joined(b).joined(c).covers(&a.joined(b)));
        // And that whoever covers both covers their join.
        if c.covers(a) && c.covers(b) {
            assert!(c.covers(&a.joined(b)));
        }
    }

    proptest! {
        #[test]
        fn joining_keeps_the_laws(a in label(), b in label(), c in label()) {
            laws(&a.0, &b.0, &c.0);
            laws(&a.1, &b.1, &c.1);
        }
    }
}
