//! Protecting RTCP that the stack cannot be asked to send (RFC 3711 §3.4, RFC 7714 §9).
//!
//! The keys are those of the session, which the stack uses too. What keeps the two apart is the sender's SSRC: it is part
//! of what a packet is encrypted with, so whoever protects here names an SSRC that the stack never sends RTCP for.

use str0m::config::CryptoProvider;
use str0m::crypto::dtls::SrtpProfile;
use str0m::crypto::{
    AeadAes128Gcm, AeadAes128GcmCipher, AeadAes256Gcm, AeadAes256GcmCipher, Aes128CmSha1_80,
    Aes128CmSha1_80Cipher, CryptoError, Sha1HmacProvider, SrtpProvider,
};

/// Labels of what is derived (RFC 3711 §4.3.2).
const CIPHER_KEY: u8 = 3;
const AUTHENTICATION_KEY: u8 = 4;
const SALT: u8 = 5;

/// First part of a packet, which stays readable: header and sender.
const CLEAR: usize = 8;
/// Set where a packet is encrypted; the index is the rest of the word.
const ENCRYPTED: u32 = 1 << 31;
/// A block more than the output has is what the counter mode of the provider wants to write to.
const BLOCK: usize = 16;

/// What DTLS gave for SRTP (RFC 5764 §4.2).
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) profile: SrtpProfile,
    /// Keys of client and server, then their salts.
    pub(crate) material: Vec<u8>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// Protects RTCP of one sender.
pub(crate) struct Srtcp {
    cipher: Cipher,
    index: u32,
}

enum Cipher {
    Counter {
        cipher: Box<dyn Aes128CmSha1_80Cipher>,
        salt: [u8; 14],
        authentication: [u8; 20],
        hmac: &'static dyn Sha1HmacProvider,
    },
    Gcm128(Box<dyn AeadAes128GcmCipher>, [u8; 12]),
    Gcm256(Box<dyn AeadAes256GcmCipher>, [u8; 12]),
}

impl Srtcp {
    /// With the keys of the side that was DTLS's `client`, or of the other one.
    ///
    /// `None` where the profile is unknown or the material too short for it.
    pub(crate) fn new(provider: &CryptoProvider, keys: &Keys, client: bool) -> Option<Self> {
        let srtp = provider.srtp_provider;
        let cipher = match keys.profile {
            SrtpProfile::AES128_CM_SHA1_80 => {
                let master = Master::<16, 14>::of(&keys.material, client)?;
                Cipher::Counter {
                    cipher: srtp
                        .aes_128_cm_sha1_80()
                        .create_cipher(master.derive(srtp, CIPHER_KEY), true),
                    salt: master.derive(srtp, SALT),
                    authentication: master.derive(srtp, AUTHENTICATION_KEY),
                    hmac: provider.sha1_hmac_provider,
                }
            }
            SrtpProfile::AEAD_AES_128_GCM => {
                let master = Master::<16, 12>::of(&keys.material, client)?;
                let key = master.derive(srtp, CIPHER_KEY);
                let cipher = srtp.aead_aes_128_gcm().create_cipher(key, true);
                Cipher::Gcm128(cipher, master.derive(srtp, SALT))
            }
            SrtpProfile::AEAD_AES_256_GCM => {
                let master = Master::<32, 12>::of(&keys.material, client)?;
                let key = master.derive(srtp, CIPHER_KEY);
                let cipher = srtp.aead_aes_256_gcm().create_cipher(key, true);
                Cipher::Gcm256(cipher, master.derive(srtp, SALT))
            }
            _ => return None,
        };
        Some(Self { cipher, index: 0 })
    }

