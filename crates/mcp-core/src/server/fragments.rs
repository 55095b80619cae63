//! Pieces of every answer that never change, rendered once.

use crate::RawJson;
use crate::protocol::{Implementation, meta_keys};

/// The constant tail of results.
pub(crate) struct Fragments {
    /// `"resultType":"complete","_meta":{…}}`: all that follows a complete result's members.
    pub(crate) complete_tail: Box<[u8]>,
    /// `,"_meta":{…}`, or nothing if the server does not say who it is.
    pub(crate) meta_member: Box<[u8]>,
    /// The key and the value of the server's identity, to be added to a result's own `_meta`.
    pub(crate) server_info: Option<(&'static str, RawJson)>,
}

impl Fragments {
    pub(crate) fn new(info: Option<&Implementation>) -> Result<Self, serde_json::Error> {
        let server_info = match info {
            None => None,
            Some(info) => Some((meta_keys::SERVER_INFO, RawJson::from_serialize(info)?)),
        };
        let meta_member = match &server_info {
            None => String::new(),
            Some((key, info)) => format!(r#","_meta":{{"{key}":{}}}"#, info.get()),
        };
        let complete_tail = format!(r#""resultType":"complete"{meta_member}}}"#);
        Ok(Self {
            complete_tail: complete_tail.into_bytes().into(),
            meta_member: meta_member.into_bytes().into(),
            server_info,
        })
    }
}
