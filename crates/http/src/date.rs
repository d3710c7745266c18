//! The `date` header, formatted once a second.

use std::cell::{Cell, RefCell};

/// The text of the current second (RFC 9110 section 5.6.7). Owner: the worker.
#[derive(Default)]
pub(crate) struct DateCache {
    second: Cell<u64>,
    text: RefCell<[u8; 29]>,
}

impl DateCache {
    /// The date at this wall time, in microseconds since 1970.
    pub(crate) fn with<R>(&self, wall_micros: u64, f: impl FnOnce(&[u8]) -> R) -> R {
        let second = wall_micros / 1_000_000;
        if self.second.replace(second) != second {
            *self.text.borrow_mut() = format(second);
        }
        f(&*self.text.borrow())
    }
}

fn format(second: u64) -> [u8; 29] {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(second);
    let mut text = [b' '; 29];
    let formatted = httpdate::fmt_http_date(time);
    text.copy_from_slice(&formatted.as_bytes()[..29]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_change_with_the_second() {
        let dates = DateCache::default();
        // The example of RFC 9110.
        let micros = 784_111_777_000_000;
        dates.with(micros, |text| assert_eq!(text, b"Sun, 06 Nov 1994 08:49:37 GMT"));
        dates.with(micros + 999_999, |text| assert_eq!(text, b"Sun, 06 Nov 1994 08:49:37 GMT"));
        dates.with(micros + 1_000_000, |text| assert_eq!(text, b"Sun, 06 Nov 1994 08:49:38 GMT"));
    }
}
