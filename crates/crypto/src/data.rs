//! Data messages: AES-128-GCM with nothing readable; vector and key index travel beside the cipher text.

use aws_lc_rs::rand;

use crate::error::CryptoError;
use crate::frame::{IV_LEN, TAG_LEN};
use crate::keys::KeyStore;

/// An encrypted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedData {
    /// Cipher text and tag.
    pub data: Vec<u8>,
    /// Initialisation vector.
    pub iv: [u8; IV_LEN],
    /// Which key of the ring.
    pub key_index: u32,
}

/// Encrypts a message with a participant's key.
///
/// The vector is random: 2^32 messages with one key are as many as that is good for (NIST SP 800-38D §8.3).
///
/// # Errors
/// Where there is no key with that index.
pub fn seal_data(
    keys: &KeyStore,
    participant: &str,
    key_index: u32,
    data: &[u8],
) -> Result<SealedData, CryptoError> {
    let key = usize::try_from(key_index)
        .ok()
        .and_then(|index| keys.key(participant, index))
        .ok_or(CryptoError::MissingKey { index: key_index })?;
    let refused = CryptoError::Cipher { len: data.len() };
    let mut iv = [0; IV_LEN];
    rand::fill(&mut iv).map_err(|_| refused)?;
    let mut sealed = Vec::with_capacity(data.len() + TAG_LEN);
    sealed.extend_from_slice(data);
    let tag = key.seal(iv, &[], &mut sealed).ok_or(refused)?;
    sealed.extend_from_slice(&tag);
    Ok(SealedData {
        data: sealed,
        iv,
        key_index,
    })
}

/// Decrypts a message with a participant's key, or with one that the ratchet makes of it. The latter takes its time,
/// once for each key.
///
/// # Errors
/// Where there is no key with that index, none fits, or vector or cipher text have an impossible length.
pub fn open_data(
    keys: &KeyStore,
    participant: &str,
    key_index: u32,
    iv: &[u8],
    data: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let iv: [u8; IV_LEN] = iv.try_into().map_err(|_| CryptoError::Field {
        field: "the length of the initialisation vector",
        value: iv.len(),
        reason: "must be 12",
    })?;
    let len = data
        .len()
        .checked_sub(TAG_LEN)
        .ok_or(CryptoError::TooShort {
            what: "a tag",
            len: data.len(),
        })?;
    let missing = CryptoError::MissingKey { index: key_index };
    let index = usize::try_from(key_index).map_err(|_| missing)?;
    let key = keys.key(participant, index).ok_or(missing)?;
    let mut out = vec![0; len];
    if key.open(iv, &[], data, &mut out) {
        return Ok(out);
    }
    let mut tried = 1;
    while let Some(next) = keys.ahead(&key, tried - 1) {
        if next.open(iv, &[], data, &mut out) {
            keys.adopt(participant, index, &key, next);
            return Ok(out);
        }
        tried += 1;
    }
    Err(CryptoError::WrongKey {
        index: key_index,
        tried,
    })
}
