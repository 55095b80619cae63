//! The whole server over a folder: nothing outside is reached, and changes are told.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use mcp_core::server::Server;
use mcp_testkit::{Answer, Message, RawClient, call_tool, request};
use serde_json::{Value, json};

use crate::library::Library;
use crate::server;
use crate::watch::tell;

const SECRET: &str = "a secret of outside";

struct Folder {
    /// What is served lies in here, and beside it what is not.
    around: tempfile::TempDir,
    library: Arc<Library>,
    server: Server,
}

impl Folder {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let served = around.path().join("served");
        fs::create_dir_all(served.join("sub")).unwrap();
        fs::write(around.path().join("secret.md"), format!("# Secret\n{SECRET}\n")).unwrap();
        fs::write(served.join("a.md"), "# A\napples\n").unwrap();
        fs::write(served.join("sub/b.md"), "# B\npears\n").unwrap();
        #[cfg(unix)]
        {
            let file = around.path().join("secret.md");
            std::os::unix::fs::symlink(file, served.join("link.md")).unwrap();
            std::os::unix::fs::symlink(around.path(), served.join("way")).unwrap();
        }
        let library = Arc::new(Library::open(&served).unwrap());
        let server = server(&library).build().unwrap();
        Self { around, library, server }
    }

    fn served(&self, path: &str) -> PathBuf {
        self.around.path().join("served").join(path)
    }

    /// Ways out, as someone might write them.
    fn ways_out(&self) -> Vec<String> {
        let absolute = self.around.path().join("secret.md");
        [
            "../secret.md",
            "sub/../../secret.md",
            "./../secret.md",
            "/../secret.md",
            "..\\secret.md",
            "sub\\..\\..\\secret.md",
            "%2e%2e/secret.md",
            "..%2fsecret.md",
            "..",
            "../",
            "a.md/../../secret.md",
            "a.md\0",
            "../secret.md\0.md",
            "link.md",
            "way/secret.md",
            "way/served/../secret.md",
            "C:\\Windows\\win.ini",
            "/etc/passwd",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain([absolute.to_str().unwrap().to_owned()])
        .collect()
    }

    /// Everything that was said in answer; it holds nothing of the outside.
    async fn ask(&self, message: Message) -> Answer {
        let answer = RawClient::new(&self.server).send(message).await;
        let said = answer.response().to_string();
        assert!(!said.contains(SECRET) && !said.contains("root:"), "{said}");
        answer
    }
}

fn read(uri: &str) -> Message {
    request("resources/read").param("uri", uri)
}

#[tokio::test]
async fn no_way_out_of_the_folder() {
    let folder = Folder::new();
    for path in folder.ways_out() {
        for uri in [format!("docs:///{path}"), crate::library::uri(&path), format!("file://{path}")]
        {
            folder.ask(read(&uri)).await.assert_error(-32602);
        }
        let outline = call_tool("outline", json!({ "path": path }));
        folder.ask(outline).await.assert_tool_error();
        let section = call_tool("section", json!({ "path": path, "heading": "Secret" }));
        folder.ask(section).await.assert_tool_error();
        let get = request("prompts/get").param("name", "summarize");
        folder.ask(get.param("arguments", json!({ "path": path }))).await.assert_error(-32602);
        for arguments in
            [json!({ "from": path, "to": "c.md" }), json!({ "from": "a.md", "to": path })]
        {
            if arguments["to"] == json!("..%2fsecret.md") {
                continue; // Paths are not URIs: this is a name like others, in the folder.
            }
            let rename = call_tool("rename", arguments);
            let asked = rename.capability("elicitation", json!({}));
            folder.ask(asked).await.assert_tool_error();
        }
    }
    let secret = fs::read_to_string(folder.around.path().join("secret.md")).unwrap();
    assert!(secret.contains(SECRET), "it is where it was");
    assert_eq!(fs::read_dir(folder.around.path()).unwrap().count(), 2, "and nothing beside it");
    // What is inside is there all the same.
    let inside = folder.ask(read("docs:///sub/b.md")).await;
    assert!(inside.assert_result()["contents"][0]["text"].as_str().unwrap().contains("pears"));
}

#[tokio::test]
async fn nothing_of_the_outside_is_listed_or_found() {
    let folder = Folder::new();
    let list = folder.ask(request("resources/list")).await;
    let uris: Vec<_> = list.assert_result()["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["uri"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(uris, ["docs:///a.md", "docs:///sub/b.md"]);
    let search = call_tool("search", json!({ "query": "secret outside" }));
    assert_eq!(folder.ask(search).await.assert_structured()["total"], 0);
}

#[tokio::test]
async fn completion_stays_in_the_folder() {
    let folder = Folder::new();
    let complete = |value: &str| {
        request("completion/complete")
            .param("ref", json!({ "type": "ref/resource", "uri": "docs:///{+path}" }))
            .param("argument", json!({ "name": "path", "value": value }))
    };
    for typed in folder.ways_out() {
        let proposed = folder.ask(complete(&typed)).await;
        assert_eq!(proposed.assert_result()["completion"]["values"], json!([]), "{typed:?}");
    }
    let proposed = folder.ask(complete("su")).await;
    assert_eq!(proposed.assert_result()["completion"]["values"], json!(["sub/b.md"]));
}

#[tokio::test]
async fn updates_are_told() {
    let folder = Folder::new();
    let client = RawClient::new(&folder.server);
    let filter = json!({ "resourceSubscriptions": ["docs:///a.md"], "resourcesListChanged": true });
    let mut listening = client.open(request("subscriptions/listen").param("notifications", filter));
    listening.expect_notification("notifications/subscriptions/acknowledged").await;
    let look = || tell(&folder.server.handle(), &folder.library.rescan());
    // Another file, which nobody watches.
    fs::write(folder.served("sub/b.md"), "# B\nplums and pears\n").unwrap();
    look();
    assert_eq!(listening.ready().await, None);
    fs::write(folder.served("a.md"), "# A\nother apples\n").unwrap();
    look();
    let told = listening.expect_notification("notifications/resources/updated").await;
    assert_eq!(told["uri"], "docs:///a.md");
    let now = folder.ask(read("docs:///a.md")).await;
    assert_eq!(now.assert_result()["contents"][0]["text"], "# A\nother apples\n");
    fs::write(folder.served("new.md"), "# New\n").unwrap();
    look();
    let told: Value = listening.expect_notification("notifications/resources/list_changed").await;
    assert!(told.get("uri").is_none());
}
