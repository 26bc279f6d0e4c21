//! Descriptions may come from anybody: whatever they hold, the answer is a value or an error.

mod common;

use common::*;
use lk_jsep::sdp::Sdp;
use lk_jsep::{SdpType, Session, SessionError};
use lk_types::{Direction, MediaKind};

/// A small generator of its own (xorshift), so that a failure can be repeated from its seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

const SEEDS: [&str; 5] = [
    "livekit-publish-answer",
    "livekit-subscriber-tracks-offer",
    "chrome-simulcast-offer",
    "pion-data-offer",
    "livekit-subscribe-answer",
];

const WORDS: [&str; 26] = [
    "",
    "0",
    "-1",
    "256",
    "65536",
    "4294967296",
    "99999999999999999999",
    ":",
    "=",
    ";",
    ",",
    "~",
    "/",
    "*",
    "a=",
    "m=",
    "m=audio 0 ",
    "a=mid:0",
    "a=inactive",
    "\r\n",
    "\n\n",
    "\u{0}",
    "é",
    "🦀",
    "a=simulcast:send ;",
    "a=group:BUNDLE",
];

/// One change at a random place: cut, double, swap, delete or insert.
fn damage(text: &str, noise: &mut Noise) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return String::new();
    }
    let at = noise.next(lines.len());
    let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    match noise.next(7) {
        0 => drop(out.remove(at)),
        1 => out.insert(at, lines[noise.next(lines.len())].to_owned()),
        2 => out.swap(at, noise.next(lines.len())),
        3 => out.truncate(at),
        4 => {
            let cut = noise.next(out[at].chars().count());
            out[at] = out[at].chars().take(cut).collect();
        }
        5 => {
            let cut = noise.next(out[at].chars().count());
            let word = WORDS[noise.next(WORDS.len())];
            let (head, tail): (String, String) = (
                out[at].chars().take(cut).collect(),
                out[at].chars().skip(cut).collect(),
            );
            out[at] = format!("{head}{word}{tail}");
        }
        _ => {
            let word = WORDS[noise.next(WORDS.len())];
            let pieces: Vec<&str> = lines[at].split([' ', ':', ';', '/']).collect();
            let piece = pieces[noise.next(pieces.len())];
            out[at] = lines[at].replacen(piece, word, 1);
        }
    }
    out.join("\r\n")
}

fn publisher() -> Session {
    let mut session = session(1);
    session.open_data();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        for _ in 0..3 {
            session
                .add_transceiver(kind, init(Direction::RecvOnly))
                .unwrap();
        }
    }
    let first = offer(&mut session);
    session.set_local(SdpType::Offer, &first).unwrap();
    session
        .set_remote(SdpType::Answer, &golden("livekit-first-answer"))
        .unwrap();
    session
        .add_transceiver(MediaKind::Audio, publish("mic"))
        .unwrap();
    session
        .add_transceiver(MediaKind::Video, layers("cam", &["f", "h", "q"]))
        .unwrap();
    session
        .add_transceiver(MediaKind::Video, publish("scr"))
        .unwrap();
    session
}

#[test]
fn damaged_offers_never_panic_and_answers_can_always_be_applied() {
    let mut noise = Noise(0x5eed_0001);
    let mut accepted = 0;
    for round in 0..800 {
        let name = SEEDS[round % SEEDS.len()];
        let mut text = golden(name);
        for _ in 0..=noise.next(3) {
            text = damage(&text, &mut noise);
        }
        let mut session = session(3);
        if session.set_remote(SdpType::Offer, &text).is_ok() {
            accepted += 1;
            let answer = session
                .create_answer()
                .expect("a pending offer can be answered");
            Sdp::parse(&answer)
                .unwrap_or_else(|error| panic!("round {round}: our answer: {error}\n{answer}"));
            // It may lack what a transport needs; then the offer stays pending.
            if session.set_local(SdpType::Answer, &answer).is_err() {
                session.set_remote(SdpType::Rollback, "").expect("rollback");
            }
            offer(&mut session);
        }
    }
    assert!(
        accepted > 150,
        "the sweep reaches past the parser: {accepted}"
    );
}

#[test]
fn damaged_answers_never_panic_and_leave_the_session_usable() {
    let mut noise = Noise(0x5eed_0002);
    let mut accepted = 0;
    let mut template = publisher();
    let text = offer(&mut template);
    template.set_local(SdpType::Offer, &text).unwrap();
    let good = golden("livekit-publish-answer");
    for round in 0..300 {
        let mut text = good.clone();
        for _ in 0..=noise.next(3) {
            text = damage(&text, &mut noise);
        }
        let mut session = template.clone();
        match session.set_remote(SdpType::Answer, &text) {
            Ok(_) => accepted += 1,
            Err(_) => {
                let applied = session.set_remote(SdpType::Answer, &good);
                assert!(applied.is_ok(), "round {round}: {applied:?}");
            }
        }
        offer(&mut session);
    }
    assert!(
        accepted > 50,
        "the sweep reaches past the parser: {accepted}"
    );
}

#[test]
fn a_prefix_is_a_value_or_an_error() {
    let text = golden("chrome-simulcast-offer");
    for end in (0..text.len()).step_by(7) {
        if let Ok(sdp) = Sdp::parse(&text[..end]) {
            assert_eq!(Sdp::parse(&sdp.print()).unwrap(), sdp, "cut at {end}");
        }
    }
}

