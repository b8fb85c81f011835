//! What the caller may see of a table's history: SELECT on the table or on columns of it, and its row security.

use super::activity::{may_select, selects_all};
use super::arguments::relation_name;
use super::gate;
use super::raw;
use crate::error::Error;
use pgrx::pg_sys;
use pgrx::pg_sys::{AclMode, Oid};

pub(super) struct Sight {
    relid: Oid,
    role: Oid,
    all: bool,
    secured: bool,
}

impl Sight {
    /// Of who has decided already what may be seen.
    pub(super) const WHOLE: Self = Self {
        relid: pg_sys::InvalidOid,
        role: pg_sys::InvalidOid,
        all: true,
        secured: false,
    };

    /// What the caller sees of a table; raises 42501 where that is nothing.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn of(relid: Oid) -> Self {
        // SAFETY: see above.
        unsafe {
            Self::find(relid).unwrap_or_else(|| {
                Error::NotReadable {
                    table: relation_name(relid),
                }
                .raise()
            })
        }
    }

    /// The same; `None` where the caller sees nothing, as of a table that was dropped unless the extension is the caller's.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn find(relid: Oid) -> Option<Self> {
        // SAFETY: catalog look-ups.
        unsafe {
            let role = raw::GetUserId();
            if relid == pg_sys::InvalidOid || pg_sys::get_rel_relkind(relid) == 0 {
                return pg_sys::has_privs_of_role(role, gate::owner()).then_some(Self::WHOLE);
            }
            may_select(relid).then(|| Self {
                relid,
                role,
                all: selects_all(relid),
                secured: gate::has_row_security(relid),
            })
        }
    }

    pub(super) fn sees_all(&self) -> bool {
        self.all
    }

    /// Whether row security of the table applies to the caller.
    pub(super) fn is_secured(&self) -> bool {
        self.secured
    }

    /// Whether the caller may select a column; of one that is gone, whether all of the table.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn sees(&self, attnum: i16) -> bool {
        if self.all {
            return true;
        }
        if attnum <= 0 {
            return false;
        }
        let mut missing = false;
        // SAFETY: a catalog look-up that tells when there is no such column.
        unsafe {
            pg_sys::pg_attribute_aclcheck_ext(
                self.relid,
                attnum,
                self.role,
                AclMode::from(pg_sys::ACL_SELECT),
                &raw mut missing,
            ) == pg_sys::AclResult::ACLCHECK_OK
                && !missing
        }
    }

    /// Raises 42501 unless the caller may select every column that names an item.
    ///
    /// # Safety
    /// Must run in a transaction.
    pub(super) unsafe fn check_key(&self, key: &[&[u8]]) {
        if self.all {
            return;
        }
        // SAFETY: catalog look-ups of names that end with a zero.
        unsafe {
            for name in key {
                let copy: *mut u8 = raw::alloc_array(name.len() + 1);
                core::ptr::copy_nonoverlapping(name.as_ptr(), copy, name.len());
                if !self.sees(pg_sys::get_attnum(self.relid, copy.cast())) {
                    Error::NotReadable {
                        table: relation_name(self.relid),
                    }
                    .raise();
                }
            }
        }
    }
}
