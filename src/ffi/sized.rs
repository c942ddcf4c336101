//! Structures that start with `size_t struct_size`, so that they can gain fields at their end.

use crate::error::Error;

/// A structure that the library fills for a caller, or reads from one, who may know fewer or more fields
/// of it.
///
/// # Safety
/// The type is `repr(C)` and starts with `struct_size: usize`; `FIELDS` has where each field after
/// that starts and ends, in bytes. All zeros are a value of it.
pub(super) unsafe trait Extensible: Copy {
    /// Where each field starts and ends, `struct_size` excepted.
    const FIELDS: &'static [(usize, usize)];
}

/// How many bytes of the structure its owner has.
pub(super) unsafe fn struct_size<T: Extensible>(place: *const T) -> Result<usize, Error> {
    // SAFETY: the contract of the ABI: the pointer is not NULL here, and every such structure
    // starts with its size.
    let size = unsafe { place.cast::<usize>().read() };
    if size < size_of::<usize>() {
        return Err(Error::InvalidArgument {
            name: "struct_size",
            value: size as u64,
            expected: "set it to sizeof of the structure before the call",
        });
    }
    Ok(size)
}

/// Writes the fields that fit into `size` bytes, each whole or not at all, but the size itself and
/// what lies between fields.
pub(super) unsafe fn fill<T: Extensible>(place: *mut T, size: usize, value: &T) {
    let (from, to) = ((&raw const *value).cast::<u8>(), place.cast::<u8>());
    for &(start, end) in T::FIELDS.iter().filter(|(_, end)| *end <= size) {
        // SAFETY: the owner has `size` bytes at `place`, by the contract of the ABI, and the field
        // lies within both those and T.
        unsafe { to.add(start).copy_from_nonoverlapping(from.add(start), end.wrapping_sub(start)) };
    }
}

/// Fills a structure of a caller's with what `of` answers, which learns how many bytes the caller has; with zeros if it fails.
pub(super) unsafe fn report<T: Extensible>(
    out: *mut T,
    of: impl FnOnce(usize) -> Result<T, Error>,
) -> Result<(), Error> {
    if out.is_null() {
        return Err(Error::NullArgument("out"));
    }
    // SAFETY: not NULL, so the caller's structure, which starts with its size.
    let size = unsafe { struct_size(out) }?;
    // SAFETY: the caller's structure has `size` bytes; all zeros are a value of such a type.
    unsafe { fill(out, size, &core::mem::zeroed()) };
    let filled = of(size)?;
    // SAFETY: as above.
    unsafe { fill(out, size, &filled) };
    Ok(())
}

/// Reads the fields that lie whole within `size` bytes; the others keep what `defaults` says.
pub(super) unsafe fn read<T: Extensible>(place: *const T, size: usize, defaults: T) -> T {
    let mut value = defaults;
    let (from, to) = (place.cast::<u8>(), (&raw mut value).cast::<u8>());
    for &(start, end) in T::FIELDS.iter().filter(|(_, end)| *end <= size) {
        // SAFETY: the owner has `size` bytes at `place`, by the contract of the ABI, and the field
        // lies within both those and T. What C put there is a value of the field's type.
        unsafe { to.add(start).copy_from_nonoverlapping(from.add(start), end.wrapping_sub(start)) };
    }
    value
}

/// Where each named field of a structure starts and ends.
macro_rules! fields {
    ($name:ty { $($field:ident: $type:ty),* $(,)? }) => {
        &[$({
            let start = core::mem::offset_of!($name, $field);
            (start, start.wrapping_add(size_of::<$type>()))
        }),*]
    };
}
pub(super) use fields;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Example {
        struct_size: usize,
        first: u64,
        small: bool,
        last: u64,
    }

    // SAFETY: repr(C), starts with its size, the fields after it listed.
    unsafe impl Extensible for Example {
        const FIELDS: &'static [(usize, usize)] =
            fields!(Example { first: u64, small: bool, last: u64 });
    }

    #[test]
    fn whole_fields_that_fit_are_written_and_nothing_else() {
        let value = Example { struct_size: 0, first: 1, small: true, last: 3 };
        for size in size_of::<usize>()..=size_of::<Example>() + 8 {
            let mut place = Example { struct_size: size, first: 77, small: false, last: 77 };
            // SAFETY: the structure is whole; `fill` writes at most its own size.
            unsafe { fill(&raw mut place, size, &value) };
            assert_eq!(place.struct_size, size);
            assert_eq!(place.first, if size >= Example::FIELDS[0].1 { 1 } else { 77 });
            assert_eq!(place.small, size >= Example::FIELDS[1].1);
            assert_eq!(place.last, if size >= Example::FIELDS[2].1 { 3 } else { 77 });
            // SAFETY: the structure is whole; `read` reads at most its own size.
            let back = unsafe { read(&raw const value, size, place) };
            assert_eq!((back.first, back.small, back.last), (place.first, place.small, place.last));
        }
    }
}
