//! How an image lies in a file.
//!
//! ```text
//! at            bytes
//!  0            8     "\x89WMI\r\n\x1a\n"
//!  8            4     version of the format: 1
//! 12            4     kind: 0 segments, 1 snapshot of a memory
//! 16            8     of a snapshot: logarithm of its page size; else 0
//! 24            8     of a snapshot: its pages; else 0
//! 32            8     end: no piece reaches further; of a snapshot its length
//! 40            8     n, how many pieces there are
//! 48            4     checksum of the 48 bytes before
//! 52            16n   of each piece: offset in the memory (8), length (8)
//! 52 + 16n      4     checksum of the header and the pieces, without that of the header
//! 56 + 16n      ...   the bytes of the pieces, one piece after another
//! at the end    4     checksum of everything but the checksums
//! ```
//!
//! Numbers are little-endian. Pieces are whole pages of 4 KiB, but for one that reaches to the end; they are not
//! empty, ascend and do not overlap. What lies between them is zero and not in the file.
//!
//! Checksums are CRC-32, which notices every change of one bit, and of up to 32 bits in a row. They find accidents:
//! who can write the file can make them match. So nothing in a file is believed either way: memory is taken for no more
//! than the file is long, and pieces of pages keep what an image takes close to that, too.
//!
//! The first byte is no ASCII and the line ends are of both kinds, so that a file that was taken for text on its way is
//! no image any more.

#![forbid(unsafe_code)]

use crate::error::Error;
use crate::sys::{self, OsError, SystemPath};
use crate::units::{PageSize, Pages};
use core::sync::atomic::{AtomicU32, Ordering};
use crc32fast::Hasher;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"\x89WMI\r\n\x1a\n";
const VERSION: u32 = 1;
const SEGMENTS: u32 = 0;
const SNAPSHOT: u32 = 1;

/// A part of the header or of a piece: all of the file before the contents consists of such.
type Word = [u8; 8];
const HEADER_WORDS: usize = 6;
type Entry = [u8; 16];
const ENTRY_BYTES: u64 = 16;
/// As many pieces are read or written at once as 4 KiB hold, on the stack.
const ENTRIES_AT_ONCE: usize = 256;
const CHECKSUM_BYTES: u64 = 4;
/// What a file has besides pieces and their entries.
const FRAME_BYTES: u64 = size_of::<[Word; HEADER_WORDS]>() as u64 + 3 * CHECKSUM_BYTES;
/// What pieces are made of, on every host: the smallest page that there is.
const GRAIN: u64 = 4096;
/// So many bytes are still in the cache when they are summed up after they were read.
const CONTENTS_AT_ONCE: usize = 1 << 18;

const EMPTY: &str = "the file is empty: it is not an image, or a truncated one";
const NOT_AN_IMAGE: &str = "the file is not an image of a memory";
const OTHER_VERSION: &str =
    "the image is in a version of the file format that this version of the library does not know";
const TRUNCATED: &str = "the image is truncated: its file ends too early";
const WRONG_HEADER: &str = "the image is damaged: the checksum of its header does not match";
const WRONG_INDEX: &str = "the image is damaged: the checksum of its list of pieces does not match";
const WRONG_CONTENTS: &str = "the image is damaged: the checksum of its contents does not match";
const IMPOSSIBLE_HEADER: &str =
    "the image is damaged: its header describes a memory that cannot exist";
const IMPOSSIBLE_PIECES: &str =
    "the image is damaged: its pieces are out of order, empty, outside or no pages";
const TRAILING: &str = "the image is damaged: something follows its end in the file";
const NOT_REGULAR: &str = "the path names something that is not a regular file";
const NO_NAME: &str = "the path does not end in the name of a file";

const NOT_FOUND_OUT: &str = "the system does not tell what the path names";
const NOT_OPENED: &str = "the file of the image cannot be opened";
const NOT_READ: &str = "the file of the image cannot be read";
const NOT_CREATED: &str = "no temporary file can be made in the folder of the image";
const NOT_WRITTEN: &str = "the image cannot be written to its temporary file";
const NOT_RENAMED: &str = "the temporary file of the image cannot be renamed to the path";

/// What an image of a whole memory knows besides the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) page_size: PageSize,
    pub(crate) pages: Pages,
}

/// A range of a memory that is not zero, or not only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it starts in the memory: a multiple of 4 KiB.
    pub(super) offset: u64,
    /// Its bytes, at least one: a multiple of 4 KiB, unless they reach to the end of the image.
    pub(super) length: u64,
}

/// All of an image but the bytes.
#[derive(Debug)]
pub(super) struct Index {
    /// What it is a snapshot of; `None` if it was made from segments.
    pub(super) snapshot: Option<Snapshot>,
    /// The largest offset + length of all segments; of a snapshot its length in bytes.
    pub(super) end: u64,
    /// Ascending, none overlaps another or reaches past `end`.
    pub(super) pieces: Vec<Piece>,
}

