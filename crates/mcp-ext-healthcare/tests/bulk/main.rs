//! Bulk exports, over the wire: SPEC.md, section 13.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod exporting;
mod surviving;
mod world;
