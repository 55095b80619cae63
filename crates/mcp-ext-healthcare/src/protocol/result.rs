//! What a result says of itself: SPEC.md, sections 5, 7, 8 and 15.

use std::fmt;

use mcp_core::extension::MetaKey;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::label::Label;

mcp_core::wire! {
    /// What a place in a result rests on: SPEC.md, section 7.
    pub struct Citation {
        required {
            /// A versioned reference, `Observation/7/_history/3`; a pseudonym if the result was de-identified.
            reference: String = "reference",
            /// The place in `structuredContent` (RFC 6901).
            pointer: String = "pointer",
            /// `sha256:` and the digest of the version's canonical form (RFC 8785) in hexadecimal; `keyed:` and a
            /// keyed digest if the result was de-identified.
            digest: String = "digest",
        }
        optional {
            /// The FHIRPath inside the record.
            path: String = "path" => with_path,
        }
    }
}

mcp_core::wire! {
    /// The receipt of one access: SPEC.md, section 8. It holds nothing of a person.
    pub struct Receipt {
        required {
            /// The audit event's id, at random.
            id: String = "id",
            /// When the event was recorded, a FHIR `instant`.
            recorded: String = "recorded",
            /// `sha256:` and the event's digest in the log, in hexadecimal.
            digest: String = "digest",
        }
        optional {
            /// The same of the entry before, in a log that is chained.
            prev: String = "prev" => with_prev,
            /// A signature of the members above.
            signature: String = "signature" => with_signature,
        }
    }
}

/// Why something was left out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Withheld {
    /// Its label is above what the client, or the tool, may have.
    Confidentiality,
    /// A consent denies it.
    Consent,
    /// The scopes do not reach it.
    Scope,
    /// It belongs to another patient.
    Compartment,
    /// The purpose does not allow it.
    Purpose,
}

mcp_core::wire! {
    /// What was left out of a result.
    pub struct Minimization {
        optional {
            /// The elements that were kept of each record.
            elements: Vec<String> = "elements" => with_elements,
            /// Whether there was more than a limit allowed.
            truncated: bool = "truncated" => with_truncated,
            /// The classes of reasons for which records were withheld.
            withheld: Vec<Withheld> = "withheld" => with_withheld,
        }
    }
}

/// What became of free text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FreeText {
    /// It was dropped.
    Dropped,
    /// A program scrubbed it, and nobody looked.
    ScrubbedUnverified,
}

mcp_core::wire! {
    /// How a result was de-identified.
    pub struct Deid {
        required {
            /// The method, of SPEC.md, section 11.
            method: String = "method",
            /// What became of free text.
            free_text: FreeText = "freeText",
        }
        optional {
            /// The name of the key that pseudonyms were made with.
            key_id: String = "keyId" => with_key_id,
        }
    }
}

/// Why a call was denied: SPEC.md, section 15.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DenialCode {
    /// The call must have a context.
    ContextMissing,
    /// The context differs from what the token was issued for.
    ContextMismatch,
    /// The call must have a purpose.
    PurposeMissing,
    /// The purpose is not known, or not allowed.
    PurposeDenied,
    /// The token's scopes do not suffice.
    ScopeInsufficient,
    /// A consent denies it.
    ConsentDenied,
    /// The result would be above what the client may have.
    LabelExceedsClient,
    /// The question was not answered in time, or its answer was used.
    BreakGlassExpired,
    /// The server does not de-identify by this method.
    DeidUnavailable,
    /// The version of FHIR is not served.
    FhirVersion,
    /// The server does not know a search parameter.
    UnknownSearchParam,
    /// The result is larger than the limits, and a part would mislead.
    ResultTooLarge,
    /// The access cannot be recorded.
    AuditUnavailable,
    /// A code of a later version.
    Other(String),
}

impl DenialCode {
    /// The codes that are defined.
    pub const DEFINED: [Self; 13] = [
        Self::ContextMissing,
        Self::ContextMismatch,
        Self::PurposeMissing,
        Self::PurposeDenied,
        Self::ScopeInsufficient,
        Self::ConsentDenied,
        Self::LabelExceedsClient,
        Self::BreakGlassExpired,
        Self::DeidUnavailable,
        Self::FhirVersion,
        Self::UnknownSearchParam,
        Self::ResultTooLarge,
        Self::AuditUnavailable,
    ];