impl Snapshot {
    /// Its length; `None` if it is more than 64 bits can say, which no memory of a process has.
    fn bytes(self) -> Option<u64> {
        u64::try_from(self.pages.bytes(self.page_size)).ok()
    }
}

/// Where a piece ends that may start at `floor` and must not reach past `end`; `None` if it is no such piece.
fn end_of(piece: &Piece, floor: u64, end: u64) -> Option<u64> {
    let piece_end = piece.offset.checked_add(piece.length)?;
    let is_inside = piece.length != 0 && piece.offset >= floor && piece_end <= end;
    let is_pages = piece.offset.is_multiple_of(GRAIN)
        && (piece.length.is_multiple_of(GRAIN) || piece_end == end);
    (is_inside && is_pages).then_some(piece_end)
}

/// Something that is wrong with a file, found without the system.
const fn wrong(what: &'static str) -> Error {
    Error::File { what, os: OsError::none() }
}

/// What the system refused.
fn refused(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::File { what, os: error.raw_os_error().map_or(OsError::none(), OsError) }
}

/// A path for the system.
fn system_path(path: &Path, otherwise: &'static str) -> Result<SystemPath, Error> {
    SystemPath::new(path).map_err(|os| {
        if os == OsError::no_memory() {
            return Error::OutOfHeap(path.as_os_str().len());
        }
        Error::File { what: otherwise, os }
    })
}

/// Reads or writes; in the build where calls of the system fail on demand, this can fail.
fn asked<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    sys::injection::side_point(OsError::IO.0).map_err(|os| io::Error::from_raw_os_error(os.0))?;
    call()
}

/// Writes an image. `bytes` says where the bytes of a piece are.
///
/// They go to a temporary file beside `path`, which is then renamed: whoever opens the path meanwhile, and whoever
/// comes after a failure, finds what was there before. A symbolic link at the path is replaced, not followed. The
/// system is not asked to bring the file to the disk before the rename, which takes long: after a power failure the
/// path may have a truncated file, and [`load`] says so.
pub(super) fn save<'a>(
    path: &Path,
    index: &Index,
    bytes: impl FnMut(&Piece) -> &'a [u8],
) -> Result<(), Error> {
    // A rename would replace a device as readily as a file.
    let target = system_path(path, NOT_FOUND_OUT)?;
    match target.is_file() {
        Ok(false) => return Err(wrong(NOT_REGULAR)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(refused(NOT_FOUND_OUT)(error));
        }
        _ => {}
    }
    let (mut temporary, file) = Temporary::beside(path)?;
    // The file is closed when this returns: some systems rename no open file.
    write(file, index, bytes)?;
    temporary.system_path.rename(&target).map_err(refused(NOT_RENAMED))?;
    temporary.renamed = true;
    Ok(())
}

/// A file that goes away again unless it was renamed.
struct Temporary {
    #[allow(dead_code, reason = "tests look at it")]
    path: PathBuf,
    system_path: SystemPath,
    renamed: bool,
}

impl Temporary {
    /// Makes one in the folder where `path` is.
    fn beside(path: &Path) -> Result<(Self, File), Error> {
        /// Room for the name below with two numbers of ten digits, and a separator before it.
        const NAME_BYTES: usize = 48;
        /// So many names of others may be in the way: of processes that were killed, or that have the same number
        /// in another container.
        const ATTEMPTS: u32 = 10_000;
        static SAVED: AtomicU32 = AtomicU32::new(0);

        if path.file_name().is_none() {
            return Err(wrong(NO_NAME));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let wanted = folder.as_os_str().len().saturating_add(NAME_BYTES);
        let mut temporary = PathBuf::new();
        temporary.try_reserve_exact(wanted).map_err(|_| Error::OutOfHeap(wanted))?;
        temporary.push(folder);
        // Not the name that the file shall have and something behind: that could become too long.
        temporary.push(".wasm_memory");
        let mut attempts = 0u32;
        loop {
            let mut digits = [0u8; NAME_BYTES];
            let number = SAVED.fetch_add(1, Ordering::Relaxed);
            temporary.set_file_name(name(&mut digits, number)?);
            let system_path = system_path(&temporary, NOT_CREATED)?;
            match system_path.create_new() {
                Ok(file) => {
                    return Ok((Self { path: temporary, system_path, renamed: false }, file));
                }
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && attempts < ATTEMPTS =>
                {
                    attempts = attempts.saturating_add(1);
                }
                Err(error) => return Err(refused(NOT_CREATED)(error)),
            }
        }
    }
}

/// The name of a temporary file: of this process alone, and of one saving in it.
fn name(buffer: &mut [u8], number: u32) -> Result<&str, Error> {
    let room = buffer.len();
    let mut rest = &mut *buffer;
    let left =
        write!(rest, ".wasm_memory-{}-{number}.tmp", std::process::id()).map(|()| rest.len());
    left.ok()
        .and_then(|left| buffer.get(..room.checked_sub(left)?))
        .and_then(|name| core::str::from_utf8(name).ok())
        .ok_or(Error::Internal("a name is longer than its buffer"))
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing more can be done about one that stays.
            let _ = self.system_path.remove();
        }
    }
}

