//! From any pixel format to any other.

use super::format::{Kind, Packed, Picture, PictureMut, Planar};
use super::planes::{Change, Deinterleave, Interleave, Narrow, Resample, Widen};
use super::rows::{Alpha, FromPacked, FromPairs, Reorder, ToPacked};
use super::{VideoError, sys};

/// Writes the picture `source` into `target`, with `flip_y` upside down.
///
/// Chroma that gets fewer samples is averaged, chroma that gets more is repeated. Alpha is kept where both formats
/// have it, and opaque where only the target has.
///
/// # Errors
///
/// [`VideoError::SizesDiffer`].
pub fn convert(
    source: &Picture<'_>,
    target: &mut PictureMut<'_>,
    flip_y: bool,
) -> Result<(), VideoError> {
    if (source.width, source.height) != (target.width, target.height) {
        return Err(VideoError::SizesDiffer {
            source_width: source.width,
            source_height: source.height,
            target_width: target.width,
            target_height: target.height,
        });
    }
    let from = Rows { source, flip_y };
    if source.format == target.format {
        copy(from, target);
        return Ok(());
    }
    match (source.format.kind(), target.format.kind()) {
        (Kind::Packed(order), Kind::Packed(into_order)) => {
            for row in 0..source.height as usize {
                sys::run(Reorder {
                    from: from.get(0, row),
                    order,
                    into: target.row(0, row),
                    into_order,
                });
            }
        }
        (Kind::Planar(planar), Kind::Packed(order)) => to_packed(from, planar, order, target),
        (Kind::Packed(order), Kind::Planar(planar)) => from_packed(from, order, planar, target),
        (Kind::Planar(planar), Kind::Planar(into)) => between_planar(from, planar, into, target),
    }
    Ok(())
}

/// The rows of a picture in the order in which they are written.
#[derive(Clone, Copy)]
struct Rows<'a, 'b> {
    source: &'b Picture<'a>,
    flip_y: bool,
}

impl<'a> Rows<'a, '_> {
    /// Which row of a plane comes as number `row`.
    fn turned(&self, plane: usize, row: usize) -> usize {
        let Picture {
            format,
            width,
            height,
            ..
        } = *self.source;
        let (_, rows) = format.plane_size(plane, width, height);
        if self.flip_y { rows - 1 - row } else { row }
    }

    fn get(&self, plane: usize, row: usize) -> &'a [u8] {
        self.source.row(plane, self.turned(plane, row))
    }

    /// Luma of a planar picture, eight bits.
    fn luma<'c>(&self, planar: Planar, row: usize, buffer: &'c mut Vec<u8>) -> &'c [u8]
    where
        'a: 'c,
    {
        eight_bits(planar, self.get(0, row), buffer)
    }

    /// U and V of a planar picture, eight bits.
    fn chroma<'c>(&self, planar: Planar, row: usize, [u, v]: &'c mut [Vec<u8>; 2]) -> [&'c [u8]; 2]
    where
        'a: 'c,
    {
        if planar.interleaved {
            let from = self.get(1, row);
            for buffer in [&mut *u, &mut *v] {
                buffer.resize(from.len() / 2, 0);
            }
            sys::run(Deinterleave { from, into: [u, v] });
            [u, v]
        } else {
            [
                eight_bits(planar, self.get(1, row), u),
                eight_bits(planar, self.get(2, row), v),
            ]
        }
    }
}

fn eight_bits<'a>(planar: Planar, row: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if !planar.ten_bits {
        return row;
    }
    buffer.resize(row.len() / 2, 0);
    sys::run(Narrow {
        from: row,
        into: buffer,
    });
    buffer
}

fn copy(from: Rows<'_, '_>, target: &mut PictureMut<'_>) {
    for plane in 0..target.format.planes() {
        let (_, rows) = target.format.plane_size(plane, target.width, target.height);
        for row in 0..rows {
            target.row(plane, row).copy_from_slice(from.get(plane, row));
        }
    }
}

fn to_packed(from: Rows<'_, '_>, planar: Planar, order: Packed, target: &mut PictureMut<'_>) {
    let (mut luma, mut chroma) = (Vec::new(), [Vec::new(), Vec::new()]);
    for row in 0..target.height as usize {
        // The chroma row of a flipped picture of odd height does not follow from the target's row.
        let at = from.turned(0, row);
        let straight = Rows {
            flip_y: false,
            ..from
        };
        let [u, v] = straight.chroma(planar, at >> u32::from(planar.half_y), &mut chroma);
        ToPacked {
            y: straight.luma(planar, at, &mut luma),
            u,
            v,
            alpha: planar.alpha.then(|| straight.get(3, at)),
            half_x: planar.half_x,
            into: target.row(0, row),
            order,
        }
        .convert();
    }
}

