//! A bounded memory of what was used lately.

use std::collections::HashMap;

use super::TaskId;

/// Values by task, bounded in number and bytes. When the young half is full it becomes the old one,
/// and what was old is forgotten: no value that was put in lately goes before one that was put in
/// long ago, and nothing has to be kept in order.
#[derive(Debug)]
pub(super) struct Lately<V> {
    young: HashMap<TaskId, (V, usize)>,
    young_bytes: usize,
    old: HashMap<TaskId, (V, usize)>,
    count: usize,
    bytes: usize,
}

impl<V> Lately<V> {
    /// Room for so many values of so many bytes together.
    pub(super) fn new(count: usize, bytes: usize) -> Self {
        Self { young: HashMap::new(), young_bytes: 0, old: HashMap::new(), count, bytes }
    }

    pub(super) fn get(&self, id: &TaskId) -> Option<&V> {
        self.young.get(id).or_else(|| self.old.get(id)).map(|(value, _)| value)
    }

    #[cfg(feature = "postgres")]
    pub(super) fn get_mut(&mut self, id: &TaskId) -> Option<&mut V> {
        self.young.get_mut(id).or_else(|| self.old.get_mut(id)).map(|(value, _)| value)
    }

    #[cfg(feature = "postgres")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&TaskId, &V)> {
        self.young.iter().chain(&self.old).map(|(id, (value, _))| (id, value))
    }

    #[cfg(feature = "postgres")]
    pub(super) fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// Forgets those that do not satisfy.
    #[cfg(feature = "postgres")]
    pub(super) fn retain(&mut self, satisfies: impl Fn(&V) -> bool) {
        self.young.retain(|_, (value, _)| satisfies(value));
        self.young_bytes = self.young.values().map(|(_, size)| size).sum();
        self.old.retain(|_, (value, _)| satisfies(value));
    }

    /// Keeps a value, unless it would take too much of the room alone.
    pub(super) fn put(&mut self, id: TaskId, value: V, size: usize) {
        self.remove(&id);
        if size > self.bytes / 8 {
            return;
        }
        if self.young.len() >= self.count / 2 || self.young_bytes + size > self.bytes / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += size;
        self.young.insert(id, (value, size));
    }

    pub(super) fn remove(&mut self, id: &TaskId) {
        if let Some((_, size)) = self.young.remove(id) {
            self.young_bytes -= size;
        } else {
            self.old.remove(id);
        }
    }

    #[cfg(any(feature = "embedded", feature = "postgres"))]
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.count, self.bytes);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_the_latest() {
        let ids: Vec<_> = (0..100).map(|_| TaskId::generate().unwrap()).collect();
        let mut lately = Lately::new(20, 8000);
        for (number, id) in ids.iter().enumerate() {
            lately.put(id.clone(), number, 1);
            let kept = ids.iter().filter(|id| lately.get(id).is_some()).count();
            assert!(kept <= 20 && kept >= 10.min(number + 1), "{kept}");
            assert_eq!(lately.get(id), Some(&number));
        }
        for id in &ids {
            lately.put(id.clone(), 0, 1000);
            let kept: usize = ids.iter().filter(|id| lately.get(id).is_some()).count();
            assert!(kept <= 8 + 20, "{kept}");
        }
        let bytes = |half: &HashMap<TaskId, (usize, usize)>| half.values().map(|v| v.1).sum();
        let (young, old): (usize, usize) = (bytes(&lately.young), bytes(&lately.old));
        assert_eq!(young, lately.young_bytes);
        assert!(young + old <= 8000);
        lately.put(ids[0].clone(), 1, 1001);
        assert_eq!(lately.get(&ids[0]), None, "neither the new one nor the one before");
        for id in &ids {
            lately.remove(id);
        }
        assert_eq!(lately.young_bytes, 0);
        assert!(lately.old.is_empty());
    }
}