/// A file that is being written, and the checksum of what went into it.
struct Output {
    file: File,
    sum: Hasher,
}

impl Output {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sum.update(bytes);
        asked(|| self.file.write_all(bytes)).map_err(refused(NOT_WRITTEN))
    }

    /// Writes the checksum of all that was written. The checksum itself is not summed up: a CRC over data and its own
    /// CRC is the same for all data.
    fn put_checksum(&mut self) -> Result<(), Error> {
        let sum = self.sum.clone().finalize();
        asked(|| self.file.write_all(&sum.to_le_bytes())).map_err(refused(NOT_WRITTEN))
    }
}

fn write<'a>(
    file: File,
    index: &Index,
    mut bytes: impl FnMut(&Piece) -> &'a [u8],
) -> Result<(), Error> {
    let total = index.pieces.iter().fold(FRAME_BYTES, |sum, piece| {
        sum.saturating_add(ENTRY_BYTES).saturating_add(piece.length)
    });
    // Past that, the system would not only refuse.
    if sys::largest_file().is_some_and(|limit| total > limit) {
        return Err(Error::File { what: NOT_WRITTEN, os: OsError::FILE_TOO_LARGE });
    }
    let mut out = Output { file, sum: Hasher::new() };
    out.put(header(index).as_flattened())?;
    out.put_checksum()?;
    let mut floor = 0;
    for some in index.pieces.chunks(ENTRIES_AT_ONCE) {
        let mut entries = [Entry::default(); ENTRIES_AT_ONCE];
        for (entry, piece) in entries.iter_mut().zip(some) {
            floor = end_of(piece, floor, index.end)
                .ok_or(Error::Internal("an image with pieces that no file can have"))?;
            *entry = (u128::from(piece.length) << 64 | u128::from(piece.offset)).to_le_bytes();
        }
        out.put(entries.get(..some.len()).unwrap_or_default().as_flattened())?;
    }
    out.put_checksum()?;
    for piece in &index.pieces {
        let contents = bytes(piece);
        if contents.len() as u64 != piece.length {
            return Err(Error::Internal("a piece of an image with another length than it has"));
        }
        for some in contents.chunks(CONTENTS_AT_ONCE) {
            out.put(some)?;
        }
    }
    out.put_checksum()
}

fn header(index: &Index) -> [Word; HEADER_WORDS] {
    let (kind, log2, pages) = match index.snapshot {
        Some(of) => (SNAPSHOT, u64::from(of.page_size.log2()), of.pages.0),
        None => (SEGMENTS, 0, 0),
    };
    [
        MAGIC,
        (u64::from(kind) << 32 | u64::from(VERSION)).to_le_bytes(),
        log2.to_le_bytes(),
        pages.to_le_bytes(),
        index.end.to_le_bytes(),
        (index.pieces.len() as u64).to_le_bytes(),
    ]
}

/// Reads an image and checks everything. `make` makes a place for the pieces once the index is known to be sane;
/// `place` says where in it the bytes of a piece go.
///
/// All pieces together are no longer than the file. They may lie far apart, `index.end` apart at most.
pub(super) fn load<T>(
    path: &Path,
    make: impl FnOnce(&Index) -> Result<T, Error>,
    mut place: impl for<'a> FnMut(&'a mut T, &Piece) -> &'a mut [u8],
) -> Result<(Index, T), Error> {
    let mut input = Input::open(path)?;
    let index = input.index()?;
    let mut contents = make(&index)?;
    for piece in &index.pieces {
        let bytes = place(&mut contents, piece);
        if bytes.len() as u64 != piece.length {
            return Err(Error::Internal("a piece of an image with another place than it needs"));
        }
        for some in bytes.chunks_mut(CONTENTS_AT_ONCE) {
            input.take(some)?;
        }
    }
    input.compare_checksum(WRONG_CONTENTS)?;
    Ok((index, contents))
}

/// A file that is being read, how much of it is left, and the checksum of what was read.
struct Input {
    file: File,
    left: u64,
    sum: Hasher,
}

