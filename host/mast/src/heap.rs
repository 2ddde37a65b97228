//! What the allocator must be told, once, before anything else happens.
//!
//! glibc starts out giving large pieces of memory back at once, and unlearns it with the first large one that is freed, which here is the
//! 19 MiB of a password's hash: from then on it keeps up to 38 MiB a thread, and everything below 19 MiB leaves holes. Said
//! explicitly, its first opinion stays. host/BENCHMARKS.md has the figures (viewers, channels).

/// Larger pieces have mappings of their own, and more than this at the end of a heap is given back: glibc's first opinion.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 * 1024;

/// Makes glibc's allocator stay with what it starts with. Others need nothing.
pub(crate) fn settle() {
    #[cfg(target_env = "gnu")]
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: mallopt only sets a number of the allocator, and no other thread exists yet.
        #[allow(unsafe_code, reason = "std knows nothing of its allocator's parameters")]
        let accepted = unsafe { libc::mallopt(parameter, LARGE) };
        debug_assert_eq!(accepted, 1, "mallopt knows these parameters");
    }
}
