//! Keys and switches of end-to-end encryption.

use livekit::{
    Room,
    e2ee::{key_provider::KeyProvider, manager::E2eeManager},
    prelude::ParticipantIdentity,
};

use super::room::session;
use crate::{
    convert::track::track_sid,
    error::FfiError,
    proto::{self, e2ee_request::Message as Request, e2ee_response::Message as Response},
    server::Server,
};

/// Serves the requests about one room's encryption.
pub(crate) fn serve(server: &Server, request: proto::E2eeRequest) -> proto::E2eeResponse {
    match answer(server, request) {
        Ok(message) => proto::E2eeResponse {
            message: Some(message),
            error: None,
        },
        Err(error) => proto::E2eeResponse {
            message: None,
            error: Some(error.to_string()),
        },
    }
}

fn answer(server: &Server, request: proto::E2eeRequest) -> Result<Response, FfiError> {
    let room = session(server, request.room_handle)?.room("e2ee")?;
    let manager = room.e2ee_manager();
    match request.message.ok_or(FfiError::EmptyRequest)? {
        Request::ManagerSetEnabled(request) => {
            let runtime = server.runtime()?;
            let _inside = runtime.enter();
            manager.set_enabled(request.enabled);
            Ok(Response::ManagerSetEnabled(
                proto::E2eeManagerSetEnabledResponse {},
            ))
        }
        Request::ManagerGetFrameCryptors(_) => {
            Ok(Response::ManagerGetFrameCryptors(frame_cryptors(manager)))
        }
        Request::CryptorSetEnabled(request) => {
            let cryptor = find(manager, request.participant_identity, request.track_sid)?;
            cryptor.set_enabled(request.enabled);
            Ok(Response::CryptorSetEnabled(
                proto::FrameCryptorSetEnabledResponse {},
            ))
        }
        Request::CryptorSetKeyIndex(request) => {
            let cryptor = find(manager, request.participant_identity, request.track_sid)?;
            cryptor.set_key_index(request.key_index);
            Ok(Response::CryptorSetKeyIndex(
                proto::FrameCryptorSetKeyIndexResponse {},
            ))
        }
        Request::SetSharedKey(request) => {
            let keys = keys(&room)?;
            let given = request.shared_key.clone();
            keys.set_shared_key(request.shared_key, request.key_index);
            if keys.get_shared_key(request.key_index) != Some(given) {
                return Err(FfiError::field(
                    "key_index",
                    request.key_index,
                    "outside the key ring, or the room was joined with keys of each participant's own",
                ));
            }
            Ok(Response::SetSharedKey(proto::SetSharedKeyResponse {}))
        }
        Request::RatchetSharedKey(request) => {
            let new_key = keys(&room)?.ratchet_shared_key(request.key_index);
            Ok(Response::RatchetSharedKey(
                proto::RatchetSharedKeyResponse { new_key },
            ))
        }
        Request::GetSharedKey(request) => {
            let key = keys(&room)?.get_shared_key(request.key_index);
            Ok(Response::GetSharedKey(proto::GetSharedKeyResponse { key }))
        }
        Request::SetKey(request) => {
            let identity = ParticipantIdentity::from(request.participant_identity);
            if !keys(&room)?.set_key(&identity, request.key_index, request.key) {
                return Err(FfiError::field(
                    "key_index",
                    request.key_index,
                    "outside the key ring, or the key was refused",
                ));
            }
            Ok(Response::SetKey(proto::SetKeyResponse {}))
        }
        Request::RatchetKey(request) => {
            let identity = ParticipantIdentity::from(request.participant_identity);
            let new_key = keys(&room)?.ratchet_key(&identity, request.key_index);
            Ok(Response::RatchetKey(proto::RatchetKeyResponse { new_key }))
        }
        Request::GetKey(request) => {
            let identity = ParticipantIdentity::from(request.participant_identity);
            let key = keys(&room)?.get_key(&identity, request.key_index);
            Ok(Response::GetKey(proto::GetKeyResponse { key }))
        }
    }
}

fn keys(room: &Room) -> Result<KeyProvider, FfiError> {
    room.e2ee_manager()
        .key_provider()
        .ok_or_else(|| FfiError::operation("e2ee", "the room was joined without encryption"))
}

fn frame_cryptors(manager: &E2eeManager) -> proto::E2eeManagerGetFrameCryptorsResponse {
    let mut frame_cryptors: Vec<_> = manager
        .frame_cryptors()
        .into_iter()
        .map(|((identity, sid), cryptor)| proto::FrameCryptor {
            participant_identity: identity.into(),
            track_sid: sid.into(),
            key_index: cryptor.key_index(),
            enabled: cryptor.enabled(),
        })
        .collect();
    frame_cryptors.sort_by(|a, b| a.track_sid.cmp(&b.track_sid));
    proto::E2eeManagerGetFrameCryptorsResponse { frame_cryptors }
}

fn find(
    manager: &E2eeManager,
    identity: String,
    sid: String,
) -> Result<livekit::webrtc::native::frame_cryptor::FrameCryptor, FfiError> {
    let sid = track_sid("track_sid", sid)?;
    let key = (ParticipantIdentity::from(identity), sid);
    manager.frame_cryptors().remove(&key).ok_or_else(|| {
        FfiError::field("track_sid", key.1, "no encrypted track of that participant")
    })
}
