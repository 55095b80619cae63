//! Servers as child processes. The server is this very test program: started again with a variable
//! set, `serve` below serves on its standard streams. What the test harness writes there besides is
//! noise that a client must live with.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_core::client::transport::TransportError;
use mcp_core::client::{Client, ClientError, SubscriptionEvent};
use mcp_core::protocol::SubscriptionFilter;
use mcp_core::transport::{ChildOptions, ChildProcess, Stderr};
use serde_json::json;

const ROLE: &str = "MCP_TEST_CHILD";

/// The child's side.
#[test]
fn serve() {
    use mcp_core::Shutdown;
    use mcp_core::server::{Args, Cx, ServedTool, Server};
    use mcp_core::transport::{StdioOptions, serve_stdio};

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Code {
        code: i32,
    }

    let Ok(role) = std::env::var(ROLE) else { return };
    if role == "exit" {
        std::process::exit(3);
    }
    eprintln!("the server has started as {role}");
    // The harness leaves its last line unfinished.
    println!();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let server = Server::builder("child", "1.0.0")
            .tool(ServedTool::new("pid", async || std::process::id().to_string()))
            .tool(ServedTool::new("exit", async |Args(Code { code })| -> String {
                std::process::exit(code)
            }))
            .tool(ServedTool::new("tools_changed", async |cx: Cx| {
                cx.server().tools_changed();
                "told"
            }))
            .build()
            .unwrap();
        let (_trigger, shutdown) = Shutdown::new();
        serve_stdio(server, StdioOptions::default(), shutdown).await.unwrap();
    });
    // The harness would report its results on standard output.
    std::process::exit(0);
}

fn server(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::serve", "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

fn connect(role: &str, options: ChildOptions) -> Client {
    let transport = ChildProcess::spawn(server(role), options).unwrap();
    Client::builder("tester", "1.0.0").connect(transport).unwrap()
}

fn quiet() -> ChildOptions {
    ChildOptions { stderr: Stderr::Ignore, ..ChildOptions::default() }
}

async fn pid(client: &Client) -> String {
    client.call("pid").send().await.unwrap().all_text()
}

async fn exit(client: &Client, code: i32) -> ClientError {
    client.call_tool("exit", &json!({ "code": code })).await.unwrap_err()
}

#[tokio::test]
async fn a_child_is_called_and_ends_when_it_is_closed() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&lines);
    let stderr = Stderr::lines(move |line| sink.lock().unwrap().push(line.to_owned()));
    let client = connect("serve", ChildOptions { stderr, ..ChildOptions::default() });
    client.probe().await.unwrap();
    assert_eq!(client.server_info().unwrap().name, "child");
    assert_ne!(pid(&client).await, std::process::id().to_string());
    client.close().await;
    let error = client.call("pid").send().await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(TransportError::Closed)), "{error}");
    assert!(lines.lock().unwrap().iter().any(|line| line.contains("has started as serve")));
}

#[tokio::test]
async fn one_child_for_many_tasks() {
    let client = connect("serve", quiet());
    let first = pid(&client).await;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { pid(&client).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), first);
    }
    // A conversation ends; the next one finds the same process.
    let other = client.clone();
    drop(client);
    assert_eq!(pid(&other).await, first);
    other.close().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_named_error() {
    let missing = Command::new("there-is-no-such-program-anywhere");
    let error = ChildProcess::spawn(missing, quiet()).unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error}");
}

#[tokio::test]
async fn a_child_that_ends_fails_what_is_in_flight_and_is_started_again() {
    let client = connect("serve", quiet());
    let first = pid(&client).await;
    let error = exit(&client, 7).await;
    assert!(
        matches!(error, ClientError::Transport(TransportError::ServerExited { status: Some(7) })),
        "{error}"
    );
    let second = pid(&client).await;
    assert_ne!(first, second);
    // As often as one likes, as long as it answers in between.
    for _ in 0..8 {
        exit(&client, 0).await;
        pid(&client).await;
    }
    client.close().await;
}

#[tokio::test]
async fn without_restarts_it_stays_down() {
    let client = connect("serve", ChildOptions { restarts: 0, ..quiet() });
    pid(&client).await;
    exit(&client, 7).await;
    let error = client.call("pid").send().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Transport(TransportError::ServerExited { status: Some(7) })),
        "{error}"
    );
}

#[tokio::test]
async fn a_child_that_does_not_stay_up_is_not_started_for_ever() {
    let client = connect("exit", ChildOptions { restarts: 2, ..quiet() });
    let mut failures = 0;
    for _ in 0..5 {
        let error = client.call("pid").send().await.unwrap_err();
        assert!(
            matches!(
                error,
                ClientError::Transport(TransportError::ServerExited { status: Some(3) })
            ),
            "{error}"
        );
        failures += 1;
    }
    assert_eq!(failures, 5);
    client.close().await;
}

#[tokio::test]
async fn a_subscription_outlives_its_process() {
    let client = connect("serve", quiet());
    let mut filter = SubscriptionFilter::default();
    filter.tools_list_changed = Some(true);
    let mut changes = client.listen(filter);
    let event = changes.next().await.unwrap().unwrap();
    assert!(matches!(event, SubscriptionEvent::Acknowledged(_)));
    exit(&client, 1).await;
    let event = changes.next().await.unwrap().unwrap();
    assert!(matches!(event, SubscriptionEvent::Reconnected(_)));
    client.call("tools_changed").send().await.unwrap();
    let event = changes.next().await.unwrap().unwrap();
    assert_eq!(event, SubscriptionEvent::ToolsListChanged);
    client.close().await;
    let ended = changes.next().await;
    assert!(matches!(ended, None | Some(Err(ClientError::Transport(TransportError::Closed)))));
}

