//! The functions of GStreamer that are used, found at run time, and owners for what they give.
//!
//! The libraries are GStreamer's own of the 1.x series, whose binary interface does not change.
#![expect(
    unsafe_code,
    reason = "calls into a C library whose addresses are known at run time only"
)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt,
    ptr::{self, NonNull},
    sync::OnceLock,
    time::Duration,
};

use libloading::Library;

/// Something of GStreamer's or GLib's.
type Any = *mut c_void;
type Text = *const c_char;

const NULL_STATE: c_int = 1;
const PLAYING: c_int = 4;
const STATE_FAILED: c_int = 0;
const PAD_SOURCE: c_int = 1;
const PAD_LINKED: c_int = 0;
const MESSAGE_ERROR: c_int = 1 << 1;
/// Flag of buffers that need the ones before them.
const DELTA_UNIT: u32 = 1 << 13;
/// A custom event that goes upstream.
const CUSTOM_UPSTREAM: c_int = 270 << 8 | 1;

macro_rules! api {
    ($($library:ident { $($function:ident($($argument:ty),*) $(-> $result:ty)?;)+ })+) => {
        /// The addresses.
        struct Api {
            $($($function: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+)+
        }

        impl Api {
            fn find(libraries: &Libraries) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $($($function: {
                        let name = concat!(stringify!($function), "\0");
                        // SAFETY: the type is that of the function's declaration in GStreamer 1.x and GLib 2.x.
                        *unsafe { libraries.$library.get(name.as_bytes()) }?
                    },)+)+
                })
            }
        }
    };
}

api! {
    core {
        gst_init_check(*mut c_int, *mut c_void, *mut *mut GError) -> c_int;
        gst_pipeline_new(Text) -> Any;
        gst_parse_bin_from_description(Text, c_int, *mut *mut GError) -> Any;
        gst_bin_add(Any, Any) -> c_int;
        gst_bin_get_by_name(Any, Text) -> Any;
        gst_bin_find_unlinked_pad(Any, c_int) -> Any;
        gst_element_factory_make(Text, Text) -> Any;
        gst_element_get_static_pad(Any, Text) -> Any;
        gst_pad_link(Any, Any) -> c_int;
        gst_element_set_state(Any, c_int) -> c_int;
        gst_element_get_bus(Any) -> Any;
        gst_bus_timed_pop_filtered(Any, u64, c_int) -> Any;
        gst_message_parse_error(Any, *mut *mut GError, *mut *mut c_char);
        gst_object_unref(Any);
        gst_object_ref_sink(Any) -> Any;
        gst_mini_object_unref(Any);
        gst_sample_get_buffer(Any) -> Any;
        gst_sample_get_caps(Any) -> Any;
        gst_caps_from_string(Text) -> Any;
        gst_caps_get_structure(Any, u32) -> Any;
        gst_structure_get_name(Any) -> Text;
        gst_structure_get_int(Any, Text, *mut c_int) -> c_int;
        gst_structure_from_string(Text, *mut *mut c_char) -> Any;
        gst_buffer_get_size(Any) -> usize;
        gst_buffer_get_flags(Any) -> u32;
        gst_buffer_extract(Any, usize, *mut c_void, usize) -> usize;
        gst_event_new_custom(c_int, Any) -> Any;
        gst_element_send_event(Any, Any) -> c_int;
        gst_util_set_object_arg(Any, Text, Text);
    }
    app {
        gst_app_sink_try_pull_sample(Any, u64) -> Any;
        gst_app_sink_is_eos(Any) -> c_int;
        gst_app_sink_set_caps(Any, Any);
        gst_app_sink_set_max_buffers(Any, u32);
        gst_app_sink_get_type() -> usize;
    }
    object {
        g_object_class_find_property(Any, Text) -> Any;
        g_type_check_instance_is_a(Any, usize) -> c_int;
    }
    glib {
        g_error_free(*mut GError);
        g_free(Any);
    }
}

struct Libraries {
    core: Library,
    app: Library,
    object: Library,
    glib: Library,
}

/// GLib's error.
#[repr(C)]
struct GError {
    domain: u32,
    code: c_int,
    message: *mut c_char,
}

