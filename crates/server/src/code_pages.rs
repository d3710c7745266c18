//! The pages of the program that only loading a configuration needed: most of its code, which never runs again.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "advice to the kernel has no safe interface"))]

/// Takes the program's code out of the process's resident memory. What still runs comes back from the page cache at once,
/// a few pages with each fault; the rest stays out. Done once, when everything is up.
#[cfg(target_os = "linux")]
pub(crate) fn let_go() {
    let Ok(exe) = std::fs::read_link("/proc/self/exe") else { return };
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (start, end) in code_of(&maps, &exe.to_string_lossy()) {
        // SAFETY: the range is a private mapping of our own file that cannot be written, so that no page of it differs
        // from the file; the kernel reads each again when it is next used. Nothing is unmapped.
        unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(start), end - start, libc::MADV_DONTNEED) };
    }
}

/// Elsewhere nothing is known of pages.
#[cfg(not(target_os = "linux"))]
pub(crate) fn let_go() {}

/// The address ranges of `maps` that are code of `exe`: readable, executable, private, and not writable.
#[cfg(target_os = "linux")]
fn code_of(maps: &str, exe: &str) -> Vec<(usize, usize)> {
    let ranges = maps.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (range, mode) = (words.next()?, words.next()?);
        let path = words.nth(3)?;
        let (start, end) = range.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        (mode == "r-xp" && path == exe).then_some((address(start)?, address(end)?))
    });
    ranges.collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_program_itself_is_let_go() {
        let maps = "\
            5500-5600 r--p 00000000 fd:00 1 /bin/nuncio\n\
            5600-5900 r-xp 00100000 fd:00 1 /bin/nuncio\n\
            5900-5a00 rw-p 00400000 fd:00 1 /bin/nuncio\n\
            7000-7100 r-xp 00000000 fd:00 2 /lib/libc.so.6\n\
            7f00-7f10 rw-p 00000000 00:00 0\n";
        assert_eq!(code_of(maps, "/bin/nuncio"), [(0x5600, 0x5900)]);
    }

    #[test]
    fn code_runs_on_when_its_pages_were_let_go() {
        let_go();
        assert_eq!("still here".len(), 10);
    }
}
