//! How much memory the process uses, by the allocator and by the system.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "the allocator's own count has no safe interface")
)]

use nuncio_admin::pages::Usage;

/// The usage now.
pub(crate) fn usage() -> Usage {
    Usage { total_physical_bytes: resident_bytes().unwrap_or(0), ..heap() }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap() -> Usage {
    // SAFETY: the function takes nothing, locks what it reads and returns plain numbers.
    let info = unsafe { libc::mallinfo2() };
    Usage {
        allocated: (info.uordblks + info.hblkhd) as u64,
        heap_size: (info.arena + info.hblkhd) as u64,
        pageheap_free: info.fordblks as u64,
        total_physical_bytes: 0,
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn heap() -> Usage {
    Usage::default()
}

/// Gives free pages of the heap back to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    // SAFETY: the function takes a number, locks what it changes and touches free memory only.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}

/// What the kernel says is in memory; nothing where there is no `/proc`.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_pages_and_a_heap() {
        let Usage { allocated, heap_size, pageheap_free: _, total_physical_bytes } = usage();
        assert!(total_physical_bytes > 100 * 1024, "{total_physical_bytes}");
        assert!(allocated <= heap_size, "{allocated} {heap_size}");
    }
}