/// The libraries, loaded and initialized by the first call; they stay until the process ends.
fn api() -> Result<&'static Api, String> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    API.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Api, String> {
    let open = |name: &str| {
        // SAFETY: the initializers of these libraries run in many a program and need nothing of ours.
        unsafe { Library::new(name) }.map_err(|error| format!("{name}: {error}"))
    };
    let libraries = Libraries {
        core: open("libgstreamer-1.0.so.0")?,
        app: open("libgstapp-1.0.so.0")?,
        object: open("libgobject-2.0.so.0")?,
        glib: open("libglib-2.0.so.0")?,
    };
    let api = Api::find(&libraries).map_err(|error| error.to_string())?;
    // Their threads and types stay for good: they are never unloaded.
    std::mem::forget(libraries);
    let mut error = ptr::null_mut();
    // SAFETY: no arguments are passed, and `error` is a place for one.
    if unsafe { (api.gst_init_check)(ptr::null_mut(), ptr::null_mut(), &mut error) } == 0 {
        return Err(take_error(&api, error));
    }
    Ok(api)
}

/// The text of an error, which is freed.
fn take_error(api: &Api, error: *mut GError) -> String {
    let Some(error) = NonNull::new(error) else {
        return "GStreamer does not say why".to_owned();
    };
    // SAFETY: GLib set it, so it is a whole error that is ours to free, and not used after that.
    unsafe {
        let text = text(error.as_ref().message);
        (api.g_error_free)(error.as_ptr());
        text
    }
}

/// A copy of a text.
///
/// # Safety
/// `text` is null or ends with a zero byte.
unsafe fn text(text: Text) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

fn c_text(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("{text:?} holds a zero byte"))
}

/// A reference to an object of GStreamer's: an element, a pad, a bus.
struct Object {
    api: &'static Api,
    pointer: NonNull<c_void>,
}

// SAFETY: GStreamer's objects count their references atomically and lock themselves; any thread may call them.
unsafe impl Send for Object {}

impl Object {
    /// Takes over a reference; `None` for null.
    fn owned(api: &'static Api, pointer: Any) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self { api, pointer })
    }

    /// Takes over an object that was just made, whose first reference nobody has yet.
    fn made(api: &'static Api, pointer: Any) -> Option<Self> {
        let object = Self::owned(api, pointer)?;
        // SAFETY: a live object; its floating reference becomes ours.
        unsafe { (api.gst_object_ref_sink)(pointer) };
        Some(object)
    }

    fn pointer(&self) -> Any {
        self.pointer.as_ptr()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: one reference is ours.
        unsafe { (self.api.gst_object_unref)(self.pointer()) };
    }
}

/// A reference to a sample, a message or caps.
struct Mini {
    api: &'static Api,
    pointer: NonNull<c_void>,
}

// SAFETY: as for `Object`; they are not changed once others have them.
unsafe impl Send for Mini {}

impl Mini {
    fn owned(api: &'static Api, pointer: Any) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self { api, pointer })
    }

    fn pointer(&self) -> Any {
        self.pointer.as_ptr()
    }
}

impl Drop for Mini {
    fn drop(&mut self) {
        // SAFETY: one reference is ours.
        unsafe { (self.api.gst_mini_object_unref)(self.pointer()) };
    }
}

/// A pipeline that ends in an appsink. Dropped, it stops.
pub(super) struct RawPipeline {
    api: &'static Api,
    // Above the others: they are parts of it.
    pipeline: Object,
    sink: Object,
    bus: Object,
    bin: Object,
}

/// An element of a pipeline.
pub(super) struct Element {
    object: Object,
}

/// What came out: its bytes and what its caps say.
pub(super) struct RawSample {
    pub(super) media: String,
    pub(super) width: c_int,
    pub(super) height: c_int,
    /// It needs no frame before it.
    pub(super) key: bool,
    pub(super) data: Vec<u8>,
}

