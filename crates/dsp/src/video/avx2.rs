//! The two conversions that run for every frame a host captures or shows, for AVX2 by hand: 32 pixels at a time,
//! with the same results to the bit as the loops in [`super::rows`], which do the rest of a row.
#![expect(
    unsafe_code,
    reason = "loads and stores of vectors; a function for a processor feature may be called only where the feature is"
)]

use std::arch::x86_64::*;

use super::rows::{CHROMA_U, CHROMA_V, FromPairs, LUMA, ToPacked, in_memory};

/// Pixels of one step.
const STEP: usize = 32;

/// Writes the first pixels of a row of four-byte pixels with halved chroma; says how many.
pub(super) fn to_words(row: &mut ToPacked<'_>) -> usize {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the processor has AVX2, as was just asked.
    unsafe { to_words_avx2(row) }
}

/// Writes luma and chroma of the first pixels of one or two rows; says of how many.
pub(super) fn from_words(rows: &mut FromPairs<'_>) -> usize {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the processor has AVX2, as was just asked.
    unsafe { from_words_avx2(rows) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(into: &mut [u8; 32], value: __m256i) {
    // SAFETY: the reference is to 32 bytes; the store needs no alignment.
    unsafe { _mm256_storeu_si256(into.as_mut_ptr().cast(), value) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_half(into: &mut [u8; 16], value: __m128i) {
    // SAFETY: the reference is to 16 bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(into.as_mut_ptr().cast(), value) }
}

#[target_feature(enable = "avx2")]
fn to_words_avx2(row: &mut ToPacked<'_>) -> usize {
    let opaque = _mm256_set1_epi8(-1);
    let middle = _mm256_set1_epi16(128);
    let steps = row.y.as_chunks::<STEP>().0.iter();
    let chroma = row
        .u
        .as_chunks::<16>()
        .0
        .iter()
        .zip(row.v.as_chunks::<16>().0);
    let mut alphas = row.alpha.map(|alpha| alpha.as_chunks::<STEP>().0.iter());
    let mut done = 0;
    for ((y, (u, v)), into) in steps.zip(chroma).zip(row.into.as_chunks_mut::<128>().0) {
        let y = load(y);
        let u = _mm256_sub_epi16(_mm256_cvtepu8_epi16(load_half(u)), middle);
        let v = _mm256_sub_epi16(_mm256_cvtepu8_epi16(load_half(v)), middle);
        let zero = _mm256_setzero_si256();
        let luma = [_mm256_unpacklo_epi8(y, zero), _mm256_unpackhi_epi8(y, zero)].map(|y| {
            let stretched = _mm256_srli_epi16::<1>(_mm256_mullo_epi16(y, _mm256_set1_epi16(149)));
            _mm256_sub_epi16(stretched, _mm256_set1_epi16(1_160))
        });
        let times = |sample, weight| _mm256_mullo_epi16(sample, _mm256_set1_epi16(weight));
        let tints = [
            times(v, 102),
            _mm256_add_epi16(times(u, -25), times(v, -52)),
            times(u, 129),
        ];
        let [red, green, blue] = tints.map(|tint| {
            // Each tint serves two neighbours; the halves are in the order in which luma was unpacked.
            let low = _mm256_adds_epi16(luma[0], _mm256_unpacklo_epi16(tint, tint));
            let high = _mm256_adds_epi16(luma[1], _mm256_unpackhi_epi16(tint, tint));
            _mm256_packus_epi16(_mm256_srai_epi16::<6>(low), _mm256_srai_epi16::<6>(high))
        });
        let alpha = alphas
            .as_mut()
            .and_then(Iterator::next)
            .map_or(opaque, |alpha| load(alpha));
        let mut bytes = [red; 4];
        bytes[row.order.green] = green;
        bytes[row.order.blue] = blue;
        bytes[row.order.alpha] = alpha;
        let [a, b, c, d] = bytes;
        let (ab, cd) = (_mm256_unpacklo_epi8(a, b), _mm256_unpacklo_epi8(c, d));
        let low = [_mm256_unpacklo_epi16(ab, cd), _mm256_unpackhi_epi16(ab, cd)];
        let (ab, cd) = (_mm256_unpackhi_epi8(a, b), _mm256_unpackhi_epi8(c, d));
        let high = [_mm256_unpacklo_epi16(ab, cd), _mm256_unpackhi_epi16(ab, cd)];
        let (quarters, _) = into.as_chunks_mut::<32>();
        store(
            &mut quarters[0],
            _mm256_permute2x128_si256::<0x20>(low[0], low[1]),
        );
        store(
            &mut quarters[1],
            _mm256_permute2x128_si256::<0x20>(high[0], high[1]),
        );
        store(
            &mut quarters[2],
            _mm256_permute2x128_si256::<0x31>(low[0], low[1]),
        );
        store(
            &mut quarters[3],
            _mm256_permute2x128_si256::<0x31>(high[0], high[1]),
        );
        done += STEP;
    }
    done
}

#[target_feature(enable = "avx2")]
fn from_words_avx2(rows: &mut FromPairs<'_>) -> usize {
    let [first, second] = rows.from.map(|row| row.as_chunks::<128>().0);
    let weights = in_memory(rows.order, LUMA);
    for (from, y) in rows.from.iter().zip(&mut rows.y) {
        luma_of_words(from, weights, y);
    }
    let weights = [CHROMA_U, CHROMA_V].map(|weights| {
        // As signed bytes, which they fit.
        let [a, b, c, d] = in_memory(rows.order, weights).map(|weight| weight as u8);
        _mm256_set1_epi32(i32::from_le_bytes([a, b, c, d]))
    });
    let into = rows
        .u
        .as_chunks_mut::<16>()
        .0
        .iter_mut()
        .zip(rows.v.as_chunks_mut::<16>().0);
    let mut done = 0;
    for ((upper, lower), (u, v)) in first.iter().zip(second).zip(into) {
        let (upper, lower) = (upper.as_chunks::<32>().0, lower.as_chunks::<32>().0);
        let halves = [0, 2].map(|at| {
            let means = [at, at + 1].map(|at| mean_of_four(load(&upper[at]), load(&lower[at])));
            let pixels = _mm256_packus_epi16(means[0], means[1]);
            let [u, v] = weights.map(|weights| _mm256_maddubs_epi16(pixels, weights));
            let sums = _mm256_hadd_epi16(u, v);
            let middle = _mm256_set1_epi16(0x8080_u16 as i16);
            _mm256_srli_epi16::<8>(_mm256_add_epi16(sums, middle))
        });
        // Fours of U and V turn by turn; then U in the lower half and V in the upper, still in pairs out of order.
        let fours = _mm256_packus_epi16(halves[0], halves[1]);
        let fours = _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 2, 6, 1, 5, 3, 7));
        let order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
        let both = _mm256_shuffle_epi8(fours, _mm256_broadcastsi128_si256(order));
        store_half(u, _mm256_castsi256_si128(both));
        store_half(v, _mm256_extracti128_si256::<1>(both));
        done += STEP;
    }
    done
}

#[target_feature(enable = "avx2")]
#[inline]
fn luma_of_words(from: &[u8], weights: [u16; 4], into: &mut [u8]) {
    let [a, b, c, d] = weights.map(|weight| weight as u8);
    let weights = _mm256_set1_epi32(i32::from_le_bytes([a, b, c, d]));
    let sign = _mm256_set1_epi8(-128);
    // The weights times 128, which the signed pixels lack, and what the unsigned ones get.
    let lacking = _mm256_set1_epi16(128 * 220 + 0x1080);
    let steps = from.as_chunks::<128>().0.iter();
    for (from, into) in steps.zip(into.as_chunks_mut::<STEP>().0) {
        let (quarters, _) = from.as_chunks::<32>();
        let halves = [0, 2].map(|at| {
            let [low, high] = [at, at + 1].map(|at| {
                _mm256_maddubs_epi16(weights, _mm256_xor_si256(load(&quarters[at]), sign))
            });
            _mm256_srli_epi16::<8>(_mm256_add_epi16(_mm256_hadd_epi16(low, high), lacking))
        });
        let fours = _mm256_packus_epi16(halves[0], halves[1]);
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        store(into, _mm256_permutevar8x32_epi32(fours, order));
    }
}

/// Of two rows of eight pixels the mean of each two by two, as 16 bits for each byte of a pixel.
#[target_feature(enable = "avx2")]
#[inline]
fn mean_of_four(upper: __m256i, lower: __m256i) -> __m256i {
    // The bytes of neighbours side by side.
    let pairs = _mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    let pairs = _mm256_broadcastsi128_si256(pairs);
    let [upper, lower] = [upper, lower]
        .map(|row| _mm256_maddubs_epi16(_mm256_shuffle_epi8(row, pairs), _mm256_set1_epi8(1)));
    let sum = _mm256_add_epi16(_mm256_add_epi16(upper, lower), _mm256_set1_epi16(2));
    _mm256_srli_epi16::<2>(sum)
}

#[cfg(test)]
mod tests {
    use super::super::format::{Kind, Packed, PixelFormat};
    use super::super::sys::Kernel as _;
    use super::*;

    fn orders() -> impl Iterator<Item = Packed> + Clone {
        PixelFormat::ALL
            .into_iter()
            .filter_map(|format| match format.kind() {
                Kind::Packed(order) if order.bytes == 4 => Some(order),
                _ => None,
            })
    }

    /// Noise, with the ends of the scale more often than chance would have them.
    fn noise(length: usize, mut state: u32) -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 28 {
                0 => 0,
                1 => 255,
                _ => (state >> 16) as u8,
            }
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn packed_pixels_are_those_of_the_plain_loop() {
        for (seed, order) in (0..64).zip(orders().cycle()) {
            let (y, u, v) = (noise(96, seed), noise(48, seed + 1), noise(48, seed + 2));
            let opacity = noise(96, seed + 3);
            let alpha = (seed % 2 == 1).then_some(&opacity[..]);
            let (mut fast, mut plain) = (vec![7; 96 * 4], vec![7; 96 * 4]);
            let row = |into| ToPacked {
                y: &y,
                u: &u,
                v: &v,
                alpha,
                half_x: true,
                into,
                order,
            };
            let done = to_words(&mut row(&mut fast));
            row(&mut plain).run();
            assert_eq!(fast[..done * 4], plain[..done * 4]);
            assert!(fast[done * 4..].iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn luma_and_chroma_are_those_of_the_plain_loop() {
        for (seed, order) in (0..64).zip(orders().cycle()) {
            let (upper, lower) = (noise(96 * 4, seed), noise(96 * 4, seed + 1));
            let convert = |fast: bool| {
                let (mut first, mut second) = (vec![7; 96], vec![7; 96]);
                let (mut u, mut v) = (vec![7; 48], vec![7; 48]);
                let mut rows = FromPairs {
                    from: [&upper, &lower],
                    order,
                    y: [&mut first, &mut second],
                    u: &mut u,
                    v: &mut v,
                };
                let done = if fast {
                    from_words(&mut rows)
                } else {
                    rows.run();
                    96
                };
                (done, [first, second, u, v])
            };
            let ((done, fast), (_, plain)) = (convert(true), convert(false));
            for (part, (fast, plain)) in fast.iter().zip(&plain).enumerate() {
                let done = if part < 2 { done } else { done / 2 };
                assert_eq!(fast[..done], plain[..done], "part {part}, {order:?}");
            }
        }
    }
}
