//! One key, the keys that the ratchet makes of it, and a ring of them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::derive::{Derivation, KEY_LEN, MATERIAL_LEN};
use crate::frame::{IV_LEN, TAG_LEN};

/// How keys follow from one another.
#[derive(Clone, Debug)]
pub(crate) struct Ratchet {
    pub(crate) derivation: Derivation,
    pub(crate) salt: Vec<u8>,
    /// Steps that a receiver tries.
    pub(crate) window: usize,
}

/// A key as the program gave it, and what it encrypts with.
pub struct Key {
    material: Zeroizing<Vec<u8>>,
    cipher: LessSafeKey,
    /// The keys that follow, nearest first, as far as somebody had use for them.
    ahead: Mutex<Vec<Arc<Key>>>,
    /// Held by whoever makes the next one.
    making: Mutex<()>,
}

impl Key {
    pub(crate) fn new(material: &[u8], ratchet: &Ratchet) -> Self {
        let secret: Zeroizing<[u8; KEY_LEN]> =
            Zeroizing::new(ratchet.derivation.derive(material, &ratchet.salt));
        let cipher = UnboundKey::new(&AES_128_GCM, &secret[..])
            .expect("an AES-128 key has 16 bytes, whatever they are");
        Self {
            material: Zeroizing::new(material.to_vec()),
            cipher: LessSafeKey::new(cipher),
            ahead: Mutex::default(),
            making: Mutex::default(),
        }
    }

    /// What the program gave.
    pub(crate) fn material(&self) -> &[u8] {
        &self.material
    }

    /// The key one step on.
    pub(crate) fn next(&self, ratchet: &Ratchet) -> Self {
        let material: Zeroizing<[u8; MATERIAL_LEN]> =
            Zeroizing::new(ratchet.derivation.derive(&self.material, &ratchet.salt));
        Self::new(&material[..], ratchet)
    }

    /// Those of the keys ahead that have been made.
    pub(crate) fn known_ahead(&self) -> Vec<Arc<Self>> {
        self.ahead.lock().clone()
    }

    /// The key `steps + 1` ahead, made now if need be; `None` outside the window. Costs two derivations.
    pub(crate) fn ahead(&self, steps: usize, ratchet: &Ratchet) -> Option<Arc<Self>> {
        if steps >= ratchet.window {
            return None;
        }
        let _one_at_a_time = self.making.lock();
        loop {
            let (len, last) = {
                let made = self.ahead.lock();
                if let Some(key) = made.get(steps) {
                    return Some(key.clone());
                }
                (made.len(), made.last().cloned())
            };
            debug_assert!(len <= steps, "the keys ahead are made in order");
            let next = match last {
                Some(last) => last.next(ratchet),
                None => self.next(ratchet),
            };
            self.ahead.lock().push(Arc::new(next));
        }
    }

    /// Encrypts in place; `None` where the cipher refuses.
    pub(crate) fn seal(
        &self,
        iv: [u8; IV_LEN],
        additional: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = self
            .cipher
            .seal_in_place_separate_tag(nonce, Aad::from(additional), text)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypts into `out`; false, and nothing of use in it, where the key is another or the bytes were changed.
    pub(crate) fn open(
        &self,
        iv: [u8; IV_LEN],
        additional: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> bool {
        let Some((text, tag)) = sealed.split_last_chunk::<TAG_LEN>() else {
            return false;
        };
        let nonce = Nonce::assume_unique_for_key(iv);
        self.cipher
            .open_separate_gather(nonce, Aad::from(additional), text, tag, out)
            .is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("ahead", &self.ahead.lock().len())
            .finish_non_exhaustive()
    }
}

/// Keys by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    keys: Vec<Option<Arc<Key>>>,
}

impl Ring {
    pub(crate) fn get(&self, index: usize) -> Option<&Arc<Key>> {
        self.keys.get(index)?.as_ref()
    }

    /// The index was checked against the ring's size.
    pub(crate) fn set(&mut self, index: usize, key: Arc<Key>) {
        if self.keys.len() <= index {
            self.keys.resize(index + 1, None);
        }
        self.keys[index] = Some(key);
    }
}
