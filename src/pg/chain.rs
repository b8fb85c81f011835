//! What may go of the entries under one key, and where the chain of what stays is cut.
//!
//! What goes of an item is its beginning: an entry stays where an earlier one of the item stays, so that what stays can be read
//! without gaps. Rows of the log go from the beginning of a key for the same reason: a deletion or a change of key tells that
//! earlier entries are of another row.

use super::lineage::{self, arrival};
use super::list::List;
use super::row::action;
use super::scan::Range;
use super::steps::{Entry, Home, Point, Steps};
use super::subject::Subject;

/// Up to when things go.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) collection: i32,
    /// Activity before this time.
    pub(super) activity: i64,
    /// Data before this time.
    pub(super) revisions: i64,
    /// So many revisions of each item keep their data.
    pub(super) keep_last: i64,
}

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// Its data goes, the activity stays.
    Stripped,
    Deleted,
}

/// What an entry means for who has the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A row with another key took this one.
    Arrival,
    /// The row went to another key.
    Departure,
    Update,
    /// A row was created or deleted.
    Other,
}

/// An entry under a key.
pub(super) struct Link {
    pub(super) home: Home,
    /// The bytes of its record within the row and elsewhere; `None` where there is no data.
    pub(super) data: Option<(u64, u64)>,
    pub(super) fate: Fate,
    id: i64,
    at: i64,
    point: Point,
    role: Role,
    /// The other key of an arrival or departure.
    former: &'static [u8],
}

impl Link {
    unsafe fn of(entry: &Entry) -> Self {
        Self {
            home: entry.home,
            // SAFETY: the entry's tuple is at hand.
            data: unsafe { entry.record_size() },
            fate: Fate::Stays,
            id: entry.id,
            at: entry.at,
            point: Point::of(entry),
            role: match (entry.action, entry.former) {
                (action::UPDATE, Some(_)) => Role::Arrival,
                (action::UPDATE, None) => Role::Update,
                (action::MOVED, _) => Role::Departure,
                _ => Role::Other,
            },
            // SAFETY: copied into the current memory context.
            former: unsafe { lineage::copy(entry.former.unwrap_or_default()) },
        }
    }
}

pub(super) struct Chain {
    pub(super) links: &'static mut [Link],
    /// Updates that become the first of what is kept, where something before them goes.
    pub(super) cuts: List<i64>,
}

/// Decides about every entry under a key, in the current memory context.
///
/// # Safety
/// Must run in a transaction with an active snapshot.
pub(super) unsafe fn decide(subject: &Subject, key: &[u8], limits: &Limits) -> Chain {
    // SAFETY: see above.
    unsafe {
        let mut links = List::new();
        let all = Range {
            from: i64::MIN,
            until: i64::MAX,
        };
        let mut steps = Steps::of(limits.collection, key, all, false);
        while let Some(entry) = steps.next() {
            if !entry.is_saved_version() {
                links.push(Link::of(&entry));
            }
        }
        steps.end();
        let mut chain = Chain {
            links: links.slice(),
            cuts: List::new(),
        };
        let mut start = 0;
        for end in 1..=chain.links.len() {
            let links = &chain.links[start..end];
            let next = chain.links.get(end);
            let is_over = links
                .last()
                .is_some_and(|link| link.role == Role::Departure)
                || next.is_none_or(|next| next.role == Role::Arrival)
                || next.is_some_and(|next| {
                    let renamed = subject.gaps.rekeyed_after(links[0].id);
                    renamed.is_some_and(|since| next.id >= since)
                });
            if is_over {
                let life = &mut chain.links[start..end];
                prune(subject, life, limits, &mut chain.cuts);
                start = end;
            }
        }
        chain.settle(limits.activity);
        chain
    }
}

