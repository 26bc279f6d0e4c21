//! Connection states (W3C webrtc-pc §4.3) as the façade's synchronous getters read them.

use lk_engine::{DtlsState, IceState};
use parking_lot::Mutex;

use crate::peer_connection::{
    IceConnectionState, IceGatheringState, PeerConnectionState, SignalingState,
};

/// The three states that the network moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionStates {
    pub(crate) connection: PeerConnectionState,
    pub(crate) ice: IceConnectionState,
    pub(crate) gathering: IceGatheringState,
}

/// The states behind a lock.
pub(crate) struct States(Mutex<ConnectionStates>);

impl Default for States {
    fn default() -> Self {
        Self(Mutex::new(ConnectionStates {
            connection: PeerConnectionState::New,
            ice: IceConnectionState::New,
            gathering: IceGatheringState::New,
        }))
    }
}

impl States {
    pub(crate) fn get(&self) -> ConnectionStates {
        *self.0.lock()
    }

    /// Everything closed, for good.
    pub(crate) fn close(&self) {
        let mut states = self.0.lock();
        states.connection = PeerConnectionState::Closed;
        states.ice = IceConnectionState::Closed;
    }

    /// Takes the engine's states over and says which of ours changed by that.
    pub(crate) fn follow(&self, ice: IceState, dtls: DtlsState) -> Changes {
        let mut states = self.0.lock();
        if states.connection == PeerConnectionState::Closed {
            return Changes::default();
        }
        let new_ice = ice_connection(ice);
        let new_connection = connection(ice, dtls);
        Changes {
            ice: (std::mem::replace(&mut states.ice, new_ice) != new_ice).then_some(new_ice),
            connection: (std::mem::replace(&mut states.connection, new_connection)
                != new_connection)
                .then_some(new_connection),
        }
    }

    /// Sets the gathering state and says whether that changed it.
    pub(crate) fn set_gathering(&self, gathering: IceGatheringState) -> bool {
        let mut states = self.0.lock();
        std::mem::replace(&mut states.gathering, gathering) != gathering
    }
}

/// States to tell the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) ice: Option<IceConnectionState>,
    pub(crate) connection: Option<PeerConnectionState>,
}

/// The signaling state in the façade's terms.
pub(crate) fn signaling(state: lk_jsep::SignalingState) -> SignalingState {
    match state {
        lk_jsep::SignalingState::Stable => SignalingState::Stable,
        lk_jsep::SignalingState::HaveLocalOffer => SignalingState::HaveLocalOffer,
        lk_jsep::SignalingState::HaveRemoteOffer => SignalingState::HaveRemoteOffer,
        lk_jsep::SignalingState::HaveLocalPrAnswer => SignalingState::HaveLocalPrAnswer,
        lk_jsep::SignalingState::HaveRemotePrAnswer => SignalingState::HaveRemotePrAnswer,
        lk_jsep::SignalingState::Closed => SignalingState::Closed,
    }
}

fn ice_connection(ice: IceState) -> IceConnectionState {
    match ice {
        IceState::New => IceConnectionState::New,
        IceState::Checking => IceConnectionState::Checking,
        IceState::Connected => IceConnectionState::Connected,
        IceState::Completed => IceConnectionState::Completed,
        IceState::Disconnected => IceConnectionState::Disconnected,
        IceState::Failed => IceConnectionState::Failed,
        IceState::Closed => IceConnectionState::Closed,
    }
}

/// W3C `RTCPeerConnectionState` of one bundled transport. A DTLS end that the peer closed counts as
/// disconnected: nothing flows any more, and ICE will fail if the peer is gone.
fn connection(ice: IceState, dtls: DtlsState) -> PeerConnectionState {
    match (ice, dtls) {
        (IceState::Closed, _) => PeerConnectionState::Closed,
        (IceState::Failed, _) | (_, DtlsState::Failed) => PeerConnectionState::Failed,
        (IceState::Disconnected, _) | (_, DtlsState::Closed) => PeerConnectionState::Disconnected,
        (IceState::New, DtlsState::New) => PeerConnectionState::New,
        (IceState::Connected | IceState::Completed, DtlsState::Connected) => {
            PeerConnectionState::Connected
        }
        _ => PeerConnectionState::Connecting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connected_needs_ice_and_dtls() {
        assert_eq!(
            connection(IceState::Connected, DtlsState::Connecting),
            PeerConnectionState::Connecting
        );
        assert_eq!(
            connection(IceState::Checking, DtlsState::New),
            PeerConnectionState::Connecting
        );
        assert_eq!(
            connection(IceState::Completed, DtlsState::Connected),
            PeerConnectionState::Connected
        );
        assert_eq!(
            connection(IceState::Connected, DtlsState::Failed),
            PeerConnectionState::Failed
        );
        assert_eq!(
            connection(IceState::Disconnected, DtlsState::Connected),
            PeerConnectionState::Disconnected
        );
    }

    #[test]
    fn a_change_is_told_once() {
        let states = States::default();
        let first = states.follow(IceState::Checking, DtlsState::New);
        assert_eq!(first.connection, Some(PeerConnectionState::Connecting));
        assert_eq!(
            states.follow(IceState::Checking, DtlsState::New),
            Changes::default()
        );
    }

    #[test]
    fn nothing_leaves_closed() {
        let states = States::default();
        states.close();
        assert_eq!(
            states.follow(IceState::Connected, DtlsState::Connected),
            Changes::default()
        );
        assert_eq!(states.get().connection, PeerConnectionState::Closed);
    }
}
