//! Callbacks of the application on a peer connection.
//!
//! Each has one caller at a time: the connection's states and channels come from the actor, descriptions'
//! events from the one operation that is under way.

use crate::callback::Callback;
use crate::data_channel::DataChannel;
use crate::ice_candidate::IceCandidate;
use crate::peer_connection::{
    IceCandidateError, IceConnectionState, IceGatheringState, PeerConnectionState, SignalingState,
    TrackEvent,
};

/// A place for one callback that takes a `T`.
pub(crate) type Slot<T> = Callback<dyn FnMut(T) + Send + Sync>;

/// All callbacks of a peer connection.
#[derive(Default)]
pub(crate) struct Observers {
    pub(crate) connection: Slot<PeerConnectionState>,
    pub(crate) data_channel: Slot<DataChannel>,
    pub(crate) ice_candidate: Slot<IceCandidate>,
    pub(crate) ice_candidate_error: Slot<IceCandidateError>,
    pub(crate) ice_connection: Slot<IceConnectionState>,
    pub(crate) ice_gathering: Slot<IceGatheringState>,
    pub(crate) negotiation_needed: Slot<u32>,
    pub(crate) signaling: Slot<SignalingState>,
    pub(crate) track: Slot<TrackEvent>,
}

impl Observers {
    /// Forgets every callback, so that what they own is freed even where they own the connection itself.
    pub(crate) fn clear(&self) {
        self.connection.set(None);
        self.data_channel.set(None);
        self.ice_candidate.set(None);
        self.ice_candidate_error.set(None);
        self.ice_connection.set(None);
        self.ice_gathering.set(None);
        self.negotiation_needed.set(None);
        self.signaling.set(None);
        self.track.set(None);
    }
}
