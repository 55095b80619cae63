//! Bytes in JSON: pictures, sound and files travel as base64 (RFC 4648, section 4, with padding).
//!
//! Source: specification, *Tools → Image content*, *Audio content*; *Resources → Binary content*.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{AudioContent, BlobResourceContents, ImageContent};

/// Data that should be base64 and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the data is no base64: {0}")]
pub struct NotBase64(#[from] base64::DecodeError);

impl ImageContent {
    /// A picture of these bytes and this media type (`image/png`, say).
    ///
    /// ```
    /// use mcp_core::protocol::ImageContent;
    ///
    /// let pixel = ImageContent::from_bytes(b"\x89PNG", "image/png");
    /// assert_eq!(pixel.data, "iVBORw==");
    /// assert_eq!(pixel.bytes(), Ok(b"\x89PNG".to_vec()));
    /// ```
    pub fn from_bytes(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::new(STANDARD.encode(bytes), mime_type)
    }

    /// The bytes.
    ///
    /// # Errors
    /// If what came is no base64.
    pub fn bytes(&self) -> Result<Vec<u8>, NotBase64> {
        Ok(STANDARD.decode(&self.data)?)
    }
}

impl AudioContent {
    /// Sound of these bytes and this media type (`audio/wav`, say).
    ///
    /// ```
    /// use mcp_core::protocol::AudioContent;
    ///
    /// assert_eq!(AudioContent::from_bytes(b"RIFF", "audio/wav").data, "UklGRg==");
    /// ```
    pub fn from_bytes(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::new(STANDARD.encode(bytes), mime_type)
    }

    /// The bytes.
    ///
    /// # Errors
    /// If what came is no base64.
    pub fn bytes(&self) -> Result<Vec<u8>, NotBase64> {
        Ok(STANDARD.decode(&self.data)?)
    }
}

impl BlobResourceContents {
    /// Contents of these bytes.
    ///
    /// ```
    /// use mcp_core::protocol::BlobResourceContents;
    ///
    /// let contents = BlobResourceContents::from_bytes("file:///a.bin", &[0, 255]);
    /// assert_eq!(contents.blob, "AP8=");
    /// ```
    pub fn from_bytes(uri: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(uri, STANDARD.encode(bytes))
    }

    /// The bytes.
    ///
    /// # Errors
    /// If what came is no base64.
    pub fn bytes(&self) -> Result<Vec<u8>, NotBase64> {
        Ok(STANDARD.decode(&self.blob)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::{ContentBlock, EmbeddedResource, ResourceContents};

    fn all() -> Vec<u8> {
        (0..=255).collect()
    }

    fn sent(content: impl serde::Serialize, data: &str) -> Value {
        let mut sent = serde_json::to_value(content).unwrap();
        let text = sent[data].take();
        assert_eq!(STANDARD.decode(text.as_str().unwrap()).unwrap(), all());
        sent
    }

    #[test]
    fn images_are_base64() {
        let image = ImageContent::from_bytes(&all(), "image/png");
        assert_eq!(image.bytes().unwrap(), all());
        let rest = json!({ "type": "image", "data": null, "mimeType": "image/png" });
        assert_eq!(sent(ContentBlock::Image(image), "data"), rest);
        let without = r#"{"type":"image","data":"AA=="}"#;
        assert!(serde_json::from_str::<ContentBlock>(without).is_err(), "the media type is due");
    }

    #[test]
    fn audio_is_base64() {
        let audio = AudioContent::from_bytes(&all(), "audio/wav");
        assert_eq!(audio.bytes().unwrap(), all());
        let rest = json!({ "type": "audio", "data": null, "mimeType": "audio/wav" });
        assert_eq!(sent(ContentBlock::Audio(audio), "data"), rest);
        let without = r#"{"type":"audio","data":"AA=="}"#;
        assert!(serde_json::from_str::<ContentBlock>(without).is_err(), "the media type is due");
    }

    #[test]
    fn embedded_resources_are_whole() {
        let mut blob = BlobResourceContents::from_bytes("x:1", &all());
        blob.mime_type = Some("image/png".to_owned());
        assert_eq!(blob.bytes().unwrap(), all());
        let embedded = EmbeddedResource::new(ResourceContents::Blob(blob));
        let mut sent = serde_json::to_value(ContentBlock::Resource(embedded)).unwrap();
        let data = sent["resource"]["blob"].take();
        assert_eq!(STANDARD.decode(data.as_str().unwrap()).unwrap(), all());
        let resource = json!({ "uri": "x:1", "blob": null, "mimeType": "image/png" });
        assert_eq!(sent, json!({ "type": "resource", "resource": resource }));
        for wrong in [
            json!({ "uri": "x:1" }),
            json!({ "text": "a" }),
            json!({ "uri": "x:1", "text": "a", "blob": "AA==" }),
        ] {
            let block = json!({ "type": "resource", "resource": wrong });
            let read = serde_json::from_str::<ContentBlock>(&block.to_string());
            assert!(read.is_err(), "{block}");
        }
    }

    #[test]
    fn what_is_no_base64_is_a_named_error() {
        for data in ["A", "AA", "A===", "A A=", "_-__", "\u{e9}AAA"] {
            let error = BlobResourceContents::new("x:1", data).bytes().unwrap_err();
            assert!(error.to_string().contains("no base64"), "{data}: {error}");
        }
    }
}
