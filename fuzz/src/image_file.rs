//! Files that may be images: arbitrary bytes, forged ones with right checksums, and what was saved, changed here and
//! there. Which of them are images, and of what, is decided by a second reader, written after the layout that
//! `src/image/file.rs` documents; the library must agree, and give memories those bytes.

use crate::ffi::*;
use crate::structs::Segment;
use crate::{Bytes, NULL, P, count_operation, planted, trace};
use std::ffi::CString;
use std::fs;
use std::sync::LazyLock;

const MAGIC: &[u8; 8] = b"\x89WMI\r\n\x1a\n";
const GRAIN: u64 = 4096;
/// No memory that is made of a file becomes larger.
const LARGEST: u64 = 1 << 24;

/// What a file says.
#[derive(Debug, PartialEq)]
struct Image {
    /// Logarithm of the page size, and pages.
    snapshot: Option<(u64, u64)>,
    end: u64,
    /// Where each piece goes, and its bytes.
    pieces: Vec<(u64, Vec<u8>)>,
}

fn crc(parts: &[&[u8]]) -> u32 {
    static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
        std::array::from_fn(|byte| {
            (0..8).fold(byte as u32, |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
        })
    });
    let add = |crc: u32, byte: &u8| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)];
    !parts.iter().copied().flatten().fold(!0, add)
}

fn word(file: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(file.get(at..at + 8)?.try_into().ok()?))
}

fn half(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?))
}

/// How many pieces the file says it has, if it is long enough for their list.
fn count(file: &[u8]) -> Option<usize> {
    let count = word(file, 40)?;
    (u128::from(count) * 16 + 60 <= file.len() as u128).then_some(count as usize)
}

/// The image in a file; `None` if it is none.
fn parse(file: &[u8]) -> Option<Image> {
    if file.get(..8)? != MAGIC || half(file, 8)? != 1 {
        return None;
    }
    let (kind, log2, pages, end) =
        (half(file, 12)?, word(file, 16)?, word(file, 24)?, word(file, 32)?);
    if half(file, 48)? != crc(&[&file[..48]]) {
        return None;
    }
    let snapshot = match kind {
        0 if log2 == 0 && pages == 0 => None,
        1 if matches!(log2, 0 | 16) && u128::from(pages) << log2 == u128::from(end) => {
            Some((log2, pages))
        }
        _ => return None,
    };
    let count = count(file)?;
    let list = 52..52 + 16 * count;
    if half(file, list.end)? != crc(&[&file[..48], &file[list.clone()]]) {
        return None;
    }
    let (mut pieces, mut at, mut floor) = (Vec::new(), list.end + 4, 0);
    for number in 0..count {
        let (offset, length) = (word(file, 52 + 16 * number)?, word(file, 60 + 16 * number)?);
        let last = offset.checked_add(length)?;
        let is_pages =
            offset.is_multiple_of(GRAIN) && (length.is_multiple_of(GRAIN) || last == end);
        if length == 0 || offset < floor || last > end || !is_pages {
            return None;
        }
        let bytes = file.get(at..at.checked_add(usize::try_from(length).ok()?)?)?;
        pieces.push((offset, bytes.to_vec()));
        (at, floor) = (at + bytes.len(), last);
    }
    let contents = &file[list.end + 4..at];
    let sum = crc(&[&file[..48], &file[list], contents]);
    (file.len() == at + 4 && half(file, at)? == sum).then_some(Image { snapshot, end, pieces })
}

/// Puts the checksums in where the file has its own idea of where they are.
fn mend_checksums(file: &mut [u8]) {
    if file.len() < 52 {
        return;
    }
    let sum = crc(&[&file[..48]]);
    file[48..52].copy_from_slice(&sum.to_le_bytes());
    let Some(count) = count(file) else { return };
    let list = 52..52 + 16 * count;
    let sum = crc(&[&file[..48], &file[list.clone()]]);
    file[list.end..list.end + 4].copy_from_slice(&sum.to_le_bytes());
    let last = file.len() - 4;
    let sum = crc(&[&file[..48], &file[list.clone()], &file[list.end + 4..last]]);
    file[last..].copy_from_slice(&sum.to_le_bytes());
}

