//! What a write goes by: the revision that a revert or undo restores, the save that a promote publishes.
//!
//! A function that goes back runs its statements with the caller's rights, so what it says about them is said here, beside
//! the session's settings: which item will be written, what for. The trigger that records that write takes it. It can be
//! said only while such a function is at work.

use super::raw::{self, Global};
use crate::error::Error;
use core::ffi::CStr;
use core::fmt::Write;
use pgrx::pg_sys;
use std::collections::HashMap;

/// In which words an origin is told.
pub(super) enum Comment {
    Undo,
    Words(Box<[u8]>),
}

/// Why an item is written.
pub(super) struct Origin {
    pub(super) source: Option<i64>,
    pub(super) comment: Comment,
}

impl Origin {
    /// What the log's column `comment` says, in the current memory context.
    unsafe fn words(&self) -> &'static [u8] {
        let mut line = Line {
            text: [0; 64],
            len: 0,
        };
        let source = self.source.unwrap_or_default();
        let words = match &self.comment {
            Comment::Words(words) => words,
            Comment::Undo => {
                let written = write!(line, "undo of revision {source}");
                debug_assert!(written.is_ok());
                &line.text[..line.len]
            }
        };
        // SAFETY: palloc'd memory of that size.
        unsafe {
            let copy: *mut u8 = raw::alloc_array(words.len());
            core::ptr::copy_nonoverlapping(words.as_ptr(), copy, words.len());
            core::slice::from_raw_parts(copy, words.len())
        }
    }
}

/// A short text that needs no memory but its own.
struct Line {
    text: [u8; 64],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, more: &str) -> core::fmt::Result {
        let room = self.text.get_mut(self.len..self.len + more.len());
        room.ok_or(core::fmt::Error)?
            .copy_from_slice(more.as_bytes());
        self.len += more.len();
        Ok(())
    }
}

/// For each item of a collection the command that writes it, and why.
type Items = HashMap<Box<[u8]>, (u32, Origin)>;

struct Work {
    /// The nesting level of the transaction in which each function began, the outermost first.
    levels: Vec<i32>,
    /// By collection and item.
    announced: Option<HashMap<i32, Items>>,
    /// The `search_path` of the caller, for the triggers of its tables.
    path: *mut core::ffi::c_char,
}

static WORK: Global<Work> = Global::new(Work {
    levels: Vec::new(),
    announced: None,
    path: core::ptr::null_mut(),
});

/// Begins the work of a function that writes a user's table.
///
/// # Safety
/// Must run in a transaction; [`end`] must follow unless an error does.
pub(super) unsafe fn begin() {
    // SAFETY: the copy of the setting outlives the function's transaction.
    unsafe {
        if WORK.get().levels.is_empty() {
            let path = raw::GetConfigOption(c"search_path".as_ptr(), false, false);
            let path = raw::MemoryContextStrdup(pg_sys::TopTransactionContext, path);
            let work = WORK.get();
            work.path = path;
            work.announced = Some(HashMap::new());
        }
        let level = raw::GetCurrentTransactionNestLevel();
        WORK.get().levels.push(level);
    }
}

/// Ends it: what was announced and not written is forgotten.
pub(super) fn end() {
    let work = WORK.get();
    work.levels.pop();
    if work.levels.is_empty() {
        clear();
    }
}

fn clear() {
    let work = WORK.get();
    work.levels.clear();
    work.announced = None;
    work.path = core::ptr::null_mut();
}

/// Forgets the work that began in a (sub)transaction which ends at this nesting level.
pub(super) fn abort(level: i32) {
    let work = WORK.get();
    if work.levels.is_empty() {
        return;
    }
    while work.levels.last().is_some_and(|began| *began >= level) {
        work.levels.pop();
    }
    if work.levels.is_empty() {
        clear();
    }
}

/// Says why an item will be written. Raises 42501 where no function of ours is at work.
pub(super) fn announce(collection: i32, item: &[u8], origin: Origin) {
    let Some(announced) = &mut WORK.get().announced else {
        drop(origin);
        Error::NotAtWork.raise()
    };
    // The command that runs, or comes next; what it calls may have counted on meanwhile.
    // SAFETY: a function of SQL runs under a snapshot.
    let command = unsafe { (*raw::GetActiveSnapshot()).curcid };
    let items = announced.entry(collection).or_default();
    items.insert(item.into(), (command, origin));
}

/// Takes what was said of a command's write of an item, and not of another's, as of a trigger that it fires: the source, and
/// the words in the current memory context.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn take(
    collection: i32,
    item: &[u8],
    command: u32,
) -> Option<(Option<i64>, &'static [u8])> {
    let items = WORK.get().announced.as_mut()?.get_mut(&collection)?;
    let (_, origin) = items.get(item).filter(|(of, _)| *of == command)?;
    // SAFETY: only references are held when this raises.
    let told = (origin.source, unsafe { origin.words() });
    items.remove(item);
    Some(told)
}

/// The `search_path` of whoever called; raises 42501 where no function of ours is at work.
pub(super) fn path() -> &'static CStr {
    let path = WORK.get().path;
    if path.is_null() {
        Error::NotAtWork.raise();
    }
    // SAFETY: copied by `begin`, and there until the work ends.
    unsafe { CStr::from_ptr(path) }
}
