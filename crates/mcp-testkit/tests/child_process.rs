//! A line client with a real child process: this very program, started again as a server.
//!
//! It prints what libtest prints, so that whoever reads test results reads these too.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test program")]

use std::time::Duration;

use mcp_core::Shutdown;
use mcp_core::server::{ServedTool, Server};
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_testkit::{LineClient, LineClientError, call_tool, request};
use serde_json::json;
use tokio::process::Command;

/// Says which server the program is to be.
const ROLE: &str = "MCP_TESTKIT_CHILD";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("serves") => serve().await,
        Ok("chats") => println!("welcome"),
        Ok("hangs") => std::future::pending().await,
        Ok("fails") => {
            eprintln!("the database is gone");
            std::process::exit(3);
        }
        // Asked for its list of tests, as `cargo nextest` and editors do.
        _ if std::env::args().any(|argument| argument == "--list") => {}
        _ => check_all().await,
    }
}

async fn serve() {
    eprintln!("serving");
    let server = Server::builder("child", "1.0.0")
        .tool(ServedTool::new("hello", async || "Hello!"))
        .build()
        .unwrap();
    let (_trigger, shutdown) = Shutdown::new();
    serve_stdio(server, StdioOptions::default(), shutdown).await.unwrap();
}

fn start(role: &str) -> LineClient {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role);
    LineClient::spawn(command).unwrap()
}

async fn check_all() {
    println!("\nrunning 5 tests");
    a_child_answers_and_ends().await;
    println!("test a_child_answers_and_ends ... ok");
    chatter_on_standard_output_is_an_error().await;
    println!("test chatter_on_standard_output_is_an_error ... ok");
    a_child_that_hangs_is_a_named_error().await;
    println!("test a_child_that_hangs_is_a_named_error ... ok");
    a_child_that_fails_shows_its_standard_error().await;
    println!("test a_child_that_fails_shows_its_standard_error ... ok");
    a_program_that_is_not_there_is_an_error();
    println!("test a_program_that_is_not_there_is_an_error ... ok");
    println!("\ntest result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
}

async fn a_child_answers_and_ends() {
    let mut client = start("serves");
    let answer = client.ask(call_tool("hello", json!({})).id("a")).await.unwrap();
    assert_eq!(answer.assert_text(), "Hello!");
    // Half a line is no message yet.
    let line = format!("{}\n", request("tools/list").id("b").to_json());
    let (start, end) = line.as_bytes().split_at(20);
    client.send_bytes(start).await.unwrap();
    client.send_bytes(end).await.unwrap();
    assert_eq!(client.next_message().await.unwrap()["id"], "b");
    // Answers to others are kept.
    client.send(&request("tools/list").id("c")).await.unwrap();
    client.ask(request("server/discover").id("d")).await.unwrap().assert_result();
    assert_eq!(client.next_message().await.unwrap()["id"], "c");

    client.close_input().await.unwrap();
    assert!(client.expect_end().await.unwrap().is_empty());
    assert!(client.wait().await.unwrap().success());
    assert!(client.stderr().contains("serving"));
    let closed = client.send_line("{}").await.unwrap_err();
    assert!(matches!(closed, LineClientError::InputClosed));
}

async fn chatter_on_standard_output_is_an_error() {
    let error = start("chats").next_message().await.unwrap_err();
    assert!(
        matches!(&error, LineClientError::NotAMessage { line } if line == "welcome"),
        "{error}"
    );
}

async fn a_child_that_hangs_is_a_named_error() {
    let mut client = start("hangs").deadline(Duration::from_millis(50));
    let error = client.next_line().await.unwrap_err();
    assert!(matches!(error, LineClientError::Deadline { .. }), "{error}");
    let error = client.wait().await.unwrap_err();
    assert!(matches!(error, LineClientError::Deadline { .. }), "{error}");
}

async fn a_child_that_fails_shows_its_standard_error() {
    let mut client = start("fails");
    assert_eq!(client.wait().await.unwrap().code(), Some(3));
    // Standard error is read beside; whether all of it has been read by now is a matter of luck.
    let error = client.next_message().await.unwrap_err();
    assert!(matches!(error, LineClientError::Ended { .. }), "{error}");
}

fn a_program_that_is_not_there_is_an_error() {
    let error =
        LineClient::spawn(Command::new("no-such-program-anywhere")).map(|_| ()).unwrap_err();
    assert!(matches!(error, LineClientError::Io(_)), "{error}");
}
