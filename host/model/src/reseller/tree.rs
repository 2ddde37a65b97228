//! Who stands below whom. Asked on every request of a reseller, therefore in memory: a look takes as many steps as the tree is deep.
//!
//! Invariant: there is no way round in a circle, and every parent exists.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::ResellerId;

/// The forest of resellers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResellerTree {
    nodes: BTreeMap<ResellerId, Node>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    parent: Option<ResellerId>,
    children: BTreeSet<ResellerId>,
}

/// Why a reseller cannot stand where it was asked to.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// There is no such parent.
    #[error("reseller {id} cannot stand below reseller {parent}, which does not exist")]
    NoSuchParent {
        /// Who.
        id: ResellerId,
        /// Below whom.
        parent: ResellerId,
    },
    /// It would stand below itself.
    #[error("reseller {id} cannot stand below reseller {parent}, which is itself or stands below it")]
    Circle {
        /// Who.
        id: ResellerId,
        /// Below whom.
        parent: ResellerId,
    },
}

impl ResellerTree {
    /// From every reseller and its parent, in any order.
    pub fn of(resellers: impl IntoIterator<Item = (ResellerId, Option<ResellerId>)>) -> Result<Self, TreeError> {
        let all: BTreeMap<ResellerId, Option<ResellerId>> = resellers.into_iter().collect();
        let mut tree = Self::default();
        for id in all.keys() {
            // Everybody between this one and the next that is in the tree already, from below.
            let (mut way, mut next) = (BTreeSet::new(), Some(*id));
            let mut order = Vec::new();
            while let Some(id) = next.filter(|id| !tree.contains(*id)) {
                let below = order.last().copied().unwrap_or(id);
                if !way.insert(id) {
                    return Err(TreeError::Circle { id: below, parent: id });
                }
                order.push(id);
                next = *all.get(&id).ok_or(TreeError::NoSuchParent { id: below, parent: id })?;
            }
            for id in order.into_iter().rev() {
                tree.put(id, all.get(&id).copied().flatten())?;
            }
        }
        Ok(tree)
    }

    /// Adds a reseller, or moves it with everybody below it.
    pub fn put(&mut self, id: ResellerId, parent: Option<ResellerId>) -> Result<(), TreeError> {
        if let Some(parent) = parent {
            if id == parent || (self.contains(id) && self.is_within(id, parent)) {
                return Err(TreeError::Circle { id, parent });
            }
            self.nodes.get_mut(&parent).ok_or(TreeError::NoSuchParent { id, parent })?.children.insert(id);
        }
        let node = self.nodes.entry(id).or_default();
        let before = std::mem::replace(&mut node.parent, parent);
        if let Some(before) = before.filter(|before| Some(*before) != parent)
            && let Some(node) = self.nodes.get_mut(&before)
        {
            node.children.remove(&id);
        }
        Ok(())
    }

    /// Takes out one that has nobody below it; whether it was there and did not.
    pub fn remove(&mut self, id: ResellerId) -> bool {
        match self.nodes.get(&id) {
            Some(node) if node.children.is_empty() => {
                let parent = node.parent;
                self.nodes.remove(&id);
                if let Some(node) = parent.and_then(|parent| self.nodes.get_mut(&parent)) {
                    node.children.remove(&id);
                }
                true
            }
            _ => false,
        }
    }

    /// Whether there is such a reseller.
    pub fn contains(&self, id: ResellerId) -> bool {
        self.nodes.contains_key(&id)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Who it stands directly below.
    pub fn parent(&self, id: ResellerId) -> Option<ResellerId> {
        self.nodes.get(&id)?.parent
    }

    /// Who stands directly below it, by id; none for those directly below the house.
    pub fn children(&self, id: Option<ResellerId>) -> Vec<ResellerId> {
        match id {
            Some(id) => self.nodes.get(&id).map(|node| node.children.iter().copied().collect()).unwrap_or_default(),
            None => self.nodes.iter().filter(|(_, node)| node.parent.is_none()).map(|(id, _)| *id).collect(),
        }
    }

    /// Itself and everybody above it, nearest first. Nobody, where it does not exist.
    pub fn upwards(&self, id: ResellerId) -> impl Iterator<Item = ResellerId> + '_ {
        std::iter::successors(Some(id).filter(|id| self.contains(*id)), |id| self.parent(*id))
    }

    /// Whether `id` is `top` or stands below it; never for one that does not exist.
    pub fn is_within(&self, top: ResellerId, id: ResellerId) -> bool {
        self.upwards(id).any(|above| above == top)
    }

    /// Whether `id` stands below `top` and is not `top` itself.
    pub fn is_below(&self, top: ResellerId, id: ResellerId) -> bool {
        id != top && self.is_within(top, id)
    }

