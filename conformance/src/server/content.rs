//! Pictures and sounds, made rather than stored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A PNG picture of one red pixel, in base64.
pub(crate) fn png() -> String {
    // Signature, IHDR (1×1, 8-bit RGB), IDAT (one stored deflate block), IEND.
    let mut bytes = vec![0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
    chunk(&mut bytes, b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
    let pixel = [0, 255, 0, 0]; // No filter, then red.
    let mut data = vec![0x78, 0x01, 0x01, 4, 0, 0xfb, 0xff];
    data.extend_from_slice(&pixel);
    data.extend_from_slice(&adler32(&pixel).to_be_bytes());
    chunk(&mut bytes, b"IDAT", &data);
    chunk(&mut bytes, b"IEND", &[]);
    STANDARD.encode(bytes)
}

/// A WAV sound of a few silent samples, in base64.
pub(crate) fn wav() -> String {
    let samples = [0_u8; 16];
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&52_u32.to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    for half in [1_u16, 1] {
        bytes.extend_from_slice(&half.to_le_bytes()); // PCM, one channel.
    }
    bytes.extend_from_slice(&8000_u32.to_le_bytes());
    bytes.extend_from_slice(&16000_u32.to_le_bytes());
    for half in [2_u16, 16] {
        bytes.extend_from_slice(&half.to_le_bytes()); // Block size, bits a sample.
    }
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&samples);
    STANDARD.encode(bytes)
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or_default();
    out.extend_from_slice(&length.to_be_bytes());
    let start = out.len();
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    let sum = crc32(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&sum.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    (b << 16) | a
}
