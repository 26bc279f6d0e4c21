//! The keys of all participants.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::derive::Derivation;
use crate::ring::{Key, Ratchet, Ring};

/// Most keys in a ring: the index is one byte on the wire.
pub const MAX_RING: usize = 256;

/// Settings of a [`KeyStore`].
#[derive(Clone, Debug)]
pub struct KeyOptions {
    /// One key for all participants.
    pub shared: bool,
    /// How many ratchet steps a receiver tries; 0 for none.
    pub ratchet_window: usize,
    /// Salt of the derivation.
    pub salt: Vec<u8>,
    /// So many failures in a row are not told.
    pub failure_tolerance: u32,
    /// Number of key indices, 1 to [`MAX_RING`]; else the nearest.
    pub ring_size: usize,
    /// How keys are made.
    pub derivation: Derivation,
}

/// Holds the keys of all participants. Shared between all who encrypt and decrypt.
///
/// Where keys are shared, each participant has a ring of its own that begins as the shared one: a ratchet that one of
/// them went through is that one's. A newly set shared key is everybody's.
pub struct KeyStore {
    shared: bool,
    failure_tolerance: u32,
    ring_size: usize,
    ratchet: Ratchet,
    rings: Mutex<Rings>,
}

#[derive(Default)]
struct Rings {
    shared: Ring,
    participants: HashMap<String, Ring>,
    sif_trailer: Arc<[u8]>,
}

impl KeyStore {
    /// A store without keys.
    #[must_use]
    pub fn new(options: KeyOptions) -> Self {
        Self {
            shared: options.shared,
            failure_tolerance: options.failure_tolerance,
            ring_size: options.ring_size.clamp(1, MAX_RING),
            ratchet: Ratchet {
                derivation: options.derivation,
                salt: options.salt,
                window: options.ratchet_window,
            },
            rings: Mutex::default(),
        }
    }

    /// Whether all participants share a key.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Sets the shared key; false where keys are not shared or the index is outside the ring.
    pub fn set_shared(&self, index: i32, material: &[u8]) -> bool {
        let Some(index) = self.place(index).filter(|_| self.shared) else {
            return false;
        };
        // Outside the lock: it takes its time.
        self.share(index, Arc::new(Key::new(material, &self.ratchet)));
        true
    }

    /// The shared key, as it was given or as the ratchet made it.
    #[must_use]
    pub fn shared_material(&self, index: i32) -> Option<Vec<u8>> {
        let index = self.place(index)?;
        let rings = self.rings.lock();
        Some(rings.shared.get(index)?.material().to_vec())
    }

    /// Moves the shared key one step on, for everybody; gives the new one. `None` where there is none.
    #[must_use]
    pub fn ratchet_shared(&self, index: i32) -> Option<Vec<u8>> {
        let index = self.place(index)?;
        let key = self.rings.lock().shared.get(index)?.clone();
        let next = Arc::new(key.next(&self.ratchet));
        self.share(index, next.clone());
        Some(next.material().to_vec())
    }

    /// Sets a participant's key; false where the index is outside the ring.
    pub fn set(&self, participant: &str, index: i32, material: &[u8]) -> bool {
        let Some(index) = self.place(index) else {
            return false;
        };
        let key = Arc::new(Key::new(material, &self.ratchet));
        self.put(participant, index, key);
        true
    }

    /// A participant's key, as it was given or as the ratchet made it.
    #[must_use]
    pub fn material(&self, participant: &str, index: i32) -> Option<Vec<u8>> {
        let key = self.key(participant, self.place(index)?)?;
        Some(key.material().to_vec())
    }

    /// Moves a participant's key one step on; gives the new one. `None` where there is none.
    #[must_use]
    pub fn ratchet(&self, participant: &str, index: i32) -> Option<Vec<u8>> {
        let index = self.place(index)?;
        let key = self.key(participant, index)?;
        let next = Arc::new(key.next(&self.ratchet));
        self.put(participant, index, next.clone());
        Some(next.material().to_vec())
    }

    /// Sets the bytes by which frames that the server made up are known; empty for none.
    pub fn set_sif_trailer(&self, trailer: &[u8]) {
        self.rings.lock().sif_trailer = trailer.into();
    }

    /// Makes all keys that may follow a key, which takes some 30 ms each; frames may be decrypted meanwhile, and use
    /// each as soon as it is there. For a thread that has the time.
    pub fn look_ahead(&self, key: &Key) {
        let mut steps = 0;
        while key.ahead(steps, &self.ratchet).is_some() {
            steps += 1;
        }
    }

    pub(crate) fn sif_trailer(&self) -> Arc<[u8]> {
        self.rings.lock().sif_trailer.clone()
    }

    pub(crate) fn failure_tolerance(&self) -> u32 {
        self.failure_tolerance
    }

