//! Whether the descriptions no longer say what the application wants (W3C webrtc-pc §4.7.3).

use lk_types::Direction;

use crate::sdp::{MediaSection, Sdp};
use crate::session::Session;
use crate::state::{SdpType, SignalingState};
use crate::transceiver::Transceiver;

impl Session {
    /// The W3C algorithm "check if negotiation is needed", worked out anew at each call. The caller fires its
    /// event when this turns true, and only in the stable state.
    #[must_use]
    pub fn negotiation_needed(&self) -> bool {
        if self.state == SignalingState::Closed {
            return false;
        }
        // Step 2: credentials to replace.
        if self.restart_from.is_some() {
            return true;
        }
        // Step 4: channels without an m-line.
        if self.data.requested && self.data.mid.is_none() {
            return true;
        }
        self.transceivers
            .iter()
            .any(|transceiver| self.transceiver_needs_negotiation(transceiver))
    }

    /// Step 5.
    fn transceiver_needs_negotiation(&self, transceiver: &Transceiver) -> bool {
        let Some(mid) = &transceiver.mid else {
            // 5.2: not stopped and without an m-line.
            return !transceiver.stopping && !self.codecs_of(transceiver).is_empty();
        };
        // 5.1: stopping, not stopped.
        if transceiver.stopping {
            return !transceiver.stopped;
        }
        let sections = self
            .local
            .current
            .as_ref()
            .and_then(|local| Some((local, local.sdp.by_mid(mid)?)));
        let Some((local, section)) = sections else {
            return true;
        };
        let remote = self
            .remote
            .current
            .as_ref()
            .and_then(|remote| Some((&*remote.sdp, remote.sdp.by_mid(mid)?)));
        // 5.3.1: what is sent bears another name.
        if transceiver.direction.sends() && !same_msid(section, transceiver) {
            return true;
        }
        let wanted = transceiver.direction;
        let ours = local.sdp.direction_of(section);
        let theirs = |(sdp, section): (&Sdp, &MediaSection)| sdp.direction_of(section).reversed();
        match local.sdp_type {
            // 5.3.2: neither our offer nor the answer to it says so.
            SdpType::Offer => wanted != ours && remote.map(theirs) != Some(wanted),
            // 5.3.3: our answer said less than the offer would allow now.
            _ => {
                let offered = remote.map_or(Direction::Inactive, theirs);
                let possible = Direction::new(
                    wanted.sends() && offered.sends(),
                    wanted.receives() && offered.receives(),
                );
                ours != possible
            }
        }
    }
}

fn same_msid(section: &MediaSection, transceiver: &Transceiver) -> bool {
    let mut written = section.stream_ids();
    let mut wanted = transceiver.sender.stream_ids.clone();
    written.sort();
    wanted.sort();
    wanted.dedup();
    written == wanted && section.track_id().is_some()
}
