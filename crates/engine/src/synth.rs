//! A plan printed as the offer that the stack accepts.
//!
//! The stack takes formats, header extensions, directions, credentials and the peer's fingerprint only from a
//! description, and makes one answer to it that nobody reads. This offer is therefore written from the *agreed*
//! state, as the peer would have offered it had it known our answer. It carries no source, layer, track or
//! candidate: those go to the stack directly.

use std::fmt::Write as _;

use lk_jsep::plan::{CodecPlan, DtlsRole, MediaPlan, Plan};
use lk_types::{Codec, MediaKind, Pt};

use crate::table::TRANSPORT_CC_URI;

/// Prints `plan`. `red` is the payload type that RED has or will have: the stack learns it with the first Opus
/// line or never.
pub(crate) fn offer(plan: &Plan, red: Option<Pt>) -> String {
    let mut sdp = String::with_capacity(4096);
    let bundle = bundle_mids(plan);
    let setup = match plan.dtls_role {
        DtlsRole::Client => "passive",
        DtlsRole::Server => "active",
    };
    // Writing into a String cannot fail.
    let _ = write!(
        sdp,
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n{}a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{} {}\r\na=setup:{}\r\n",
        bundle.join(" "),
        if plan.remote_ice.lite {
            "a=ice-lite\r\n"
        } else {
            ""
        },
        plan.remote_ice.ufrag,
        plan.remote_ice.pwd,
        plan.remote_fingerprint.algorithm,
        plan.remote_fingerprint.value,
        setup,
    );
    let lines = plan.media.len() + usize::from(plan.data.is_some());
    for index in 0..lines {
        if let Some(data) = plan.data.as_ref().filter(|data| data.index == index) {
            let _ = write!(
                sdp,
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:{}\r\na=sctp-port:5000\r\na=max-message-size:{}\r\n",
                data.mid, data.max_message_size
            );
        } else if let Some(media) = plan.media.iter().find(|media| media.index == index) {
            media_line(&mut sdp, media, red);
        }
    }
    sdp
}

fn bundle_mids(plan: &Plan) -> Vec<&str> {
    let mut mids: Vec<(usize, &str)> = plan
        .media
        .iter()
        .filter(|media| !media.rejected)
        .map(|media| (media.index, media.mid.as_str()))
        .chain(plan.data.iter().map(|data| (data.index, data.mid.as_str())))
        .collect();
    mids.sort_unstable_by_key(|(index, _)| *index);
    mids.into_iter().map(|(_, mid)| mid).collect()
}

fn media_line(sdp: &mut String, media: &MediaPlan, red: Option<Pt>) {
    // RED travels with Opus below.
    let codecs: Vec<&CodecPlan> = media
        .codecs
        .iter()
        .filter(|codec| !matches!(codec.codec, Codec::Red | Codec::Rtx))
        .collect();
    if media.rejected || codecs.is_empty() {
        let _ = write!(
            sdp,
            "m={} 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:{}\r\na=inactive\r\n",
            media.kind, media.mid
        );
        return;
    }
    let red = red.filter(|_| codecs.iter().any(|codec| codec.codec == Codec::Opus));
    let _ = write!(sdp, "m={} 9 UDP/TLS/RTP/SAVPF", media.kind);
    for codec in &codecs {
        let _ = write!(sdp, " {}", codec.pt);
        if let Some(rtx) = codec.rtx {
            let _ = write!(sdp, " {rtx}");
        }
    }
    if let Some(red) = red {
        let _ = write!(sdp, " {red}");
    }
    let _ = write!(
        sdp,
        "\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={}\r\na=rtcp-mux\r\n",
        media.mid,
        media.direction.reversed()
    );
    for extension in &media.extensions {
        // Numbering packets for feedback that was not agreed on would starve the estimator.
        if extension.uri == TRANSPORT_CC_URI && !media.transport_cc {
            continue;
        }
        let _ = write!(sdp, "a=extmap:{} {}\r\n", extension.id, extension.uri);
    }
    for codec in codecs {
        format(sdp, media.kind, codec);
        if codec.codec == Codec::Opus
            && let Some(red) = red
        {
            let _ = write!(
                sdp,
                "a=rtpmap:{red} red/48000/2\r\na=fmtp:{red} {}/{}\r\n",
                codec.pt, codec.pt
            );
        }
    }
}

fn format(sdp: &mut String, kind: MediaKind, codec: &CodecPlan) {
    let pt = codec.pt;
    let _ = write!(sdp, "a=rtpmap:{pt} {}/{}", codec.codec, codec.clock_rate);
    if kind == MediaKind::Audio {
        let _ = write!(sdp, "/{}", codec.channels.unwrap_or(2));
    }
    sdp.push_str("\r\n");
    let fmtp = matching_parameters(codec);
    if !fmtp.is_empty() {
        let _ = write!(sdp, "a=fmtp:{pt} {fmtp}\r\n");
    }
    // The first m-line that names a format settles for good whether feedback may ever be expected for it; whether
    // packets are numbered is settled for each m-line, by the extension.
    let _ = write!(sdp, "a=rtcp-fb:{pt} transport-cc\r\n");
    if kind == MediaKind::Video {
        let _ = write!(
            sdp,
            "a=rtcp-fb:{pt} goog-remb\r\na=rtcp-fb:{pt} nack\r\na=rtcp-fb:{pt} nack pli\r\na=rtcp-fb:{pt} ccm fir\r\n"
        );
    }
    if let Some(rtx) = codec.rtx {
        let _ = write!(
            sdp,
            "a=rtpmap:{rtx} rtx/{}\r\na=fmtp:{rtx} apt={pt}\r\n",
            codec.clock_rate
        );
    }
}

/// The parameters that decide which table entry is meant, and no others: an entry with more of them would not
/// match, and in RTP mode the stack uses none.
fn matching_parameters(codec: &CodecPlan) -> String {
    let value = |name: &str| {
        codec
            .remote_fmtp
            .iter()
            .chain(&codec.local_fmtp)
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    match codec.codec {
        Codec::Opus => "minptime=10;useinbandfec=1".to_owned(),
        Codec::Vp9 => format!("profile-id={}", value("profile-id").unwrap_or("0")),
        Codec::H264 => format!(
            "level-asymmetry-allowed=1;packetization-mode={};profile-level-id={}",
            value("packetization-mode").unwrap_or("0"),
            value("profile-level-id").unwrap_or("42e01f"),
        ),
        Codec::H265 => ["profile-id", "tier-flag", "level-id"]
            .into_iter()
            .filter_map(|name| value(name).map(|value| format!("{name}={value}")))
            .collect::<Vec<_>>()
            .join(";"),
        Codec::Vp8 | Codec::Av1 | Codec::Red | Codec::Rtx => String::new(),
    }
}
