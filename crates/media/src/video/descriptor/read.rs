//! Reading descriptors (appendix A.8).

use super::{
    Dependencies, Descriptor, Indication, MAX_REFERENCES, MAX_SPATIAL, MAX_TEMPLATES, MAX_TEMPORAL,
    Mandatory, Structure,
};
use crate::video::bits::BitReader;
use crate::video::error::PayloadError;

const WHAT: &str = "dependency descriptor";

impl Mandatory {
    /// Reads the part that needs no structure.
    ///
    /// # Errors
    /// Where there are less than three bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let &[first, high, low, ..] = bytes else {
            return Err(PayloadError::Truncated {
                what: WHAT,
                len: bytes.len(),
            });
        };
        Ok(Self {
            start_of_frame: first & 0x80 != 0,
            end_of_frame: first & 0x40 != 0,
            template: first & 0x3f,
            frame_number: u16::from_be_bytes([high, low]),
        })
    }
}

impl Descriptor {
    /// Reads a descriptor. `structure` is the one that holds, from an earlier key frame; one that the descriptor brings
    /// along goes before it.
    ///
    /// # Errors
    /// Where the bytes do not follow the format, or the template is none of the structure's.
    pub fn parse(bytes: &[u8], structure: Option<&Structure>) -> Result<Self, PayloadError> {
        let mandatory = Mandatory::parse(bytes)?;
        let mut bits = BitReader::new(&bytes[3..], WHAT);
        let mut attached = None;
        let mut active_targets = None;
        let mut custom = [false; 3];
        if bytes.len() > 3 {
            let has_structure = bits.flag()?;
            let has_active = bits.flag()?;
            for flag in &mut custom {
                *flag = bits.flag()?;
            }
            if has_structure {
                let read = read_structure(&mut bits)?;
                active_targets = Some(read.all_targets());
                attached = Some(read);
            }
            if has_active {
                let targets = attached
                    .as_ref()
                    .or(structure)
                    .ok_or_else(|| unknown(mandatory))?
                    .targets;
                active_targets = Some(bits.bits(u32::from(targets))?);
            }
        }
        let held = attached
            .as_ref()
            .or(structure)
            .ok_or_else(|| unknown(mandatory))?;
        let index = (mandatory.template + 64 - held.template_offset) % 64;
        let mut frame = held
            .templates
            .get(usize::from(index))
            .cloned()
            .ok_or_else(|| unknown(mandatory))?;
        let [own_indications, own_references, own_chains] = custom;
        if own_indications {
            for indication in &mut frame.indications {
                *indication = Indication::from_bits(bits.bits(2)?);
            }
        }
        if own_references {
            frame.references.clear();
            loop {
                let size = bits.bits(2)?;
                if size == 0 {
                    break;
                }
                push_reference(&mut frame, bits.bits(4 * size)? + 1)?;
            }
        }
        if own_chains {
            for chain in &mut frame.chains {
                *chain = bits.bits(8)? as u8;
            }
        }
        Ok(Self {
            mandatory,
            frame,
            active_targets,
            structure: attached,
        })
    }
}

fn unknown(mandatory: Mandatory) -> PayloadError {
    PayloadError::UnknownTemplate {
        frame: mandatory.frame_number,
        template: mandatory.template,
    }
}

fn push_reference(frame: &mut Dependencies, distance: u32) -> Result<(), PayloadError> {
    if frame.references.len() == MAX_REFERENCES {
        return Err(PayloadError::Field {
            field: "references of a dependency descriptor",
            value: MAX_REFERENCES as u64 + 1,
            reason: "is more than any frame has",
        });
    }
    // At most 2^12.
    frame.references.push(distance as u16);
    Ok(())
}

fn read_structure(bits: &mut BitReader<'_>) -> Result<Structure, PayloadError> {
    let template_offset = bits.bits(6)? as u8;
    let targets = bits.bits(5)? as u8 + 1;
    let mut templates = read_layers(bits)?;
    for template in &mut templates {
        for _ in 0..targets {
            template
                .indications
                .push(Indication::from_bits(bits.bits(2)?));
        }
    }
    for template in &mut templates {
        while bits.flag()? {
            let distance = bits.bits(4)? + 1;
            push_reference(template, distance)?;
        }
    }
    let chains = bits.non_symmetric(u32::from(targets) + 1)? as u8;
    let mut protected_by = Vec::new();
    if chains > 0 {
        for _ in 0..targets {
            protected_by.push(bits.non_symmetric(u32::from(chains))? as u8);
        }
        for template in &mut templates {
            for _ in 0..chains {
                template.chains.push(bits.bits(4)? as u8);
            }
        }
    }
    let mut sizes = Vec::new();
    if bits.flag()? {
        let highest = templates.iter().map(|template| template.spatial).max();
        for _ in 0..=highest.unwrap_or(0) {
            let width = bits.bits(16)? + 1;
            sizes.push((width, bits.bits(16)? + 1));
        }
    }
    Ok(Structure {
        template_offset,
        targets,
        protected_by,
        chains,
        templates,
        sizes,
    })
}

fn read_layers(bits: &mut BitReader<'_>) -> Result<Vec<Dependencies>, PayloadError> {
    let mut templates = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if templates.len() == MAX_TEMPLATES || spatial >= MAX_SPATIAL || temporal >= MAX_TEMPORAL {
            return Err(PayloadError::Field {
                field: "templates of a dependency descriptor",
                value: templates.len() as u64,
                reason: "is followed by a template or layer too many",
            });
        }
        templates.push(Dependencies {
            spatial,
            temporal,
            ..Dependencies::default()
        });
        match bits.bits(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Ok(templates),
        }
    }
}
