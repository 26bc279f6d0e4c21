//! From a decoded request to the handler that serves it, one line each.
//!
//! The match is exhaustive: a request without an arm does not compile.

use std::sync::Arc;

use crate::{
    error::FfiError,
    handlers as h,
    hostmem::HostMemory,
    proto::{
        self, ffi_event::Message as Event, ffi_request::Message as Request,
        ffi_response::Message as Response,
    },
    server::Server,
};

/// Serves one request. Addresses in it are read through `memory`, during this call only.
///
/// # Errors
///
/// Any [`FfiError`]: the request had no effect, and its response has no field to say so.
pub fn dispatch(
    server: &Arc<Server>,
    memory: &mut HostMemory,
    request: proto::FfiRequest,
) -> Result<Response, FfiError> {
    server.ensure_running()?;
    #[cfg(any(test, feature = "fault-injection"))]
    if let Some(answer) = crate::fault::trip(server, &request) {
        return answer;
    }
    match request.message.ok_or(FfiError::EmptyRequest)? {
        Request::Dispose(request) => Ok(Response::Dispose(dispose(server, &request))),

        Request::Connect(request) => Ok(Response::Connect(h::room::connect(server, request)?)),
        Request::Disconnect(request) => {
            Ok(Response::Disconnect(h::room::disconnect(server, request)?))
        }
        Request::PublishTrack(request) => Ok(Response::PublishTrack(h::publish::publish_track(
            server, request,
        )?)),
        Request::UnpublishTrack(request) => Ok(Response::UnpublishTrack(
            h::publish::unpublish_track(server, request)?,
        )),
        Request::PublishData(request) => Ok(Response::PublishData(h::message::publish_data(
            server, memory, request,
        ))),
        Request::SetSubscribed(request) => Ok(Response::SetSubscribed(
            h::publication::set_subscribed(server, &request),
        )),
        Request::SetLocalMetadata(request) => Ok(Response::SetLocalMetadata(
            h::participant::set_metadata(server, request)?,
        )),
        Request::SetLocalName(request) => Ok(Response::SetLocalName(h::participant::set_name(
            server, request,
        )?)),
        Request::SetLocalAttributes(request) => Ok(Response::SetLocalAttributes(
            h::participant::set_attributes(server, request)?,
        )),
        Request::GetSessionStats(request) => Ok(Response::GetSessionStats(h::room::session_stats(
            server, &request,
        )?)),
        Request::PublishTranscription(request) => Ok(Response::PublishTranscription(
            h::message::publish_transcription(server, request),
        )),
        Request::PublishSipDtmf(request) => Ok(Response::PublishSipDtmf(
            h::message::publish_sip_dtmf(server, request),
        )),
        Request::CreateVideoTrack(request) => Ok(Response::CreateVideoTrack(
            h::track::create_video_track(server, &request)?,
        )),
        Request::CreateAudioTrack(request) => Ok(Response::CreateAudioTrack(
            h::track::create_audio_track(server, &request)?,
        )),
        Request::LocalTrackMute(request) => {
            Ok(Response::LocalTrackMute(h::track::mute(server, &request)))
        }
        Request::EnableRemoteTrack(request) => Ok(Response::EnableRemoteTrack(
            h::track::enable_remote(server, &request),
        )),
        Request::GetStats(request) => Ok(Response::GetStats(h::track::stats(server, &request)?)),
        Request::SetTrackSubscriptionPermissions(request) => {
            Ok(Response::SetTrackSubscriptionPermissions(
                h::participant::set_track_subscription_permissions(server, request),
            ))
        }
        Request::NewVideoStream(request) => Ok(Response::NewVideoStream(
            h::video_stream::of_track(server, &request)?,
        )),
        Request::NewVideoSource(request) => Ok(Response::NewVideoSource(h::video_source::create(
            server, &request,
        )?)),
        Request::CaptureVideoFrame(request) => Ok(Response::CaptureVideoFrame(
            h::video_source::capture(server, memory, request),
        )),
        Request::VideoConvert(request) => Ok(Response::VideoConvert(
            h::video_buffer::video_convert(server, memory, &request),
        )),
        Request::VideoStreamFromParticipant(request) => Ok(Response::VideoStreamFromParticipant(
            h::video_stream::of_participant(server, &request)?,
        )),
        Request::NewAudioStream(request) => Ok(Response::NewAudioStream(
            h::audio_stream::of_track(server, &request)?,
        )),
        Request::NewAudioSource(request) => Ok(Response::NewAudioSource(h::audio_source::create(
            server, &request,
        )?)),
        Request::CaptureAudioFrame(request) => Ok(Response::CaptureAudioFrame(
            h::audio_source::capture(server, memory, &request),
        )),
        Request::ClearAudioBuffer(request) => Ok(Response::ClearAudioBuffer(
            h::audio_source::clear(server, &request)?,
        )),
        Request::NewAudioResampler(_) => {
            Ok(Response::NewAudioResampler(h::resample::create(server)))
        }
        Request::RemixAndResample(request) => Ok(Response::RemixAndResample(
            h::resample::remix_and_resample(server, memory, &request)?,
        )),
        Request::E2ee(request) => Ok(Response::E2ee(h::e2ee::serve(server, request))),
        Request::AudioStreamFromParticipant(request) => Ok(Response::AudioStreamFromParticipant(
            h::audio_stream::of_participant(server, &request)?,
        )),
        Request::NewSoxResampler(request) => Ok(Response::NewSoxResampler(
            h::sox_resampler::create(server, &request),
        )),
        Request::PushSoxResampler(request) => Ok(Response::PushSoxResampler(
            h::sox_resampler::push(server, memory, &request),
        )),
        Request::FlushSoxResampler(request) => Ok(Response::FlushSoxResampler(
            h::sox_resampler::flush(server, &request),
        )),
        Request::SendChatMessage(request) => Ok(Response::SendChatMessage(
            h::message::send_chat_message(server, request)?,
        )),
        Request::EditChatMessage(request) => Ok(Response::SendChatMessage(
            h::message::edit_chat_message(server, request)?,
        )),
        Request::PerformRpc(request) => Ok(Response::PerformRpc(h::rpc::perform(server, request)?)),
        Request::RegisterRpcMethod(request) => Ok(Response::RegisterRpcMethod(h::rpc::register(
            server, request,
        ))),
        Request::UnregisterRpcMethod(request) => Ok(Response::UnregisterRpcMethod(
            h::rpc::unregister(server, request),
        )),
        Request::RpcMethodInvocationResponse(request) => Ok(Response::RpcMethodInvocationResponse(
            h::rpc::respond(server, request),
        )),
        Request::EnableRemoteTrackPublication(request) => Ok(
            Response::EnableRemoteTrackPublication(h::publication::enable(server, &request)),
        ),
        Request::UpdateRemoteTrackPublicationDimension(request) => {
            Ok(Response::UpdateRemoteTrackPublicationDimension(
                h::publication::update_dimension(server, &request),
            ))
        }
        Request::SendStreamHeader(request) => Ok(Response::SendStreamHeader(
            h::message::send_stream_header(server, request),
        )),
        Request::SendStreamChunk(request) => Ok(Response::SendStreamChunk(
            h::message::send_stream_chunk(server, request),
        )),
        Request::SendStreamTrailer(request) => Ok(Response::SendStreamTrailer(
            h::message::send_stream_trailer(server, request),
        )),
        Request::SetDataChannelBufferedAmountLowThreshold(request) => {
            Ok(Response::SetDataChannelBufferedAmountLowThreshold(
                h::message::set_buffered_amount_low_threshold(server, &request),
            ))
        }
        Request::LoadAudioFilterPlugin(request) => Ok(Response::LoadAudioFilterPlugin(
            h::audio_filter::load(server, &request),
        )),
        Request::NewApm(request) => Ok(Response::NewApm(h::apm::create(server, &request))),
        Request::ApmProcessStream(request) => Ok(Response::ApmProcessStream(
            h::apm::process_stream(server, memory, &request),
        )),
        Request::ApmProcessReverseStream(request) => Ok(Response::ApmProcessReverseStream(
            h::apm::process_reverse_stream(server, memory, &request),
        )),
        Request::ApmSetStreamDelay(request) => Ok(Response::ApmSetStreamDelay(
            h::apm::set_stream_delay(server, &request),
        )),
        Request::ByteReadIncremental(request) => Ok(Response::ByteReadIncremental(
            h::data_stream::read::bytes_incremental(server, &request)?,
        )),
        Request::ByteReadAll(request) => Ok(Response::ByteReadAll(
            h::data_stream::read::bytes_all(server, &request)?,
        )),
        Request::ByteWriteToFile(request) => Ok(Response::ByteWriteToFile(
            h::data_stream::read::bytes_to_file(server, request)?,
        )),
        Request::TextReadIncremental(request) => Ok(Response::TextReadIncremental(
            h::data_stream::read::text_incremental(server, &request)?,
        )),
        Request::TextReadAll(request) => Ok(Response::TextReadAll(h::data_stream::read::text_all(
            server, &request,
        )?)),
        Request::SendFile(request) => Ok(Response::SendFile(h::data_stream::send::file(
            server, request,
        )?)),
        Request::SendText(request) => Ok(Response::SendText(h::data_stream::send::text(
            server, request,
        )?)),
        Request::ByteStreamOpen(request) => Ok(Response::ByteStreamOpen(
            h::data_stream::send::open_bytes(server, request)?,
        )),
        Request::ByteStreamWrite(request) => Ok(Response::ByteStreamWrite(
            h::data_stream::send::write_bytes(server, request)?,
        )),
        Request::ByteStreamClose(request) => Ok(Response::ByteStreamClose(
            h::data_stream::send::close_bytes(server, request)?,
        )),
        Request::TextStreamOpen(request) => Ok(Response::TextStreamOpen(
            h::data_stream::send::open_text(server, request)?,
        )),
        Request::TextStreamWrite(request) => Ok(Response::TextStreamWrite(
            h::data_stream::send::write_text(server, request)?,
        )),
        Request::TextStreamClose(request) => Ok(Response::TextStreamClose(
            h::data_stream::send::close_text(server, request)?,
        )),
        Request::SendBytes(request) => Ok(Response::SendBytes(h::data_stream::send::bytes(
            server, request,
        )?)),
        Request::SetRemoteTrackPublicationQuality(request) => {
            Ok(Response::SetRemoteTrackPublicationQuality(
                h::publication::set_quality(server, &request),
            ))
        }
        Request::PublishDataTrack(request) => Ok(Response::PublishDataTrack(
            h::data_track::publish(server, request)?,
        )),
        Request::LocalDataTrackTryPush(request) => Ok(Response::LocalDataTrackTryPush(
            h::data_track::try_push(server, request),
        )),
        Request::LocalDataTrackUnpublish(request) => Ok(Response::LocalDataTrackUnpublish(
            h::data_track::unpublish(server, &request)?,
        )),
        Request::LocalDataTrackIsPublished(request) => Ok(Response::LocalDataTrackIsPublished(
            h::data_track::local_is_published(server, &request)?,
        )),
        Request::SubscribeDataTrack(request) => Ok(Response::SubscribeDataTrack(
            h::data_track::subscribe_to(server, &request)?,
        )),
        Request::RemoteDataTrackIsPublished(request) => Ok(Response::RemoteDataTrackIsPublished(
            h::data_track::remote_is_published(server, &request)?,
        )),
        Request::DataTrackStreamRead(request) => Ok(Response::DataTrackStreamRead(
            h::data_track::read(server, &request)?,
        )),
        Request::RemoteDataTrackSetPipelineOptions(request) => {
            Ok(Response::RemoteDataTrackSetPipelineOptions(
                h::data_track::set_pipeline_options(server, &request)?,
            ))
        }
        Request::DefineSchema(request) => Ok(Response::DefineSchema(h::data_track::define_schema(
            server, request,
        )?)),
        Request::GetSchema(request) => Ok(Response::GetSchema(h::data_track::get_schema(
            server, request,
        )?)),
        Request::CaptureEncodedVideoFrame(request) => Ok(Response::CaptureEncodedVideoFrame(
            h::video_source::capture_encoded(server, memory, request)?,
        )),
        Request::TakeEncodedVideoSourceFeedback(request) => {
            Ok(Response::TakeEncodedVideoSourceFeedback(
                h::video_source::take_feedback(server, &request)?,
            ))
        }
        Request::SimulateScenario(request) => Ok(Response::SimulateScenario(
            h::room::simulate_scenario(server, &request)?,
        )),
        Request::NewPlatformAudio(_) => Ok(Response::NewPlatformAudio(h::platform_audio::create(
            server,
        )?)),
        Request::GetAudioDevices(request) => Ok(Response::GetAudioDevices(
            h::platform_audio::devices(server, &request),
        )),
        Request::SetRecordingDevice(request) => Ok(Response::SetRecordingDevice(
            h::platform_audio::set_recording_device(server, &request),
        )),
        Request::SetPlayoutDevice(request) => Ok(Response::SetPlayoutDevice(
            h::platform_audio::set_playout_device(server, &request),
        )),
        Request::StartRecording(request) => Ok(Response::StartRecording(
            h::platform_audio::start_recording(server, &request),
        )),
        Request::StopRecording(request) => Ok(Response::StopRecording(
            h::platform_audio::stop_recording(server, &request),
        )),
        Request::ReadyForRoomEvent(request) => Ok(Response::ReadyForRoomEvent(
            h::room::ready_for_room_event(server, &request),
        )),
        Request::NewCaptureSource(request) => Ok(Response::NewCaptureSource(h::capture::create(
            server, request,
        )?)),
        Request::StartCapture(request) => {
            Ok(Response::StartCapture(h::capture::start(server, &request)))
        }
        Request::StopCapture(request) => {
            Ok(Response::StopCapture(h::capture::stop(server, &request)))
        }
        Request::WaitForSubscription(request) => Ok(Response::WaitForSubscription(
            h::publish::wait_for_subscription(server, &request)?,
        )),
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Message as _;

    use super::*;
    use crate::server::{ServerConfig, events::EventSink, panics};

    struct Deaf;
    impl EventSink for Deaf {
        fn deliver(&self, _: &[u8]) {}
    }

    /// Name and number of every member of `FfiRequest`.
    fn requests() -> Vec<(String, i32)> {
        let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let ffi = set
            .file
            .iter()
            .find(|file| file.name() == "ffi.proto")
            .unwrap();
        let message = ffi
            .message_type
            .iter()
            .find(|message| message.name() == "FfiRequest")
            .unwrap();
        message
            .field
            .iter()
            .map(|field| (field.name().to_owned(), field.number()))
            .collect()
    }

    /// The request with member `number`, all of whose fields have their zero values.
    fn bare_request(number: i32) -> proto::FfiRequest {
        let mut bytes = Vec::new();
        prost::encoding::encode_key(
            u32::try_from(number).unwrap(),
            prost::encoding::WireType::LengthDelimited,
            &mut bytes,
        );
        bytes.push(0);
        proto::FfiRequest::decode(bytes.as_slice()).unwrap()
    }

    fn server() -> Arc<Server> {
        panics::install_hook();
        Server::with_sink(ServerConfig::default(), Arc::new(Deaf)).unwrap()
    }

    #[test]
    fn every_request_is_served_and_none_panics() {
        let server = server();
        // SAFETY: the requests name no memory but null.
        #[expect(unsafe_code, reason = "nothing but a host can hand out its memory")]
        let mut memory = unsafe { HostMemory::for_this_call() };
        for (name, number) in requests() {
            if name == "dispose" {
                continue;
            }
            let request = bare_request(number);
            assert!(request.message.is_some(), "{name}");
            let answer = panics::catch("dispatch", || dispatch(&server, &mut memory, request));
            let answer = answer.unwrap_or_else(|panic| panic!("{name}: {panic}"));
            assert!(
                !matches!(answer, Err(FfiError::EmptyRequest)),
                "{name} has no arm"
            );
        }
        server.dispose();
    }

    #[test]
    fn a_request_without_a_known_member_is_refused() {
        let server = server();
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "nothing but a host can hand out its memory")]
        let mut memory = unsafe { HostMemory::for_this_call() };
        let request = bare_request(999);
        assert!(matches!(
            dispatch(&server, &mut memory, request),
            Err(FfiError::EmptyRequest)
        ));
        server.dispose();
    }
}
