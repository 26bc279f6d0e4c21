//! Offers (RFC 8829 §5.2).

use lk_types::{Codec, Direction, MediaKind, Mid, Pt};

use crate::capability::CodecCapability;
use crate::plan::IceParameters;
use crate::registry;
use crate::sdp::{Format, MediaSection, Sdp, Setup};
use crate::section::{self, TransportChoice};
use crate::session::{OfferOptions, Session, new_ice};
use crate::transceiver::{Encoding, Transceiver, TransceiverId};

const DATA_PROTOCOL: &str = "UDP/DTLS/SCTP";

impl Session {
    pub(crate) fn make_offer(&mut self, options: &OfferOptions) -> Sdp {
        self.add_legacy_receivers(options);
        let transport = TransportChoice {
            ice: self.offer_ice(options),
            setup: Setup::ActPass,
        };
        for transceiver in &mut self.transceivers {
            transceiver.offered_mid = None;
        }
        let mut mids = MidSource { next: 0 };
        let mut media: Vec<MediaSection> = Vec::new();
        for slot in self.slots() {
            media.push(self.existing_section(slot, &transport, &mut mids));
        }
        while let Some(id) = self.next_unassociated() {
            media.extend(self.new_section(id, None, &transport, &mut mids));
        }
        if self.data.requested && self.data.mid.is_none() {
            let mid = mids.take(self);
            media.push(self.data_section(&mid, DATA_PROTOCOL, &transport));
        }
        let live = media.iter().filter(|section| !section.is_rejected());
        let bundle = live.filter_map(|section| section.mid.clone()).collect();
        Sdp {
            media,
            ..self.head(bundle, true)
        }
    }

    /// W3C §4.4.3.2: the options of old ask for at least one receiver of the kind.
    fn add_legacy_receivers(&mut self, options: &OfferOptions) {
        let wanted = [
            (MediaKind::Audio, options.offer_to_receive_audio),
            (MediaKind::Video, options.offer_to_receive_video),
        ];
        for (kind, _) in wanted.into_iter().filter(|(_, wanted)| *wanted) {
            if self
                .of_kind(kind)
                .any(|transceiver| !transceiver.stopping && transceiver.direction.receives())
            {
                continue;
            }
            let mut encodings = vec![Encoding::default()];
            self.give_sources(kind, &mut encodings);
            self.push_transceiver(kind, Direction::RecvOnly, None, Vec::new(), encodings, None);
        }
    }

    fn offer_ice(&mut self, options: &OfferOptions) -> IceParameters {
        // Before anything was applied there is nothing to restart: offers made again name the same credentials.
        if (options.ice_restart || self.restart_from.is_some()) && self.local.latest().is_some() {
            return new_ice(&mut self.rng);
        }
        self.local_ice()
    }

    /// m-lines that earlier descriptions laid down: their order never changes (RFC 3264 §8).
    fn slots(&self) -> Vec<Slot> {
        let local = self
            .local
            .latest()
            .map(|description| description.sdp.media.as_slice())
            .unwrap_or_default();
        let remote = self
            .remote
            .latest()
            .map(|description| description.sdp.media.as_slice())
            .unwrap_or_default();
        let longer = if local.len() >= remote.len() {
            local
        } else {
            remote
        };
        longer
            .iter()
            .enumerate()
            .map(|(index, section)| {
                let rejected =
                    |side: &[MediaSection]| side.get(index).is_some_and(MediaSection::is_rejected);
                Slot {
                    section: section.clone(),
                    recyclable: rejected(local) || rejected(remote),
                }
            })
            .collect()
    }

    /// RFC 8829 §5.2.2.
    fn existing_section(
        &mut self,
        slot: Slot,
        transport: &TransportChoice,
        mids: &mut MidSource,
    ) -> MediaSection {
        let Slot {
            section,
            recyclable,
        } = slot;
        if let Some(mid) = section.mid.clone() {
            if self.data.mid.as_ref() == Some(&mid) {
                return self.data_section(&mid, &section.protocol, transport);
            }
            if let Some(transceiver) = self.by_mid(&mid) {
                return match transceiver.stopping {
                    true => section::rejected(&section),
                    false => {
                        self.media_section(&transceiver.clone(), &mid, Some(&section), transport)
                    }
                };
            }
        }
        // A slot that was refused takes the next new transceiver, of whatever kind, under a new mid.
        if recyclable
            && let Some(id) = self.next_unassociated()
            && let Some(section) = self.new_section(id, Some(&section), transport, mids)
        {
            return section;
        }
        section::rejected(&section)
    }