impl RawPipeline {
    /// Builds a pipeline whose appsink is called `sink`, or is put behind the one pad that leads nowhere; it gives only
    /// what `caps` allow, and holds so many samples.
    pub(super) fn new(
        description: &str,
        sink: &str,
        caps: &str,
        held: u32,
    ) -> Result<Self, String> {
        let api = api().map_err(|error| format!("GStreamer is not to be had: {error}"))?;
        let (description, sink_name, caps) = (c_text(description)?, c_text(sink)?, c_text(caps)?);
        let mut error = ptr::null_mut();
        // SAFETY: texts that live through the calls, and a place for an error. What is made is owned at once.
        let (pipeline, bin) = unsafe {
            let bin = (api.gst_parse_bin_from_description)(description.as_ptr(), 0, &mut error);
            let bin = Object::made(api, bin);
            // It may be built and be faulty, too.
            let bin = match bin {
                Some(bin) if error.is_null() => bin,
                _ => return Err(take_error(api, error)),
            };
            let pipeline = Object::made(api, (api.gst_pipeline_new)(ptr::null()))
                .ok_or("GStreamer makes no pipeline")?;
            (pipeline, bin)
        };
        // SAFETY: live objects of the right kinds; the pipeline takes a reference of its own to the bin, and the bin to
        // the sink.
        let sink = unsafe {
            if (api.gst_bin_add)(pipeline.pointer(), bin.pointer()) == 0 {
                return Err("GStreamer takes no part into the pipeline".to_owned());
            }
            let found = (api.gst_bin_get_by_name)(bin.pointer(), sink_name.as_ptr());
            match Object::owned(api, found) {
                Some(sink) => sink,
                None => attach(api, &bin, &sink_name)?,
            }
        };
        // SAFETY: a live object, whose kind is asked for; then a live appsink, and caps that it takes a reference to.
        let bus = unsafe {
            let kind = (api.gst_app_sink_get_type)();
            if (api.g_type_check_instance_is_a)(sink.pointer(), kind) == 0 {
                return Err(format!("{sink_name:?} is no appsink"));
            }
            let caps = Mini::owned(api, (api.gst_caps_from_string)(caps.as_ptr()))
                .ok_or("GStreamer does not know our caps")?;
            (api.gst_app_sink_set_caps)(sink.pointer(), caps.pointer());
            (api.gst_app_sink_set_max_buffers)(sink.pointer(), held);
            let bus = Object::owned(api, (api.gst_element_get_bus)(pipeline.pointer()));
            bus.ok_or("the pipeline has no bus")?
        };
        Ok(Self {
            api,
            pipeline,
            sink,
            bus,
            bin,
        })
    }

    /// Starts it; what goes wrong later comes by [`error`](Self::error).
    pub(super) fn play(&self) -> Result<(), String> {
        // SAFETY: a live element.
        let state = unsafe { (self.api.gst_element_set_state)(self.pipeline.pointer(), PLAYING) };
        if state == STATE_FAILED {
            let reason = self.error(Duration::ZERO);
            return Err(reason.unwrap_or_else(|| "the pipeline does not start".to_owned()));
        }
        Ok(())
    }

    /// The element of that name.
    pub(super) fn element(&self, name: &str) -> Result<Option<Element>, String> {
        let name = c_text(name)?;
        // SAFETY: a live bin, and a text that lives through the call; the reference becomes ours.
        let found = unsafe { (self.api.gst_bin_get_by_name)(self.bin.pointer(), name.as_ptr()) };
        Ok(Object::owned(self.api, found).map(|object| Element { object }))
    }

    /// The next sample, waited for.
    pub(super) fn pull(&self, wait: Duration) -> Option<RawSample> {
        let api = self.api;
        let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: a live appsink; the sample becomes ours, and what is read from it lives as long as it does. The
        // buffer fills no more than the memory it is given, and says how much.
        unsafe {
            let sample = (api.gst_app_sink_try_pull_sample)(self.sink.pointer(), wait);
            let sample = Mini::owned(api, sample)?;
            let buffer = (api.gst_sample_get_buffer)(sample.pointer());
            let caps = (api.gst_sample_get_caps)(sample.pointer());
            let mut raw = RawSample {
                media: String::new(),
                width: 0,
                height: 0,
                key: true,
                data: Vec::new(),
            };
            if !caps.is_null() {
                let structure = (api.gst_caps_get_structure)(caps, 0);
                if !structure.is_null() {
                    raw.media = text((api.gst_structure_get_name)(structure));
                    (api.gst_structure_get_int)(structure, c"width".as_ptr(), &mut raw.width);
                    (api.gst_structure_get_int)(structure, c"height".as_ptr(), &mut raw.height);
                }
            }
            if !buffer.is_null() {
                raw.key = (api.gst_buffer_get_flags)(buffer) & DELTA_UNIT == 0;
                raw.data = vec![0; (api.gst_buffer_get_size)(buffer)];
                let place = raw.data.as_mut_ptr().cast();
                let filled = (api.gst_buffer_extract)(buffer, 0, place, raw.data.len());
                raw.data.truncate(filled);
            }
            Some(raw)
        }
    }

