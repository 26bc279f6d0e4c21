//! End-to-end encryption: keys, and the switches of each sender and receiver.
//!
//! The cipher is `lk-crypto`'s, and `pipeline::transform` puts it between encoders and packets. A sender or receiver whose
//! cryptor is switched on passes nothing that could not be encrypted or decrypted.

use std::fmt;
use std::sync::Arc;

use lk_crypto::{Derivation, KeyOptions, KeyStore, open_data, seal_data};

use crate::{
    callback::Callback,
    native::packet_trailer::PacketTrailerHandler,
    peer_connection_factory::PeerConnectionFactory,
    pipeline::transform::{Cryption, Cryptor},
    rtp_receiver::RtpReceiver,
    rtp_sender::RtpSender,
};

/// Told of a participant's new state.
pub type OnStateChange = Box<dyn FnMut(String, EncryptionState) + Send + Sync>;

/// How keys are made from what the program gives.
#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub enum KeyDerivationAlgorithm {
    /// PBKDF2 with SHA-256, for passwords.
    PBKDF2,
    /// HKDF with SHA-256, for keys.
    HKDF,
}

/// Settings of a [`KeyProvider`].
#[derive(Debug, Clone)]
pub struct KeyProviderOptions {
    /// One key for all participants.
    pub shared_key: bool,
    /// How many ratchet steps a receiver tries before it gives up.
    pub ratchet_window_size: i32,
    /// Salt of the derivation.
    pub ratchet_salt: Vec<u8>,
    /// So many failures in a row are not told; with a negative number the first one is. However many there are, the next
    /// frame is tried again.
    pub failure_tolerance: i32,
    /// Number of key indices, from 1 to 255.
    pub key_ring_size: i32,
    /// How keys are derived.
    pub key_derivation_algorithm: KeyDerivationAlgorithm,
}

/// The cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionAlgorithm {
    /// AES in Galois/counter mode.
    AesGcm,
    /// AES in cipher block chaining mode: nothing is encrypted with it, here or in the crate this one stands in for, and
    /// nothing passes.
    AesCbc,
}

/// How a participant's encryption fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionState {
    /// Nothing was encrypted or decrypted yet.
    New,
    /// The last frame passed.
    Ok,
    /// The last frame could not be encrypted.
    EncryptionFailed,
    /// The last frame could not be decrypted.
    DecryptionFailed,
    /// There is no key for it.
    MissingKey,
    /// The key moved on.
    KeyRatcheted,
    /// Something of ours is wrong or missing.
    InternalError,
}

/// An encrypted data message.
#[derive(Debug, Clone)]
pub struct EncryptedPacket {
    /// Cipher text and authentication tag.
    pub data: Vec<u8>,
    /// Initialisation vector.
    pub iv: Vec<u8>,
    /// Which key of the ring.
    pub key_index: u32,
}

/// Holds the keys of all participants. Clones share them.
#[derive(Clone)]
pub struct KeyProvider {
    keys: Arc<KeyStore>,
}

impl KeyProvider {
    /// A provider without keys.
    #[must_use]
    pub fn new(options: KeyProviderOptions) -> Self {
        let keys = KeyStore::new(KeyOptions {
            shared: options.shared_key,
            ratchet_window: usize::try_from(options.ratchet_window_size).unwrap_or(0),
            salt: options.ratchet_salt,
            failure_tolerance: u32::try_from(options.failure_tolerance).unwrap_or(0),
            ring_size: usize::try_from(options.key_ring_size).unwrap_or(0),
            derivation: match options.key_derivation_algorithm {
                KeyDerivationAlgorithm::PBKDF2 => Derivation::Pbkdf2,
                KeyDerivationAlgorithm::HKDF => Derivation::Hkdf,
            },
        });
        Self {
            keys: Arc::new(keys),
        }
    }

    /// Sets the key that all participants share; false where the provider does not share keys or the index is
    /// outside the ring. With PBKDF2 it takes some 10 ms.
    pub fn set_shared_key(&self, key_index: i32, key: Vec<u8>) -> bool {
        self.keys.set_shared(key_index, &key)
    }

    /// Moves the shared key one step on, for everybody, and gives the new one; `None` where there is none.
    #[must_use]
    pub fn ratchet_shared_key(&self, key_index: i32) -> Option<Vec<u8>> {
        self.keys.ratchet_shared(key_index)
    }

    /// The shared key, where one is set: as it was given, or as the ratchet made it.
    #[must_use]
    pub fn get_shared_key(&self, key_index: i32) -> Option<Vec<u8>> {
        self.keys.shared_material(key_index)
    }

    /// Sets a participant's key; false where the index is outside the ring. With PBKDF2 it takes some 10 ms.
    pub fn set_key(&self, participant_id: String, key_index: i32, key: Vec<u8>) -> bool {
        self.keys.set(&participant_id, key_index, &key)
    }

