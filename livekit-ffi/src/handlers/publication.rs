//! What we want of other participants' publications.

use std::sync::Arc;

use livekit::{
    publication::RemoteTrackPublication,
    track::{TrackDimension, VideoQuality},
};
use tokio::sync::watch;

use crate::{
    convert::enum_field,
    error::FfiError,
    events::{
        objects::{PublicationObject, RemotePublication},
        session::RoomSession,
        subscription,
    },
    proto,
    server::Server,
};

/// Asks for a track, or for its end. Of several such wishes the last wins.
pub(crate) fn set_subscribed(
    server: &Arc<Server>,
    request: &proto::SetSubscribedRequest,
) -> proto::SetSubscribedResponse {
    let outcome = with_remote(
        server,
        request.publication_handle,
        "set_subscribed",
        |remote| wish(server, remote, request.subscribe),
    );
    proto::SetSubscribedResponse {
        error: text(outcome),
    }
}

/// Pauses or resumes the delivery of a subscribed track.
pub(crate) fn enable(
    server: &Arc<Server>,
    request: &proto::EnableRemoteTrackPublicationRequest,
) -> proto::EnableRemoteTrackPublicationResponse {
    const OPERATION: &str = "enable_remote_track_publication";
    let outcome = with_remote(
        server,
        request.track_publication_handle,
        OPERATION,
        |remote| {
            remote.publication.set_enabled(request.enabled);
            Ok(())
        },
    );
    proto::EnableRemoteTrackPublicationResponse {
        error: text(outcome),
    }
}

/// Says how large a video is shown, so that the server sends no more.
pub(crate) fn update_dimension(
    server: &Arc<Server>,
    request: &proto::UpdateRemoteTrackPublicationDimensionRequest,
) -> proto::UpdateRemoteTrackPublicationDimensionResponse {
    const OPERATION: &str = "update_remote_track_publication_dimension";
    let outcome = with_remote(
        server,
        request.track_publication_handle,
        OPERATION,
        |remote| {
            let dimension = TrackDimension(request.width, request.height);
            remote.publication.update_video_dimensions(dimension);
            Ok(())
        },
    );
    proto::UpdateRemoteTrackPublicationDimensionResponse {
        error: text(outcome),
    }
}

/// Says which quality of a simulcast video is wanted at most.
pub(crate) fn set_quality(
    server: &Arc<Server>,
    request: &proto::SetRemoteTrackPublicationQualityRequest,
) -> proto::SetRemoteTrackPublicationQualityResponse {
    const OPERATION: &str = "set_remote_track_publication_quality";
    let outcome = with_remote(
        server,
        request.track_publication_handle,
        OPERATION,
        |remote| {
            let quality = enum_field::<proto::VideoQuality>("quality", request.quality)?;
            remote
                .publication
                .set_video_quality(VideoQuality::from(quality));
            Ok(())
        },
    );
    proto::SetRemoteTrackPublicationQualityResponse {
        error: text(outcome),
    }
}

/// A remote publication whose room is connected.
struct Connected<'a> {
    object: &'a RemotePublication,
    publication: RemoteTrackPublication,
    session: Arc<RoomSession>,
}

/// Calls `action` inside the runtime, on which `livekit` sends what is asked for.
fn with_remote(
    server: &Arc<Server>,
    handle: u64,
    operation: &'static str,
    action: impl FnOnce(Connected<'_>) -> Result<(), FfiError>,
) -> Result<(), FfiError> {
    let object = server.handles().get::<PublicationObject>(handle)?;
    let PublicationObject::Remote(object) = &*object else {
        return Err(FfiError::field(
            "publication_handle",
            handle,
            "a publication of our own; another participant's is needed",
        ));
    };
    let publication = object.publication.get(operation)?;
    let closed = || FfiError::operation(operation, "the room is closed");
    let session = object.session.upgrade().ok_or_else(closed)?;
    session.connected_room(operation)?;
    let _inside = server.runtime()?.enter();
    action(Connected {
        object,
        publication,
        session,
    })
}

/// Hands the wish to the publication's keeper, which starts with the first.
fn wish(server: &Arc<Server>, remote: Connected<'_>, wanted: bool) -> Result<(), FfiError> {
    let Connected {
        object,
        publication,
        session,
    } = remote;
    let mut started = Ok(());
    let mut first = false;
    let wishes = object.wanted.get_or_init(|| {
        first = true;
        let (wishes, receiver) = watch::channel(wanted);
        started = server
            .spawn("set_subscribed", async move {
                tokio::select! {
                    () = subscription::keep(publication, receiver) => {}
                    () = session.closed() => {}
                }
            })
            .map(drop);
        wishes
    });
    if !first {
        wishes.send_replace(wanted);
    }
    started
}

fn text(outcome: Result<(), FfiError>) -> Option<String> {
    outcome.err().map(|error| error.to_string())
}
