//! No token opens that was not sealed, and what was sealed opens with its own binding only.
//!
//! Input, in lines: a token, the principal (none if the line is empty), the method, the target, the
//! arguments; what follows is the state.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use mcp_core::sealed::{Binding, Key, KeyRing, OpenError, SealError, Sealer};

const MINUTE: Duration = Duration::from_secs(60);

/// A clock that stands still, and a key that is the same in every run: what fails once fails again.
static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let ring = KeyRing::new(Key::from_bytes([7; 32])).with_previous(Key::from_bytes([8; 32]));
    Sealer::with_clock(ring, now)
});

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000)
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(6, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let mut text = || std::str::from_utf8(line());
    let (Ok(token), Ok(principal), Ok(method), Ok(target), Ok(arguments)) =
        (text(), text(), text(), text(), text())
    else {
        return;
    };
    let state = line();
    let principal = (!principal.is_empty()).then_some(principal);
    let binding = Binding { principal, method, target, arguments };
    // The key is in this file, but libFuzzer cannot read.
    assert!(SEALER.open(&binding, token).is_err(), "a token opened that no one sealed");

    let sealed = match SEALER.seal(&binding, MINUTE, state) {
        Ok(sealed) => sealed,
        Err(SealError::Arguments) => {
            assert!(serde_json::from_str::<serde_json::Value>(arguments).is_err());
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(SEALER.open(&binding, &sealed).as_deref(), Ok(state));

    let longer = format!("{target}x");
    let nested = format!("[{arguments}]");
    for other in [
        Binding { principal: if principal.is_some() { None } else { Some("x") }, ..binding },
        Binding { method: target, target: method, ..binding },
        Binding { target: &longer, ..binding },
        Binding { arguments: &nested, ..binding },
    ] {
        if other.method == binding.method
            && other.target == binding.target
            && other.principal == binding.principal
            && other.arguments == binding.arguments
        {
            continue;
        }
        let opened = SEALER.open(&other, &sealed);
        // Arguments one level too deep to be read are no JSON to us.
        assert!(matches!(opened, Err(OpenError::Refused | OpenError::Malformed)), "{other:?}");
    }
    // One changed character, its place chosen by the input.
    let place = data.iter().map(|byte| usize::from(*byte)).sum::<usize>() % sealed.len();
    let mut changed = sealed.into_bytes();
    changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    assert!(SEALER.open(&binding, &changed).is_err(), "a changed token opened");
});
