//! The tool `bulk_export`.

use std::sync::Arc;

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, Cx, ServedTool};
use mcp_tasks::{TaskPolicy, TaskTool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::folder::ExportFolder;
use super::run::export;
use crate::protocol::{BulkSettings, LimitSettings, ToolMetadata};
use crate::server::{HealthCx, Permitted, RecordTool};

/// Whose records an export holds, as FHIR's Bulk Data Access has it. Where a call has a patient open, all of them hold this patient's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What belongs to patients.
    Patient,
    /// What belongs to the patients of a group.
    Group,
    /// Everything, what belongs to nobody included.
    System,
}

impl Level {
    /// As the settings and the arguments name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Group => "group",
            Self::System => "system",
        }
    }
}

/// What is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Asked {
    /// Whose records: of `patient`s, of the patients of a `group`, or everything (`system`).
    pub(super) level: Level,
    /// The group, such as `Group/7`, with the level `group`.
    pub(super) group: Option<String>,
    /// The types, such as `Observation`; all that there are, if it is not given.
    pub(super) types: Option<Vec<String>>,
}

/// Bulk exports into a folder, as a tool.
///
/// A call of it is always a task; a client without the tasks extension is answered `-32021` (BLK-1). What the call was permitted is kept with the
/// task ([`Permitted`]), so that it exports no more than a read of then would have given. A task that is run again, after its
/// worker is gone, goes on with the type that it was at.
///
/// ```
/// use mcp_ext_healthcare::bulk::{BulkExport, ExportFolder, Level};
/// use mcp_ext_healthcare::protocol::ServerSettings;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let folder = ExportFolder::open(folder, "https://clinic.example/exports")?;
/// let bulk = BulkExport::new(folder, [Level::Patient]);
/// let settings = ServerSettings::new("0.1").with_bulk(bulk.settings());
/// let tool = bulk.tool(["Patient", "Observation"]);
/// assert_eq!(tool.definition().name, "bulk_export");
/// # let _ = settings;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BulkExport {
    pub(super) folder: ExportFolder,
    pub(super) levels: Vec<Level>,
    pub(super) limits: LimitSettings,
}

impl BulkExport {
    /// Exports of these levels, of up to 100,000 records and 1 GiB.
    pub fn new(folder: ExportFolder, levels: impl IntoIterator<Item = Level>) -> Self {
        let limits = LimitSettings::new(100_000_u64, 1_u64 << 30);
        Self { folder, levels: levels.into_iter().collect(), limits }
    }

    /// Sets how many records and bytes one export holds at the most. A larger one is denied (`result_too_large`), since a part would mislead;
    /// one that its client asked to hold fewer records is cut, and says so.
    #[must_use]
    pub fn limits(mut self, limits: LimitSettings) -> Self {
        self.limits = limits;
        self
    }

    /// What a server with this tool declares.
    #[must_use]
    pub fn settings(&self) -> BulkSettings {
        let levels: Vec<String> = self.levels.iter().map(|level| level.name().to_owned()).collect();
        BulkSettings::new(levels, true)
    }

    /// The tool, for these types. Its result is `{"transactionTime":…,"level":…,"expires":…,"files":[{"resourceType":…,"uri":…,"count":…,"bytes":…,"digest":…}]}`,
    /// and a resource link for each file.
    #[must_use]
    pub fn tool(self, types: impl IntoIterator<Item = impl Into<String>>) -> ServedTool {
        let types: Vec<String> = types.into_iter().map(Into::into).collect();
        let scopes: Vec<String> = ["patient", "user", "system"]
            .iter()
            .flat_map(|level| types.iter().map(move |kind| format!("{level}/{kind}.rs")))
            .collect();
        let bulk = Arc::new(self);
        let run = move |health: HealthCx, cx: Cx, Args(asked): Args<Asked>| {
            let bulk = Arc::clone(&bulk);
            async move { export(&bulk, health, cx, asked).await }
        };
        ServedTool::new("bulk_export", run)
            .title("Export records")
            .description(
                "Exports records into files, one for each type, and answers with links to them. It is for programs that work with many \
                 records; to read a few, search.",
            )
            .annotations(ToolAnnotations::new().with_read_only_hint(true))
            .records(ToolMetadata::new(types, scopes))
            .task(TaskPolicy::required().version("1").carry::<Permitted>(Permitted::NAME))
    }
}
