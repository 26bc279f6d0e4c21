//! The built library through its C functions, watched: what it answers must be of the protocol, and no answer, event
//! or log record may speak of an internal error.

use std::{
    env,
    ffi::{OsString, c_char},
    path::PathBuf,
    ptr, slice,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use libloading::{Library as Loaded, Symbol};

use crate::schema::{Fields, Schema, Value};

type Callback = unsafe extern "C-unwind" fn(*const u8, usize);
type Initialize = unsafe extern "C-unwind" fn(Callback, bool, *const c_char, *const c_char);
type Request = unsafe extern "C-unwind" fn(*const u8, usize, *mut *const u8, *mut usize) -> u64;
type DropHandle = unsafe extern "C-unwind" fn(u64) -> bool;
type Dispose = unsafe extern "C-unwind" fn();
type LastError = unsafe extern "C-unwind" fn(*mut c_char, usize) -> usize;

/// What the library says when a panic was caught inside.
const BUG: &str = "internal error";

static SCHEMA: OnceLock<Schema> = OnceLock::new();
static DROP: OnceLock<DropHandle> = OnceLock::new();
/// What an event told of that must not be; taken by the next [`Library::check`].
static FAULT: Mutex<Option<String>> = Mutex::new(None);
static EVENTS: AtomicU64 = AtomicU64::new(0);

/// The protocol.
pub fn schema() -> &'static Schema {
    SCHEMA.get_or_init(Schema::new)
}

/// The library, initialized.
pub struct Library {
    request: Request,
    dispose: Dispose,
    last_error: LastError,
    drop_handle: DropHandle,
}

impl Library {
    /// Loads `LIVEKIT_FFI_LIBRARY`, or the library that was built beside this program, and initializes it.
    ///
    /// # Panics
    ///
    /// If there is none, or one without the five functions.
    #[must_use]
    pub fn load() -> Self {
        let path = env::var_os("LIVEKIT_FFI_LIBRARY").map_or_else(beside, PathBuf::from);
        // SAFETY: loading runs the initializers of our own library, which has none but Rust's and C's usual ones.
        let loaded = unsafe { Loaded::new(&path) }
            .unwrap_or_else(|error| panic!("{}: {error}; build it first", path.display()));
        // It stays for the whole run, as in every host.
        let loaded: &'static Loaded = Box::leak(Box::new(loaded));
        // SAFETY: the types are those of livekit_ffi.h.
        let (initialize, library) = unsafe {
            let initialize: Symbol<'_, Initialize> = symbol(loaded, b"livekit_ffi_initialize\0");
            let library = Self {
                request: *symbol(loaded, b"livekit_ffi_request\0"),
                dispose: *symbol(loaded, b"livekit_ffi_dispose\0"),
                last_error: *symbol(loaded, b"livekit_ffi_last_error\0"),
                drop_handle: *symbol(loaded, b"livekit_ffi_drop_handle\0"),
            };
            (initialize, library)
        };
        DROP.get_or_init(|| library.drop_handle);
        // SAFETY: the callback is a function that stays; the names are C strings that the library copies.
        unsafe { initialize(on_event, true, c"fuzz".as_ptr(), c"0".as_ptr()) };
        library
    }

    /// Sends these bytes; the answer, or the text of the refusal.
    ///
    /// # Errors
    ///
    /// The library's last error, if it refused the request.
    ///
    /// # Panics
    ///
    /// If the answer is none of the protocol, or tells of a bug.
    pub fn request(&self, bytes: &[u8]) -> Result<Fields, String> {
        let (mut answer, mut size) = (ptr::null(), 0);
        // SAFETY: all pointers are valid for the call; addresses inside the request are made harmless by `requests`.
        let handle =
            unsafe { (self.request)(bytes.as_ptr(), bytes.len(), &raw mut answer, &raw mut size) };
        if handle == 0 {
            let text = self.last_error();
            assert!(!text.is_empty(), "refused without a text");
            assert!(!text.contains(BUG), "{text}");
            assert!(
                answer.is_null() && size == 0,
                "refused, yet there is an answer"
            );
            return Err(text);
        }
        // SAFETY: the answer lies there until its handle is dropped.
        let answer = unsafe { slice::from_raw_parts(answer, size) };
        let fields = schema()
            .read("FfiResponse", answer)
            .expect("an answer is of the protocol");
        assert!(
            !tells_of_a_bug(answer),
            "{}",
            String::from_utf8_lossy(answer)
        );
        self.drop_handle(handle);
        Ok(fields)
    }

    /// Gives a handle back; false if the library does not know it.
    pub fn drop_handle(&self, handle: u64) -> bool {
        // SAFETY: any number may be given.
        unsafe { (self.drop_handle)(handle) }
    }

    /// Fails if an event told of something that must not be.
    ///
    /// # Panics
    ///
    /// With what it was.
    pub fn check(&self) {
        let fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(fault) = fault {
            panic!("{fault}");
        }
    }

    /// Ends the library; returns how many events there were.
    pub fn dispose(&self) -> u64 {
        // SAFETY: may be called at any time.
        unsafe { (self.dispose)() };
        EVENTS.load(Ordering::Relaxed)
    }

    fn last_error(&self) -> String {
        let mut text = [0_u8; 1024];
        // SAFETY: the buffer is as long as said.
        let size = unsafe { (self.last_error)(text.as_mut_ptr().cast(), text.len()) };
        String::from_utf8_lossy(&text[..size.min(text.len() - 1)]).into_owned()
    }
}

/// The handles that a message gives to the host.
pub fn handles(message: &str, fields: &Fields, found: &mut Vec<u64>) {
    for (number, value) in fields {
        match value {
            Value::Message(inner) => {
                let kind = schema().field(message, *number).map(|field| &field.kind);
                if let Some(crate::schema::Kind::Message(name)) = kind {
                    handles(name, inner, found);
                }
            }
            Value::Number(id) if message == "FfiOwnedHandle" => found.push(*id),
            _ => {}
        }
    }
}

/// # Safety
///
/// As livekit_ffi.h says of callbacks: `len` readable bytes at `data` during the call.
unsafe extern "C-unwind" fn on_event(data: *const u8, len: usize) {
    // SAFETY: as above.
    let bytes = unsafe { slice::from_raw_parts(data, len) };
    EVENTS.fetch_add(1, Ordering::Relaxed);
    let fault = match schema().read("FfiEvent", bytes) {
        Err(_) => Some("an event is none of the protocol".to_owned()),
        Ok(_) if tells_of_a_bug(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Ok(event) => {
            let mut given = Vec::new();
            handles("FfiEvent", &event, &mut given);
            if let Some(drop_handle) = DROP.get() {
                for handle in given {
                    // SAFETY: any number may be given, also from inside the callback.
                    unsafe { drop_handle(handle) };
                }
            }
            None
        }
    };
    if fault.is_some() {
        *FAULT.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

fn tells_of_a_bug(bytes: &[u8]) -> bool {
    bytes.windows(BUG.len()).any(|part| part == BUG.as_bytes())
}

/// # Safety
///
/// The function must be of type `T`.
unsafe fn symbol<'a, T>(loaded: &'a Loaded, name: &[u8]) -> Symbol<'a, T> {
    // SAFETY: as the caller says.
    unsafe { loaded.get(name) }
        .unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(name)))
}

fn beside() -> PathBuf {
    let name = OsString::from("liblivekit_ffi.so");
    let own = env::current_exe().expect("a program knows where it is");
    own.with_file_name(name)
}
