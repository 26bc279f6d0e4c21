//! Where the sound server's socket is, and the cookie that lets us in.

use std::{
    env, fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use crate::DeviceError;

/// The server wants a cookie of this length, whatever it holds: its own user it knows from the socket.
const COOKIE: usize = 256;

/// The first socket that is there.
pub(super) fn socket() -> Result<PathBuf, DeviceError> {
    let places = places(|name| env::var(name).ok(), user())?;
    let is_socket =
        |path: &&PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    places.iter().find(is_socket).cloned().ok_or_else(|| {
        let places: Vec<String> = places
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        DeviceError::NoServer {
            looked_at: places.join(", "),
        }
    })
}

/// The cookie; zeros where there is none.
pub(super) fn cookie() -> Vec<u8> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    let home = variable("HOME");
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let mut cookie = [
        variable("PULSE_COOKIE"),
        config.map(|config| config.join("pulse/cookie")),
        home.map(|home| home.join(".pulse-cookie")),
    ]
    .into_iter()
    .flatten()
    .find_map(|path| fs::read(path).ok())
    .unwrap_or_default();
    cookie.resize(COOKIE, 0);
    cookie
}

/// Where to look, given the environment: the place that `PULSE_SERVER` names, and no other, or the usual ones.
fn places(
    variable: impl Fn(&str) -> Option<String>,
    user: Option<u32>,
) -> Result<Vec<PathBuf>, DeviceError> {
    if let Some(value) = variable("PULSE_SERVER").filter(|value| !value.trim().is_empty()) {
        let named: Vec<PathBuf> = value.split_whitespace().filter_map(local).collect();
        if named.is_empty() {
            return Err(DeviceError::Elsewhere { value });
        }
        return Ok(named);
    }
    let folder = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    Ok([
        folder("PULSE_RUNTIME_PATH").map(|path| path.join("native")),
        folder("XDG_RUNTIME_DIR").map(|path| path.join("pulse/native")),
        user.map(|user| PathBuf::from(format!("/run/user/{user}/pulse/native"))),
        Some(Path::new("/run/pulse/native").to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// The path in one word of `PULSE_SERVER`, where it names a socket: `unix:/path` or `/path`, after a machine's id in
/// braces if there is one.
fn local(word: &str) -> Option<PathBuf> {
    let word = match word.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?.1,
        None => word,
    };
    let path = word.strip_prefix("unix:").unwrap_or(word);
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// Who we are, as the system has it.
fn user() -> Option<u32> {
    Some(fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places_of(variables: &[(&str, &str)]) -> Result<Vec<PathBuf>, DeviceError> {
        let find = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        places(find, Some(7))
    }

    #[test]
    fn the_named_server_is_the_only_one() {
        for (value, path) in [
            ("unix:/a/b", "/a/b"),
            ("/a/b", "/a/b"),
            ("{0a1b}unix:/a/b tcp:other:4713", "/a/b"),
        ] {
            let places = places_of(&[("PULSE_SERVER", value), ("XDG_RUNTIME_DIR", "/x")]);
            assert_eq!(places.unwrap(), [PathBuf::from(path)]);
        }
    }

    #[test]
    fn a_server_elsewhere_is_refused_by_name() {
        let error = places_of(&[("PULSE_SERVER", "tcp:other:4713")]).unwrap_err();
        assert!(error.to_string().contains("tcp:other:4713"), "{error}");
    }

    #[test]
    fn the_usual_places_come_in_order() {
        let places = places_of(&[
            ("PULSE_SERVER", " "),
            ("PULSE_RUNTIME_PATH", "/p"),
            ("XDG_RUNTIME_DIR", "/x"),
        ]);
        let expected = [
            "/p/native",
            "/x/pulse/native",
            "/run/user/7/pulse/native",
            "/run/pulse/native",
        ];
        assert_eq!(places.unwrap(), expected.map(PathBuf::from));
    }
}
