//! Time as it is handed in: wall clock and monotonic clock, both, so that a jumping clock cannot reorder a run.

use ::time::OffsetDateTime;

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

impl Timestamp {
    /// Appends it. Times before the year 0 and after 9999, which no clock shows, are written as the epoch.
    pub fn write(self, out: &mut Vec<u8>) {
        let (seconds, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let at = OffsetDateTime::from_unix_timestamp(seconds).ok().filter(|at| at.year() >= 0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let ((year, month, day), (hour, minute, second)) = (at.date().to_calendar_date(), at.time().as_hms());
        digits::<4>(out, year.unsigned_abs());
        for (before, number) in [(b'-', u8::from(month)), (b'-', day), (b'T', hour), (b':', minute), (b':', second)] {
            out.push(before);
            digits::<2>(out, u32::from(number));
        }
        out.push(b'.');
        digits::<6>(out, micros as u32);
        out.push(b'Z');
    }
}

/// Appends exactly `N` digits.
fn digits<const N: usize>(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::with_capacity(27);
        self.write(&mut out);
        f.write_str(str::from_utf8(&out).expect("digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_rfc_3339_in_utc() {
        assert_eq!(Timestamp(1_795_347_620_000_001).to_string(), "2026-11-22T11:40:20.000001Z");
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "1970-01-01T00:00:00.775807Z");
    }
}
