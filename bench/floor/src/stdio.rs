//! The floor over stdio: one buffer in, one buffer out, answers gathered into one write.

use std::io::{self, BufRead, BufReader, Write};

use bench_support::{Control, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::answer::Server;

const BUFFER: usize = 64 * 1024;

/// Answers lines until the input ends, on tokio's streams: the input is read on another thread,
/// because a server has to hear of a cancellation while its handlers run.
pub(crate) async fn serve(control: Control) -> Result<()> {
    let server = Server::new();
    let mut input = tokio::io::BufReader::with_capacity(BUFFER, tokio::io::stdin());
    let mut output = tokio::io::stdout();
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    control.ready(None)?;
    while input.read_until(b'\n', &mut line).await? > 0 {
        server.answer_into(&line, &mut answers);
        answers.push(b'\n');
        line.clear();
        if !input.buffer().contains(&b'\n') {
            output.write_all(&answers).await?;
            output.flush().await?;
            answers.clear();
        }
    }
    Ok(())
}

/// The same on the one thread there is, without a runtime: less than a server can do with, as it
/// reads nothing while a handler runs.
pub(crate) fn serve_blocking(control: Control) -> Result<()> {
    let server = Server::new();
    let mut input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let mut output = io::stdout().lock();
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    control.ready(None)?;
    while input.read_until(b'\n', &mut line)? > 0 {
        server.answer_into(&line, &mut answers);
        answers.push(b'\n');
        line.clear();
        if !input.buffer().contains(&b'\n') {
            output.write_all(&answers)?;
            output.flush()?;
            answers.clear();
        }
    }
    Ok(())
}
