//! From what the program gives to keys (RFC 8018 §5.2, RFC 5869).

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};

/// As LiveKit's clients count.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");
/// HKDF's `info` is so many zeros.
const INFO: [u8; 128] = [0; 128];
/// HMAC-SHA-256 gives so much at once; nothing here needs more.
const BLOCK: usize = 32;

/// Bytes of an AES-128 key.
pub(crate) const KEY_LEN: usize = 16;
/// Bytes of what the ratchet makes.
pub(crate) const MATERIAL_LEN: usize = 32;

/// How keys are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Derivation {
    /// PBKDF2 with HMAC-SHA-256 and 100,000 rounds: for passwords. Takes some 10 ms.
    #[default]
    Pbkdf2,
    /// HKDF with SHA-256: for random keys. Takes microseconds.
    Hkdf,
}

impl Derivation {
    /// Derives `N` bytes, at most 32.
    pub(crate) fn derive<const N: usize>(self, material: &[u8], salt: &[u8]) -> [u8; N] {
        const { assert!(N <= BLOCK) };
        let mut out = [0; N];
        match self {
            Self::Pbkdf2 => {
                pbkdf2::derive(
                    pbkdf2::PBKDF2_HMAC_SHA256,
                    ITERATIONS,
                    salt,
                    material,
                    &mut out,
                );
            }
            Self::Hkdf => {
                // One block is enough: T(1) alone. The ready-made HKDF has limits on the salt's length, this has none.
                let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), material);
                let key = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
                let mut expand = hmac::Context::with_key(&key);
                expand.update(&INFO);
                expand.update(&[1]);
                out.copy_from_slice(&expand.sign().as_ref()[..N]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn keys_are_those_of_python_hashlib() {
        let key: [u8; KEY_LEN] = Derivation::Pbkdf2.derive(b"password", b"LKFrameEncryptionKey");
        assert_eq!(hex(&key), PBKDF2_KEY);
        let material: [u8; MATERIAL_LEN] =
            Derivation::Pbkdf2.derive(b"password", b"LKFrameEncryptionKey");
        assert_eq!(hex(&material), PBKDF2_MATERIAL);
        let key: [u8; KEY_LEN] = Derivation::Hkdf.derive(b"password", b"LKFrameEncryptionKey");
        assert_eq!(hex(&key), HKDF_KEY);
    }

    #[test]
    fn nothing_is_too_long_or_too_short() {
        for derivation in [Derivation::Pbkdf2, Derivation::Hkdf] {
            let empty: [u8; KEY_LEN] = derivation.derive(b"", b"");
            let long: [u8; KEY_LEN] = derivation.derive(&[1; 5_000], &[2; 5_000]);
            assert_ne!(empty, long);
        }
    }

    const PBKDF2_KEY: &str = "421890b1557504a8ea1a90c253b419e4";
    const PBKDF2_MATERIAL: &str =
        "421890b1557504a8ea1a90c253b419e4e1a3a43283f7115909d6fce6926e5e5f";
    const HKDF_KEY: &str = "ba01b33ca65575da0ac43ec45570668c";
}
