//! Conversions between the wire (`proto`) and the `livekit` crate, one file per `.proto`.
//!
//! Everything here is pure: no handles, no I/O, no clock. Inward conversions parse what a host
//! sent and are fallible: their errors name the field and the value. Outward conversions carry
//! values that our own side produced and cannot fail. What needs the handle table (owned objects)
//! is built in `events` and `handlers`.

pub(crate) mod data_stream;
pub(crate) mod data_track;
pub(crate) mod e2ee;
pub(crate) mod participant;
pub(crate) mod publish;
pub(crate) mod room;
pub(crate) mod rpc;
pub(crate) mod stats;
pub(crate) mod track;
pub(crate) mod video;

use crate::error::FfiError;

/// Parses an enum field, which a host may have filled with a number we do not know.
pub(crate) fn enum_field<E: TryFrom<i32>>(field: &'static str, value: i32) -> Result<E, FfiError> {
    E::try_from(value).map_err(|_| FfiError::field(field, value, "no value of this enum"))
}

/// Like [`enum_field`] for an optional field: absent stays absent.
pub(crate) fn optional_enum_field<E: TryFrom<i32>>(
    field: &'static str,
    value: Option<i32>,
) -> Result<Option<E>, FfiError> {
    value.map(|value| enum_field(field, value)).transpose()
}

/// Writes a one-to-one mapping between a wire enum and one of `livekit`'s, in both directions.
macro_rules! map_enum {
    ($wire:ty, $own:ty { $($wire_variant:ident <=> $own_variant:ident),+ $(,)? }) => {
        map_enum!($wire => $own { $($wire_variant => $own_variant),+ });
        map_enum!($own => $wire { $($own_variant => $wire_variant),+ });
    };
    ($from:ty => $to:ty { $($from_variant:ident => $to_variant:ident),+ $(,)? }) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value {
                    $(<$from>::$from_variant => <$to>::$to_variant,)+
                }
            }
        }
    };
}
pub(crate) use map_enum;

#[cfg(test)]
pub(crate) mod test_support {
    use std::fmt::Debug;

    /// Asserts that every wire number of `W` from 0 up to `last` survives the way in and out.
    pub(crate) fn assert_round_trip<W, O>(last: i32)
    where
        W: TryFrom<i32> + Into<i32> + Copy + PartialEq + Debug + From<O>,
        O: From<W>,
    {
        let mut known = 0;
        for number in 0..=last {
            let Ok(wire) = W::try_from(number) else {
                continue;
            };
            known += 1;
            assert_eq!(W::from(O::from(wire)), wire, "number {number}");
        }
        assert!(known > 1, "no enum values between 0 and {last}");
        assert!(W::try_from(last).is_ok(), "{last} is not the last value");
        assert!(
            W::try_from(last + 1).is_err(),
            "{} has no mapping",
            last + 1
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto;

    #[test]
    fn an_unknown_enum_number_is_refused_with_field_and_value() {
        let error = enum_field::<proto::TrackSource>("source", 77)
            .unwrap_err()
            .to_string();
        assert!(error.contains("source") && error.contains("77"), "{error}");
    }

    #[test]
    fn an_absent_enum_stays_absent() {
        assert_eq!(
            optional_enum_field::<proto::TrackSource>("source", None).unwrap(),
            None
        );
    }
}
