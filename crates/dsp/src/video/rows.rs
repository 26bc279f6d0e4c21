//! The loops between packed pixels and planes, one row (or two) at a time, over plain byte rows.
//!
//! A row is worked on in blocks that stay in the first-level cache, in steps that each do one simple thing, so
//! that the compiler makes vector code of every step.

use super::format::Packed;
use super::sys::Kernel;

/// What red, green and blue add to luma, in 256ths: 219/255 of 0.299, 0.587 and 0.114.
pub(super) const LUMA: [u16; 3] = [66, 129, 25];
/// 224/255 of what they add to U, in 256ths; negative ones modulo 65536.
pub(super) const CHROMA_U: [u16; 3] = [38_u16.wrapping_neg(), 74_u16.wrapping_neg(), 112];
/// As [`CHROMA_U`].
pub(super) const CHROMA_V: [u16; 3] = [112, 94_u16.wrapping_neg(), 18_u16.wrapping_neg()];
/// Black's luma, 16, in 256ths, and half a step for rounding.
const BLACK_LUMA: u16 = 0x1080;
/// The middle of the chroma scale, 128, in 256ths, and half a step.
const NO_CHROMA: u16 = 0x8080;

/// Pixels of a block; even, so that pairs stay together.
const BLOCK: usize = 512;

/// One component of a block; one more than a block, for the neighbour that the last pixel of an odd row lacks.
type Part = [u8; BLOCK + 2];

/// A part with nothing in it yet.
const EMPTY: Part = [0; BLOCK + 2];

/// Luma and chroma to packed pixels.
pub(super) struct ToPacked<'a> {
    pub(super) y: &'a [u8],
    /// Of `y`'s length, or half of it.
    pub(super) u: &'a [u8],
    pub(super) v: &'a [u8],
    /// Opaque without.
    pub(super) alpha: Option<&'a [u8]>,
    pub(super) half_x: bool,
    pub(super) into: &'a mut [u8],
    pub(super) order: Packed,
}

impl ToPacked<'_> {
    /// Converts the row with the best that the processor has.
    pub(super) fn convert(mut self) {
        if self.half_x && self.order.bytes == 3 {
            self.by_words();
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if self.half_x && self.order.bytes == 4 {
            let done = super::avx2::to_words(&mut self);
            self = self.after(done);
            if self.y.is_empty() {
                return;
            }
        }
        super::sys::run(self);
    }

    /// Pixels of three bytes by way of four, for which there are vectors by hand: a library that is built for size has
    /// no others.
    fn by_words(self) {
        let order = Packed {
            bytes: 4,
            ..self.order
        };
        let mut words = [0; BLOCK * 4];
        for (block, into) in self.into.chunks_mut(BLOCK * 3).enumerate() {
            let (start, length) = (block * BLOCK, into.len() / 3);
            let half = length.div_ceil(2);
            let words = &mut words[..length * 4];
            ToPacked {
                y: &self.y[start..][..length],
                u: &self.u[start / 2..][..half],
                v: &self.v[start / 2..][..half],
                alpha: None,
                half_x: true,
                into: words,
                order,
            }
            .convert();
            let words = words.as_chunks::<4>().0.iter();
            for ([a, b, c, _], into) in words.zip(into.as_chunks_mut::<3>().0) {
                *into = [*a, *b, *c];
            }
        }
    }

    /// What follows that many pixels, an even number.
    #[cfg(target_arch = "x86_64")]
    fn after(self, pixels: usize) -> Self {
        let chroma = if self.half_x { pixels / 2 } else { pixels };
        Self {
            y: &self.y[pixels..],
            u: &self.u[chroma..],
            v: &self.v[chroma..],
            alpha: self.alpha.map(|alpha| &alpha[pixels..]),
            into: &mut self.into[pixels * self.order.bytes..],
            ..self
        }
    }
}

