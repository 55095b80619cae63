//! What each side declares: SPEC.md, section 2.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label::{Confidentiality, Obligation};

/// The version of the specification that this crate implements, `major.minor`.
pub const VERSION: &str = "0.1";

mcp_core::wire! {
    /// What a server declares in `server/discover`: SPEC.md, section 2.1.
    ///
    /// ```
    /// use mcp_ext_healthcare::protocol::ServerSettings;
    ///
    /// let settings: ServerSettings = serde_json::from_str(r#"{"version":"0.1","later":1}"#)?;
    /// assert_eq!(settings.version, "0.1");
    /// assert_eq!(serde_json::to_string(&settings)?, r#"{"version":"0.1","later":1}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ServerSettings {
        required {
            /// The version of the specification, `major.minor`.
            version: String = "version",
        }
        optional {
            /// The versions of FHIR and the profiles that its records follow.
            fhir: FhirSettings = "fhir" => with_fhir,
            /// The SMART scopes that its tools use.
            scopes: Vec<ScopeSettings> = "scopes" => with_scopes,
            /// Whether a request must name a patient, and what it may name.
            context: ContextSettings = "context" => with_context,
            /// Whether a request must have a purpose, and which.
            purpose_of_use: PurposeSettings = "purposeOfUse" => with_purpose_of_use,
            /// How fine its labels are.
            labels: LabelSettings = "labels" => with_labels,
            /// What consents mean to it.
            consent: ConsentSettings = "consent" => with_consent,
            /// Whether what is withheld can be asked for in an emergency.
            break_glass: BreakGlassSettings = "breakGlass" => with_break_glass,
            /// What it leaves of an access.
            audit: AuditSettings = "audit" => with_audit,
            /// How it can de-identify.
            deid: DeidSettings = "deid" => with_deid,
            /// What can be exported in bulk.
            bulk: BulkSettings = "bulk" => with_bulk,
            /// What its FHIR server knows of terminology.
            terminology: TerminologySettings = "terminology" => with_terminology,
            /// The limits of one result.
            limits: LimitSettings = "limits" => with_limits,
        }
    }
}

mcp_core::wire! {
    /// The versions of FHIR that a server speaks.
    pub struct FhirSettings {
        required {
            /// `4.0` and `5.0` are defined.
            versions: Vec<String> = "versions",
        }
        optional {
            /// Canonical URLs of the profiles that its records follow.
            profiles: Vec<String> = "profiles" => with_profiles,
        }
    }
}

mcp_core::wire! {
    /// A SMART scope that tools use.
    pub struct ScopeSettings {
        required {
            /// The scope, such as `patient/Observation.rs`.
            name: String = "name",
            /// Whether nothing works without it.
            required: bool = "required",
        }
    }
}

mcp_core::wire! {
    /// What a request's context may or must name.
    pub struct ContextSettings {
        required {
            /// Whether a call of a tool that touches records must have a context.
            required: bool = "required",
            /// Which of `patient`, `encounter` and `fhirContext` are understood.
            accepts: Vec<String> = "accepts",
        }
    }
}

mcp_core::wire! {
    /// What a request's purpose may or must be.
    pub struct PurposeSettings {
        required {
            /// Whether a call of a tool that touches records must have a purpose.
            required: bool = "required",
            /// The codes that are understood.
            supported: Vec<String> = "supported",
        }
    }
}

/// How fine labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// One label for the whole result.
    Result,
    /// And one for each record.
    Resource,
}

mcp_core::wire! {
    /// How fine labels are.
    pub struct LabelSettings {
        required {
            /// Whether labels also tell each record's own.
            granularity: Granularity = "granularity",
        }
    }
}

/// What consents mean to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsentMode {
    /// They are not looked at.
    None,
    /// They can be asked about.
    Evaluate,
    /// What they deny is withheld.
    Enforce,
}

mcp_core::wire! {
    /// What consents mean to a server.
    pub struct ConsentSettings {
        required {
            /// Whether they are looked at, and whether they are enforced.
            mode: ConsentMode = "mode",
        }
    }
}

mcp_core::wire! {
    /// Whether what is withheld can be asked for in an emergency.
    pub struct BreakGlassSettings {
        required {
            /// Whether it can.
            supported: bool = "supported",
        }
        optional {
            /// How long a question can be answered, in seconds.
            max_ttl_seconds: u32 = "maxTtlSeconds" => with_max_ttl_seconds,
            /// How it is asked: `url`, and `form` where the operator says so.
            elicitation_modes: Vec<String> = "elicitationModes" => with_elicitation_modes,
        }
    }
}

