//! The allocator of everything in Rust.
//!
//! mimalloc instead of the C library's: every block makes and drops thousands of small
//! nodes on several threads. It gives freed memory back to the system after a second;
//! a busy node takes it again at once, which cost 15 % of all CPU in page faults, so it
//! keeps it for a minute.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the bindings leave out.
const PURGE_DELAY: i32 = 15;
const KEPT_MS: i64 = 60_000;

/// Called once, before work begins.
#[allow(unsafe_code)]
pub fn keep_freed_memory() {
    // SAFETY: sets one of mimalloc's own options to a number; any value is valid.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_MS) };
}

#[cfg(test)]
#[test]
#[allow(unsafe_code)]
fn the_option_is_the_purge_delay() {
    // SAFETY: reads one of mimalloc's own options.
    let found = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
    // Its default is told apart from that of every other option.
    assert!([1_000, KEPT_MS].contains(&found()));
    keep_freed_memory();
    assert_eq!(found(), KEPT_MS);
}
