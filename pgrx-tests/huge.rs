//! Promise 4 at its limits: values that jsonb cannot hold, rows as wide and keys as long as they
//! come, large values that did not change, and many rows at once.

mod budget;
mod copy;
mod rows;
mod toast;
mod values;
