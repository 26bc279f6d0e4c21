//! A picture to draw on: I420, BT.601 in limited range.

use thiserror::Error;

use crate::font;

/// Planes that do not hold the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "{plane} plane: {len} bytes with a stride of {stride}, a picture of {width}x{height} needs more"
)]
pub struct CanvasError {
    /// `Y`, `U` or `V`.
    pub plane: char,
    /// Bytes that are there.
    pub len: usize,
    /// Bytes from row to row.
    pub stride: usize,
    /// Of the picture, pixels.
    pub width: usize,
    /// Of the picture, pixels.
    pub height: usize,
}

/// A colour: Y, U and V.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

pub(crate) const BLACK: Colour = Colour(16, 128, 128);
pub(crate) const WHITE: Colour = Colour(235, 128, 128);

/// The three planes of a picture; chroma has half the size, rounded up.
#[derive(Debug)]
pub struct Canvas<'a> {
    width: usize,
    height: usize,
    y: &'a mut [u8],
    u: &'a mut [u8],
    v: &'a mut [u8],
    strides: [usize; 3],
}

impl<'a> Canvas<'a> {
    /// A canvas on planes of a picture of `width` by `height`; `strides` are bytes from row to row.
    ///
    /// # Errors
    /// Where a plane is too small or a stride is shorter than a row.
    pub fn new(
        width: u32,
        height: u32,
        [y, u, v]: [&'a mut [u8]; 3],
        strides: [usize; 3],
    ) -> Result<Self, CanvasError> {
        let (width, height) = (width as usize, height as usize);
        let half = (width.div_ceil(2), height.div_ceil(2));
        let planes = [
            ('Y', y.len(), strides[0], (width, height)),
            ('U', u.len(), strides[1], half),
            ('V', v.len(), strides[2], half),
        ];
        for (plane, len, stride, (columns, rows)) in planes {
            let needed = stride
                .checked_mul(rows.saturating_sub(1))
                .and_then(|bytes| bytes.checked_add(columns));
            if stride < columns || needed.is_none_or(|needed| len < needed) {
                return Err(CanvasError {
                    plane,
                    len,
                    stride,
                    width,
                    height,
                });
            }
        }
        Ok(Self {
            width,
            height,
            y,
            u,
            v,
            strides,
        })
    }

    /// Pixels from left to right.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row `row` of the luma plane.
    pub(crate) fn luma_row(&mut self, row: usize) -> &mut [u8] {
        let start = row * self.strides[0];
        &mut self.y[start..start + self.width]
    }

    /// Row `row` of both chroma planes.
    pub(crate) fn chroma_rows(&mut self, row: usize) -> (&mut [u8], &mut [u8]) {
        let columns = self.width.div_ceil(2);
        let (u, v) = (row * self.strides[1], row * self.strides[2]);
        (&mut self.u[u..u + columns], &mut self.v[v..v + columns])
    }

    /// Everything in one colour.
    pub(crate) fn fill(&mut self, colour: Colour) {
        self.fill_rect(0, 0, self.width, self.height, colour);
    }

    /// A rectangle, cut at the picture's edges; chroma covers the 2x2 blocks that it touches.
    pub(crate) fn fill_rect(
        &mut self,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
        colour: Colour,
    ) {
        let right = left.saturating_add(width).min(self.width);
        let bottom = top.saturating_add(height).min(self.height);
        if left >= right || top >= bottom {
            return;
        }
        for row in top..bottom {
            self.luma_row(row)[left..right].fill(colour.0);
        }
        for row in top / 2..bottom.div_ceil(2) {
            let (u, v) = self.chroma_rows(row);
            u[left / 2..right.div_ceil(2)].fill(colour.1);
            v[left / 2..right.div_ceil(2)].fill(colour.2);
        }
    }

    /// A line of text whose pixels are squares of `scale` pixels; characters that the font lacks are blank.
    pub(crate) fn text(
        &mut self,
        left: usize,
        top: usize,
        scale: usize,
        text: &str,
        colour: Colour,
    ) {
        for (position, character) in text.chars().enumerate() {
            let x = left + position * font::ADVANCE * scale;
            for (row, bits) in font::glyph(character).into_iter().enumerate() {
                for column in
                    (0..font::WIDTH).filter(|column| bits >> (font::WIDTH - 1 - column) & 1 == 1)
                {
                    self.fill_rect(x + column * scale, top + row * scale, scale, scale, colour);
                }
            }
        }
    }
}

/// Size of a text of so many characters, pixels.
pub(crate) fn text_size(characters: usize, scale: usize) -> (usize, usize) {
    (
        (characters * font::ADVANCE).saturating_sub(1) * scale,
        font::HEIGHT * scale,
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A picture that owns its planes.
    pub(crate) struct Picture {
        pub(crate) width: u32,
        pub(crate) height: u32,
        pub(crate) y: Vec<u8>,
        pub(crate) u: Vec<u8>,
        pub(crate) v: Vec<u8>,
    }

    impl Picture {
        pub(crate) fn new(width: u32, height: u32) -> Self {
            let luma = (width * height) as usize;
            let chroma = (width.div_ceil(2) * height.div_ceil(2)) as usize;
            Self {
                width,
                height,
                y: vec![0; luma],
                u: vec![0; chroma],
                v: vec![0; chroma],
            }
        }

        pub(crate) fn canvas(&mut self) -> Canvas<'_> {
            let half = self.width.div_ceil(2) as usize;
            let strides = [self.width as usize, half, half];
            Canvas::new(
                self.width,
                self.height,
                [&mut self.y, &mut self.u, &mut self.v],
                strides,
            )
            .expect("planes of its size")
        }
    }

    #[test]
    fn planes_that_are_too_small_are_refused_by_name() {
        let (mut y, mut u, mut v) = ([0; 16], [0; 4], [0; 3]);
        let error =
            Canvas::new(4, 4, [&mut y, &mut u, &mut v], [4, 2, 2]).expect_err("V lacks a byte");
        assert_eq!((error.plane, error.len), ('V', 3));
        assert!(error.to_string().contains("4x4"), "{error}");
        let error =
            Canvas::new(4, 4, [&mut y, &mut u, &mut v], [3, 2, 2]).expect_err("rows overlap");
        assert_eq!(error.plane, 'Y');
    }

    #[test]
    fn rectangles_are_cut_at_the_edges() {
        let mut picture = Picture::new(5, 3);
        picture.canvas().fill_rect(3, 1, 100, usize::MAX, WHITE);
        assert_eq!(
            picture.y,
            [0, 0, 0, 0, 0, 0, 0, 0, 235, 235, 0, 0, 0, 235, 235]
        );
        assert_eq!(picture.u, [0, 128, 128, 0, 128, 128]);
    }
}
