//! Row loops compiled for more than the baseline processor, chosen at run time; 16-bit samples as bytes.
#![expect(
    unsafe_code,
    reason = "a function for a processor feature may be called only where the feature is; memory seen as another type"
)]

/// A loop over rows of samples that the compiler makes vector code of. `run` must be `#[inline(always)]`, so that
/// it is compiled anew for each set of processor features.
pub(super) trait Kernel {
    /// What the loop gives.
    type Output;
    /// Runs the loop.
    fn run(self) -> Self::Output;
}

/// Runs the loop with the widest vectors that this processor has.
#[inline]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { with_avx2(kernel) };
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// The bytes of 16-bit samples, as [`super::PixelFormat::I010`] wants them.
#[must_use]
pub fn sample_bytes(samples: &[u16]) -> &[u8] {
    // SAFETY: the bytes are those of the slice, every byte is initialised, and nothing is aligned less than a byte.
    unsafe { std::slice::from_raw_parts(samples.as_ptr().cast(), size_of_val(samples)) }
}
