"""A tour of linear memories from Python: the basics, growth and bounds, direct access with ctypes, a look at the bytes,
images and what has changed, and a memory that threads share.

    WASM_MEMORY_LIBRARY=PREFIX/lib/libwasm_memory.so python3 tour.py
"""

import ctypes
import sys
import threading

import wasm_memory


def new_memory(minimum, maximum=None):
    store = wasm_memory.Store(wasm_memory.Engine())
    return store, wasm_memory.Memory(store, wasm_memory.MemoryType(wasm_memory.Limits(minimum, maximum)))


def basics():
    store, memory = new_memory(1, 10)
    print(f"made: {memory.size(store)} page, {memory.data_len(store)} bytes, {memory.type(store).limits}")
    assert (memory.size(store), memory.data_len(store)) == (1, 65536)

    message = b"written by Python"
    memory.write(store, message, 0)
    found = memory.read(store, 0, len(message))
    print("read back:", found.decode())
    assert found == message

    # The same bytes by indexes and slices, as of a bytearray.
    memory[11:17] = b"PYTHON"
    assert memory[:17] == b"written by PYTHON" and memory[0] == ord("w") and memory[-1] == 0

    before = memory.grow(store, 2)
    print(f"grown from {before} page to {memory.size(store)}")
    assert (before, memory.size(store)) == (1, 3)
    assert memory.type(store).limits == wasm_memory.Limits(3, 10)


def growth_and_bounds():
    page = wasm_memory.PAGE_SIZE
    store, memory = new_memory(1, 3)
    memory.write(store, b"A" * (page - 100))
    try:
        memory.write(store, b"too far", page + 1000)
        raise AssertionError("it was written past the end")
    except wasm_memory.WasmMemoryError as error:
        print(f"{error.status.name}: {error}")
        assert error.status is wasm_memory.Status.OUT_OF_BOUNDS

    assert memory.grow(store, 1) == 1
    text = b"on the second page"
    memory.write(store, text, page + 100)
    found = memory.read(store, page + 100, page + 100 + len(text))
    print("after growth:", found.decode())
    assert found == text

    try:
        memory.grow(store, 5)
        raise AssertionError("it grew past the maximum")
    except wasm_memory.WasmMemoryError as error:
        print(f"{error.status.name}: {error}")
        assert error.status is wasm_memory.Status.MAXIMUM_EXCEEDED
    assert memory.size(store) == 2


class Header(ctypes.LittleEndianStructure):
    """Numbers in memory are little-endian, whatever the host."""

    _fields_ = [("magic", ctypes.c_uint32), ("version", ctypes.c_uint16), ("flags", ctypes.c_uint16),
                ("data_size", ctypes.c_uint32)]


def direct_access():
    store, memory = new_memory(1)
    address, size = memory.data_ptr(store), memory.data_len(store)
    data = (ctypes.c_ubyte * size).from_address(address)  # nothing checks from here on, so keep within `size`

    text = b"written through a pointer"
    for position, byte in enumerate(text):
        data[position] = byte
    found = memory.read(store, 0, len(text))
    print("read back:", found.decode())
    assert found == text

    header = Header.from_address(address + 100)
    header.magic = 0x12345678
    header.version = 1
    header.flags = 0b1010
    header.data_size = 1024
    found = memory.read(store, 100, 100 + ctypes.sizeof(Header))
    magic = int.from_bytes(found[:4], "little")
    print(f"magic: 0x{magic:08x}")
    assert magic == 0x12345678 and found[4:] == b"\x01\x00\x0a\x00\x00\x04\x00\x00"


def dump(memory, store, start=0, length=256, width=16):
    """What Memory.hexdump does for a width of 16, in Python: enough to see how it is made, and to change it."""
    data = memory.read(store, start, start + length)
    lines = [f"Memory dump from 0x{start:04x} to 0x{start + length:04x}:\n"]
    for offset in range(0, len(data), width):
        line = data[offset:offset + width]
        numbers = "".join(f"{byte:02x} " for byte in line).ljust(3 * width)
        characters = "".join(chr(byte) if 32 <= byte <= 126 else "." for byte in line)
        lines.append(f"{start + offset:04x}: {numbers} |{characters}|\n")
    return "".join(lines)


