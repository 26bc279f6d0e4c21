//! The signaling state and its transitions (W3C webrtc-pc §4.3.1, RFC 8829 §3.2).

use std::fmt;

/// Type of a session description (W3C `RTCSdpType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SdpType {
    /// Starts an exchange.
    Offer,
    /// Provisional answer.
    PrAnswer,
    /// Ends an exchange.
    Answer,
    /// Cancels the offer that is pending; its text does not matter.
    Rollback,
}

impl SdpType {
    /// The name used by signaling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::PrAnswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        }
    }
}

impl fmt::Display for SdpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an exchange stands (W3C `RTCSignalingState`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SignalingState {
    /// No exchange is under way.
    #[default]
    Stable,
    /// Our offer was applied.
    HaveLocalOffer,
    /// The peer's offer was applied.
    HaveRemoteOffer,
    /// Our provisional answer was applied.
    HaveLocalPrAnswer,
    /// The peer's provisional answer was applied.
    HaveRemotePrAnswer,
    /// The session was closed.
    Closed,
}

impl SignalingState {
    /// The W3C name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::HaveLocalPrAnswer => "have-local-pranswer",
            Self::HaveRemotePrAnswer => "have-remote-pranswer",
            Self::Closed => "closed",
        }
    }

    /// The state after a description was applied; `None` where it must be refused.
    ///
    /// A remote offer in have-local-offer rolls the local one back first (W3C §4.4.1.5, "implicit rollback").
    #[must_use]
    pub fn after(self, side: Side, sdp_type: SdpType) -> Option<Self> {
        use SdpType::{Answer, Offer, PrAnswer, Rollback};
        use Side::{Local, Remote};
        match (self, side, sdp_type) {
            (Self::Stable | Self::HaveLocalOffer, Local, Offer) => Some(Self::HaveLocalOffer),
            (Self::Stable | Self::HaveRemoteOffer | Self::HaveLocalOffer, Remote, Offer) => {
                Some(Self::HaveRemoteOffer)
            }
            (Self::HaveLocalOffer | Self::HaveRemotePrAnswer, Remote, Answer)
            | (Self::HaveRemoteOffer | Self::HaveLocalPrAnswer, Local, Answer) => {
                Some(Self::Stable)
            }
            (Self::HaveLocalOffer | Self::HaveRemotePrAnswer, Remote, PrAnswer) => {
                Some(Self::HaveRemotePrAnswer)
            }
            (Self::HaveRemoteOffer | Self::HaveLocalPrAnswer, Local, PrAnswer) => {
                Some(Self::HaveLocalPrAnswer)
            }
            // Either side may take back whichever offer is pending, but not once it was answered for good
            // or provisionally (W3C §4.4.1.5 step 4).
            (Self::HaveLocalOffer | Self::HaveRemoteOffer, _, Rollback) => Some(Self::Stable),
            _ => None,
        }
    }
}

impl fmt::Display for SignalingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose description it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Remote,
}

impl Side {
    /// `local` or `remote`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SdpType::*, Side::*, SignalingState as S};

    #[test]
    fn an_exchange_ends_in_stable_whoever_offers() {
        assert_eq!(S::Stable.after(Local, Offer), Some(S::HaveLocalOffer));
        assert_eq!(
            S::HaveLocalOffer.after(Remote, PrAnswer),
            Some(S::HaveRemotePrAnswer)
        );
        assert_eq!(S::HaveRemotePrAnswer.after(Remote, Answer), Some(S::Stable));
        assert_eq!(S::Stable.after(Remote, Offer), Some(S::HaveRemoteOffer));
        assert_eq!(S::HaveRemoteOffer.after(Local, Answer), Some(S::Stable));
    }

    #[test]
    fn answers_without_an_offer_are_refused() {
        for sdp_type in [Answer, PrAnswer, Rollback] {
            assert_eq!(S::Stable.after(Local, sdp_type), None);
            assert_eq!(S::Stable.after(Remote, sdp_type), None);
        }
        assert_eq!(S::HaveRemoteOffer.after(Remote, Answer), None);
        assert_eq!(S::HaveLocalOffer.after(Local, Answer), None);
    }

    #[test]
    fn nothing_leaves_closed() {
        for side in [Local, Remote] {
            for sdp_type in [Offer, Answer, PrAnswer, Rollback] {
                assert_eq!(S::Closed.after(side, sdp_type), None);
            }
        }
    }
}