    fn next_unassociated(&self) -> Option<TransceiverId> {
        self.transceivers
            .iter()
            .find(|transceiver| {
                transceiver.mid.is_none()
                    && transceiver.offered_mid.is_none()
                    && !transceiver.stopping
                    && !self.codecs_of(transceiver).is_empty()
            })
            .map(|transceiver| transceiver.id)
    }

    fn new_section(
        &mut self,
        id: TransceiverId,
        recycled: Option<&MediaSection>,
        transport: &TransportChoice,
        mids: &mut MidSource,
    ) -> Option<MediaSection> {
        let mid = mids.take(self);
        let transceiver = self.transceiver_mut(id).ok()?;
        transceiver.offered_mid = Some(mid.clone());
        let transceiver = transceiver.clone();
        let earlier = recycled.filter(|section| section.media_kind() == Some(transceiver.kind));
        Some(self.media_section(&transceiver, &mid, earlier, transport))
    }

    fn media_section(
        &self,
        transceiver: &Transceiver,
        mid: &Mid,
        earlier: Option<&MediaSection>,
        transport: &TransportChoice,
    ) -> MediaSection {
        let mut section = self.rtp_section(transceiver.kind, mid, transport);
        section.formats = self.offered_formats(transceiver, earlier);
        section.extmaps = self.offered_extensions(transceiver);
        section.direction = Some(transceiver.direction);
        if transceiver.direction.sends() {
            self.write_sender(&mut section, transceiver, true);
        }
        section
    }

    pub(crate) fn codecs_of<'a>(&'a self, transceiver: &'a Transceiver) -> &'a [CodecCapability] {
        transceiver
            .preferences
            .as_deref()
            .unwrap_or(&self.capabilities.of(transceiver.kind).codecs)
    }

    /// Formats of an m-line, under the numbers they already have there.
    fn offered_formats(
        &self,
        transceiver: &Transceiver,
        earlier: Option<&MediaSection>,
    ) -> Vec<Format> {
        let mut result: Vec<Format> = Vec::new();
        let mut primary = None;
        let codecs = self.codecs_of(transceiver);
        let numbers = |capability: &CodecCapability| {
            let known = earlier.and_then(|section| {
                let format = registry::find_format(section, capability)?;
                Some((format.pt, section.rtx_of(format.pt).map(|rtx| rtx.pt)))
            });
            let (pt, rtx) = self.registry.codec(transceiver.kind, capability);
            known.map_or((pt, rtx), |(known, known_rtx)| {
                (known, rtx.map(|rtx| known_rtx.unwrap_or(rtx)))
            })
        };
        // RED names Opus's number, wherever Opus stands in the list.
        for capability in codecs
            .iter()
            .filter(|capability| capability.codec == Codec::Opus)
        {
            primary = Some(numbers(capability).0);
        }
        for capability in codecs {
            let (pt, rtx) = numbers(capability);
            if capability.codec == Codec::Red && primary.is_none() {
                continue;
            }
            let taken = |pt: Pt| result.iter().any(|format| format.pt == pt);
            if taken(pt) {
                continue;
            }
            let rtx = rtx.filter(|&rtx| !taken(rtx) && rtx != pt);
            let parameters = capability.fmtp.clone();
            result.extend(section::formats(
                capability,
                parameters,
                capability.feedback.clone(),
                pt,
                rtx,
                primary,
            ));
        }
        result
    }
}

struct Slot {
    section: MediaSection,
    recyclable: bool,
}

/// Numbers that no m-line of this session ever had (RFC 8829 §5.2.1). Nothing is remembered until a
/// description is applied, so that offers made twice name the same mids.
struct MidSource {
    next: u32,
}

impl MidSource {
    fn take(&mut self, session: &Session) -> Mid {
        loop {
            let mid = Mid::new(&self.next.to_string());
            self.next += 1;
            if !session.used_mids.contains(&mid) {
                return mid;
            }
        }
    }
}
