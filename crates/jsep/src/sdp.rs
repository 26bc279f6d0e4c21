//! Session descriptions (RFC 8866).
/// A parsed session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {}
impl Sdp {
    pub(crate) fn ice(&self) -> Option<crate::plan::IceParameters> {
        None
    }
    pub(crate) fn print(&self) -> String {
        String::new()
    }
}
