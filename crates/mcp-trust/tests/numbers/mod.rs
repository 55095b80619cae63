//! Generated doubles, and Node's own printing of them: shared by a test and the example `canonical-numbers`.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};

use mcp_trust::canonical;

/// Reads doubles, eight bytes each, lowest first, and prints them as ECMAScript does.
const PRINT: &str = "
let rest = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  const bytes = Buffer.concat([rest, chunk]);
  const whole = bytes.length - bytes.length % 8;
  let lines = '';
  for (let at = 0; at < whole; at += 8) lines += String(bytes.readDoubleLE(at)) + '\\n';
  rest = bytes.subarray(whole);
  if (!process.stdout.write(lines)) {
    process.stdin.pause();
    process.stdout.once('drain', () => process.stdin.resume());
  }
});";

/// Finite doubles of all kinds, the same for the same seed.
pub(crate) struct Numbers {
    state: u64,
    turn: u64,
}

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, turn: 0 }
    }

    /// SplitMix64.
    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A power and one of its neighbours.
    fn near(&mut self, power: f64) -> f64 {
        let bits = power.to_bits().wrapping_add(self.bits() % 5).wrapping_sub(2);
        f64::from_bits(bits)
    }
}

impl Iterator for Numbers {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        loop {
            self.turn += 1;
            let bits = self.bits();
            let number = match self.turn % 8 {
                // Any bits at all: most have 16 or 17 digits and a large exponent.
                0..=3 => f64::from_bits(bits),
                // Amounts with few decimals.
                4 => (bits >> 30) as f64 / 10_f64.powi((bits % 10) as i32),
                // Integers around 2^53 and beyond, where their printing changes.
                5 => ((bits >> 1) >> (bits % 24)) as f64 * if bits & 1 == 0 { 1.0 } else { 1e4 },
                6 => self.near(10_f64.powi((bits % 640) as i32 - 330)),
                _ => self.near(2_f64.powi((bits % 2098) as i32 - 1074)),
            };
            if number.is_finite() {
                return Some(number);
            }
        }
    }
}

/// Compares so many canonical numbers with Node's. `Ok(None)` if Node cannot be started; otherwise how
/// many differ, with the first of them shown.
pub(crate) fn differences(seed: u64, count: usize) -> std::io::Result<Option<(usize, String)>> {
    let mut node = Command::new("node");
    let node = node.args(["-e", PRINT]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut node) = node.spawn() else { return Ok(None) };
    let (stdin, stdout) = (node.stdin.take(), node.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else { return Ok(None) };
    let writer = std::thread::spawn(move || {
        let mut stdin = BufWriter::with_capacity(1 << 16, stdin);
        for number in Numbers::new(seed).take(count) {
            stdin.write_all(&number.to_le_bytes())?;
        }
        stdin.flush()
    });
    let (mut differences, mut first, mut lines) = (0, String::new(), 0);
    for (number, line) in Numbers::new(seed).zip(BufReader::new(stdout).lines()) {
        let (ours, theirs) = (canonical::number(number).unwrap_or_default(), line?);
        lines += 1;
        if ours != theirs {
            if differences == 0 {
                first = format!("{:016x}: {ours}, Node {theirs}", number.to_bits());
            }
            differences += 1;
        }
    }
    writer.join().map_err(|_| std::io::Error::other("the writer panicked"))??;
    if !node.wait()?.success() || lines != count {
        return Err(std::io::Error::other(format!("Node printed {lines} of {count} numbers")));
    }
    Ok(Some((differences, first)))
}
