//! Rollback (RFC 8829 §4.1.10.2).
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {}
