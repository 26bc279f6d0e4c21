//! The layer frames of a picture of which not everything came.

use super::packets::Stored;
use super::picture::Span;

/// Most spatial layers that a format has (VP9's).
const MOST: usize = 8;

/// The layer frames that are complete among packets in order, lowest first.
///
/// Only formats whose packets tell where layer frames end have any: VP9, and AV1 with a dependency descriptor. What has
/// more of them than there are layers is no picture, and has none.
pub(super) fn complete<'a>(packets: impl Iterator<Item = (u64, &'a Stored)>) -> Vec<Span> {
    let mut complete = Vec::new();
    let mut open: Option<Span> = None;
    let mut next = None;
    for (sequence, stored) in packets {
        if next != Some(sequence) {
            open = None;
        }
        next = Some(sequence + 1);
        if !stored.head.media {
            continue;
        }
        if stored.head.starts {
            open = Some(Span {
                first: sequence,
                last: sequence,
            });
        }
        if let Some(span) = &mut open {
            span.last = sequence;
            if stored.head.ends {
                if complete.len() == MOST {
                    return Vec::new();
                }
                complete.push(*span);
                open = None;
            }
        }
    }
    complete
}