/// A file by the layout, with the fields and pieces that the bytes say: mostly sane ones.
fn forge(b: &mut Bytes<'_>) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    let snapshot = b.flag();
    let small = b.flag();
    let mut pieces = Vec::new();
    let mut floor = 0u64;
    for _ in 0..b.below(6) {
        let offset = floor + b.below(4) * GRAIN;
        let length =
            if b.u8().is_multiple_of(4) { 1 + b.below(GRAIN) } else { (1 + b.below(3)) * GRAIN };
        pieces.push((offset, length));
        floor = (offset + length).next_multiple_of(GRAIN);
    }
    let mut end = pieces.last().map_or(b.below(70_000), |(offset, length)| offset + length);
    let pages = if small { end } else { end.div_ceil(65_536) };
    if snapshot {
        end = if small { pages } else { pages * 65_536 };
    } else if b.flag() {
        end += b.below(4) * GRAIN;
    }
    let mut fields = [
        u64::from(snapshot) << 32 | 1,
        if snapshot && !small { 16 } else { 0 },
        if snapshot { pages } else { 0 },
        end,
        pieces.len() as u64,
    ];
    // Now and then one of all these is something else.
    let odd = [0, 1, 16, 4095, 4096, 65_536, 1 << 32, 1 << 40, u64::MAX, u64::MAX - 4095, 1 << 63];
    match b.u8() % 4 {
        0 => fields[b.index(5)] = odd[b.index(odd.len())],
        1 if !pieces.is_empty() => {
            let at = b.index(pieces.len());
            let value = if b.flag() { odd[b.index(odd.len())] } else { b.below(1 << 17) };
            match b.flag() {
                true => pieces[at].0 = value,
                false => pieces[at].1 = value,
            }
        }
        _ => {}
    }
    file.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
    file.extend([0; 4]);
    file.extend(
        pieces.iter().flat_map(|(offset, length)| [*offset, *length]).flat_map(u64::to_le_bytes),
    );
    file.extend([0; 4]);
    let seed = b.u8();
    for (_, length) in &pieces {
        file.extend((0..(*length).min(1 << 15)).map(|at| (at >> 5) as u8 ^ seed));
    }
    file.extend([0; 4]);
    mend_checksums(&mut file);
    file
}

/// Changes a file here and there.
fn change(b: &mut Bytes<'_>, file: &mut Vec<u8>) {
    for _ in 0..b.below(4) {
        // Most of what can be wrong is at the start.
        let near = file.len().min(if b.flag() { 160 } else { 1 << 20 });
        let at = b.index(near.max(1));
        match b.u8() % 5 {
            0 if at < file.len() => file[at] ^= 1 << (b.u8() % 8),
            1 if at < file.len() => file[at] = b.u8(),
            2 => file.truncate(at),
            3 => file.extend((0..b.below(40)).map(|at| at as u8)),
            _ => {
                let field = (at & !3).min(file.len().saturating_sub(8));
                let value = b.offset(1 << 16).to_le_bytes();
                let end = file.len().min(field + 8);
                file[field..end].copy_from_slice(&value[..end - field]);
            }
        }
    }
}

