"""WebAssembly linear memories from Python: a class over the C library, with ctypes and nothing else.

    import wasm_memory

    store = wasm_memory.Store(wasm_memory.Engine())
    memory = wasm_memory.Memory(store, wasm_memory.MemoryType(wasm_memory.Limits(1, 10)))
    memory.write(store, b"hello", 5)
    assert memory.read(store, 5, 10) == memory[5:10] == b"hello"

The names and signatures are those of the `wasmtime` package, as far as memories go, so that a program which only uses
memories runs with `import wasm_memory as wasmtime`.

The library is the file that the environment variable WASM_MEMORY_LIBRARY names. Without it, it is looked for where
pkg-config says, beside this Python (`lib` of its prefix), and where the system's loader looks. A library whose names
have a prefix is found with WASM_MEMORY_PREFIX, such as "my_"; `load` has it beside another. Python 3.8 or newer.

Threads: a call holds the interpreter's lock while it is in the library, so threads may share what is here. The waits of
a SharedMemory let go of it, and so does a MemoryImage that is saved or loaded. Nobody may close an object that another
thread is using, as with files; only those who wait may be left waiting.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import enum
import importlib.util
import math
import operator
import os
import subprocess
import sys
import types
import weakref
from typing import (Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, SupportsIndex, Tuple, TypeVar,
                    Union, overload)

__all__ = ["Config", "Engine", "Limits", "MapMode", "Memory", "MemoryImage", "MemoryStats", "MemoryType", "Pool",
           "PoolStats", "Protection", "Rmw", "SharedMemory", "Status", "Store", "WaitResult", "WasmMemoryError",
           "WasmtimeError", "PAGE_SIZE", "library_path", "library_version", "load"]

__version__ = "0.1.0"
"""The version of the library that this file was written for."""

PAGE_SIZE = 65536
"""The size of a page in bytes."""


class Status(enum.IntEnum):
    """Why a call failed: the numbers of the C header."""

    OK = 0
    NULL_ARGUMENT = 1
    INVALID_ARGUMENT = 2
    INVALID_TYPE = 3
    OUT_OF_BOUNDS = 4
    UNALIGNED = 5
    NOT_SHARED = 6
    SHARED = 7
    MAXIMUM_EXCEEDED = 8
    LIMIT_DENIED = 9
    OUT_OF_MEMORY = 10
    OVERLAP = 11
    BORROWED = 12
    ASYNC_REQUIRED = 13
    PENDING = 14
    INTERRUPTED = 15
    CLOSED = 16
    TOO_MANY_WAITERS = 17
    PROTECTED = 18
    UNSUPPORTED = 19
    IO = 20
    INTERNAL = 21
    HOST_CONTRACT = 22


class Rmw(enum.IntEnum):
    """What SharedMemory.atomic_rmw does: the numbers of the C header."""

    ADD = 0
    SUB = 1
    AND = 2
    OR = 3
    XOR = 4
    XCHG = 5


class WaitResult(enum.IntEnum):
    """How a wait ended: the numbers of the C header."""

    OK = 0
    MISMATCH = 1
    TIMED_OUT = 2


class MapMode(enum.IntEnum):
    """What becomes of writes to a file that Memory.map_file has mapped: the numbers of the C header."""

    READ_ONLY = 1
    COPY_ON_WRITE = 2
    SHARED = 3


class Protection(enum.IntEnum):
    """What Memory.protect leaves to do: the numbers of the C header."""

    NONE = 0
    READ = 1
    READ_WRITE = 2


class WasmMemoryError(Exception):
    """A call that the library refused. Its text is the library's sentence.

    `status` is a `Status`, or a plain number if the library is newer than this file; None where the library says no
    with NULL, and gives the reason in the sentence alone.
    """

    def __init__(self, message: str, status: Optional[int] = None) -> None:
        super().__init__(message)
        self.status = Status(status) if status is not None and status in Status.__members__.values() else status


WasmtimeError = WasmMemoryError


# --- the library ------------------------------------------------------------------------------------------------------

_status = ctypes.c_int32
_handle = ctypes.c_void_p
_u32 = ctypes.c_uint32
_u64 = ctypes.c_uint64
_size = ctypes.c_size_t
_bytes = ctypes.c_void_p

# For type checkers: what has the buffer protocol, which no type of Python 3.8 says; and what open takes.
_Data = Any
_Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


class MemoryStats(ctypes.Structure):
    """What Memory.stats returns: the structure of the C header, with its names."""

    _fields_ = [("struct_size", _size), ("byte_length", _u64), ("reserved_bytes", _u64), ("guard_bytes", _u64),
                ("committed_bytes", _u64), ("peak_bytes", _u64), ("grow_count", _u64), ("grow_failures", _u64),
                ("waiters", _u64), ("map_alignment_bytes", _u64), ("bounds", ctypes.c_int32),
                ("may_move", ctypes.c_bool), ("shared", ctypes.c_bool), ("resident_bytes", _u64),
                ("dirty_granule_bytes", _u64)]


class _Segment(ctypes.Structure):
    _fields_ = [("offset", _u64), ("bytes", ctypes.c_char_p), ("length", _size)]


class _PoolOptions(ctypes.Structure):
    _fields_ = [("struct_size", _size), ("slots", _u64), ("slot_bytes", _u64), ("keep_resident_bytes", _u64),
                ("decommit_batch", _u64), ("overflow", ctypes.c_bool)]


class PoolStats(NamedTuple):
    """What Engine.pool_stats returns: the figures of the C header, with its names."""

    live: int
    warm: int
    cold: int
    retired: int
    hits: int
    misses: int
    reserved_bytes: int
    resident_bytes: int


class _PoolStats(ctypes.Structure):
    _fields_ = [("struct_size", _size), *((name, _u64) for name in PoolStats._fields)]


# Called by a thread that has the interpreter's lock already.
_RangeCallback = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, _u64, _u64)

_SIGNATURES = {
    "wasm_memory_version": (ctypes.c_char_p, []),
    "wasm_memory_status_name": (ctypes.c_char_p, [_status]),
    "wasm_memory_last_error": (_size, [ctypes.c_char_p, _size]),
    "wasm_engine_new": (_handle, []),
    "wasm_engine_new_with_config": (_handle, [_handle]),
    "wasm_engine_delete": (None, [_handle]),
    "wasm_engine_pool_stats": (_status, [_handle, ctypes.POINTER(_PoolStats)]),
    "wasm_engine_pool_trim": (_status, [_handle]),
    "wasm_config_new": (_handle, []),
    "wasm_config_memory_pool_set": (None, [_handle, ctypes.POINTER(_PoolOptions)]),
    "wasm_store_new": (_handle, [_handle]),
    "wasm_store_delete": (None, [_handle]),
    "wasm_memorytype_try_new": (_status, [_u64, ctypes.c_bool, _u64, ctypes.c_bool, ctypes.c_bool, ctypes.c_uint8,
                                          ctypes.POINTER(_handle)]),
    "wasm_memorytype_delete": (None, [_handle]),
    "wasm_memorytype_minimum": (_u64, [_handle]),
    "wasm_memorytype_maximum": (ctypes.c_bool, [_handle, ctypes.POINTER(_u64)]),
    "wasm_memorytype_is64": (ctypes.c_bool, [_handle]),
    "wasm_memorytype_isshared": (ctypes.c_bool, [_handle]),
    "wasm_memory_try_new": (_status, [_handle, _handle, ctypes.POINTER(_handle)]),
    "wasm_memory_copy": (_handle, [_handle]),
    "wasm_memory_delete": (None, [_handle]),
    "wasm_memory_type": (_handle, [_handle]),
    "wasm_memory_try_grow": (_status, [_handle, _u64, ctypes.POINTER(_u64)]),
    "wasm_memory_pages": (_u64, [_handle]),
    "wasm_memory_data": (ctypes.c_void_p, [_handle]),
    "wasm_memory_data_size": (_size, [_handle]),
    "wasm_memory_read": (_status, [_handle, _u64, _bytes, _size]),
    "wasm_memory_write": (_status, [_handle, _u64, _bytes, _size]),
    "wasm_memory_hexdump": (_status, [_handle, _u64, _u64, ctypes.c_char_p, _size, ctypes.POINTER(_size)]),
    "wasm_memory_stats": (_status, [_handle, ctypes.POINTER(MemoryStats)]),
    "wasm_memory_image_new": (_status, [ctypes.POINTER(_Segment), _size, ctypes.POINTER(_handle)]),
    "wasm_memory_image_from_memory": (_status, [_handle, ctypes.POINTER(_handle)]),
    "wasm_memory_image_delete": (None, [_handle]),
    "wasm_memory_new_from_image": (_status, [_handle, _handle, _handle, ctypes.POINTER(_handle)]),
    "wasm_memory_reset": (_status, [_handle, _handle]),
    "wasm_memory_dirty_ranges": (_status, [_handle, _RangeCallback, ctypes.c_void_p]),
    "wasm_memory_dirty_clear": (_status, [_handle]),
    "wasm_memory_map_file": (_status, [_handle, _u64, ctypes.c_ssize_t, _u64, _u64, _u32]),
    "wasm_memory_unmap": (_status, [_handle, _u64, _u64]),
    "wasm_memory_protect": (_status, [_handle, _u64, _u64, ctypes.c_int32]),
    "wasm_shared_memory_new": (_status, [_handle, _handle, ctypes.POINTER(_handle)]),
    "wasm_shared_memory_delete": (None, [_handle]),
    "wasm_shared_memory_type": (_handle, [_handle]),
    "wasm_memory_obtain": (_handle, [_handle, _handle]),
    "wasm_memory_atomic_notify": (_status, [_handle, _u64, _u32, ctypes.POINTER(_u32)]),
    "wasm_memory_interrupt_waiters": (_status, [_handle, ctypes.POINTER(_u32)]),
    "wasm_memory_close_waiters": (_status, [_handle]),
}

_WORDS = {8: ctypes.c_uint8, 16: ctypes.c_uint16, 32: _u32, 64: _u64}
for _bits, _word in _WORDS.items():
    _SIGNATURES.update({
        f"wasm_memory_atomic_load{_bits}": (_status, [_handle, _u64, ctypes.POINTER(_word)]),
        f"wasm_memory_atomic_store{_bits}": (_status, [_handle, _u64, _word]),
        f"wasm_memory_atomic_rmw{_bits}": (_status, [_handle, ctypes.c_int32, _u64, _word, ctypes.POINTER(_word)]),
        f"wasm_memory_atomic_cmpxchg{_bits}": (_status, [_handle, _u64, _word, _word, ctypes.POINTER(_word)]),
    })

# What may take long.
_SLOW_SIGNATURES = {
    "wasm_memory_atomic_wait32": (_status, [_handle, _u64, _u32, ctypes.c_int64, ctypes.POINTER(ctypes.c_int32)]),
    "wasm_memory_atomic_wait64": (_status, [_handle, _u64, _u64, ctypes.c_int64, ctypes.POINTER(ctypes.c_int32)]),
    "wasm_memory_image_save": (_status, [_handle, ctypes.c_char_p]),
    "wasm_memory_image_load": (_status, [ctypes.c_char_p, ctypes.POINTER(_handle)]),
}


def _file_names(name: str) -> List[str]:
    """What the library's file is called, the likeliest first."""
    if os.name == "nt":
        return [f"{name}.dll", f"lib{name}.dll"]
    major, minor, _ = __version__.split(".")
    series = f"0.{minor}" if major == "0" else major  # as in the library's own name for itself
    if sys.platform == "darwin":
        return [f"lib{name}.dylib", f"lib{name}.{series}.dylib"]
    return [f"lib{name}.so.{series}", f"lib{name}.so"]  # a system without the files for compilers has the first alone


