//! What the types of FHIR are made of.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::table::{self, TableError};

/// A version of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FhirVersion {
    /// 4.0.1
    R4,
    /// 5.0.0
    R5,
}

impl FhirVersion {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::R4, Self::R5];

    /// Its definitions. They are read when they are first asked for (about a millisecond), and then shared.
    #[must_use]
    pub fn definitions(self) -> &'static Definitions {
        static R4: LazyLock<Definitions> =
            LazyLock::new(|| read(include_str!("../../tables/r4.txt")));
        static R5: LazyLock<Definitions> =
            LazyLock::new(|| read(include_str!("../../tables/r5.txt")));
        match self {
            Self::R4 => &R4,
            Self::R5 => &R5,
        }
    }

    /// The version's number.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::R4 => "4.0.1",
            Self::R5 => "5.0.0",
        }
    }
}

/// The tables are part of the program and a test reads them. Were one unreadable, there would be no type that anything knows, and
/// whatever protects records by their types refuses them all.
fn read(table: &'static str) -> Definitions {
    Definitions::parse(table).unwrap_or_default()
}

/// HL7's definitions of one version of FHIR, in short.
///
/// ```
/// use mcp_ext_healthcare::fhir::{Content, FhirVersion, Primitive};
///
/// let r4 = FhirVersion::R4.definitions();
/// let born = r4.element("Patient.birthDate").ok_or("no such element")?;
/// assert_eq!(born.content, Content::Primitive(Primitive::Date));
/// // One of a choice has the name that it has in JSON.
/// let deceased = r4.element("Patient.deceasedBoolean").ok_or("no such element")?;
/// assert!(deceased.is_modifier && deceased.choice == Some("deceased"));
/// // Paths go through datatypes.
/// assert!(r4.element("Patient.contact.name.family").is_some());
/// assert_eq!(r4.compartment("Account"), ["subject"]);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Default)]
pub struct Definitions {
    pub(super) version: &'static str,
    pub(super) types: HashMap<&'static str, (Kind, Shape)>,
    pub(super) shapes: Vec<Vec<Element>>,
    pub(super) codes: HashMap<&'static str, Vec<&'static str>>,
    pub(super) search: BTreeMap<&'static str, BTreeMap<&'static str, SearchParameter>>,
    pub(super) compartment: BTreeMap<&'static str, Vec<&'static str>>,
}

/// What kind of type a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Primitive,
    Complex,
    Resource,
}

/// A set of elements: those of a type, or of an element that has elements of its own. Of one [`Definitions`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape(pub(super) u32);

/// An element as JSON has it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Element {
    /// Its name in JSON; of a choice, with the datatype (`deceasedBoolean`).
    pub name: Cow<'static, str>,
    /// What it is one of, if it is one of a choice: `deceased`.
    pub choice: Option<&'static str>,
    /// Whether there must be one. Of a choice: whether there must be one of them.
    pub is_mandatory: bool,
    /// Whether it is an array.
    pub is_repeated: bool,
    /// Whether the rest of the record means something else without it.
    pub is_modifier: bool,
    /// The name of its datatype.
    pub datatype: &'static str,
    /// What it holds.
    pub content: Content,
    /// What it may refer to, if it is a reference or a canonical URL. Empty: anything.
    pub targets: Vec<&'static str>,
    /// The value set that a code must be from.
    pub codes: Option<&'static str>,
}

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A value without elements.
    Primitive(Primitive),
    /// Elements.
    Elements(Shape),
    /// Any resource.
    Resource,
}

/// FHIR's primitive datatypes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "FHIR names and describes them: hl7.org/fhir/datatypes.html#primitive"
)]
pub enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Integer64,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// A search parameter of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchParameter {
    /// `token`, `reference`, `date` and so on.
    pub kind: &'static str,
    /// What it looks at, in FHIRPath; alternatives with `|` between them. Empty if it has no expression (`_text`).
    pub expression: &'static str,
}