mcp_core::wire! {
    /// What a server leaves of an access.
    pub struct AuditSettings {
        required {
            /// Whether each access leaves a receipt.
            receipts: bool = "receipts",
            /// Whether a receipt names the one before.
            chained: bool = "chained",
        }
        optional {
            /// The canonical URL of the profile that audit events follow.
            profile: String = "profile" => with_profile,
        }
    }
}

mcp_core::wire! {
    /// How a server can de-identify.
    pub struct DeidSettings {
        required {
            /// The methods, of SPEC.md, section 11.
            methods: Vec<String> = "methods",
        }
    }
}

mcp_core::wire! {
    /// What can be exported in bulk.
    pub struct BulkSettings {
        required {
            /// Of `patient`, `group` and `system`.
            levels: Vec<String> = "levels",
            /// Whether a client must have the tasks extension.
            requires_tasks: bool = "requiresTasks",
        }
    }
}

mcp_core::wire! {
    /// What a FHIR server knows of terminology.
    pub struct TerminologySettings {
        required {
            /// The operations that tools offer.
            operations: Vec<String> = "operations",
        }
        optional {
            /// The code systems, by their canonical URLs.
            systems: Vec<String> = "systems" => with_systems,
        }
    }
}

mcp_core::wire! {
    /// The limits of one result.
    pub struct LimitSettings {
        required {
            /// How many records.
            max_resources: u64 = "maxResources",
            /// How many bytes, all members of the result counted but `_meta`.
            max_bytes: u64 = "maxBytes",
        }
    }
}

/// Where a client's model runs.
///
/// The order is that of how far data go: the least first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ModelEgress {
    /// Nothing leaves to a model.
    None,
    /// On the user's machine.
    Local,
    /// At a party that is bound by agreement, a business associate agreement, say.
    Covered,
    /// Anywhere. What a client says nothing about is this.
    #[default]
    Uncovered,
}

mcp_core::wire! {
    /// What a client declares with each request: SPEC.md, section 2.2. Claims, which only tighten.
    ///
    /// ```
    /// use mcp_ext_healthcare::protocol::{ClientSettings, Confidentiality, ModelEgress};
    ///
    /// let settings: ClientSettings = serde_json::from_str(r#"{"version":"0.1"}"#)?;
    /// assert_eq!(settings.ceiling(), Confidentiality::Normal);
    /// assert_eq!(settings.egress(), ModelEgress::Uncovered);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ClientSettings {
        lenient {
            /// The version of the specification. A server refuses settings without it.
            version: String = "version" => with_version,
        }
        optional {
            /// The highest confidentiality that may be sent to the client.
            max_confidentiality: Confidentiality = "maxConfidentiality" => with_max_confidentiality,
            /// Where its model runs.
            model_egress: ModelEgress = "modelEgress" => with_model_egress,
            /// The obligations that its host keeps.
            obligations: BTreeSet<Obligation> = "obligations" => with_obligations,
            /// Whether it wants citations.
            citations: bool = "citations" => with_citations,
        }
    }
}

impl ClientSettings {
    /// The settings of a client that speaks this version and claims nothing.
    #[must_use]
    pub fn current() -> Self {
        Self::new().with_version(VERSION)
    }

    /// The highest confidentiality that may be sent: `N` unless it says more.
    #[must_use]
    pub fn ceiling(&self) -> Confidentiality {
        self.max_confidentiality.unwrap_or(Confidentiality::Normal)
    }

    /// Where its model runs: anywhere, unless it says less.
    #[must_use]
    pub fn egress(&self) -> ModelEgress {
        self.model_egress.unwrap_or_default()
    }

    /// Whether its host keeps an obligation.
    #[must_use]
    pub fn keeps(&self, obligation: &Obligation) -> bool {
        self.obligations.as_ref().is_some_and(|kept| kept.contains(obligation))
    }

    /// Whether it wants citations.
    #[must_use]
    pub fn wants_citations(&self) -> bool {
        self.citations.unwrap_or(true)
    }
}

/// Whether two versions can talk: their major parts are the same. What is no `major.minor` can talk to nobody.
///
/// ```
/// use mcp_ext_healthcare::protocol::same_major;
///
/// assert!(same_major("0.1", "0.7") && same_major("2.0", "2.11"));
/// assert!(!same_major("0.1", "1.1") && !same_major("0.1", "0") && !same_major("", ""));
/// ```
#[must_use]
pub fn same_major(one: &str, other: &str) -> bool {
    let major = |version: &str| -> Option<u64> {
        let (major, minor) = version.split_once('.')?;
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits(major) && digits(minor) { major.parse().ok() } else { None }
    };
    matches!((major(one), major(other)), (Some(one), Some(other)) if one == other)
}
