//! Remote procedure calls (`rpc.proto`).

use std::time::Duration;

use livekit::prelude::{PerformRpcData, RpcError};

use crate::proto;

/// Absent times keep the defaults of `livekit`.
impl From<proto::PerformRpcRequest> for PerformRpcData {
    fn from(wire: proto::PerformRpcRequest) -> Self {
        let mut call = Self::new(wire.destination_identity, wire.method).with_payload(wire.payload);
        if let Some(timeout) = wire.response_timeout_ms {
            call = call.with_response_timeout(Duration::from_millis(timeout.into()));
        }
        if let Some(latency) = wire.max_round_trip_latency_ms {
            call = call.with_max_round_trip_latency(Duration::from_millis(latency.into()));
        }
        call
    }
}

/// Text beyond `livekit`'s limits is cut.
impl From<proto::RpcError> for RpcError {
    fn from(wire: proto::RpcError) -> Self {
        Self::new(wire.code, wire.message, wire.data)
    }
}

impl From<RpcError> for proto::RpcError {
    fn from(error: RpcError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            data: error.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_or_left_at_their_defaults() {
        let wire = proto::PerformRpcRequest {
            destination_identity: "bob".into(),
            method: "add".into(),
            payload: "1".into(),
            response_timeout_ms: Some(250),
            ..Default::default()
        };
        let call = PerformRpcData::from(wire);
        assert_eq!(
            (call.destination_identity.as_str(), call.method.as_str()),
            ("bob", "add")
        );
        assert_eq!(call.payload, "1");
        assert_eq!(call.response_timeout, Duration::from_millis(250));
        let defaults = PerformRpcData::default();
        assert_eq!(call.max_round_trip_latency, defaults.max_round_trip_latency);
    }

    #[test]
    fn an_error_survives_both_ways() {
        let wire = proto::RpcError {
            code: 1_500,
            message: "no".into(),
            data: Some("why".into()),
        };
        assert_eq!(proto::RpcError::from(RpcError::from(wire.clone())), wire);
    }
}
