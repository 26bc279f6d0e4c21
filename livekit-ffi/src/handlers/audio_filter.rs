//! Loading of audio filters.

use livekit::{AudioFilterPlugin, register_audio_filter_plugin};

use crate::{
    error::FfiError,
    events::{audio_filter, objects::RoomObject},
    proto,
    server::Server,
};

/// Loads a filter and what it depends on, and keeps it under a name; one loaded under the same name before serves the
/// streams that have it, and no others.
pub(crate) fn load(
    server: &Server,
    request: &proto::LoadAudioFilterPluginRequest,
) -> proto::LoadAudioFilterPluginResponse {
    proto::LoadAudioFilterPluginResponse {
        error: try_load(server, request)
            .err()
            .map(|error| error.to_string()),
    }
}

fn try_load(
    server: &Server,
    request: &proto::LoadAudioFilterPluginRequest,
) -> Result<(), FfiError> {
    let named = |field, value: &str| {
        // The system takes an empty path for the program itself.
        if value.is_empty() {
            return Err(FfiError::field(field, "empty", "must name something"));
        }
        Ok(())
    };
    named("module_id", &request.module_id)?;
    named("plugin_path", &request.plugin_path)?;
    for dependency in &request.dependencies {
        named("dependencies", dependency)?;
    }
    let plugin = AudioFilterPlugin::new_with_dependencies(
        &request.plugin_path,
        request.dependencies.iter().collect(),
    )
    .map_err(|error| {
        FfiError::operation(
            "load_audio_filter_plugin",
            format_args!("`plugin_path` or `dependencies`: {error}"),
        )
    })?;
    register_audio_filter_plugin(request.module_id.clone(), plugin.clone());
    // Rooms joined before: the others tell the filter when they are joined.
    for room in server.handles().all::<RoomObject>() {
        if let Ok(joined) = room.session.connected_room("load_audio_filter_plugin") {
            let url = room.session.url.clone();
            // Nobody waits for it: the stream that wants the filter comes later.
            drop(audio_filter::tell(
                server,
                plugin.clone(),
                url,
                joined.token(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::server::{ServerConfig, events::EventSink};

    struct Deaf;
    impl EventSink for Deaf {
        fn deliver(&self, _: &[u8]) {}
    }

    #[test]
    fn what_cannot_be_loaded_is_said_by_name() {
        let server = Server::with_sink(ServerConfig::default(), Arc::new(Deaf)).unwrap();
        let request = |plugin_path: &str, dependencies: &[&str], module_id: &str| {
            proto::LoadAudioFilterPluginRequest {
                plugin_path: plugin_path.to_owned(),
                dependencies: dependencies.iter().map(|&path| path.to_owned()).collect(),
                module_id: module_id.to_owned(),
            }
        };
        for (bad, part) in [
            (
                request("/nowhere/filter.so", &[], "m"),
                "/nowhere/filter.so",
            ),
            (
                request("/nowhere/filter.so", &["/nowhere/first.so"], "m"),
                "/nowhere/first.so",
            ),
            (request("", &[], "m"), "plugin_path"),
            (request("a.so", &[""], "m"), "dependencies"),
            (request("a.so", &[], ""), "module_id"),
            (request("a\0b", &[], "m"), "load_audio_filter_plugin"),
        ] {
            let error = load(&server, &bad).error.unwrap();
            assert!(error.contains(part), "{part}: {error}");
        }
        server.dispose();
    }
}
