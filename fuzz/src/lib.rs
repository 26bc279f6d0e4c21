//! The loop that every target shares: takes inputs from a corpus, changes them at random, and hands them to a body
//! that must not panic.
//!
//! A target is a program: `target [SECONDS] [SEED]`, or `target FILE…` to run saved inputs once. The seed is printed;
//! the same seed and corpus give the same inputs. An input that makes the body panic is written beside the corpus.

pub mod library;
pub mod requests;
pub mod schema;

use std::{
    env, fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

const MAX_LENGTH: usize = 1 << 14;

/// Runs `body` over changed inputs of `corpus/<name>`, and of the files that `also` names (relative to this crate).
pub fn run(name: &str, also: &[&str], mut body: impl FnMut(&[u8])) -> ExitCode {
    let root = env::var("CARGO_MANIFEST_DIR");
    let root = Path::new(root.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR")));
    let arguments: Vec<String> = env::args().skip(1).collect();
    let files: Vec<&String> = arguments
        .iter()
        .filter(|one| Path::new(one).is_file())
        .collect();
    if !files.is_empty() {
        for file in files {
            body(&fs::read(file).expect("the file was there a moment ago"));
        }
        return ExitCode::SUCCESS;
    }
    let seconds = arguments
        .first()
        .and_then(|one| one.parse().ok())
        .unwrap_or(10);
    let seed = arguments
        .get(1)
        .and_then(|one| one.parse().ok())
        .unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.map_or(1, |since| since.as_nanos() as u64)
        });

    // Said first, for a crash says nothing.
    println!("{name}: seed {seed}");
    let mut corpus = vec![Vec::new()];
    for folder in [format!("corpus/{name}")]
        .iter()
        .map(String::as_str)
        .chain(also.iter().copied())
    {
        corpus.extend(read_folder(&root.join(folder)));
    }
    // Targets that read operations need long inputs to begin with; these are the same for every seed.
    let mut first = Random::new(1);
    corpus.extend((1..=16).map(|size| (0..size * 75).map(|_| first.number() as u8).collect()));
    let mut random = Random::new(seed);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut runs = 0_u64;
    for input in &corpus {
        if !survives(root, name, seed, input, &mut body) {
            return ExitCode::FAILURE;
        }
    }
    while Instant::now() < deadline {
        for _ in 0..64 {
            let input = random.changed(&corpus);
            if !survives(root, name, seed, &input, &mut body) {
                return ExitCode::FAILURE;
            }
            runs += 1;
        }
    }
    println!(
        "{name}: {runs} inputs from {} seeds in {seconds} s, seed {seed}: no panic",
        corpus.len()
    );
    ExitCode::SUCCESS
}

fn read_folder(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // The same order on every machine, or a seed would not be worth printing.
    paths.sort();
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .collect()
}

fn survives(
    root: &Path,
    name: &str,
    seed: u64,
    input: &[u8],
    body: &mut impl FnMut(&[u8]),
) -> bool {
    if panic::catch_unwind(AssertUnwindSafe(|| body(input))).is_ok() {
        return true;
    }
    let folder = root.join("failures");
    let file = folder.join(format!("{name}-{seed}"));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input));
    match written {
        Ok(()) => eprintln!(
            "{name}: panicked; seed {seed}; the input is in {}",
            file.display()
        ),
        Err(error) => eprintln!(
            "{name}: panicked; seed {seed}; {} not written: {error}",
            file.display()
        ),
    }
    false
}

/// A small generator (SplitMix64), and the changes it makes.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 for an empty range.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 {
            0
        } else {
            (self.number() % limit as u64) as usize
        }
    }

    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length);
        let end = (start + 1 + self.below(64)).min(length);
        (start, end)
    }

    fn changed(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, corpus);
        }
        input.truncate(MAX_LENGTH);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let length = input.len();
        match self.below(10) {
            0 if length > 0 => {
                let at = self.below(length);
                input[at] ^= 1 << self.below(8);
            }
            1 if length > 0 => {
                let at = self.below(length);
                input[at] = [0, 1, 0x7f, 0x80, 0xff, b' ', b'\n', b':'][self.below(8)];
            }
            2 if length > 0 => {
                let (start, end) = self.range(length);
                input.drain(start..end);
            }
            3 if length > 0 => {
                let (start, end) = self.range(length);
                let part = input[start..end].to_vec();
                let at = self.below(length);
                input.splice(at..at, part);
            }
            4 if length > 0 => input.truncate(self.below(length)),
            5 => {
                let other = &corpus[self.below(corpus.len())];
                if !other.is_empty() {
                    let (start, end) = self.range(other.len());
                    let at = self.below(length + 1);
                    input.splice(at..at, other[start..end].iter().copied());
                }
            }
            6 => {
                // Numbers at which counters and sizes turn over, as text.
                let numbers = [
                    "0",
                    "-1",
                    "65535",
                    "65536",
                    "4294967295",
                    "18446744073709551616",
                ];
                let text = numbers[self.below(numbers.len())];
                let at = self.below(length + 1);
                input.splice(at..at, text.bytes());
            }
            7 => self.change_lines(input),
            _ => {
                let at = self.below(length + 1);
                let count = 1 + self.below(8);
                for _ in 0..count {
                    input.insert(at, self.number() as u8);
                }
            }
        }
    }

    /// Drops, doubles or swaps whole lines: what keeps a text readable keeps the parser going.
    fn change_lines(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        if lines.is_empty() {
            return;
        }
        let (from, to) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(3) {
            0 => drop(lines.remove(from)),
            1 => {
                let line = lines[from].clone();
                lines.insert(to, line);
            }
            _ => lines.swap(from, to),
        }
        *input = lines.concat();
    }
}
