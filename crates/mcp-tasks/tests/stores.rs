//! Every store of this crate, held to the contract.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_tasks::store::{ManualClock, MemoryStore, TaskStore};
use mcp_testkit::{TaskStoreHarness, check_task_store};

const LIMIT: usize = 20_000;

struct Memory(ManualClock);

#[async_trait]
impl TaskStoreHarness for Memory {
    async fn fresh(&self) -> Arc<dyn TaskStore> {
        Arc::new(MemoryStore::with_clock(self.0.clone()).max_task_size(LIMIT))
    }

    async fn another(&self, store: &Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
        Some(Arc::clone(store))
    }

    async fn reopened(&self, _: Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
        None
    }

    async fn pass(&self, time: Duration) {
        self.0.advance(time);
    }

    fn max_task_size(&self) -> usize {
        LIMIT
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_keeps_the_contract() {
    let report = check_task_store(&Memory(ManualClock::default())).await;
    println!("{report}");
    report.assert_passed();
}

#[cfg(feature = "embedded")]
mod embedded {
    use std::path::PathBuf;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use mcp_core::sealed::{Key, KeyRing};
    use mcp_tasks::store::{EmbeddedError, EmbeddedOptions, EmbeddedStore};

    use super::*;

    struct Embedded {
        folder: tempfile::TempDir,
        clock: ManualClock,
        key: Option<[u8; 32]>,
        files: AtomicUsize,
        last: Mutex<PathBuf>,
    }

    impl Embedded {
        fn new(key: Option<[u8; 32]>) -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                clock: ManualClock::default(),
                key,
                files: AtomicUsize::new(0),
                last: Mutex::default(),
            }
        }

        fn options(&self) -> EmbeddedOptions {
            let options = EmbeddedOptions::new().clock(self.clock.clone()).max_task_size(LIMIT);
            match self.key {
                Some(key) => options.encrypted(KeyRing::new(Key::from_bytes(key))),
                None => options,
            }
        }

        fn open(&self) -> Arc<dyn TaskStore> {
            let path = self.last.lock().unwrap().clone();
            Arc::new(EmbeddedStore::open_with(path, self.options()).unwrap())
        }
    }

    #[async_trait]
    impl TaskStoreHarness for Embedded {
        async fn fresh(&self) -> Arc<dyn TaskStore> {
            let number = self.files.fetch_add(1, Ordering::Relaxed);
            *self.last.lock().unwrap() = self.folder.path().join(format!("{number}.redb"));
            self.open()
        }

        async fn another(&self, _: &Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
            None
        }

        async fn reopened(&self, store: Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
            drop(store);
            Some(self.open())
        }

        async fn pass(&self, time: Duration) {
            self.clock.advance(time);
        }