impl Definitions {
    /// Reads a table. Its form, line by line:
    ///
    /// ```text
    /// fhir 4.0.1
    /// codes administrative-gender female male other unknown    a value set of a required binding
    /// primitive boolean Element                                a type, and what it is derived from
    /// complex HumanName Element
    ///  use code=name-use                                       an element of it, within the value set
    ///  given * string                                          cardinality: nothing is 0..1, 1 is 1..1, * is 0..*, + is 1..*
    /// resource Patient DomainResource
    ///  deceased[x]! boolean|dateTime                           a choice, which modifies
    ///  contact * BackboneElement
    ///   organization Reference(Organization)                   an element of `contact`, and what it may refer to
    /// search Patient birthdate date Patient.birthDate
    /// compartment Account subject
    /// ```
    ///
    /// # Errors
    /// If a line has another form, or names what is not there.
    pub fn parse(table: &'static str) -> Result<Self, TableError> {
        table::parse(table)
    }

    /// The version's number.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// The elements of a resource type; `None` if there is no such type.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<Shape> {
        self.types.get(name).filter(|(kind, _)| *kind == Kind::Resource).map(|(_, shape)| *shape)
    }

    /// The elements of a datatype that has elements.
    #[must_use]
    pub fn datatype(&self, name: &str) -> Option<Shape> {
        self.types.get(name).filter(|(kind, _)| *kind == Kind::Complex).map(|(_, shape)| *shape)
    }

    /// The names of all resource types, in no order.
    pub fn resources(&self) -> impl Iterator<Item = &'static str> {
        self.types.iter().filter(|(_, (kind, _))| *kind == Kind::Resource).map(|(name, _)| *name)
    }

    /// The elements of a shape, by name.
    #[must_use]
    pub fn elements(&self, shape: Shape) -> &[Element] {
        usize::try_from(shape.0).ok().and_then(|at| self.shapes.get(at)).map_or(&[], Vec::as_slice)
    }

    /// The element of a shape that has this name in JSON.
    #[must_use]
    pub fn member(&self, shape: Shape, name: &str) -> Option<&Element> {
        let elements = self.elements(shape);
        let at = elements.binary_search_by(|element| element.name.as_ref().cmp(name)).ok()?;
        elements.get(at)
    }

    /// The element at a path of names as JSON has them, from a type on.
    #[must_use]
    pub fn element(&self, path: &str) -> Option<&Element> {
        let mut names = path.split('.');
        let (_, shape) = self.types.get(names.next()?)?;
        let mut element = self.member(*shape, names.next()?)?;
        for name in names {
            let Content::Elements(shape) = element.content else { return None };
            element = self.member(shape, name)?;
        }
        Some(element)
    }

    /// The codes of a value set that an element is bound to, sorted; `None` if they cannot be listed.
    #[must_use]
    pub fn codes(&self, value_set: &str) -> Option<&[&'static str]> {
        self.codes.get(value_set).map(Vec::as_slice)
    }

    /// The names of a type's mandatory elements.
    #[must_use]
    pub fn mandatory(&self, resource_type: &str) -> Vec<&str> {
        let elements = self.resource(resource_type).map_or(&[][..], |shape| self.elements(shape));
        elements
            .iter()
            .filter(|element| element.is_mandatory)
            .map(|element| &*element.name)
            .collect()
    }

    /// A search parameter of a type, its own or one that all types have.
    #[must_use]
    pub fn search_parameter(&self, resource_type: &str, name: &str) -> Option<&SearchParameter> {
        let mut bases = [resource_type, "DomainResource", "Resource"].into_iter();
        self.resource(resource_type)?;
        bases.find_map(|base| self.search.get(base)?.get(name))
    }

    /// The search parameters of a type, its own and those that all types have, by name.
    pub fn search_parameters(
        &self,
        resource_type: &str,
    ) -> impl Iterator<Item = (&'static str, &SearchParameter)> + use<'_> {
        let is_type = self.resource(resource_type).is_some();
        let mut all: BTreeMap<&'static str, &SearchParameter> = BTreeMap::new();
        for base in ["Resource", "DomainResource", resource_type].iter().filter(|_| is_type) {
            let of_base = self.search.get(*base).into_iter().flatten();
            all.extend(of_base.map(|(name, parameter)| (*name, parameter)));
        }
        all.into_iter()
    }

    /// The search parameters that put a type into the patient's compartment; none if it never is in one.
    #[must_use]
    pub fn compartment(&self, resource_type: &str) -> &[&'static str] {
        self.compartment.get(resource_type).map_or(&[], Vec::as_slice)
    }
}

impl Primitive {
    /// The datatype of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "integer64" => Self::Integer64,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }
}
