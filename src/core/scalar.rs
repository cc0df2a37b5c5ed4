//! Scalars with a unit: one newtype each, with one `FromStr`, one way to print and one JSON form.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A scalar that could not be read, with the forms that can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a {what}: write {forms}")]
pub struct InvalidScalar {
    given: String,
    what: &'static str,
    forms: &'static str,
}

/// A length of time, kept in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Span {
    const WHAT: &'static str = "duration";
    const FORMS: &'static str = "90s, 10m, 2h, 1d or 1500ms; a bare number is seconds";

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Span {
    type Err = InvalidScalar;

    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let invalid = || InvalidScalar { given: text.to_owned(), what: Self::WHAT, forms: Self::FORMS };
        let mut total = 0.0_f64;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let (number, unit, tail) = split_number(rest).ok_or_else(invalid)?;
            let scale = match unit {
                "" if total == 0.0 && tail.is_empty() => 1_000.0,
                "s" | "sec" | "secs" => 1_000.0,
                "ms" => 1.0,
                "m" | "min" | "mins" => 60_000.0,
                "h" => 3_600_000.0,
                "d" => 86_400_000.0,
                "w" => 604_800_000.0,
                _ => return Err(invalid()),
            };
            total += number * scale;
            rest = tail.trim_start();
        }
        // A century is longer than any task and keeps every sum of spans far from overflow.
        (total <= 3.2e12).then_some(Self(total.round() as u64)).ok_or_else(invalid)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0;
        if !millis.is_multiple_of(1000) {
            write!(f, "{millis}ms")
        } else if millis.is_multiple_of(3_600_000) && millis > 0 {
            write!(f, "{}h", millis / 3_600_000)
        } else if millis.is_multiple_of(60_000) && millis > 0 {
            write!(f, "{}m", millis / 60_000)
        } else {
            write!(f, "{}s", millis / 1000)
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

impl Bytes {
    const WHAT: &'static str = "size";
    const FORMS: &'static str = "2MB, 512KiB, 1GB; a bare number is bytes";
}

impl FromStr for Bytes {
    type Err = InvalidScalar;

    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let invalid = || InvalidScalar { given: text.to_owned(), what: Self::WHAT, forms: Self::FORMS };
        let (number, unit, tail) = split_number(text.trim()).ok_or_else(invalid)?;
        if !tail.is_empty() {
            return Err(invalid());
        }
        let scale: f64 = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "k" | "kb" => 1e3,
            "m" | "mb" => 1e6,
            "g" | "gb" => 1e9,
            "t" | "tb" => 1e12,
            "kib" => 1024.0,
            "mib" => 1024.0 * 1024.0,
            "gib" => 1024.0 * 1024.0 * 1024.0,
            _ => return Err(invalid()),
        };
        let bytes = number * scale;
        (bytes <= 1e18).then_some(Self(bytes.round() as u64)).ok_or_else(invalid)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        match exact.iter().find(|(scale, _)| self.0 >= *scale && self.0.is_multiple_of(*scale)) {
            Some((scale, unit)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// US dollars, kept in millionths so that sums of small costs stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub u64);

impl Money {
    const WHAT: &'static str = "sum of money";
    const FORMS: &'static str = "$2 or $0.50 (US dollars)";

    /// Returns the sum for an amount in dollars as providers report it.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        (dollars.is_finite() && (0.0..1e9).contains(&dollars)).then(|| Self((dollars * 1e6).round() as u64))
    }

    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl FromStr for Money {
    type Err = InvalidScalar;

    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let invalid = || InvalidScalar { given: text.to_owned(), what: Self::WHAT, forms: Self::FORMS };
        let digits = text.trim().trim_start_matches('$');
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(invalid());
        }
        digits.parse().ok().and_then(Self::from_dollars).ok_or_else(invalid)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.as_dollars();
        if self.0.is_multiple_of(10_000) {
            write!(f, "${dollars:.2}")
        } else {
            write!(f, "${}", format!("{dollars:.6}").trim_end_matches('0'))
        }
    }
}

/// An instant, in milliseconds since the Unix epoch; JSON form is RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Span {
        Span::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidScalar;

    fn from_str(text: &str) -> Result<Self, InvalidScalar> {
        let parsed: Result<jiff::Timestamp, _> = text.trim().parse();
        // The last day of the calendar is left out, so that every time is one in every zone.
        let (what, forms) = if text.trim().starts_with("9999-12-3") {
            ("time that can be kept", "one up to 9999-12-30T22:00:00Z")
        } else {
            ("time", "RFC 3339, such as 2026-11-20T09:30:00Z")
        };
        let invalid = || InvalidScalar { given: text.to_owned(), what, forms };
        parsed.map(|at| Self(at.as_millisecond())).map_err(|_| invalid())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000Z"),
        }
    }
}

/// Splits `10m rest` into the number, its unit and what follows.
fn split_number(text: &str) -> Option<(f64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..digits].parse().ok()?;
    let after = &text[digits..];
    let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    Some((number, &after[..unit], &after[unit..]))
}

/// Reads a scalar from a JSON string, or from a bare number written as one.
struct ScalarVisitor<T> {
    forms: &'static str,
    kind: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = InvalidScalar>> de::Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.forms)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

fn deserialize_scalar<'de, T, D>(deserializer: D, forms: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err = InvalidScalar>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(ScalarVisitor { forms, kind: std::marker::PhantomData })
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_scalar(deserializer, Self::FORMS)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_scalar(deserializer, Self::FORMS)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_scalar(deserializer, Self::FORMS)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_scalar(deserializer, "RFC 3339")
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_documented_form() {
        let read = |text: &str| text.parse::<Span>().map(Span::as_millis).ok();
        let given = ["90", "90s", "10m", "1500ms", "1.5h", "1h30m", "2d", "0"];
        let expected = [90_000, 90_000, 600_000, 1_500, 5_400_000, 5_400_000, 172_800_000, 0];
        assert_eq!(given.map(read), expected.map(Some));
        let told = |text: &str| text.parse::<Timestamp>().map_err(|error| error.to_string());
        assert!(told("9999-12-30T22:00:00Z").is_ok());
        assert_eq!(
            told("9999-12-31T23:59:59Z").unwrap_err(),
            "`9999-12-31T23:59:59Z` is not a time that can be kept: write one up to 9999-12-30T22:00:00Z"
        );
        assert_eq!(["", "m", "-5s", "5 parsecs", "1e9", "99999999d", "5s5"].map(read), [None; 7]);
    }

    #[test]
    fn scalars_survive_their_own_printing() {
        for text in ["90s", "10m", "1500ms", "2h", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["2MB", "512B", "3kB", "1GB"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        for text in ["$2.00", "$0.50", "$0.000123"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
        let at = "2026-11-20T09:30:00.250Z";
        assert_eq!(at.parse::<Timestamp>().unwrap().to_string(), at);
    }

    #[test]
    fn a_bad_scalar_names_itself_and_the_forms_that_work() {
        let message = "soon".parse::<Span>().unwrap_err().to_string();
        assert_eq!(message, "`soon` is not a duration: write 90s, 10m, 2h, 1d or 1500ms; a bare number is seconds");
    }
}