def _from_pkg_config(name: str) -> Tuple[Optional[str], str]:
    """The folder of the library, or None; and in words, what was tried."""
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), "--variable=libdir", name]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError as error:
        return None, f"{' '.join(command)}: {error.strerror or error}"
    folder = os.fsdecode(done.stdout).strip()
    if done.returncode != 0 or not folder:
        return None, f"{' '.join(command)}: it knows no {name}"
    return folder, f"{' '.join(command)}: {folder}"


def _candidates(name: str, tried: List[str]) -> Iterator[str]:
    """Where the library may be, in this order. `tried` gets a line about each place that has none."""
    folder, words = _from_pkg_config(name)
    if folder is None:
        tried.append(words)
    folders = [folder] if folder is not None else []
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
        folders += [os.path.join(prefix, part) for part in (("bin",) if os.name == "nt" else ("lib", "lib64"))]
    for folder in dict.fromkeys(folders):
        files = [os.path.join(folder, file) for file in _file_names(name)]
        found = [file for file in files if os.path.exists(file)]
        if not found:
            tried.append(f"{folder}: neither {' nor '.join(_file_names(name))}")
        yield from found[:1]
    yield from _file_names(name)  # the loader looks for a name without a folder where the system says
    found_name = ctypes.util.find_library(name)
    if found_name is None:
        tried.append(f"the system's loader: no {name}")
    else:
        yield found_name


