//! The clock of a run: wall time and time since it began.

use std::time::Instant;

use crate::record::Moment;

/// Started once per run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Now.
    pub fn now(self) -> Moment {
        let unix = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
        Moment {
            unix_micros: i64::try_from(unix).unwrap_or(i64::MAX),
            mono_micros: u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}
