//! Questions on a terminal, and colours.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Docs, Tasks, command};

/// Runs the command on a terminal of its own, with everything that will be typed there; what it says there and on
/// standard output.
fn on_terminal(
    words: &[&str],
    typed: &str,
    stdout_too: bool,
    no_color: bool,
) -> (i32, String, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
    let mut command = command();
    command.args(words).env("TERM", "xterm").stdin(open()).stderr(open());
    command.stdout(if stdout_too { Stdio::from(open()) } else { Stdio::piped() });
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let mut child = command.spawn().unwrap();
    // The other end must be this process's alone, or reading would never end.
    drop(command);
    let mut master = File::from(master);
    master.write_all(typed.as_bytes()).unwrap();
    let mut reading = master.try_clone().unwrap();
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        let mut piece = [0; 1024];
        // Linux says the end of a terminal with an error.
        while let Ok(count @ 1..) = reading.read(&mut piece) {
            said.extend_from_slice(&piece[..count]);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let mut out = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut out).unwrap();
    }
    let code = child.wait().unwrap().code().unwrap();
    (code, out, said.join().unwrap())
}

#[test]
fn a_question_is_asked_and_its_answer_sent() {
    for (typed, code, out, renamed) in [
        ("yes\ns\n", 0, "Renamed to other.md", true),
        ("maybe\ny\ns\n", 0, "Renamed to other.md", true),
        ("no\ne\nyes\ns\n", 0, "Renamed to other.md", true),
        ("no\ns\n", 0, "Nothing was renamed", false),
        ("yes\nd\n", 0, "Nothing was renamed", false),
        ("yes\nc\n", 0, "Nothing was renamed", false),
        // The end of the input is no yes.
        ("\u{4}", 0, "Nothing was renamed", false),
    ] {
        let docs = Docs::start(&[]);
        let words = ["call", &docs.url, "rename", "from=note.md", "to=other.md"];
        let (ended, said_out, said) = on_terminal(&words, typed, false, false);
        assert_eq!(ended, code, "{typed:?} {said_out} {said}");
        assert!(said_out.contains(out), "{typed:?}: {said_out} {said}");
        assert!(said.contains("docs-server asks, in the course of rename"), "{said}");
        assert!(said.contains("Rename note.md to other.md?"), "{said}");
        assert_eq!(docs.folder.path().join("other.md").exists(), renamed, "{typed:?}");
    }
}

#[test]
fn a_task_asks_on_the_terminal() {
    let tasks = Tasks::start();
    let words = ["call", &tasks.url, "index", "folder=texts"];
    let (code, first, _) = on_terminal(&words, "", false, false);
    assert_eq!(code, 0, "{first}");
    let (code, out, said) = on_terminal(&words, "yes\ns\n", false, false);
    assert_eq!(code, 0, "{out} {said}");
    assert!(said.contains("asks, in the course of index"), "{said}");
    assert!(out.contains("texts.index.tsv"), "{out}");
}

#[test]
fn colours_are_for_terminals_whose_owners_want_them() {
    let docs = Docs::start(&[]);
    let words = ["list", docs.url.as_str()];
    let (_, _, coloured) = on_terminal(&words, "", true, false);
    assert!(coloured.contains("\u{1b}[1m"), "{coloured}");
    let (_, _, plain) = on_terminal(&words, "", true, true);
    assert!(plain.contains("search") && !plain.contains('\u{1b}'), "{plain}");
}