def _open_library(path: str, prefix: str) -> Tuple[ctypes.PyDLL, ctypes.CDLL]:
    # PyDLL is the form that holds the interpreter's lock, CDLL the one that lets go of it: see "Threads" above.
    forms = ctypes.PyDLL(path), ctypes.CDLL(path)
    everything: Tuple[Dict[str, Any], ...] = (_SIGNATURES, _SLOW_SIGNATURES)
    for library, signatures in zip(forms, everything):
        for name, (result, arguments) in signatures.items():
            function = getattr(library, prefix + name)
            function.restype = result
            function.argtypes = arguments
            setattr(library, name, function)
    return forms


def _load(path: Optional[str], prefix: str) -> Tuple[str, ctypes.PyDLL, ctypes.CDLL]:
    """The library of a path, or the first that is found; an ImportError says what was tried."""
    tried: List[str] = []
    if path:
        try:
            return (path, *_open_library(path, prefix))
        except (OSError, AttributeError) as error:
            raise ImportError(f"{path} is not a library of wasm_memory that this file knows"
                              f"{f', with names that start with {prefix}' if prefix else ''}: {error}") from error
    name = f"{prefix}wasm_memory"
    for candidate in _candidates(name, tried):
        try:
            return (candidate, *_open_library(candidate, prefix))
        except (OSError, AttributeError) as error:
            tried.append(f"{candidate}: {error}")
    raise ImportError(f"the library {name} was not found: install it, or set WASM_MEMORY_LIBRARY to its file. Tried:\n"
                      "  WASM_MEMORY_LIBRARY: it is not set\n  " + "\n  ".join(tried))


# `load` has executed this file anew, and has left the answer here.
_wanted: Tuple[Optional[str], str] = globals().get("_wanted") or (
    os.environ.get("WASM_MEMORY_LIBRARY"), os.environ.get("WASM_MEMORY_PREFIX", ""))
_library_path, _library, _slow_library = _load(*_wanted)


