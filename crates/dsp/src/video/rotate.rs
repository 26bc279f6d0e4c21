//! Pictures turned by quarters.

use lk_types::{I420Picture, I420View, Rotation};

/// Turns `source` clockwise into `target`, which keeps its memory where that suffices. A view that is not
/// [consistent](I420View::is_consistent) leaves the target as it was.
pub fn rotate_i420(source: &I420View<'_>, rotation: Rotation, target: &mut I420Picture) {
    if !source.is_consistent() {
        return;
    }
    let swapped = matches!(rotation, Rotation::Quarter | Rotation::ThreeQuarters);
    let (width, height) = if swapped {
        (source.height, source.width)
    } else {
        (source.width, source.height)
    };
    let (luma, chroma) = (width as usize, (width as usize).div_ceil(2));
    (target.width, target.height) = (width, height);
    (target.stride_y, target.stride_u, target.stride_v) = (luma, chroma, chroma);
    let full = (source.width as usize, source.height as usize);
    let half = (full.0.div_ceil(2), full.1.div_ceil(2));
    let [y, u, v] = source.planes();
    plane(y, full, rotation, &mut target.y);
    plane(u, half, rotation, &mut target.u);
    plane(v, half, rotation, &mut target.v);
}

fn plane(
    (data, stride): (&[u8], usize),
    (width, height): (usize, usize),
    rotation: Rotation,
    target: &mut Vec<u8>,
) {
    target.clear();
    target.reserve(width * height);
    let row = |at: usize| &data[at * stride..at * stride + width];
    match rotation {
        Rotation::None => (0..height).for_each(|at| target.extend_from_slice(row(at))),
        Rotation::Half => (0..height)
            .rev()
            .for_each(|at| target.extend(row(at).iter().rev())),
        Rotation::Quarter => {
            for column in 0..width {
                target.extend((0..height).rev().map(|at| data[at * stride + column]));
            }
        }
        Rotation::ThreeQuarters => {
            for column in (0..width).rev() {
                target.extend((0..height).map(|at| data[at * stride + column]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> I420Picture {
        let mut picture = I420Picture::black(3, 2);
        picture.y = vec![1, 2, 3, 4, 5, 6];
        picture.u = vec![7, 8];
        picture
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        let mut turned = I420Picture::default();
        rotate_i420(&picture().view(), Rotation::Quarter, &mut turned);
        assert_eq!((turned.width, turned.height), (2, 3));
        assert_eq!(turned.y, [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned.u, [7, 8]);
        assert!(turned.view().is_consistent());
    }

    #[test]
    fn four_quarters_and_opposites_are_the_picture_itself() {
        let original = picture();
        for turns in [
            &[Rotation::Quarter; 4][..],
            &[Rotation::Half, Rotation::Half],
            &[Rotation::ThreeQuarters, Rotation::Quarter],
            &[Rotation::None],
        ] {
            let mut now = original.clone();
            for turn in turns {
                let mut next = I420Picture::default();
                rotate_i420(&now.view(), *turn, &mut next);
                now = next;
            }
            assert_eq!(now.y, original.y, "{turns:?}");
            assert_eq!((now.u, now.v), (original.u.clone(), original.v.clone()));
        }
    }
}
