//! The floor over stdio: one thread, one buffer in, one buffer out.

use std::io::{self, BufRead, BufReader, Write};

use bench_support::{Control, Result};

use crate::answer::Server;

/// Answers lines until the input ends.
pub(crate) fn serve(control: Control) -> Result<()> {
    let server = Server::new();
    let mut input = BufReader::with_capacity(64 * 1024, io::stdin().lock());
    let mut output = io::stdout().lock();
    let (mut line, mut answers) = (Vec::new(), Vec::new());
    control.ready(None)?;
    while input.read_until(b'\n', &mut line)? > 0 {
        server.answer_into(&line, &mut answers);
        answers.push(b'\n');
        line.clear();
        // Gathered: written when the next line is not there yet.
        if !input.buffer().contains(&b'\n') {
            output.write_all(&answers)?;
            output.flush()?;
            answers.clear();
        }
    }
    Ok(())
}
