//! The program that is timed.

fn main() -> bench_support::Result<()> {
    bench_identity::run(None)
}