#[test]
fn errors_name_the_line() {
    let parse = |line: &str| {
        let text =
            format!("v=0\r\no=- 1 1 IN IP4 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{line}\r\n");
        Sdp::parse(&text).expect_err(line)
    };
    for line in [
        "no equals sign",
        "m=audio",
        "m=audio many UDP/TLS/RTP/SAVPF 111",
        "m=audio 9 UDP/TLS/RTP/SAVPF 300",
        "a=rtpmap:96",
        "a=rtpmap:96 VP8",
        "a=rtpmap:x VP8/90000",
        "a=ssrc:4294967296 cname:x",
        "a=ssrc-group:FID 1 two",
        "a=extmap:0 urn:x",
        "a=extmap:999 urn:x",
        "a=extmap:1/sideways urn:x",
        "a=fingerprint:sha-256 zz",
        "a=setup:sometimes",
        "a=ice-ufrag:a b",
        "a=ice-pwd:short",
        "a=mid:",
        "a=rid:q sideways",
        "a=simulcast:send",
        "a=simulcast:send q;;f",
        "a=sctp-port:http",
        "a=max-message-size:-1",
        "a=sctp-init:?",
    ] {
        let error = parse(line);
        assert_eq!(error.line, 4, "{line}");
        assert_eq!(error.text, line);
        assert!(error.to_string().contains("line 4"), "{error}");
    }
    assert_eq!(Sdp::parse("").unwrap_err().line, 0);
    assert_eq!(Sdp::parse("hello").unwrap_err().line, 1);
    let doubled = "v=0\nm=audio 9 RTP/AVP 0\na=mid:x\nm=audio 9 RTP/AVP 0\na=mid:x\n";
    assert_eq!(Sdp::parse(doubled).unwrap_err().line, 5);
}

#[test]
fn long_lines_are_cut_in_errors_and_long_texts_refused() {
    let error = Sdp::parse(&format!("v=0\nm=audio {}", "9".repeat(10_000))).unwrap_err();
    assert!(error.text.len() <= 120);
    let huge = format!("v=0\n{}", "a=x\n".repeat(3 << 20));
    assert_eq!(Sdp::parse(&huge).unwrap_err().line, 0);
    let many = format!("v=0\n{}", "m=audio 9 UDP/TLS/RTP/SAVPF 0\n".repeat(5000));
    assert!(Sdp::parse(&many).is_err());
}

#[test]
fn an_offer_without_transport_is_refused_when_it_is_answered() {
    let mut session = session(1);
    let bare = "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
                m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n";
    session.set_remote(SdpType::Offer, bare).unwrap();
    let answer = session.create_answer().unwrap();
    let error = session.set_local(SdpType::Answer, &answer).unwrap_err();
    assert!(
        matches!(error, SessionError::MissingAttribute { .. }),
        "{error}"
    );
}

#[test]
fn unknown_m_lines_are_refused_and_unbundled_ones_too() {
    let mut session = session(1);
    let text = golden("chrome-simulcast-offer")
        .replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 2")
        .replace(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "m=text 9 UDP/TLS/RTP/SAVPF 98",
        );
    session.set_remote(SdpType::Offer, &text).unwrap();
    let answer = session.create_answer().unwrap();
    assert!(answer.contains("m=text 0 ") && answer.contains("m=audio 0 "));
    assert!(answer.contains("a=group:BUNDLE 0\r\n"));
    let applied = session.set_local(SdpType::Answer, &answer).unwrap();
    assert!(plan(&applied).media[1].rejected && plan(&applied).data.is_none());
}

#[test]
fn an_offer_without_m_lines_has_no_plan() {
    let mut session = session(1);
    session
        .set_remote(
            SdpType::Offer,
            "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n",
        )
        .unwrap();
    let answer = session.create_answer().unwrap();
    assert_eq!(
        session.set_local(SdpType::Answer, &answer).unwrap().plan,
        None
    );
}

#[test]
fn m_lines_without_a_mid_are_named() {
    let mut session = session(1);
    let text = golden("pion-data-offer")
        .replace("a=mid:0\r\n", "")
        .replace("a=group:BUNDLE 0\r\n", "");
    session.set_remote(SdpType::Offer, &text).unwrap();
    let answer = session.create_answer().unwrap();
    let applied = session.set_local(SdpType::Answer, &answer).unwrap();
    assert!(plan(&applied).data.is_some());
}

#[test]
fn repeated_lines_cost_no_more_than_their_number() {
    let mut session = session(1);
    let line = |index: usize| {
        format!(
            "a=msid:s{index} t\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ssrc:{index} cname:c\r\n"
        )
    };
    let lines: String = (1..10_000).map(line).collect();
    let mids: String = (0..10_000).map(|index| format!(" x{index}")).collect();
    let text = golden("chrome-simulcast-offer")
        .replace(
            "a=group:BUNDLE 0 1 2",
            &format!("a=group:BUNDLE 0 1 2{mids}"),
        )
        .replace("a=mid:1\r\n", &format!("a=mid:1\r\n{lines}"));
    session.set_remote(SdpType::Offer, &text).unwrap();
    let answer = session.create_answer().unwrap();
    assert!(
        section(&answer, "1")
            .iter()
            .filter(|line| line.starts_with("a=extmap:4 "))
            .count()
            == 1
    );
    let applied = session.set_local(SdpType::Answer, &answer).unwrap();
    assert_eq!(
        plan(&applied).media[1].recv.len(),
        10_000,
        "one for each source"
    );
}
