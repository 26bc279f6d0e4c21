//! Reads a description. Never panics; an error names the line.

use std::collections::HashSet;
use std::str::FromStr;

use lk_types::{Direction, MediaKind, Mid, Pt, Rid, Ssrc};

use super::{
    Attribute, ExtMap, Format, Group, MediaSection, Msid, RidLine, Sdp, SectionKind, Setup,
    Simulcast, SimulcastLayer, SsrcGroup, SsrcLine, TransportLines,
};
use crate::error::SdpError;
use crate::fmtp;
use crate::plan::Fingerprint;

/// A room with a thousand tracks stays well below it; what is longer is refused unread.
const MAX_LENGTH: usize = 8 << 20;
/// RFC 9143 sets none; the engine numbers m-lines with 16 bits.
const MAX_MEDIA: usize = 4096;
/// RFC 8843 sets none. Google's library refuses mids over 16 characters in header extensions only.
const MAX_TOKEN: usize = 255;

impl Sdp {
    /// Reads a description whose lines end in CR LF or LF.
    ///
    /// # Errors
    /// When it does not begin with `v=0`, or a line that this crate knows is malformed.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_LENGTH {
            return Err(SdpError::new(
                0,
                "",
                format!("{} bytes are too long (limit {MAX_LENGTH})", text.len()),
            ));
        }
        let mut sdp = Sdp {
            name: "-".to_owned(),
            timing: "0 0".to_owned(),
            ..Sdp::default()
        };
        let mut mids = HashSet::new();
        let mut lines = text
            .split('\n')
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim_end()))
            .filter(|(_, line)| !line.is_empty());
        match lines.next() {
            Some((_, "v=0")) => {}
            Some((number, line)) => {
                return Err(SdpError::new(number, line, "a description begins with v=0"));
            }
            None => return Err(SdpError::new(0, "", "the description is empty")),
        }
        for (number, line) in lines {
            parse_line(&mut sdp, &mut mids, line)
                .map_err(|reason| SdpError::new(number, line, reason))?;
        }
        Ok(sdp)
    }
}

type Parsed<T = ()> = Result<T, String>;

fn parse_line(sdp: &mut Sdp, mids: &mut HashSet<Mid>, line: &str) -> Parsed {
    let (kind, value) = match line.split_once('=') {
        Some((kind, value)) if kind.len() == 1 => (kind, value),
        _ => return Err("a line is one letter, an equals sign and a value".to_owned()),
    };
    match (kind, sdp.media.last_mut()) {
        ("m", _) => {
            if sdp.media.len() == MAX_MEDIA {
                return Err(format!("more than {MAX_MEDIA} m-lines"));
            }
            sdp.media.push(media_line(value)?);
        }
        ("a", None) => session_attribute(sdp, value)?,
        ("a", Some(section)) => media_attribute(section, mids, value)?,
        ("o", None) => sdp.origin = value.to_owned(),
        ("s", None) => sdp.name = value.to_owned(),
        ("t", None) => sdp.timing = value.to_owned(),
        ("c", Some(section)) => section.connection = Some(value.to_owned()),
        ("b", Some(section)) => section.bandwidth.push(value.to_owned()),
        // Other lines of RFC 8866 mean nothing to WebRTC.
        _ => {}
    }
    Ok(())
}

/// `<media> <port>[/<count>] <proto> <fmt> …`
fn media_line(value: &str) -> Parsed<MediaSection> {
    let mut words = value.split_ascii_whitespace();
    let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next())
    else {
        return Err("an m-line has a kind, a port, a protocol and formats".to_owned());
    };
    let port = port.split_once('/').map_or(port, |(port, _)| port);
    let mut section = MediaSection {
        kind: match kind {
            "audio" => SectionKind::Media(MediaKind::Audio),
            "video" => SectionKind::Media(MediaKind::Video),
            "application" => SectionKind::Application,
            other => SectionKind::Other(other.to_owned()),
        },
        port: number(port, "port")?,
        protocol: protocol.to_owned(),
        ..MediaSection::default()
    };
    if section.media_kind().is_none() || !protocol.contains("RTP/") {
        section.raw_formats = words.collect::<Vec<_>>().join(" ");
        return Ok(section);
    }
    for word in words {
        let pt = payload_type(word)?;
        if section.format(pt).is_none() {
            section.formats.push(static_format(pt));
        }
    }
    Ok(section)
}

