//! Forms of values that may stay.

use super::table::{CodeShape, Table};

/// The year of a date, if the text is one as FHIR writes dates, date-times and instants.
pub(super) fn year(text: &str) -> Option<&str> {
    let year = text.get(..4).filter(|year| digits(year, 4..=4))?;
    is_date_time(text).then_some(year)
}

/// Whether a text is a date, date-time or instant of FHIR's form.
pub(super) fn is_date_time(text: &str) -> bool {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = parts.next().is_some_and(|part| digits(part, 4..=4));
    let month = parts.next();
    let day = parts.next();
    let two = |part: Option<&str>| part.is_none_or(|part| digits(part, 2..=2));
    let is_date = year && two(month) && two(day) && parts.next().is_none();
    is_date
        && time.is_none_or(|time| {
            let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
            let (time, zone) = time.split_at(zone);
            day.is_some() && is_time(time) && is_zone(zone)
        })
}

/// Whether a text is a time of day.
pub(super) fn is_time(text: &str) -> bool {
    let (text, fraction) = match text.split_once('.') {
        Some((text, fraction)) => (text, Some(fraction)),
        None => (text, None),
    };
    let mut parts = text.split(':');
    let mut two = || parts.next().is_some_and(|part| digits(part, 2..=2));
    let is_time = two() && two() && (parts.next()).is_none_or(|part| digits(part, 2..=2));
    is_time && parts.next().is_none() && fraction.is_none_or(|part| digits(part, 1..=9))
}

fn is_zone(text: &str) -> bool {
    match text.strip_prefix(['+', '-']) {
        Some(zone) => {
            zone.split_once(':').is_some_and(|(h, m)| digits(h, 2..=2) && digits(m, 2..=2))
        }
        None => text.is_empty() || text == "Z",
    }
}

/// Whether a text is so many decimal digits.
pub(super) fn digits(text: &str, count: std::ops::RangeInclusive<usize>) -> bool {
    count.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A ZIP code's first five digits, with or without the other four.
pub(super) fn zip(text: &str) -> Option<&str> {
    let (five, four) = (text.get(..5)?, text.get(5..)?);
    let four = four.strip_prefix('-').unwrap_or(four);
    (digits(five, 5..=5) && (four.is_empty() || digits(four, 4..=4))).then_some(five)
}

/// Whether a text is numbers, as `SampledData.data` has them: apart by spaces, `E`, `U` and `L` among them.
pub(super) fn is_series(text: &str) -> bool {
    let is_item = |item: &str| {
        let number = item.strip_prefix('-').unwrap_or(item);
        matches!(item, "E" | "U" | "L")
            || (number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                && number.starts_with(|first: char| first.is_ascii_digit()))
    };
    // A few numbers could be anything that is written in numbers.
    text.split(' ').all(is_item) && text.split(' ').nth(9).is_some()
}

/// A language tag: language, script, region (RFC 5646).
pub(super) fn is_language(text: &str) -> bool {
    let letters = |part: &str, count: std::ops::RangeInclusive<usize>| {
        count.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let mut parts = text.split('-');
    let mut rest = parts.next().filter(|part| letters(part, 2..=3)).and_then(|_| parts.next());
    if rest.is_some_and(|part| letters(part, 4..=4)) {
        rest = parts.next();
    }
    let head = text.split('-').next().is_some_and(|part| letters(part, 2..=3));
    let is_region = rest.is_none_or(|part| letters(part, 2..=2) || digits(part, 3..=3));
    head && is_region && parts.next().is_none()
}

/// Three capitals.
pub(super) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A country by its code: two or three capitals, or three digits.
pub(super) fn is_country(text: &str) -> bool {
    let capitals = text.bytes().all(|byte| byte.is_ascii_uppercase());
    (capitals && matches!(text.len(), 2 | 3)) || digits(text, 3..=3)
}

/// A postal code of any country.
pub(super) fn is_postal_code(text: &str) -> bool {
    (3..=10).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -".contains(&byte))
}

/// A city: letters, and what is between them.
pub(super) fn is_city(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
        && text.chars().all(|letter| letter.is_alphabetic() || " .'-".contains(letter))
}

/// Whether a code has the form of its system's codes.
pub(super) fn fits(shape: CodeShape, code: &str, table: &Table) -> bool {
    let bytes = code.as_bytes();
    let made_of =
        |more: &[u8]| bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte));
    match shape {
        CodeShape::Snomed => is_snomed(code),
        CodeShape::Loinc => {
            let code = ["LA", "LP", "LG", "LL", "MTHU"]
                .iter()
                .find_map(|prefix| code.strip_prefix(prefix))
                .unwrap_or(code);
            code.split_once('-')
                .is_some_and(|(number, check)| digits(number, 1..=7) && digits(check, 1..=1))
        }
        CodeShape::Ucum => is_ucum(code, table),
        CodeShape::Digits => digits(code, 1..=8),
        CodeShape::Ndc => {
            let count = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
            bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
                && (8..=12).contains(&count)
        }
        CodeShape::Icd => {
            let count = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
            (2..=9).contains(&bytes.len()) && made_of(b".") && (1..=7).contains(&count)
        }
        CodeShape::Genes => {
            let number = code.strip_prefix("HGNC:").unwrap_or(code);
            digits(number, 1..=6)
        }
        CodeShape::Short => {
            (1..=10).contains(&bytes.len()) && made_of(b".-_") && has_few_digits(code, 6)
        }
        CodeShape::Language => is_language(code),
        CodeShape::Country => is_country(code),
        CodeShape::Currency => is_currency(code),
        CodeShape::Astm => {
            code.strip_prefix("1.2.840.10065.1.12.1.").is_some_and(|last| digits(last, 1..=2))
        }
        CodeShape::Token => {
            (1..=64).contains(&bytes.len())
                && made_of(b".-_:/+*<>=~!^|&()[]#,%")
                && has_few_digits(code, 6)
        }
        CodeShape::None => false,
    }
}

