//! Payload types and extension identifiers that stay the same for a whole session.
use crate::capability::Capabilities;
#[derive(Clone, Debug)]
pub(crate) struct Registry {}
impl Registry {
    pub(crate) fn new(_: &Capabilities) -> Self {
        Self {}
    }
}
