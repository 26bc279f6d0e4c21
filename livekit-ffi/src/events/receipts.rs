//! How `libwebrtc` learns what `livekit` has read of a room's data channels.
//!
//! `livekit` takes every packet into queues without a bound and works through them at some megabytes a second (it formats
//! each as text, three times). Packets of ours among those of the server go the same way and come out where room events
//! do; `libwebrtc` keeps back what is too much until then. The host sees none of them.

use std::sync::LazyLock;

use libwebrtc::native::{
    create_random_uuid,
    receipts::{self, Receipt},
};
use livekit_protocol::{DataPacket, UserPacket, data_packet};
use prost::Message as _;

/// `livekit`'s channels for data packets. Others carry packets of other kinds.
const CHANNELS: [&str; 2] = ["_reliable", "_lossy"];

/// What our packets begin with; nobody else can know it.
static MARK: LazyLock<String> = LazyLock::new(create_random_uuid);

/// To be called before the first room is joined. Calls after the first change nothing.
pub(crate) fn install() {
    receipts::install(make);
}

fn make(label: &str, receipt: Receipt) -> Option<Vec<u8>> {
    if !CHANNELS.contains(&label) {
        return None;
    }
    let payload = format!("{}{:x}", *MARK, receipt.number()).into_bytes();
    let user = UserPacket {
        payload,
        ..Default::default()
    };
    let packet = DataPacket {
        value: Some(data_packet::Value::User(user)),
        ..Default::default()
    };
    Some(packet.encode_to_vec())
}

/// The receipt that a received message is, if it is one.
pub(super) fn receipt(payload: &[u8]) -> Option<Receipt> {
    let number = payload.strip_prefix(MARK.as_bytes())?;
    let number = u64::from_str_radix(str::from_utf8(number).ok()?, 16).ok()?;
    Some(Receipt::from_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(packet: &[u8]) -> Vec<u8> {
        match DataPacket::decode(packet).unwrap().value {
            Some(data_packet::Value::User(user)) => user.payload,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_receipt_is_known_again() {
        for number in [0, 10, u64::MAX] {
            let packet = make("_reliable", Receipt::from_number(number)).unwrap();
            let found = receipt(&payload(&packet));
            assert_eq!(found, Some(Receipt::from_number(number)));
        }
    }

    #[test]
    fn other_channels_and_other_messages_have_none() {
        assert_eq!(make("_data_track", Receipt::from_number(1)), None);
        assert_eq!(receipt(b""), None);
        assert_eq!(receipt(b"hello"), None);
        assert_eq!(receipt(create_random_uuid().as_bytes()), None);
        assert_eq!(receipt(format!("{}not a number", *MARK).as_bytes()), None);
    }
}
