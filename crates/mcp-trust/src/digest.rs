//! SHA-256 digests, and comparison that takes the same time whatever differs.
//!
//! A [`Digest`] is a type of its own so that it cannot be mixed up with other 32 bytes, and it is written with
//! the name of its algorithm: `sha256:` and 64 lower-case hexadecimal digits, as content addresses are in
//! container registries.
//!
//! Source: FIPS 180-4 (SHA-256), RFC 4648 (base64url, hexadecimal).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

/// Bytes of a digest.
pub const LENGTH: usize = 32;

/// What a digest's text begins with.
const PREFIX: &str = "sha256:";

/// Whether two byte strings are equal, in a time that depends on their lengths alone. For everything that a
/// sender could otherwise guess byte by byte: authentication codes, tokens, nonces.
///
/// ```
/// use mcp_trust::digest::constant_time_eq;
///
/// assert!(constant_time_eq(b"same", b"same"));
/// assert!(!constant_time_eq(b"same", b"other"));
/// ```
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A SHA-256 digest. Comparing two takes constant time.
///
/// ```
/// use mcp_trust::digest::Digest;
///
/// let digest = Digest::of(b"abc");
/// assert_eq!(
///     digest.to_string(),
///     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
/// );
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// assert_eq!(digest.to_base64url(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
/// ```
#[derive(Clone, Copy)]
pub struct Digest([u8; LENGTH]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DigestHasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Takes bytes that are a digest.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(2 * LENGTH), |mut hex, byte| {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
            hex
        })
    }

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// If they are not that. There is one way to write a digest, so upper case is refused.
    pub fn from_hex(hex: &str) -> Result<Self, DigestError> {
        let mut digest = [0; LENGTH];
        if hex.len() != 2 * LENGTH {
            return Err(DigestError);
        }
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            for &digit in pair {
                let value = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return Err(DigestError),
                };
                *byte = *byte << 4 | value;
            }
        }
        Ok(Self(digest))
    }

    /// 43 characters of base64url without padding, as JOSE writes digests.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads 43 characters of base64url without padding.
    ///
    /// # Errors
    /// If they are not that, or are not the only way to write the digest.
    pub fn from_base64url(text: &str) -> Result<Self, DigestError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| DigestError)?;
        bytes.try_into().map(Self).map_err(|_| DigestError)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.strip_prefix(PREFIX).ok_or(DigestError).and_then(Self::from_hex)
    }
}

/// As [`Display`](fmt::Display) writes it.
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no SHA-256 digest, or not written in the one way that it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no SHA-256 digest")]
pub struct DigestError;

/// Makes a digest of bytes that come piece by piece. How they are cut does not matter: if it should, put a length
/// before each piece.
///
/// ```
/// use mcp_trust::digest::{Digest, DigestHasher};
///
/// let mut hasher = DigestHasher::new();
/// hasher.update(b"a");
/// hasher.update(b"bc");
/// assert_eq!(hasher.finish(), Digest::of(b"abc"));
/// ```
#[derive(Clone)]
pub struct DigestHasher(ring::digest::Context);

impl DigestHasher {
    /// A hasher that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut digest = [0; LENGTH];
        for (to, from) in digest.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        Digest(digest)
    }
}

impl Default for DigestHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DigestHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestHasher(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FIPS 180-4's own examples, and one that crosses many blocks.
    #[test]
    fn published_digests() {
        for (bytes, hex) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                &[b'a'; 1_000_000],
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ),
        ] {
            assert_eq!(Digest::of(bytes).to_hex(), hex);
        }
    }

    #[test]
    fn there_is_one_way_to_write_a_digest() {
        let digest = Digest::of(b"abc");
        let (hex, base64) = (digest.to_hex(), digest.to_base64url());
        assert_eq!(Digest::from_hex(&hex), Ok(digest));
        assert_eq!(Digest::from_base64url(&base64), Ok(digest));
        for wrong in [
            &hex[1..],
            &hex.to_uppercase(),
            &format!("{hex}0"),
            "",
            &"é".repeat(32),
            &"+f".repeat(32),
        ] {
            assert!(Digest::from_hex(wrong).is_err(), "{wrong}");
            assert!(format!("sha256:{wrong}").parse::<Digest>().is_err());
        }
        // The last character has two bits that no byte uses.
        let bits = base64.replace("Fa0", "Fa1");
        for wrong in [&base64[1..], &bits, &format!("{base64}="), "", &base64.replace('-', "+")] {
            assert!(Digest::from_base64url(wrong).is_err(), "{wrong}");
        }
        assert!(hex.parse::<Digest>().is_err());
        assert!(format!("SHA256:{hex}").parse::<Digest>().is_err());
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
    }

    proptest! {
        #[test]
        fn texts_lead_back(bytes: [u8; LENGTH], other: [u8; LENGTH]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(Digest::from_hex(&digest.to_hex()), Ok(digest));
            prop_assert_eq!(Digest::from_base64url(&digest.to_base64url()), Ok(digest));
            prop_assert_eq!(digest == Digest::from_bytes(other), bytes == other);
        }

        #[test]
        fn pieces_do_not_matter(bytes: Vec<u8>, cut in any::<prop::sample::Index>()) {
            let (a, b) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut hasher = DigestHasher::default();
            hasher.update(a);
            hasher.update(b);
            prop_assert_eq!(hasher.finish(), Digest::of(&bytes));
        }
    }
}
