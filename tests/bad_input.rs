//! Every request of the protocol with every field of it wrong, one at a time, through the C
//! boundary: each gets an answer, an error names the field and the value, and nothing crashes or
//! hangs. What is taken all the same stands in [`TAKEN`]. A request that is an error with nothing
//! wrong in it, for want of a room or of memory, may give that error before it comes to the field.
//!
//! The requests, their fields and their kinds come from the descriptors, so that a new one is
//! walked as soon as it exists. `-- --nocapture` prints the table of cases and outcomes.
//!
//! Addresses are null wherever a number is wrong: whether memory that a host points to is really
//! there cannot be known, and is the host's to keep.

#![expect(unsafe_code, reason = "a host of the C boundary")]
#![expect(clippy::print_stdout, reason = "the table is for a reader")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    env,
    ffi::c_char,
    fs::OpenOptions,
    io::Write as _,
    iter, ptr, slice,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use livekit_ffi::{
    cabi::exports::{
        livekit_ffi_dispose, livekit_ffi_drop_handle, livekit_ffi_initialize,
        livekit_ffi_last_error, livekit_ffi_request,
    },
    proto::{self, ffi_request::Message as Request, ffi_response::Message as Response},
};
use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Beyond this an answer counts as a hang. Callbacks of operations that wait for a server have
/// limits of their own below it.
const PATIENCE: Duration = Duration::from_secs(100);

/// A handle that was never given out.
const NEVER: u64 = 0x00BA_D000;

/// In bytes: beyond every packet and text that the protocol can carry in one piece.
const GIGANTIC: usize = 100_000;

/// Requests without an answer to walk: the one that ends the library is sent last.
const LAST: &str = "dispose";

/// What came by the callback: encoded events.
static EVENTS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn events() -> MutexGuard<'static, Vec<Vec<u8>>> {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C-unwind" fn on_event(data: *const u8, len: usize) {
    // SAFETY: `len` bytes are valid during the callback, says the contract.
    let bytes = unsafe { slice::from_raw_parts(data, len) };
    events().push(bytes.to_vec());
}

/// Sends encoded bytes; the encoded answer, or the text of the failure. With `BAD_INPUT_RECORD`
/// the request is also written to that file, behind its length, for `tests/c/replay.c`.
fn send(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if let Some(path) = env::var_os("BAD_INPUT_RECORD") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the record can be written");
        let len = u32::try_from(bytes.len()).expect("requests are short");
        file.write_all(&len.to_le_bytes()).expect("there is room");
        file.write_all(bytes).expect("there is room");
    }
    let (mut answer, mut len) = (ptr::null(), 0);
    // SAFETY: all pointers are valid for the call, and no address in the request is other than
    // null or one that lives as long as the test.
    let handle = unsafe { livekit_ffi_request(bytes.as_ptr(), bytes.len(), &mut answer, &mut len) };
    if handle == 0 {
        assert!(answer.is_null() && len == 0, "out-parameters were left");
        return Err(last_error());
    }
    // SAFETY: the answer stays until its handle is dropped.
    let copy = unsafe { slice::from_raw_parts(answer, len) }.to_vec();
    assert!(livekit_ffi_drop_handle(handle));
    Ok(copy)
}

fn last_error() -> String {
    let mut text = vec![0_u8; 4096];
    // SAFETY: so many bytes are writable.
    let len = unsafe { livekit_ffi_last_error(text.as_mut_ptr().cast::<c_char>(), text.len()) };
    text.truncate(len);
    String::from_utf8(text).expect("texts are UTF-8")
}

fn ask(message: Request) -> Response {
    let request = proto::FfiRequest {
        message: Some(message),
    };
    let answer = send(&request.encode_to_vec()).expect("a good request is served");
    proto::FfiResponse::decode(&*answer)
        .expect("an answer is an FfiResponse")
        .message
        .expect("an answer has a member")
}

// The protocol's types

