//! The protocol's messages as data, from the checked-in facts about them: enough to read a request, to make one up,
//! and to write it.

use std::collections::HashMap;

const FACTS: &str = include_str!("../../tests/golden/descriptors.txt");
const PACKAGE: &str = "livekit.proto.";

/// What a field holds.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A whole number, signed or not.
    Number,
    /// `bool`.
    Bool,
    /// An enumeration, with its values.
    Enum(Vec<i64>),
    /// Eight bytes: `double`.
    Double,
    /// UTF-8.
    Text,
    /// Anything.
    Bytes,
    /// A message of this name.
    Message(String),
}

/// A field of a message.
#[derive(Debug, Clone)]
pub struct Field {
    /// As in the `.proto` file.
    pub name: String,
    /// Its number on the wire.
    pub number: u32,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may stand there more than once.
    pub repeated: bool,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Numbers, booleans and enumerations.
    Number(u64),
    /// The bits of a `double`.
    Double(u64),
    /// Text and bytes.
    Bytes(Vec<u8>),
    /// A message.
    Message(Fields),
}

/// A message: field numbers and values, in the order of the wire.
pub type Fields = Vec<(u32, Value)>;

/// Bytes that are no message of the expected name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Every message of the protocol, by name without its package.
#[derive(Debug)]
pub struct Schema(HashMap<String, Vec<Field>>);

impl Default for Schema {
    fn default() -> Self {
        Self::new()
    }
}

impl Schema {
    /// Reads the facts.
    ///
    /// # Panics
    ///
    /// If they are not what `tests/descriptors.rs` writes.
    #[must_use]
    pub fn new() -> Self {
        let mut enums: HashMap<&str, Vec<i64>> = HashMap::new();
        let mut messages = HashMap::new();
        let lines = || {
            FACTS
                .lines()
                .map(|line| line.split(' ').collect::<Vec<_>>())
        };
        for words in lines() {
            match words[..] {
                ["enum", name] => drop(enums.entry(local(name)).or_default()),
                ["value", name, "=", number] => {
                    let (name, _) = local(name).rsplit_once('.').expect("a value of an enum");
                    let number = number.parse().expect("a value is a number");
                    enums.entry(name).or_default().push(number);
                }
                ["message", name, ..] => drop(messages.insert(local(name).to_owned(), Vec::new())),
                _ => {}
            }
        }
        for words in lines() {
            let ["field", name, "=", number, of, label, ..] = words[..] else {
                continue;
            };
            let (message, name) = local(name).rsplit_once('.').expect("a field of a message");
            let kind = match of {
                "bool" => Kind::Bool,
                "string" => Kind::Text,
                "bytes" => Kind::Bytes,
                "double" => Kind::Double,
                "int32" | "int64" | "uint32" | "uint64" => Kind::Number,
                other => match enums.get(local(other)) {
                    Some(values) => Kind::Enum(values.clone()),
                    None => Kind::Message(local(other).to_owned()),
                },
            };
            let fields: &mut Vec<Field> = messages.get_mut(message).expect("messages stand first");
            fields.push(Field {
                name: name.to_owned(),
                number: number.parse().expect("a field has a number"),
                kind,
                required: label == "required",
                repeated: label == "repeated",
            });
        }
        Self(messages)
    }

    /// The fields of a message.
    ///
    /// # Panics
    ///
    /// If the protocol has no such message.
    #[must_use]
    pub fn fields(&self, message: &str) -> &[Field] {
        &self.0[message]
    }

    /// The field of that number.
    #[must_use]
    pub fn field(&self, message: &str, number: u32) -> Option<&Field> {
        self.fields(message)
            .iter()
            .find(|field| field.number == number)
    }

    /// Reads a message. Fields that the schema does not know are left out.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn read(&self, message: &str, bytes: &[u8]) -> Result<Fields, Malformed> {
        self.read_nested(message, bytes, 0)
    }

    fn read_nested(&self, message: &str, bytes: &[u8], depth: u32) -> Result<Fields, Malformed> {
        if depth > 32 {
            return Err(Malformed);
        }
        let mut rest = bytes;
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let key = take_varint(&mut rest)?;
            let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
            let wire = key & 7;
            let value = match wire {
                0 => Value::Number(take_varint(&mut rest)?),
                1 => Value::Double(u64::from_le_bytes(take_array(&mut rest)?)),
                2 => {
                    let size = usize::try_from(take_varint(&mut rest)?).map_err(|_| Malformed)?;
                    let (part, after) = rest.split_at_checked(size).ok_or(Malformed)?;
                    rest = after;
                    Value::Bytes(part.to_vec())
                }
                5 => Value::Number(u64::from(u32::from_le_bytes(take_array(&mut rest)?))),
                _ => return Err(Malformed),
            };
            let Some(field) = self.field(message, number) else {
                continue;
            };
            let value = match (&field.kind, value) {
                (Kind::Message(name), Value::Bytes(part)) => {
                    Value::Message(self.read_nested(name, &part, depth + 1)?)
                }
                (Kind::Text | Kind::Bytes, value @ Value::Bytes(_))
                | (Kind::Double, value @ Value::Double(_)) => value,
                (Kind::Number | Kind::Bool | Kind::Enum(_), value @ Value::Number(_))
                    if wire == 0 =>
                {
                    value
                }
                _ => return Err(Malformed),
            };
            fields.push((number, value));
        }
        Ok(fields)
    }
}

/// Writes a message.
#[must_use]
pub fn write(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in fields {
        let key = u64::from(*number) << 3;
        match value {
            Value::Number(value) => {
                put_varint(&mut out, key);
                put_varint(&mut out, *value);
            }
            Value::Double(bits) => {
                put_varint(&mut out, key | 1);
                out.extend(bits.to_le_bytes());
            }
            Value::Bytes(bytes) => put_bytes(&mut out, key, bytes),
            Value::Message(fields) => put_bytes(&mut out, key, &write(fields)),
        }
    }
    out
}

fn local(name: &str) -> &str {
    name.strip_prefix(PACKAGE).unwrap_or(name)
}

fn put_bytes(out: &mut Vec<u8>, key: u64, bytes: &[u8]) {
    put_varint(out, key | 2);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let [byte] = take_array(rest)?;
        if shift == 63 && byte > 1 {
            return Err(Malformed);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (part, after) = rest.split_first_chunk().ok_or(Malformed)?;
    *rest = after;
    Ok(*part)
}
