//! A growing list in memory of the server, which an error may leave behind.

use super::raw;

pub(super) struct List<T> {
    data: *mut T,
    count: usize,
    capacity: usize,
}

impl<T> List<T> {
    /// Begins in the current memory context.
    ///
    /// # Safety
    /// Must run in a backend.
    pub(super) unsafe fn new() -> Self {
        // SAFETY: allocates or raises.
        let data = unsafe { raw::alloc_array(8) };
        Self {
            data,
            count: 0,
            capacity: 8,
        }
    }

    /// Appends an element.
    ///
    /// # Safety
    /// Must run in the memory context in which the list began, or one that lives as long.
    pub(super) unsafe fn push(&mut self, element: T) {
        // SAFETY: the memory has room for so many.
        unsafe {
            if self.count == self.capacity {
                self.capacity *= 2;
                self.data =
                    raw::repalloc_huge(self.data.cast(), self.capacity * size_of::<T>()).cast();
            }
            self.data.add(self.count).write(element);
        }
        self.count += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) fn slice(&self) -> &'static mut [T] {
        // SAFETY: so many were written; callers use one slice at a time.
        unsafe { core::slice::from_raw_parts_mut(self.data, self.count) }
    }
}
