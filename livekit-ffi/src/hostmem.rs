//! Addresses inside messages become checked views, here and nowhere else.
//!
//! A host writes the address of its audio, video or data into a request as a
//! number. [`HostMemory`] turns such a number and its sizes into a slice after
//! checking what can be checked: null, overflow, alignment, and that the rows
//! of a plane fit. That the memory is really there, and stays unchanged, is
//! the host's promise for the time of the call (`livekit_ffi.h`); the views
//! borrow the [`HostMemory`] of that call, so none outlives it.

use std::marker::PhantomData;

use thiserror::Error;

/// Why an address in a request could not be used. `field` is the request's field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostMemError {
    /// Null, with a length that is not zero.
    #[error("`{field}` is null, but {len} bytes are expected there")]
    Null {
        /// The field that holds the address.
        field: &'static str,
        /// The length that came with it.
        len: u64,
    },
    /// The range does not fit the address space.
    #[error("`{field}`: {len} bytes at {address:#x} do not fit the address space")]
    Overflow {
        /// The field that holds the address.
        field: &'static str,
        /// The address.
        address: u64,
        /// The length that came with it.
        len: u64,
    },
    /// The address is not a multiple of the element's alignment.
    #[error("`{field}` is {address:#x}, which is not aligned to {align} bytes")]
    Misaligned {
        /// The field that holds the address.
        field: &'static str,
        /// The address.
        address: u64,
        /// What it must be a multiple of.
        align: usize,
    },
    /// A plane's rows overlap, or reach past its buffer.
    #[error(
        "`{field}`: {height} rows of {row} bytes, {stride} apart (stride), do not fit {size} bytes"
    )]
    PlaneTooSmall {
        /// The field that holds the address.
        field: &'static str,
        /// Rows.
        height: u32,
        /// Bytes used in each row.
        row: u64,
        /// Bytes from one row to the next.
        stride: u32,
        /// Bytes the host says there are.
        size: u64,
    },
}

/// The host's memory during one call: the only way to a view of it.
///
/// Zero-sized. Exists once per call of `livekit_ffi_request`; `!Send`, so a
/// task cannot take it along.
#[derive(Debug)]
pub struct HostMemory {
    not_send: PhantomData<*const ()>,
}

impl HostMemory {
    /// The host's memory for the call that is running.
    ///
    /// # Safety
    ///
    /// As long as the value lives, every range that the running request names
    /// (address and size) must be readable and must not be written to. What the
    /// request has processed in place must be writable, and nobody else may
    /// touch it.
    pub unsafe fn for_this_call() -> Self {
        Self {
            not_send: PhantomData,
        }
    }

    /// For tests of what stands above: they hand in addresses of live memory, or ones that must be refused.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        // SAFETY: see above.
        unsafe { Self::for_this_call() }
    }

    /// `len` bytes at `address`. Zero bytes may be anywhere, also at null.
    ///
    /// # Errors
    ///
    /// [`HostMemError::Null`] and [`HostMemError::Overflow`].
    pub fn bytes(
        &self,
        field: &'static str,
        address: u64,
        len: u64,
    ) -> Result<&[u8], HostMemError> {
        self.view::<u8>(field, address, len)
    }

    /// `count` samples of signed 16-bit PCM in native byte order at `address`.
    ///
    /// # Errors
    ///
    /// As [`HostMemory::bytes`], and [`HostMemError::Misaligned`].
    pub fn samples(
        &self,
        field: &'static str,
        address: u64,
        count: u64,
    ) -> Result<&[i16], HostMemError> {
        self.view::<i16>(field, address, count)
    }

    /// As [`HostMemory::samples`], to be changed in place: for requests that say so of the range.
    ///
    /// Mutable, so that no other view of this call's memory is alive.
    ///
    /// # Errors
    ///
    /// As [`HostMemory::samples`].
    pub fn samples_in_place(
        &mut self,
        field: &'static str,
        address: u64,
        count: u64,
    ) -> Result<&mut [i16], HostMemError> {
        let len = self.samples(field, address, count)?.len();
        if len == 0 {
            return Ok(&mut []);
        }
        let pointer = std::ptr::with_exposed_provenance_mut::<i16>(address as usize);
        // SAFETY: `samples` has checked that the range is not null, aligned, and fits the address space. Whoever made
        // `self` promised that it can be written to and is touched by nobody else, and no view of ours is alive while
        // this one borrows `self` mutably.
        Ok(unsafe { std::slice::from_raw_parts_mut(pointer, len) })
    }

    /// A picture plane of `height` rows, `row` bytes used in each, `stride` bytes apart,
    /// in a buffer of `size` bytes at `address`. The view ends with the last used byte
    /// of the last row: hosts often leave its padding out.
    ///
    /// # Errors
    ///
    /// As [`HostMemory::bytes`], and [`HostMemError::PlaneTooSmall`].
    pub fn plane(
        &self,
        field: &'static str,
        address: u64,
        size: u64,
        layout: PlaneLayout,
    ) -> Result<&[u8], HostMemError> {
        let PlaneLayout {
            row,
            stride,
            height,
        } = layout;
        let too_small = HostMemError::PlaneTooSmall {
            field,
            height,
            row,
            stride,
            size,
        };
        if height == 0 || row == 0 {
            return Ok(&[]);
        }
        if row > u64::from(stride) {
            return Err(too_small);
        }
        let used = u64::from(height - 1)
            .checked_mul(u64::from(stride))
            .and_then(|rows| rows.checked_add(row));
        match used {
            Some(used) if used <= size => self.view::<u8>(field, address, used),
            _ => Err(too_small),
        }
    }

    fn view<T: Plain>(
        &self,
        field: &'static str,
        address: u64,
        count: u64,
    ) -> Result<&[T], HostMemError> {
        if count == 0 {
            return Ok(&[]);
        }
        let len = count.saturating_mul(size_of::<T>() as u64);
        if address == 0 {
            return Err(HostMemError::Null { field, len });
        }
        let overflow = HostMemError::Overflow {
            field,
            address,
            len,
        };
        let (Ok(start), Ok(bytes), Ok(count)) = (
            usize::try_from(address),
            isize::try_from(len),
            usize::try_from(count),
        ) else {
            return Err(overflow);
        };
        if start.checked_add(bytes.unsigned_abs()).is_none() {
            return Err(overflow);
        }
        let pointer = std::ptr::with_exposed_provenance::<T>(start);
        if !pointer.is_aligned() {
            return Err(HostMemError::Misaligned {
                field,
                address,
                align: align_of::<T>(),
            });
        }
        // SAFETY: not null, aligned, `count * size_of::<T>()` is at most `isize::MAX` and does not
        // wrap, every bit pattern is a `T` (`Plain`), and whoever made `self` promised that the
        // range can be read and is not written to while `self` lives.
        Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
    }
}