/// The folder of this process, in memory where there is such a place.
fn path(name: &str) -> CString {
    static FOLDER: LazyLock<String> = LazyLock::new(|| {
        let shared = std::path::Path::new("/dev/shm");
        let base = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let folder = base.join(format!("wasm_memory_fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for files");
        extern "C" fn remove() {
            let _ = fs::remove_dir_all(&*FOLDER);
        }
        // SAFETY: a function that may be called when the process ends.
        unsafe { libc::atexit(remove) };
        folder.to_str().expect("a path in UTF-8").to_owned()
    });
    CString::new(format!("{}/{name}", *FOLDER)).expect("no NUL")
}

fn text(path: &CString) -> &str {
    path.to_str().expect("UTF-8")
}

struct Host {
    store: P,
}

// Kept for all inputs: what is tried here does not change it.
static HOST: LazyLock<Host> = LazyLock::new(|| {
    // SAFETY: no arguments, or one that was just made.
    unsafe {
        let engine = wasm_engine_new();
        let store = wasm_store_new(engine);
        // The store keeps it.
        wasm_engine_delete(engine);
        Host { store }
    }
});

// SAFETY: engines and stores may be used from any thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// A memory of an image, all of it as the second reader says.
fn compare(handle: P, image: &Image) {
    let (log2, minimum) = match image.snapshot {
        Some((log2, pages)) => (log2, pages),
        None => (0, image.end),
    };
    let length = minimum << log2;
    if length > LARGEST {
        return;
    }
    let mut expected = vec![0; length as usize];
    for (offset, bytes) in &image.pieces {
        expected[*offset as usize..*offset as usize + bytes.len()].copy_from_slice(bytes);
    }
    if planted(1) && image.pieces.len() > 1 && length % GRAIN != 0 {
        // As if the last piece were cut to whole pages.
        expected[length as usize - 1] ^= 1;
    }
    let (mut ty, mut memory) = (NULL, NULL);
    // SAFETY: handles that live; the memory has as many bytes as it says.
    unsafe {
        // A snapshot decides by itself how large it is.
        let declared = if image.snapshot.is_some() { 0 } else { minimum };
        let status = wasm_memorytype_try_new(
            declared,
            false,
            0,
            true,
            false,
            log2 as u8,
            (&raw mut ty) as P,
        );
        assert_eq!(status, OK);
        let status = wasm_memory_new_from_image(HOST.store, ty, handle, (&raw mut memory) as P);
        assert_eq!(status, OK, "a memory of the image");
        wasm_memorytype_delete(ty);
        assert_eq!(wasm_memory_data_size(memory) as u64, length);
        let ours =
            core::slice::from_raw_parts(wasm_memory_data(memory).cast::<u8>(), length as usize);
        let differs = ours.iter().zip(&expected).position(|(ours, expected)| ours != expected);
        assert!(differs.is_none(), "the byte at {differs:?} of {length} is another");
        count_operation();
        // And by a reset of a memory that had something else.
        let status = wasm_memory_fill(memory, 0, 0x77, length);
        assert_eq!(status, OK);
        assert_eq!(wasm_memory_reset(memory, handle), OK);
        let ours =
            core::slice::from_raw_parts(wasm_memory_data(memory).cast::<u8>(), length as usize);
        assert!(ours == expected, "after a reset");
        wasm_memory_delete(memory);
        count_operation();
    }
}

/// An image of the library's own making, and what it must be.
fn save(b: &mut Bytes<'_>, to: &CString) {
    let snapshot = b.flag();
    let small = b.flag();
    let length = if small { b.below(80_000) } else { (1 + b.below(4)) * 65_536 };
    let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
    for _ in 0..b.below(5) {
        let offset = b.below(length.max(1));
        let most = length - offset;
        let count = if b.flag() { b.below(most.min(300) + 1) } else { b.below(most + 1) };
        let seed = b.u8();
        // A value of zero is a piece that an image need not have.
        let bytes =
            (0..count).map(|at| if seed == 0 { 0 } else { (at >> 3) as u8 ^ seed }).collect();
        pieces.push((offset, bytes));
    }
    let mut image = NULL;
    // SAFETY: handles that live, buffers as long as is said.
    unsafe {
        if snapshot {
            let (mut ty, mut memory) = (NULL, NULL);
            let (pages, log2) = if small { (length, 0) } else { (length / 65_536, 16) };
            let status =
                wasm_memorytype_try_new(pages, false, 0, false, false, log2, (&raw mut ty) as P);
            assert_eq!(status, OK);
            assert_eq!(wasm_memory_try_new(HOST.store, ty, (&raw mut memory) as P), OK);
            wasm_memorytype_delete(ty);
            for (offset, bytes) in &pieces {
                assert_eq!(
                    wasm_memory_write(memory, *offset, bytes.as_ptr() as P, bytes.len()),
                    OK
                );
            }
            assert_eq!(wasm_memory_image_from_memory(memory, (&raw mut image) as P), OK);
            wasm_memory_delete(memory);
        } else {
            let segments: Vec<_> = pieces
                .iter()
                .map(|(offset, bytes)| Segment {
                    offset: *offset,
                    bytes: bytes.as_ptr(),
                    length: bytes.len(),
                })
                .collect();
            let status = wasm_memory_image_new(
                segments.as_ptr() as P,
                segments.len(),
                (&raw mut image) as P,
            );
            assert_eq!(status, OK);
        }
        assert_eq!(wasm_memory_image_save(image, to.as_ptr() as P), OK);
        wasm_memory_image_delete(image);
    }
    count_operation();
    // What the second reader finds in the file is what was put in.
    let file = fs::read(text(to)).expect("the file that was saved");
    let read = parse(&file).expect("what was saved is an image");
    let end = match snapshot {
        true => length,
        false => {
            pieces.iter().map(|(offset, bytes)| offset + bytes.len() as u64).max().unwrap_or(0)
        }
    };
    assert_eq!(read.end, end);
    let (mut expected, mut found) = (vec![0u8; end as usize], vec![0u8; end as usize]);
    for (from, into) in [(&pieces, &mut expected), (&read.pieces, &mut found)] {
        for (offset, bytes) in from {
            into[*offset as usize..*offset as usize + bytes.len()].copy_from_slice(bytes);
        }
    }
    assert!(expected == found, "what was saved");
}

pub fn run(data: &[u8]) {
    let mut b = Bytes::new(data);
    let mode = b.u8();
    let file_path = path("image");
    let mut file = match mode % 5 {
        0 | 1 => b.rest().to_vec(),
        2 => {
            save(&mut b, &file_path);
            fs::read(text(&file_path)).expect("the file that was saved")
        }
        _ => forge(&mut b),
    };
    if mode % 5 > 1 {
        change(&mut b, &mut file);
    }
    if mode % 5 == 1 || mode % 5 > 1 && mode & 64 == 64 {
        mend_checksums(&mut file);
    }
    fs::write(text(&file_path), &file).expect("a file");
    let expected = parse(&file);
    let mut handle = 1 as P;
    // SAFETY: a path that is text, and a place for a handle.
    let status = unsafe { wasm_memory_image_load(file_path.as_ptr() as P, (&raw mut handle) as P) };
    count_operation();
    trace!(
        "mode {mode}, {} bytes: status {status}; {:?}",
        file.len(),
        expected.as_ref().map(|image| image.end)
    );
    let mut is_expected = expected.is_some();
    if planted(2) && expected.as_ref().is_some_and(|image| image.pieces.len() == 2) {
        is_expected = false;
    }
    let what = expected.as_ref().map(|image| (image.snapshot, image.end, image.pieces.len()));
    assert_eq!(status, if is_expected { OK } else { IO }, "{what:?}");
    let Some(image) = expected else {
        assert!(handle.is_null());
        return;
    };
    compare(handle, &image);
    // What it is saved as again says the same, and only whole pages of zeros may be missing.
    let again_path = path("again");
    // SAFETY: an image that lives, a path that is text.
    unsafe {
        assert_eq!(wasm_memory_image_save(handle, again_path.as_ptr() as P), OK);
        wasm_memory_image_delete(handle);
    }
    count_operation();
    let again = parse(&fs::read(text(&again_path)).expect("the file that was saved again"));
    let again = again.expect("what was saved again is an image");
    assert_eq!((again.snapshot, again.end), (image.snapshot, image.end));
    let pages = |image: &Image| {
        let mut pages = std::collections::BTreeMap::new();
        for (offset, bytes) in &image.pieces {
            for (number, page) in bytes.chunks(GRAIN as usize).enumerate() {
                if page.iter().any(|byte| *byte != 0) {
                    pages.insert(offset + number as u64 * GRAIN, page.to_vec());
                }
            }
        }
        pages
    };
    assert!(pages(&again) == pages(&image), "saved again it is another image");
}
