//! All that touches `PostgreSQL` below SQL, and so the only place with `unsafe`.
//!
//! Two rules hold throughout. Functions of the server are called without a guard (see [`raw`]), so an error jumps
//! over our frames and nothing with a destructor may be alive in them. And no reference into a cache or buffer is
//! kept across a call that may come back here.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_ptr_alignment,
    reason = "datums, lengths and node pointers cross between C's types and ours; the server bounds them"
)]

mod activity;
mod actor;
mod arguments;
mod as_of;
mod blame;
mod buffer;
mod bytes;
mod callback;
mod capture;
mod catalog;
mod chain;
mod change;
mod column;
mod columns;
mod compare;
mod diff;
mod difference;
mod document;
mod drop;
mod entry;
mod event;
mod exact;
mod fit;
mod gate;
pub(crate) mod guc;
mod history;
mod index;
mod item;
mod json;
mod jsonb;
mod key;
mod keyframe;
mod laid;
mod later;
mod layout;
mod lineage;
mod list;
mod live;
mod mainrow;
mod mismatch;
mod moment;
mod moved;
mod nested;
mod net;
mod node;
mod object;
mod opaque;
mod order;
mod origin;
mod overlay;
mod page;
mod past;
pub(crate) mod path;
mod promote;
mod promotion;
mod prune;
mod raw;
mod reader;
mod reading;
mod record;
mod reference;
mod relation;
mod required;
mod restored;
mod row;
mod rows;
mod scan;
mod scope;
mod sequence;
mod settings;
mod sight;
mod slot;
mod slots;
mod snapshot;
mod spi;
mod staging;
mod state;
mod steps;
mod store;
mod stored;
mod subject;
mod table;
mod travel;
mod truncate;
mod typed;
mod types;
mod undertake;
mod undone;
mod unfit;
mod unknown;
mod unwind;
mod value;
mod varlena;
mod version;
mod versioned;
mod who;
pub(crate) mod xact;
