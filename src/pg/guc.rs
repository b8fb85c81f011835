//! The settings of `directus_versions`, defined without preload when the library is first used.

use super::raw::Global;
use core::ffi::{CStr, c_char, c_void};
use pgrx::pg_sys;

/// What the application says of itself.
#[derive(Clone, Copy)]
pub(crate) enum Text {
    Actor,
    Ip,
    UserAgent,
    Origin,
    Comment,
    RequestId,
}

/// What is on or off.
#[derive(Clone, Copy)]
pub(crate) enum Switch {
    Enabled,
    RequireActor,
    AllowDrop,
}

struct Values {
    texts: [*mut c_char; 6],
    switches: [bool; 3],
    changes: u64,
}

static VALUES: Global<Values> = Global::new(Values {
    texts: [core::ptr::null_mut(); 6],
    switches: [true, false, false],
    changes: 0,
});

const TEXTS: [(&CStr, &CStr); 6] = [
    (
        c"directus_versions.actor",
        c"Who the application is acting for.",
    ),
    (
        c"directus_versions.ip",
        c"The address the request came from.",
    ),
    (
        c"directus_versions.user_agent",
        c"The program the request came from.",
    ),
    (c"directus_versions.origin", c"The origin of the request."),
    (
        c"directus_versions.comment",
        c"A remark recorded with each change.",
    ),
    (
        c"directus_versions.request_id",
        c"The application's name of the request.",
    ),
];

/// Defines the settings. Those set before the library was loaded keep their values.
pub(crate) fn define() {
    let values = VALUES.get();
    // SAFETY: the variables are static; names and texts are static too.
    unsafe {
        for (index, (name, description)) in TEXTS.iter().enumerate() {
            pg_sys::DefineCustomStringVariable(
                name.as_ptr(),
                description.as_ptr(),
                core::ptr::null(),
                &raw mut values.texts[index],
                c"".as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                0,
                None,
                Some(text_changed),
                None,
            );
        }
        define_switch(
            Switch::Enabled,
            c"directus_versions.enabled",
            c"Whether changes are recorded.",
            true,
            pg_sys::GucContext::PGC_SUSET,
        );
        define_switch(
            Switch::RequireActor,
            c"directus_versions.require_actor",
            c"Whether a write to a tracked table without an actor is refused.",
            false,
            pg_sys::GucContext::PGC_USERSET,
        );
        define_switch(
            Switch::AllowDrop,
            c"directus_versions.allow_drop",
            c"Whether DROP EXTENSION may take recorded history along.",
            false,
            pg_sys::GucContext::PGC_USERSET,
        );
        pg_sys::MarkGUCPrefixReserved(c"directus_versions".as_ptr());
    }
}

unsafe fn define_switch(
    switch: Switch,
    name: &'static CStr,
    description: &'static CStr,
    default: bool,
    context: pg_sys::GucContext::Type,
) {
    // SAFETY: the variable, the name and the text are static.
    unsafe {
        pg_sys::DefineCustomBoolVariable(
            name.as_ptr(),
            description.as_ptr(),
            core::ptr::null(),
            &raw mut VALUES.get().switches[switch as usize],
            default,
            context,
            0,
            None,
            None,
            None,
        );
    }
}

unsafe extern "C-unwind" fn text_changed(_: *const c_char, _: *mut c_void) {
    VALUES.get().changes += 1;
}

/// Counts the changes of the texts, including those that a rollback makes.
pub(super) fn changes() -> u64 {
    VALUES.get().changes
}

/// The bytes of a setting; empty when it is not set.
pub(super) fn text(text: Text) -> &'static [u8] {
    let pointer = VALUES.get().texts[text as usize];
    if pointer.is_null() {
        return &[];
    }
    // SAFETY: PostgreSQL keeps the string until the setting changes; callers read it at once.
    unsafe { CStr::from_ptr(pointer) }.to_bytes()
}

/// Whether a switch is on.
pub(crate) fn is_on(switch: Switch) -> bool {
    VALUES.get().switches[switch as usize]
}

/// The bytes of any setting, such as those `PostgREST` sets; empty when there is none of that name.
///
/// # Safety
/// Must run in a backend.
pub(super) unsafe fn any(name: &CStr) -> &'static [u8] {
    // SAFETY: the name is valid; callers read the string at once.
    unsafe {
        let pointer = super::raw::GetConfigOption(name.as_ptr(), true, false);
        if pointer.is_null() {
            &[]
        } else {
            CStr::from_ptr(pointer).to_bytes()
        }
    }
}
