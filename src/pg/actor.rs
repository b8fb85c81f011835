//! Who acts and from where: read once per statement and interned in `directus_versions.context`.
//!
//! A row of it is found by hash, remembered by each backend, and written when there is none yet. Two backends may
//! write the same one; neither waits for the other.

use super::catalog::{self, Table};
use super::guc::{self, Text};
use super::index;
use super::raw::{self, Global};
use super::sequence;
use crate::context::Request;
use core::ffi::{CStr, c_char, c_int};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};

const PARTS: usize = 7;
/// Columns of the table: id, hash, the parts, the cluster.
const COLUMNS: usize = PARTS + 3;
const REMEMBERED: usize = 64;

type Parts = [&'static [u8]; PARTS];

struct Memory {
    /// Contexts by hash, each in the slot of its lowest bits.
    slots: [(u64, i32); REMEMBERED],
    /// Some of them were written by a transaction that may still abort.
    uncommitted: bool,
    statement: Option<Statement>,
    request: Option<(u64, Request)>,
    client_address: Option<&'static [u8]>,
}

/// The statement for which the context was read last.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Statement {
    command: u32,
    role: Oid,
    changes: u64,
    context: i32,
}

static MEMORY: Global<Memory> = Global::new(Memory {
    slots: [(0, 0); REMEMBERED],
    uncommitted: false,
    statement: None,
    request: None,
    client_address: None,
});

/// Ends what holds for one statement.
pub(super) fn end_statement() {
    MEMORY.get().statement = None;
}

/// Keeps what was remembered: its rows are committed.
pub(super) fn commit() {
    let memory = MEMORY.get();
    memory.uncommitted = false;
    memory.statement = None;
}

/// Forgets what a transaction that aborts may have written.
pub(super) fn abort() {
    abort_subtransaction();
    MEMORY.get().uncommitted = false;
}

/// Forgets what a subtransaction that aborts may have written. What is found again may be of the transaction itself, so
/// that is not over yet.
pub(super) fn abort_subtransaction() {
    let memory = MEMORY.get();
    if memory.uncommitted {
        memory.slots = [(0, 0); REMEMBERED];
    }
    memory.statement = None;
}

/// Forgets all, for the table is not the one it was.
pub(super) fn forget() {
    MEMORY.get().slots = [(0, 0); REMEMBERED];
}

/// Tells whether an actor is known, for `require_actor`.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn is_known() -> bool {
    // SAFETY: see above.
    unsafe {
        !guc::text(Text::Actor).is_empty()
            || request().is_some_and(|request| request.actor.is_some())
    }
}

/// Who the application is acting for, from the settings or the request; `None` where nobody is named.
///
/// # Safety
/// Must run in a transaction.
pub(super) unsafe fn name() -> Option<&'static [u8]> {
    // SAFETY: see above.
    unsafe { Some(read(raw::GetUserId())[0]).filter(|name| !name.is_empty()) }
}

/// The id of the context of the statement with this command id.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn context(command: u32) -> i32 {
    // SAFETY: see above.
    unsafe {
        let role = raw::GetUserId();
        let changes = guc::changes();
        if let Some(last) = MEMORY.get().statement
            && last.command == command
            && last.role == role
            && last.changes == changes
        {
            return last.context;
        }
        let parts = read(role);
        // Remembered by a hash that nobody can aim at: parts of it are the client's to choose.
        let key = hash(secret(), &parts);
        let slot = (key % REMEMBERED as u64) as usize;
        let (known_key, known) = MEMORY.get().slots[slot];
        let context = if known_key == key && known != 0 {
            known
        } else {
            let hash = hash(raw::GetSystemIdentifier(), &parts);
            let id = match find(hash, &parts) {
                Some(id) => id,
                None => insert(hash, &parts),
            };
            MEMORY.get().slots[slot] = (key, id);
            id
        };
        MEMORY.get().statement = Some(Statement {
            command,
            role,
            changes,
            context,
        });
        context
    }
}

