//! DTLS with the patience that ICE needs.
//!
//! str0m starts the handshake as soon as a description is applied, and its own DTLS gives up after four
//! retransmissions, some 30 s later, whether or not there was a path to send on. How long a connection may take
//! is ICE's to say (RFC 8445 §7.2.5.2.3 and our timers), so this handshake goes on until then. It also asks anew
//! sooner than after a second, as WebRTC needs it to connect quickly over a path that loses packets
//! (RFC 9147 §5.8.2).

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};

use crate::srtcp::Keys;
use crate::wire;

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

/// What a handshake agreed on, as far as it has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreed {
    /// The peer's certificate, DER.
    pub(crate) peer_certificate: Option<Vec<u8>>,
    /// The cipher suite's number.
    pub(crate) cipher: Option<u16>,
    pub(crate) srtp: Option<SrtpProfile>,
    keys: Option<Keys>,
}

/// What the handshake tells and the engine reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement(Arc<Mutex<Agreed>>);

impl Agreement {
    pub(crate) fn get(&self) -> Agreed {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn keys(&self) -> Option<Keys> {
        self.get().keys
    }

    fn change(&self, change: impl FnOnce(&mut Agreed)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Of the handshake that this thread made last. The stack makes it while it is built, and shows it to nobody.
    pub(crate) fn take_last() -> Self {
        LAST.take().unwrap_or_default()
    }
}

thread_local! {
    static LAST: RefCell<Option<Agreement>> = const { RefCell::new(None) };
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
        let agreement = Agreement::default();
        LAST.set(Some(agreement.clone()));
        Ok(Box::new(Handshake { dtls, agreement }))
    }
}

struct Handshake {
    dtls: dimpl::Dtls,
    agreement: Agreement,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if let Some(cipher) = wire::chosen_cipher(packet) {
            self.agreement.change(|agreed| agreed.cipher = Some(cipher));
        }
        self.dtls.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.dtls.poll_output(buffer);
        match &output {
            DtlsOutput::Packet(packet) => {
                if let Some(cipher) = wire::chosen_cipher(packet) {
                    self.agreement.change(|agreed| agreed.cipher = Some(cipher));
                }
            }
            DtlsOutput::PeerCert(certificate) => {
                let certificate = certificate.to_vec();
                self.agreement
                    .change(|agreed| agreed.peer_certificate = Some(certificate));
            }
            DtlsOutput::KeyingMaterial(material, profile) => {
                let keys = Keys {
                    profile: *profile,
                    material: material.to_vec(),
                };
                self.agreement.change(|agreed| {
                    agreed.srtp = Some(keys.profile);
                    agreed.keys = Some(keys);
                });
            }
            _ => {}
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}
