use std::collections::HashSet;
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

const SIZE: usize = 16 * 1024;

/// Tests' messages begin with a number; receipts say so.
const RECEIPT: &[u8] = b"receipt ";

#[expect(clippy::unnecessary_wraps, reason = "as makers are")]
fn make(_label: &str, receipt: Receipt) -> Option<Vec<u8>> {
    Some([RECEIPT, &receipt.number().to_be_bytes()].concat())
}

fn message(number: u32) -> Vec<u8> {
    let mut bytes = vec![0xab; SIZE];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[derive(Debug, PartialEq)]
enum Given {
    Message(u32),
    Receipt(Receipt),
}

/// An inbox, and the program that it gives messages to.
struct Program {
    inbox: Arc<Inbox>,
    given: UnboundedReceiver<Given>,
}

impl Program {
    fn new(reliable: bool) -> Self {
        let (sender, given) = unbounded_channel();
        let give = Arc::new(OnData::default());
        give.set(Some(Box::new(move |buffer: DataBuffer<'_>| {
            let one = match buffer.data.strip_prefix(RECEIPT) {
                Some(number) => Given::Receipt(Receipt::from_number(u64::from_be_bytes(
                    number.try_into().expect("eight bytes"),
                ))),
                None => {
                    assert_eq!(buffer.data.len(), SIZE);
                    let (number, _) = buffer.data.split_first_chunk().expect("a number");
                    Given::Message(u32::from_be_bytes(*number))
                }
            };
            sender.send(one).expect("the test reads to its end");
        })));
        let inbox = Inbox::new("_reliable", make, give, reliable, Handle::current());
        Self { inbox, given }
    }

    /// What was given so far, without what is still under way.
    fn given(&mut self) -> Vec<Given> {
        std::iter::from_fn(|| self.given.try_recv().ok()).collect()
    }

    /// Reads message after message up to `last`, with a receipt given back as each comes along.
    async fn read_up_to(&mut self, last: u32) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            match self.given.recv().await.expect("the inbox lives") {
                Given::Message(number) => numbers.push(number),
                Given::Receipt(receipt) => receipt.returned(),
            }
        }
        numbers
    }

    /// Waits until the worker has nothing to do.
    async fn settled(&self) {
        while self.inbox.state.lock().working {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_read_is_given_at_once_and_by_the_one_who_brought_it() {
    let mut program = Program::new(true);
    for number in 0..10_000 {
        program.inbox.take(true, message(number));
        for one in program.given() {
            match one {
                Given::Message(given) => assert_eq!(given, number),
                Given::Receipt(receipt) => receipt.returned(),
            }
        }
    }
    let state = program.inbox.state.lock();
    assert!(!state.waits() && !state.working);
    assert!(state.given < RECEIPT_EVERY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_program_that_reads_nothing_has_a_window_in_its_hands_and_memory_is_bounded() {
    let mut program = Program::new(true);
    let count = (64 * 1024 * 1024 / SIZE) as u32;
    for number in 0..count {
        program.inbox.take(true, message(number));
        // The disk is as fast as the path in this test.
        if program.inbox.state.lock().held_bytes > IN_MEMORY {
            program.settled().await;
        }
    }
    program.settled().await;
    let given = program.given();
    let messages = given
        .iter()
        .filter(|one| matches!(one, Given::Message(_)))
        .count();
    assert_eq!(messages, WINDOW / SIZE);
    assert_eq!(given.len() - messages, WINDOW / RECEIPT_EVERY);
    {
        let state = program.inbox.state.lock();
        assert!(state.held_bytes <= IN_MEMORY, "{}", state.held_bytes);
        let stored = state.stored.len();
        assert_eq!(messages + stored + state.held.len(), count as usize);
    }
    // It begins to read: the rest comes, all of it, in order.
    for one in given {
        if let Given::Receipt(receipt) = one {
            receipt.returned();
        }
    }
    let rest = program.read_up_to(count - 1).await;
    assert!(rest.into_iter().eq(messages as u32..count));
    program.settled().await;
    let state = program.inbox.state.lock();
    assert!(!state.waits() && state.spool.is_empty() && state.held_bytes == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_overtakes_what_waits() {
    let mut program = Program::new(true);
    let before = (WINDOW / SIZE) as u32 + 10;
    for number in 0..before {
        program.inbox.take(true, message(number));
    }
    let inbox = Arc::clone(&program.inbox);
    let reading = async {
        let numbers = program.read_up_to(before + 999).await;
        assert!(numbers.into_iter().eq(0..before + 1000));
    };
    let bringing = async move {
        for number in before..before + 1000 {
            inbox.take(true, message(number));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(bringing, reading);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_late_receipt_stands_for_all_before_it_and_counts_once() {
    let mut program = Program::new(true);
    for number in 0..(WINDOW / SIZE) as u32 {
        program.inbox.take(true, message(number));
    }
    let receipts: Vec<Receipt> = program
        .given()
        .into_iter()
        .filter_map(|one| match one {
            Given::Receipt(receipt) => Some(receipt),
            Given::Message(_) => None,
        })
        .collect();
    assert_eq!(
        receipts.iter().collect::<HashSet<_>>().len(),
        WINDOW / RECEIPT_EVERY
    );
    receipts[3].returned();
    assert_eq!(program.inbox.state.lock().given, WINDOW - 4 * RECEIPT_EVERY);
    for receipt in &receipts[..4] {
        receipt.returned();
    }
    assert_eq!(program.inbox.state.lock().given, WINDOW - 4 * RECEIPT_EVERY);
    Receipt::from_number(u64::MAX).returned();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_messages_that_may_be_lost_the_oldest_give_way() {
    let mut program = Program::new(false);
    let count = ((WINDOW + 2 * IN_MEMORY) / SIZE) as u32;
    for number in 0..count {
        program.inbox.take(true, message(number));
    }
    {
        let state = program.inbox.state.lock();
        assert!(state.held_bytes <= IN_MEMORY && state.stored.is_empty());
    }
    let read = program.read_up_to(count - 1).await;
    let first = (WINDOW / SIZE) as u32;
    let waited = (IN_MEMORY / SIZE) as u32;
    assert!(read.into_iter().eq((0..first).chain(count - waited..count)));
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_never_comes_stops_nothing_for_good() {
    let mut program = Program::new(true);
    let count = (WINDOW / SIZE) as u32 + 5;
    for number in 0..count {
        program.inbox.take(true, message(number));
    }
    let began = tokio::time::Instant::now();
    let mut numbers = Vec::new();
    while numbers.len() < count as usize {
        // Time goes on by itself where nothing else is to be done; the worker's thread is not seen by it.
        match program.given.try_recv() {
            Ok(Given::Message(number)) => numbers.push(number),
            Ok(Given::Receipt(_)) => {}
            Err(_) if program.inbox.state.lock().working => std::thread::yield_now(),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    assert!(numbers.into_iter().eq(0..count));
    assert!(began.elapsed() >= PATIENCE);
    assert!(began.elapsed() < PATIENCE * 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_the_close_nothing_is_given_and_nothing_is_kept() {
    let mut program = Program::new(true);
    for number in 0..(2 * WINDOW / SIZE) as u32 {
        program.inbox.take(true, message(number));
    }
    program.inbox.close();
    program.settled().await;
    let given = program.given();
    assert_eq!(
        given.len(),
        WINDOW / SIZE + WINDOW / RECEIPT_EVERY,
        "what was given before"
    );
    for one in given {
        if let Given::Receipt(receipt) = one {
            receipt.returned();
        }
    }
    program.inbox.take(true, message(0));
    program.settled().await;
    assert_eq!(program.given(), []);
    let state = program.inbox.state.lock();
    assert!(!state.waits() && state.spool.is_empty());
}

/// The file of what is stored goes with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_inbox_that_is_dropped_leaves_nothing_behind() {
    let program = Program::new(true);
    for number in 0..(4 * IN_MEMORY / SIZE) as u32 {
        program.inbox.take(true, message(number));
    }
    program.settled().await;
    let weak = Arc::downgrade(&program.inbox);
    drop(program);
    let began = Instant::now();
    while weak.strong_count() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::task::yield_now().await;
    }
}
