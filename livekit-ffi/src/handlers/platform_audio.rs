//! The platform's microphone and loudspeaker: shares in them, their lists, their choice.
//!
//! Requests wait for the sound server, some seconds at most. While the host holds a platform audio, received tracks are
//! played; sources of the type `AUDIO_SOURCE_PLATFORM` record while their tracks are published.

use std::sync::Arc;

use livekit::webrtc::{
    audio_devices::{self, AudioDeviceError, Device},
    audio_source::{AudioSourceOptions, RtcAudioSource},
};
use livekit::{AudioError, PlatformAudio};

use crate::{
    error::FfiError,
    events::given::owned,
    proto::{self, new_platform_audio_response::Message as Outcome},
    server::{
        Server,
        handles::{Ownership, Resource},
    },
};

/// A share in the platform's devices, given back when it is dropped.
pub(crate) struct PlatformAudioObject {
    _share: PlatformAudio,
}

impl Resource for PlatformAudioObject {
    const KIND: &'static str = "platform audio";
}

/// Takes a share.
pub(crate) fn create(server: &Arc<Server>) -> Result<proto::NewPlatformAudioResponse, FfiError> {
    let runtime = server.runtime()?;
    let _inside = runtime.enter();
    let message = match share() {
        Ok((share, info)) => {
            let object = Arc::new(PlatformAudioObject { _share: share });
            Outcome::PlatformAudio(proto::OwnedPlatformAudio {
                handle: owned(server.handles().insert(object, Ownership::HOST)),
                info,
            })
        }
        Err(error) => Outcome::Error(error.to_string()),
    };
    Ok(proto::NewPlatformAudioResponse {
        message: Some(message),
    })
}

fn share() -> Result<(PlatformAudio, proto::PlatformAudioInfo), FfiError> {
    const OPERATION: &str = "new_platform_audio";
    let failed = |error: AudioDeviceError| FfiError::operation(OPERATION, error);
    // First, because the share itself does not say why it cannot be had.
    let devices = audio_devices::list().map_err(failed)?;
    let share =
        PlatformAudio::new().map_err(|error: AudioError| FfiError::operation(OPERATION, error))?;
    let count = |devices: &[Device]| i32::try_from(devices.len()).unwrap_or(i32::MAX);
    let info = proto::PlatformAudioInfo {
        recording_device_count: count(&devices.microphones),
        playout_device_count: count(&devices.loudspeakers),
    };
    Ok((share, info))
}

/// What is there now; an index is a place in these lists and good until the next.
pub(crate) fn devices(
    server: &Server,
    request: &proto::GetAudioDevicesRequest,
) -> proto::GetAudioDevicesResponse {
    let listed = on_share(
        server,
        request.platform_audio_handle,
        "get_audio_devices",
        audio_devices::list,
    );
    match listed {
        Ok(devices) => proto::GetAudioDevicesResponse {
            playout_devices: on_wire(devices.loudspeakers),
            recording_devices: on_wire(devices.microphones),
            error: None,
        },
        Err(error) => proto::GetAudioDevicesResponse {
            error: Some(error.to_string()),
            ..Default::default()
        },
    }
}

/// Chooses the microphone; one that records gives way at once.
pub(crate) fn set_recording_device(
    server: &Server,
    request: &proto::SetRecordingDeviceRequest,
) -> proto::SetRecordingDeviceResponse {
    let handle = request.platform_audio_handle;
    let outcome = on_share(server, handle, "set_recording_device", || {
        let id = id(&request.device_id, |devices| devices.microphones)?;
        audio_devices::choose_microphone(&id)
    });
    proto::SetRecordingDeviceResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Chooses the loudspeaker; one that plays gives way at once.
pub(crate) fn set_playout_device(
    server: &Server,
    request: &proto::SetPlayoutDeviceRequest,
) -> proto::SetPlayoutDeviceResponse {
    let handle = request.platform_audio_handle;
    let outcome = on_share(server, handle, "set_playout_device", || {
        let id = id(&request.device_id, |devices| devices.loudspeakers)?;
        audio_devices::choose_loudspeaker(&id)
    });
    proto::SetPlayoutDeviceResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Opens the microphone, whether a track is published or not.
pub(crate) fn start_recording(
    server: &Server,
    request: &proto::StartRecordingRequest,
) -> proto::StartRecordingResponse {
    let handle = request.platform_audio_handle;
    let outcome = on_share(
        server,
        handle,
        "start_recording",
        audio_devices::start_recording,
    );
    proto::StartRecordingResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Closes the microphone, also for published tracks, which are silent then, until it is started again.
pub(crate) fn stop_recording(
    server: &Server,
    request: &proto::StopRecordingRequest,
) -> proto::StopRecordingResponse {
    let handle = request.platform_audio_handle;
    let outcome = on_share(
        server,
        handle,
        "stop_recording",
        audio_devices::stop_recording,
    );
    proto::StopRecordingResponse {
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Sets what is done to the microphone's sound, for a source of it. Without options everything is done.
pub(super) fn prepare_microphone(
    server: &Server,
    share: Option<u64>,
    options: Option<AudioSourceOptions>,
) -> Result<(), FfiError> {
    // As the stock library has it, none need be named: any of the process will do, and it may come later.
    if let Some(handle) = share {
        server.handles().get::<PlatformAudioObject>(handle)?;
    }
    RtcAudioSource::Device.set_audio_options(options.unwrap_or(AudioSourceOptions {
        echo_cancellation: true,
        noise_suppression: true,
        auto_gain_control: true,
    }));
    Ok(())
}

/// Does something for the holder of a share.
fn on_share<T>(
    server: &Server,
    handle: u64,
    operation: &'static str,
    work: impl FnOnce() -> Result<T, AudioDeviceError>,
) -> Result<T, FfiError> {
    let _share = server.handles().get::<PlatformAudioObject>(handle)?;
    work().map_err(|error| match error {
        AudioDeviceError::Unknown { kind, id } => FfiError::field(
            "device_id",
            id,
            match kind {
                "microphone" => "no microphone has this guid",
                _ => "no loudspeaker has this guid",
            },
        ),
        error => FfiError::operation(operation, error),
    })
}

/// The identifier that a host means: a device's own, or `index:` and a place in the list.
fn id(
    wanted: &str,
    list: impl FnOnce(audio_devices::Devices) -> Vec<Device>,
) -> Result<String, AudioDeviceError> {
    let index = wanted.strip_prefix("index:").map(str::parse::<usize>);
    match index {
        Some(Ok(index)) => {
            let device = list(audio_devices::list()?).into_iter().nth(index);
            // An index that is none of the list stays what it is, and is refused by that name.
            Ok(device.map_or_else(|| wanted.to_owned(), |device| device.id))
        }
        Some(Err(_)) | None => Ok(wanted.to_owned()),
    }
}

fn on_wire(devices: Vec<Device>) -> Vec<proto::AudioDeviceInfo> {
    (0..)
        .zip(devices)
        .map(|(index, device)| proto::AudioDeviceInfo {
            index,
            name: device.name,
            guid: Some(device.id),
        })
        .collect()
}