/// Numbers of people and things have more digits than codes that are words.
fn has_few_digits(code: &str, most: usize) -> bool {
    code.bytes().filter(u8::is_ascii_digit).count() <= most
}

/// A SNOMED CT identifier: 6 to 18 digits, of which the last is a check digit.
///
/// Source: SNOMED CT Release File Specification, *SCTID* and its check-digit (Verhoeff, 1969).
fn is_snomed(code: &str) -> bool {
    const PERMUTED: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    /// In the dihedral group of ten.
    fn product(a: u8, b: u8) -> u8 {
        match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => (a + b - 5) % 5 + 5,
            (false, true) => (a + 5 - b) % 5 + 5,
            (false, false) => (a + 5 - b) % 5,
        }
    }
    if !digits(code, 6..=18) || code.starts_with('0') {
        return false;
    }
    let mut check = 0;
    for (place, digit) in code.bytes().rev().enumerate() {
        let row = PERMUTED.get(place % 8);
        let permuted = row.and_then(|row| row.get(usize::from(digit - b'0')));
        check = product(check, permuted.copied().unwrap_or_default());
    }
    check == 0
}

/// Whether a text is a UCUM code made of the atoms, prefixes and words of the table.
///
/// Source: The Unified Code for Units of Measure, sections 2.1 and 2.2 (case sensitive).
pub(super) fn is_ucum(code: &str, table: &Table) -> bool {
    if code.is_empty() || code.len() > 40 {
        return false;
    }
    let mut rest = code;
    let mut pieces = 0;
    while !rest.is_empty() {
        pieces += 1;
        rest = match rest.as_bytes().first() {
            Some(b'.' | b'/' | b'(' | b')') => rest.get(1..).unwrap_or_default(),
            Some(b'{') => {
                let Some((word, after)) = rest.get(1..).and_then(|rest| rest.split_once('}'))
                else {
                    return false;
                };
                if !table.ucum_words.contains(word) {
                    return false;
                }
                after
            }
            Some(b'0'..=b'9') => {
                // A factor; a power of ten is written `10*6`.
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let (factor, after) = rest.split_at(end);
                if factor.len() > 3 {
                    return false;
                }
                match after.strip_prefix(['*', '^']) {
                    Some(power) if factor == "10" => exponent(power),
                    _ => after,
                }
            }
            _ => {
                let end = atom_end(rest);
                let (atom, after) = rest.split_at(end);
                if !is_atom(atom, table) {
                    return false;
                }
                exponent(after)
            }
        };
    }
    pieces <= 12
}

/// Past an exponent of up to two digits.
fn exponent(text: &str) -> &str {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let count = unsigned.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if count == 0 { text } else { unsigned.get(count..).unwrap_or_default() }
}

