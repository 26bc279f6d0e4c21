//! Finds the static archives of the C codecs that the system provides, and compiles the small C files beside
//! `sys.rs` that stand between their headers and ours. Downloads nothing and writes into `OUT_DIR` only.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rustc-link-search=native={}", out.display());
    if env::var_os("CARGO_FEATURE_VPX").is_some() {
        system_codec(&out, "vpx", "vpx/vpx_encoder.h", "libvpx-dev");
    }
    if env::var_os("CARGO_FEATURE_AOM").is_some() {
        system_codec(&out, "aom", "aom/aom_encoder.h", "libaom-dev");
    }
    if env::var_os("CARGO_FEATURE_OPENH264").is_some() {
        // OpenH264 is C++. Its build script asks for `-lstdc++`; the linker takes the first directory that has one, so
        // an archive here is linked statically and the library needs no libstdc++.so where it runs.
        match archive("libstdc++.a", true) {
            Some(found) => place(&found, &out.join("libstdc++.a")),
            None => println!(
                "cargo:warning=no libstdc++.a here: libstdc++.so will be needed at run time"
            ),
        }
    }
}

/// Links the archive `lib<name>.a` and compiles `src/<name>/shim.c` against its headers. `LK_<NAME>_PREFIX` may name
/// a prefix with `include` and `lib` in it; without that the C compiler's own search paths hold.
fn system_codec(out: &Path, name: &str, header: &str, package: &str) {
    let variable = format!("LK_{}_PREFIX", name.to_uppercase());
    println!("cargo:rerun-if-env-changed={variable}");
    println!("cargo:rerun-if-changed=src/{name}/shim.c");
    println!("cargo:rerun-if-changed=src/shim/shim.h");
    let prefix = env::var_os(&variable).map(PathBuf::from);
    let file = format!("lib{name}.a");
    let found = match &prefix {
        Some(prefix) => Some(prefix.join("lib").join(&file)).filter(|path| path.is_file()),
        None => archive(&file, false),
    };
    let Some(found) = found else {
        panic!(
            "{file} is not on the C compiler's search path. On Debian: apt-get install {package}. Elsewhere: set {variable} to a prefix \
             that holds include/{header} and lib/{file}, or build without the feature {name:?}."
        );
    };
    place(&found, &out.join(&file));
    if name == "aom" {
        catch_assertions(&out.join(&file));
    }
    let mut build = cc::Build::new();
    build
        .file(format!("src/{name}/shim.c"))
        .flag("-std=c11")
        .flag("-fvisibility=hidden")
        .warnings(true)
        .warnings_into_errors(true)
        .opt_level(2);
    if let Some(prefix) = prefix {
        build.include(prefix.join("include"));
    }
    build.compile(&format!("lk_{name}_shim"));
    println!("cargo:rustc-link-lib=static={name}");
}

/// Has failed assertions of the archive's end in `lk_aom_assert_fail` of `shim.c` instead of the process's end.
fn catch_assertions(archive: &Path) {
    let status = Command::new("objcopy")
        .args(["--redefine-sym", "__assert_fail=lk_aom_assert_fail"])
        .arg(archive)
        .status();
    match status {
        Ok(status) if status.success() => {}
        _ => panic!("objcopy (of binutils) is needed to build with the feature \"aom\""),
    }
}

/// Where the compiler finds a library file.
fn archive(file: &str, cpp: bool) -> Option<PathBuf> {
    let compiler = cc::Build::new().cpp(cpp).get_compiler();
    let output = Command::new(compiler.path())
        .args(compiler.args())
        .arg(format!("-print-file-name={file}"))
        .output()
        .ok()?;
    // A file that is not found is printed back as it was given.
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
    path.is_absolute().then_some(path)
}

fn place(from: &Path, to: &Path) {
    println!("cargo:rerun-if-changed={}", from.display());
    // What stands there may be older than what it was copied from.
    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to)
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
}
