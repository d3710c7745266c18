//! The process's limits: on open descriptors, and on core files.
#![expect(unsafe_code, reason = "setrlimit has no safe binding in the standard library")]

use std::io;

/// Raises the soft limit on open descriptors to the hard limit and returns the new limit.
///
/// # Errors
/// When the system refuses.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    raise(libc::RLIMIT_NOFILE)
}

/// Raises the soft limit on the size of core files to the hard limit, and lets the system write one where the process
/// changed its user.
///
/// # Errors
/// When the system refuses.
pub fn allow_core_dumps() -> io::Result<()> {
    // SAFETY: the call takes numbers only.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    raise(libc::RLIMIT_CORE).map(drop)
}

fn raise(resource: libc::__rlimit_resource_t) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    if unsafe { libc::setrlimit(resource, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}