unsafe fn read(role: Oid) -> Parts {
    // SAFETY: names and settings are valid until the statement ends.
    unsafe {
        let request = request();
        let or_request = |text: Text, other: fn(&Request) -> &Option<String>| {
            let own = guc::text(text);
            match request.map(other) {
                Some(Some(said)) if own.is_empty() => said.as_bytes(),
                _ => own,
            }
        };
        let mut ip = or_request(Text::Ip, |request| &request.ip);
        if ip.is_empty() {
            ip = client_address();
        }
        let parts: Parts = [
            or_request(Text::Actor, |request| &request.actor),
            ip,
            or_request(Text::UserAgent, |request| &request.user_agent),
            or_request(Text::Origin, |request| &request.origin),
            role_name(raw::GetSessionUserId()),
            role_name(role),
            application_name(),
        ];
        parts.map(|part| valid(part))
    }
}

/// The claims and headers of the request, read again only when their text differs.
unsafe fn request() -> Option<&'static Request> {
    // SAFETY: settings are read at once; the parsed request stays until the next one.
    unsafe {
        let claims = guc::any(c"request.jwt.claims");
        let headers = guc::any(c"request.headers");
        if claims.is_empty() && headers.is_empty() {
            return None;
        }
        let hash = mix(mix(secret(), claims), headers);
        if MEMORY
            .get()
            .request
            .as_ref()
            .is_none_or(|(known, _)| *known != hash)
        {
            MEMORY.get().request = Some((hash, Request::read(claims, headers)));
        }
        MEMORY.get().request.as_ref().map(|(_, request)| request)
    }
}

unsafe fn role_name(role: Oid) -> &'static [u8] {
    // SAFETY: the name is palloc'd for the row at hand.
    unsafe {
        let name = raw::GetUserNameFromId(role, true);
        if name.is_null() {
            &[]
        } else {
            CStr::from_ptr(name).to_bytes()
        }
    }
}

unsafe fn application_name() -> &'static [u8] {
    // SAFETY: a setting of the server.
    unsafe {
        let name = pg_sys::application_name;
        if name.is_null() {
            &[]
        } else {
            CStr::from_ptr(name).to_bytes()
        }
    }
}

/// The address of the connection, which does not change; empty for a socket of the file system.
unsafe fn client_address() -> &'static [u8] {
    if let Some(known) = MEMORY.get().client_address {
        return known;
    }
    // SAFETY: a function without arguments that may return NULL; the copy outlives all transactions.
    unsafe {
        let mut call = core::mem::zeroed::<pg_sys::FunctionCallInfoBaseData>();
        let address = raw::inet_client_addr(&raw mut call);
        let mut known: &'static [u8] = &[];
        if !call.isnull {
            let text = raw::call1(raw::inet_out, address).cast_mut_ptr::<c_char>();
            let text = CStr::from_ptr(text).to_bytes();
            let copy: *mut u8 =
                raw::MemoryContextAlloc(pg_sys::TopMemoryContext, text.len()).cast();
            core::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
            known = core::slice::from_raw_parts(copy, text.len());
        }
        MEMORY.get().client_address = Some(known);
        known
    }
}

unsafe fn mix(seed: u64, bytes: &[u8]) -> u64 {
    // SAFETY: reads the bytes given; the hash is the server's own and stable.
    unsafe {
        let len = c_int::try_from(bytes.len()).unwrap_or(c_int::MAX);
        raw::hash_bytes_extended(bytes.as_ptr(), len, seed.wrapping_add(1))
    }
}

unsafe fn hash(seed: u64, parts: &Parts) -> u64 {
    // SAFETY: see `mix`.
    unsafe { parts.iter().fold(seed, |seed, part| mix(seed, part)) }
}

/// A number that only this backend knows.
unsafe fn secret() -> u64 {
    static SECRET: Global<u64> = Global::new(0);
    if *SECRET.get() == 0 {
        let mut bytes = [0u8; 8];
        // SAFETY: fills the eight bytes.
        unsafe { raw::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) };
        *SECRET.get() = u64::from_ne_bytes(bytes) | 1;
    }
    *SECRET.get()
}

