//! Time as it is handed in: wall clock and monotonic clock, both, so that a jumping clock cannot reorder a run.

use ::time::OffsetDateTime;
use serde::{Serialize, Serializer};

/// A point in time. The core never makes one from a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Microseconds since the Unix epoch.
    pub unix_micros: i64,
    /// Microseconds since the run began.
    pub mono_micros: u64,
}

impl Moment {
    /// Seconds since the run began, to the microsecond.
    pub fn seconds(self) -> f64 {
        self.mono_micros as f64 / 1e6
    }

    /// The wall clock for a record.
    pub fn timestamp(self) -> Timestamp {
        Timestamp(self.unix_micros)
    }
}

/// Written as RFC 3339 in UTC with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub i64);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, time) = (at.date(), at.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.microsecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_in_utc() {
        assert_eq!(Timestamp(1_795_347_620_000_001).to_string(), "2026-11-22T11:40:20.000001Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
    }
}