def load(path: Optional[str] = None, prefix: str = "") -> types.ModuleType:
    """Another module like this one, over the library of that file, or over the one that is found for the prefix.

    The prefix is that with which the library was built: `load("lib/libmy_wasm_memory.so", prefix="my_")`. What one
    module makes is nothing to the other.
    """
    spec = importlib.util.spec_from_file_location(f"{__name__}_{prefix or 'of'}_{abs(hash(path)):x}", __file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["_wanted"] = (None if path is None else os.fspath(path), prefix)
    spec.loader.exec_module(module)
    return module


def library_path() -> str:
    """The file of the library, or its name, if the system's loader has found it."""
    return _library_path


def library_version() -> str:
    """The version of the library, such as "1.2.3"."""
    return _library.wasm_memory_version().decode()


def _last_error() -> str:
    length = _library.wasm_memory_last_error(None, 0)
    sentence = ctypes.create_string_buffer(length + 1)
    _library.wasm_memory_last_error(sentence, len(sentence))
    return sentence.value.decode("utf-8", "replace")


def _check(status: int) -> None:
    if status != Status.OK:
        raise WasmMemoryError(_last_error(), status)


def _unsigned(what: str, number: SupportsIndex, bits: int = 64) -> int:
    """A number for the library. ctypes would cut it to its bits in silence."""
    number = operator.index(number)
    if not 0 <= number < 2**bits:
        raise WasmMemoryError(f"{what} must be from 0 to 2**{bits} - 1, not {number}", Status.INVALID_ARGUMENT)
    return number


def _as_bytes(data: Any) -> bytes:
    return data if isinstance(data, bytes) else memoryview(data).tobytes()


def _path(path: _Path) -> bytes:
    name = os.fspath(path)
    name = name if isinstance(name, bytes) else name.encode()
    if b"\0" in name:  # ctypes would end there
        raise ValueError("a path with a null character")
    return name


def _descriptor(file: Any) -> int:
    """What the library takes for a file: an object with `fileno`, or a descriptor."""
    file = file.fileno() if hasattr(file, "fileno") else operator.index(file)
    if os.name == "nt":
        import msvcrt  # only there
        return int(getattr(msvcrt, "get_osfhandle")(file))
    return int(file)


_Self = TypeVar("_Self", bound="_Owner")


class _Owner:
    """Owns a handle of the library, until `close`, the end of a `with` block, or the end of the object."""

    def __init__(self, handle: Optional[int], delete: Callable[[int], None]) -> None:
        if not handle:
            raise WasmMemoryError(_last_error())
        self._handle = handle
        self._delete = weakref.finalize(self, delete, handle)

    @property
    def _open(self) -> int:
        """The handle, for a call."""
        if self.closed:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._handle

    @classmethod
    def _take(cls, thing: _Owner) -> int:
        """The handle of something, if it is one of these: the library would take any address for one."""
        if not isinstance(thing, cls):
            kind = type(thing).__name__
            of = f" of {type(thing).__module__}" if kind == cls.__name__ else ""  # another library's, see load
            raise TypeError(f"a {cls.__name__} is needed, not a {kind}{of}")
        return thing._open

    @property
    def closed(self) -> bool:
        return not self._delete.alive

    def close(self) -> None:
        """Gives the handle back. To close twice does nothing; to use the object afterwards is a ValueError."""
        self._delete()

    def __enter__(self: _Self) -> _Self:
        self._open  # refuses a closed one
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# --- the classes ------------------------------------------------------------------------------------------------------


class Pool:
    """Slots for memories, which an engine keeps: see `wasm_memory_pool_options_t`. 0 is the default of the library."""

    def __init__(self, slots: int = 0, slot_bytes: int = 0, keep_resident_bytes: int = 0, decommit_batch: int = 0,
                 overflow: bool = False) -> None:
        self.slots = _unsigned("slots", slots)
        self.slot_bytes = _unsigned("slot_bytes", slot_bytes)
        self.keep_resident_bytes = _unsigned("keep_resident_bytes", keep_resident_bytes)
        self.decommit_batch = _unsigned("decommit_batch", decommit_batch)
        self.overflow = bool(overflow)


class Config:
    """The options of an engine: `memory_pool`, which is a Pool, or None for no limits on how many there are.

    `wasm_threads` is for programs that turn threads on before they share a memory.
    """

    memory_pool: Optional[Pool] = None

    def wasm_threads(self, enable: bool) -> None:
        """Does nothing, whether it is called or set: shared memories are there without it."""


class Engine(_Owner):
    """What stores and shared memories are made in."""

    def __init__(self, config: Optional[Config] = None) -> None:
        if not isinstance(config, (Config, type(None))):
            raise TypeError(f"a Config is needed, not a {type(config).__name__}")
        pool = None if config is None else config.memory_pool
        if not isinstance(pool, (Pool, type(None))):
            raise TypeError(f"a Pool is needed, not a {type(pool).__name__}")
        super().__init__(_library.wasm_engine_new() if pool is None else self._with(pool), _library.wasm_engine_delete)

    @staticmethod
    def _with(pool: Pool) -> Optional[int]:
        options = _PoolOptions(ctypes.sizeof(_PoolOptions), pool.slots, pool.slot_bytes, pool.keep_resident_bytes,
                               pool.decommit_batch, pool.overflow)
        config = _library.wasm_config_new()
        _library.wasm_config_memory_pool_set(config, ctypes.byref(options))
        return _library.wasm_engine_new_with_config(config)  # which takes the config

    def pool_stats(self) -> PoolStats:
        """How many memories live in slots, what idle slots have, and how often one was there: a `PoolStats`."""
        stats = _PoolStats(ctypes.sizeof(_PoolStats))
        _check(_library.wasm_engine_pool_stats(self._open, ctypes.byref(stats)))
        return PoolStats(*(getattr(stats, name) for name in PoolStats._fields))

    def pool_trim(self) -> None:
        """Idle slots give back memory and address space."""
        _check(_library.wasm_engine_pool_trim(self._open))


class Store(_Owner):
    """What memories are made in. It may be closed before its memories."""

    def __init__(self, engine: Optional[Engine] = None) -> None:
        if engine is None:
            with Engine() as engine:  # the store keeps what it needs of it
                handle = _library.wasm_store_new(engine._open)
        else:
            handle = _library.wasm_store_new(Engine._take(engine))
        super().__init__(handle, _library.wasm_store_delete)


class Limits:
    """A minimum and a maximum in pages; None is no maximum."""

    def __init__(self, min: SupportsIndex, max: Optional[SupportsIndex] = None) -> None:
        self.min = _unsigned("a minimum", min)
        self.max = None if max is None else _unsigned("a maximum", max)

    def __eq__(self, other: object) -> bool:
        return (self.min, self.max) == (other.min, other.max) if isinstance(other, Limits) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.min, self.max))

    def __repr__(self) -> str:
        return f"Limits({self.min}, {self.max})"


