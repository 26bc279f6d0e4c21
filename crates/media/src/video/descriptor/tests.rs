use super::*;
use lk_types::ScalabilityMode;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// Descriptors of a three-by-three-layer stream that Chrome sent, as captured on the wire.
const CHROME: [&str; 10] = [
    "c1017280081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082b04a0941b820ac1282503157f974000ca864330e222222eca8655304224230eca877530077004200ef008601df010d",
    "86017340fc",
    "46017340fc",
    "c3017540fc",
    "88017640fc",
    "48017640fc",
    "c2017840fc",
    "860173",
    "8b0174",
    "c30175",
];

#[test]
fn chromes_descriptors_are_read() {
    let key = Descriptor::parse(&bytes(CHROME[0]), None).unwrap();
    let structure = key.structure.clone().unwrap();
    assert_eq!((structure.targets, structure.chains), (9, 3));
    assert_eq!(structure.protected_by, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(structure.sizes, [(120, 67), (240, 135), (480, 270)]);
    assert_eq!(key.mandatory.frame_number, 0x172);
    assert_eq!(key.active_targets, Some(0x1ff));
    assert!(key.frame.references.is_empty());
    assert_eq!(key.frame.chains, [0, 0, 0]);
    assert_eq!(key.frame.indications, [Indication::Switch; 9]);
    let mut places = Vec::new();
    for hex in &CHROME[1..] {
        let read = Descriptor::parse(&bytes(hex), Some(&structure)).unwrap();
        places.push((read.frame.spatial, read.frame.temporal, read.active_targets));
        assert!(read.structure.is_none());
    }
    // Without the top layers' targets at first: only the lowest six bits are set.
    assert_eq!(places[0], (1, 0, Some(0b0_0011_1111)));
    assert_eq!(places[3].0, 1);
    assert_eq!(places[7].2, None);
}

#[test]
fn chromes_descriptors_are_written_as_chrome_does() {
    let key = Descriptor::parse(&bytes(CHROME[0]), None).unwrap();
    let structure = key.structure.clone().unwrap();
    for hex in CHROME {
        let wire = bytes(hex);
        let read = Descriptor::parse(&wire, Some(&structure)).unwrap();
        let mut written = Vec::new();
        read.write(&structure, &mut written).unwrap();
        // Chrome's active targets take up whole bytes like ours.
        assert_eq!(written, wire, "{hex}");
    }
}

fn modes() -> impl Iterator<Item = ScalabilityMode> {
    [
        "L1T1",
        "L1T2",
        "L1T3",
        "L2T1",
        "L2T2",
        "L2T3",
        "L3T1",
        "L3T2",
        "L3T3",
        "L2T1_KEY",
        "L2T2_KEY",
        "L2T2_KEY_SHIFT",
        "L2T3_KEY",
        "L3T1_KEY",
        "L3T2_KEY",
        "L3T3_KEY",
        "L3T3_KEY_SHIFT",
        "S2T1",
        "S2T3",
        "S3T1",
        "S3T3",
        "L2T1h",
        "L3T3h",
        "S3T3h",
    ]
    .into_iter()
    .map(|name| ScalabilityMode::parse(name).unwrap())
}

#[test]
fn every_modes_structure_is_legal_and_comes_back() {
    for mode in modes() {
        let structure = Structure {
            sizes: (0..mode.spatial_layers)
                .map(|layer| (320 << layer, 180 << layer))
                .collect(),
            ..layout::structure(mode, 60)
        };
        let key = Descriptor {
            mandatory: Mandatory {
                start_of_frame: true,
                end_of_frame: false,
                template: 60,
                frame_number: 0xfffe,
            },
            frame: structure.templates[0].clone(),
            active_targets: Some(structure.all_targets()),
            structure: Some(structure.clone()),
        };
        let mut wire = Vec::new();
        key.write(&Structure::default(), &mut wire).unwrap();
        assert_eq!(Descriptor::parse(&wire, None), Ok(key), "{mode}");
        assert!(wire.len() <= 200, "{mode}: {} bytes", wire.len());
        for template in &structure.templates {
            assert_eq!(template.indications.len(), usize::from(structure.targets));
            assert_eq!(template.chains.len(), usize::from(structure.chains));
        }
    }
}

#[test]
fn the_structure_of_three_temporal_layers_is_the_specifications() {
    use Indication::{Discardable as D, NotPresent as N, Switch as S};
    let structure = layout::structure(ScalabilityMode::parse("L1T3").unwrap(), 0);
    let template =
        |temporal, indications: [Indication; 3], references: &[u16], chain| Dependencies {
            spatial: 0,
            temporal,
            indications: indications.to_vec(),
            references: references.to_vec(),
            chains: vec![chain],
        };
    assert_eq!(
        structure.templates,
        [
            template(0, [S, S, S], &[], 0),
            template(0, [S, S, S], &[4], 4),
            template(1, [N, D, S], &[2], 2),
            template(2, [N, N, D], &[1], 1),
            template(2, [N, N, D], &[1], 3),
        ]
    );
    assert_eq!(structure.protected_by, [0, 0, 0]);
}

#[test]
fn an_upper_spatial_layer_needs_the_lower_one_as_its_mode_says() {
    let frame = |mode: &str, spatial: u8, key: bool| {
        let mut tracker = Tracker::new(ScalabilityMode::parse(mode).unwrap());
        let mut last = None;
        for picture in 0..2 {
            for layer in 0..=1 {
                let described = tracker.next(layer, 0, picture == 0, None, false);
                if (picture == 0) == key && layer == spatial {
                    last = Some(described.frame);
                }
            }
            tracker.end_picture(true);
        }
        let frame = last.unwrap();
        let letters: String = frame
            .indications
            .iter()
            .map(|one| ['-', 'D', 'S', 'R'][one.bits() as usize])
            .collect();
        (letters, frame.references, frame.chains)
    };
    let is = |letters: &str, references: &[u16], chains: &[u8]| {
        (letters.to_owned(), references.to_vec(), chains.to_vec())
    };
    assert_eq!(frame("L2T1", 0, true), is("SS", &[], &[0, 0]));
    assert_eq!(frame("L2T1", 1, true), is("-S", &[1], &[1, 1]));
    assert_eq!(frame("L2T1", 0, false), is("SR", &[2], &[2, 1]));
    assert_eq!(frame("L2T1", 1, false), is("-S", &[1, 2], &[1, 1]));
    assert_eq!(frame("L2T1_KEY", 0, false), is("S-", &[2], &[2, 1]));
    assert_eq!(frame("L2T1_KEY", 1, false), is("-S", &[2], &[1, 2]));
    assert_eq!(frame("S2T1", 0, true), is("S-", &[], &[0, 0]));
    assert_eq!(frame("S2T1", 1, true), is("-S", &[], &[1, 0]));
    assert_eq!(frame("S2T1", 1, false), is("-S", &[2], &[1, 2]));
}

#[test]
fn what_no_template_has_is_told_by_the_frame_itself() {
    let structure = layout::structure(ScalabilityMode::parse("L1T2").unwrap(), 7);
    for references in [
        vec![],
        vec![1],
        vec![16, 17],
        vec![256, 257],
        vec![4_096, 1, 33],
    ] {
        let descriptor = Descriptor {
            mandatory: Mandatory {
                start_of_frame: false,
                end_of_frame: true,
                template: 0,
                frame_number: 9,
            },
            frame: Dependencies {
                spatial: 0,
                temporal: 1,
                indications: vec![Indication::Required, Indication::NotPresent],
                references,
                chains: vec![200],
            },
            active_targets: Some(0b01),
            structure: None,
        };
        let mut wire = Vec::new();
        descriptor.write(&structure, &mut wire).unwrap();
        let read = Descriptor::parse(&wire, Some(&structure)).unwrap();
        assert_eq!(read.frame, descriptor.frame);
        assert_eq!(read.active_targets, descriptor.active_targets);
        assert!(!read.mandatory.start_of_frame && read.mandatory.end_of_frame);
    }
}

#[test]
fn what_the_format_cannot_hold_is_an_error() {
    let structure = layout::structure(ScalabilityMode::L1T1, 0);
    let mut descriptor = Descriptor {
        mandatory: Mandatory {
            start_of_frame: true,
            end_of_frame: true,
            template: 0,
            frame_number: 0,
        },
        frame: structure.templates[1].clone(),
        active_targets: None,
        structure: None,
    };
    let mut out = Vec::new();
    assert_eq!(descriptor.write(&structure, &mut out), Ok(()));
    assert_eq!(out.len(), 3);
    descriptor.frame.references = vec![4_097];
    assert!(descriptor.write(&structure, &mut out).is_err());
    descriptor.frame.spatial = 1;
    descriptor.frame.references.clear();
    assert_eq!(
        descriptor.write(&structure, &mut out),
        Err(WriteError::NoTemplate {
            spatial: 1,
            temporal: 0
        })
    );
}

#[test]
fn cut_descriptors_and_those_without_a_structure_are_errors() {
    let whole = bytes(CHROME[0]);
    for length in 0..whole.len() - 1 {
        assert!(
            Descriptor::parse(&whole[..length], None).is_err(),
            "{length}"
        );
    }
    assert_eq!(
        Descriptor::parse(&bytes(CHROME[7]), None),
        Err(crate::video::PayloadError::UnknownTemplate {
            frame: 0x173,
            template: 6
        })
    );
    // Layers without end.
    let endless = [
        0xc0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert!(Descriptor::parse(&endless, None).is_err());
}
