//! Lays the fields of a JSON object over a row of a table.

use super::arguments::{argument, null};
use super::callback;
use super::column::{Column, Treatment};
use super::gate;
use super::jsonb::Writer;
use super::overlay::{self, Row};
use super::raw;
use super::settings::{self, Setting};
use super::value;
use crate::merge::AS_IT_IS;
use core::ffi::{CStr, c_char, c_int, c_void};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FmgrInfo, FunctionCallInfo, Oid, varlena};

/// `_laid_over(main anyelement, delta jsonb)`.
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn laid_over(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let relid = overlay::table_of(call, 0);
        let main = argument(call, 0);
        match argument(call, 1) {
            Some(delta) => over(relid, main, delta),
            None => main.unwrap_or_else(|| null(call)),
        }
    }
}

/// A row of a table, or one of NULLs, with the fields of an object laid over it, as a composite datum. Raises what the
/// column's type raises for a value that is none of its own, and names the column.
///
/// The types' code and that of generated columns is of the table's owner or of whom that role trusts, so it runs as that
/// role, and under fixed settings: what a value means depends on no session.
///
/// # Safety
/// The datums must be a row of the table and a jsonb object.
pub(super) unsafe fn over(relid: Oid, main: Option<Datum>, delta: Datum) -> Datum {
    // SAFETY: see above; the arrays have a value for each attribute.
    unsafe {
        let mut row = Row::of(relid);
        let blank = row_of_nulls(&row);
        if let Some(main) = main {
            row.fill(main);
        }
        let owner = (*(*row.relation).rd_rel).relowner;
        let fixed = settings::fix(Setting::ALL);
        gate::run_as_table_owner(owner, || {
            let mut laid = false;
            let mut converter: *mut FmgrInfo = core::ptr::null_mut();
            for index in 0..row.natts {
                let attribute = raw::attribute((*row.relation).rd_att, index);
                if (*attribute).attisdropped {
                    continue;
                }
                let name = (*attribute).attname.data.as_ptr();
                let Some(value) = field(delta, CStr::from_ptr(name).to_bytes()) else {
                    continue;
                };
                if converter.is_null() {
                    converter = populate((*(*row.relation).rd_rel).reltype);
                }
                convert(&mut row, index, converter, blank, value);
                laid = true;
            }
            if laid {
                generate(&mut row);
            }
            Datum::null()
        });
        settings::release(fixed);
        row.finish()
    }
}

/// The value of a field in an object, if it is there.
unsafe fn field(object: Datum, name: &[u8]) -> Option<Datum> {
    // SAFETY: a function of the server that may return NULL.
    unsafe {
        let call = gate::arguments(2);
        let arguments = (*call).args.as_mut_ptr();
        (*arguments).value = object;
        (*arguments.add(1)).value = super::arguments::text_datum(name);
        let value = raw::jsonb_object_field(call);
        (!(*call).isnull).then_some(value)
    }
}

/// `jsonb_populate_record` for a row type. It knows how to make a value of any type from JSON.
unsafe fn populate(typid: Oid) -> *mut FmgrInfo {
    // SAFETY: the function looks at the type of its first argument.
    unsafe {
        let function = Oid::from(pg_sys::F_JSONB_POPULATE_RECORD);
        let info: *mut FmgrInfo = raw::alloc_array(1);
        raw::fmgr_info_cxt(function, info, pg_sys::CurrentMemoryContext);
        let mut list = core::ptr::null_mut();
        for typid in [typid, pg_sys::JSONBOID] {
            let constant = pg_sys::makeNullConst(typid, -1, pg_sys::InvalidOid);
            list = pg_sys::lappend(list, constant.cast());
        }
        (*info).fn_expr = pg_sys::makeFuncExpr(
            function,
            typid,
            list,
            pg_sys::InvalidOid,
            pg_sys::InvalidOid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        )
        .cast();
        info
    }
}

unsafe fn row_of_nulls(row: &Row) -> Datum {
    // SAFETY: the row has not been filled yet.
    unsafe {
        let desc = (*row.relation).rd_att;
        let tuple = raw::heap_form_tuple(desc, row.values, row.nulls);
        raw::heap_copy_tuple_as_datum(tuple, desc)
    }
}

/// What an error in a value says of it.
struct Place {
    column: *const c_char,
    table: *const c_char,
}

