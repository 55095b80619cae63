//! What can become of an element.

/// What becomes of an element. The names are those of `tables/deid.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Rule {
    /// It is dropped.
    Drop,
    /// Its elements are judged one by one; with none left it is dropped.
    Walk,
    /// The whole record is withheld.
    Withhold,
    /// A number or a boolean, as written.
    Keep,
    /// The year of a date, unless it tells of an age over 89.
    Year,
    /// A date in full.
    Date,
    /// A time of day.
    Time,
    /// A code of the list that FHIR closes.
    Listed,
    /// A language (BCP 47).
    Language,
    /// A currency (ISO 4217).
    Currency,
    /// A code of a published system, with its system.
    Coding,
    /// A number with its unit. What measures years, and more than 89 of them, becomes `> 89`.
    Quantity,
    /// The same, and a number without a unit is one of years.
    Age,
    /// An address, whose elements depend on its country.
    Address,
    /// An address of which a limited data set may have more.
    LimitedAddress,
    /// A city, in a limited data set.
    City,
    /// A state.
    State,
    /// The first three digits of a ZIP code.
    Zip3,
    /// A ZIP code.
    Zip,
    /// A country.
    Country,
    /// A reference, as a pseudonym.
    Reference,
    /// An id, as a pseudonym.
    Pseudonym,
    /// A canonical URL: kept if published, else a pseudonym.
    Canonical,
    /// A canonical URL: kept if published, else dropped.
    Published,
    /// An extension that is on the list.
    Extension,
    /// Numbers in a text (`SampledData.data`).
    Series,
    /// A text whose equals stay equal.
    Key,
    /// An entry of a Bundle, whose `fullUrl` its references are relative to.
    Entry,
    /// The URL of an entry.
    FullUrl,
    /// A resource within.
    Resource,
}

impl Rule {
    /// The rule of a name in the table.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "drop" => Self::Drop,
            "walk" => Self::Walk,
            "withhold" => Self::Withhold,
            "keep" => Self::Keep,
            "year" => Self::Year,
            "date" => Self::Date,
            "time" => Self::Time,
            "listed" => Self::Listed,
            "language" => Self::Language,
            "currency" => Self::Currency,
            "coding" => Self::Coding,
            "quantity" => Self::Quantity,
            "age" => Self::Age,
            "address" => Self::Address,
            "limited-address" => Self::LimitedAddress,
            "city" => Self::City,
            "state" => Self::State,
            "zip3" => Self::Zip3,
            "zip" => Self::Zip,
            "country" => Self::Country,
            "reference" => Self::Reference,
            "pseudonym" => Self::Pseudonym,
            "canonical" => Self::Canonical,
            "published" => Self::Published,
            "extension" => Self::Extension,
            "series" => Self::Series,
            "key" => Self::Key,
            "entry" => Self::Entry,
            "full-url" => Self::FullUrl,
            _ => return None,
        })
    }

    /// Whether it can be a rule of what has elements; others are of values.
    pub(super) fn is_of_elements(self) -> bool {
        matches!(
            self,
            Self::Drop
                | Self::Walk
                | Self::Withhold
                | Self::Coding
                | Self::Quantity
                | Self::Age
                | Self::Address
                | Self::LimitedAddress
                | Self::Reference
                | Self::Extension
                | Self::Entry
        )
    }
}
