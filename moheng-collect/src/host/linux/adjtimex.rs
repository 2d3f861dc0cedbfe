//! The system call behind the collector `timex`, which no safe library makes.
#![expect(unsafe_code, reason = "rustix has no adjtimex")]

use std::io;

/// What the kernel says of its clock. Its units depend on `status`.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelClock {
    /// The clock's state; 5 when it is not synchronized.
    pub(super) state: i32,
    pub(super) timex: libc::timex,
}

/// Reads and changes nothing.
pub(super) fn adjtimex() -> io::Result<KernelClock> {
    // SAFETY: all fields are numbers, for which zeroes are valid.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a structure that lives until the call has returned.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(KernelClock { state, timex })
}