    pub(crate) fn ratchet_window(&self) -> usize {
        self.ratchet.window
    }

    /// The key `steps + 1` ahead of one; `None` outside the window.
    pub(crate) fn ahead(&self, key: &Key, steps: usize) -> Option<Arc<Key>> {
        key.ahead(steps, &self.ratchet)
    }

    /// The key a participant's frames are encrypted with.
    pub(crate) fn key(&self, participant: &str, index: usize) -> Option<Arc<Key>> {
        if index >= self.ring_size {
            return None;
        }
        let rings = self.rings.lock();
        let own = rings.participants.get(participant);
        let key = own.and_then(|ring| ring.get(index));
        if key.is_none() && self.shared {
            return rings.shared.get(index).cloned();
        }
        key.cloned()
    }

    /// A participant went on from one key to another; unless somebody has set yet another meanwhile.
    pub(crate) fn adopt(&self, participant: &str, index: usize, from: &Arc<Key>, to: Arc<Key>) {
        let current = self.key(participant, index);
        if current.is_some_and(|current| Arc::ptr_eq(&current, from)) {
            self.put(participant, index, to);
        }
    }

    fn put(&self, participant: &str, index: usize, key: Arc<Key>) {
        let mut rings = self.rings.lock();
        match rings.participants.get_mut(participant) {
            Some(ring) => ring.set(index, key),
            None => {
                let mut ring = Ring::default();
                ring.set(index, key);
                rings.participants.insert(participant.to_owned(), ring);
            }
        }
    }

    fn share(&self, index: usize, key: Arc<Key>) {
        let mut rings = self.rings.lock();
        for ring in rings.participants.values_mut() {
            ring.set(index, key.clone());
        }
        rings.shared.set(index, key);
    }

    fn place(&self, index: i32) -> Option<usize> {
        usize::try_from(index)
            .ok()
            .filter(|index| *index < self.ring_size)
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore")
            .field("shared", &self.shared)
            .field("ring_size", &self.ring_size)
            .field("derivation", &self.ratchet.derivation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(shared: bool) -> KeyStore {
        KeyStore::new(KeyOptions {
            shared,
            ratchet_window: 4,
            salt: b"salt".to_vec(),
            failure_tolerance: 0,
            ring_size: 16,
            derivation: Derivation::Hkdf,
        })
    }

    #[test]
    fn keys_are_kept_by_participant_and_index() {
        let keys = store(false);
        assert!(keys.set("alice", 0, &[1]));
        assert!(keys.set("alice", 15, &[2]));
        assert_eq!(keys.material("alice", 15), Some(vec![2]));
        assert_eq!(keys.material("bob", 0), None);
        assert!(!keys.set("alice", 16, &[3]));
        assert!(!keys.set("alice", -1, &[3]));
        assert!(!keys.set_shared(0, &[4]));
        assert_eq!(keys.ratchet("bob", 0), None);
    }

    #[test]
    fn a_shared_key_is_everybodys_and_a_ratchet_of_one_is_that_ones() {
        let keys = store(true);
        assert_eq!(keys.ratchet_shared(0), None);
        assert!(keys.set_shared(0, &[9]));
        assert_eq!(keys.material("alice", 0), Some(vec![9]));
        let ratcheted = keys.ratchet("alice", 0).unwrap();
        assert_eq!(keys.material("alice", 0), Some(ratcheted.clone()));
        assert_eq!(keys.material("bob", 0), Some(vec![9]));
        // The same step, taken by all.
        assert_eq!(keys.ratchet_shared(0), Some(ratcheted.clone()));
        assert_eq!(keys.material("bob", 0), Some(ratcheted));
        assert!(keys.set_shared(0, &[7]));
        assert_eq!(keys.material("alice", 0), Some(vec![7]));
    }

    #[test]
    fn keys_ahead_are_those_that_the_ratchet_makes() {
        let keys = store(false);
        keys.set("alice", 0, b"first");
        let first = keys.key("alice", 0).unwrap();
        keys.look_ahead(&first);
        assert_eq!(first.known_ahead().len(), 4);
        let third = first.known_ahead()[2].material().to_vec();
        for _ in 0..2 {
            assert!(keys.ratchet("alice", 0).is_some());
        }
        assert_eq!(keys.ratchet("alice", 0), Some(third));
    }

    #[test]
    fn a_key_that_was_set_meanwhile_stays() {
        let keys = store(false);
        keys.set("alice", 0, b"old");
        let old = keys.key("alice", 0).unwrap();
        let next = keys.ahead(&old, 0).unwrap();
        keys.set("alice", 0, b"new");
        keys.adopt("alice", 0, &old, next);
        assert_eq!(keys.material("alice", 0), Some(b"new".to_vec()));
    }
}
