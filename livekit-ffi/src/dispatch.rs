//! From a decoded request to the handler that serves it, one line each.
//!
//! The match is exhaustive: a request without an arm does not compile. What a
//! later version will serve answers with [`FfiError::NotServed`] and is listed
//! in [`NOT_SERVED`]; a test compares the list with the match, so that it can
//! only shrink.

use std::sync::Arc;

use crate::{
    error::FfiError,
    hostmem::HostMemory,
    proto::{
        self, ffi_event::Message as Event, ffi_request::Message as Request,
        ffi_response::Message as Response,
    },
    server::Server,
};

/// The requests (field names of `FfiRequest`) that this version refuses, sorted.
pub const NOT_SERVED: &[&str] = &[
    "apm_process_reverse_stream",
    "apm_process_stream",
    "apm_set_stream_delay",
    "audio_stream_from_participant",
    "byte_read_all",
    "byte_read_incremental",
    "byte_stream_close",
    "byte_stream_open",
    "byte_stream_write",
    "byte_write_to_file",
    "capture_audio_frame",
    "capture_encoded_video_frame",
    "capture_video_frame",
    "clear_audio_buffer",
    "connect",
    "create_audio_track",
    "create_video_track",
    "data_track_stream_read",
    "define_schema",
    "disconnect",
    "e2ee",
    "edit_chat_message",
    "enable_remote_track",
    "enable_remote_track_publication",
    "flush_sox_resampler",
    "get_audio_devices",
    "get_schema",
    "get_session_stats",
    "get_stats",
    "load_audio_filter_plugin",
    "local_data_track_is_published",
    "local_data_track_try_push",
    "local_data_track_unpublish",
    "local_track_mute",
    "new_apm",
    "new_audio_resampler",
    "new_audio_source",
    "new_audio_stream",
    "new_capture_source",
    "new_platform_audio",
    "new_sox_resampler",
    "new_video_source",
    "new_video_stream",
    "perform_rpc",
    "publish_data",
    "publish_data_track",
    "publish_sip_dtmf",
    "publish_track",
    "publish_transcription",
    "push_sox_resampler",
    "ready_for_room_event",
    "register_rpc_method",
    "remix_and_resample",
    "remote_data_track_is_published",
    "remote_data_track_set_pipeline_options",
    "rpc_method_invocation_response",
    "send_bytes",
    "send_chat_message",
    "send_file",
    "send_stream_chunk",
    "send_stream_header",
    "send_stream_trailer",
    "send_text",
    "set_data_channel_buffered_amount_low_threshold",
    "set_local_attributes",
    "set_local_metadata",
    "set_local_name",
    "set_playout_device",
    "set_recording_device",
    "set_remote_track_publication_quality",
    "set_subscribed",
    "set_track_subscription_permissions",
    "simulate_scenario",
    "start_capture",
    "start_recording",
    "stop_capture",
    "stop_recording",
    "subscribe_data_track",
    "take_encoded_video_source_feedback",
    "text_read_all",
    "text_read_incremental",
    "text_stream_close",
    "text_stream_open",
    "text_stream_write",
    "unpublish_track",
    "unregister_rpc_method",
    "update_remote_track_publication_dimension",
    "video_convert",
    "video_stream_from_participant",
    "wait_for_subscription",
];