unsafe extern "C-unwind" fn tell_place(place: *mut c_void) {
    // SAFETY: the place outlives the callback.
    unsafe {
        let place = &*place.cast::<Place>();
        raw::err_generic_string(c_int::from(pg_sys::PG_DIAG_TABLE_NAME), place.table);
        raw::err_generic_string(c_int::from(pg_sys::PG_DIAG_COLUMN_NAME), place.column);
        raw::errcontext_msg(
            c"staged value of column \"%s\" of table \"%s\"".as_ptr(),
            place.column,
            place.table,
        );
    }
}

/// Whether the values of a type are JSON.
///
/// # Safety
/// The type must exist.
pub(super) unsafe fn is_json(typid: Oid) -> bool {
    // SAFETY: see above.
    let base = unsafe { raw::getBaseType(typid) };
    matches!(base, pg_sys::JSONOID | pg_sys::JSONBOID)
}

/// The value that a jsonb stands for, if it is an object of that only field.
unsafe fn as_it_is(value: Datum) -> Option<Datum> {
    // SAFETY: the value is a jsonb, which begins with its header (utils/jsonb.h).
    unsafe {
        const ONE_FIELD: u32 = 0x2000_0001;
        let bytes = raw::pg_detoast_datum(value.cast_mut_ptr::<varlena>()).cast::<u8>();
        let header = raw::payload(bytes);
        let header = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
        if header != ONE_FIELD {
            return None;
        }
        field(Datum::from(bytes), AS_IT_IS.as_bytes())
    }
}

/// Whether a jsonb is JSON null.
unsafe fn is_json_null(value: Datum) -> bool {
    // SAFETY: a scalar is an array of one entry, whose type tells null (utils/jsonb.h).
    unsafe {
        let bytes = raw::pg_detoast_datum(value.cast_mut_ptr::<varlena>()).cast::<u8>();
        let root = raw::payload(bytes);
        let word = |at: usize| {
            let bytes = root.get(at..at + 4).and_then(|word| word.try_into().ok());
            bytes.map(u32::from_ne_bytes)
        };
        word(0) == Some(0x5000_0001)
            && word(4).is_some_and(|entry| entry & 0x7000_0000 == 0x4000_0000)
    }
}

/// JSON null as a value of a json or jsonb column; a domain may refuse it.
unsafe fn json_null(typid: Oid) -> Datum {
    // SAFETY: an input function of a type of JSON, or of a domain over one, takes its text.
    unsafe {
        let mut input = pg_sys::InvalidOid;
        let mut parameter = pg_sys::InvalidOid;
        pg_sys::getTypeInputInfo(typid, &raw mut input, &raw mut parameter);
        raw::OidInputFunctionCall(input, c"null".as_ptr().cast_mut(), parameter, -1)
    }
}

/// Sets an attribute to a JSON value. The value goes alone through a row of NULLs: a domain that forbids NULL would refuse
/// a row in which its column is merely not there.
unsafe fn convert(row: &mut Row, index: usize, info: *mut FmgrInfo, blank: Datum, value: Datum) {
    // SAFETY: `tell_place` takes a place.
    unsafe {
        let attribute = raw::attribute((*row.relation).rd_att, index);
        let name = (*attribute).attname.data.as_ptr();
        let place = Place {
            column: name,
            table: (*(*row.relation).rd_rel).relname.data.as_ptr(),
        };
        let populated = callback::during(tell_place, place, || {
            let mut value = value;
            if is_json((*attribute).atttypid)
                && let Some(inner) = as_it_is(value)
            {
                if is_json_null(inner) {
                    *row.values.add(index) = json_null((*attribute).atttypid);
                    *row.nulls.add(index) = false;
                    return None;
                }
                value = inner;
            }
            let call = gate::arguments(2);
            (*call).flinfo = info;
            let arguments = (*call).args.as_mut_ptr();
            (*arguments).value = blank;
            (*arguments.add(1)).value = object_of(CStr::from_ptr(name).to_bytes(), value);
            Some(raw::jsonb_populate_record(call))
        });
        let Some(populated) = populated else {
            return;
        };
        let values: *mut Datum = raw::alloc_array(row.natts);
        let nulls: *mut bool = raw::alloc_array(row.natts);
        let mut taken = Row {
            relation: row.relation,
            natts: row.natts,
            values,
            nulls,
        };
        taken.fill(populated);
        *row.values.add(index) = *values.add(index);
        *row.nulls.add(index) = *nulls.add(index);
    }
}

