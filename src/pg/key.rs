//! Finds the columns that name a row of a tracked table.

use super::raw;
use super::scope::Scope;
use super::types;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Oid, Relation};

/// The columns of the tracked table's primary key, else of its replica identity index.
///
/// # Safety
/// The relation must be open.
pub(super) unsafe fn root_key(relation: Relation, scope: &Scope) -> &'static [&'static [u8]] {
    // SAFETY: the root cannot go while one of its relations is locked for writing and so has an open parent;
    // a plain cache reference is enough to read its index list.
    unsafe {
        let root = if scope.relation == (*relation).rd_id {
            relation
        } else {
            raw::RelationIdGetRelation(scope.relation)
        };
        if root.is_null() {
            return &[];
        }
        let mut names = primary_key(root);
        if names.is_empty() {
            names = index_columns(root, raw::RelationGetReplicaIndex(root), false);
        }
        if root != relation {
            raw::RelationClose(root);
        }
        names
    }
}

/// Looks at every index, since the relation's cache entry does not name a deferrable primary key.
unsafe fn primary_key(root: Relation) -> &'static [&'static [u8]] {
    // SAFETY: the list's indexes belong to the open root.
    unsafe {
        let list = raw::RelationGetIndexList(root);
        let count = if list.is_null() { 0 } else { (*list).length };
        for position in 0..usize::try_from(count).unwrap_or(0) {
            let oid = (*(*list).elements.add(position)).oid_value;
            let names = index_columns(root, oid, true);
            if !names.is_empty() {
                return names;
            }
        }
        &[]
    }
}

/// The names of an index's columns; none where it is gone, or is not the primary key where only that is asked for. Read
/// from the catalog cache: nothing keeps the index of an inheritance parent from being dropped meanwhile.
unsafe fn index_columns(root: Relation, index: Oid, primary: bool) -> &'static [&'static [u8]] {
    // SAFETY: the tuple is held while it is read; memory is of the entry's context.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::INDEXRELID as c_int,
            pg_sys::Datum::from(index),
        );
        if tuple.is_null() {
            return &[];
        }
        let form: pg_sys::Form_pg_index = pg_sys::GETSTRUCT(tuple).cast();
        let mut kept: &[&[u8]] = &[];
        if !primary || (*form).indisprimary {
            let count = usize::try_from((*form).indnkeyatts).unwrap_or(0);
            let names: *mut &'static [u8] = raw::alloc_array(count);
            for position in 0..count {
                let attnum = *(*form).indkey.values.as_ptr().add(position);
                let at = usize::try_from(attnum - 1).unwrap_or(0);
                let attribute = raw::attribute((*root).rd_att, at);
                let (name, len) = types::copy_name(&raw const (*attribute).attname);
                names
                    .add(position)
                    .write(core::slice::from_raw_parts(name, len));
            }
            kept = core::slice::from_raw_parts(names, count);
        }
        pg_sys::ReleaseSysCache(tuple);
        kept
    }
}
