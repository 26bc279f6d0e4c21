//! Requests from bytes: read as what they are, or made up from them; in either case harmless for whoever sends them.
//!
//! Harmless means: an address in a request is null or that of memory which is there, nothing is asked of the network,
//! and nothing of the machine (devices, screens, plugins).

use crate::schema::{Field, Fields, Kind, Schema, Value};

/// Never sent: they end the library, or reach for what a test must not touch.
const LEFT_OUT: [&str; 6] = [
    "dispose",
    "load_audio_filter_plugin",
    "new_capture_source",
    "new_platform_audio",
    "start_capture",
    "start_recording",
];

/// Addresses at which nobody is asked for anything.
const URLS: [&str; 6] = [
    "",
    "nonsense",
    "ws://",
    "ftp://host",
    "ws://a b",
    "\u{1f600}",
];

const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    10,
    20,
    480,
    960,
    8_000,
    16_000,
    44_100,
    48_000,
    1 << 31,
    u32::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

const RATES: [u64; 4] = [8_000, 16_000, 44_100, 48_000];

/// How large the memory must be that requests name: more than any size left by [`Maker::harmless`] can ask for.
pub const MEMORY: usize = 64 << 20;

/// Turns bytes into requests.
#[derive(Debug)]
pub struct Maker<'a> {
    /// The protocol.
    pub schema: &'a Schema,
    /// Handles that are alive; fields that name handles name one of these, mostly.
    pub handles: &'a [u64],
    /// Where [`MEMORY`] bytes are.
    pub memory: u64,
}

impl Maker<'_> {
    /// The request that these bytes are, or else one that they stand for.
    #[must_use]
    pub fn request(&self, bytes: &[u8]) -> Fields {
        let mut request = match self.schema.read("FfiRequest", bytes) {
            Ok(fields) if !fields.is_empty() => fields,
            _ => self.make_request(&mut Choices(bytes)),
        };
        request.retain(|(number, _)| {
            self.schema
                .field("FfiRequest", *number)
                .is_some_and(|field| !LEFT_OUT.contains(&field.name.as_str()))
        });
        self.harmless("FfiRequest", &mut request);
        request
    }

    fn make_request(&self, choices: &mut Choices<'_>) -> Fields {
        let members = self.schema.fields("FfiRequest");
        let member = &members[usize::from(choices.next()) % members.len()];
        vec![(member.number, self.make_value(member, choices, 0))]
    }

    fn make_message(&self, name: &str, choices: &mut Choices<'_>, depth: u32) -> Fields {
        let mut made = Vec::new();
        for field in self.schema.fields(name) {
            let choice = choices.next();
            let count = if field.repeated {
                usize::from(choice % 4)
            } else if field.required {
                usize::from(choice < 250)
            } else {
                usize::from(choice & 1)
            };
            for _ in 0..count {
                made.push((field.number, self.make_value(field, choices, depth + 1)));
            }
        }
        made
    }

    fn make_value(&self, field: &Field, choices: &mut Choices<'_>, depth: u32) -> Value {
        let choice = choices.next();
        match &field.kind {
            Kind::Bool => Value::Number(u64::from(choice & 1)),
            Kind::Enum(values) if choice < 240 && !values.is_empty() => {
                Value::Number(values[usize::from(choice) % values.len()] as u64)
            }
            Kind::Number | Kind::Enum(_) => Value::Number(if choice < 200 {
                NUMBERS[usize::from(choice % 16)]
            } else {
                u64::from(choices.next())
            }),
            Kind::Double => {
                let doubles = [0.0, -1.0, 1e300, f64::NAN, f64::INFINITY, 0.5];
                Value::Double(doubles[usize::from(choice) % doubles.len()].to_bits())
            }
            Kind::Text => {
                let texts = [
                    &b""[..],
                    b"a",
                    b"tone",
                    b"audio/opus",
                    "ü\u{1f600}".as_bytes(),
                    b"\xff",
                ];
                Value::Bytes(match texts.get(usize::from(choice % 8)) {
                    Some(text) => text.to_vec(),
                    None => vec![b'x'; usize::from(choice) * 64],
                })
            }
            Kind::Bytes => Value::Bytes(vec![choice; usize::from(choices.next())]),
            Kind::Message(_) if depth > 5 => Value::Message(Vec::new()),
            Kind::Message(name) => Value::Message(self.make_message(name, choices, depth)),
        }
    }

    /// Takes out of a message what could do harm; see the module's documentation.
    fn harmless(&self, message: &str, fields: &mut Fields) {
        let addressed = self
            .schema
            .fields(message)
            .iter()
            .any(|field| field.name.ends_with("_ptr"));
        for (number, value) in fields {
            let Some(field) = self.schema.field(message, *number) else {
                continue;
            };
            match (value, &field.kind) {
                (Value::Message(inner), Kind::Message(name)) => self.harmless(name, inner),
                (Value::Number(value), Kind::Number) => {
                    *value = self.number(&field.name, *value, addressed);
                }
                (Value::Bytes(text), Kind::Text) => match field.name.as_str() {
                    "url" | "urls" => {
                        let choice = text.first().map_or(0, |byte| usize::from(*byte));
                        *text = URLS[choice % URLS.len()].as_bytes().to_vec();
                    }
                    "file_path" | "directory" => *text = b"/nonexistent/fuzz".to_vec(),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn number(&self, name: &str, value: u64, addressed: bool) -> u64 {
        if name.ends_with("_handle") {
            let alive = self.handles.get((value % 16) as usize);
            return alive.copied().unwrap_or(value);
        }
        if name.ends_with("_ptr") {
            // Null, aligned, and not aligned to two bytes.
            return [0, self.memory, self.memory, self.memory + 1][(value % 4) as usize];
        }
        if !addressed {
            return value;
        }
        match name {
            "sample_rate" if RATES.contains(&value) => value,
            "sample_rate" => RATES[(value % 4) as usize],
            "size" | "data_len" => value % (4 << 20),
            _ => value % 2048,
        }
    }
}

/// Bytes as a list of decisions; zero where they end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }
}
