//! The columns of a tracked relation, and what becomes of each.

use super::raw;
use super::scope::Scope;
use super::stored::{self, Kind};
use super::types::{self, TypeInfo};
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// What becomes of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Saved; a change of it is a change.
    Save,
    /// Saved with other changes; its own change records nothing.
    Ignore,
    /// Saved as asterisks; its change is a change.
    Mask,
    /// Never saved.
    Exclude,
}

pub(super) struct Column {
    /// Position in the row, from 0.
    pub(super) index: usize,
    name: *const u8,
    name_len: usize,
    pub(super) info: *mut TypeInfo,
    pub(super) byval: bool,
    pub(super) len: i16,
    pub(super) treatment: Treatment,
    /// Position in the layout of records, if it is saved.
    pub(super) field: usize,
    /// The type as the layout has it.
    pub(super) stored: i32,
    pub(super) kind: Kind,
}

impl Column {
    pub(super) fn is_saved(&self) -> bool {
        self.treatment != Treatment::Exclude
    }

    pub(super) fn name(&self) -> &[u8] {
        // SAFETY: the name was copied into the memory of the cache entry.
        unsafe { core::slice::from_raw_parts(self.name, self.name_len) }
    }
}

/// The columns of a relation that its rows have values of, in the order in which jsonb wants their names, in the current memory context.
///
/// # Safety
/// The descriptor must be that of an open relation.
pub(super) unsafe fn read(desc: pg_sys::TupleDesc, scope: &Scope) -> (*mut Column, usize) {
    // SAFETY: there is room for as many columns as the relation has attributes.
    unsafe {
        let natts = (*desc).natts as usize;
        let list: *mut Column = raw::alloc_array(natts);
        let mut count = 0;
        for index in 0..natts {
            let attribute = raw::attribute(desc, index);
            if !crate::compat::is_stored(attribute) {
                continue;
            }
            let (name, name_len) = types::copy_name(&raw const (*attribute).attname);
            let column = list.add(count);
            column.write(Column {
                index,
                name,
                name_len,
                info: types::describe((*attribute).atttypid),
                byval: (*attribute).attbyval,
                len: (*attribute).attlen,
                treatment: Treatment::Save,
                field: 0,
                stored: stored::JSON,
                kind: Kind::Json,
            });
            (*column).treatment = scope.treatment((*column).name());
            settle_kind(&mut *column, (*attribute).atttypid);
            count += 1;
        }
        let columns = core::slice::from_raw_parts_mut(list, count);
        columns.sort_unstable_by(|a, b| super::jsonb::key_order(a.name(), b.name()));
        let saved = columns.iter_mut().filter(|column| column.is_saved());
        for (position, column) in saved.enumerate() {
            column.field = position;
        }
        (list, count)
    }
}

/// Decides how a record holds the values of a column.
unsafe fn settle_kind(column: &mut Column, typid: Oid) {
    // SAFETY: the type exists.
    unsafe {
        let base = raw::getBaseType(typid);
        if column.treatment == Treatment::Mask {
            column.stored = stored::MASK;
        } else if stored::is_self_contained(base) {
            column.stored = base.to_u32() as i32;
        }
        column.kind = stored::kind(column.stored).0;
    }
}
