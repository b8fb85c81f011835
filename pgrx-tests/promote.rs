//! Promoting: three-way by field, with the caller's rights, all or nothing.

mod conflicts;
mod drafts;
mod merge;
mod parts;
#[cfg(test)]
mod sessions;
mod table;