    /// Itself and everybody below it, each before those below it. Nobody, where it does not exist.
    pub fn within(&self, top: ResellerId) -> Vec<ResellerId> {
        let mut found = Vec::new();
        let mut open = if self.contains(top) { vec![top] } else { Vec::new() };
        while let Some(id) = open.pop() {
            found.push(id);
            open.extend(self.nodes.get(&id).into_iter().flat_map(|node| node.children.iter().rev().copied()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u64) -> ResellerId {
        ResellerId(number)
    }

    fn of(pairs: &[(u64, u64)]) -> Result<ResellerTree, TreeError> {
        ResellerTree::of(pairs.iter().map(|(one, parent)| (id(*one), Some(id(*parent)).filter(|_| *parent != 0))))
    }

    #[test]
    fn everybody_knows_who_stands_below() {
        let mut tree = of(&[(1, 0), (2, 5), (3, 2), (4, 0), (5, 1)]).unwrap();
        assert_eq!(tree.within(id(1)), [1, 5, 2, 3].map(id));
        assert_eq!(tree.upwards(id(3)).collect::<Vec<_>>(), [3, 2, 5, 1].map(id));
        assert_eq!((tree.children(None), tree.children(Some(id(5)))), (vec![id(1), id(4)], vec![id(2)]));
        assert!(tree.is_within(id(1), id(1)) && !tree.is_below(id(1), id(1)) && tree.is_below(id(1), id(3)));
        assert!(!tree.is_within(id(4), id(3)) && !tree.is_within(id(9), id(9)) && !tree.is_within(id(1), id(9)));

        assert_eq!(tree.put(id(1), Some(id(3))), Err(TreeError::Circle { id: id(1), parent: id(3) }));
        assert_eq!(tree.put(id(7), Some(id(7))), Err(TreeError::Circle { id: id(7), parent: id(7) }));
        assert_eq!(tree.put(id(3), Some(id(9))), Err(TreeError::NoSuchParent { id: id(3), parent: id(9) }));
        tree.put(id(2), Some(id(4))).unwrap();
        assert_eq!((tree.within(id(1)), tree.within(id(4))), (vec![id(1), id(5)], [4, 2, 3].map(id).to_vec()));
        assert!(!tree.remove(id(4)) && tree.remove(id(5)) && !tree.remove(id(5)));
        assert_eq!(tree.children(Some(id(1))), []);
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert_eq!(of(&[(1, 2)]), Err(TreeError::NoSuchParent { id: id(1), parent: id(2) }));
        assert!(matches!(of(&[(1, 1)]), Err(TreeError::Circle { .. })));
        assert!(matches!(of(&[(1, 2), (2, 3), (3, 2), (4, 0)]), Err(TreeError::Circle { .. })));
    }

    /// As deep as there are resellers, without running out of stack.
    #[test]
    fn a_long_chain_is_a_tree() {
        let chain: Vec<(u64, u64)> = (1..=20_000)
            .map(|one| (one, one % 20_000 + 1))
            .map(|(one, up)| (one, if up == 1 { 0 } else { up }))
            .collect();
        let tree = of(&chain).unwrap();
        assert_eq!(tree.within(id(20_000)).len(), 20_000);
        assert!(tree.is_below(id(20_000), id(1)));
    }

    proptest! {
        /// Against parents in a map, walked naively.
        #[test]
        fn moves_never_make_a_circle(moves in prop::collection::vec((1..9_u64, 0..9_u64), 0..60)) {
            let mut tree = ResellerTree::default();
            let mut parents: BTreeMap<u64, u64> = BTreeMap::new();
            for (one, parent) in moves {
                let mut up = parent;
                let mut circle = one == parent;
                while up != 0 && !circle {
                    circle = up == one;
                    up = parents.get(&up).copied().unwrap_or(0);
                }
                let fits = !circle && (parent == 0 || parents.contains_key(&parent));
                let result = tree.put(id(one), Some(id(parent)).filter(|_| parent != 0));
                prop_assert_eq!(result.is_ok(), fits, "{} below {}", one, parent);
                if fits {
                    parents.insert(one, parent);
                }
            }
            let pairs: Vec<(u64, u64)> = parents.iter().map(|(one, parent)| (*one, *parent)).collect();
            prop_assert_eq!(of(&pairs), Ok(tree.clone()));
            for one in parents.keys() {
                let within = tree.within(id(*one));
                for other in parents.keys() {
                    prop_assert_eq!(within.contains(&id(*other)), tree.is_within(id(*one), id(*other)));
                }
            }
        }
    }
}
