//! The program whose allocations are counted.

use bench_support::HeapProbe;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

fn main() -> bench_support::Result<()> {
    bench_identity::run(Some(HeapProbe(ALLOCATOR)))
}
