//! Lays what a record has over a row.

use super::arguments::{argument, null};
use super::raw;
use super::reading::{Change, Record, Value};
use super::row::Values;
use super::typed::{Target, Typed};
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, HeapTupleHeader, Oid, Relation, varlena};

/// A row in the making, of a relation that is open.
pub(super) struct Row {
    pub(super) relation: Relation,
    pub(super) natts: usize,
    pub(super) values: *mut Datum,
    pub(super) nulls: *mut bool,
}

impl Row {
    /// A row of NULLs, in the current memory context.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn of(relid: Oid) -> Self {
        // SAFETY: arrays of as many values as the relation has attributes.
        unsafe {
            let relation = raw::relation_open(relid, pg_sys::AccessShareLock as c_int);
            let natts = (*(*relation).rd_att).natts as usize;
            let nulls: *mut bool = raw::alloc_array(natts);
            core::ptr::write_bytes(nulls, 1, natts);
            Self {
                relation,
                natts,
                values: raw::alloc_array(natts),
                nulls,
            }
        }
    }

    /// Takes the values of a composite datum of the relation's type; they lie in it.
    ///
    /// # Safety
    /// The datum must be of that type.
    pub(super) unsafe fn fill(&mut self, datum: Datum) {
        // SAFETY: see above.
        unsafe {
            let header: HeapTupleHeader =
                raw::pg_detoast_datum(datum.cast_mut_ptr::<varlena>()).cast();
            let mut tuple = pg_sys::HeapTupleData {
                t_len: u32::try_from(raw::varsize(header.cast::<u8>())).unwrap_or(0),
                t_data: header,
                ..Default::default()
            };
            let desc = (*self.relation).rd_att;
            raw::heap_deform_tuple(&raw mut tuple, desc, self.values, self.nulls);
        }
    }

    /// Sets an attribute, unless its value is not known.
    pub(super) fn set(&mut self, index: usize, typed: Typed) {
        // SAFETY: the caller counts from 0 and below the number of attributes.
        unsafe {
            match typed {
                Typed::Value(datum) => {
                    *self.values.add(index) = datum;
                    *self.nulls.add(index) = false;
                }
                Typed::Null => *self.nulls.add(index) = true,
                Typed::Unknown => {}
            }
        }
    }

    /// Makes all its values NULL again.
    pub(super) fn clear(&mut self) {
        // SAFETY: as many flags as attributes.
        unsafe { core::ptr::write_bytes(self.nulls, 1, self.natts) };
    }

    /// The row as a composite datum, in the current memory context.
    ///
    /// # Safety
    /// Its values must still be there.
    pub(super) unsafe fn datum(&self) -> Datum {
        // SAFETY: a relation's row type is known by its OID.
        unsafe {
            let (values, nulls) = (self.values.cast_const(), self.nulls.cast_const());
            Values { values, nulls }.datum((*self.relation).rd_att)
        }
    }

    /// Closes the relation.
    ///
    /// # Safety
    /// The row must not be used again.
    pub(super) unsafe fn close(self) {
        // SAFETY: opened by `of`.
        unsafe { raw::relation_close(self.relation, pg_sys::NoLock as c_int) };
    }

    /// The row as a composite datum; closes the relation.
    ///
    /// # Safety
    /// The row must not be used again.
    pub(super) unsafe fn finish(self) -> Datum {
        // SAFETY: see above.
        unsafe {
            let datum = self.datum();
            self.close();
            datum
        }
    }
}

/// The table of whose row type an argument is; raises 42809 for any other type.
///
/// # Safety
/// The call must know the expression it stands in.
pub(super) unsafe fn table_of(call: FunctionCallInfo, index: c_int) -> Oid {
    // SAFETY: see above.
    unsafe {
        let typid = pg_sys::get_fn_expr_argtype((*call).flinfo, index);
        let relid = pg_sys::get_typ_typrelid(typid);
        let is_table = relid != pg_sys::InvalidOid
            && matches!(
                pg_sys::get_rel_relkind(relid) as u8,
                pg_sys::RELKIND_RELATION | pg_sys::RELKIND_PARTITIONED_TABLE
            );
        if !is_table {
            Error::NotARow.raise();
        }
        relid
    }
}

/// `_overlaid(base anyelement, change, is_new boolean)`: fields are known by their present names.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn overlaid(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = table_of(call, 0);
        let base = argument(call, 0);
        let (Some(change), Some(is_new)) = (argument(call, 1), argument(call, 2)) else {
            return base.unwrap_or_else(|| null(call));
        };
        let bytes = raw::pg_detoast_datum_packed(change.cast_mut_ptr());
        let record = Record::read(raw::payload(bytes.cast::<u8>()));
        let mut row = Row::of(relid);
        if let Some(base) = base {
            row.fill(base);
        }
        if record.has_changes() {
            for Change { position, new, old } in record.changes() {
                let value = if is_new.value() as u8 != 0 { new } else { old };
                lay(&mut row, &record, position, value);
            }
        } else if let Some(values) = record.row() {
            for (position, value) in values {
                lay(&mut row, &record, position, value);
            }
        }
        row.finish()
    }
}

unsafe fn lay(row: &mut Row, record: &Record, position: usize, value: Option<Value>) {
    let field = &record.layout.fields[position];
    // SAFETY: the relation is open.
    unsafe {
        for index in 0..row.natts {
            let attribute = raw::attribute((*row.relation).rd_att, index);
            let name = core::ffi::CStr::from_ptr((*attribute).attname.data.as_ptr());
            if !(*attribute).attisdropped && name.to_bytes() == field.name {
                let typed = Target::of(attribute, row.relation).typed(field, value);
                row.set(index, typed);
            }
        }
    }
}
