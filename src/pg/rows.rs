//! The rows that a function returns.

use super::raw;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, MemoryContext, TupleDesc};

pub(super) struct Rows {
    store: *mut pg_sys::Tuplestorestate,
    pub(super) desc: TupleDesc,
    /// Memory that is freed with each row.
    scratch: MemoryContext,
}

/// `MAT_SRF_USE_EXPECTED_DESC`
const USE_EXPECTED_DESC: u32 = 1;

impl Rows {
    /// Begins the set that a call returns; it spills to disk beyond `work_mem`.
    ///
    /// # Safety
    /// The call must be of a function that returns a set.
    pub(super) unsafe fn of(call: FunctionCallInfo) -> Self {
        // SAFETY: see above.
        unsafe { Self::with(call, 0) }
    }

    /// The same, of a function that returns a set of single values.
    ///
    /// # Safety
    /// See above.
    pub(super) unsafe fn of_values(call: FunctionCallInfo) -> Self {
        // SAFETY: see above.
        unsafe { Self::with(call, USE_EXPECTED_DESC) }
    }

    /// The same, of a function that gives a whole table: it spills beyond `maintenance_work_mem`. Most such sets exceed
    /// `work_mem`, and to write them to disk and read them again would cost a third of all.
    ///
    /// # Safety
    /// See above.
    pub(super) unsafe fn of_table(call: FunctionCallInfo) -> Self {
        // SAFETY: the set is empty, and the new one lies where the server wants it.
        unsafe {
            let mut rows = Self::with(call, 0);
            let info: *mut pg_sys::ReturnSetInfo = (*call).resultinfo.cast();
            raw::tuplestore_end(rows.store);
            let before = raw::switch_to((*(*info).econtext).ecxt_per_query_memory);
            let random = pg_sys::SetFunctionReturnMode::SFRM_Materialize_Random as c_int;
            let is_random = (*info).allowedModes & random != 0;
            rows.store = raw::tuplestore_begin_heap(is_random, false, pg_sys::maintenance_work_mem);
            raw::switch_to(before);
            (*info).setResult = rows.store;
            rows
        }
    }

    unsafe fn with(call: FunctionCallInfo, flags: u32) -> Self {
        // SAFETY: the server fills in where the rows go.
        unsafe {
            raw::InitMaterializedSRF(call, flags);
            let info: *mut pg_sys::ReturnSetInfo = (*call).resultinfo.cast();
            Self {
                store: (*info).setResult,
                desc: (*info).setDesc,
                scratch: raw::new_context(pg_sys::CurrentMemoryContext, c"directus_versions rows"),
            }
        }
    }

    /// Adds a row.
    ///
    /// # Safety
    /// The values must be of the function's columns.
    pub(super) unsafe fn add<const N: usize>(&mut self, row: [Option<Datum>; N]) {
        let mut values = row.map(|value| value.unwrap_or(Datum::null()));
        let mut nulls = row.map(|value| value.is_none());
        // SAFETY: see above.
        unsafe { self.put(values.as_mut_ptr(), nulls.as_mut_ptr()) };
    }

    /// Adds a row of as many values as the function has columns.
    ///
    /// # Safety
    /// See above.
    pub(super) unsafe fn put(&mut self, values: *mut Datum, nulls: *mut bool) {
        // SAFETY: the row is copied; forming it takes memory.
        unsafe {
            let before = raw::switch_to(self.scratch);
            raw::tuplestore_putvalues(self.store, self.desc, values, nulls);
            raw::switch_to(before);
            raw::MemoryContextReset(self.scratch);
        }
    }
}