/// All messages and enums by full name, with the leading dot.
struct Types {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, Vec<i32>>,
}

impl Types {
    fn new() -> Self {
        let set = FileDescriptorSet::decode(proto::DESCRIPTORS).expect("a descriptor set");
        let mut types = Self {
            messages: HashMap::new(),
            enums: HashMap::new(),
        };
        for file in set.file {
            let scope = format!(".{}", file.package());
            for one in &file.enum_type {
                types.enumeration(&scope, one);
            }
            for one in file.message_type {
                types.message(&scope, one);
            }
        }
        types
    }

    fn enumeration(&mut self, scope: &str, one: &prost_types::EnumDescriptorProto) {
        let numbers = one.value.iter().map(|value| value.number()).collect();
        self.enums
            .insert(format!("{scope}.{}", one.name()), numbers);
    }

    fn message(&mut self, scope: &str, one: DescriptorProto) {
        let name = format!("{scope}.{}", one.name());
        for nested in &one.enum_type {
            self.enumeration(&name, nested);
        }
        for nested in &one.nested_type {
            self.message(&name, nested.clone());
        }
        self.messages.insert(name, one);
    }

    fn named(&self, name: &str) -> &DescriptorProto {
        &self.messages[&format!(".livekit.proto.{name}")]
    }

    /// The paths of all fields inside `message`, each as the fields to go through.
    fn paths<'a>(
        &'a self,
        message: &'a DescriptorProto,
        above: &[&'a FieldDescriptorProto],
        found: &mut Vec<Vec<&'a FieldDescriptorProto>>,
    ) {
        for field in &message.field {
            // The host's own number says which callback is whose: it must stay unique.
            if field.name() == "request_async_id" {
                continue;
            }
            let mut path = above.to_vec();
            path.push(field);
            found.push(path.clone());
            if field.r#type() == Type::Message && path.len() < 7 {
                self.paths(&self.messages[field.type_name()], &path, found);
            }
        }
    }
}

// Encoding

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
}

fn key(field: &FieldDescriptorProto, wire: u64, out: &mut Vec<u8>) {
    varint(
        u64::try_from(field.number()).expect("field numbers are positive") << 3 | wire,
        out,
    );
}

/// A wrong value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    /// Nothing is wrong: what the others are compared with.
    Nothing,
    Missing,
    Number(u64),
    Float(f64),
    /// So many bytes of text.
    Text(usize),
    NotUtf8,
}

/// What is put where a request is right.
struct Good<'a> {
    types: &'a Types,
    request: &'a str,
    handles: &'a HashMap<&'static str, u64>,
    async_id: u64,
}

