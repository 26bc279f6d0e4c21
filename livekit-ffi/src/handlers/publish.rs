//! Publishing and unpublishing tracks, and waiting for somebody to listen.

use std::{sync::Arc, time::Duration};

use livekit::{
    options::{TrackPublishOptions, VideoCodec},
    track::{LocalTrack, LocalVideoTrack},
    webrtc::video_source::RtcVideoSource,
};
use tokio::{sync::watch, time::timeout};

use super::{OPERATION_LIMIT, attempt, local_participant};
use crate::{
    convert::track::track_sid,
    error::{FfiError, HandleError},
    events::{
        objects::{PublicationObject, PublicationStage, TrackObject},
        published::Claim,
    },
    proto::{self, ffi_event::Message, publish_track_callback},
    server::Server,
};

/// Publishes a track of the host's. The callback comes before every event about it.
pub(crate) fn publish_track(
    server: &Arc<Server>,
    request: proto::PublishTrackRequest,
) -> Result<proto::PublishTrackResponse, FfiError> {
    const OPERATION: &str = "publish_track";
    let async_id = server.async_id(request.request_async_id);
    let callback = move |message| {
        Message::PublishTrack(proto::PublishTrackCallback {
            async_id,
            message: Some(message),
        })
    };
    let to = Arc::clone(server);
    server.spawn(OPERATION, async move {
        use publish_track_callback::Message as Outcome;
        let prepared = prepare(&to, request);
        let (local, object, track, claim, options) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return to.send(callback(Outcome::Error(error.to_string()))),
        };
        let publish = local.publish_track(track, options);
        match attempt(OPERATION, OPERATION_LIMIT, publish).await {
            Ok(publication) => {
                let owned = object
                    .session
                    .own_local_publication(&publication, Some(claim));
                let sid = owned.info.sid.clone();
                object
                    .session
                    .announce(&sid, callback(Outcome::Publication(owned)));
            }
            Err(error) => to.send(callback(Outcome::Error(error))),
        }
    })?;
    Ok(proto::PublishTrackResponse { async_id })
}

/// Unpublishes a track. The callback comes after `local_track_unpublished`.
pub(crate) fn unpublish_track(
    server: &Arc<Server>,
    request: proto::UnpublishTrackRequest,
) -> Result<proto::UnpublishTrackResponse, FfiError> {
    const OPERATION: &str = "unpublish_track";
    let async_id = server.async_id(request.request_async_id);
    let callback =
        move |error| Message::UnpublishTrack(proto::UnpublishTrackCallback { async_id, error });
    let prepared = track_sid("track_sid", request.track_sid).and_then(|sid| {
        let (local, object) =
            local_participant(server, request.local_participant_handle, OPERATION)?;
        Ok((sid, local, object))
    });
    match prepared {
        Ok((sid, local, object)) => {
            server.spawn(OPERATION, async move {
                let session = &object.session;
                session.unpublish_asked(sid.as_str());
                let outcome =
                    attempt(OPERATION, OPERATION_LIMIT, local.unpublish_track(&sid)).await;
                if outcome.is_err() {
                    session.unpublish_failed(sid.as_str());
                }
                session.send_after_events(callback(outcome.err()));
            })?;
        }
        Err(error) => server.send(callback(Some(error.to_string()))),
    }
    Ok(proto::UnpublishTrackResponse { async_id })
}

/// Waits until a participant has subscribed to a publication of ours.
pub(crate) fn wait_for_subscription(
    server: &Arc<Server>,
    request: &proto::WaitForSubscriptionRequest,
) -> Result<proto::WaitForSubscriptionResponse, FfiError> {
    const OPERATION: &str = "wait_for_subscription";
    let limit = request.timeout_ms.map(Duration::from_millis);
    let stage = match stage_of(server, request.publication_handle) {
        // The host may have dropped it just now: that is an outcome, not a mistake.
        Err(FfiError::Handle(error @ HandleError::Unknown { .. })) => Err(error.into()),
        Err(error) => return Err(error),
        Ok(stage) => Ok(stage),
    };
    let async_id = server.async_id(request.request_async_id);
    let waiting = stage.map(|stage| subscribed(stage, limit));
    // Without a limit of the host's this waits as long as the publication lives, so it is not
    // bounded like an operation on the server.
    let callback = move |error| {
        Message::WaitForSubscription(proto::WaitForSubscriptionCallback { async_id, error })
    };
    match waiting {
        Ok(waiting) => {
            server.spawn_answer(
                OPERATION,
                async move {
                    callback(
                        waiting
                            .await
                            .err()
                            .map(|reason| FfiError::operation(OPERATION, reason).to_string()),
                    )
                },
                move |panic| callback(Some(panic.to_string())),
            )?;
        }
        Err::<_, FfiError>(error) => server.send(callback(Some(error.to_string()))),
    }
    Ok(proto::WaitForSubscriptionResponse { async_id })
}

