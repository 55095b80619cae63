//! One scope.

use std::fmt;
use std::str::FromStr;

use super::query::{self, Parameter};
use crate::server::Interaction;

/// A scope of SMART App Launch, or of somebody else.
///
/// ```
/// use mcp_ext_healthcare::server::Interaction;
/// use mcp_ext_healthcare::smart::{Level, Scope, ScopeError};
///
/// let Scope::Records(scope) = "patient/Observation.rs?category=laboratory".parse()? else { return Ok(()) };
/// assert_eq!((scope.level(), scope.resource_type()), (Level::Patient, Some("Observation")));
/// assert!(scope.permissions().has(Interaction::Read) && !scope.permissions().has(Interaction::Delete));
/// assert_eq!(scope.query().len(), 1);
///
/// // Version 1, in the words of version 2.
/// assert_eq!("user/*.write".parse::<Scope>()?.to_string(), "user/*.cud");
/// // Out of order: somebody means something else by it.
/// assert_eq!("user/*.dus".parse::<Scope>(), Err(ScopeError::Permissions));
/// # Ok::<(), ScopeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Access to records.
    Records(RecordScope),
    /// `launch`: the context in which an app is opened.
    Launch,
    /// `launch/patient` and the like: a context that is to be chosen.
    LaunchContext(String),
    /// `openid`
    OpenId,
    /// `fhirUser`
    FhirUser,
    /// `offline_access`
    OfflineAccess,
    /// `online_access`
    OnlineAccess,
    /// Not SMART's. It grants nothing here.
    Other(String),
}

/// On whose account access is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// `patient/`: to what belongs to the patient of the launch context.
    Patient,
    /// `user/`: to what the user may see.
    User,
    /// `system/`: to what a program may see that acts for nobody.
    System,
}

/// What may be done, of `cruds`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

/// Access to records of a type, or of all types: `user/Observation.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordScope {
    pub(super) level: Level,
    /// `None`: all types.
    pub(super) resource_type: Option<String>,
    pub(super) permissions: Permissions,
    pub(super) query: Vec<Parameter>,
}

/// Why a text is no scope. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// It is empty, or holds a character that a scope never has (RFC 6749, section 3.3): white space, `"`, `\`, or anything but
    /// ASCII.
    #[error(
        "a scope is made of printable ASCII characters other than space, quotation mark and backslash"
    )]
    Characters,
    /// What follows the slash is neither `*` nor a type's name with a dot behind.
    #[error("a scope for records names a type of resource, or `*`, before a dot")]
    ResourceType,
    /// What follows the dot is neither `read`, `write` or `*`, nor one or more of `cruds`, each once and in this order.
    #[error("a scope's permissions are `read`, `write`, `*`, or some of `cruds` in this order")]
    Permissions,
    /// What follows the question mark is not one or more of `name=value` with `&` between them.
    #[error("a scope's query is `name=value`, with `&` between several")]
    Query,
    /// A value of the query has a `%` without two hexadecimal digits, what is no UTF-8 when it is decoded, or a `+`, which some read
    /// as a space.
    #[error("a scope's query is percent-encoded UTF-8, without `+`")]
    Encoding,
    /// A scope of version 1 has a query.
    #[error("only scopes of version 2 have a query")]
    QueryOfVersion1,
    /// What follows `launch/` is no name.
    #[error("a scope for a launch context names it in small letters")]
    LaunchContext,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(ScopeError::Characters);
        }
        Ok(match text {
            "launch" => Self::Launch,
            "openid" => Self::OpenId,
            "fhirUser" => Self::FhirUser,
            "offline_access" => Self::OfflineAccess,
            "online_access" => Self::OnlineAccess,
            _ => match text.split_once('/') {
                Some(("launch", name)) => launch_context(name)?,
                Some(("patient", rest)) => Self::Records(RecordScope::parse(Level::Patient, rest)?),
                Some(("user", rest)) => Self::Records(RecordScope::parse(Level::User, rest)?),
                Some(("system", rest)) => Self::Records(RecordScope::parse(Level::System, rest)?),
                _ => Self::Other(text.to_owned()),
            },
        })
    }
}

fn launch_context(name: &str) -> Result<Scope, ScopeError> {
    // Version 2.2 lets it say what part the resource has: `launch/questionnaire?role=…`.
    let plain = name.split_once('?').map_or(name, |(plain, _)| plain);
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(ScopeError::LaunchContext);
    }
    Ok(Scope::LaunchContext(name.to_owned()))
}

