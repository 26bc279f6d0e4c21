//! The filter's dot product for AVX2 by hand, with the same result to the bit as the plain one: the compiler spends
//! its vectors on the order of the sum.
#![expect(
    unsafe_code,
    reason = "loads of vectors; a function for a processor feature may be called only where the feature is"
)]

use std::arch::x86_64::*;

use super::filter::{LANES, total};

/// The dot product, where the processor has AVX2.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> Option<f32> {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return None;
    }
    // SAFETY: the processor has AVX2, as was just asked.
    Some(unsafe { dot_avx2(a, b) })
}

#[target_feature(enable = "avx2")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [_mm256_setzero_ps(); LANES / 8];
    let (a, _) = a.as_chunks::<LANES>();
    let (b, _) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        let (a, _) = a.as_chunks::<8>();
        let (b, _) = b.as_chunks::<8>();
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(load(a), load(b)));
        }
    }
    let [first, second, third, fourth] = sums;
    let eight = _mm256_add_ps(_mm256_add_ps(first, second), _mm256_add_ps(third, fourth));
    total(store(eight))
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(values: &[f32; 8]) -> __m256 {
    // SAFETY: the reference is to 32 bytes; the load needs no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(vector: __m256) -> [f32; 8] {
    let mut values = [0.0; 8];
    // SAFETY: the place is 32 bytes; the store needs no alignment.
    unsafe { _mm256_storeu_ps(values.as_mut_ptr(), vector) };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_plain_loop() {
        let mut state = 7_u32;
        let mut roll = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 1e4 - 800.0
        };
        for chunks in 0..12 {
            let a: Vec<f32> = (0..chunks * LANES).map(|_| roll()).collect();
            let b: Vec<f32> = (0..chunks * LANES).map(|_| roll()).collect();
            if let Some(sum) = dot(&a, &b) {
                assert_eq!(sum.to_bits(), super::super::filter::plain(&a, &b).to_bits());
            }
        }
    }
}
