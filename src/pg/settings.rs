//! The settings that change how a type's output function writes its text, and how to hold them still.
//!
//! What is recorded must not depend on the session (as for `postgres_fdw`'s transmission modes), so a type whose text
//! does is written while those settings have the values of the table below.

use super::raw;
use core::ffi::{CStr, c_int};
use pgrx::pg_sys;

/// A set of settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Setting(u8);

impl Setting {
    pub(super) const NONE: Self = Self(0);
    pub(super) const DIGITS: Self = Self(1);
    pub(super) const MONEY: Self = Self(2);
    pub(super) const TIME: Self = Self(4);
    pub(super) const ALL: Self = Self(15);
}

const FIXED: [(u8, &CStr, &CStr); 9] = [
    (1, c"extra_float_digits", c"1"),
    (2, c"lc_monetary", c"C"),
    (4, c"DateStyle", c"ISO, YMD"),
    (4, c"TimeZone", c"UTC"),
    (4, c"IntervalStyle", c"postgres"),
    (8, c"bytea_output", c"hex"),
    (8, c"xmlbinary", c"base64"),
    (8, c"quote_all_identifiers", c"off"),
    (8, c"search_path", c"pg_catalog"),
];

/// The level to go back to.
#[derive(Clone, Copy)]
pub(super) struct Fixed(c_int);

/// Gives the settings of `which` their fixed values until [`release`].
///
/// # Safety
/// Must run in a transaction; an error in between undoes it with the (sub)transaction.
pub(super) unsafe fn fix(which: Setting) -> Fixed {
    if which == Setting::NONE {
        return Fixed(0);
    }
    // SAFETY: names and values are static and valid.
    unsafe {
        let level = raw::NewGUCNestLevel();
        for (group, name, value) in FIXED {
            if which.0 & group == 0 {
                continue;
            }
            let present = raw::GetConfigOption(name.as_ptr(), true, false);
            if !present.is_null() && CStr::from_ptr(present) == value {
                continue;
            }
            raw::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        Fixed(level)
    }
}

/// Gives them their values back.
///
/// # Safety
/// The guard must be of the innermost [`fix`].
pub(super) unsafe fn release(fixed: Fixed) {
    if fixed.0 > 0 {
        // SAFETY: the level is of the innermost `fix`.
        unsafe { raw::AtEOXact_GUC(true, fixed.0) };
    }
}
