//! Writing descriptors (appendix A.8).

use thiserror::Error;

use super::{Dependencies, Descriptor, Structure};
use crate::video::bits::BitWriter;

/// A descriptor that the format cannot hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WriteError {
    /// No template has the frame's layers.
    #[error("no template has layer S{spatial}T{temporal}")]
    NoTemplate {
        /// The frame's spatial layer.
        spatial: u8,
        /// The frame's temporal layer.
        temporal: u8,
    },
    /// A number does not fit its field.
    #[error("{field} {value} is not within 1 to {most}")]
    Range {
        /// What it counts.
        field: &'static str,
        /// Its value.
        value: u32,
        /// The most that fits.
        most: u32,
    },
}

/// How far back a frame may refer: twelve bits.
const MAX_DISTANCE: u16 = 1 << 12;

impl Descriptor {
    /// Appends the descriptor's bytes. The template is chosen here: of the attached structure's, or else of
    /// `structure`'s, the one that takes the fewest bits; `mandatory.template` is ignored.
    ///
    /// # Errors
    /// Where the structure has no template of the frame's layers, or a distance is too long.
    pub fn write(&self, structure: &Structure, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let held = self.structure.as_ref().unwrap_or(structure);
        let frame = &self.frame;
        if let Some(distance) = frame
            .references
            .iter()
            .find(|distance| !(1..=MAX_DISTANCE).contains(*distance))
        {
            return Err(WriteError::Range {
                field: "reference distance",
                value: u32::from(*distance),
                most: u32::from(MAX_DISTANCE),
            });
        }
        let (index, template) = held
            .templates
            .iter()
            .enumerate()
            .filter(|(_, one)| (one.spatial, one.temporal) == (frame.spatial, frame.temporal))
            .min_by_key(|(_, template)| cost(frame, template))
            .ok_or(WriteError::NoTemplate {
                spatial: frame.spatial,
                temporal: frame.temporal,
            })?;
        let mut bits = BitWriter::new(out);
        bits.flag(self.mandatory.start_of_frame);
        bits.flag(self.mandatory.end_of_frame);
        bits.bits((u32::from(held.template_offset) + index as u32) % 64, 6);
        bits.bits(u32::from(self.mandatory.frame_number), 16);
        let own_indications = template.indications != frame.indications;
        let own_references = template.references != frame.references;
        let own_chains = template.chains != frame.chains;
        // A new structure alone means that all its targets are active.
        let active = self
            .active_targets
            .filter(|active| self.structure.is_none() || *active != held.all_targets());
        if !(own_indications || own_references || own_chains)
            && self.structure.is_none()
            && active.is_none()
        {
            return Ok(());
        }
        bits.flag(self.structure.is_some());
        bits.flag(active.is_some());
        bits.flag(own_indications);
        bits.flag(own_references);
        bits.flag(own_chains);
        if let Some(structure) = &self.structure {
            write_structure(structure, &mut bits)?;
        }
        if let Some(active) = active {
            bits.bits(active, u32::from(held.targets));
        }
        if own_indications {
            for indication in &frame.indications {
                bits.bits(indication.bits(), 2);
            }
        }
        if own_references {
            for distance in &frame.references {
                let size = reference_size(*distance);
                bits.bits(size, 2);
                bits.bits(u32::from(distance - 1), 4 * size);
            }
            bits.bits(0, 2);
        }
        if own_chains {
            for distance in &frame.chains {
                bits.bits(u32::from(*distance), 8);
            }
        }
        Ok(())
    }
}

/// Bits that a frame takes beyond a template.
fn cost(frame: &Dependencies, template: &Dependencies) -> usize {
    let mut bits = 0;
    if frame.indications != template.indications {
        bits += 2 * frame.indications.len();
    }
    if frame.references != template.references {
        let one = |distance: &u16| 2 + 4 * reference_size(*distance) as usize;
        bits += 2 + frame.references.iter().map(one).sum::<usize>();
    }
    if frame.chains != template.chains {
        bits += 8 * frame.chains.len();
    }
    bits
}

/// In units of four bits.
fn reference_size(distance: u16) -> u32 {
    match distance - 1 {
        0..=0xf => 1,
        0x10..=0xff => 2,
        _ => 3,
    }
}

fn write_structure(structure: &Structure, bits: &mut BitWriter<'_>) -> Result<(), WriteError> {
    let range = |field, value: usize, most: u32| match u32::try_from(value) {
        Ok(value) if (1..=most).contains(&value) => Ok(value),
        _ => Err(WriteError::Range {
            field,
            value: u32::try_from(value).unwrap_or(u32::MAX),
            most,
        }),
    };
    let targets = range("decode targets", usize::from(structure.targets), 32)?;
    range("templates", structure.templates.len(), 64)?;
    bits.bits(u32::from(structure.template_offset), 6);
    bits.bits(targets - 1, 5);
    for pair in structure.templates.windows(2) {
        let (now, next) = (&pair[0], &pair[1]);
        bits.bits(
            match (next.spatial - now.spatial, next.temporal) {
                (0, temporal) if temporal == now.temporal => 0,
                (0, _) => 1,
                _ => 2,
            },
            2,
        );
    }
    bits.bits(3, 2);
    for template in &structure.templates {
        for indication in &template.indications {
            bits.bits(indication.bits(), 2);
        }
    }
    for template in &structure.templates {
        for distance in &template.references {
            bits.flag(true);
            bits.bits(
                range("template's reference distance", usize::from(*distance), 16)? - 1,
                4,
            );
        }
        bits.flag(false);
    }
    let chains = u32::from(structure.chains);
    bits.non_symmetric(chains, targets + 1);
    if chains > 0 {
        for chain in &structure.protected_by {
            bits.non_symmetric(u32::from(*chain), chains);
        }
        for template in &structure.templates {
            for distance in &template.chains {
                bits.bits(u32::from(*distance).min(15), 4);
            }
        }
    }
    bits.flag(!structure.sizes.is_empty());
    for (width, height) in &structure.sizes {
        bits.bits(range("width", *width as usize, 1 << 16)? - 1, 16);
        bits.bits(range("height", *height as usize, 1 << 16)? - 1, 16);
    }
    Ok(())
}