class MemoryType(_Owner):
    """The type of a memory."""

    def __init__(self, limits: Limits, is_64: bool = False, shared: bool = False) -> None:
        handle = _handle()
        _check(_library.wasm_memorytype_try_new(limits.min, limits.max is not None, limits.max or 0, is_64, shared, 16,
                                                ctypes.byref(handle)))
        super().__init__(handle.value, _library.wasm_memorytype_delete)

    @classmethod
    def _of(cls, handle: Optional[int]) -> MemoryType:
        self = cls.__new__(cls)
        _Owner.__init__(self, handle, _library.wasm_memorytype_delete)
        return self

    @property
    def limits(self) -> Limits:
        maximum = _u64()
        bounded = _library.wasm_memorytype_maximum(self._open, ctypes.byref(maximum))
        return Limits(_library.wasm_memorytype_minimum(self._open), maximum.value if bounded else None)

    @property
    def is_64(self) -> bool:
        return _library.wasm_memorytype_is64(self._open)

    @property
    def is_shared(self) -> bool:
        return _library.wasm_memorytype_isshared(self._open)


class MemoryImage(_Owner):
    """What a memory starts with: data segments, or a snapshot of a memory. It never changes.

    Segments are pairs of an offset and bytes, laid down in their order. Any number of memories are made of one image
    (`Memory.from_image`) or reset to it (`Memory.reset`), each for itself, and it may be closed before them.
    """

    def __init__(self, segments: Iterable[Tuple[SupportsIndex, _Data]] = ()) -> None:
        # The bytes live as long as the array refers to them, and the image copies them.
        parts = [(_unsigned("an offset", offset), _as_bytes(data)) for offset, data in segments]
        array = (_Segment * len(parts))(*(_Segment(offset, data, len(data)) for offset, data in parts))
        handle = _handle()
        _check(_library.wasm_memory_image_new(array, len(parts), ctypes.byref(handle)))
        super().__init__(handle.value, _library.wasm_memory_image_delete)

    @classmethod
    def _of(cls, handle: Optional[int]) -> MemoryImage:
        self = cls.__new__(cls)
        _Owner.__init__(self, handle, _library.wasm_memory_image_delete)
        return self

    @classmethod
    def from_memory(cls, store: Store, memory: Memory) -> MemoryImage:
        """A snapshot: the bytes and the size of this moment."""
        Memory._take(memory)
        handle = _handle()
        _check(_library.wasm_memory_image_from_memory(memory._in(store), ctypes.byref(handle)))
        return cls._of(handle.value)

    @classmethod
    def load(cls, path: _Path) -> MemoryImage:
        """One that was saved. What is not an intact image is refused with the status IO."""
        handle = _handle()
        _check(_slow_library.wasm_memory_image_load(_path(path), ctypes.byref(handle)))
        return cls._of(handle.value)

    def save(self, path: _Path) -> None:
        """Writes it to a file, or leaves what was there."""
        _check(_slow_library.wasm_memory_image_save(self._open, _path(path)))