    /// Moves a participant's key one step on and gives the new one; `None` where there is none.
    #[must_use]
    pub fn ratchet_key(&self, participant_id: String, key_index: i32) -> Option<Vec<u8>> {
        self.keys.ratchet(&participant_id, key_index)
    }

    /// A participant's key, or the shared one where keys are shared and that participant's did not go on by itself.
    #[must_use]
    pub fn get_key(&self, participant_id: String, key_index: i32) -> Option<Vec<u8>> {
        self.keys.material(&participant_id, key_index)
    }

    /// Sets the bytes by which frames injected by the server are known.
    pub fn set_sif_trailer(&self, trailer: Vec<u8>) {
        self.keys.set_sif_trailer(&trailer);
    }
}

impl fmt::Debug for KeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyProvider")
            .field("keys", &self.keys)
            .finish()
    }
}

/// The switches of one sender's or receiver's encryption. Clones share them.
///
/// When the last clone of a sender's is gone the sender goes on as it was switched; a receiver, until another source
/// comes.
#[derive(Clone)]
pub struct FrameCryptor {
    inner: Arc<Inner>,
}

struct Inner {
    participant_id: String,
    cryptor: Arc<Cryptor>,
    on_state_change: Arc<Callback<dyn FnMut(String, EncryptionState) + Send + Sync>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cryptor.orphan();
    }
}

impl FrameCryptor {
    /// For what a sender sends. Switched off to begin with.
    #[must_use]
    pub fn new_for_rtp_sender(
        _peer_factory: &PeerConnectionFactory,
        participant_id: String,
        algorithm: EncryptionAlgorithm,
        key_provider: KeyProvider,
        sender: RtpSender,
    ) -> Self {
        let made = Self::new(participant_id, algorithm, &key_provider);
        let transform = sender.media().send_transform();
        transform.set_cryptor(made.inner.cryptor.clone());
        made
    }

    /// For what a receiver receives. Switched off to begin with.
    #[must_use]
    pub fn new_for_rtp_receiver(
        _peer_factory: &PeerConnectionFactory,
        participant_id: String,
        algorithm: EncryptionAlgorithm,
        key_provider: KeyProvider,
        receiver: RtpReceiver,
    ) -> Self {
        let made = Self::new(participant_id, algorithm, &key_provider);
        if let Some(transform) = receiver.media().recv_transform() {
            transform.set_cryptor(made.inner.cryptor.clone());
        }
        if let Some(audio) = receiver.media().audio() {
            audio.forget();
        }
        made
    }

    fn new(
        participant_id: String,
        algorithm: EncryptionAlgorithm,
        key_provider: &KeyProvider,
    ) -> Self {
        let on_state_change: Arc<Callback<dyn FnMut(String, EncryptionState) + Send + Sync>> =
            Arc::default();
        let (told, participant) = (Arc::downgrade(&on_state_change), participant_id.clone());
        let cryptor = Cryptor::new(
            key_provider.keys.clone(),
            &participant_id,
            algorithm == EncryptionAlgorithm::AesGcm,
            move |state| {
                if let Some(told) = told.upgrade() {
                    told.call(|callback| callback(participant.clone(), state.into()));
                }
            },
        );
        Self {
            inner: Arc::new(Inner {
                participant_id,
                cryptor: Arc::new(cryptor),
                on_state_change,
            }),
        }
    }

    /// Switches encryption on or off. While it is on, only what was encrypted is sent, and only what was decrypted is
    /// played; beside frames that the server makes up, which are silent or dark.
    pub fn set_enabled(&self, enabled: bool) {
        self.inner.cryptor.set_enabled(enabled);
    }

    /// Whether encryption is on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.inner.cryptor.enabled()
    }

    /// Chooses the key that is used for sending. With a negative one nothing is sent.
    pub fn set_key_index(&self, index: i32) {
        // As `key_index` gives it back: a number above every ring's size.
        self.inner.cryptor.set_key_index(index.cast_unsigned());
    }

    /// The key in use for sending.
    #[must_use]
    pub fn key_index(&self) -> i32 {
        self.inner.cryptor.key_index().cast_signed()
    }

    /// Whose media this is.
    #[must_use]
    pub fn participant_id(&self) -> String {
        self.inner.participant_id.clone()
    }

    /// Sets or removes who is told of changes: once each, on the media's thread, without a lock held.
    pub fn on_state_change(&self, handler: Option<OnStateChange>) {
        self.inner.on_state_change.set(handler);
    }

    /// Sets the handler whose trailer stays readable. There is nothing to do: trailers stand outside the encryption
    /// whenever a sender or receiver has both.
    pub fn set_packet_trailer_handler(&self, _handler: &PacketTrailerHandler) {}
}

impl fmt::Debug for FrameCryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameCryptor")
            .field("cryptor", &self.inner.cryptor)
            .finish_non_exhaustive()
    }
}