/// Serves one request. Addresses in it are read through `memory`, during this call only.
///
/// # Errors
///
/// Any [`FfiError`]: the request had no effect, and its response has no field to say so.
pub fn dispatch(
    server: &Arc<Server>,
    memory: &HostMemory,
    request: proto::FfiRequest,
) -> Result<Response, FfiError> {
    let _ = memory;
    server.ensure_running()?;
    match request.message.ok_or(FfiError::EmptyRequest)? {
        Request::Dispose(request) => Ok(Response::Dispose(dispose(server, &request))),

        Request::Connect(_) => later("connect"),
        Request::Disconnect(_) => later("disconnect"),
        Request::PublishTrack(_) => later("publish_track"),
        Request::UnpublishTrack(_) => later("unpublish_track"),
        Request::PublishData(_) => later("publish_data"),
        Request::SetSubscribed(_) => later("set_subscribed"),
        Request::SetLocalMetadata(_) => later("set_local_metadata"),
        Request::SetLocalName(_) => later("set_local_name"),
        Request::SetLocalAttributes(_) => later("set_local_attributes"),
        Request::GetSessionStats(_) => later("get_session_stats"),
        Request::PublishTranscription(_) => later("publish_transcription"),
        Request::PublishSipDtmf(_) => later("publish_sip_dtmf"),
        Request::CreateVideoTrack(_) => later("create_video_track"),
        Request::CreateAudioTrack(_) => later("create_audio_track"),
        Request::LocalTrackMute(_) => later("local_track_mute"),
        Request::EnableRemoteTrack(_) => later("enable_remote_track"),
        Request::GetStats(_) => later("get_stats"),
        Request::SetTrackSubscriptionPermissions(_) => later("set_track_subscription_permissions"),
        Request::NewVideoStream(_) => later("new_video_stream"),
        Request::NewVideoSource(_) => later("new_video_source"),
        Request::CaptureVideoFrame(_) => later("capture_video_frame"),
        Request::VideoConvert(_) => later("video_convert"),
        Request::VideoStreamFromParticipant(_) => later("video_stream_from_participant"),
        Request::NewAudioStream(_) => later("new_audio_stream"),
        Request::NewAudioSource(_) => later("new_audio_source"),
        Request::CaptureAudioFrame(_) => later("capture_audio_frame"),
        Request::ClearAudioBuffer(_) => later("clear_audio_buffer"),
        Request::NewAudioResampler(_) => later("new_audio_resampler"),
        Request::RemixAndResample(_) => later("remix_and_resample"),
        Request::E2ee(_) => later("e2ee"),
        Request::AudioStreamFromParticipant(_) => later("audio_stream_from_participant"),
        Request::NewSoxResampler(_) => later("new_sox_resampler"),
        Request::PushSoxResampler(_) => later("push_sox_resampler"),
        Request::FlushSoxResampler(_) => later("flush_sox_resampler"),
        Request::SendChatMessage(_) => later("send_chat_message"),
        Request::EditChatMessage(_) => later("edit_chat_message"),
        Request::PerformRpc(_) => later("perform_rpc"),
        Request::RegisterRpcMethod(_) => later("register_rpc_method"),
        Request::UnregisterRpcMethod(_) => later("unregister_rpc_method"),
        Request::RpcMethodInvocationResponse(_) => later("rpc_method_invocation_response"),
        Request::EnableRemoteTrackPublication(_) => later("enable_remote_track_publication"),
        Request::UpdateRemoteTrackPublicationDimension(_) => {
            later("update_remote_track_publication_dimension")
        }
        Request::SendStreamHeader(_) => later("send_stream_header"),
        Request::SendStreamChunk(_) => later("send_stream_chunk"),
        Request::SendStreamTrailer(_) => later("send_stream_trailer"),
        Request::SetDataChannelBufferedAmountLowThreshold(_) => {
            later("set_data_channel_buffered_amount_low_threshold")
        }
        Request::LoadAudioFilterPlugin(_) => later("load_audio_filter_plugin"),
        Request::NewApm(_) => later("new_apm"),
        Request::ApmProcessStream(_) => later("apm_process_stream"),
        Request::ApmProcessReverseStream(_) => later("apm_process_reverse_stream"),
        Request::ApmSetStreamDelay(_) => later("apm_set_stream_delay"),
        Request::ByteReadIncremental(_) => later("byte_read_incremental"),
        Request::ByteReadAll(_) => later("byte_read_all"),
        Request::ByteWriteToFile(_) => later("byte_write_to_file"),
        Request::TextReadIncremental(_) => later("text_read_incremental"),
        Request::TextReadAll(_) => later("text_read_all"),
        Request::SendFile(_) => later("send_file"),
        Request::SendText(_) => later("send_text"),
        Request::ByteStreamOpen(_) => later("byte_stream_open"),
        Request::ByteStreamWrite(_) => later("byte_stream_write"),
        Request::ByteStreamClose(_) => later("byte_stream_close"),
        Request::TextStreamOpen(_) => later("text_stream_open"),
        Request::TextStreamWrite(_) => later("text_stream_write"),
        Request::TextStreamClose(_) => later("text_stream_close"),
        Request::SendBytes(_) => later("send_bytes"),
        Request::SetRemoteTrackPublicationQuality(_) => {
            later("set_remote_track_publication_quality")
        }
        Request::PublishDataTrack(_) => later("publish_data_track"),
        Request::LocalDataTrackTryPush(_) => later("local_data_track_try_push"),
        Request::LocalDataTrackUnpublish(_) => later("local_data_track_unpublish"),
        Request::LocalDataTrackIsPublished(_) => later("local_data_track_is_published"),
        Request::SubscribeDataTrack(_) => later("subscribe_data_track"),
        Request::RemoteDataTrackIsPublished(_) => later("remote_data_track_is_published"),
        Request::DataTrackStreamRead(_) => later("data_track_stream_read"),
        Request::RemoteDataTrackSetPipelineOptions(_) => {
            later("remote_data_track_set_pipeline_options")
        }
        Request::DefineSchema(_) => later("define_schema"),
        Request::GetSchema(_) => later("get_schema"),
        Request::CaptureEncodedVideoFrame(_) => later("capture_encoded_video_frame"),
        Request::TakeEncodedVideoSourceFeedback(_) => later("take_encoded_video_source_feedback"),
        Request::SimulateScenario(_) => later("simulate_scenario"),
        Request::NewPlatformAudio(_) => later("new_platform_audio"),
        Request::GetAudioDevices(_) => later("get_audio_devices"),
        Request::SetRecordingDevice(_) => later("set_recording_device"),
        Request::SetPlayoutDevice(_) => later("set_playout_device"),
        Request::StartRecording(_) => later("start_recording"),
        Request::StopRecording(_) => later("stop_recording"),
        Request::ReadyForRoomEvent(_) => later("ready_for_room_event"),
        Request::NewCaptureSource(_) => later("new_capture_source"),
        Request::StartCapture(_) => later("start_capture"),
        Request::StopCapture(_) => later("stop_capture"),
        Request::WaitForSubscription(_) => later("wait_for_subscription"),
    }
}

fn later(request: &'static str) -> Result<Response, FfiError> {
    Err(FfiError::NotServed { request })
}

fn dispose(server: &Arc<Server>, request: &proto::DisposeRequest) -> proto::DisposeResponse {
    if request.r#async {
        let async_id = server.async_id(None);
        server.dispose_in_background(Event::Dispose(proto::DisposeCallback { async_id }));
        proto::DisposeResponse {
            async_id: Some(async_id),
        }
    } else {
        server.dispose();
        proto::DisposeResponse { async_id: None }
    }
}
