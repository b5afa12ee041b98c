//! Answers that hold for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Entries at most: more users than ever read from one component at a time.
const CAPACITY: usize = 1024;

/// A map whose entries expire.
#[derive(Debug)]
pub(super) struct Cache<K, V>(HashMap<K, (Instant, V)>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// What was put there, while it holds.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let (until, value) = self.0.get(key)?;
        (*until > now).then(|| value.clone())
    }

    /// Keeps a value for a while; when full, what would expire first goes.
    pub(super) fn put(&mut self, key: K, value: V, holds: Duration, now: Instant) {
        if holds.is_zero() {
            return;
        }
        if self.0.len() >= CAPACITY {
            self.0.retain(|_, (until, _)| *until > now);
        }
        if self.0.len() >= CAPACITY
            && let Some(first) =
                self.0.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone())
        {
            self.0.remove(&first);
        }
        self.0.insert(key, (now + holds, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_expire_and_make_room() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let second = Duration::from_secs(1);
        cache.put(0, "a", second, now);
        assert_eq!(cache.get(&0, now), Some("a"));
        assert_eq!(cache.get(&0, now + second), None);
        cache.put(1, "never", Duration::ZERO, now);
        assert_eq!(cache.get(&1, now), None);
        for key in 1..=2 * CAPACITY {
            cache.put(key, "b", second * 2, now);
        }
        assert_eq!(cache.0.len(), CAPACITY);
        assert_eq!(cache.get(&0, now), None, "the first to expire went first");
        cache.put(0, "c", second, now + second * 3);
        assert_eq!(cache.0.len(), 1);
    }
}
