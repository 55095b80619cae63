//! Dates and times as stretches of time, since FHIR's are only as exact as they are written.

use crate::protocol::moment;

const SECOND: i128 = 1_000_000_000;

/// From the first nanosecond since 1970 up to, and without, the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) from: i128,
    pub(super) to: i128,
}

impl Period {
    /// Without beginning and end.
    pub(super) const ALWAYS: Self = Self { from: i128::MIN, to: i128::MAX };

    /// A FHIR `date`, `dateTime` or `instant`; what has no zone is in UTC.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let start = |date: &str| moment(&format!("{date}T00:00:00Z"));
        match text.len() {
            4 => {
                let year: u32 = text.parse().ok()?;
                let from = start(&format!("{text}-01-01"))?;
                Some(Self {
                    from,
                    to: start(&format!("{:04}-01-01", year + 1)).unwrap_or(i128::MAX),
                })
            }
            7 => {
                let (year, month) = text.split_once('-')?;
                let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
                let from = start(&format!("{text}-01"))?;
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let to = start(&format!("{:04}-{:02}-01", next.0, next.1)).unwrap_or(i128::MAX);
                Some(Self { from, to })
            }
            10 => {
                let from = start(text)?;
                Some(Self { from, to: from + 86_400 * SECOND })
            }
            _ => Self::of_time(text),
        }
    }

    fn of_time(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(11)?;
        let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let (time, zone) = time.split_at_checked(zone_at)?;
        let zone = if zone.is_empty() { "Z" } else { zone };
        // A search may leave the seconds out.
        let (full, length) = match (time.len(), time.split_once('.')) {
            (5, None) => (format!("{time}:00"), 60 * SECOND),
            (_, None) => (time.to_owned(), SECOND),
            (_, Some((_, fraction))) => {
                let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 9)?;
                (time.to_owned(), SECOND / 10_i128.pow(digits))
            }
        };
        let from = moment(&format!("{date}{full}{zone}"))?;
        Some(Self { from, to: from + length })
    }

    pub(super) fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_as_long_as_they_are_exact() {
        let length = |text: &str| Period::parse(text).map(|it| (it.to - it.from) / (SECOND / 1000));
        assert_eq!(length("2024"), Some(366 * 86_400_000));
        assert_eq!(length("2023-02"), Some(28 * 86_400_000));
        assert_eq!(length("2023-12"), Some(31 * 86_400_000));
        assert_eq!(length("2023-12-31"), Some(86_400_000));
        assert_eq!(length("2023-12-31T10:00"), Some(60_000));
        assert_eq!(length("2023-12-31T10:00:00+02:00"), Some(1000));
        assert_eq!(length("2023-12-31T10:00:00.250Z"), Some(1));
        for text in [
            "",
            "20",
            "abcd",
            "2023-13",
            "2023-02-30",
            "2023-12-31T",
            "2023-12-31T25:00",
            "2023-12-31X10:00:00Z",
            "ääää",
            "2023-12-ää",
        ] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
        let (zoned, utc) =
            (Period::parse("2024-01-01T01:00:00+01:00"), Period::parse("2024-01-01T00:00:00Z"));
        assert_eq!(zoned, utc);
    }
}