    /// Whether everything came.
    pub(super) fn is_over(&self) -> bool {
        // SAFETY: a live appsink.
        unsafe { (self.api.gst_app_sink_is_eos)(self.sink.pointer()) != 0 }
    }

    /// What went wrong, if anything did.
    pub(super) fn error(&self, wait: Duration) -> Option<String> {
        let api = self.api;
        let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let (mut error, mut debug) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live bus; the message becomes ours and is an error, whose texts are ours to free.
        unsafe {
            let bus = self.bus.pointer();
            let message = (api.gst_bus_timed_pop_filtered)(bus, wait, MESSAGE_ERROR);
            let message = Mini::owned(api, message)?;
            (api.gst_message_parse_error)(message.pointer(), &mut error, &mut debug);
            let details = text(debug);
            (api.g_free)(debug.cast());
            Some(format!("{} ({details})", take_error(api, error)))
        }
    }

    /// Asks the encoder for a frame that needs none before it.
    pub(super) fn wish_for_key(&self) {
        let api = self.api;
        let wish = c"GstForceKeyUnit, all-headers=(boolean)true";
        // SAFETY: a text without end pointer; the event takes the structure, and the element the event.
        unsafe {
            let structure = (api.gst_structure_from_string)(wish.as_ptr(), ptr::null_mut());
            if !structure.is_null() {
                let event = (api.gst_event_new_custom)(CUSTOM_UPSTREAM, structure);
                // Where no encoder listens there is none to be had.
                (api.gst_element_send_event)(self.sink.pointer(), event);
            }
        }
    }
}

impl Drop for RawPipeline {
    fn drop(&mut self) {
        // SAFETY: a live element; after this its threads are gone.
        unsafe { (self.api.gst_element_set_state)(self.pipeline.pointer(), NULL_STATE) };
    }
}

impl fmt::Debug for RawPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPipeline").finish_non_exhaustive()
    }
}

impl Element {
    /// Whether there is such a property.
    pub(super) fn has(&self, property: &str) -> Result<bool, String> {
        let property = c_text(property)?;
        let api = self.object.api;
        // SAFETY: the first word of every GObject is its class, which lives as long as the object; the text lives
        // through the call.
        let found = unsafe {
            let class = *self.object.pointer().cast::<Any>();
            (api.g_object_class_find_property)(class, property.as_ptr())
        };
        Ok(!found.is_null())
    }

    /// Sets a property from text; one that cannot be read so stays.
    pub(super) fn set(&self, property: &str, value: &str) -> Result<(), String> {
        let (property, value) = (c_text(property)?, c_text(value)?);
        let set = self.object.api.gst_util_set_object_arg;
        // SAFETY: a live object, and texts that live through the call.
        unsafe { set(self.object.pointer(), property.as_ptr(), value.as_ptr()) };
        Ok(())
    }
}

/// Puts an appsink behind the pad that leads nowhere.
///
/// # Safety
/// `bin` is a bin of `api`'s.
unsafe fn attach(api: &'static Api, bin: &Object, name: &CStr) -> Result<Object, String> {
    // SAFETY: live objects and texts of this program; references that are returned become ours, and the bin takes one
    // of its own to the sink.
    unsafe {
        let loose = (api.gst_bin_find_unlinked_pad)(bin.pointer(), PAD_SOURCE);
        let loose = Object::owned(api, loose).ok_or_else(|| {
            format!("the pipeline has neither an appsink called {name:?} nor an output that leads nowhere")
        })?;
        let sink = (api.gst_element_factory_make)(c"appsink".as_ptr(), name.as_ptr());
        let sink = Object::made(api, sink).ok_or("GStreamer has no appsink")?;
        if (api.gst_bin_add)(bin.pointer(), sink.pointer()) == 0 {
            return Err("GStreamer takes no appsink into the pipeline".to_owned());
        }
        let entry = (api.gst_element_get_static_pad)(sink.pointer(), c"sink".as_ptr());
        let entry = Object::owned(api, entry).ok_or("an appsink without entry")?;
        if (api.gst_pad_link)(loose.pointer(), entry.pointer()) != PAD_LINKED {
            return Err("the pipeline's output gives no video that can be sent".to_owned());
        }
        Ok(sink)
    }
}