type Prepared = (
    livekit::participant::LocalParticipant,
    Arc<crate::events::objects::ParticipantObject>,
    LocalTrack,
    Claim,
    TrackPublishOptions,
);

fn prepare(server: &Server, request: proto::PublishTrackRequest) -> Result<Prepared, FfiError> {
    const OPERATION: &str = "publish_track";
    let (local, object) = local_participant(server, request.local_participant_handle, OPERATION)?;
    let held = server.handles().get::<TrackObject>(request.track_handle)?;
    let track = LocalTrack::try_from(held.track.get(OPERATION)?).map_err(|_| {
        FfiError::field(
            "track_handle",
            request.track_handle,
            "a remote track cannot be published",
        )
    })?;
    let mut options = TrackPublishOptions::try_from(request.options)?;
    if let LocalTrack::Video(video) = &track {
        options.video_codec = sendable(options.video_codec, video);
        // Whoever encodes gives one size.
        options.simulcast &= !is_encoded(video);
    }
    let (track, claim) = held.published.claim(track);
    Ok((local, object, track, claim, options))
}

/// The codec that is really sent: there is no H.265 encoder here, only frames that the host encoded itself.
fn sendable(asked: VideoCodec, track: &LocalVideoTrack) -> VideoCodec {
    if asked != VideoCodec::H265 || is_encoded(track) {
        return asked;
    }
    let instead = VideoCodec::VP8;
    log::warn!(
        "publish_track: video_codec H265 cannot be encoded here; {} is sent instead",
        instead.as_str()
    );
    instead
}

fn is_encoded(track: &LocalVideoTrack) -> bool {
    matches!(track.rtc_source(), RtcVideoSource::Native(source) if source.is_encoded())
}

fn stage_of(server: &Server, handle: u64) -> Result<watch::Receiver<PublicationStage>, FfiError> {
    match &*server.handles().get::<PublicationObject>(handle)? {
        PublicationObject::Local(local) => Ok(local.stage.subscribe()),
        PublicationObject::Remote(_) => Err(FfiError::field(
            "publication_handle",
            handle,
            "a remote publication; only our own are waited for",
        )),
    }
}

/// Waits for `stage` to become [`PublicationStage::Subscribed`]; says why it will not.
async fn subscribed(
    mut stage: watch::Receiver<PublicationStage>,
    limit: Option<Duration>,
) -> Result<(), String> {
    let wait = async {
        loop {
            match *stage.borrow_and_update() {
                PublicationStage::Waiting => {}
                PublicationStage::Subscribed => return Ok(()),
                PublicationStage::Unpublished => return Err("the track was unpublished".to_owned()),
                PublicationStage::RoomClosed => return Err("the room was closed".to_owned()),
            }
            if stage.changed().await.is_err() {
                return Err("the publication's handle was dropped".to_owned());
            }
        }
    };
    match limit {
        None => wait.await,
        Some(limit) => timeout(limit, wait)
            .await
            .unwrap_or_else(|_| Err(format!("nobody subscribed within {} ms", limit.as_millis()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> (
        watch::Sender<PublicationStage>,
        watch::Receiver<PublicationStage>,
    ) {
        watch::channel(PublicationStage::Waiting)
    }

    #[tokio::test]
    async fn a_subscription_that_is_there_already_is_done_at_once() {
        let (stage, waiting) = channel();
        stage.send_replace(PublicationStage::Subscribed);
        assert_eq!(subscribed(waiting, None).await, Ok(()));
    }

    #[tokio::test]
    async fn a_subscription_that_comes_later_is_waited_for() {
        let (stage, waiting) = channel();
        let waiter = tokio::spawn(subscribed(waiting, None));
        tokio::task::yield_now().await;
        stage.send_replace(PublicationStage::Subscribed);
        assert_eq!(waiter.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn every_end_of_the_publication_ends_the_wait_with_its_reason() {
        for (end, reason) in [
            (PublicationStage::Unpublished, "unpublished"),
            (PublicationStage::RoomClosed, "room"),
        ] {
            let (stage, waiting) = channel();
            stage.send_replace(end);
            assert!(
                subscribed(waiting, None)
                    .await
                    .unwrap_err()
                    .contains(reason)
            );
        }
        let (stage, waiting) = channel();
        drop(stage);
        assert!(
            subscribed(waiting, None)
                .await
                .unwrap_err()
                .contains("dropped")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_hosts_limit_ends_the_wait() {
        let (_stage, waiting) = channel();
        let error = subscribed(waiting, Some(Duration::from_millis(250)))
            .await
            .unwrap_err();
        assert!(error.contains("250 ms"), "{error}");
    }
}