    /// The code on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::ContextMissing => "context_missing",
            Self::ContextMismatch => "context_mismatch",
            Self::PurposeMissing => "purpose_missing",
            Self::PurposeDenied => "purpose_denied",
            Self::ScopeInsufficient => "scope_insufficient",
            Self::ConsentDenied => "consent_denied",
            Self::LabelExceedsClient => "label_exceeds_client",
            Self::BreakGlassExpired => "break_glass_expired",
            Self::DeidUnavailable => "deid_unavailable",
            Self::FhirVersion => "fhir_version",
            Self::UnknownSearchParam => "unknown_search_param",
            Self::ResultTooLarge => "result_too_large",
            Self::AuditUnavailable => "audit_unavailable",
            Self::Other(code) => code,
        }
    }

    /// What people read. It is the same for each denial of a code, so it holds nothing of a request or a record.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self {
            Self::ContextMissing => "The call was denied: it must say for which patient it is.",
            Self::ContextMismatch => {
                "The call was denied: its context is not the one that access was granted for."
            }
            Self::PurposeMissing => "The call was denied: it must say for what purpose it is.",
            Self::PurposeDenied => "The call was denied: its purpose is not allowed here.",
            Self::ScopeInsufficient => "The call was denied: the granted scopes do not suffice.",
            Self::ConsentDenied => "The call was denied: there is no consent to it.",
            Self::LabelExceedsClient => {
                "The call was denied: its result must not be sent to this client."
            }
            Self::BreakGlassExpired => {
                "The call was denied: the answer came too late, or was used before."
            }
            Self::DeidUnavailable => {
                "The call was denied: this way of de-identification is not offered."
            }
            Self::FhirVersion => "The call was denied: this version of FHIR is not served.",
            Self::UnknownSearchParam => {
                "The call was denied: it has a search parameter that is not known here."
            }
            Self::ResultTooLarge => "The call was denied: its result would be too large.",
            Self::AuditUnavailable => "The call was denied: the access could not be recorded.",
            Self::Other(_) => "The call was denied.",
        }
    }
}

impl fmt::Display for DenialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for DenialCode {
    fn from(code: String) -> Self {
        match Self::DEFINED.into_iter().find(|known| known.as_str() == code) {
            Some(known) => known,
            None => Self::Other(code),
        }
    }
}

impl Serialize for DenialCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for DenialCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl JsonSchema for DenialCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DenialCode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<String> =
            Self::DEFINED.iter().map(|code| code.as_str().to_owned()).collect();
        schemars::json_schema!({
            "type": "string",
            "description": "Why a call was denied. Later versions may have further codes.",
            "examples": codes,
        })
    }
}

mcp_core::wire! {
    /// A denial.
    pub struct Denial {
        required {
            /// Why.
            code: DenialCode = "code",
        }
        optional {
            /// Whether the user can ask for it in an emergency.
            break_glass: bool = "breakGlass" => with_break_glass,
        }
    }
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])* $name:ident = $key:literal: $value:ty;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl MetaKey for $name {
            const KEY: &'static str = $key;
            type Value = $value;
        }
    )*};
}

keys! {
    /// `dev.mcp-ext/healthcare.label`.
    LabelKey = "dev.mcp-ext/healthcare.label": Label;
    /// `dev.mcp-ext/healthcare.citations`.
    CitationsKey = "dev.mcp-ext/healthcare.citations": Vec<Citation>;
    /// `dev.mcp-ext/healthcare.audit`.
    AuditKey = "dev.mcp-ext/healthcare.audit": Receipt;
    /// `dev.mcp-ext/healthcare.minimization`.
    MinimizationKey = "dev.mcp-ext/healthcare.minimization": Minimization;
    /// `dev.mcp-ext/healthcare.deid`.
    DeidKey = "dev.mcp-ext/healthcare.deid": Deid;
    /// `dev.mcp-ext/healthcare.denial`.
    DenialKey = "dev.mcp-ext/healthcare.denial": Denial;
}