/// Decides which data goes in the life of a row under a key.
unsafe fn prune(subject: &Subject, life: &mut [Link], limits: &Limits, cuts: &mut List<i64>) {
    // SAFETY: see `decide`.
    unsafe {
        let departure = life.last().filter(|link| link.role == Role::Departure);
        let newer_elsewhere = departure.map_or(0, |departure| after(subject, departure, limits));
        let mut newer =
            life.iter().filter(|link| link.data.is_some()).count() as i64 + newer_elsewhere;
        let mut stays = life[0].role == Role::Arrival && stays_before(&life[0], limits);
        let mut goes_before = false;
        for link in life.iter_mut().filter(|link| link.data.is_some()) {
            newer -= 1;
            stays |= link.at >= limits.revisions || newer < limits.keep_last;
            if stays && goes_before && link.role != Role::Other {
                cuts.push(link.id);
            }
            if !stays {
                link.fate = Fate::Stripped;
            }
            goes_before = !stays;
        }
        let departure = life.last().filter(|link| link.role == Role::Departure);
        if let Some(departure) = departure
            && goes_before
            && let Some(next) = arrival(limits.collection, departure.former, &departure.point)
            && next.change.is_some()
            && (next.at >= limits.revisions
                || limits.keep_last > 0 && newer_elsewhere <= limits.keep_last)
        {
            cuts.push(next.id);
        }
    }
}

/// How many revisions a row has since it left a key, or enough of them.
unsafe fn after(subject: &Subject, departure: &Link, limits: &Limits) -> i64 {
    if limits.keep_last == 0 {
        return 0;
    }
    // SAFETY: see `decide`.
    unsafe {
        let mut count = 0;
        let until = subject.gaps.rekeyed_after(departure.id).unwrap_or(i64::MAX);
        let mut key = departure.former;
        let mut point = departure.point;
        let mut goes_on = true;
        while goes_on && count <= limits.keep_last {
            goes_on = false;
            let Some(first) = arrival(limits.collection, key, &point) else {
                break;
            };
            count += i64::from(first.change.is_some());
            let begins = Point::of(&first);
            let range = Range {
                from: lineage::start(limits.collection, key, &begins),
                until,
            };
            let mut steps = Steps::of(limits.collection, key, range, false);
            while count <= limits.keep_last
                && let Some(entry) = steps.next()
            {
                if !begins.is_before(&entry) || entry.is_saved_version() {
                    continue;
                }
                if entry.action == action::MOVED {
                    key = lineage::copy(entry.former.unwrap_or_default());
                    point = Point::of(&entry);
                    goes_on = true;
                    break;
                }
                if entry.action == action::UPDATE && entry.former.is_some() {
                    break;
                }
                count += i64::from(entry.change.is_some());
            }
            steps.end();
        }
        count
    }
}

/// Whether the last revision of a row before it took a key stays for its time.
unsafe fn stays_before(arrival: &Link, limits: &Limits) -> bool {
    // SAFETY: see `decide`.
    unsafe {
        let range = Range {
            from: i64::MIN,
            until: lineage::end(limits.collection, arrival.former, &arrival.point),
        };
        let mut steps = Steps::of(limits.collection, arrival.former, range, true);
        let mut stays = false;
        while let Some(entry) = steps.next() {
            let is_earlier = arrival.point.is_after(&entry) && !entry.is_saved_version();
            if is_earlier && entry.action == action::MOVED {
                break;
            }
            if is_earlier && entry.change.is_some() {
                stays = entry.at >= limits.revisions;
                break;
            }
        }
        steps.end();
        stays
    }
}

impl Chain {
    /// Settles the fates: rows go from the beginning.
    fn settle(&mut self, activity: i64) {
        let mut goes = true;
        for link in self.links.iter_mut() {
            goes &= link.at < activity && (link.fate == Fate::Stripped || link.data.is_none());
            if goes {
                link.fate = Fate::Deleted;
            }
        }
    }

    /// Leaves all as it is.
    pub(super) fn spare(&mut self) {
        for link in self.links.iter_mut() {
            link.fate = Fate::Stays;
        }
        self.cuts.clear();
    }
}
