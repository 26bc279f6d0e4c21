//! The handle table: what the host holds by number.
//!
//! A number is given out once and never again. Each entry knows its kind, so a
//! look-up of the wrong kind is an error and not a crash, and its owner (a
//! room, usually) together with whether the host was told of it: closing the
//! owner frees what the host never got to hold and leaves the rest droppable.
//!
//! No lock of the table is held while a value is dropped, so a `Drop` may use
//! the table.

use std::{
    any::Any,
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use dashmap::{DashMap, mapref::entry::Entry as Slot};
use tokio::runtime::Handle;

use crate::error::HandleError;

/// The number by which the host holds something; never 0.
pub type HandleId = u64;

/// Something the host can hold by number.
pub trait Resource: Any + Send + Sync {
    /// What it is called in error texts, e.g. `room`.
    const KIND: &'static str;
}

/// Who owns an entry, and whether the host holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ownership {
    /// The handle whose closing may free the entry.
    pub owner: Option<HandleId>,
    /// The host was not told yet: [`HandleTable::close_owner`] may free it.
    pub internal: bool,
}

impl Ownership {
    /// Held by the host, owned by nobody else.
    pub const HOST: Self = Self {
        owner: None,
        internal: false,
    };

    /// Held by the host, made by `owner`.
    pub const fn of(owner: HandleId) -> Self {
        Self {
            owner: Some(owner),
            internal: false,
        }
    }

    /// Made by `owner` and not told to the host yet; see [`HandleTable::hand_out`].
    pub const fn internal(owner: HandleId) -> Self {
        Self {
            owner: Some(owner),
            internal: true,
        }
    }
}

enum Value {
    /// An encoded response: by far the most frequent, kept without type erasure.
    Response {
        #[expect(dead_code, reason = "kept for the host, who has its address")]
        bytes: Box<[u8]>,
    },
    Resource {
        value: Arc<dyn Any + Send + Sync>,
        kind: &'static str,
        ownership: Ownership,
    },
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Response { .. } => "response",
            Self::Resource { kind, .. } => kind,
        }
    }
}

/// Spreads numbers from a counter over the shards. The host picks the numbers it looks up, but not
/// those that are in the table, so nothing can be made to collide.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // Fibonacci hashing: consecutive numbers end up far from each other.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Handles and async ids, from one counter.
pub struct HandleTable {
    next: AtomicU64,
    entries: DashMap<HandleId, Value, BuildHasherDefault<IdHasher>>,
}