/// The text itself, or with its upper bytes escaped where it is not of the server's encoding, as text from a client's
/// start-up options need not be.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn valid(text: &'static [u8]) -> &'static [u8] {
    // SAFETY: reads the bytes given; the escaped text is palloc'd.
    unsafe {
        let len = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        if raw::pg_verifymbstr(text.as_ptr().cast(), len, true) {
            return text;
        }
        let escaped: *mut u8 = raw::alloc_array(text.len() * 4);
        let mut at = 0;
        for byte in text {
            if byte.is_ascii() {
                *escaped.add(at) = *byte;
                at += 1;
            } else {
                let digits =
                    [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
                for byte in [b'\\', b'x', digits[0], digits[1]] {
                    *escaped.add(at) = byte;
                    at += 1;
                }
            }
        }
        core::slice::from_raw_parts(escaped, at)
    }
}

unsafe fn find(hash: u64, parts: &Parts) -> Option<i32> {
    // SAFETY: a scan of our own table.
    unsafe {
        let key = index::equals(2, pg_sys::F_INT8EQ, Datum::from(hash as i64));
        let snapshot = index::latest();
        index::search(
            Table::Context,
            Table::ContextHash,
            key,
            snapshot,
            |tuple, desc| matching(tuple, desc, parts),
        )
    }
}

/// The id of a row, if it is of these parts and this cluster.
unsafe fn matching(
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
    parts: &Parts,
) -> Option<i32> {
    // SAFETY: the tuple is of the context table.
    unsafe {
        let (values, nulls) = row_arrays(desc);
        raw::heap_deform_tuple(tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
        for (index, part) in parts.iter().enumerate() {
            let stored = if nulls[index + 2] {
                &[][..]
            } else {
                raw::payload(
                    raw::pg_detoast_datum_packed(values[index + 2].cast_mut_ptr()).cast::<u8>(),
                )
            };
            if stored != *part {
                return None;
            }
        }
        let cluster = values[COLUMNS - 1].value() as u64;
        (cluster == raw::GetSystemIdentifier()).then(|| values[0].value() as i32)
    }
}

/// Room for a row of the table, all NULL: it may have columns that a newer version of the extension added.
unsafe fn row_arrays(desc: pg_sys::TupleDesc) -> (&'static mut [Datum], &'static mut [bool]) {
    // SAFETY: palloc'd for the call at hand.
    unsafe {
        let count = ((*desc).natts as usize).max(COLUMNS);
        let values: *mut Datum = raw::alloc_array(count);
        let nulls: *mut bool = raw::alloc_array(count);
        let nulls = core::slice::from_raw_parts_mut(nulls, count);
        nulls.fill(true);
        (core::slice::from_raw_parts_mut(values, count), nulls)
    }
}

unsafe fn insert(hash: u64, parts: &Parts) -> i32 {
    // SAFETY: the row has the columns of sql/tables.sql; no right is needed to write below SQL.
    unsafe {
        let (Some(table), Some(ids)) = (
            catalog::oid(Table::Context),
            catalog::oid(Table::ContextIds),
        ) else {
            return 0;
        };
        let id = sequence::take(ids, 1) as i32;
        let relation = raw::relation_open(table, pg_sys::RowExclusiveLock as c_int);
        let (values, nulls) = row_arrays((*relation).rd_att);
        values[0] = Datum::from(id);
        values[1] = Datum::from(hash as i64);
        nulls[..2].fill(false);
        nulls[COLUMNS - 1] = false;
        for (index, part) in parts.iter().enumerate() {
            nulls[index + 2] = part.is_empty();
            if !part.is_empty() {
                let len = c_int::try_from(part.len()).unwrap_or(c_int::MAX);
                values[index + 2] =
                    Datum::from(raw::cstring_to_text_with_len(part.as_ptr().cast(), len));
            }
        }
        values[COLUMNS - 1] = Datum::from(raw::GetSystemIdentifier() as i64);
        let tuple =
            raw::heap_form_tuple((*relation).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        MEMORY.get().uncommitted = true;
        raw::CatalogTupleInsert(relation, tuple);
        raw::relation_close(relation, pg_sys::NoLock as c_int);
        id
    }
}