class Memory(_Owner):
    """A linear memory.

    Each method takes the store that the memory was made in. The other forms, `len(memory)`, `memory[5]`,
    `memory[5:10] = b"hello"`, work as on a bytearray, except that no slice can change the length.
    """

    def __init__(self, store: Store, ty: MemoryType) -> None:
        handle = _handle()
        _check(_library.wasm_memory_try_new(Store._take(store), MemoryType._take(ty), ctypes.byref(handle)))
        super().__init__(handle.value, _library.wasm_memory_delete)
        self._store = store

    @classmethod
    def _of(cls, store: Store, handle: Optional[int]) -> Memory:
        self = cls.__new__(cls)
        _Owner.__init__(self, handle, _library.wasm_memory_delete)
        self._store = store
        return self

    @classmethod
    def from_image(cls, store: Store, ty: MemoryType, image: MemoryImage) -> Memory:
        """A memory that starts with an image; of a snapshot's size, if that is larger than the type's minimum."""
        handle = _handle()
        _check(_library.wasm_memory_new_from_image(Store._take(store), MemoryType._take(ty), MemoryImage._take(image),
                                                   ctypes.byref(handle)))
        return cls._of(store, handle.value)

    def _in(self, store: Store) -> int:
        """The handle, if it is a memory of that store."""
        Store._take(store)
        if store is not self._store:
            raise WasmMemoryError("the memory belongs to another store", Status.INVALID_ARGUMENT)
        return self._open

    def type(self, store: Store) -> MemoryType:
        """The type, with the current size as minimum."""
        return MemoryType._of(_library.wasm_memory_type(self._in(store)))

    def grow(self, store: Store, delta: SupportsIndex) -> int:
        """Grows by `delta` pages of zeros. Returns the pages before."""
        previous = _u64()
        _check(_library.wasm_memory_try_grow(self._in(store), _unsigned("growth", delta), ctypes.byref(previous)))
        return previous.value

    def size(self, store: Store) -> int:
        """The size in pages."""
        return _library.wasm_memory_pages(self._in(store))

    def data_len(self, store: Store) -> int:
        """The size in bytes."""
        return _library.wasm_memory_data_size(self._in(store))

    def data_ptr(self, store: Store) -> int:
        """The address of the first byte, for ctypes.

        Nothing checks what is done there. It is good until the memory is closed, and the memory is closed when nothing
        refers to it any more: keep the memory as long as the address.
        """
        return _library.wasm_memory_data(self._in(store))

    def read(self, store: Store, start: SupportsIndex = 0, stop: Optional[SupportsIndex] = None) -> bytes:
        """A copy of the bytes from `start` up to `stop`.

        Both mean what they mean in a slice: negative ones count from the end, without `stop` it is the end, and a
        `stop` at or before `start` gives no bytes. But what lies outside the memory is refused, not cut off.
        """
        self._in(store)
        start = self._position(start)
        stop = len(self) if stop is None else self._position(stop)
        return self._bytes(start, max(stop - start, 0))

    def write(self, store: Store, data: _Data, start: SupportsIndex = 0) -> None:
        """Copies bytes into the memory at `start`; a negative one counts from the end. All of them, or none."""
        self._in(store)
        data = _as_bytes(data)
        _check(_library.wasm_memory_write(self._open, self._position(start), data, len(data)))

    def hexdump(self, store: Store, start: SupportsIndex = 0, length: SupportsIndex = 256) -> str:
        """The bytes as a text of hexadecimal numbers and characters, sixteen to a line."""
        self._in(store)
        start, length = self._position(start), _unsigned("a length", length)
        needed = _size()
        _check(_library.wasm_memory_hexdump(self._open, start, length, None, 0, ctypes.byref(needed)))
        text = ctypes.create_string_buffer(needed.value + 1)
        _check(_library.wasm_memory_hexdump(self._open, start, length, text, len(text), None))
        return text.value.decode("ascii")

    def stats(self, store: Store) -> MemoryStats:
        """Figures about the memory, and the alignments of what is below: a `MemoryStats`."""
        stats = MemoryStats(ctypes.sizeof(MemoryStats))
        _check(_library.wasm_memory_stats(self._in(store), ctypes.byref(stats)))
        return stats

    # --- reset and changes ---

    def reset(self, store: Store, image: Optional[MemoryImage] = None) -> None:
        """Back to an image, or to zeros, in place: bytes and size. Mappings and protections are gone."""
        _check(_library.wasm_memory_reset(self._in(store), None if image is None else MemoryImage._take(image)))

    def dirty_ranges(self, store: Store) -> List[Tuple[int, int]]:
        """What has changed since the memory was made, or since `dirty_clear`: a list of offsets and lengths."""
        ranges: List[Tuple[int, int]] = []
        callback = _RangeCallback(lambda _, offset, length: ranges.append((offset, length)))
        _check(_library.wasm_memory_dirty_ranges(self._in(store), callback, None))
        return ranges

    def dirty_clear(self, store: Store) -> None:
        """From here on changes count anew."""
        _check(_library.wasm_memory_dirty_clear(self._in(store)))

    # --- files and protection: offsets and lengths are multiples of stats().map_alignment_bytes ---

    def map_file(self, store: Store, offset: SupportsIndex, file: Any, length: SupportsIndex,
                 mode: MapMode = MapMode.READ_ONLY, file_offset: SupportsIndex = 0) -> None:
        """Puts a part of a file in the place of a range. The file may be closed after."""
        _check(_library.wasm_memory_map_file(self._in(store), _unsigned("an offset", offset), _descriptor(file),
                                             _unsigned("an offset", file_offset), _unsigned("a length", length),
                                             MapMode(mode)))

    def unmap(self, store: Store, offset: SupportsIndex, length: SupportsIndex) -> None:
        """Makes a range plain memory again, all zeros."""
        _check(_library.wasm_memory_unmap(self._in(store), _unsigned("an offset", offset),
                                          _unsigned("a length", length)))

    def protect(self, store: Store, offset: SupportsIndex, length: SupportsIndex, protection: Protection) -> None:
        """What may be done with a range; the rest is refused with the status PROTECTED. The bytes stay."""
        _check(_library.wasm_memory_protect(self._in(store), _unsigned("an offset", offset),
                                            _unsigned("a length", length), Protection(protection)))

    def __len__(self) -> int:
        return _library.wasm_memory_data_size(self._open)

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...

    def __getitem__(self, key: Union[SupportsIndex, slice]) -> Union[int, bytes]:
        if not isinstance(key, slice):
            return self._bytes(self._index(key), 1)[0]
        indices = range(*key.indices(len(self)))
        if not indices:
            return b""
        low, high = min(indices[0], indices[-1]), max(indices[0], indices[-1])
        return self._bytes(low, high + 1 - low)[::indices.step]

    @overload
    def __setitem__(self, key: SupportsIndex, value: SupportsIndex) -> None: ...

    @overload
    def __setitem__(self, key: slice, value: _Data) -> None: ...

    def __setitem__(self, key: Union[SupportsIndex, slice], value: Any) -> None:
        if not isinstance(key, slice):
            _check(_library.wasm_memory_write(self._open, self._index(key), bytes([value]), 1))
            return
        indices = range(*key.indices(len(self)))
        value = _as_bytes(value)
        if len(value) != len(indices):
            raise ValueError(f"a slice of {len(indices)} bytes cannot become {len(value)} bytes")
        if indices.step == 1 and indices:
            _check(_library.wasm_memory_write(self._open, indices[0], value, len(value)))
            return
        for index, byte in zip(indices, value):  # one by one, because what lies between may be another thread's
            _check(_library.wasm_memory_write(self._open, index, bytes([byte]), 1))

    def _bytes(self, start: int, length: int) -> bytes:
        memory_length = len(self)
        if length > memory_length:  # so much room is not made only to be told
            raise WasmMemoryError(f"out of bounds memory access: {length} bytes at offset {start} in a memory of "
                                  f"{memory_length} bytes", Status.OUT_OF_BOUNDS)
        buffer = ctypes.create_string_buffer(length)
        _check(_library.wasm_memory_read(self._open, start, buffer, length))
        return buffer.raw

    def _position(self, position: SupportsIndex) -> int:
        """An offset, counted from the end if it is negative."""
        length = len(self)
        offset = operator.index(position)
        if offset < 0:
            offset += length
        if not 0 <= offset < 2**64:
            raise WasmMemoryError(f"out of bounds memory access: {position} in a memory of {length} bytes",
                                  Status.OUT_OF_BOUNDS)
        return offset

    def _index(self, key: SupportsIndex) -> int:
        length = len(self)
        index = operator.index(key)
        if not -length <= index < length:
            raise IndexError(f"{index} in a memory of {length} bytes")
        return index + length if index < 0 else index


