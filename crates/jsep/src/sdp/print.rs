//! Writes a description in the order of Google's library.

use std::fmt::{self, Write};

use super::{Attribute, Group, MediaSection, Sdp, Simulcast, SimulcastLayer, TransportLines};
use crate::fmtp;

impl Sdp {
    /// The description as text, lines ended by CR LF.
    #[must_use]
    pub fn print(&self) -> String {
        let mut out = String::with_capacity(256 + 2048 * self.media.len());
        // Writing into a `String` cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        write!(
            out,
            "v=0\r\no={}\r\ns={}\r\nt={}\r\n",
            self.origin, self.name, self.timing
        )?;
        for Group { semantics, mids } in &self.groups {
            write!(out, "a=group:{semantics}")?;
            for mid in mids {
                write!(out, " {mid}")?;
            }
            out.push_str("\r\n");
        }
        flag(out, self.extmap_allow_mixed, "extmap-allow-mixed");
        option(out, "msid-semantic", self.msid_semantic.as_deref())?;
        flag(out, self.ice_lite, "ice-lite");
        transport(out, &self.transport)?;
        if let Some(direction) = self.direction {
            write!(out, "a={direction}\r\n")?;
        }
        attributes(out, &self.other)?;
        self.media.iter().try_for_each(|section| section.write(out))
    }
}

impl MediaSection {
    fn write(&self, out: &mut String) -> fmt::Result {
        write!(
            out,
            "m={} {} {}",
            self.kind.as_str(),
            self.port,
            self.protocol
        )?;
        for format in &self.formats {
            write!(out, " {}", format.pt)?;
        }
        if !self.raw_formats.is_empty() {
            write!(out, " {}", self.raw_formats)?;
        }
        out.push_str("\r\n");
        for value in &self.bandwidth {
            write!(out, "b={value}\r\n")?;
        }
        if let Some(connection) = &self.connection {
            write!(out, "c={connection}\r\n")?;
        }
        option(out, "rtcp", self.rtcp.as_deref())?;
        for candidate in &self.candidates {
            write!(out, "a=candidate:{candidate}\r\n")?;
        }
        flag(out, self.end_of_candidates, "end-of-candidates");
        transport(out, &self.transport)?;
        option(out, "mid", self.mid.as_ref())?;
        self.write_rtp(out)?;
        option(out, "sctp-port", self.sctp_port)?;
        option(out, "max-message-size", self.max_message_size)?;
        option(
            out,
            "sctp-init",
            self.sctp_init.as_deref().map(super::parse::base64_encode),
        )?;
        attributes(out, &self.other)
    }

    fn write_rtp(&self, out: &mut String) -> fmt::Result {
        flag(out, self.extmap_allow_mixed, "extmap-allow-mixed");
        for extmap in &self.extmaps {
            write!(out, "a=extmap:{}", extmap.id)?;
            if let Some(direction) = extmap.direction {
                write!(out, "/{direction}")?;
            }
            write!(out, " {}", extmap.uri)?;
            if let Some(parameters) = &extmap.parameters {
                write!(out, " {parameters}")?;
            }
            out.push_str("\r\n");
        }
        flag(out, self.bundle_only, "bundle-only");
        if let Some(direction) = self.direction {
            write!(out, "a={direction}\r\n")?;
        }
        for msid in &self.msids {
            write!(out, "a=msid:{}", msid.stream)?;
            if let Some(track) = &msid.track {
                write!(out, " {track}")?;
            }
            out.push_str("\r\n");
        }
        flag(out, self.rtcp_mux, "rtcp-mux");
        flag(out, self.rtcp_mux_only, "rtcp-mux-only");
        flag(out, self.rtcp_rsize, "rtcp-rsize");
        self.write_formats(out)?;
        for group in &self.ssrc_groups {
            write!(out, "a=ssrc-group:{}", group.semantics)?;
            for ssrc in &group.ssrcs {
                write!(out, " {ssrc}")?;
            }
            out.push_str("\r\n");
        }
        for line in &self.ssrcs {
            write!(out, "a=ssrc:{} {}", line.ssrc, line.attribute)?;
            if let Some(value) = &line.value {
                write!(out, ":{value}")?;
            }
            out.push_str("\r\n");
        }
        for line in &self.rids {
            write!(
                out,
                "a=rid:{} {}",
                line.rid,
                if line.send { "send" } else { "recv" }
            )?;
            if let Some(restrictions) = &line.restrictions {
                write!(out, " {restrictions}")?;
            }
            out.push_str("\r\n");
        }
        self.simulcast
            .as_ref()
            .map_or(Ok(()), |simulcast| simulcast.write(out))
    }

    fn write_formats(&self, out: &mut String) -> fmt::Result {
        for format in &self.formats {
            if !format.name.is_empty() {
                write!(
                    out,
                    "a=rtpmap:{} {}/{}",
                    format.pt, format.name, format.clock_rate
                )?;
                // One channel is the default and never written (RFC 8866 §6.6).
                if let Some(channels) = format.channels.filter(|&channels| channels != 1) {
                    write!(out, "/{channels}")?;
                }
                out.push_str("\r\n");
            }
            for value in &format.feedback {
                write!(out, "a=rtcp-fb:{} {value}\r\n", format.pt)?;
            }
            if !format.fmtp.is_empty() {
                write!(out, "a=fmtp:{} {}\r\n", format.pt, fmtp::join(&format.fmtp))?;
            }
        }
        for value in &self.wildcard_feedback {
            write!(out, "a=rtcp-fb:* {value}\r\n")?;
        }
        Ok(())
    }
}

impl Simulcast {
    fn write(&self, out: &mut String) -> fmt::Result {
        let mut sides = [("send", &self.send), ("recv", &self.recv)];
        if self.recv_first {
            sides.reverse();
        }
        out.push_str("a=simulcast:");
        let mut separator = "";
        for (side, layers) in sides.into_iter().filter(|(_, layers)| !layers.is_empty()) {
            write!(out, "{separator}{side} ")?;
            for (index, alternatives) in layers.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ";" });
                for (index, SimulcastLayer { rid, paused }) in alternatives.iter().enumerate() {
                    write!(
                        out,
                        "{}{}{rid}",
                        if index == 0 { "" } else { "," },
                        if *paused { "~" } else { "" }
                    )?;
                }
            }
            separator = " ";
        }
        out.push_str("\r\n");
        Ok(())
    }
}

fn flag(out: &mut String, set: bool, name: &str) {
    if set {
        out.push_str("a=");
        out.push_str(name);
        out.push_str("\r\n");
    }
}

fn option(out: &mut String, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "a={name}:{value}\r\n"))
}

fn transport(out: &mut String, lines: &TransportLines) -> fmt::Result {
    option(out, "ice-ufrag", lines.ice_ufrag.as_deref())?;
    option(out, "ice-pwd", lines.ice_pwd.as_deref())?;
    option(out, "ice-options", lines.ice_options.as_deref())?;
    for print in &lines.fingerprints {
        write!(out, "a=fingerprint:{} {}\r\n", print.algorithm, print.value)?;
    }
    option(out, "setup", lines.setup.map(super::Setup::as_str))
}

fn attributes(out: &mut String, list: &[Attribute]) -> fmt::Result {
    for Attribute { name, value } in list {
        match value {
            Some(value) => write!(out, "a={name}:{value}\r\n")?,
            None => write!(out, "a={name}\r\n")?,
        }
    }
    Ok(())
}