impl From<Cryption> for EncryptionState {
    fn from(state: Cryption) -> Self {
        match state {
            Cryption::New => Self::New,
            Cryption::Ok => Self::Ok,
            Cryption::EncryptionFailed => Self::EncryptionFailed,
            Cryption::DecryptionFailed => Self::DecryptionFailed,
            Cryption::MissingKey => Self::MissingKey,
            Cryption::KeyRatcheted => Self::KeyRatcheted,
        }
    }
}

/// Encrypts data messages. Clones share the keys.
#[derive(Debug, Clone)]
pub struct DataPacketCryptor {
    algorithm: EncryptionAlgorithm,
    key_provider: KeyProvider,
}

impl DataPacketCryptor {
    /// A cryptor over the provider's keys.
    #[must_use]
    pub fn new(algorithm: EncryptionAlgorithm, key_provider: KeyProvider) -> Self {
        Self {
            algorithm,
            key_provider,
        }
    }

    /// Encrypts a message with a participant's key.
    ///
    /// # Errors
    /// Where there is no such key, or the cipher is not AES-GCM.
    pub fn encrypt(
        &self,
        participant_id: &str,
        key_index: u32,
        data: &[u8],
    ) -> Result<EncryptedPacket, Box<dyn std::error::Error>> {
        self.check("encrypted")?;
        let sealed = seal_data(&self.key_provider.keys, participant_id, key_index, data)
            .map_err(|error| format!("the message cannot be encrypted: {error}"))?;
        Ok(EncryptedPacket {
            data: sealed.data,
            iv: sealed.iv.to_vec(),
            key_index: sealed.key_index,
        })
    }

    /// Decrypts a message with a participant's key, or with one that the ratchet makes of it.
    ///
    /// # Errors
    /// Where no key fits, the message is no encrypted one, or the cipher is not AES-GCM.
    pub fn decrypt(
        &self,
        participant_id: &str,
        encrypted_packet: &EncryptedPacket,
    ) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        self.check("decrypted")?;
        let EncryptedPacket {
            data,
            iv,
            key_index,
        } = encrypted_packet;
        let opened = open_data(
            &self.key_provider.keys,
            participant_id,
            *key_index,
            iv,
            data,
        )
        .map_err(|error| format!("the message cannot be decrypted: {error}"))?;
        Ok(opened)
    }

    fn check(&self, verb: &str) -> Result<(), Box<dyn std::error::Error>> {
        if self.algorithm == EncryptionAlgorithm::AesGcm {
            return Ok(());
        }
        let algorithm = self.algorithm;
        Err(format!("the message cannot be {verb}: {algorithm:?} is no cipher for messages").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(shared_key: bool) -> KeyProviderOptions {
        KeyProviderOptions {
            shared_key,
            ratchet_window_size: 16,
            ratchet_salt: b"salt".to_vec(),
            failure_tolerance: -1,
            key_ring_size: 16,
            key_derivation_algorithm: KeyDerivationAlgorithm::HKDF,
        }
    }

    #[test]
    fn keys_are_kept_by_participant_and_index() {
        let keys = KeyProvider::new(options(false));
        assert!(keys.set_key("alice".to_owned(), 0, vec![1]));
        assert!(keys.set_key("alice".to_owned(), 1, vec![2]));
        assert_eq!(keys.get_key("alice".to_owned(), 1), Some(vec![2]));
        assert_eq!(keys.get_key("bob".to_owned(), 0), None);
        assert!(!keys.set_key("alice".to_owned(), 16, vec![3]));
        assert!(!keys.set_key("alice".to_owned(), -1, vec![3]));
        assert!(!keys.set_shared_key(0, vec![4]));
        let ratcheted = keys.ratchet_key("alice".to_owned(), 0).expect("a key");
        assert_eq!(ratcheted.len(), 32);
        assert_eq!(keys.get_key("alice".to_owned(), 0), Some(ratcheted));
    }

    #[test]
    fn messages_are_encrypted_and_refused_without_a_key() {
        let keys = KeyProvider::new(options(true));
        let cryptor = DataPacketCryptor::new(EncryptionAlgorithm::AesGcm, keys.clone());
        let error = cryptor.encrypt("alice", 0, b"secret").expect_err("no key");
        assert!(error.to_string().contains("no key with index 0"), "{error}");
        keys.set_shared_key(0, vec![9]);
        let sealed = cryptor.encrypt("alice", 0, b"secret").expect("a key");
        assert!(!sealed.data.windows(6).any(|part| part == b"secret"));
        let opened = cryptor.decrypt("bob", &sealed).expect("the same key");
        assert_eq!(opened, b"secret");
        keys.set_shared_key(0, vec![8]);
        assert!(cryptor.decrypt("bob", &sealed).is_err());
    }

    #[test]
    fn another_cipher_is_refused_by_name() {
        let keys = KeyProvider::new(options(true));
        keys.set_shared_key(0, vec![9]);
        let cryptor = DataPacketCryptor::new(EncryptionAlgorithm::AesCbc, keys);
        let error = cryptor.encrypt("alice", 0, b"secret").expect_err("refused");
        assert!(error.to_string().contains("AesCbc"), "{error}");
    }
}
