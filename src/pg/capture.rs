//! The triggers: what a statement did to a row becomes a row of the log.

use super::buffer;
use super::change;
use super::column::Treatment;
use super::guc::{self, Switch};
use super::item;
use super::moved::{self, Moved};
use super::opaque;
use super::raw::{self, Global};
use super::record;
use super::relation::{self, Tracked};
use super::row::{Draft, Values, action, column};
use super::scope::Accountability;
use crate::error::Error;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, HeapTuple, TriggerData, TupleTableSlot};

/// One update in this many also stores the whole row, so that no history is long to put together.
const KEYFRAME_EVERY: u64 = 128;
/// A row larger than this is stored whole by its create alone.
const KEYFRAME_MAX_BYTES: u32 = 16 * 1024;

const EVENT_INSERT: u32 = 0;
const EVENT_DELETE: u32 = 1;
const EVENT_UPDATE: u32 = 2;

/// AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW.
///
/// # Safety
/// Called by the trigger manager.
pub(super) unsafe fn row(trigger: *mut TriggerData) {
    // SAFETY: the trigger manager gives an open relation, its trigger and the rows' slots.
    unsafe {
        let relation = (*trigger).tg_relation;
        let Some(tracked) = recorded(trigger) else {
            return;
        };
        if (*(*trigger).tg_trigger).tgoid != tracked.row_trigger {
            return;
        }
        let tuple = (*trigger).tg_trigtuple;
        match (*trigger).tg_event & 3 {
            EVENT_INSERT => {
                let command = change::command_of(relation, tuple, false);
                let values = slot_values((*trigger).tg_trigslot, tracked.natts);
                match arrived(tracked, relation, command) {
                    Some(row) => arrive(tracked, &row, values, command),
                    None => create(tracked, values, command),
                }
            }
            EVENT_DELETE => {
                let command = change::command_of(relation, tuple, true);
                settle(tracked.collection, command);
                if !(change::has_moved(tuple) && depart(tracked, tuple, command)) {
                    delete(
                        tracked,
                        slot_values((*trigger).tg_trigslot, tracked.natts),
                        command,
                    );
                }
            }
            EVENT_UPDATE => {
                let new_tuple = (*trigger).tg_newtuple;
                if change::same_row(tuple, new_tuple) && !moved::is_pending() {
                    return;
                }
                let command = change::command_of(relation, new_tuple, false);
                settle(tracked.collection, command);
                let old = slot_values((*trigger).tg_trigslot, tracked.natts);
                let new = slot_values((*trigger).tg_newslot, tracked.natts);
                let whole = (*new_tuple).t_len <= KEYFRAME_MAX_BYTES;
                update(tracked, old, new, command, whole);
            }
            _ => {}
        }
    }
}

/// What is recorded of the relation that a trigger fired on; `None` for nothing.
pub(super) unsafe fn recorded(trigger: *mut TriggerData) -> Option<&'static Tracked> {
    // SAFETY: see `row`; the entry stays until the trigger's next call.
    unsafe {
        if !guc::is_on(Switch::Enabled) || opaque::is_restoring() {
            return None;
        }
        // A transaction that has its locks already, and prepared its statement, would not look again by itself.
        if !core::mem::replace(UNDER_WAY.get(), true) {
            raw::AcceptInvalidationMessages();
        }
        let definition = &*(*trigger).tg_trigger;
        if definition.tgnargs != 1 {
            return None;
        }
        let tracked = &*relation::tracked((*trigger).tg_relation, function());
        if tracked.accountability == Accountability::None
            || tracked.collection != relation::argument(definition)
        {
            return None;
        }
        if guc::is_on(Switch::RequireActor) && !super::actor::is_known() {
            Error::ActorRequired.raise();
        }
        Some(tracked)
    }
}

/// Whether the scope was looked at in the statement under way.
static UNDER_WAY: Global<bool> = Global::new(false);

/// Ends the statement that was under way by an error.
pub(super) fn abort() {
    *UNDER_WAY.get() = false;
}

static CAPTURE: Global<pg_sys::Oid> = Global::new(pg_sys::InvalidOid);

