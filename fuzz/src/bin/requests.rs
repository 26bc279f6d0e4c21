//! Any bytes as requests: each is answered or refused with a text, and none makes the library panic.
//!
//! An input is a list of steps. A step is one byte that says how to send, one that says how many bytes follow, and
//! these bytes: a request, or what one is made up from. The files of `corpus/requests` are such lists, made of requests
//! that hosts send.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use livekit_ffi_fuzz::{
    library::{Library, handles, schema},
    requests::{MEMORY, Maker},
    run,
    schema::write,
};

/// Ends of messages that make any request unreadable: an endless number, field 0, a group, a length beyond the end.
const BROKEN_ENDS: [&[u8]; 4] = [&[0xff; 11], &[0, 0], &[0x0b], &[0x0a, 0x7f, 1]];

/// Handles that one input keeps; the oldest goes first.
const KEPT: usize = 16;

fn main() -> ExitCode {
    // Requests name it for reading and, where the protocol says so, for writing.
    let memory = vec![0_u8; MEMORY].leak().as_mut_ptr().expose_provenance() as u64;
    let library = Library::load();
    let code = run("requests", &[], |input| {
        let mut alive = Vec::new();
        let mut rest = input;
        for _ in 0..32 {
            let Some(([how, size], after)) = rest.split_first_chunk() else {
                break;
            };
            let (bytes, after) = after.split_at(usize::from(*size).min(after.len()));
            rest = after;
            step(&library, memory, *how, bytes, &mut alive);
        }
        for handle in alive {
            library.drop_handle(handle);
        }
        library.check();
    });
    let began = Instant::now();
    let events = library.dispose();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "dispose took {:?}",
        began.elapsed()
    );
    library.check();
    println!("requests: {events} events");
    code
}

fn step(library: &Library, memory: u64, how: u8, bytes: &[u8], alive: &mut Vec<u64>) {
    let number = usize::from(how >> 4);
    let maker = Maker {
        schema: schema(),
        handles: alive,
        memory,
    };
    let mut request = write(&maker.request(bytes));
    match how & 15 {
        13 => {
            if number < alive.len() {
                library.drop_handle(alive.remove(number));
            }
            return;
        }
        14 => request.extend(BROKEN_ENDS[number % BROKEN_ENDS.len()]),
        15 => request.truncate(request.len().saturating_sub(number + 1)),
        _ => {}
    }
    if let Ok(answer) = library.request(&request) {
        handles("FfiResponse", &answer, alive);
        while alive.len() > KEPT {
            library.drop_handle(alive.remove(0));
        }
    }
}