#[cfg(unix)]
mod unix {
    use super::*;

    fn is_alive(pid: &str) -> bool {
        Command::new("kill")
            .args(["-0", pid])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    async fn until_gone(pid: &str) {
        let gone = async {
            while is_alive(pid) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the child lives on");
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn connect(script: &str, options: ChildOptions) -> Client {
        let transport = ChildProcess::spawn(shell(script), options).unwrap();
        Client::builder("tester", "1.0.0").connect(transport).unwrap()
    }

    fn hasty() -> ChildOptions {
        ChildOptions { grace: Duration::from_millis(100), restarts: 0, ..quiet() }
    }

    /// Answers every request (ids count from 1) with its own process number.
    const ANSWERS: &str = r#"i=${i:-0}; while read line; do i=$((i+1));
        printf '{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"%d"}]}}\n' $i $$; done"#;

    /// Answers the first request.
    const ANSWERS_ONCE: &str = r#"read line; i=1;
        printf '{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"%d"}]}}\n' 1 $$"#;

    #[tokio::test]
    async fn a_child_that_ends_with_its_input_is_not_killed() {
        let client = connect(ANSWERS, ChildOptions { grace: Duration::from_secs(60), ..quiet() });
        let pid = pid(&client).await;
        client.close().await;
        until_gone(&pid).await;
    }

    #[tokio::test]
    async fn a_child_that_goes_on_is_asked_to_terminate() {
        let (sender, mut said) = tokio::sync::mpsc::unbounded_channel();
        let stderr = Stderr::lines(move |line| sender.send(line.to_owned()).unwrap());
        let script = format!(
            "trap 'echo asked >&2; exit 0' TERM; {ANSWERS}; while true; do sleep 0.05; done"
        );
        // Long enough for the shell to hear of it, which it does between two sleeps.
        let grace = Duration::from_secs(2);
        let client = connect(&script, ChildOptions { stderr, grace, ..hasty() });
        let pid = pid(&client).await;
        client.close().await;
        until_gone(&pid).await;
        assert_eq!(said.recv().await.as_deref(), Some("asked"));
    }

    #[tokio::test]
    async fn a_child_that_does_not_want_to_terminate_is_killed() {
        let script = format!("trap '' TERM; {ANSWERS}; while true; do sleep 0.05; done");
        let client = connect(&script, hasty());
        let pid = pid(&client).await;
        client.close().await;
        until_gone(&pid).await;
    }

    #[tokio::test]
    async fn dropping_the_client_ends_the_child_too() {
        let script = format!("trap '' TERM; {ANSWERS}; while true; do sleep 0.05; done");
        let client = connect(&script, hasty());
        let pid = pid(&client).await;
        drop(client);
        until_gone(&pid).await;
    }

    #[tokio::test]
    async fn a_child_that_closes_its_output_is_ended() {
        let client = connect("exec 1>&-; while true; do sleep 0.05; done", hasty());
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::Transport(_)), "{error}");
        client.close().await;
    }

    #[tokio::test]
    async fn a_child_that_leaves_its_output_to_another_process_has_ended_nevertheless() {
        // The shell ends at once; `sleep` keeps its standard output open.
        let client = connect("sleep 90 & exit 4", hasty());
        let call = client.call("t").timeout(Duration::from_secs(30));
        let error = call.send().await.unwrap_err();
        assert!(
            matches!(
                error,
                ClientError::Transport(TransportError::ServerExited { status: Some(4) })
            ),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_it_says_on_standard_error_is_no_failure() {
        // Far more than a pipe holds, before the first answer and between the two.
        let much = "head -c 1000000 /dev/zero | tr '\\0' 'e' >&2; echo 'error: fatal' >&2";
        let script = format!("{much}; {ANSWERS_ONCE}; {much}; {ANSWERS}");
        for stderr in [Stderr::Ignore, Stderr::lines(|_| {})] {
            let client = connect(&script, ChildOptions { stderr, restarts: 0, ..quiet() });
            let first = pid(&client).await;
            assert_eq!(pid(&client).await, first);
            client.close().await;
        }
    }

    #[tokio::test]
    async fn a_child_killed_from_outside_has_no_status() {
        let client = connect(ANSWERS, ChildOptions { restarts: 0, ..quiet() });
        let pid = pid(&client).await;
        Command::new("kill").args(["-9", &pid]).status().unwrap();
        let mut last = None;
        // The call may come before the end is noticed, and then it is in flight.
        for _ in 0..2 {
            last = Some(client.call("t").send().await.unwrap_err());
        }
        assert!(matches!(
            last,
            Some(ClientError::Transport(TransportError::ServerExited { status: None }))
        ));
    }

    #[tokio::test]
    async fn its_output_may_be_anything() {
        let script = r#"
            printf 'hello\n\n\377\376\n{"json":"log"}\n[]\n'
            read line
            printf '{"jsonrpc":"2.0","id":1,"result":{"content":[]'
            printf '}}\n{"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n'
            read line
            printf '{"jsonrpc":"2.0","id":2,"result":'"#;
        let client = connect(script, ChildOptions { restarts: 0, ..quiet() });
        client.call("t").send().await.unwrap();
        let error = client.call("t").send().await.unwrap_err();
        assert!(matches!(error, ClientError::Transport(_)), "{error}");
    }
}