    /// The compound packet as it goes out, of the sender whose SSRC stands in its first packet.
    ///
    /// # Errors
    /// The provider's.
    pub(crate) fn protect(&mut self, compound: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let short = || CryptoError::Other("an RTCP packet has at least eight bytes".to_owned());
        let (head, rest) = compound.split_first_chunk::<CLEAR>().ok_or_else(short)?;
        let [_, _, _, _, ssrc @ ..] = *head;
        let ssrc = u32::from_be_bytes(ssrc);
        let index = self.index;
        self.index = (index + 1) & !ENCRYPTED;
        let word = (ENCRYPTED | index).to_be_bytes();
        let mut packet = Vec::with_capacity(compound.len() + 2 * BLOCK);
        packet.extend_from_slice(head);
        match &mut self.cipher {
            Cipher::Counter {
                cipher,
                salt,
                authentication,
                hmac,
            } => {
                packet.resize(compound.len() + BLOCK, 0);
                let iv = Aes128CmSha1_80::rtp_iv(*salt, ssrc, index.into());
                cipher.encrypt(&iv, rest, packet.get_mut(CLEAR..).unwrap_or_default())?;
                packet.truncate(compound.len());
                packet.extend_from_slice(&word);
                let tag = hmac.sha1_hmac(authentication, &[&packet]);
                packet.extend(tag.iter().take(Aes128CmSha1_80::HMAC_TAG_LEN));
            }
            Cipher::Gcm128(cipher, salt) => {
                packet.resize(compound.len() + AeadAes128Gcm::TAG_LEN, 0);
                let iv = AeadAes128Gcm::rtcp_iv(*salt, ssrc, index);
                let output = packet.get_mut(CLEAR..).unwrap_or_default();
                cipher.encrypt(&iv, &associated(head, word), rest, output)?;
                packet.extend_from_slice(&word);
            }
            Cipher::Gcm256(cipher, salt) => {
                packet.resize(compound.len() + AeadAes256Gcm::TAG_LEN, 0);
                let iv = AeadAes256Gcm::rtcp_iv(*salt, ssrc, index);
                let output = packet.get_mut(CLEAR..).unwrap_or_default();
                cipher.encrypt(&iv, &associated(head, word), rest, output)?;
                packet.extend_from_slice(&word);
            }
        }
        Ok(packet)
    }
}

/// What is authenticated beside what is encrypted.
fn associated(head: &[u8; CLEAR], word: [u8; 4]) -> [u8; CLEAR + 4] {
    let mut associated = [0; CLEAR + 4];
    let (clear, index) = associated.split_at_mut(CLEAR);
    clear.copy_from_slice(head);
    index.copy_from_slice(&word);
    associated
}

/// Master key and salt of one side.
struct Master<const KEY: usize, const SALT: usize> {
    key: [u8; KEY],
    salt: [u8; SALT],
}

impl<const KEY: usize, const SALT: usize> Master<KEY, SALT> {
    fn of(material: &[u8], client: bool) -> Option<Self> {
        let (first, second) = material.split_first_chunk::<KEY>()?;
        let (second, salts) = second.split_first_chunk::<KEY>()?;
        let (first_salt, second_salt) = salts.split_first_chunk::<SALT>()?;
        let (second_salt, _) = second_salt.split_first_chunk::<SALT>()?;
        let (key, salt) = if client {
            (first, first_salt)
        } else {
            (second, second_salt)
        };
        Some(Self {
            key: *key,
            salt: *salt,
        })
    }

    /// RFC 3711 §4.3: AES in counter mode, of the salt with the label in it.
    fn derive<const LENGTH: usize>(&self, provider: &dyn SrtpProvider, label: u8) -> [u8; LENGTH] {
        let mut input = [0; BLOCK];
        for (byte, salt) in input.iter_mut().zip(&self.salt) {
            *byte = *salt;
        }
        input[7] ^= label;
        let mut derived = [0; LENGTH];
        for (round, part) in (0u16..).zip(derived.chunks_mut(BLOCK)) {
            let [high, low] = round.to_be_bytes();
            (input[14], input[15]) = (high, low);
            // Some providers pad: room for two blocks.
            let mut block = [0; 2 * BLOCK];
            if KEY == 16 {
                provider.srtp_aes_128_ecb_round(&self.key, &input, &mut block);
            } else {
                provider.srtp_aes_256_ecb_round(&self.key, &input, &mut block);
            }
            for (byte, from) in part.iter_mut().zip(block) {
                *byte = from;
            }
        }
        derived
    }
}

#[cfg(test)]
mod tests;
