//! When something is, as far as FHIR's dates say.
//!
//! A date without a time zone is a day somewhere on earth: it begins at some moment within 26 hours. Whoever must not guess keeps
//! both ends.

use crate::protocol::Instant;

const SECOND: i128 = 1_000_000_000;
const HOUR: i128 = 3_600 * SECOND;
/// What zones there are: from UTC+14 to UTC-12.
const EASTMOST: i128 = 14 * HOUR;
const WESTMOST: i128 = 12 * HOUR;

/// What a FHIR `date`, `dateTime` or `instant` means, in nanoseconds since 1970: when it begins at the earliest and the latest, and
/// when it is over at the earliest and the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: (i128, i128),
    to: (i128, i128),
}

impl Span {
    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or a moment with seconds and a zone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let at = |text: String| text.parse::<Instant>().ok().map(|instant| instant.nanoseconds());
        if let Some(moment) = at(text.to_owned()) {
            return Some(Self { from: (moment, moment), to: (moment, moment + SECOND) });
        }
        let midnight = |day: String| at(format!("{day}T00:00:00Z"));
        let (begins, ends) = match *text.as_bytes() {
            [_, _, _, _] => {
                let next = text.parse::<u16>().ok()?.checked_add(1)?;
                (midnight(format!("{text}-01-01"))?, midnight(format!("{next:04}-01-01"))?)
            }
            [_, _, _, _, b'-', _, _] => {
                let (year, month) = text.split_once('-')?;
                let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
                let (next_year, next) =
                    if month == 12 { (year.checked_add(1)?, 1) } else { (year, month + 1) };
                (midnight(format!("{text}-01"))?, midnight(format!("{next_year:04}-{next:02}-01"))?)
            }
            [_, _, _, _, b'-', _, _, b'-', _, _] => {
                let begins = midnight(text.to_owned())?;
                (begins, begins + 24 * HOUR)
            }
            _ => return None,
        };
        let somewhere = |moment: i128| (moment - EASTMOST, moment + WESTMOST);
        Some(Self { from: somewhere(begins), to: somewhere(ends) })
    }
}

/// A FHIR `Period`. What is absent has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) start: Option<Span>,
    pub(super) end: Option<Span>,
}

impl Period {
    /// Whether a moment is within it; `None` where that depends on a zone that nobody wrote down.
    pub(super) fn contains(&self, moment: i128) -> Option<bool> {
        self.has(Span { from: (moment, moment), to: (moment, moment) })
    }

    /// Whether all of a span is within it, or all of it outside; `None` if neither is certain.
    pub(super) fn has(&self, span: Span) -> Option<bool> {
        let after = |moment: i128| self.start.is_none_or(|start| moment >= start.from.1);
        let before = |moment: i128| self.end.is_none_or(|end| moment <= end.to.0);
        if after(span.from.0) && before(span.to.1) {
            return Some(true);
        }
        // Of a moment, the beginning is its end: at the very start it is within.
        let too_early =
            self.start.is_some_and(|start| span.from.0 < start.from.0 && span.to.1 <= start.from.0);
        let too_late = self.end.is_some_and(|end| span.from.0 >= end.to.1);
        (too_early || too_late).then_some(false)
    }

    /// The whole of it as one span, if both ends are known.
    pub(super) fn span(&self) -> Option<Span> {
        Some(Span { from: self.start?.from, to: self.end?.to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(start: &str, end: &str) -> Period {
        let span = |text: &str| (!text.is_empty()).then(|| Span::parse(text).unwrap());
        Period { start: span(start), end: span(end) }
    }

    fn at(text: &str) -> i128 {
        text.parse::<Instant>().unwrap().nanoseconds()
    }

    #[test]
    fn a_day_begins_somewhere_before_it_begins_elsewhere() {
        let days = period("2015-01-01", "2015-02");
        for (moment, within) in [
            ("2014-12-31T09:59:59Z", Some(false)),
            ("2014-12-31T10:00:00Z", None),
            ("2015-01-01T12:00:00Z", Some(true)),
            ("2015-02-28T10:00:00Z", Some(true)),
            ("2015-02-28T10:00:01Z", None),
            ("2015-03-01T12:00:00Z", Some(false)),
        ] {
            assert_eq!(days.contains(at(moment)), within, "{moment}");
        }
        assert_eq!(period("", "").contains(0), Some(true));
        assert_eq!(period("1969", "").contains(at("2200-01-01T00:00:00Z")), Some(true));
        let exact = period("2016-06-23T17:02:33+10:00", "2016-06-23T17:32:33+10:00");
        assert_eq!(exact.contains(at("2016-06-23T07:02:33Z")), Some(true));
        assert_eq!(exact.contains(at("2016-06-23T07:02:32Z")), Some(false));
        assert_eq!(exact.contains(at("2016-06-23T07:32:34Z")), Some(false));
    }

    #[test]
    fn spans_are_inside_outside_or_neither() {
        let year = period("2015", "2015");
        for (text, inside) in [
            ("2015-06", Some(true)),
            ("2015-01-01", None),
            ("2014", None),
            ("2013-12", Some(false)),
            ("2016-02", Some(false)),
        ] {
            assert_eq!(year.has(Span::parse(text).unwrap()), inside, "{text}");
        }
        assert_eq!(year.has(period("2015-02", "2015-03").span().unwrap()), Some(true));
        assert_eq!(year.has(period("2014-02", "2017-03").span().unwrap()), None);
        assert_eq!(period("2014", "").span(), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for wrong in [
            "",
            "15",
            "2015-13",
            "2015-00",
            "2015-02-30",
            "2015-1-1",
            "2015-01-01T00:00Z",
            "20x5",
            "+015",
            "2015-+1",
        ] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
        assert!(Span::parse("2015-12").is_some() && Span::parse("9999").is_none());
    }
}
