//! What can go wrong with a frame or a message.

/// Why something could not be encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The ring has no key there.
    #[error("there is no key with index {index}")]
    MissingKey {
        /// Of the ring.
        index: u32,
    },
    /// A frame or message that is shorter than its own header, or the parts that encryption adds.
    #[error("{len} bytes are too few for {what}")]
    TooShort {
        /// What should have been there.
        what: &'static str,
        /// How many bytes there are.
        len: usize,
    },
    /// A field does not have the one value that is known.
    #[error("{field} is {value}: {reason}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it says.
        value: usize,
        /// What it should be.
        reason: &'static str,
    },
    /// The tag is not the key's: another key, or changed bytes.
    #[error("no key fits: index {index}, {tried} keys tried")]
    WrongKey {
        /// Of the ring.
        index: u32,
        /// The key itself and those that the ratchet made of it.
        tried: usize,
    },
    /// The cipher refused.
    #[error("{len} bytes cannot be encrypted")]
    Cipher {
        /// Of the plain text.
        len: usize,
    },
}