/// The OID of the row trigger's function, by which its triggers are known.
pub(super) unsafe fn function() -> pg_sys::Oid {
    // SAFETY: a catalog look-up, once per backend.
    unsafe {
        if *CAPTURE.get() == pg_sys::InvalidOid {
            *CAPTURE.get() = super::catalog::function(c"_capture_row", &[]);
        }
        *CAPTURE.get()
    }
}

/// Forgets that OID, for the extension may be another one now.
pub(super) fn invalidate() {
    *CAPTURE.get() = pg_sys::InvalidOid;
}

/// The values of a slot, all attributes taken apart.
pub(super) unsafe fn slot_values(slot: *mut TupleTableSlot, natts: usize) -> Values {
    // SAFETY: the slot holds a row of a relation with that many attributes.
    unsafe {
        if usize::try_from((*slot).tts_nvalid).unwrap_or(0) < natts {
            raw::slot_getsomeattrs_int(slot, natts as core::ffi::c_int);
        }
        Values {
            values: (*slot).tts_values,
            nulls: (*slot).tts_isnull,
        }
    }
}

/// Records a new row.
pub(super) unsafe fn create(tracked: &Tracked, values: Values, command: u32) {
    // SAFETY: the values are of the tracked relation.
    unsafe {
        whole(tracked, values, command, action::CREATE);
    }
}

/// Records a row that is gone.
pub(super) unsafe fn delete(tracked: &Tracked, values: Values, command: u32) {
    // SAFETY: the values are of the tracked relation.
    unsafe {
        whole(tracked, values, command, action::DELETE);
    }
}

unsafe fn whole(tracked: &Tracked, values: Values, command: u32, action: u8) {
    // SAFETY: the values are of the tracked relation.
    unsafe {
        let mut draft = Draft::new(Some(tracked.collection), command, action);
        let item = item::text(tracked, values);
        draft.set_item(item);
        draft.set_origin(tracked.collection, item, command);
        if tracked.accountability == Accountability::All {
            draft.set(column::CHANGE, record::row(tracked, values));
        }
        draft.push();
    }
}

/// Records what differs between two versions of a row, if anything does.
unsafe fn update(tracked: &Tracked, old: Values, new: Values, command: u32, whole: bool) {
    let columns = tracked.columns();
    // SAFETY: the values are of the tracked relation; the marks are palloc'd for this row.
    unsafe {
        let marks = core::slice::from_raw_parts_mut(
            raw::palloc0(columns.len() + 1).cast::<bool>(),
            columns.len(),
        );
        let mut counts = false;
        let mut toasted = false;
        for (mark, column) in marks.iter_mut().zip(columns) {
            *mark = match (old.get(column.index), new.get(column.index)) {
                (None, None) => false,
                (Some(before), Some(after)) => {
                    !change::same_value(column.byval, column.len, before, after)
                }
                _ => true,
            };
            counts |= *mark && matches!(column.treatment, Treatment::Save | Treatment::Mask);
            toasted |= !*mark && column.len == -1 && is_out_of_line(new, column.index);
        }
        let rekeyed = tracked.keys().iter().any(|key| marks[*key]);
        if !counts && !rekeyed {
            return;
        }
        let mut draft = Draft::new(Some(tracked.collection), command, action::UPDATE);
        let item = item::text(tracked, new);
        draft.set_item(item);
        draft.set_origin(tracked.collection, item, command);
        if rekeyed {
            let former = item::text(tracked, old);
            draft.set_former(former);
            lead_on(tracked, former, item, command);
        }
        if tracked.accountability == Accountability::All {
            // A keyframe would have to fetch the values that did not change and lie out of line.
            let keyframe = tracked.always_snapshot || whole && !toasted && is_keyframe();
            let change = record::update(tracked, marks, old, new, keyframe);
            draft.set(column::CHANGE, change);
        }
        draft.push();
    }
}

unsafe fn is_out_of_line(values: Values, index: usize) -> bool {
    // SAFETY: the column is of variable length.
    values
        .get(index)
        .is_some_and(|value| unsafe { raw::is_external(value.cast_mut_ptr()) })
}

/// Writes the way from an item's old key to its new one.
unsafe fn lead_on(tracked: &Tracked, former: &[u8], item: &[u8], command: u32) {
    // SAFETY: see `update`.
    unsafe {
        let mut draft = Draft::new(Some(tracked.collection), command, action::MOVED);
        draft.set_item(former);
        draft.set_former(item);
        draft.push();
    }
}

