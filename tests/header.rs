//! `livekit_ffi.h` is what cbindgen makes of the exports. `UPDATE=1` writes it.

use std::{env, fs, path::Path};

const HEADER: &str = "livekit-ffi/include/livekit_ffi.h";

/// What cbindgen reads: the exports and the types in their signatures.
const SOURCES: [&str; 2] = [
    "livekit-ffi/src/cabi/exports.rs",
    "livekit-ffi/src/cabi/sink.rs",
];

fn generated() -> String {
    // Cargo runs tests in their package's folder.
    let root = Path::new(".");
    let config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join(source));
    }
    let mut header = Vec::new();
    builder
        .generate()
        .expect("the exports can be said in C")
        .write(&mut header);
    String::from_utf8(header).expect("cbindgen writes UTF-8")
}

#[test]
fn the_checked_in_header_is_the_generated_one() {
    let path = Path::new(HEADER);
    let generated = generated();
    if env::var_os("UPDATE").is_some() {
        fs::write(path, &generated).expect("the header can be written");
    }
    let checked_in = fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "{HEADER} is out of date: run `make header`\n{generated}"
    );
}

#[test]
fn the_header_declares_all_five_functions_and_the_callback() {
    let header = generated().split_whitespace().collect::<Vec<_>>().join(" ");
    for declaration in [
        "typedef void (*livekit_ffi_callback)(const uint8_t *data, size_t len);",
        "void livekit_ffi_initialize(livekit_ffi_callback callback,",
        "uint64_t livekit_ffi_request(const uint8_t *data, size_t len, const uint8_t **res_ptr, size_t *res_len);",
        "bool livekit_ffi_drop_handle(uint64_t handle);",
        "void livekit_ffi_dispose(void);",
        "size_t livekit_ffi_last_error(char *buf, size_t len);",
    ] {
        assert!(
            header.contains(declaration),
            "not declared: {declaration}\n{header}"
        );
    }
    assert_eq!(header.matches("livekit_ffi_request(").count(), 1);
}