/// How the rows of a picture plane lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneLayout {
    /// Bytes used in each row.
    pub row: u64,
    /// Bytes from the start of one row to the next.
    pub stride: u32,
    /// Rows.
    pub height: u32,
}

/// Element types for which every bit pattern is a value.
trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for i16 {}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> HostMemory {
        HostMemory::for_tests()
    }

    fn address<T>(slice: &[T]) -> u64 {
        slice.as_ptr().expose_provenance() as u64
    }

    #[test]
    fn bytes_are_seen_where_they_are() {
        let data = [1u8, 2, 3, 4];
        assert_eq!(memory().bytes("data_ptr", address(&data), 4), Ok(&data[..]));
    }

    #[test]
    fn nothing_may_be_anywhere() {
        assert_eq!(memory().bytes("data_ptr", 0, 0), Ok(&[][..]));
        assert_eq!(memory().samples("data_ptr", 3, 0), Ok(&[][..]));
    }

    #[test]
    fn null_with_a_length_is_refused() {
        assert_eq!(
            memory().samples("data_ptr", 0, 5),
            Err(HostMemError::Null {
                field: "data_ptr",
                len: 10
            })
        );
    }

    #[test]
    fn a_range_past_the_address_space_is_refused() {
        for (at, len) in [
            (u64::MAX, 2),
            (8, u64::MAX),
            (u64::MAX - 7, 8),
            (16, 1 << 63),
        ] {
            assert!(
                matches!(
                    memory().bytes("data_ptr", at, len),
                    Err(HostMemError::Overflow { .. })
                ),
                "{at:#x} + {len:#x}"
            );
        }
        assert!(matches!(
            memory().samples("data_ptr", 16, u64::MAX / 2 + 1),
            Err(HostMemError::Overflow { .. })
        ));
    }

    #[test]
    fn samples_are_changed_where_they_are() {
        let mut data = [1i16, 2, 3, 4];
        let at = data.as_mut_ptr().expose_provenance() as u64;
        let mut memory = memory();
        memory.samples_in_place("data_ptr", at, 3).unwrap().fill(9);
        assert!(
            memory
                .samples_in_place("data_ptr", 0, 0)
                .unwrap()
                .is_empty()
        );
        assert!(memory.samples_in_place("data_ptr", at + 1, 1).is_err());
        assert!(memory.samples_in_place("data_ptr", 0, 1).is_err());
        assert_eq!(data, [9, 9, 9, 4]);
    }

    #[test]
    fn samples_at_an_odd_address_are_refused() {
        let data = [0i16; 4];
        let odd = address(&data) + 1;
        assert_eq!(
            memory().samples("data_ptr", odd, 2),
            Err(HostMemError::Misaligned {
                field: "data_ptr",
                address: odd,
                align: 2
            })
        );
    }

    #[test]
    fn a_plane_may_lack_the_padding_of_its_last_row() {
        let data = [7u8; 28];
        let layout = PlaneLayout {
            row: 8,
            stride: 10,
            height: 3,
        };
        assert_eq!(
            memory()
                .plane("data_ptr", address(&data), 28, layout)
                .map(<[u8]>::len),
            Ok(28)
        );
        assert!(matches!(
            memory().plane("data_ptr", address(&data), 27, layout),
            Err(HostMemError::PlaneTooSmall { size: 27, .. })
        ));
    }

    #[test]
    fn a_stride_shorter_than_the_row_is_refused() {
        let data = [7u8; 64];
        let layout = PlaneLayout {
            row: 8,
            stride: 7,
            height: 3,
        };
        assert!(matches!(
            memory().plane("data_ptr", address(&data), 64, layout),
            Err(HostMemError::PlaneTooSmall { .. })
        ));
    }

    #[test]
    fn huge_planes_do_not_wrap() {
        let layout = PlaneLayout {
            row: u64::from(u32::MAX),
            stride: u32::MAX,
            height: u32::MAX,
        };
        assert!(memory().plane("data_ptr", 16, 64, layout).is_err());
        assert!(memory().plane("data_ptr", 16, u64::MAX, layout).is_err());
    }
}
