//! The five exported functions. Their documentation goes into `livekit_ffi.h`.
// Anything public here that cbindgen can see becomes part of the header.

use std::{
    ffi::{CStr, c_char},
    ptr, slice,
};

use prost::Message as _;

pub use super::sink::LivekitFfiCallback;
use super::{
    guard::{self, Logged},
    last_error, process,
};
use crate::{
    dispatch::dispatch,
    error::{FfiError, HandleError},
    hostmem::HostMemory,
    proto::{FfiRequest, FfiResponse},
    server::ServerConfig,
};

/// Starts the library. Events go to `callback` from now on.
///
/// - `callback` must not be NULL and must stay callable until `livekit_ffi_dispose` has returned.
/// - `capture_logs`: whether log records are sent as events (info and above; debug as well if the
///   environment says `LIVEKIT_RTC_DEBUG=1`).
/// - `sdk` and `sdk_version` name the host to the server; NUL-terminated, may be NULL, read
///   during the call only.
///
/// If the library runs already, the callback and `capture_logs` are replaced and nothing else
/// happens. After `livekit_ffi_dispose` it starts anew. On failure, of which
/// `livekit_ffi_last_error` then tells, the library stays as it was.
///
/// # Safety
///
/// The pointers must be as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn livekit_ffi_initialize(
    callback: LivekitFfiCallback,
    capture_logs: bool,
    sdk: *const c_char,
    sdk_version: *const c_char,
) {
    guard::export("livekit_ffi_initialize", Logged::Yes, || {
        let callback = callback.ok_or(FfiError::NullArgument {
            argument: "callback",
        })?;
        // SAFETY: null or a C string, says our contract.
        let (sdk, sdk_version) = unsafe { (text(sdk), text(sdk_version)) };
        process::initialize(
            callback,
            ServerConfig {
                first_id: 1,
                sdk,
                sdk_version,
                capture_logs,
            },
        )
    });
}

/// Serves one encoded `FfiRequest`, `len` bytes at `data`.
///
/// Returns a handle and sets `*res_ptr` and `*res_len` to the encoded `FfiResponse`, which stays
/// there until the handle is dropped: copy, then `livekit_ffi_drop_handle`.
///
/// On failure returns 0, sets `*res_ptr` to NULL and `*res_len` to 0, keeps the reason for
/// `livekit_ffi_last_error`, and sends a log record of level error.
///
/// May be called from any thread, also from inside the callback. Memory that the request points
/// to must be readable, and must not change, during the call; the samples of `apm_process_stream`
/// must be writable, and are changed in place. Neither `res_ptr` nor `res_len` may be NULL; `data`
/// may be if `len` is 0.
///
/// # Safety
///
/// The pointers must be as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn livekit_ffi_request(
    data: *const u8,
    len: usize,
    res_ptr: *mut *const u8,
    res_len: *mut usize,
) -> u64 {
    guard::export("livekit_ffi_request", Logged::Yes, || {
        // Zeroed first: whatever happens from here on, a failure leaves them so.
        // SAFETY: null or valid for a write, says our contract.
        unsafe {
            if !res_ptr.is_null() {
                res_ptr.write(ptr::null());
            }
            if !res_len.is_null() {
                res_len.write(0);
            }
        }
        if res_ptr.is_null() {
            return Err(FfiError::NullArgument {
                argument: "res_ptr",
            });
        }
        if res_len.is_null() {
            return Err(FfiError::NullArgument {
                argument: "res_len",
            });
        }
        if isize::try_from(len).is_err() {
            return Err(FfiError::field("len", len, "more than an address space"));
        }
        let request = match (data.is_null(), len) {
            (_, 0) => &[],
            (true, _) => return Err(FfiError::NullArgument { argument: "data" }),
            // SAFETY: not null, and `len` bytes are there, says our contract.
            (false, _) => unsafe { slice::from_raw_parts(data, len) },
        };

        let server = process::current()?;
        server.ensure_running()?;
        let request =
            FfiRequest::decode(request).map_err(|source| FfiError::Decode { len, source })?;
        // SAFETY: what a request points to is readable and does not change, or is writable where the request says
        // that it is changed, says our contract.
        let mut memory = unsafe { HostMemory::for_this_call() };
        let response = dispatch(&server, &mut memory, request)?;
        let bytes = FfiResponse {
            message: Some(response),
        }
        .encode_to_vec()
        .into_boxed_slice();
        let (address, size) = (bytes.as_ptr(), bytes.len());
        let handle = server.handles().insert_response(bytes);
        // SAFETY: not null (above), and valid for a write, says our contract.
        unsafe {
            res_ptr.write(address);
            res_len.write(size);
        }
        Ok(handle)
    })
}

/// Frees what the handle stands for; false if the library does not know it (any more).
///
/// Every handle that a response or an event gave to the host is the host's to drop, also after
/// its room is closed. `livekit_ffi_dispose` frees those that are left. May be called from any
/// thread, also from inside the callback.
#[unsafe(no_mangle)]
pub extern "C" fn livekit_ffi_drop_handle(handle: u64) -> bool {
    guard::export("livekit_ffi_drop_handle", Logged::No, || {
        if process::current()?.drop_handle(handle) {
            Ok(true)
        } else {
            Err(HandleError::Unknown {
                id: handle,
                wanted: "handle",
            }
            .into())
        }
    })
}

/// Closes every room, ends every thread and frees every handle, within 3 seconds.
///
/// Once it has returned no callback starts any more, and none runs unless it hangs, or this was
/// called from inside it. `livekit_ffi_initialize` may start the library again.
#[unsafe(no_mangle)]
pub extern "C" fn livekit_ffi_dispose() {
    guard::export("livekit_ffi_dispose", Logged::No, process::dispose);
}

/// Copies the text of the calling thread's last failure to `buf`, at most `len` bytes with the
/// NUL at its end, and returns the whole text's length in bytes without that NUL; 0 if nothing
/// ever failed on this thread.
///
/// As with `errno`, a success does not change it: ask after a failure. UTF-8; a text that does
/// not fit is cut between two characters. With `buf` NULL nothing is copied.
///
/// # Safety
///
/// `buf` must be NULL or point to `len` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn livekit_ffi_last_error(buf: *mut c_char, len: usize) -> usize {
    guard::export("livekit_ffi_last_error", Logged::No, || {
        if buf.is_null() || len == 0 || isize::try_from(len).is_err() {
            return Ok(last_error::copy_to(&mut []));
        }
        // SAFETY: `len` writable bytes, says our contract. They may be uninitialised, so they are
        // zeroed before they become a slice.
        let target = unsafe {
            ptr::write_bytes(buf, 0, len);
            slice::from_raw_parts_mut(buf.cast::<u8>(), len)
        };
        Ok(last_error::copy_to(target))
    })
}

/// # Safety
///
/// `text` must be null or a C string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string, says our contract.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
