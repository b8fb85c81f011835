//! What the log says of versions.

use super::activity;
use super::catalog::{self, Table};
use super::guc::{self, Switch};
use super::raw;
use super::record;
use super::row::column;
use super::scope::{self, Accountability};
use super::sequence;
use super::version::Version;
use pgrx::pg_sys::Datum;

/// Texts put together, in the current memory context.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn phrase(parts: &[&[u8]]) -> &'static [u8] {
    // SAFETY: palloc'd memory of that size.
    unsafe {
        let text: *mut u8 = raw::alloc_array(parts.iter().map(|part| part.len()).sum());
        let mut at = 0;
        for part in parts {
            core::ptr::copy_nonoverlapping(part.as_ptr(), text.add(at), part.len());
            at += part.len();
        }
        core::slice::from_raw_parts(text, at)
    }
}

/// Records an event of a version, with what was saved or, where the application has no comment, in words what was done.
/// Returns the activity's id; `None` where nothing is recorded of the table.
///
/// # Safety
/// Must run in a transaction that may write; `saved` must be a jsonb.
pub(super) unsafe fn log(
    version: &Version,
    label: &[u8],
    saved: Option<Datum>,
    words: Option<&[u8]>,
) -> Option<Datum> {
    // SAFETY: see above.
    unsafe {
        let scope = scope::read_again(version.collection())?;
        if !guc::is_on(Switch::Enabled)
            || !scope.tracked
            || scope.accountability == Accountability::None
        {
            // Names of fields are told apart by the log's ids, so each change of a version has one.
            sequence::take(catalog::oid(Table::LogIds)?, 1);
            return None;
        }
        let mut draft = activity::begin(Some(version.collection()), label);
        if let Some(item) = version.item() {
            draft.set_item(item);
        }
        draft.set_version(version.uuid());
        if let Some(words) = words
            && draft.nulls[column::COMMENT]
        {
            draft.set_text(column::COMMENT, words);
        }
        if let Some(saved) = saved
            && scope.accountability == Accountability::All
        {
            draft.set(column::CHANGE, record::json(saved));
        }
        Some(activity::write(draft))
    }
}
