//! What encrypts one sender's frames.

use std::sync::Arc;

use aws_lc_rs::rand;
use parking_lot::Mutex;

use crate::error::CryptoError;
use crate::frame::{self, IV_LEN};
use crate::header::FrameKind;
use crate::keys::KeyStore;

/// Encrypts the frames of one participant's track, in all its RTP streams.
#[derive(Debug)]
pub struct FrameSealer {
    keys: Arc<KeyStore>,
    participant: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// SSRCs and what has been counted for each.
    counts: Vec<(u32, u32)>,
    scratch: Vec<u8>,
}

impl FrameSealer {
    /// For a participant's frames.
    #[must_use]
    pub fn new(keys: Arc<KeyStore>, participant: String) -> Self {
        Self {
            keys,
            participant,
            state: Mutex::default(),
        }
    }

    /// Replaces what is in `out` by the sealed frame. `ssrc` and `timestamp` go into the initialisation vector.
    ///
    /// # Errors
    /// Where there is no key, or the frame is not what its kind says. `out` is not to be sent then.
    pub fn seal(
        &self,
        kind: FrameKind,
        key_index: u32,
        ssrc: u32,
        timestamp: u32,
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let missing = CryptoError::MissingKey { index: key_index };
        let index = u8::try_from(key_index).map_err(|_| missing)?;
        let key = self
            .keys
            .key(&self.participant, usize::from(index))
            .ok_or(missing)?;
        out.clear();
        let mut state = self.state.lock();
        let State { counts, scratch } = &mut *state;
        let iv = vector(counts, ssrc, timestamp).ok_or(CryptoError::Cipher { len: frame.len() })?;
        frame::seal(kind, &key, index, iv, frame, out, scratch)
    }
}

/// An initialisation vector that no other frame has: SSRC, timestamp, timestamp less a count that starts at random.
///
/// The count runs through all 32 bits, so that it takes 2^32 frames of one SSRC at one timestamp to repeat.
fn vector(counts: &mut Vec<(u32, u32)>, ssrc: u32, timestamp: u32) -> Option<[u8; IV_LEN]> {
    let at = match counts.iter().position(|(known, _)| *known == ssrc) {
        Some(at) => at,
        None => {
            let mut random = [0; 4];
            rand::fill(&mut random).ok()?;
            counts.push((ssrc, u32::from_be_bytes(random)));
            counts.len() - 1
        }
    };
    let count = &mut counts[at].1;
    *count = count.wrapping_add(1);
    let mut iv = [0; IV_LEN];
    iv[..4].copy_from_slice(&ssrc.to_be_bytes());
    iv[4..8].copy_from_slice(&timestamp.to_be_bytes());
    iv[8..].copy_from_slice(&timestamp.wrapping_sub(*count).to_be_bytes());
    Some(iv)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_vector_comes_twice() {
        let mut counts = Vec::new();
        let mut seen = HashSet::new();
        for round in 0..70_000_u32 {
            // Layers share a timestamp.
            assert!(seen.insert(vector(&mut counts, 7, round / 3).unwrap()));
        }
        assert!(seen.insert(vector(&mut counts, 8, 0).unwrap()));
        let iv = vector(&mut counts, 0x0102_0304, 0x0506_0708).unwrap();
        assert_eq!(iv[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
