//! DTLS with the patience that ICE needs.
//!
//! str0m starts the handshake as soon as a description is applied, and its own DTLS gives up after four
//! retransmissions, some 30 s later, whether or not there was a path to send on. How long a connection may take
//! is ICE's to say (RFC 8445 §7.2.5.2.3 and our timers), so this handshake goes on until then. It also asks anew
//! sooner than after a second, as WebRTC needs it to connect quickly over a path that loses packets
//! (RFC 9147 §5.8.2).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};

/// First retransmission of a flight; each later one waits twice as long.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(100);

/// Retransmissions of a flight: the last one leaves after three minutes.
const RETRANSMISSIONS: usize = 10;

/// For the whole handshake: more than any flight may take.
const HANDSHAKE: Duration = Duration::from_secs(600);

/// The stack's cryptography with [`PatientDtls`] in it.
pub(crate) fn crypto() -> CryptoProvider {
    CryptoProvider {
        dtls_provider: &PatientDtls,
        ..str0m::crypto::from_feature_flags()
    }
}

#[derive(Debug)]
struct PatientDtls;

impl DtlsProvider for PatientDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let failed = |what: &dyn fmt::Display| CryptoError::Other(format!("DTLS: {what}"));
        let mut config = dimpl::Config::builder()
            // ICE has verified that the peer's address is its own.
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRANSMISSIONS)
            .handshake_timeout(HANDSHAKE);
        if let Some(mtu) = mtu {
            config = config.mtu(mtu);
        }
        let config = Arc::new(config.build().map_err(|error| failed(&error))?);
        let certificate = dimpl::DtlsCertificate {
            certificate: certificate.certificate.clone(),
            private_key: certificate.private_key.clone(),
        };
        let dtls = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => dimpl::Dtls::new_auto(config, certificate, now),
            other => return Err(failed(&format_args!("version {other} is unknown"))),
        };
        Ok(Box::new(Handshake(dtls)))
    }
}

struct Handshake(dimpl::Dtls);

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