impl Good<'_> {
    /// Encodes `message` with everything right but the field at the end of `path`.
    fn message(
        &self,
        message: &DescriptorProto,
        path: &[&FieldDescriptorProto],
        wrong: Wrong,
        out: &mut Vec<u8>,
    ) {
        let mut chosen: HashMap<i32, i32> = HashMap::new();
        if let Some(first) = path.first()
            && let Some(group) = first.oneof_index
        {
            chosen.insert(group, first.number());
        }
        for field in &message.field {
            if let Some(group) = field.oneof_index
                && *chosen.entry(group).or_insert(field.number()) != field.number()
            {
                continue;
            }
            match path.split_first() {
                Some((first, rest)) if ptr::eq(*first, field) => {
                    if rest.is_empty() && wrong == Wrong::Nothing {
                        self.right(field, out);
                    } else if rest.is_empty() {
                        self.wrong(field, wrong, out);
                    } else {
                        let mut inner = Vec::new();
                        let kind = &self.types.messages[field.type_name()];
                        self.message(kind, rest, wrong, &mut inner);
                        key(field, 2, out);
                        varint(inner.len() as u64, out);
                        out.extend(inner);
                    }
                }
                _ => self.right(field, out),
            }
        }
    }

    fn wrong(&self, field: &FieldDescriptorProto, wrong: Wrong, out: &mut Vec<u8>) {
        match wrong {
            Wrong::Missing | Wrong::Nothing => {}
            Wrong::Number(value) => {
                key(field, 0, out);
                varint(value, out);
            }
            Wrong::Float(value) if field.r#type() == Type::Float => {
                key(field, 5, out);
                #[expect(clippy::cast_possible_truncation, reason = "the wrong value may lose")]
                out.extend((value as f32).to_le_bytes());
            }
            Wrong::Float(value) => {
                key(field, 1, out);
                out.extend(value.to_le_bytes());
            }
            Wrong::Text(len) => {
                key(field, 2, out);
                varint(len as u64, out);
                out.resize(out.len() + len, b'x');
            }
            Wrong::NotUtf8 => {
                key(field, 2, out);
                varint(2, out);
                out.extend([0xff, 0xfe]);
            }
        }
    }

    fn right(&self, field: &FieldDescriptorProto, out: &mut Vec<u8>) {
        let name = field.name();
        if name == "request_async_id" {
            self.wrong(field, Wrong::Number(self.async_id), out);
            return;
        }
        // What a host may leave out is left out: each wrong value is the only odd one.
        if field.label() != Label::Required && field.oneof_index.is_none() {
            return;
        }
        match field.r#type() {
            Type::Message => {
                let mut inner = Vec::new();
                let kind = &self.types.messages[field.type_name()];
                self.message(kind, &[], Wrong::Missing, &mut inner);
                key(field, 2, out);
                varint(inner.len() as u64, out);
                out.extend(inner);
            }
            Type::Enum => {
                let first = self.types.enums[field.type_name()][0];
                let number = u64::try_from(first).expect("enum values are not negative");
                self.wrong(field, Wrong::Number(number), out);
            }
            Type::String if matches!(name, "url" | "track_sid") => {
                let text: &[u8] = match name {
                    "url" => b"ws://127.0.0.1:1",
                    _ => b"TR_nowhere",
                };
                key(field, 2, out);
                varint(text.len() as u64, out);
                out.extend(text);
            }
            Type::String | Type::Bytes => self.wrong(field, Wrong::Text(1), out),
            Type::Float | Type::Double => self.wrong(field, Wrong::Float(48_000.0), out),
            _ if name.ends_with("handle") => {
                let known = self.handles.get(self.request).or(self.handles.get(name));
                self.wrong(field, Wrong::Number(*known.unwrap_or(&NEVER)), out);
            }
            _ if name.ends_with("_ptr") || name.ends_with("_len") => {
                self.wrong(field, Wrong::Number(0), out);
            }
            _ if name.contains("rate") => self.wrong(field, Wrong::Number(48_000), out),
            _ if name.contains("samples") => self.wrong(field, Wrong::Number(480), out),
            // 10 ms of 16-bit samples.
            _ if name == "size" => self.wrong(field, Wrong::Number(960), out),
            _ if name == "width" || name == "height" => self.wrong(field, Wrong::Number(16), out),
            _ => self.wrong(field, Wrong::Number(1), out),
        }
    }
}

