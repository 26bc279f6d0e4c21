//! `a=fmtp` parameters: `name=value` pairs joined by semicolons.

/// Splits a value into pairs. A piece without `=` becomes a pair with an empty name (RED's `111/111`).
#[must_use]
pub fn split(line: &str) -> Vec<(String, String)> {
    line.split(';')
        .map(str::trim)
        .filter(|piece| !piece.is_empty())
        .map(|piece| match piece.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), value.trim().to_owned()),
            None => (String::new(), piece.to_owned()),
        })
        .collect()
}

/// Joins pairs the way Google's library prints them.
#[must_use]
pub fn join(pairs: &[(String, String)]) -> String {
    let pieces: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            if name.is_empty() {
                value.clone()
            } else {
                format!("{name}={value}")
            }
        })
        .collect();
    pieces.join(";")
}

/// The value of a parameter; names compare without case (RFC 8866 leaves it to the format, and all we know ignore it).
#[must_use]
pub fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_a_round_trip() {
        let pairs = split("minptime=10; useinbandfec=1;stereo=1");
        assert_eq!(value(&pairs, "Stereo"), Some("1"));
        assert_eq!(join(&pairs), "minptime=10;useinbandfec=1;stereo=1");
    }

    #[test]
    fn a_bare_value_has_no_name() {
        assert_eq!(split("111/111"), [(String::new(), "111/111".to_owned())]);
        assert_eq!(join(&split("111/111")), "111/111");
        assert!(split(" ; ").is_empty());
    }
}
