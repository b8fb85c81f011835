//! `history`: what became of an item, whole after each event, oldest first.

use super::arguments::{item, oid, text_datum};
use super::gate;
use super::lineage;
use super::object::{self, Side};
use super::raw;
use super::reading::Record;
use super::row::action;
use super::rows::Rows;
use super::snapshot;
use super::state::{State, Take};
use super::steps::Entry;
use super::subject::{self, Subject};
use super::who;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo, MemoryContext};

/// `history(target regclass, item)`
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn history(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of(call);
        let (Some(relid), Some(item)) = (oid(call, 0), item(call, 1)) else {
            return Datum::null();
        };
        let subject = Subject::of_table(relid);
        subject.sight.check_key(subject.scope.last_key);
        if gate::is_hidden(&subject, item) {
            return Datum::null();
        }
        let mut telling = Telling {
            state: State::of(subject.scope.collection, &subject.sight),
            subject: &subject,
            rows: &mut rows,
            is_whole: false,
            is_lost: false,
            former: i64::MIN,
            actor: (0, None),
            context: pg_sys::CurrentMemoryContext,
        };
        let key = subject::key(item);
        let lineage = lineage::find(&subject, key, subject.sight.is_secured());
        lineage.walk(&subject, |entry| {
            telling.tell(entry);
            true
        });
        Datum::null()
    }
}

struct Telling<'a> {
    subject: &'a Subject,
    state: State,
    rows: &'a mut Rows,
    /// Whether the state is that of the whole item.
    is_whole: bool,
    /// Whether nothing told the item after the last interruption.
    is_lost: bool,
    /// The entry before.
    former: i64,
    /// The context that was looked up last, and its actor: most entries have the one of the entry before.
    actor: (i32, Option<Datum>),
    /// The memory of the call.
    context: MemoryContext,
}

impl Telling<'_> {
    unsafe fn tell(&mut self, entry: &Entry) {
        // SAFETY: the record is the entry's.
        unsafe {
            if self.subject.gaps.before(entry.id) > self.former {
                self.forget();
            }
            let Some(bytes) = entry.record() else {
                self.forget();
                self.former = entry.id;
                return;
            };
            let record = Record::read(bytes);
            let (delta, prior, data) = match entry.action {
                action::CREATE => {
                    self.state.clear();
                    self.state.take(&record, entry.id, Take::After);
                    self.is_whole = true;
                    let row = self.side(entry, &record, Side::Row);
                    (row, None, row)
                }
                action::DELETE => {
                    let row = self.side(entry, &record, Side::Row);
                    self.forget();
                    (None, row, row)
                }
                action::UPDATE => {
                    let delta = self.side(entry, &record, Side::New);
                    let prior = self.side(entry, &record, Side::Old);
                    self.update(entry, &record);
                    let data = self.is_whole.then(|| self.state.json(entry.id));
                    (delta, prior, data)
                }
                _ => {
                    let delta = self
                        .subject
                        .sight
                        .sees_all()
                        .then(|| record.json())
                        .flatten();
                    (delta, None, None)
                }
            };
            if !entry.is_saved_version() {
                self.former = entry.id;
            }
            let actor = self.actor(entry.context);
            self.rows.add([
                Some(Datum::from(entry.id)),
                Some(action_name(entry)),
                actor,
                Some(Datum::from(entry.at)),
                delta,
                prior,
                data,
                entry.comment,
                entry.version,
            ]);
        }
    }

    unsafe fn actor(&mut self, context: i32) -> Option<Datum> {
        // SAFETY: the text that is kept is the call's own.
        unsafe {
            if self.actor.0 != context {
                let actor = who::actor(context);
                if let Some(outdated) = self.actor.1.take() {
                    raw::pfree(outdated.cast_mut_ptr());
                }
                let before = raw::switch_to(self.context);
                let kept = actor.map(|text| text_datum(raw::payload(text.cast_mut_ptr::<u8>())));
                raw::switch_to(before);
                self.actor = (context, kept);
            }
            self.actor.1
        }
    }

    fn forget(&mut self) {
        self.state.clear();
        self.is_whole = false;
        self.is_lost = false;
    }

    /// Brings the state to what it was after an update.
    unsafe fn update(&mut self, entry: &Entry, record: &Record) {
        // SAFETY: the record is the entry's.
        unsafe {
            self.state.take(record, entry.id, Take::After);
            self.is_whole |= record.has_row();
            let lacks = self.is_whole && self.state.lacks_new_columns(entry.id, self.former);
            if lacks || !self.is_whole && !self.is_lost {
                let told = snapshot::forwards(self.subject, &mut self.state, entry);
                self.is_whole |= told;
                self.is_lost = !self.is_whole;
            }
        }
    }

    /// One side of a record, of the fields that the reader may see.
    unsafe fn side(&mut self, entry: &Entry, record: &Record, side: Side) -> Option<Datum> {
        // SAFETY: the record is the entry's.
        unsafe {
            if self.subject.sight.sees_all() {
                return object::of_record(record, side);
            }
            let places = self.state.places_of(record, entry.id);
            let state = &self.state;
            object::of_record_where(record, side, |at| !state.is_hidden(places[at]))
        }
    }
}

/// The name of an entry's action.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn action_name(entry: &Entry) -> Datum {
    // SAFETY: see above.
    unsafe {
        match entry.action {
            action::CREATE => text_datum(b"create"),
            action::UPDATE => text_datum(b"update"),
            action::DELETE => text_datum(b"delete"),
            _ => entry.label.unwrap_or_else(|| text_datum(b"")),
        }
    }
}