impl HandleTable {
    /// An empty table whose first number is `first` (at least 1).
    pub fn new(first: u64) -> Self {
        // Few shards: a host calls from a handful of threads, and every shard costs memory.
        Self {
            next: AtomicU64::new(first.max(1)),
            entries: DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), 8),
        }
    }

    /// A number that was never given out: for a handle ([`Self::insert_at`]) or an async id.
    pub fn next_id(&self) -> HandleId {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The number that comes next, for the table that follows this one.
    pub fn peek_id(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Stores `value` under a new number.
    pub fn insert<T: Resource>(&self, value: Arc<T>, ownership: Ownership) -> HandleId {
        let id = self.next_id();
        self.insert_at(id, value, ownership);
        id
    }

    /// Stores `value` under a number from [`Self::next_id`], for values that know their own.
    ///
    /// # Panics
    ///
    /// If `id` is in use: numbers are given out once.
    pub fn insert_at<T: Resource>(&self, id: HandleId, value: Arc<T>, ownership: Ownership) {
        let previous = self.entries.insert(
            id,
            Value::Resource {
                value,
                kind: T::KIND,
                ownership,
            },
        );
        assert!(
            previous.is_none(),
            "handle {id} was given out once and is not used twice"
        );
    }

    /// Stores an encoded response; the bytes stay where they are until the handle is dropped.
    pub(crate) fn insert_response(&self, bytes: Box<[u8]>) -> HandleId {
        let id = self.next_id();
        self.entries.insert(id, Value::Response { bytes });
        id
    }

    /// What `id` stands for.
    ///
    /// # Errors
    ///
    /// [`HandleError::Unknown`] or [`HandleError::WrongKind`].
    pub fn get<T: Resource>(&self, id: HandleId) -> Result<Arc<T>, HandleError> {
        match self.entries.get(&id) {
            None => Err(HandleError::Unknown {
                id,
                wanted: T::KIND,
            }),
            Some(entry) => downcast(id, entry.value()),
        }
    }

    /// Consumes `id` (`take_handle`): it is taken only if it is a `T`.
    ///
    /// # Errors
    ///
    /// As [`Self::get`]; the handle then stays as it was.
    pub fn take<T: Resource>(&self, id: HandleId) -> Result<Arc<T>, HandleError> {
        // Checked and removed under one lock: two takers cannot both succeed.
        match self.entries.entry(id) {
            Slot::Vacant(_) => Err(HandleError::Unknown {
                id,
                wanted: T::KIND,
            }),
            Slot::Occupied(entry) => {
                let value = downcast(id, entry.get())?;
                entry.remove();
                Ok(value)
            }
        }
    }

    /// Frees `id`, whatever it is; false if it is unknown.
    pub fn drop_handle(&self, id: HandleId) -> bool {
        self.entries.remove(&id).is_some()
    }

    /// As [`Self::drop_handle`], but what is not a mere response is dropped inside the runtime.
    pub(super) fn drop_handle_inside(
        &self,
        id: HandleId,
        runtime: impl FnOnce() -> Option<Handle>,
    ) -> bool {
        match self.entries.remove(&id) {
            None => false,
            Some((_, Value::Response { .. })) => true,
            Some((_, value)) => {
                let runtime = runtime();
                let _inside = runtime.as_ref().map(Handle::enter);
                drop(value);
                true
            }
        }
    }

    /// Whether `id` is in the table.
    pub fn contains(&self, id: HandleId) -> bool {
        self.entries.contains_key(&id)
    }

    /// Notes that the host was told of `id` and frees it itself; false if it is unknown.
    pub fn hand_out(&self, id: HandleId) -> bool {
        match self.entries.get_mut(&id).as_deref_mut() {
            Some(Value::Resource { ownership, .. }) => {
                ownership.internal = false;
                true
            }
            Some(Value::Response { .. }) => true,
            None => false,
        }
    }

    /// Frees what `owner` made and the host was never told of; says how many that were.
    pub fn close_owner(&self, owner: HandleId) -> usize {
        let unheld: Vec<HandleId> = self
            .entries
            .iter()
            .filter(|entry| {
                matches!(entry.value(), Value::Resource { ownership, .. }
                    if ownership.internal && ownership.owner == Some(owner))
            })
            .map(|entry| *entry.key())
            .collect();
        unheld
            .into_iter()
            .filter(|id| self.drop_handle(*id))
            .count()
    }

    /// The numbers of what `owner` made and the host still holds, in ascending order.
    pub fn held_of(&self, owner: HandleId) -> Vec<HandleId> {
        let mut held: Vec<HandleId> = self
            .entries
            .iter()
            .filter(|entry| {
                matches!(entry.value(), Value::Resource { ownership, .. }
                    if !ownership.internal && ownership.owner == Some(owner))
            })
            .map(|entry| *entry.key())
            .collect();
        held.sort_unstable();
        held
    }

    /// All values of one kind.
    pub fn all<T: Resource>(&self) -> Vec<Arc<T>> {
        self.entries
            .iter()
            .filter_map(|entry| downcast(*entry.key(), entry.value()).ok())
            .collect()
    }

    /// Empties the table.
    pub fn clear(&self) {
        let ids: Vec<HandleId> = self.entries.iter().map(|entry| *entry.key()).collect();
        for id in ids {
            self.drop_handle(id);
        }
    }

    /// How many handles there are, responses included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl fmt::Debug for HandleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleTable")
            .field("next", &self.peek_id())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

fn downcast<T: Resource>(id: HandleId, entry: &Value) -> Result<Arc<T>, HandleError> {
    if let Value::Resource { value, .. } = entry
        && let Ok(value) = Arc::clone(value).downcast::<T>()
    {
        return Ok(value);
    }
    Err(HandleError::WrongKind {
        id,
        wanted: T::KIND,
        found: entry.kind(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Room(u32);
    impl Resource for Room {
        const KIND: &'static str = "room";
    }

    #[derive(Debug, PartialEq)]
    struct Track;
    impl Resource for Track {
        const KIND: &'static str = "track";
    }

    /// Drops another handle when it is dropped itself.
    struct Chain(Weak<HandleTable>, HandleId);
    impl Resource for Chain {
        const KIND: &'static str = "chain";
    }
    impl Drop for Chain {
        fn drop(&mut self) {
            if let Some(table) = self.0.upgrade() {
                assert!(table.drop_handle(self.1));
            }
        }
    }

    #[test]
    fn numbers_start_at_one_and_never_repeat() {
        let table = HandleTable::new(0);
        assert_eq!(table.insert(Arc::new(Room(1)), Ownership::HOST), 1);
        assert_eq!(table.next_id(), 2);
        assert!(table.drop_handle(1));
        assert_eq!(table.insert(Arc::new(Room(2)), Ownership::HOST), 3);
    }

    #[test]
    fn a_look_up_of_the_wrong_kind_names_both() {
        let table = HandleTable::new(1);
        let id = table.insert(Arc::new(Room(7)), Ownership::HOST);
        assert_eq!(table.get::<Room>(id).as_deref(), Ok(&Room(7)));
        let error = table.get::<Track>(id).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("handle {id} is a room, not a track")
        );
        assert_eq!(
            table.get::<Track>(99),
            Err(HandleError::Unknown {
                id: 99,
                wanted: "track"
            })
        );
    }

    #[test]
    fn all_of_a_kind_are_found() {
        let table = HandleTable::new(1);
        table.insert(Arc::new(Track), Ownership::HOST);
        table.insert_response(Box::new([1]));
        for number in [5, 6] {
            table.insert(Arc::new(Room(number)), Ownership::HOST);
        }
        let mut rooms: Vec<u32> = table.all::<Room>().iter().map(|room| room.0).collect();
        rooms.sort_unstable();
        assert_eq!(rooms, [5, 6]);
    }

    #[test]
    fn a_response_is_no_resource() {
        let table = HandleTable::new(1);
        let id = table.insert_response(Box::new([1, 2, 3]));
        assert!(matches!(
            table.get::<Room>(id),
            Err(HandleError::WrongKind {
                found: "response",
                ..
            })
        ));
        assert!(table.drop_handle(id));
        assert!(!table.drop_handle(id));
    }

    #[test]
    fn taking_the_wrong_kind_leaves_the_handle() {
        let table = HandleTable::new(1);
        let id = table.insert(Arc::new(Room(1)), Ownership::HOST);
        assert!(table.take::<Track>(id).is_err());
        assert_eq!(table.take::<Room>(id).as_deref(), Ok(&Room(1)));
        assert_eq!(
            table.take::<Room>(id),
            Err(HandleError::Unknown { id, wanted: "room" })
        );
    }

    #[test]
    fn two_takers_cannot_both_succeed() {
        let table = HandleTable::new(1);
        for _ in 0..200 {
            let id = table.insert(Arc::new(Track), Ownership::HOST);
            let taken: usize = std::thread::scope(|scope| {
                let takers: Vec<_> = (0..2)
                    .map(|_| scope.spawn(|| usize::from(table.take::<Track>(id).is_ok())))
                    .collect();
                takers.into_iter().map(|taker| taker.join().unwrap()).sum()
            });
            assert_eq!(taken, 1);
        }
    }

    #[test]
    fn closing_a_room_leaves_only_what_the_host_holds() {
        let table = HandleTable::new(1);
        let room = table.insert(Arc::new(Room(1)), Ownership::HOST);
        let held = table.insert(Arc::new(Track), Ownership::of(room));
        let unheld = table.insert(Arc::new(Track), Ownership::internal(room));
        let told_later = table.insert(Arc::new(Track), Ownership::internal(room));
        let other = table.insert(Arc::new(Track), Ownership::internal(room + 100));
        assert!(table.hand_out(told_later));

        assert_eq!(table.close_owner(room), 1);
        assert!(!table.contains(unheld));
        assert_eq!(table.held_of(room), [held, told_later]);
        assert!(table.contains(room) && table.contains(other));
        // Still droppable after the close, each once.
        for id in [held, told_later, room] {
            assert!(table.drop_handle(id));
            assert!(!table.drop_handle(id));
        }
    }

    #[test]
    fn dropping_a_value_may_use_the_table() {
        let table = Arc::new(HandleTable::new(1));
        let inner = table.insert(Arc::new(Track), Ownership::HOST);
        let outer = table.insert(
            Arc::new(Chain(Arc::downgrade(&table), inner)),
            Ownership::HOST,
        );
        assert!(table.drop_handle(outer));
        assert!(table.is_empty());
    }

    #[test]
    fn clearing_empties_the_table() {
        let table = HandleTable::new(1);
        let ids: Vec<_> = (0..100)
            .map(|_| table.insert(Arc::new(Track), Ownership::HOST))
            .collect();
        table.clear();
        assert!(table.is_empty());
        assert!(ids.into_iter().all(|id| !table.drop_handle(id)));
    }
}