/// The wrong values for a field. `others` are handles of an APM, and of what is none.
fn wrongs(field: &FieldDescriptorProto, others: [u64; 2], dropped: u64) -> Vec<Wrong> {
    let mut list = Vec::new();
    if field.label() == Label::Required {
        list.push(Wrong::Missing);
    }
    match field.r#type() {
        // Its own fields are walked too.
        Type::Message => {}
        Type::Bool => {}
        Type::Enum => {
            let negative = u64::MAX; // -1, as protobuf writes it
            list.extend([4_711, negative].map(Wrong::Number));
        }
        Type::Float | Type::Double => {
            let values = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX];
            list.extend(values.map(Wrong::Float));
        }
        Type::String => list.extend([Wrong::Text(0), Wrong::Text(GIGANTIC), Wrong::NotUtf8]),
        Type::Bytes => list.extend([Wrong::Text(0), Wrong::Text(GIGANTIC)]),
        _ if field.name().ends_with("handle") => {
            let other = others[usize::from(field.name() == "apm_handle")];
            list.extend([0, u64::MAX, NEVER, other, dropped].map(Wrong::Number));
        }
        _ if field.name().ends_with("_ptr") => list.push(Wrong::Number(0)),
        Type::Int32 | Type::Int64 | Type::Sint32 | Type::Sint64 => {
            let (low, high) = (i64::from(i32::MIN).cast_unsigned(), i32::MAX as u64);
            list.extend([0, u64::MAX, low, high].map(Wrong::Number));
        }
        Type::Uint32 => list.extend([0, u64::from(u32::MAX)].map(Wrong::Number)),
        _ => list.extend([0, u64::MAX].map(Wrong::Number)),
    }
    list
}

// Answers

/// Reads messages without their types.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Option<u64>, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = prost::encoding::decode_varint(&mut bytes).expect("a key");
        match key & 7 {
            0 => {
                let value = prost::encoding::decode_varint(&mut bytes).expect("a varint");
                found.push((key >> 3, Some(value), &[][..]));
            }
            2 => {
                let len = prost::encoding::decode_varint(&mut bytes).expect("a length");
                let (data, rest) = bytes.split_at(usize::try_from(len).expect("a length"));
                found.push((key >> 3, None, data));
                bytes = rest;
            }
            wire => bytes = &bytes[if wire == 1 { 8 } else { 4 }..],
        }
    }
    found
}

/// The texts of the field `error` of a response or callback, however it is packed.
fn error_in(types: &Types, message: &DescriptorProto, bytes: &[u8]) -> Option<String> {
    const TEXTS: [&str; 4] = ["error", "message", "description", "data"];
    let fields = fields(bytes);
    let mut texts = Vec::new();
    for field in &message.field {
        let number = u64::try_from(field.number()).expect("positive");
        let Some((_, _, data)) = fields.iter().find(|one| one.0 == number) else {
            continue;
        };
        match field.r#type() {
            Type::String if TEXTS.contains(&field.name()) => {
                texts.push(String::from_utf8_lossy(data).into_owned());
            }
            Type::Message if field.name() == "error" || field.oneof_index.is_some() => {
                let inner = &types.messages[field.type_name()];
                texts.extend(error_in(types, inner, data));
            }
            _ => {}
        }
    }
    (!texts.is_empty()).then(|| texts.join(": "))
}

/// The member of an `FfiResponse` or `FfiEvent`: its type and bytes.
fn member<'a, 'b>(
    types: &'a Types,
    of: &str,
    bytes: &'b [u8],
) -> Option<(&'a DescriptorProto, &'b [u8])> {
    let (number, _, data) = *fields(bytes).first()?;
    let field = types
        .named(of)
        .field
        .iter()
        .find(|field| u64::try_from(field.number()) == Ok(number))?;
    Some((&types.messages[field.type_name()], data))
}

fn async_id(message: &DescriptorProto, bytes: &[u8]) -> Option<u64> {
    let field = message
        .field
        .iter()
        .find(|field| field.name() == "async_id")?;
    let number = u64::try_from(field.number()).expect("positive");
    fields(bytes)
        .iter()
        .find(|one| one.0 == number)
        .and_then(|one| one.1)
}

#[derive(Debug)]
enum Outcome {
    Refused(String),
    Error(String),
    Accepted,
    /// The callback with this number brings it.
    Later(u64),
}

struct Case {
    request: String,
    field: String,
    kind: Type,
    wrong: Wrong,
    outcome: Outcome,
}

impl Case {
    fn error(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Refused(text) | Outcome::Error(text) => Some(text),
            Outcome::Accepted | Outcome::Later(_) => None,
        }
    }
}

