//! Why a JSON Web Signature is refused.

use crate::keys::{Algorithm, KeyError};
use crate::strict::StrictError;

/// Why a JSON Web Signature is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// It is longer than the verifier reads.
    #[error("the signature is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// It has not the three parts of the form that was expected.
    #[error("the text has not the form of a signature")]
    Form,
    /// A part is not base64url, or not written in the one way that it is written.
    #[error("the {0} is not base64url")]
    Base64(&'static str),
    /// The signature has not the 64 bytes that signatures of our algorithms have.
    #[error("the signature has the wrong length")]
    Length,
    /// The protected header is not strict JSON, or no object with an `alg`.
    #[error("the header is refused")]
    Header(#[source] StrictError),
    /// The header says that nothing is signed.
    #[error("the header's algorithm is none")]
    AlgorithmNone,
    /// The algorithm is one that this crate does not know.
    #[error("the header's algorithm is not supported")]
    AlgorithmUnsupported,
    /// The algorithm is one that this verifier does not accept.
    #[error("the algorithm {0} is not accepted here")]
    AlgorithmNotAllowed(Algorithm),
    /// The header has a parameter that brings its own key, says where to fetch one, or changes what is signed.
    #[error("the header has the parameter {0}")]
    Parameter(&'static str),
    /// `crit` is not a list of distinct names of extensions that the header has.
    #[error("the header's list of critical parameters is malformed")]
    CriticalMalformed,
    /// `crit` names a parameter that this verifier does not understand.
    #[error("the header has a critical parameter that is not understood")]
    CriticalUnknown,
    /// `typ` is not what was expected: the signature was made for something else.
    #[error("the header's type is not the expected one")]
    Type,
    /// No key stands for the signature.
    #[error(transparent)]
    Key(#[from] KeyError),
}