impl Input {
    fn open(path: &Path) -> Result<Self, Error> {
        // Opening something else can wait for ever (a pipe that nobody writes to) or have effects (a tape).
        let path = system_path(path, NOT_OPENED)?;
        if !path.is_file().map_err(refused(NOT_OPENED))? {
            return Err(wrong(NOT_REGULAR));
        }
        let file = path.open().map_err(refused(NOT_OPENED))?;
        // The path may have another file by now.
        let about = asked(|| file.metadata()).map_err(refused(NOT_OPENED))?;
        if !about.is_file() {
            return Err(wrong(NOT_REGULAR));
        }
        Ok(Self { file, left: about.len(), sum: Hasher::new() })
    }

    /// Reads the next bytes, without summing them up.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(wrong(TRUNCATED))?;
        asked(|| self.file.read_exact(bytes)).map_err(|error| match error.kind() {
            // The file became shorter while it was read.
            io::ErrorKind::UnexpectedEof => wrong(TRUNCATED),
            _ => refused(NOT_READ)(error),
        })
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.read(bytes)?;
        self.sum.update(bytes);
        Ok(())
    }

    /// Reads a checksum and compares it with that of all that was taken.
    fn compare_checksum(&mut self, otherwise: &'static str) -> Result<(), Error> {
        let mut stored = [0; CHECKSUM_BYTES as usize];
        self.read(&mut stored)?;
        let matches = u32::from_le_bytes(stored) == self.sum.clone().finalize();
        matches.then_some(()).ok_or(wrong(otherwise))
    }

    fn number(&mut self) -> Result<u64, Error> {
        let mut word = Word::default();
        self.take(&mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    /// Reads the magic number. Of a file that ends in it, the bytes there are decide whether it is a truncated image.
    fn magic(&mut self) -> Result<(), Error> {
        if self.left == 0 {
            return Err(wrong(EMPTY));
        }
        for expected in MAGIC {
            let mut byte = [0];
            self.take(&mut byte)?;
            if byte != [expected] {
                return Err(wrong(NOT_AN_IMAGE));
            }
        }
        Ok(())
    }

    /// Reads the version, before everything that another version may have changed, and the kind.
    fn kind(&mut self) -> Result<u32, Error> {
        let [mut version, mut kind] = [[0; 4]; 2];
        self.take(&mut version)?;
        if u32::from_le_bytes(version) != VERSION {
            return Err(wrong(OTHER_VERSION));
        }
        self.take(&mut kind)?;
        Ok(u32::from_le_bytes(kind))
    }

    /// Reads everything before the contents.
    fn index(&mut self) -> Result<Index, Error> {
        self.magic()?;
        let kind = self.kind()?;
        let (log2, pages) = (self.number()?, self.number()?);
        let (end, count) = (self.number()?, self.number()?);
        self.compare_checksum(WRONG_HEADER)?;
        let snapshot = match (kind, log2, pages) {
            (SEGMENTS, 0, 0) => None,
            (SNAPSHOT, log2, pages) => {
                let page_size = u8::try_from(log2).ok().and_then(PageSize::from_log2);
                let of = page_size.map(|page_size| Snapshot { page_size, pages: Pages(pages) });
                let of = of.filter(|of| of.bytes() == Some(end));
                Some(of.ok_or(wrong(IMPOSSIBLE_HEADER))?)
            }
            _ => return Err(wrong(IMPOSSIBLE_HEADER)),
        };
        let rest = self.left.checked_sub(CHECKSUM_BYTES).ok_or(wrong(TRUNCATED))?;
        if count.checked_mul(ENTRY_BYTES).is_none_or(|bytes| bytes > rest) {
            return Err(wrong(TRUNCATED));
        }
        let (pieces, total) = self.pieces(count, end)?;
        self.compare_checksum(WRONG_INDEX)?;
        let wanted = total.checked_add(CHECKSUM_BYTES);
        match wanted.map(|wanted| wanted.cmp(&self.left)) {
            Some(core::cmp::Ordering::Equal) => Ok(Index { snapshot, end, pieces }),
            Some(core::cmp::Ordering::Less) => Err(wrong(TRAILING)),
            _ => Err(wrong(TRUNCATED)),
        }
    }

    /// Reads the list of pieces; also how many bytes they have together.
    ///
    /// The list grows while it is read: of a file that is one large hole the first entry is wrong already.
    fn pieces(&mut self, count: u64, end: u64) -> Result<(Vec<Piece>, u64), Error> {
        let mut pieces = Vec::new();
        let (mut left, mut floor, mut total) = (count, 0, 0u64);
        while left != 0 {
            let mut entries = [Entry::default(); ENTRIES_AT_ONCE];
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(ENTRIES_AT_ONCE);
            let some = entries.get_mut(..now).unwrap_or_default();
            self.take(some.as_flattened_mut())?;
            if pieces.try_reserve(now).is_err() {
                let so_far = pieces.capacity().saturating_mul(size_of::<Piece>());
                return Err(Error::OutOfHeap(so_far.saturating_mul(2)));
            }
            for entry in some {
                let both = u128::from_le_bytes(*entry);
                #[allow(clippy::cast_possible_truncation, reason = "they are its two halves")]
                let piece = Piece { offset: both as u64, length: (both >> 64) as u64 };
                floor = end_of(&piece, floor, end).ok_or(wrong(IMPOSSIBLE_PIECES))?;
                // Pieces that do not overlap have no more bytes together than the last one's end.
                total = total.saturating_add(piece.length);
                pieces.push(piece);
            }
            left = left.saturating_sub(now as u64);
        }
        Ok((pieces, total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Seek;

    /// A folder that goes away with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static FOLDERS: AtomicU32 = AtomicU32::new(0);
            let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
            let name = format!("wasm_memory-image-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> =
                names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn index(snapshot: Option<Snapshot>, end: u64, pieces: &[(u64, u64)]) -> Index {
        let pieces = pieces.iter().map(|&(offset, length)| Piece { offset, length }).collect();
        Index { snapshot, end, pieces }
    }

    /// Bytes that depend on where they are.
    fn pattern(piece: &Piece) -> Vec<u8> {
        (0..piece.length).map(|at| ((piece.offset + at).wrapping_mul(7) % 251) as u8).collect()
    }

    fn save_pattern(path: &Path, index: &Index) -> Result<(), Error> {
        let all: Vec<_> = index.pieces.iter().map(|piece| (*piece, pattern(piece))).collect();
        save(path, index, |piece| &all.iter().find(|(one, _)| one == piece).unwrap().1)
    }

    type Contents = Vec<(Piece, Vec<u8>)>;

    /// Loads into one buffer for each piece. A test would notice an allocation that no file of it justifies.
    fn load_pieces(path: &Path) -> Result<(Index, Contents), Error> {
        load(
            path,
            |index| {
                let total: u64 = index.pieces.iter().map(|piece| piece.length).sum();
                assert!(total < 1 << 24, "{total} bytes for a small file");
                let place =
                    |piece: &Piece| (*piece, vec![0; usize::try_from(piece.length).unwrap()]);
                Ok(index.pieces.iter().map(place).collect::<Contents>())
            },
            |all, piece| &mut all.iter_mut().find(|(one, _)| one == piece).unwrap().1,
        )
    }

    fn sentence<T>(outcome: Result<T, Error>) -> &'static str {
        match outcome {
            Err(Error::File { what, .. }) => what,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was accepted"),
        }
    }

    fn snapshot(page_size: PageSize, pages: u64) -> Option<Snapshot> {
        Some(Snapshot { page_size, pages: Pages(pages) })
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = Folder::new();
        let many: Vec<_> = (0..1000).map(|at| (at * 5 * GRAIN, (1 + at % 4) * GRAIN)).collect();
        for (number, index) in [
            index(None, 0, &[]),
            // An empty segment far behind the others.
            index(None, u64::MAX, &[]),
            index(None, 1 << 40, &[(0, GRAIN), (3 * GRAIN, GRAIN), (1 << 33, 75 * GRAIN)]),
            // Pieces that touch each other.
            index(None, 3 * GRAIN + 7, &[(GRAIN, GRAIN), (2 * GRAIN, GRAIN + 7)]),
            index(None, u64::MAX, &[(u64::MAX - (GRAIN - 1), GRAIN - 1)]),
            index(None, 5000 * GRAIN, &many),
            index(snapshot(PageSize::Wasm, 0), 0, &[]),
            index(snapshot(PageSize::Wasm, 3), 3 << 16, &[(4096, 4096), (3 << 15, 3 << 15)]),
            index(snapshot(PageSize::One, 77), 77, &[(0, 77)]),
            index(snapshot(PageSize::One, u64::MAX), u64::MAX, &[(1 << 63, GRAIN)]),
        ]
        .into_iter()
        .enumerate()
        {
            let path = folder.file(&number.to_string());
            save_pattern(&path, &index).unwrap();
            let (loaded, contents) = load_pieces(&path).unwrap();
            assert_eq!(loaded.snapshot, index.snapshot);
            assert_eq!(loaded.end, index.end);
            assert_eq!(loaded.pieces, index.pieces);
            for (piece, bytes) in contents {
                assert!(bytes == pattern(&piece), "{piece:?} of file {number}");
            }
            let total: u64 = index.pieces.iter().map(|piece| piece.length).sum();
            let expected = 60 + ENTRY_BYTES * index.pieces.len() as u64 + total;
            assert_eq!(fs::metadata(&path).unwrap().len(), expected);
        }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let folder = Folder::new();
        let path = folder.file("image");
        save_pattern(&path, &index(snapshot(PageSize::One, 0x12002), 0x12002, &[(0x12000, 2)]))
            .unwrap();
        let file = fs::read(&path).unwrap();
        let mut expected = b"\x89WMI\r\n\x1a\n\x01\0\0\0\x01\0\0\0".to_vec();
        expected.extend_from_slice(b"\0\0\0\0\0\0\0\0\x02\x20\x01\0\0\0\0\0");
        expected.extend_from_slice(b"\x02\x20\x01\0\0\0\0\0\x01\0\0\0\0\0\0\0");
        expected.extend_from_slice(&file[48..52]);
        expected.extend_from_slice(b"\0\x20\x01\0\0\0\0\0\x02\0\0\0\0\0\0\0");
        expected.extend_from_slice(&file[68..72]);
        expected.extend_from_slice(&pattern(&Piece { offset: 0x12000, length: 2 }));
        expected.extend_from_slice(&file[74..]);
        assert_eq!(file, expected);
        assert_eq!(file.len(), 78);
        // The checksums, once more, bit by bit.
        let crc = |parts: &[&[u8]]| {
            let byte = |crc: u32, byte: &u8| {
                (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
            };
            (!parts.iter().copied().flatten().fold(!0, byte)).to_le_bytes()
        };
        assert_eq!(file[48..52], crc(&[&file[..48]]));
        assert_eq!(file[68..72], crc(&[&file[..48], &file[52..68]]));
        assert_eq!(file[74..], crc(&[&file[..48], &file[52..68], &file[72..74]]));
    }

    /// The file of a small image with two pieces.
    fn small(folder: &Folder) -> Vec<u8> {
        let path = folder.file("small");
        save_pattern(&path, &index(snapshot(PageSize::One, 8262), 8262, &[(0, 4096), (8192, 70)]))
            .unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let folder = Folder::new();
        let (file, path) = (small(&folder), folder.file("small"));
        // In place: some file systems bring a file to the disk that is written anew again and again.
        let mut in_place = OpenOptions::new().write(true).open(&path).unwrap();
        let mut put = |at: usize, byte: u8| {
            in_place.seek(io::SeekFrom::Start(at as u64)).unwrap();
            in_place.write_all(&[byte]).unwrap();
        };
        // Of the contents, which are all alike, some; the last ones among them.
        for bit in (0..file.len() * 8).filter(|bit| *bit < 1000 || bit % 17 == 0 || *bit > 33_000) {
            put(bit / 8, file[bit / 8] ^ 1 << (bit % 8));
            let expected = match bit / 8 {
                0..8 => "is not an image",
                8..12 => "version",
                _ => "damaged",
            };
            let what = sentence(load_pieces(&path));
            assert!(what.contains(expected), "bit {bit}: {what}");
            put(bit / 8, file[bit / 8]);
        }
        load_pieces(&path).unwrap();
    }

    #[test]
    fn every_truncation_is_noticed() {
        let folder = Folder::new();
        let (file, path) = (small(&folder), folder.file("small"));
        let in_place = OpenOptions::new().write(true).open(&path).unwrap();
        let some = |length: &usize| *length < 120 || length.is_multiple_of(17) || *length > 4100;
        for length in (0..file.len()).rev().filter(some) {
            in_place.set_len(length as u64).unwrap();
            let what = sentence(load_pieces(&path));
            assert!(what.contains("truncated"), "{length} bytes: {what}");
        }
    }

    #[test]
    fn bytes_behind_the_end_are_noticed() {
        let folder = Folder::new();
        let (file, path) = (small(&folder), folder.file("longer"));
        for more in [1, 4, 4096] {
            let mut longer = file.clone();
            longer.resize(file.len() + more, 0);
            fs::write(&path, longer).unwrap();
            assert_eq!(sentence(load_pieces(&path)), TRAILING);
        }
    }

    #[test]
    fn what_is_no_image_is_said_to_be_none() {
        let folder = Folder::new();
        let path = folder.file("foreign");
        for foreign in
            [&b"\0asm\x01\0\0\0"[..], b"\x7fELF", b"x", b"\x89PNG\r\n\x1a\n", b"\x89WMI\n\x1a\n"]
        {
            fs::write(&path, foreign).unwrap();
            assert_eq!(sentence(load_pieces(&path)), NOT_AN_IMAGE);
        }
        assert!(EMPTY.contains("is not an image") && NOT_AN_IMAGE.contains("is not an image"));
    }

    /// A file with right checksums, whatever else is wrong with it.
    fn forged(
        words: [u64; HEADER_WORDS - 2],
        kind: u32,
        entries: &[(u64, u64)],
        contents: &[u8],
    ) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&kind.to_le_bytes());
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let mut sum = Hasher::new();
        sum.update(&file);
        file.extend_from_slice(&sum.clone().finalize().to_le_bytes());
        let entries: Vec<u8> = entries
            .iter()
            .flat_map(|&(offset, length)| [offset, length])
            .flat_map(u64::to_le_bytes)
            .collect();
        sum.update(&entries);
        file.extend_from_slice(&entries);
        file.extend_from_slice(&sum.clone().finalize().to_le_bytes());
        sum.update(contents);
        file.extend_from_slice(contents);
        file.extend_from_slice(&sum.finalize().to_le_bytes());
        file
    }

    #[test]
    fn a_right_checksum_makes_no_hostile_header_good() {
        let folder = Folder::new();
        let path = folder.file("forged");
        // log2, pages, end, count
        let headers: [(u32, [u64; 4], &str); 16] = [
            (SEGMENTS, [0, 0, 100, u64::MAX], TRUNCATED),
            (SEGMENTS, [0, 0, 100, 1 << 60], TRUNCATED),
            (SEGMENTS, [0, 0, 100, (1 << 60) + 1], TRUNCATED),
            (SEGMENTS, [0, 0, u64::MAX, 1 << 40], TRUNCATED),
            (SEGMENTS, [0, 0, 100, 1], TRUNCATED),
            (SEGMENTS, [16, 0, 100, 0], IMPOSSIBLE_HEADER),
            (SEGMENTS, [0, 1, 100, 0], IMPOSSIBLE_HEADER),
            (2, [0, 0, 100, 0], IMPOSSIBLE_HEADER),
            (u32::MAX, [0, 0, 100, 0], IMPOSSIBLE_HEADER),
            (SNAPSHOT, [1, 50, 100, 0], IMPOSSIBLE_HEADER),
            (SNAPSHOT, [64, 0, 0, 0], IMPOSSIBLE_HEADER),
            (SNAPSHOT, [256, 100, 100, 0], IMPOSSIBLE_HEADER),
            (SNAPSHOT, [272, 1, 65536, 0], IMPOSSIBLE_HEADER),
            (SNAPSHOT, [16, 1, 65535, 0], IMPOSSIBLE_HEADER),
            // 2^64 bytes, cut to 64 bits.
            (SNAPSHOT, [16, 1 << 48, 0, 0], IMPOSSIBLE_HEADER),
            (SNAPSHOT, [16, u64::MAX, u64::MAX << 16, 0], IMPOSSIBLE_HEADER),
        ];
        for (kind, words, expected) in headers {
            fs::write(&path, forged(words, kind, &[], b"")).unwrap();
            assert_eq!(sentence(load_pieces(&path)), expected, "kind {kind}, {words:?}");
        }
        type Pieces<'a> = &'a [(u64, u64)];
        // Two pages and four bytes.
        let contents = [7; 8196];
        let pieces: [(u64, Pieces<'_>, &str); 14] = [
            (1 << 20, &[(0, 0)], IMPOSSIBLE_PIECES),
            (1 << 20, &[(1 << 20, 0)], IMPOSSIBLE_PIECES),
            (10_000, &[(8192, 2000)], IMPOSSIBLE_PIECES),
            (1 << 20, &[(4096, u64::MAX - 4095)], IMPOSSIBLE_PIECES),
            (u64::MAX, &[(u64::MAX - 4095, u64::MAX)], IMPOSSIBLE_PIECES),
            (u64::MAX, &[(u64::MAX - 4095, 4096)], IMPOSSIBLE_PIECES),
            (1 << 20, &[(8192, 4096), (0, 4096)], IMPOSSIBLE_PIECES),
            (1 << 20, &[(0, 8192), (4096, 4096)], IMPOSSIBLE_PIECES),
            (1 << 20, &[(4096, 4096), (4096, 4096)], IMPOSSIBLE_PIECES),
            // No whole pages, of which a host would need more memory than the file is long.
            (1 << 20, &[(1, 4096)], IMPOSSIBLE_PIECES),
            (1 << 20, &[(0, 4096), (8192, 1)], IMPOSSIBLE_PIECES),
            // More than the file has, or less.
            (u64::MAX, &[(0, u64::MAX)], TRUNCATED),
            (u64::MAX, &[(0, 4096), (8192, u64::MAX - 8192)], TRUNCATED),
            (1 << 20, &[(0, 4096), (8192, 4096)], TRAILING),
        ];
        for (end, entries, expected) in pieces {
            let words = [0, 0, end, entries.len() as u64];
            fs::write(&path, forged(words, SEGMENTS, entries, &contents)).unwrap();
            assert_eq!(sentence(load_pieces(&path)), expected, "{entries:?} below {end}");
        }
        // The same by the same means, in order.
        let entries = [(0, 4096), (1 << 20, 4100)];
        fs::write(&path, forged([0, 0, (1 << 20) + 4100, 2], SEGMENTS, &entries, &contents))
            .unwrap();
        assert_eq!(load_pieces(&path).unwrap().1[1].1, [7; 4100]);
    }

    /// A file of many gigabytes that takes no space, and says that all of it is pieces, or their list.
    #[test]
    fn a_file_that_is_one_large_hole_takes_no_memory() {
        let folder = Folder::new();
        let path = folder.file("hole");
        let length = 1u64 << 36;
        let header = forged([0, 0, u64::MAX, length / 32], SEGMENTS, &[], b"");
        fs::write(&path, &header[..52]).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        // Not all file systems have room for it.
        if file.set_len(length).is_ok() {
            assert_eq!(sentence(load_pieces(&path)), IMPOSSIBLE_PIECES);
        }
    }

    #[test]
    fn only_regular_files_are_read_or_replaced() {
        let folder = Folder::new();
        assert_eq!(sentence(load_pieces(&folder.0)), NOT_REGULAR);
        assert_eq!(sentence(save_pattern(&folder.0, &index(None, 0, &[]))), NOT_REGULAR);
        let endless = Path::new("/dev/zero");
        if endless.exists() {
            assert_eq!(sentence(load_pieces(endless)), NOT_REGULAR);
            assert_eq!(sentence(save_pattern(endless, &index(None, 0, &[]))), NOT_REGULAR);
        }
        for nameless in ["", ".."] {
            assert!(save_pattern(Path::new(nameless), &index(None, 0, &[])).is_err());
        }
    }

    #[test]
    fn what_the_system_said_is_passed_on() {
        let folder = Folder::new();
        let missing = folder.file("missing");
        let not_there = fs::File::open(&missing).unwrap_err().raw_os_error().unwrap();
        let expected = Error::File { what: NOT_OPENED, os: OsError(not_there) };
        assert_eq!(load_pieces(&missing).unwrap_err(), expected);
        let inside = missing.join("image");
        let not_there = fs::File::create(&inside).unwrap_err().raw_os_error().unwrap();
        let expected = Error::File { what: NOT_CREATED, os: OsError(not_there) };
        let saved = save_pattern(&inside, &index(None, 0, &[]));
        assert_eq!(saved, Err(expected));
    }

    #[test]
    fn a_failed_save_leaves_what_was_there_and_nothing_else() {
        let folder = Folder::new();
        let path = folder.file("image");
        let good = index(None, 10, &[(0, 10)]);
        save_pattern(&path, &good).unwrap();
        // A piece whose bytes are not there, once the file is half written.
        let outcome = save(&path, &good, |_| b"short");
        assert!(matches!(outcome, Err(Error::Internal(_))));
        let outcome = save(&path, &index(None, 9000, &[(8192, 5), (0, 4096)]), |_| b"fives");
        assert!(matches!(outcome, Err(Error::Internal(_))));
        assert_eq!(load_pieces(&path).unwrap().1[0].1, pattern(&good.pieces[0]));
        assert_eq!(folder.names(), ["image"]);
    }

    #[test]
    fn names_in_the_way_are_passed_by() {
        let folder = Folder::new();
        let number = {
            let (temporary, _) = Temporary::beside(&folder.file("image")).unwrap();
            let name = temporary.path.file_name().unwrap().to_str().unwrap().to_owned();
            name.rsplit('-').next().unwrap().trim_end_matches(".tmp").parse::<u32>().unwrap()
        };
        let mut in_the_way = Vec::new();
        for number in number..number + 100 {
            let name = format!(".wasm_memory-{}-{number}.tmp", std::process::id());
            fs::write(folder.file(&name), "another's").unwrap();
            in_the_way.push(name);
        }
        save_pattern(&folder.file("image"), &index(None, 10, &[(0, 10)])).unwrap();
        load_pieces(&folder.file("image")).unwrap();
        for name in &in_the_way {
            assert_eq!(fs::read(folder.file(name)).unwrap(), b"another's");
        }
        assert_eq!(folder.names().len(), in_the_way.len() + 1);
    }

    #[test]
    fn a_name_as_long_as_a_name_can_be_is_fine() {
        let folder = Folder::new();
        let path = folder.file(&"n".repeat(255));
        save_pattern(&path, &index(None, 10, &[(0, 10)])).unwrap();
        load_pieces(&path).unwrap();
    }

    #[test]
    fn threads_may_save_to_one_path_at_once() {
        let folder = Folder::new();
        let path = folder.file("image");
        std::thread::scope(|scope| {
            for thread in 1..=4 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        save_pattern(path, &index(None, 1 << 20, &[(0, GRAIN * thread)])).unwrap();
                        // One of the four, and all of it.
                        load_pieces(path).unwrap();
                    }
                });
            }
        });
        assert_eq!(folder.names(), ["image"]);
    }
}
