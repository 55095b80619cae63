//! Bulk export as a task: SPEC.md, section 13.
//!
//! `bulk_export` writes the records of many patients, or all of one, into NDJSON files, a file for each type, while its client is free to go away.
//! Each record passes the checks that a read of it would pass, de-identification included, and stands in the access's one audit event. The
//! result has links to the files, with their sizes and digests; what is in them never comes near a model (BLK-2).
//!
//! The way of an export: `tool` (what is asked for), `run` (type after type, each a checkpoint of the task), `folder` (where the files are, who may
//! fetch them, and for how long).

mod folder;
mod run;
mod tool;

pub use folder::ExportFolder;
pub use tool::{BulkExport, Level};