        fn max_task_size(&self) -> usize {
            LIMIT
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_embedded_store_keeps_the_contract() {
        let report = check_task_store(&Embedded::new(None)).await;
        println!("{report}");
        report.assert_passed();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_encrypted_store_keeps_the_contract() {
        let report = check_task_store(&Embedded::new(Some([7; 32]))).await;
        report.assert_passed();
    }

    fn secret() -> mcp_tasks::store::NewTask {
        let mut task = mcp_tasks::store::NewTask::new(mcp_tasks::store::TaskRequest {
            method: "tools/call".to_owned(),
            tool: "t".to_owned(),
            version: None,
            // More than one sealed chunk.
            params: serde_json::json!({ "secret": "hunter2 ".repeat(40_000) }).into(),
        });
        task.principal = Some("alice@example.com".to_owned());
        task.idempotency_key = Some("once-only".to_owned());
        task
    }

    #[tokio::test]
    async fn an_encrypted_file_shows_nothing_and_opens_only_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.redb");
        let keys = |byte| KeyRing::new(Key::from_bytes([byte; 32]));
        let open =
            |byte| EmbeddedStore::open_with(&path, EmbeddedOptions::new().encrypted(keys(byte)));
        let store = open(1).unwrap();
        let row = store.create(secret()).await.unwrap().row;
        drop(store);
        let bytes = std::fs::read(&path).unwrap();
        for text in ["hunter2", "alice@example.com", "once-only"] {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{text} can be read");
        }
        let store = open(1).unwrap();
        assert_eq!(store.get(&row.id, Some("alice@example.com")).await.unwrap(), row);
        assert!(store.create(secret()).await.unwrap().existed);
        drop(store);
        // With another key, or none, it does not open, and nothing is lost.
        for wrong in [open(2).map(drop), EmbeddedStore::open(&path).map(drop)] {
            let error = wrong.unwrap_err();
            assert!(matches!(error, EmbeddedError::Content { .. }), "{error}");
            assert!(error.to_string().contains("key"), "{error}");
        }
        let store = open(1).unwrap();
        assert_eq!(store.get(&row.id, Some("alice@example.com")).await.unwrap(), row);
    }

    #[test]
    fn a_file_is_open_once_and_must_be_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.redb");
        let first = EmbeddedStore::open(&path).unwrap();
        assert!(matches!(EmbeddedStore::open(&path), Err(EmbeddedError::InUse { .. })));
        drop(first);
        drop(EmbeddedStore::open(&path).unwrap());
        let other = folder.path().join("text.txt");
        std::fs::write(&other, "this is no store").unwrap();
        let error = EmbeddedStore::open(&other).map(drop).unwrap_err();
        assert!(error.to_string().contains("text.txt"), "{error}");
        assert_eq!(std::fs::read(&other).unwrap(), b"this is no store", "left as it was");
        let nowhere = folder.path().join("none").join("tasks.redb");
        assert!(matches!(EmbeddedStore::open(nowhere), Err(EmbeddedError::File { .. })));
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use mcp_core::sealed::{Key, KeyRing};
    use mcp_tasks::store::{PostgresOptions, PostgresStore};
    use mcp_testkit::TestPostgres;

    use super::*;

    struct Shared {
        server: TestPostgres,
        clock: ManualClock,
        key: Option<[u8; 32]>,
        schemas: AtomicUsize,
        last: Mutex<String>,
    }

    impl Shared {
        fn start(key: Option<[u8; 32]>) -> Option<Self> {
            Some(Self {
                server: TestPostgres::start_if_installed()?,
                clock: ManualClock::default(),
                key,
                schemas: AtomicUsize::new(0),
                last: Mutex::default(),
            })
        }

        async fn open(&self) -> Arc<dyn TaskStore> {
            let schema = self.last.lock().unwrap().clone();
            let options = PostgresOptions::new()
                .schema(schema)
                .clock(self.clock.clone())
                .max_task_size(LIMIT);
            let options = match self.key {
                Some(key) => options.encrypted(KeyRing::new(Key::from_bytes(key))),
                None => options,
            };
            Arc::new(PostgresStore::connect_with(&self.server.address(), options).await.unwrap())
        }
    }

    #[async_trait]
    impl TaskStoreHarness for Shared {
        async fn fresh(&self) -> Arc<dyn TaskStore> {
            let number = self.schemas.fetch_add(1, Ordering::Relaxed);
            *self.last.lock().unwrap() = format!("test_{number}");
            self.open().await
        }

        async fn another(&self, _: &Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
            Some(self.open().await)
        }

        async fn reopened(&self, store: Arc<dyn TaskStore>) -> Option<Arc<dyn TaskStore>> {
            drop(store);
            Some(self.open().await)
        }

        async fn pass(&self, time: Duration) {
            self.clock.advance(time);
        }

        fn max_task_size(&self) -> usize {
            LIMIT
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_postgres_store_keeps_the_contract() {
        let Some(harness) = Shared::start(None) else { return };
        let report = check_task_store(&harness).await;
        println!("{report}");
        report.assert_passed();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_encrypted_postgres_store_keeps_the_contract() {
        let Some(harness) = Shared::start(Some([7; 32])) else { return };
        check_task_store(&harness).await.assert_passed();
    }
}