impl Kernel for ToPacked<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (mut red, mut green, mut blue) = (EMPTY, EMPTY, EMPTY);
        let opaque = [u8::MAX; BLOCK];
        let bytes = self.order.bytes;
        for (block, into) in self.into.chunks_mut(BLOCK * bytes).enumerate() {
            let (start, length) = (block * BLOCK, into.len() / bytes);
            let y = &self.y[start..][..length];
            if self.half_x {
                let half = length.div_ceil(2);
                let (u, v) = (&self.u[start / 2..][..half], &self.v[start / 2..][..half]);
                colours_of_pairs(y, u, v, [&mut red, &mut green, &mut blue]);
            } else {
                let (u, v) = (&self.u[start..][..length], &self.v[start..][..length]);
                colours(y, u, v, [&mut red, &mut green, &mut blue]);
            }
            let (red, green, blue) = (&red[..length], &green[..length], &blue[..length]);
            let alpha = match self.alpha {
                Some(alpha) => &alpha[start..][..length],
                None => &opaque[..length],
            };
            join(self.order, [red, green, blue, alpha], into);
        }
    }
}

/// Packed pixels of one row to luma and chroma of each.
pub(super) struct FromPacked<'a> {
    pub(super) from: &'a [u8],
    pub(super) order: Packed,
    pub(super) y: &'a mut [u8],
    pub(super) u: &'a mut [u8],
    pub(super) v: &'a mut [u8],
}

impl Kernel for FromPacked<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut parts = [EMPTY; 3];
        let bytes = self.order.bytes;
        for (block, from) in self.from.chunks(BLOCK * bytes).enumerate() {
            let (start, length) = (block * BLOCK, from.len() / bytes);
            split(self.order, from, &mut parts);
            luma(&parts, &mut self.y[start..][..length]);
            chroma(
                &parts,
                &mut self.u[start..][..length],
                &mut self.v[start..][..length],
            );
        }
    }
}

/// Packed pixels of one row, or two, to luma of each and chroma for each two, which is what most pictures are.
pub(super) struct FromPairs<'a> {
    /// Two different rows only where chroma is halved vertically.
    pub(super) from: [&'a [u8]; 2],
    pub(super) order: Packed,
    /// As many rows as there are pixels for; the second may be empty.
    pub(super) y: [&'a mut [u8]; 2],
    pub(super) u: &'a mut [u8],
    pub(super) v: &'a mut [u8],
}

impl FromPairs<'_> {
    /// Converts the rows with the best that the processor has.
    pub(super) fn convert(self) {
        if self.order.bytes == 3 {
            self.by_words();
            return;
        }
        #[cfg(target_arch = "x86_64")]
        {
            let mut rows = self;
            let done = super::avx2::from_words(&mut rows);
            rows = rows.after(done);
            if !rows.u.is_empty() {
                super::sys::run(rows);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        super::sys::run(self);
    }

    /// As [`ToPacked::by_words`].
    fn by_words(self) {
        let order = Packed {
            bytes: 4,
            ..self.order
        };
        let [upper, lower] = self.from;
        let [first, second] = self.y;
        let mut words = [[0; BLOCK * 4]; 2];
        let rows = upper.chunks(BLOCK * 3).zip(lower.chunks(BLOCK * 3));
        let (u, v) = (self.u.chunks_mut(BLOCK / 2), self.v.chunks_mut(BLOCK / 2));
        let mut second = second.chunks_mut(BLOCK);
        for (((upper, lower), first), (u, v)) in rows.zip(first.chunks_mut(BLOCK)).zip(u.zip(v)) {
            for (row, words) in [upper, lower].into_iter().zip(&mut words) {
                let words = words.as_chunks_mut::<4>().0.iter_mut();
                for ([a, b, c], word) in row.as_chunks::<3>().0.iter().zip(words) {
                    *word = [*a, *b, *c, 0];
                }
            }
            let length = upper.len() / 3 * 4;
            FromPairs {
                from: [&words[0][..length], &words[1][..length]],
                order,
                y: [first, second.next().unwrap_or_default()],
                u,
                v,
            }
            .convert();
        }
    }

    /// What follows that many pixels, an even number.
    #[cfg(target_arch = "x86_64")]
    fn after(self, pixels: usize) -> Self {
        Self {
            from: self.from.map(|row| &row[pixels * 4..]),
            y: self.y.map(|row| {
                let after = pixels.min(row.len());
                &mut row[after..]
            }),
            u: &mut self.u[pixels / 2..],
            v: &mut self.v[pixels / 2..],
            order: self.order,
        }
    }
}

impl Kernel for FromPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self {
            from,
            order,
            y,
            u,
            v,
        } = self;
        let from = from.map(|row| row.as_chunks::<4>().0);
        let weights = in_memory(order, LUMA);
        for (from, y) in from.iter().zip(y) {
            for (pixel, y) in from.iter().zip(y) {
                let pixel = u32::from_le_bytes(*pixel);
                let sum = weigh([pixel as u16, (pixel >> 16) as u16], weights);
                *y = (sum.wrapping_add(BLACK_LUMA) >> 8) as u8;
            }
        }
        let weights = [CHROMA_U, CHROMA_V].map(|weights| in_memory(order, weights));
        let pairs = from.map(|row| row.as_chunks::<2>().0);
        let [upper, lower] = pairs;
        for (((upper, lower), u), v) in upper.iter().zip(lower).zip(u.iter_mut()).zip(v.iter_mut())
        {
            [*u, *v] = chroma_of_words([upper[0], upper[1], lower[0], lower[1]], weights);
        }
        let [upper, lower] = from.map(|row| row.as_chunks::<2>().1);
        let last = upper
            .first()
            .zip(lower.first())
            .zip(u.last_mut().zip(v.last_mut()));
        if let Some(((&upper, &lower), (u, v))) = last {
            [*u, *v] = chroma_of_words([upper, upper, lower, lower], weights);
        }
    }
}