impl RecordScope {
    fn parse(level: Level, rest: &str) -> Result<Self, ScopeError> {
        let (kind, rest) = rest.split_once('.').ok_or(ScopeError::ResourceType)?;
        let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase())
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if kind != "*" && !is_type {
            return Err(ScopeError::ResourceType);
        }
        let (letters, query) = match rest.split_once('?') {
            Some((letters, query)) => (letters, Some(query)),
            None => (rest, None),
        };
        let (permissions, is_version_1) = match letters {
            "read" => (Permissions::of("rs"), true),
            "write" => (Permissions::of("cud"), true),
            "*" => (Permissions::of("cruds"), true),
            letters => (Permissions::of(letters), false),
        };
        let permissions = permissions.ok_or(ScopeError::Permissions)?;
        let query = match query {
            Some(_) if is_version_1 => return Err(ScopeError::QueryOfVersion1),
            Some(query) => query::parse(query)?,
            None => Vec::new(),
        };
        let resource_type = (kind != "*").then(|| kind.to_owned());
        Ok(Self { level, resource_type, permissions, query })
    }

    /// On whose account.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// To records of which type; `None`: of all.
    #[must_use]
    pub fn resource_type(&self) -> Option<&str> {
        self.resource_type.as_deref()
    }

    /// To do what.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// The search parameters that a record must fit, all of them. Empty: every record.
    #[must_use]
    pub fn query(&self) -> &[Parameter] {
        &self.query
    }

    /// Whether it is about records of a type.
    #[must_use]
    pub fn is_of(&self, resource_type: &str) -> bool {
        self.resource_type.as_deref().is_none_or(|own| own == resource_type)
    }

    /// What both grant; `None` if that is nothing. The level stays its own.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let resource_type = match (&self.resource_type, &other.resource_type) {
            (Some(one), Some(two)) if one != two => return None,
            (Some(one), _) => Some(one.clone()),
            (None, two) => two.clone(),
        };
        let permissions = Permissions(self.permissions.0 & other.permissions.0);
        if permissions.0 == 0 {
            return None;
        }
        let mut query = self.query.clone();
        query.extend(other.query.iter().filter(|one| !self.query.contains(one)).cloned());
        Some(Self { level: self.level, resource_type, permissions, query })
    }
}

impl Permissions {
    /// `None` if the letters are not some of `cruds`, each once and in this order.
    fn of(letters: &str) -> Option<Self> {
        let mut rest = letters;
        let mut permissions = 0;
        for interaction in Interaction::ALL {
            if let Some(after) = rest.strip_prefix(letter(interaction)) {
                (permissions, rest) = (permissions | bit(interaction), after);
            }
        }
        (permissions != 0 && rest.is_empty()).then_some(Self(permissions))
    }

    /// Whether this is among them.
    #[must_use]
    pub fn has(self, interaction: Interaction) -> bool {
        self.0 & bit(interaction) != 0
    }
}

const fn letter(interaction: Interaction) -> char {
    match interaction {
        Interaction::Create => 'c',
        Interaction::Read => 'r',
        Interaction::Update => 'u',
        Interaction::Delete => 'd',
        Interaction::Search => 's',
    }
}

const fn bit(interaction: Interaction) -> u8 {
    match interaction {
        Interaction::Create => 1,
        Interaction::Read => 2,
        Interaction::Update => 4,
        Interaction::Delete => 8,
        Interaction::Search => 16,
    }
}

/// The letters.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut own = Interaction::ALL.into_iter().filter(|one| self.has(*one));
        own.try_for_each(|one| write!(f, "{}", letter(one)))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permissions({self})")
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        })
    }
}

/// As version 2 writes it.
impl fmt::Display for RecordScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.resource_type.as_deref().unwrap_or("*");
        write!(f, "{}/{kind}.{}", self.level, self.permissions)?;
        for (number, parameter) in self.query.iter().enumerate() {
            write!(f, "{}{parameter}", if number == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// As it stands in a token; scopes for records as version 2 writes them.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(scope) => scope.fmt(f),
            Self::Launch => f.write_str("launch"),
            Self::LaunchContext(name) => write!(f, "launch/{name}"),
            Self::OpenId => f.write_str("openid"),
            Self::FhirUser => f.write_str("fhirUser"),
            Self::OfflineAccess => f.write_str("offline_access"),
            Self::OnlineAccess => f.write_str("online_access"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
