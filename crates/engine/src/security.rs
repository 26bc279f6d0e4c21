//! What DTLS agreed on, for the figures.

use lk_jsep::plan::{DtlsRole, Fingerprint, Plan};
use str0m::crypto::dtls::SrtpProfile;

use crate::dtls::{Agreed, Agreement};
use crate::srtcp::Keys;
use crate::{CertificateStats, SecurityStats};

/// The only version that is spoken, in its own numbering (RFC 6347 §4.1).
const DTLS_1_2: u16 = 0xfefd;

/// What an engine knows of its handshake.
pub(crate) struct Security {
    own_certificate: Vec<u8>,
    agreement: Agreement,
    overhead: Option<usize>,
}

impl Security {
    /// Of the stack that this thread has just built with that certificate (DER).
    pub(crate) fn new(own_certificate: Vec<u8>) -> Self {
        Self {
            own_certificate,
            agreement: Agreement::take_last(),
            overhead: None,
        }
    }

    /// Bytes of authentication behind each SRTP packet; 0 before there are keys.
    pub(crate) fn srtp_overhead(&mut self) -> usize {
        if self.overhead.is_none() {
            self.overhead = self.agreement.get().srtp.map(|profile| match profile {
                // RFC 5764 §4.1.2 and RFC 7714 §14.2.
                SrtpProfile::AES128_CM_SHA1_80 => 10,
                _ => 16,
            });
        }
        self.overhead.unwrap_or(0)
    }

    /// What SRTP and SRTCP are keyed with, once that is agreed on.
    pub(crate) fn keys(&self) -> Option<Keys> {
        self.agreement.keys()
    }

    pub(crate) fn stats(&self, fingerprint: &Fingerprint, plan: Option<&Plan>) -> SecurityStats {
        let Agreed {
            peer_certificate,
            cipher,
            srtp,
            ..
        } = self.agreement.get();
        SecurityStats {
            version: srtp.map(|_| DTLS_1_2),
            cipher: cipher.and_then(cipher_name),
            srtp_profile: srtp.map(srtp_name),
            client: plan.map(|plan| plan.dtls_role == DtlsRole::Client),
            local_certificate: CertificateStats {
                algorithm: fingerprint.algorithm.clone(),
                fingerprint: fingerprint.value.clone(),
                certificate: self.own_certificate.clone(),
            },
            remote_certificate: peer_certificate.zip(plan).map(|(certificate, plan)| {
                CertificateStats {
                    algorithm: plan.remote_fingerprint.algorithm.clone(),
                    fingerprint: plan.remote_fingerprint.value.clone(),
                    certificate,
                }
            }),
        }
    }
}

/// Names of what the stack offers (IANA, TLS cipher suites).
fn cipher_name(number: u16) -> Option<&'static str> {
    Some(match number {
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => return None,
    })
}

/// As webrtc-stats wants them: without the prefix of RFC 5764.
fn srtp_name(profile: SrtpProfile) -> &'static str {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => "AES_CM_128_HMAC_SHA1_80",
        SrtpProfile::AEAD_AES_128_GCM => "AEAD_AES_128_GCM",
        SrtpProfile::AEAD_AES_256_GCM => "AEAD_AES_256_GCM",
        _ => "",
    }
}