fn outcome(types: &Types, answer: Result<Vec<u8>, String>) -> Outcome {
    let bytes = match answer {
        Ok(bytes) => bytes,
        Err(text) => return Outcome::Refused(text),
    };
    let (message, data) = member(types, "FfiResponse", &bytes).expect("an answer has a member");
    if let Some(text) = error_in(types, message, data) {
        return Outcome::Error(text);
    }
    match async_id(message, data) {
        Some(id) => Outcome::Later(id),
        None => Outcome::Accepted,
    }
}

/// Waits for the callbacks that are still out.
fn settle(types: &Types, cases: &mut [Case]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut came = BTreeMap::new();
        for bytes in events().drain(..) {
            if let Some((message, data)) = member(types, "FfiEvent", &bytes)
                && let Some(id) = async_id(message, data)
            {
                let text = error_in(types, message, data);
                came.insert(id, text.map_or(Outcome::Accepted, Outcome::Error));
            }
        }
        for case in cases.iter_mut() {
            if let Outcome::Later(id) = case.outcome
                && let Some(outcome) = came.remove(&id)
            {
                case.outcome = outcome;
            }
        }
        let open = cases
            .iter()
            .filter(|case| matches!(case.outcome, Outcome::Later(_)))
            .collect::<Vec<_>>();
        let Some(first) = open.first() else { return };
        assert!(
            Instant::now() < until,
            "{} callbacks did not come, the first for {} with {} {:?}",
            open.len(),
            first.request,
            first.field,
            first.wrong
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// Real objects, for the requests that would not look further than a wrong handle.
fn objects() -> HashMap<&'static str, u64> {
    let Response::NewAudioSource(audio) =
        ask(Request::NewAudioSource(proto::NewAudioSourceRequest {
            r#type: proto::AudioSourceType::AudioSourceNative.into(),
            sample_rate: Some(48_000),
            num_channels: Some(1),
            ..Default::default()
        }))
    else {
        panic!("not an audio source")
    };
    let Response::NewVideoSource(video) =
        ask(Request::NewVideoSource(proto::NewVideoSourceRequest {
            resolution: proto::VideoSourceResolution {
                width: 16,
                height: 16,
            },
            ..Default::default()
        }))
    else {
        panic!("not a video source")
    };
    let (audio, video) = (audio.source.handle.id, video.source.handle.id);
    let Response::CreateAudioTrack(sound) =
        ask(Request::CreateAudioTrack(proto::CreateAudioTrackRequest {
            name: "sound".into(),
            source_handle: audio,
        }))
    else {
        panic!("not an audio track")
    };
    let Response::CreateVideoTrack(picture) =
        ask(Request::CreateVideoTrack(proto::CreateVideoTrackRequest {
            name: "picture".into(),
            source_handle: video,
        }))
    else {
        panic!("not a video track")
    };
    let Response::NewApm(apm) = ask(Request::NewApm(proto::NewApmRequest {
        high_pass_filter_enabled: true,
        ..Default::default()
    })) else {
        panic!("not an APM")
    };
    let Response::NewAudioResampler(resampler) = ask(Request::NewAudioResampler(
        proto::NewAudioResamplerRequest {},
    )) else {
        panic!("not a resampler")
    };
    let Response::NewSoxResampler(sox) =
        ask(Request::NewSoxResampler(proto::NewSoxResamplerRequest {
            input_rate: 48_000.0,
            output_rate: 16_000.0,
            num_channels: 1,
            ..Default::default()
        }))
    else {
        panic!("not a resampler")
    };
    let Some(proto::new_sox_resampler_response::Message::Resampler(sox)) = sox.message else {
        panic!("not a resampler")
    };
    let (sound, picture) = (sound.track.handle.id, picture.track.handle.id);
    HashMap::from([
        ("source_handle", audio),
        ("capture_audio_frame", audio),
        ("create_video_track", video),
        ("capture_video_frame", video),
        ("capture_encoded_video_frame", video),
        ("take_encoded_video_source_feedback", video),
        ("track_handle", sound),
        ("new_video_stream", picture),
        ("apm_handle", apm.apm.handle.id),
        ("resampler_handle", resampler.resampler.handle.id),
        ("push_sox_resampler", sox.handle.id),
        ("flush_sox_resampler", sox.handle.id),
    ])
}

#[test]
fn every_request_answers_to_every_wrong_field() {
    // SAFETY: the callback lives as long as the program; the texts may be null.
    unsafe { livekit_ffi_initialize(Some(on_event), false, ptr::null(), ptr::null()) };
    let types = Types::new();
    let handles = objects();
    let others = [handles["apm_handle"], handles["source_handle"]];
    let Response::NewApm(gone) = ask(Request::NewApm(proto::NewApmRequest::default())) else {
        panic!("not an APM")
    };
    let dropped = gone.apm.handle.id;
    assert!(livekit_ffi_drop_handle(dropped));

    let mut cases = Vec::new();
    let mut async_id = 1 << 40;
    let requests = types.named("FfiRequest");
    for request in requests.field.iter().filter(|one| one.name() != LAST) {
        let message = &types.messages[request.type_name()];
        let mut paths = Vec::new();
        types.paths(message, &[], &mut paths);
        if paths.is_empty() {
            paths.push(Vec::new());
        }
        for path in paths {
            let list = path
                .last()
                .map_or(vec![], |field| wrongs(field, others, dropped));
            for wrong in iter::once(Wrong::Nothing).chain(list) {
                async_id += 1;
                let good = Good {
                    types: &types,
                    request: request.name(),
                    handles: &handles,
                    async_id,
                };
                let (mut inner, mut bytes) = (Vec::new(), Vec::new());
                good.message(message, &path, wrong, &mut inner);
                key(request, 2, &mut bytes);
                varint(inner.len() as u64, &mut bytes);
                bytes.extend(inner);
                let began = Instant::now();
                let outcome = outcome(&types, send(&bytes));
                assert!(began.elapsed() < PATIENCE, "{} hung", request.name());
                let names = path.iter().map(|field| field.name()).collect::<Vec<_>>();
                cases.push(Case {
                    request: request.name().to_owned(),
                    field: names.join("."),
                    kind: path.last().map_or(Type::Message, |field| field.r#type()),
                    wrong,
                    outcome,
                });
            }
        }
    }
    settle(&types, &mut cases);
    livekit_ffi_dispose();

    let mut refused = 0;
    let mut complaints = Vec::new();
    let mut usual = &cases[0];
    for case in &cases {
        if case.wrong == Wrong::Nothing {
            usual = case;
        }
        let text = case
            .error()
            .unwrap_or("accepted")
            .chars()
            .take(160)
            .collect::<String>();
        println!(
            "{} | {} | {:?} | {text}",
            case.request, case.field, case.wrong
        );
        refused += usize::from(case.error().is_some());
        let complaint = complaint(case, usual);
        complaints.extend(complaint.map(|what| {
            format!(
                "{}: {} {:?}: {what}: {text}",
                case.request, case.field, case.wrong
            )
        }));
    }
    let walked = cases
        .iter()
        .map(|case| &case.request)
        .collect::<BTreeSet<_>>();
    println!(
        "{} requests, {} cases: {refused} refused, {} accepted",
        walked.len(),
        cases.len(),
        cases.len() - refused
    );
    assert_eq!(walked.len() + 1, requests.field.len());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    for entry in TAKEN {
        let taken = |case: &&Case| is_listed(entry, case) && case.error().is_none();
        assert!(
            cases.iter().any(|case| taken(&case)),
            "{entry:?} is refused"
        );
    }
}

/// What is taken although it stands among the wrong values, with the reason; no values are all of them.
const TAKEN: &[(&str, &str, &[Wrong], &str)] = {
    use Wrong::{Missing, Number, Text};
    const NAME: &str = "a name is any text";
    const QUEUE: &str = "0 keeps all of them, and there is no upper limit";
    &[
        ("create_audio_track", "name", &[], NAME),
        ("create_video_track", "name", &[], NAME),
        ("new_video_stream", "queue_size_frames", &[], QUEUE),
        ("new_audio_stream", "queue_size_frames", &[], QUEUE),
        (
            "new_audio_stream",
            "audio_filter_module_id",
            &[Text(0)],
            "no filter",
        ),
        (
            "new_audio_stream",
            "audio_filter_options",
            &[Text(0), Text(GIGANTIC)],
            "the filter reads them",
        ),
        (
            "new_audio_source",
            "queue_size_ms",
            &[Number(0)],
            "no queue: a frame at a time",
        ),
        (
            "new_audio_source",
            "platform_audio_handle",
            &[],
            "only a source of a device looks at it",
        ),
        (
            "remix_and_resample",
            "buffer.samples_per_channel",
            &[Missing, Number(0)],
            "of nothing comes nothing",
        ),
        ("new_sox_resampler", "flags", &[Number(0)], "no flags"),
        (
            "push_sox_resampler",
            "size",
            &[Missing, Number(0)],
            "nothing is pushed",
        ),
        (
            "apm_set_stream_delay",
            "delay_ms",
            &[Missing, Number(0)],
            "no delay",
        ),
    ]
};

/// Whether a case is one of [`TAKEN`]'s.
fn is_listed(entry: &(&str, &str, &[Wrong], &str), case: &Case) -> bool {
    (entry.0, entry.1) == (&*case.request, &*case.field)
        && (entry.2.is_empty() || entry.2.contains(&case.wrong))
}

/// What is wrong with a case's outcome, if anything is. `usual` is what the request comes to with nothing wrong in it.
fn complaint(case: &Case, usual: &Case) -> Option<&'static str> {
    let Some(text) = case.error() else {
        // The first value of an enum and `false` are values like others.
        let first = case.wrong == Wrong::Missing && matches!(case.kind, Type::Enum | Type::Bool);
        let listed = TAKEN.iter().any(|entry| is_listed(entry, case));
        return (!first && !listed && case.wrong != Wrong::Nothing)
            .then_some("a wrong value was taken");
    };
    if text.is_empty() {
        return Some("an error without a text");
    }
    if text.starts_with("internal error") {
        return Some("a bug of ours");
    }
    if case.wrong == Wrong::Nothing {
        return None;
    }
    // It stopped before it came to this field: there is no room, or no memory.
    let same = usual
        .error()
        .is_some_and(|usual| without_numbers(usual) == without_numbers(text));
    if same || text.contains("_ptr` is null") {
        return None;
    }
    if !named(case, text) {
        return Some("the error does not name the field");
    }
    (!told(case, text)).then_some("the error does not name the value")
}

/// Whether an error says which field was wrong.
fn named(case: &Case, text: &str) -> bool {
    let last = case.field.rsplit('.').next().unwrap_or_default();
    if last.ends_with("handle") {
        return text.contains("handle ");
    }
    // The decoder knows a map's entries by the map.
    if text.contains("are not a valid FfiRequest") {
        return case
            .field
            .split('.')
            .any(|part| text.contains(&format!(".{part}:")));
    }
    // A message that is missing is one in which everything is missing.
    if case.kind == Type::Message {
        return text.contains("field `");
    }
    text.split(|one: char| !one.is_alphanumeric() && one != '_')
        .any(|word| word == last)
}

/// Whether an error that names the field also says the value.
fn told(case: &Case, text: &str) -> bool {
    let Wrong::Number(value) = case.wrong else {
        return true;
    };
    // As protobuf carries them, negative numbers have 64 bits.
    text.contains(&value.to_string()) || text.contains(&value.cast_signed().to_string())
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|one| !one.is_ascii_digit()).collect()
}