/// An object of one field.
unsafe fn object_of(name: &[u8], value: Datum) -> Datum {
    // SAFETY: the value is a jsonb.
    unsafe {
        let value = raw::pg_detoast_datum(value.cast_mut_ptr::<varlena>()).cast::<u8>();
        let mut out = Writer::new(pg_sys::CurrentMemoryContext, 1024);
        let mut object = out.open_object(1);
        out.key(&mut object, name);
        let entry = out.jsonb(raw::payload(value));
        out.entry(&mut object, entry);
        out.close(object);
        out.finish()
    }
}

/// Computes the generated columns of a row anew.
unsafe fn generate(row: &mut Row) {
    // SAFETY: the slot has a value for each attribute; all is freed with the executor's state.
    unsafe {
        let desc = (*row.relation).rd_att;
        if (*desc).constr.is_null() || !(*(*desc).constr).has_generated_stored {
            return;
        }
        let outer = pg_sys::CurrentMemoryContext;
        let estate = raw::CreateExecutorState();
        raw::switch_to((*estate).es_query_cxt);
        let info: *mut pg_sys::ResultRelInfo = raw::alloc_array(1);
        (*info).type_ = pg_sys::NodeTag::T_ResultRelInfo;
        raw::InitResultRelInfo(info, row.relation, 0, core::ptr::null_mut(), 0);
        let slot = raw::MakeSingleTupleTableSlot(desc, &raw const pg_sys::TTSOpsVirtual);
        for index in 0..row.natts {
            *(*slot).tts_values.add(index) = *row.values.add(index);
            *(*slot).tts_isnull.add(index) = *row.nulls.add(index);
        }
        raw::ExecStoreVirtualTuple(slot);
        raw::ExecComputeStoredGenerated(info, estate, slot, pg_sys::CmdType::CMD_INSERT);
        raw::switch_to(outer);
        let tuple = raw::heap_form_tuple(desc, (*slot).tts_values, (*slot).tts_isnull);
        raw::heap_deform_tuple(tuple, desc, row.values, row.nulls);
        raw::ExecDropSingleTupleTableSlot(slot);
        raw::FreeExecutorState(estate);
    }
}

/// Whether a value of a column would be taken for what it holds.
unsafe fn looks_as_it_is(typid: Oid, value: Datum) -> bool {
    // SAFETY: the value is of the type.
    unsafe { raw::getBaseType(typid) == pg_sys::JSONBOID && as_it_is(value).is_some() }
}

/// The object that stands for JSON null.
unsafe fn json_null_as_it_is(out: &mut Writer) -> u32 {
    let mut object = out.open_object(1);
    out.key(&mut object, AS_IT_IS.as_bytes());
    out.entry(&mut object, Writer::null());
    out.close(object)
}

/// The fields of a row that are wanted, in their JSON form; a masked one as asterisks where `masked`. Where not, JSON null
/// is told from SQL NULL.
///
/// # Safety
/// The datum must be a row of the table.
pub(super) unsafe fn object(
    relid: Oid,
    row: Datum,
    masked: bool,
    wanted: impl Fn(&Column) -> bool,
) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut values = Row::of(relid);
        values.fill(row);
        let tracked = &*super::relation::tracked(values.relation, super::capture::function());
        let columns = || tracked.columns().iter().filter(|column| wanted(column));
        let mut left = columns().count();
        let mut out = Writer::new(pg_sys::CurrentMemoryContext, 2048);
        let mut object = out.open_object(left);
        for column in columns() {
            out.key(&mut object, column.name());
        }
        for column in columns() {
            left -= 1;
            let entry = if *values.nulls.add(column.index) {
                Writer::null()
            } else if masked && column.treatment == Treatment::Mask {
                out.string(b"**********")
            } else {
                let value = *values.values.add(column.index);
                let attribute = raw::attribute((*values.relation).rd_att, column.index);
                let is_json = !masked && is_json((*attribute).atttypid);
                let mut around = None;
                if is_json && looks_as_it_is((*attribute).atttypid, value) {
                    let mut object = out.open_object(1);
                    out.key(&mut object, AS_IT_IS.as_bytes());
                    around = Some(object);
                }
                let (entry, _) = value::write_column(&mut out, column.info, value, left);
                match around {
                    Some(mut object) => {
                        out.entry(&mut object, entry);
                        out.close(object)
                    }
                    None if is_json && entry == Writer::null() => json_null_as_it_is(&mut out),
                    None => entry,
                }
            };
            out.entry(&mut object, entry);
        }
        out.close(object);
        raw::relation_close(values.relation, pg_sys::NoLock as c_int);
        out.finish()
    }
}