/// RFC 3551 §6: payload types that need no `a=rtpmap`.
fn static_format(pt: Pt) -> Format {
    let (name, clock_rate) = match pt.0 {
        0 => ("PCMU", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        13 => ("CN", 8000),
        _ => ("", 0),
    };
    Format {
        pt,
        name: name.to_owned(),
        clock_rate,
        channels: None,
        fmtp: Vec::new(),
        feedback: Vec::new(),
    }
}

fn split_attribute(attribute: &str) -> (&str, Option<&str>) {
    match attribute.split_once(':') {
        Some((name, value)) => (name, Some(value)),
        None => (attribute, None),
    }
}

fn session_attribute(sdp: &mut Sdp, attribute: &str) -> Parsed {
    let (name, value) = split_attribute(attribute);
    match (name, value) {
        ("group", Some(value)) => {
            let mut words = value.split_ascii_whitespace();
            let semantics = words.next().ok_or("a group has semantics")?.to_owned();
            sdp.groups.push(Group {
                semantics,
                mids: words.map(Mid::new).collect(),
            });
        }
        ("extmap-allow-mixed", None) => sdp.extmap_allow_mixed = true,
        ("msid-semantic", Some(value)) => sdp.msid_semantic = Some(value.to_owned()),
        ("ice-lite", None) => sdp.ice_lite = true,
        _ => {
            if let Some(direction) = direction(attribute) {
                sdp.direction = Some(direction);
            } else if !transport_attribute(&mut sdp.transport, name, value)? {
                sdp.other.push(unknown(name, value));
            }
        }
    }
    Ok(())
}

fn media_attribute(section: &mut MediaSection, mids: &mut HashSet<Mid>, attribute: &str) -> Parsed {
    if let Some(direction) = direction(attribute) {
        section.direction = Some(direction);
        return Ok(());
    }
    let (name, value) = split_attribute(attribute);
    if transport_attribute(&mut section.transport, name, value)? {
        return Ok(());
    }
    match (name, value) {
        ("mid", Some(value)) => {
            let mid = Mid::new(token(value.trim(), "mid")?);
            if section.mid.is_some() {
                return Err("the m-line has two mids".to_owned());
            }
            if !mids.insert(mid.clone()) {
                return Err(format!("mid {value} stands in two m-lines"));
            }
            section.mid = Some(mid);
        }
        ("rtcp", Some(value)) => section.rtcp = Some(value.to_owned()),
        ("candidate", Some(value)) => section.candidates.push(value.to_owned()),
        ("end-of-candidates", None) => section.end_of_candidates = true,
        ("bundle-only", None) => section.bundle_only = true,
        ("extmap-allow-mixed", None) => section.extmap_allow_mixed = true,
        ("rtcp-mux", None) => section.rtcp_mux = true,
        ("rtcp-mux-only", None) => section.rtcp_mux_only = true,
        ("rtcp-rsize", None) => section.rtcp_rsize = true,
        ("extmap", Some(value)) => section.extmaps.push(extmap(value)?),
        ("msid", Some(value)) => section.msids.push(msid(value)?),
        ("rtpmap", Some(value)) => rtpmap(section, value)?,
        ("fmtp", Some(value)) => format_parameters(section, value)?,
        ("rtcp-fb", Some(value)) => feedback(section, value)?,
        ("ssrc", Some(value)) => section.ssrcs.push(ssrc_line(value)?),
        ("ssrc-group", Some(value)) => section.ssrc_groups.push(ssrc_group(value)?),
        ("rid", Some(value)) => section.rids.push(rid_line(value)?),
        ("simulcast", Some(value)) => section.simulcast = Some(simulcast(value)?),
        ("sctp-port", Some(value)) => section.sctp_port = Some(number(value, "sctp-port")?),
        ("max-message-size", Some(value)) => {
            section.max_message_size = Some(number(value, "max-message-size")?)
        }
        ("sctp-init", Some(value)) => {
            section.sctp_init = Some(base64_decode(value.trim()).ok_or("sctp-init is not base64")?);
        }
        _ => section.other.push(unknown(name, value)),
    }
    Ok(())
}

/// Whether the attribute was one of the transport's.
fn transport_attribute(
    lines: &mut TransportLines,
    name: &str,
    value: Option<&str>,
) -> Parsed<bool> {
    let Some(value) = value else { return Ok(false) };
    match name {
        // RFC 8839 §5.4: 4 to 256 and 22 to 256 ice-chars.
        "ice-ufrag" => lines.ice_ufrag = Some(ice_chars(value, 4)?),
        "ice-pwd" => lines.ice_pwd = Some(ice_chars(value, 22)?),
        "ice-options" => lines.ice_options = Some(value.to_owned()),
        "fingerprint" => lines.fingerprints.push(fingerprint(value)?),
        "setup" => {
            lines.setup = Some(Setup::parse(value.trim()).ok_or("setup is not a known role")?)
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn ice_chars(value: &str, least: usize) -> Parsed<String> {
    let value = value.trim();
    // Some implementations use `-` and `_`; they hurt nobody, control characters and spaces would.
    if value.len() < least
        || value.len() > 256
        || !value.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(format!("{least} to 256 ice-chars are expected"));
    }
    Ok(value.to_owned())
}

fn fingerprint(value: &str) -> Parsed<Fingerprint> {
    let (algorithm, digest) = value
        .trim()
        .split_once(' ')
        .ok_or("a fingerprint is a hash function and a digest")?;
    let digest = digest.trim();
    let pairs = digest
        .split(':')
        .all(|pair| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !pairs {
        return Err("a digest is pairs of hexadecimal digits joined by colons".to_owned());
    }
    Ok(Fingerprint {
        algorithm: algorithm.to_ascii_lowercase(),
        value: digest.to_ascii_uppercase(),
    })
}

fn direction(attribute: &str) -> Option<Direction> {
    [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ]
    .into_iter()
    .find(|direction| direction.as_str() == attribute)
}

/// `<id>[/<direction>] <uri> [<parameters>]`
fn extmap(value: &str) -> Parsed<ExtMap> {
    let mut words = value.trim().splitn(3, ' ');
    let (Some(head), Some(uri)) = (words.next(), words.next()) else {
        return Err("an extmap has an identifier and a name".to_owned());
    };
    let (id, dir) = match head.split_once('/') {
        Some((id, word)) => (
            id,
            Some(direction(word).ok_or("the extmap's direction is unknown")?),
        ),
        None => (head, None),
    };
    let id: u16 = number(id, "extmap identifier")?;
    // RFC 8285 §5: 1 to 255 count; 4096 and above stand for "to be chosen by the answerer".
    if id == 0 || (256..4096).contains(&id) {
        return Err(format!("extmap identifier {id} is out of range"));
    }
    Ok(ExtMap {
        id,
        direction: dir,
        uri: uri.to_owned(),
        parameters: words.next().map(str::to_owned),
    })
}

fn msid(value: &str) -> Parsed<Msid> {
    let mut words = value.split_ascii_whitespace();
    let stream = words.next().ok_or("a msid names a stream")?.to_owned();
    Ok(Msid {
        stream,
        track: words.next().map(str::to_owned),
    })
}

/// `<pt> <name>/<clock rate>[/<channels>]`
fn rtpmap(section: &mut MediaSection, value: &str) -> Parsed {
    let (pt, encoding) = value
        .split_once(' ')
        .ok_or("an rtpmap has a payload type and an encoding")?;
    let pt = payload_type(pt)?;
    let mut parts = encoding.trim().split('/');
    let (Some(name), Some(rate)) = (parts.next().filter(|name| !name.is_empty()), parts.next())
    else {
        return Err("an encoding has a name and a clock rate".to_owned());
    };
    let clock_rate = number(rate, "clock rate")?;
    let channels = parts
        .next()
        .map(|channels| number(channels, "channel count"))
        .transpose()?;
    // An rtpmap for a payload type that the m-line does not list means nothing.
    if let Some(format) = section.formats.iter_mut().find(|format| format.pt == pt) {
        format.name = name.to_owned();
        format.clock_rate = clock_rate;
        format.channels = channels;
    }
    Ok(())
}

fn format_parameters(section: &mut MediaSection, value: &str) -> Parsed {
    let (pt, parameters) = value
        .split_once(' ')
        .ok_or("an fmtp has a payload type and parameters")?;
    // Only RTP formats are numbers; others are left alone.
    if section.formats.is_empty() {
        return Ok(());
    }
    let pt = payload_type(pt)?;
    if let Some(format) = section.formats.iter_mut().find(|format| format.pt == pt) {
        format.fmtp.extend(fmtp::split(parameters));
    }
    Ok(())
}

fn feedback(section: &mut MediaSection, value: &str) -> Parsed {
    let (pt, value) = value
        .split_once(' ')
        .ok_or("an rtcp-fb has a payload type and a value")?;
    let value = value.trim().to_owned();
    if pt == "*" {
        section.wildcard_feedback.push(value);
        return Ok(());
    }
    let pt = payload_type(pt)?;
    if let Some(format) = section.formats.iter_mut().find(|format| format.pt == pt) {
        format.feedback.push(value);
    }
    Ok(())
}

/// `<ssrc> <attribute>[:<value>]`
fn ssrc_line(value: &str) -> Parsed<SsrcLine> {
    let (ssrc, rest) = value
        .split_once(' ')
        .ok_or("an ssrc line has a source and an attribute")?;
    let (attribute, value) = split_attribute(rest.trim());
    Ok(SsrcLine {
        ssrc: Ssrc(number(ssrc, "ssrc")?),
        attribute: attribute.to_owned(),
        value: value.map(str::to_owned),
    })
}

fn ssrc_group(value: &str) -> Parsed<SsrcGroup> {
    let mut words = value.split_ascii_whitespace();
    let semantics = words
        .next()
        .ok_or("an ssrc-group has semantics")?
        .to_owned();
    let ssrcs = words
        .map(|word| number(word, "ssrc").map(Ssrc))
        .collect::<Parsed<Vec<_>>>()?;
    Ok(SsrcGroup { semantics, ssrcs })
}

/// `<rid> send|recv [<restrictions>]`
fn rid_line(value: &str) -> Parsed<RidLine> {
    let mut words = value.trim().splitn(3, ' ');
    let rid = Rid::new(token(words.next().unwrap_or_default(), "rid")?);
    let send = match words.next() {
        Some("send") => true,
        Some("recv") => false,
        _ => return Err("a rid is for send or recv".to_owned()),
    };
    Ok(RidLine {
        rid,
        send,
        restrictions: words.next().map(str::to_owned),
    })
}

/// `send q;h,~i;f recv …`
fn simulcast(value: &str) -> Parsed<Simulcast> {
    let mut result = Simulcast::default();
    let mut words = value.split_ascii_whitespace();
    while let Some(side) = words.next() {
        let list = words.next().ok_or("simulcast names a side but no layers")?;
        let layers = list
            .split(';')
            .map(|alternatives| {
                alternatives
                    .split(',')
                    .map(simulcast_layer)
                    .collect::<Parsed<Vec<_>>>()
            })
            .collect::<Parsed<Vec<_>>>()?;
        match side {
            "send" if result.send.is_empty() => result.send = layers,
            "recv" if result.recv.is_empty() => {
                result.recv_first = result.send.is_empty();
                result.recv = layers;
            }
            _ => return Err("simulcast has one send and one recv list".to_owned()),
        }
    }
    if result.send.is_empty() && result.recv.is_empty() {
        return Err("simulcast names no layer".to_owned());
    }
    // Only the order of two lists is worth remembering.
    result.recv_first &= !result.send.is_empty();
    Ok(result)
}

fn simulcast_layer(word: &str) -> Parsed<SimulcastLayer> {
    let name = word.strip_prefix('~');
    Ok(SimulcastLayer {
        rid: Rid::new(token(name.unwrap_or(word), "rid")?),
        paused: name.is_some(),
    })
}

fn token<'a>(value: &'a str, what: &str) -> Parsed<&'a str> {
    if value.is_empty()
        || value.len() > MAX_TOKEN
        || !value.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(format!("a {what} is 1 to {MAX_TOKEN} printable characters"));
    }
    Ok(value)
}

fn payload_type(word: &str) -> Parsed<Pt> {
    number::<u8>(word, "payload type")
        .ok()
        .filter(|&pt| pt < 128)
        .map(Pt)
        .ok_or_else(|| {
            format!(
                "payload type {:?} is not a number up to 127",
                word.chars().take(16).collect::<String>()
            )
        })
}

fn number<T: FromStr>(word: &str, what: &str) -> Parsed<T> {
    word.trim()
        .parse()
        .map_err(|_| format!("{what} is not a number in range"))
}

fn unknown(name: &str, value: Option<&str>) -> Attribute {
    Attribute {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 §4 with padding.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let sextet = (word >> (18 - 6 * index) & 63) as usize;
            out.push(if index <= chunk.len() {
                char::from(BASE64[sextet])
            } else {
                '='
            });
        }
    }
    out
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut word = 0_u32;
        for byte in chunk {
            let sextet = BASE64.iter().position(|letter| letter == byte)?;
            word = word << 6 | sextet as u32;
        }
        word <<= 6 * (4 - chunk.len());
        out.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(out)
}