/// U and V of the mean of four pixels.
#[inline(always)]
fn chroma_of_words(pixels: [[u8; 4]; 4], weights: [[u16; 4]; 2]) -> [u8; 2] {
    const EVEN: u32 = 0x00ff_00ff;
    // Two bytes of each pixel side by side, with room for the sum of four.
    let pixels = pixels.map(u32::from_le_bytes);
    let even: u32 = pixels.iter().map(|pixel| pixel & EVEN).sum();
    let odd: u32 = pixels.iter().map(|pixel| (pixel >> 8) & EVEN).sum();
    let [even, odd] = [even, odd].map(|sum| ((sum + 0x0002_0002) >> 2) & EVEN);
    let words = [even | odd << 8, (even >> 16) | (odd >> 16) << 8].map(|word| word as u16);
    weights.map(|weights| (weigh(words, weights).wrapping_add(NO_CHROMA) >> 8) as u8)
}

/// The sum of a pixel's bytes, each times its weight, modulo 65536.
#[inline(always)]
fn weigh([low, high]: [u16; 2], weights: [u16; 4]) -> u16 {
    let bytes = [low & 0xff, low >> 8, high & 0xff, high >> 8];
    let [a, b, c, d] = std::array::from_fn(|at| bytes[at].wrapping_mul(weights[at]));
    a.wrapping_add(b).wrapping_add(c.wrapping_add(d))
}

/// Weights of red, green and blue as weights of a pixel's bytes; alpha has none.
#[inline(always)]
pub(super) fn in_memory(order: Packed, [red, green, blue]: [u16; 3]) -> [u16; 4] {
    let mut weights = [0; 4];
    weights[order.red] = red;
    weights[order.green] = green;
    weights[order.blue] = blue;
    weights
}

