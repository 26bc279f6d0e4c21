//! Two connections of ours and what tests do with them.

use std::time::Duration;

use libwebrtc::prelude::*;
use tokio::sync::mpsc;

/// Long enough for a loaded machine; nothing waits this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Pair {
    pub(crate) factory: PeerConnectionFactory,
    pub(crate) alice: PeerConnection,
    pub(crate) bob: PeerConnection,
}

impl Pair {
    /// Two connections that give each other their candidates.
    pub(crate) fn new() -> Self {
        let factory = PeerConnectionFactory::default();
        let connection = || {
            factory
                .create_peer_connection(RtcConfiguration::default())
                .expect("a connection can be made")
        };
        let (alice, bob) = (connection(), connection());
        trickle(&alice, &bob);
        trickle(&bob, &alice);
        Self {
            factory,
            alice,
            bob,
        }
    }

    /// Offers from Alice to Bob and answers back.
    pub(crate) async fn negotiate(&self) {
        exchange(&self.alice, &self.bob).await;
    }

    pub(crate) fn close(&self) {
        self.alice.close();
        self.bob.close();
    }
}

/// Hands one side's candidates to the other as soon as that can take them.
pub(crate) fn trickle(from: &PeerConnection, to: &PeerConnection) {
    let (sender, mut candidates) = mpsc::unbounded_channel::<IceCandidate>();
    from.on_ice_candidate(Some(Box::new(move |candidate| {
        // The other side may be gone by now.
        let _ = sender.send(candidate);
    })));
    let to = to.clone();
    tokio::spawn(async move {
        while let Some(candidate) = candidates.recv().await {
            while to.current_remote_description().is_none()
                && !matches!(
                    to.signaling_state(),
                    SignalingState::HaveRemoteOffer | SignalingState::Closed
                )
            {
                tokio::task::yield_now().await;
            }
            let parsed = IceCandidate::parse(
                &candidate.sdp_mid(),
                candidate.sdp_mline_index(),
                &candidate.candidate(),
            );
            let added = to
                .add_ice_candidate(parsed.expect("our own candidate can be read"))
                .await;
            assert!(
                added.is_ok() || to.signaling_state() == SignalingState::Closed,
                "{added:?}"
            );
        }
    });
}

pub(crate) async fn exchange(from: &PeerConnection, to: &PeerConnection) {
    exchange_as(from, to, str::to_owned).await;
}

/// As `exchange`; the other side hears what `told` makes of the offer.
pub(crate) async fn exchange_as(
    from: &PeerConnection,
    to: &PeerConnection,
    told: impl FnOnce(&str) -> String,
) {
    let offer = from
        .create_offer(OfferOptions::default())
        .await
        .expect("offer");
    from.set_local_description(offer.clone())
        .await
        .expect("our offer");
    let offer = SessionDescription::parse(&told(&offer.to_string()), SdpType::Offer)
        .expect("our offer can be read");
    to.set_remote_description(offer).await.expect("their offer");
    let answer = to
        .create_answer(AnswerOptions::default())
        .await
        .expect("answer");
    to.set_local_description(answer.clone())
        .await
        .expect("our answer");
    from.set_remote_description(answer)
        .await
        .expect("their answer");
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Fires as often as the connection says that it is connected.
pub(crate) fn connected(connection: &PeerConnection) -> mpsc::UnboundedReceiver<()> {
    let (sender, receiver) = mpsc::unbounded_channel();
    connection.on_connection_state_change(Some(Box::new(move |state| {
        if state == PeerConnectionState::Connected {
            // The test may be over.
            let _ = sender.send(());
        }
    })));
    receiver
}

pub(crate) fn tracks(connection: &PeerConnection) -> mpsc::UnboundedReceiver<MediaStreamTrack> {
    let (sender, receiver) = mpsc::unbounded_channel();
    connection.on_track(Some(Box::new(move |event| {
        assert_eq!(
            event.receiver.track().map(|track| track.id()),
            Some(event.track.id())
        );
        // The test may be over.
        let _ = sender.send(event.track);
    })));
    receiver
}

pub(crate) fn sending() -> RtpTransceiverInit {
    RtpTransceiverInit {
        direction: RtpTransceiverDirection::SendOnly,
        stream_ids: vec!["stream".to_owned()],
        send_encodings: vec![RtpEncodingParameters::default()],
    }
}
