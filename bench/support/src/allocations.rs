//! Counting allocations. The `…-counted` program of each subject installs
//! `stats_alloc::INSTRUMENTED_SYSTEM` as its global allocator and hands over a [`HeapProbe`];
//! the plain program, which is the one timed, has no counting in it.

use std::alloc::System;

use stats_alloc::{Stats, StatsAlloc};

/// Reads the counters of the counting global allocator.
#[derive(Clone, Copy)]
pub struct HeapProbe(pub &'static StatsAlloc<System>);

impl HeapProbe {
    /// Bytes allocated and not yet freed.
    pub fn live_bytes(self) -> usize {
        let Stats { bytes_allocated, bytes_deallocated, .. } = self.0.stats();
        bytes_allocated.saturating_sub(bytes_deallocated)
    }

    /// Calls to the allocator so far that could have had to find memory: `alloc` and `realloc`.
    fn calls(self) -> usize {
        let stats = self.0.stats();
        stats.allocations + stats.reallocations
    }
}

/// Allocations of one call of `work`: the mean over many calls, after some that warm up.
///
/// # Errors
///
/// The first error of `work`.
pub fn count_allocations(
    heap: HeapProbe,
    mut work: impl FnMut() -> crate::Result<()>,
) -> crate::Result<f64> {
    const CALLS: u32 = 1000;
    for _ in 0..100 {
        work()?;
    }
    let before = heap.calls();
    for _ in 0..CALLS {
        work()?;
    }
    let counted = u32::try_from(heap.calls() - before)?;
    Ok(f64::from(counted) / f64::from(CALLS))
}
