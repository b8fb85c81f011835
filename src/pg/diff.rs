//! `diff`: what differs between two revisions, or between one and the live row.

use super::arguments::{argument, text_datum};
use super::gate;
use super::lineage::{self, copy};
use super::raw;
use super::row::action;
use super::rows::Rows;
use super::scan::Range;
use super::snapshot;
use super::state::State;
use super::steps::{Entry, Point, Steps};
use super::subject::Subject;
use crate::error::Error;
use core::ffi::c_int;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, FunctionCallInfo};

/// `diff(from_revision bigint, to_revision bigint)`
///
/// # Safety
/// Called by the function manager with these arguments.
pub(super) unsafe fn diff(call: FunctionCallInfo) -> Datum {
    // SAFETY: see above.
    unsafe {
        let mut rows = Rows::of(call);
        let Some(from) = argument(call, 0) else {
            return Datum::null();
        };
        let (entry, subject) = revision(from.value() as i64);
        let mut old = State::of(subject.scope.collection, &subject.sight);
        let mut new = State::of(subject.scope.collection, &subject.sight);
        let mut until = i64::MAX;
        if let Some(to) = argument(call, 1) {
            let (other, _) = revision(to.value() as i64);
            if other.collection != entry.collection {
                Error::OtherTable.raise();
            }
            until = other.id;
            snapshot::after(&subject, &mut new, &other);
        } else if let Some(item) = present(&subject, &entry)
            && !gate::is_hidden(&subject, item)
        {
            snapshot::live(&subject, &mut new, item);
        }
        snapshot::after(&subject, &mut old, &entry);
        let mut fitted = None;
        if until == i64::MAX {
            // What only ALTER TABLE rewrote is no difference to the live row.
            let relation =
                pg_sys::try_relation_open(subject.scope.relation, pg_sys::AccessShareLock as c_int);
            if !relation.is_null() {
                let state = fitted.insert(State::of(subject.scope.collection, &subject.sight));
                snapshot::after(&subject, state, &entry);
                state.fit(relation);
                raw::relation_close(relation, pg_sys::NoLock as c_int);
            }
        }
        compare(
            &mut rows,
            &mut old,
            entry.id,
            &mut new,
            until,
            fitted.as_ref(),
        );
        Datum::null()
    }
}

/// The entry that is a revision; raises P0002 where there is none that the caller may see.
unsafe fn revision(id: i64) -> (Entry, Subject) {
    // SAFETY: see `diff`.
    unsafe { gate::revision(id).unwrap_or_else(|| Error::NoRevision { id }.raise()) }
}

/// Adds the fields that differ. A column has its newer name; one that is not there at one of the times is NULL then.
unsafe fn compare(
    rows: &mut Rows,
    old: &mut State,
    from: i64,
    new: &mut State,
    until: i64,
    fitted: Option<&State>,
) {
    // SAFETY: see `diff`.
    unsafe {
        let names = new.fields(until);
        let former = old.fields(from);
        let gone = former
            .iter()
            .filter(|(place, _)| !names.iter().any(|(other, _)| other == place));
        for (place, name) in names.iter().chain(gone) {
            if old.is_same(new, *place) || fitted.is_some_and(|fitted| fitted.is_same(new, *place))
            {
                continue;
            }
            rows.add([
                Some(text_datum(name)),
                old.field_json(*place),
                new.field_json(*place),
            ]);
        }
    }
}

/// The item that the row of an entry is now; `None` if it is gone.
unsafe fn present(subject: &Subject, entry: &Entry) -> Option<&'static [u8]> {
    let collection = subject.scope.collection;
    // SAFETY: see `diff`.
    unsafe {
        let mut key = copy(entry.item.unwrap_or_default());
        let mut whole = copy(entry.whole_item());
        let mut point = Point::of(entry);
        let mut is_there = entry.action != action::DELETE;
        loop {
            let range = Range {
                from: lineage::start(collection, key, &point),
                until: i64::MAX,
            };
            let mut moved = None;
            let mut steps = Steps::of(collection, key, range, false);
            while let Some(step) = steps.next() {
                if !point.is_before(&step) {
                    continue;
                }
                match step.action {
                    action::MOVED => {
                        let to = step.former.unwrap_or_default();
                        moved = lineage::arrival(collection, to, &Point::of(&step));
                        break;
                    }
                    action::DELETE => is_there = false,
                    action::CREATE => is_there = true,
                    _ => {}
                }
            }
            steps.end();
            match moved {
                Some(next) => {
                    key = copy(next.item.unwrap_or_default());
                    whole = copy(next.whole_item());
                    point = Point::of(&next);
                }
                None => return is_there.then_some(whole),
            }
        }
    }
}