def inspection():
    store, memory = new_memory(1)
    memory.write(store, b"Hello, WebAssembly World!\x00\x01\x02\x03\xff\xfe\xfd")
    print(memory.hexdump(store, 0, 64), end="")
    for start, length in [(0, 64), (7, 11), (0, 0), (65536 - 20, 20)]:
        assert memory.hexdump(store, start, length) == dump(memory, store, start, length)


def images_and_changes():
    store = wasm_memory.Store(wasm_memory.Engine())
    kind = wasm_memory.MemoryType(wasm_memory.Limits(1, 10))
    image = wasm_memory.MemoryImage([(1024, b"Hello, nobody"), (1031, b"world!")])
    memory = wasm_memory.Memory.from_image(store, kind, image)
    print("made of an image:", memory[1024:1037].decode())
    assert memory[1024:1037] == b"Hello, world!"

    # A snapshot of a memory that has been set up is where each request starts, and goes back to.
    memory.grow(store, 1)
    memory[70000] = 42
    snapshot = wasm_memory.MemoryImage.from_memory(store, memory)
    memory.dirty_clear(store)
    memory[1024:1029] = b"Jello"
    memory.grow(store, 3)
    changed = memory.dirty_ranges(store)
    print(f"changed: {sum(length for _, length in changed)} of {len(memory)} bytes")
    assert any(offset <= 1024 < offset + length for offset, length in changed)
    memory.reset(store, snapshot)
    print("after a reset:", memory[1024:1037].decode(), memory.size(store), "pages")
    assert (memory[1024:1037], memory[70000], memory.size(store)) == (b"Hello, world!", 42, 2)


def shared_memory_and_threads():
    engine = wasm_memory.Engine()
    kind = wasm_memory.MemoryType(wasm_memory.Limits(1, 5), shared=True)
    shared = wasm_memory.SharedMemory(engine, kind)

    def work(number):
        store = wasm_memory.Store(engine)  # each thread has its own, and its own view of the memory
        memory = shared.as_memory(store)
        memory.write(store, f"Thread {number} was here!".encode(), number * 32)
        memory.grow(store, 1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    store = wasm_memory.Store(engine)
    memory = shared.as_memory(store)
    for number in range(3):
        text = memory.read(store, number * 32, number * 32 + 32).rstrip(b"\0").decode()
        print(text)
        assert text == f"Thread {number} was here!"
    assert shared.size() == memory.size(store) == 4
    print(dump(memory, store, 0, 96), end="")


def waiting_and_waking():
    shared = wasm_memory.SharedMemory(wasm_memory.Engine(),
                                      wasm_memory.MemoryType(wasm_memory.Limits(1, 1), shared=True))
    flag, letter = 0, 64
    received = []

    def receive():
        while shared.atomic_load(flag) == 0:
            shared.atomic_wait32(flag, 0)  # other threads go on meanwhile
        received.append(shared.read(letter, letter + 5))

    receiver = threading.Thread(target=receive)
    receiver.start()
    shared.write(b"hello", letter)
    shared.atomic_store(flag, 1)
    shared.atomic_notify(flag)
    receiver.join()
    print("received:", received[0].decode())
    assert received == [b"hello"]

    assert shared.atomic_wait32(flag, 0) is wasm_memory.WaitResult.MISMATCH
    assert shared.atomic_wait32(flag, 1, timeout=0.001) is wasm_memory.WaitResult.TIMED_OUT
    shared.close_waiters()
    try:
        shared.atomic_wait32(flag, 1)
        raise AssertionError("it waited after the end")
    except wasm_memory.WasmMemoryError as error:
        print(f"{error.status.name}: {error}")
        assert error.status is wasm_memory.Status.CLOSED


def main():
    for stop in (basics, growth_and_bounds, direct_access, inspection, images_and_changes, shared_memory_and_threads,
                 waiting_and_waking):
        print(f"--- {stop.__name__.replace('_', ' ')}")
        stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