/// Where an atom ends: letters, and what is in square brackets.
fn atom_end(text: &str) -> usize {
    let mut is_inside = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => is_inside = true,
            ']' => is_inside = false,
            _ if is_inside => {}
            '.' | '/' | '(' | ')' | '{' | '+' | '-' | '0'..='9' => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_atom(atom: &str, table: &Table) -> bool {
    table.ucum_atoms.contains(atom)
        || (1..=2).any(|count| {
            atom.is_char_boundary(count)
                && atom.split_at_checked(count).is_some_and(|(prefix, atom)| {
                    table.ucum_prefixes.contains(prefix) && table.ucum_atoms.contains(atom)
                })
        })
}

/// How many of a UCUM unit are a year.
pub(super) fn per_year(code: &str) -> Option<f64> {
    Some(match code {
        "a" | "a_j" | "a_t" | "a_g" => 1.0,
        "mo" | "mo_j" | "mo_s" | "mo_g" => 12.0,
        "wk" => 52.1775,
        "d" => 365.25,
        "h" => 8_766.0,
        "min" => 525_960.0,
        "s" => 31_557_600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::TABLE;
    use super::*;

    #[test]
    fn dates_are_told_from_what_looks_like_them() {
        for (text, expected) in [
            ("2012", Some("2012")),
            ("2012-05", Some("2012")),
            ("2012-05-03", Some("2012")),
            ("2012-05-03T10:11:12Z", Some("2012")),
            ("2012-05-03T10:11:12.123+01:00", Some("2012")),
            ("2012-05-03T10:11", Some("2012")),
            ("2012-Smith", None),
            ("2012-05-03 Smith", None),
            ("2012-05-03T10:11:12Smith", None),
            ("2012-05T10:11:12Z", None),
            ("2012-05-03T10:11:12Z ", None),
            ("12", None),
            ("", None),
            ("é012", None),
            ("20121", None),
        ] {
            assert_eq!(year(text), expected, "{text}");
        }
        assert!(is_time("08:00") && is_time("08:00:00.5") && !is_time("8am") && !is_time("08"));
    }

    #[test]
    fn codes_have_the_form_of_their_system() {
        let table = Table::parse(TABLE).unwrap();
        for (shape, good, bad) in [
            (
                CodeShape::Snomed,
                &["38341003", "195967001", "21000210109"][..],
                &["38341004", "123456789", "Smith", "0", ""][..],
            ),
            (CodeShape::Loinc, &["8480-6", "LA6751-7"], &["123-45-6789", "Smith", "8480", ""]),
            (
                CodeShape::Ucum,
                &[
                    "mg", "mm[Hg]", "10*3/uL", "kg/m2", "/min", "{score}", "mmol/L", "m2.s-1",
                    "[iU]/L", "%", "1",
                ],
                &["{Anna}", "Smith", "1234567", "mg Smith", "", "{", "+", "555-1234"],
            ),
            (CodeShape::Ndc, &["0409-6531-02", "00409653102"], &["123-456", "Smith"]),
            (
                CodeShape::Icd,
                &["E11.9", "I10", "250.00", "0DTJ4ZZ"],
                &["Smith", "123456789", "1970-01-01"],
            ),
            (
                CodeShape::Token,
                &["final", "ACTIVE", "AN.NK1", "vital-signs"],
                &["Anna Smith", "a@b.example", "123-45-6789", "1970-01-01", "Müller", ""],
            ),
            (
                CodeShape::Language,
                &["en", "de-CH", "zh-Hant-TW"],
                &["Smith", "e", "en-", "en-Smith"],
            ),
            (CodeShape::Country, &["US", "USA", "840"], &["us", "United States"]),
            (CodeShape::Genes, &["HGNC:3236", "3236"], &["EGFR"]),
            (CodeShape::None, &[], &["x"]),
        ] {
            for code in good {
                assert!(fits(shape, code, &table), "{shape:?} {code}");
            }
            for code in bad {
                assert!(!fits(shape, code, &table), "{shape:?} {code}");
            }
        }
    }

    #[test]
    fn other_forms() {
        assert_eq!(zip("10001"), Some("10001"));
        assert_eq!(zip("10001-1234"), Some("10001"));
        assert_eq!(zip("100011234"), Some("10001"));
        assert!(zip("1000").is_none() && zip("10001-").is_some() && zip("1000é").is_none());
        let series = "2041 2.5 -3 E U L 7 8 9 10";
        assert!(
            is_series(series)
                && !is_series("202 555 0123")
                && !is_series(&series.replace('E', "A"))
        );
        assert!(is_city("Saint-Denis") && !is_city("12 Main Street") && !is_city(""));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text: String) {
            let table = Table::parse(TABLE).unwrap();
            let _ = (year(&text), is_time(&text), zip(&text), is_series(&text), is_language(&text));
            for shape in [CodeShape::Snomed, CodeShape::Ucum, CodeShape::Loinc, CodeShape::Token] {
                let _ = fits(shape, &text, &table);
            }
        }

        #[test]
        fn only_numbers_make_snomed_codes(code in "[1-9][0-9]{5,17}") {
            // Of ten numbers that differ in the last digit, one has the right one.
            let stem = &code[..code.len() - 1];
            let fitting = (0..10).filter(|last| is_snomed(&format!("{stem}{last}"))).count();
            prop_assert_eq!(fitting, 1);
        }
    }
}