/// Packed pixels to packed pixels.
pub(super) struct Reorder<'a> {
    pub(super) from: &'a [u8],
    pub(super) order: Packed,
    pub(super) into: &'a mut [u8],
    pub(super) into_order: Packed,
}

impl Kernel for Reorder<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (order, into_order) = (self.order, self.into_order);
        if (order.bytes, into_order.bytes) == (4, 4) {
            let shift = |byte: usize| (byte * 8) as u32;
            let places = [
                (shift(order.red), shift(into_order.red)),
                (shift(order.green), shift(into_order.green)),
                (shift(order.blue), shift(into_order.blue)),
                (shift(order.alpha), shift(into_order.alpha)),
            ];
            let words = self.from.as_chunks::<4>().0;
            for (from, into) in words.iter().zip(self.into.as_chunks_mut::<4>().0) {
                let word = u32::from_le_bytes(*from);
                let [a, b, c, d] =
                    places.map(|(from, into)| (word.wrapping_shr(from) & 0xff).wrapping_shl(into));
                *into = (a | b | c | d).to_le_bytes();
            }
            return;
        }
        let mut parts = [EMPTY; 3];
        let mut alpha = [u8::MAX; BLOCK + 2];
        let blocks = self.from.chunks(BLOCK * self.order.bytes);
        for (from, into) in blocks.zip(self.into.chunks_mut(BLOCK * self.into_order.bytes)) {
            let length = from.len() / self.order.bytes;
            split(self.order, from, &mut parts);
            if self.order.bytes == 4 {
                pick(from, self.order.alpha, &mut alpha);
            }
            let [red, green, blue] = &parts;
            let parts = [
                &red[..length],
                &green[..length],
                &blue[..length],
                &alpha[..length],
            ];
            join(self.into_order, parts, into);
        }
    }
}

/// The alpha of packed pixels of four bytes.
pub(super) struct Alpha<'a> {
    pub(super) from: &'a [u8],
    pub(super) order: Packed,
    pub(super) into: &'a mut [u8],
}

impl Kernel for Alpha<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        pick(self.from, self.order.alpha, self.into);
    }
}

/// What a chroma sample adds to red, green and blue, in 64ths: 255/224 of 1.402, 0.344 and 0.714, and 1.772.
#[inline(always)]
fn tint(u: u8, v: u8) -> [i16; 3] {
    let (u, v) = (i16::from(u) - 128, i16::from(v) - 128);
    [v * 102, -(u * 25 + v * 52), u * 129]
}

/// One component of a pixel: luma's 255/219, in 64ths, and the tint.
#[inline(always)]
fn colour(y: u16, tint: i16) -> u16 {
    /// What black's luma is in 64ths, less half a step for rounding.
    const BLACK: i16 = 1_160;
    // Leaves 16 bits for a blue only that is white anyway.
    let sum = (((y * 149) >> 1) as i16 - BLACK).saturating_add(tint);
    (sum >> 6).clamp(0, 255) as u16
}

/// Red, green and blue of pixels that have chroma each.
#[inline(always)]
fn colours(y: &[u8], u: &[u8], v: &[u8], into: [&mut Part; 3]) {
    let [red, green, blue] = into;
    let into = red.iter_mut().zip(green).zip(blue);
    for ((&y, (&u, &v)), ((red, green), blue)) in y.iter().zip(u.iter().zip(v)).zip(into) {
        let tint = tint(u, v);
        let [r, g, b] = tint.map(|tint| colour(u16::from(y), tint) as u8);
        (*red, *green, *blue) = (r, g, b);
    }
}