class SharedMemory(_Owner):
    """A linear memory that threads share: all of them may use this object, or each its own `as_memory(store)`.

    Offsets of atomic operations are multiples of the width, which `bits` says: 8, 16, 32 or 64. Numbers are unsigned.
    """

    def __init__(self, engine: Engine, ty: MemoryType) -> None:
        """The type is a shared one, or one with a maximum, of which the shared one is made."""
        MemoryType._take(ty)
        if not ty.is_shared:
            ty = MemoryType(ty.limits, ty.is_64, shared=True)
        handle = _handle()
        _check(_library.wasm_shared_memory_new(Engine._take(engine), ty._open, ctypes.byref(handle)))
        super().__init__(handle.value, _library.wasm_shared_memory_delete)
        self._store = Store(engine)
        self._memory = self.as_memory(self._store)

    def close(self) -> None:
        """Gives it back. The memory stays as long as there is an `as_memory` of it, or a thread that waits in it."""
        self._memory.close()
        self._store.close()
        super().close()

    @property
    def _own(self) -> Memory:
        """A view of the memory, for what needs one."""
        self._open  # refuses a closed one
        return self._memory

    def type(self) -> MemoryType:
        """The type, with the current size as minimum."""
        return MemoryType._of(_library.wasm_shared_memory_type(self._open))

    def as_memory(self, store: Store) -> Memory:
        """The same memory as one of that store, for what takes a Memory."""
        Store._take(store)
        return Memory._of(store, _library.wasm_memory_obtain(store._open, self._open))

    # --- what a Memory does, without a store: see there ---

    def grow(self, delta: SupportsIndex) -> int:
        """Grows by `delta` pages of zeros. Returns the pages before: no two calls get the same number."""
        return self._own.grow(self._store, delta)

    def size(self) -> int:
        return self._own.size(self._store)

    def data_len(self) -> int:
        return self._own.data_len(self._store)

    def data_ptr(self) -> int:
        return self._own.data_ptr(self._store)

    def read(self, start: SupportsIndex = 0, stop: Optional[SupportsIndex] = None) -> bytes:
        return self._own.read(self._store, start, stop)

    def write(self, data: _Data, start: SupportsIndex = 0) -> None:
        self._own.write(self._store, data, start)

    def hexdump(self, start: SupportsIndex = 0, length: SupportsIndex = 256) -> str:
        return self._own.hexdump(self._store, start, length)

    # --- atomic operations ---

    def atomic_load(self, offset: SupportsIndex, bits: int = 32) -> int:
        word = self._word(bits)()
        self._atomic("load", bits, _unsigned("an offset", offset), ctypes.byref(word))
        return word.value

    def atomic_store(self, offset: SupportsIndex, value: SupportsIndex, bits: int = 32) -> None:
        self._atomic("store", bits, _unsigned("an offset", offset), _unsigned("a value", value, bits))

    def atomic_rmw(self, op: Rmw, offset: SupportsIndex, operand: SupportsIndex, bits: int = 32) -> int:
        """What `Rmw` names, with the operand. Returns the value before."""
        old = self._word(bits)()
        self._atomic("rmw", bits, Rmw(op), _unsigned("an offset", offset), _unsigned("an operand", operand, bits),
                     ctypes.byref(old))
        return old.value

    def atomic_cmpxchg(self, offset: SupportsIndex, expected: SupportsIndex, replacement: SupportsIndex,
                       bits: int = 32) -> int:
        """Replaces the value if it is the expected one. Returns the value before."""
        old = self._word(bits)()
        self._atomic("cmpxchg", bits, _unsigned("an offset", offset), _unsigned("an expected value", expected, bits),
                     _unsigned("a replacement", replacement, bits), ctypes.byref(old))
        return old.value

    # --- waiting and waking ---

    def atomic_wait32(self, offset: SupportsIndex, expected: SupportsIndex,
                      timeout: Optional[float] = None) -> WaitResult:
        """Waits for a notify, if the 32-bit word there is the expected one. Returns a `WaitResult`.

        Without a timeout, in seconds, it waits until it is woken; Ctrl-C does not wake it. Raises with the status
        INTERRUPTED or CLOSED when the waiters are interrupted or closed.
        """
        return self._wait(32, offset, expected, timeout)

    def atomic_wait64(self, offset: SupportsIndex, expected: SupportsIndex,
                      timeout: Optional[float] = None) -> WaitResult:
        """The same for a 64-bit word."""
        return self._wait(64, offset, expected, timeout)

    def atomic_notify(self, offset: SupportsIndex, count: SupportsIndex = 1) -> int:
        """Wakes those who have waited longest at this offset, `count` at most. Returns how many."""
        woken = _u32()
        _check(_library.wasm_memory_atomic_notify(self._own._open, _unsigned("an offset", offset),
                                                  _unsigned("a count", count, 32), ctypes.byref(woken)))
        return woken.value

    def interrupt_waiters(self) -> int:
        """Ends all waits that are going on, at any offset. Returns how many."""
        interrupted = _u32()
        _check(_library.wasm_memory_interrupt_waiters(self._own._open, ctypes.byref(interrupted)))
        return interrupted.value

    def close_waiters(self) -> None:
        """Ends all waits that are going on, and every later one at once."""
        _check(_library.wasm_memory_close_waiters(self._own._open))

    @staticmethod
    def _word(bits: int) -> Any:
        if bits not in _WORDS:
            raise ValueError(f"a width has 8, 16, 32 or 64 bits, not {bits}")
        return _WORDS[bits]

    def _atomic(self, operation: str, bits: int, *arguments: Any) -> None:
        self._word(bits)
        _check(getattr(_library, f"wasm_memory_atomic_{operation}{bits}")(self._own._open, *arguments))

    def _wait(self, bits: int, offset: SupportsIndex, expected: SupportsIndex,
              timeout: Optional[float]) -> WaitResult:
        offset, expected = _unsigned("an offset", offset), _unsigned("an expected value", expected, bits)
        nanoseconds = -1  # for ever
        if timeout is not None and not timeout * 1e9 >= 2**63 - 1:
            nanoseconds = max(math.ceil(timeout * 1e9), 0)
        result = ctypes.c_int32()
        # A handle of its own: this object may be closed meanwhile, at the end of the program at the latest.
        handle = _library.wasm_memory_copy(self._own._open)
        try:
            wait = getattr(_slow_library, f"wasm_memory_atomic_wait{bits}")
            _check(wait(handle, offset, expected, nanoseconds, ctypes.byref(result)))
        finally:
            _library.wasm_memory_delete(handle)
        return WaitResult(result.value)