fn from_packed(from: Rows<'_, '_>, order: Packed, planar: Planar, target: &mut PictureMut<'_>) {
    let height = target.height as usize;
    let step = if planar.half_y { 2 } else { 1 };
    let width = target.width as usize;
    let chroma_width = if planar.half_x {
        width.div_ceil(2)
    } else {
        width
    };
    // Where samples are kept otherwise than they are made, they are made here first.
    let detour = planar.ten_bits || planar.interleaved;
    let length = |needed| if detour { needed } else { 0 };
    let mut luma = [(); 2].map(|()| vec![0; length(width)]);
    let mut chroma = [(); 2].map(|()| vec![0; length(chroma_width)]);
    for (chroma_row, row) in (0..height).step_by(step).enumerate() {
        let two = step == 2 && row + 1 < height;
        let rows = [from.get(0, row), from.get(0, row + usize::from(two))];
        if detour {
            let ([first, second], [u, v]) = (&mut luma, &mut chroma);
            let second = if two { &mut second[..] } else { &mut [] };
            luma_and_chroma(rows, order, planar, [first, second], [u, v]);
            for (at, luma) in luma.iter().enumerate().take(1 + usize::from(two)) {
                write(target.row(0, row + at), luma, !planar.ten_bits);
            }
            write_chroma(target, planar, chroma_row, [&chroma[0], &chroma[1]]);
        } else {
            let [y, u, v, _] = &mut target.planes;
            let (first, second) =
                y.data[row * y.stride..].split_at_mut(if two { y.stride } else { width });
            let second = if two { &mut second[..width] } else { &mut [] };
            let chroma =
                [u, v].map(|plane| &mut plane.data[chroma_row * plane.stride..][..chroma_width]);
            luma_and_chroma(rows, order, planar, [&mut first[..width], second], chroma);
        }
        if planar.alpha {
            for row in row..=row + usize::from(two) {
                let into = target.row(3, row);
                if order.bytes == 4 {
                    let from = from.get(0, row);
                    sys::run(Alpha { from, order, into });
                } else {
                    into.fill(u8::MAX);
                }
            }
        }
    }
}

/// One row of packed pixels, or two that share their chroma, to rows of eight bits.
fn luma_and_chroma(
    from: [&[u8]; 2],
    order: Packed,
    planar: Planar,
    y: [&mut [u8]; 2],
    [u, v]: [&mut [u8]; 2],
) {
    if planar.half_x {
        FromPairs {
            from,
            order,
            y,
            u,
            v,
        }
        .convert();
    } else {
        // Rows share their chroma only where pixels of a row do.
        let ([from, _], [y, _]) = (from, y);
        sys::run(FromPacked {
            from,
            order,
            y,
            u,
            v,
        });
    }
}

fn between_planar(from: Rows<'_, '_>, planar: Planar, into: Planar, target: &mut PictureMut<'_>) {
    let (mut luma, mut chroma) = (
        Vec::new(),
        [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]],
    );
    for row in 0..target.height as usize {
        let luma = from.luma(planar, row, &mut luma);
        write(target.row(0, row), luma, !into.ten_bits);
        if into.alpha {
            if planar.alpha {
                target.row(3, row).copy_from_slice(from.get(3, row));
            } else {
                target.row(3, row).fill(u8::MAX);
            }
        }
    }
    let change = match (planar.half_x, into.half_x) {
        (true, false) => Change::Double,
        (false, true) => Change::Halve,
        _ => Change::Keep,
    };
    let PictureMut {
        format,
        width,
        height,
        ..
    } = *target;
    let (_, source_rows) = from.source.format.plane_size(1, width, height);
    let (_, rows) = format.plane_size(1, width, height);
    let width = width as usize;
    let into_width = if into.half_x {
        width.div_ceil(2)
    } else {
        width
    };
    let mut changed = [vec![0; into_width], vec![0; into_width]];
    for row in 0..rows {
        let [upper, lower] = match (planar.half_y, into.half_y) {
            (true, false) => {
                // The row that this one shares in the source, which may lie upside down.
                let at = from.turned(0, row) / 2;
                [if from.flip_y {
                    source_rows - 1 - at
                } else {
                    at
                }; 2]
            }
            (false, true) => [row * 2, (row * 2 + 1).min(source_rows - 1)],
            _ => [row; 2],
        };
        let [first, second] = &mut chroma;
        let upper_rows = from.chroma(planar, upper, first);
        if upper == lower && change == Change::Keep {
            write_chroma(target, into, row, upper_rows);
            continue;
        }
        let lower_rows = if upper == lower {
            upper_rows
        } else {
            from.chroma(planar, lower, second)
        };
        for ((into, &upper), &lower) in changed.iter_mut().zip(&upper_rows).zip(&lower_rows) {
            sys::run(Resample {
                from: [upper, lower],
                into,
                change,
            });
        }
        write_chroma(target, into, row, [&changed[0], &changed[1]]);
    }
}

/// Writes a row of eight bits, as it is or with ten.
fn write(into: &mut [u8], from: &[u8], plain: bool) {
    if plain {
        into.copy_from_slice(from);
    } else {
        sys::run(Widen { from, into });
    }
}

fn write_chroma(target: &mut PictureMut<'_>, planar: Planar, row: usize, from: [&[u8]; 2]) {
    if planar.interleaved {
        let into = target.row(1, row);
        sys::run(Interleave { from, into });
    } else {
        for (plane, from) in [1, 2].into_iter().zip(from) {
            write(target.row(plane, row), from, !planar.ten_bits);
        }
    }
}