/// As [`colours`], with chroma for each two pixels. The two are worked on in the halves of 16 bits.
#[inline(always)]
fn colours_of_pairs(y: &[u8], u: &[u8], v: &[u8], into: [&mut Part; 3]) {
    let (pairs, last) = y.as_chunks::<2>();
    let [red, green, blue] = into.map(|part| part.as_chunks_mut::<2>().0);
    let pixels = |y: [u8; 2], u: u8, v: u8| {
        let y = u16::from_le_bytes(y);
        tint(u, v).map(|tint| (colour(y & 0xff, tint) | colour(y >> 8, tint) << 8).to_le_bytes())
    };
    let parts = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut());
    for ((&y, (&u, &v)), ((red, green), blue)) in pairs.iter().zip(u.iter().zip(v)).zip(parts) {
        [*red, *green, *blue] = pixels(y, u, v);
    }
    if let (&[y], Some(&u), Some(&v)) = (last, u.last(), v.last()) {
        let at = pairs.len();
        [red[at], green[at], blue[at]] = pixels([y, y], u, v);
    }
}

#[inline(always)]
fn luma(parts: &[Part; 3], y: &mut [u8]) {
    let [red, green, blue] = parts;
    for (((y, &red), &green), &blue) in y.iter_mut().zip(red).zip(green).zip(blue) {
        *y = (weighted([red, green, blue], LUMA).wrapping_add(BLACK_LUMA) >> 8) as u8;
    }
}

#[inline(always)]
fn chroma(parts: &[Part; 3], u: &mut [u8], v: &mut [u8]) {
    let [red, green, blue] = parts;
    let parts = red.iter().zip(green).zip(blue);
    for ((u, v), ((&red, &green), &blue)) in u.iter_mut().zip(v).zip(parts) {
        let pixel = [red, green, blue];
        *u = (weighted(pixel, CHROMA_U).wrapping_add(NO_CHROMA) >> 8) as u8;
        *v = (weighted(pixel, CHROMA_V).wrapping_add(NO_CHROMA) >> 8) as u8;
    }
}

/// The sum of the components, each times its weight, modulo 65536.
#[inline(always)]
fn weighted(pixel: [u8; 3], weights: [u16; 3]) -> u16 {
    let [red, green, blue] =
        std::array::from_fn(|at| u16::from(pixel[at]).wrapping_mul(weights[at]));
    red.wrapping_add(green).wrapping_add(blue)
}

/// Red, green and blue of packed pixels.
#[inline(always)]
fn split(order: Packed, from: &[u8], into: &mut [Part; 3]) {
    let [red, green, blue] = into;
    if order.bytes == 3 {
        let into = red.iter_mut().zip(green).zip(blue);
        for (pixel, ((first, second), third)) in from.as_chunks::<3>().0.iter().zip(into) {
            [*first, *second, *third] = *pixel;
        }
    } else {
        pick(from, order.red, red);
        pick(from, order.green, green);
        pick(from, order.blue, blue);
    }
}

/// One byte of each four; `into` may be longer.
#[inline(always)]
fn pick(from: &[u8], byte: usize, into: &mut [u8]) {
    let shift = (byte * 8) as u32;
    for (pixel, into) in from.as_chunks::<4>().0.iter().zip(into) {
        *into = u32::from_le_bytes(*pixel).wrapping_shr(shift) as u8;
    }
}

/// Packed pixels of red, green, blue and alpha.
#[inline(always)]
fn join(order: Packed, parts: [&[u8]; 4], into: &mut [u8]) {
    let [red, green, blue, alpha] = parts;
    if order.bytes == 3 {
        let parts = red.iter().zip(green).zip(blue);
        for (pixel, ((&red, &green), &blue)) in into.as_chunks_mut::<3>().0.iter_mut().zip(parts) {
            *pixel = [red, green, blue];
        }
    } else {
        let mut bytes = [red; 4];
        bytes[order.green] = green;
        bytes[order.blue] = blue;
        bytes[order.alpha] = alpha;
        let [first, second, third, fourth] = bytes;
        let parts = first.iter().zip(second).zip(third).zip(fourth);
        for (pixel, (((&first, &second), &third), &fourth)) in
            into.as_chunks_mut::<4>().0.iter_mut().zip(parts)
        {
            *pixel = [first, second, third, fourth];
        }
    }
}