/// Draws the revisions that store the whole row (xorshift64; their spread is all that matters).
fn is_keyframe() -> bool {
    static STATE: Global<u64> = Global::new(0x9E37_79B9_7F4A_7C15);
    let state = STATE.get();
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state).is_multiple_of(KEYFRAME_EVERY)
}

/// Lets a row that moved wait for its insert.
unsafe fn depart(tracked: &Tracked, tuple: HeapTuple, command: u32) -> bool {
    // SAFETY: the copy lives until the transaction ends or the row has arrived.
    unsafe {
        let before = raw::switch_to(pg_sys::TopTransactionContext);
        let copy = raw::heap_copytuple(tuple);
        raw::switch_to(before);
        moved::push(Moved {
            collection: tracked.collection,
            command,
            subtransaction: raw::GetCurrentSubTransactionId(),
            relid: tracked.relid,
            tuple: copy,
        })
    }
}

/// The row that an insert brings in from another partition, if it does.
unsafe fn arrived(tracked: &Tracked, relation: pg_sys::Relation, command: u32) -> Option<Moved> {
    // SAFETY: the relation is open.
    unsafe {
        if !moved::is_pending() {
            return None;
        }
        let row = moved::take(
            tracked.collection,
            command,
            raw::GetCurrentSubTransactionId(),
        )?;
        if row.relid == (*relation).rd_id {
            // No row moves within a partition: that one was suppressed, and this is another.
            end_of_way(&row);
            return None;
        }
        Some(row)
    }
}

/// Records a row's move to another partition as the one update it is.
unsafe fn arrive(tracked: &Tracked, row: &Moved, new: Values, command: u32) {
    // SAFETY: the old row's values are put into the order of the new relation's attributes.
    unsafe {
        let natts = tracked.natts;
        let values: *mut Datum = raw::alloc_array(natts);
        let nulls: *mut bool = raw::alloc_array(natts);
        for index in 0..natts {
            *nulls.add(index) = true;
        }
        with_row(row, |source, old| {
            for column in tracked.columns() {
                let same = source
                    .columns()
                    .iter()
                    .find(|other| other.name() == column.name());
                if let Some(value) = same.and_then(|other| old.get(other.index)) {
                    *values.add(column.index) = value;
                    *nulls.add(column.index) = false;
                }
            }
        });
        update(tracked, Values { values, nulls }, new, command, true);
    }
}

/// Records a row that left its partition and came to no other.
unsafe fn end_of_way(row: &Moved) {
    // SAFETY: see `with_row`.
    unsafe { with_row(row, |source, old| delete(source, old, row.command)) };
}

/// Takes a waiting row apart with what is known of its relation.
unsafe fn with_row(row: &Moved, mut action: impl FnMut(&Tracked, Values)) {
    // SAFETY: the statement still holds its lock on the relation.
    unsafe {
        let relation = raw::relation_open(row.relid, pg_sys::NoLock as core::ffi::c_int);
        let source = &*relation::tracked(relation, function());
        let values: *mut Datum = raw::alloc_array(source.natts);
        let nulls: *mut bool = raw::alloc_array(source.natts);
        raw::heap_deform_tuple(row.tuple, (*relation).rd_att, values, nulls);
        action(source, Values { values, nulls });
        raw::relation_close(relation, pg_sys::NoLock as core::ffi::c_int);
    }
}

/// Records the row that waited for this event and was not met by it.
unsafe fn settle(collection: i32, command: u32) {
    // SAFETY: see `end_of_way`.
    unsafe {
        if moved::is_pending()
            && let Some(row) = moved::take(collection, command, raw::GetCurrentSubTransactionId())
        {
            end_of_way(&row);
        }
    }
}

/// Ends a statement: what waits is recorded, and what is buffered is written.
///
/// # Safety
/// Must run in a transaction that may write.
pub(super) unsafe fn end_statement(command: u32) {
    // SAFETY: see above.
    unsafe {
        while let Some(row) = moved::take_ended(command, raw::GetCurrentSubTransactionId()) {
            end_of_way(&row);
        }
        buffer::flush();
        *UNDER_WAY.get() = false;
        record::trim();
        super::actor::end_statement();
    }
}
