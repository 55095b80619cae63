//! A log is verified the same however its bytes arrive, and what is accepted without a torn end is whole: each of its prefixes up to a
//! line is accepted with fewer entries, and one flipped bit is not.
#![no_main]

use std::io::BufReader;

use libfuzzer_sys::fuzz_target;
use mcp_trust::receipts::verify;

fuzz_target!(|data: &[u8]| {
    let at_once = verify(&mut &*data).map_err(|error| error.to_string());
    let in_pieces = verify(&mut BufReader::with_capacity(3, data)).map_err(|e| e.to_string());
    assert_eq!(at_once, in_pieces, "it matters how the bytes arrive");
    let Ok(log) = at_once else { return };
    if log.torn.is_some() {
        return;
    }
    let ends = data.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    for (entries, end) in ends.enumerate() {
        let cut = verify(&mut &data[..end]).expect("a whole log is refused when it was shorter");
        assert_eq!(cut.checkpoint.size(), entries as u64);
    }
    let flipped = data.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    let mut data = data.to_vec();
    let (at, bit) = (flipped / 8 % data.len(), flipped % 8);
    data[at] ^= 1 << bit;
    assert!(
        verify(&mut &*data).map_or(true, |other| other.torn.is_some()),
        "bit {bit} of byte {at} does not matter"
    );
});
