"""Tests of wasm_memory.py: `python3 test_wasm_memory.py`, with WASM_MEMORY_LIBRARY as it says there."""

import array
import ctypes
import gc
import os
import subprocess
import sys
import threading
import unittest
import weakref

import wasm_memory
from wasm_memory import Engine, Limits, Memory, MemoryType, PAGE_SIZE, Status, Store, WasmMemoryError


class Case(unittest.TestCase):
    def setUp(self):
        self.store = Store(Engine())
        self.memory = self.new(1, 3)

    def new(self, minimum, maximum=None):
        return Memory(self.store, MemoryType(Limits(minimum, maximum)))

    def refused(self, status, call, *arguments):
        with self.assertRaises(WasmMemoryError) as caught:
            call(*arguments)
        self.assertIs(caught.exception.status, status)
        self.assertTrue(str(caught.exception))
        return str(caught.exception)


class Types(Case):
    def test_limits(self):
        self.assertEqual(MemoryType(Limits(1, 10)).limits, Limits(1, 10))
        self.assertEqual(MemoryType(Limits(1)).limits, Limits(1))
        self.assertEqual(MemoryType(Limits(0, 0)).limits, Limits(0, 0))
        self.assertNotEqual(Limits(1), Limits(1, 0))
        self.assertNotEqual(Limits(1), 1)
        self.assertEqual(len({Limits(1, 2), Limits(1, 2), Limits(1)}), 2)
        self.assertEqual(repr(Limits(1, 2)), "Limits(1, 2)")

    def test_kinds(self):
        plain, large = MemoryType(Limits(1, 2)), MemoryType(Limits(1, 2**48), is_64=True)
        self.assertEqual((plain.is_64, plain.is_shared), (False, False))
        self.assertEqual((large.is_64, large.limits), (True, Limits(1, 2**48)))
        self.assertTrue(MemoryType(Limits(1, 2), shared=True).is_shared)

    def test_refused(self):
        self.refused(Status.INVALID_TYPE, MemoryType, Limits(2, 1))
        self.assertIn("65537", self.refused(Status.INVALID_TYPE, MemoryType, Limits(65537)))
        self.refused(Status.INVALID_TYPE, MemoryType, Limits(0, 65537))
        self.refused(Status.INVALID_ARGUMENT, Limits, -1)
        self.refused(Status.INVALID_ARGUMENT, Limits, 0, 2**64)
        self.assertRaises(TypeError, Limits, "1")


class Growth(Case):
    def test_sizes(self):
        self.assertEqual(self.memory.size(self.store), 1)
        self.assertEqual(self.memory.data_len(self.store), PAGE_SIZE)
        self.assertEqual(len(self.memory), PAGE_SIZE)
        self.assertEqual(len(self.new(0)), 0)

    def test_growth(self):
        self.assertEqual(self.memory.grow(self.store, 1), 1)
        self.assertEqual(self.memory.grow(self.store, 0), 2)
        self.refused(Status.MAXIMUM_EXCEEDED, self.memory.grow, self.store, 2)
        self.refused(Status.MAXIMUM_EXCEEDED, self.memory.grow, self.store, 2**64 - 1)
        self.refused(Status.INVALID_ARGUMENT, self.memory.grow, self.store, 2**64)
        self.refused(Status.INVALID_ARGUMENT, self.memory.grow, self.store, -1)
        self.assertEqual(self.memory.size(self.store), 2)
        self.assertEqual(self.memory.type(self.store).limits, Limits(2, 3))

    def test_address(self):
        address = self.memory.data_ptr(self.store)
        ctypes.c_ubyte.from_address(address + 5).value = 7
        self.assertEqual(self.memory[5], 7)


class ReadAndWrite(Case):
    def test_round_trip(self):
        for data in (b"hello", bytearray(b"hello"), memoryview(b"hello"), array.array("B", b"hello"), b"a\0b", b""):
            self.memory.write(self.store, data, 5)
            self.assertEqual(self.memory.read(self.store, 5, 5 + len(data)), bytes(data))
        self.memory.write(self.store, b"start")
        self.assertEqual(self.memory.read(self.store, 0, 5), b"start")
        self.memory.write(self.store, memoryview(b"a.b.c.")[::2])
        self.assertEqual(self.memory.read(self.store, 0, 5), b"abcrt")

    def test_bounds_like_those_of_slices(self):
        self.memory.write(self.store, b"end", -3)
        everything = self.memory[:]
        self.assertEqual(self.memory.read(self.store), everything)
        self.assertEqual(self.memory.read(self.store, -3), b"end")
        self.assertEqual(self.memory.read(self.store, -3, -1), b"en")
        self.assertEqual(self.memory.read(self.store, stop=-3), everything[:-3])
        self.assertEqual(self.memory.read(self.store, 7, 3), b"")
        self.assertEqual(self.memory.read(self.store, PAGE_SIZE, PAGE_SIZE), b"")

    def test_what_is_outside_is_refused(self):
        out = Status.OUT_OF_BOUNDS
        self.assertIn("65534", self.refused(out, self.memory.read, self.store, PAGE_SIZE - 2, PAGE_SIZE + 1))
        self.refused(out, self.memory.read, self.store, 0, PAGE_SIZE + 1)
        self.refused(out, self.memory.read, self.store, 0, 2**63)
        self.refused(out, self.memory.read, self.store, PAGE_SIZE + 1)
        self.refused(out, self.memory.read, self.store, -PAGE_SIZE - 1)
        self.refused(out, self.memory.read, self.store, 2**64, 2**64 + 1)
        self.refused(out, self.memory.write, self.store, b"xx", PAGE_SIZE - 1)
        self.refused(out, self.memory.write, self.store, b"x", 2**64)
        self.refused(out, self.memory.write, self.store, b"", PAGE_SIZE + 1)
        self.assertEqual(self.memory.read(self.store), bytes(PAGE_SIZE))

    def test_what_is_not_bytes(self):
        self.assertRaises(TypeError, self.memory.write, self.store, 5)
        self.assertRaises(TypeError, self.memory.write, self.store, "text")
        self.assertRaises(TypeError, self.memory.read, self.store, 0.5)


class Items(Case):
    """What a bytearray would say."""

    def setUp(self):
        super().setUp()
        self.memory.write(self.store, bytes(range(256)) * 256)
        self.twin = bytearray(self.memory.read(self.store))

    def test_get(self):
        for index in (0, 5, 65535, -1, -65536):
            self.assertEqual(self.memory[index], self.twin[index])
        for start in (None, 0, 3, 65530, 70000, -5, -70000):
            for stop in (None, 0, 9, 65536, 70000, -2, -70000):
                for step in (None, 1, 2, 7, -1, -3):
                    key = slice(start, stop, step)
                    self.assertEqual(self.memory[key], self.twin[key], key)

    def test_set(self):
        self.memory[5] = self.twin[5] = 200
        self.memory[-1] = self.twin[-1] = 201
        for key in (slice(10, 15), slice(None, 5), slice(-5, None), slice(100, 110, 2), slice(120, 110, -2)):
            self.memory[key] = self.twin[key] = b"fghij"
        self.memory[70000:] = b""
        self.assertEqual(self.memory[:], self.twin)

    def test_refused(self):
        for index in (65536, -65537, 2**64):
            self.assertRaises(IndexError, self.memory.__getitem__, index)
            self.assertRaises(IndexError, self.memory.__setitem__, index, 0)
        self.assertRaises(ValueError, self.memory.__setitem__, 0, 256)
        self.assertRaises(ValueError, self.memory.__setitem__, slice(0, 3), b"four")
        self.assertRaises(ValueError, self.memory.__setitem__, slice(65534, 65540), b"longer")
        self.assertRaises(TypeError, self.memory.__setitem__, slice(0, 3), 3)
        self.assertRaises(TypeError, self.memory.__getitem__, "0")
        self.assertEqual(self.memory[:], self.twin)


class Hexdump(Case):
    def test_text(self):
        self.memory.write(self.store, b"~ dump \x7f\x80")
        self.assertEqual(self.memory.hexdump(self.store, 0, 9),
                         "Memory dump from 0x0000 to 0x0009:\n"
                         "0000: 7e 20 64 75 6d 70 20 7f 80 " + 7 * "   " + " |~ dump ..|\n")
        self.assertEqual(self.memory.hexdump(self.store).count("\n"), 17)

    def test_refused(self):
        self.refused(Status.OUT_OF_BOUNDS, self.memory.hexdump, self.store, PAGE_SIZE, 1)
        self.refused(Status.INVALID_ARGUMENT, self.memory.hexdump, self.store, 0, -1)


class Lifetimes(Case):
    def test_nothing_is_used_after_close(self):
        kind = MemoryType(Limits(1))
        for closed in (self.memory, kind, self.store):
            closed.close()
            closed.close()
            self.assertTrue(closed.closed)
        for use in (lambda: len(self.memory), lambda: self.memory[0], lambda: self.memory.__enter__(),
                    lambda: self.memory.size(self.store), lambda: kind.limits, lambda: Memory(self.store, kind)):
            with self.assertRaisesRegex(ValueError, "closed"):
                use()
        engine = Engine()
        engine.close()
        self.assertRaises(ValueError, Store, engine)

    def test_a_memory_outlives_its_store_but_not_in_its_name(self):
        self.store.close()
        self.memory[0] = 1
        self.assertEqual(self.memory[0], 1)
        self.assertRaises(ValueError, self.memory.read, self.store, 0, 1)

    def test_with(self):
        with Engine() as engine, Store(engine) as store, MemoryType(Limits(1)) as kind:
            with Memory(store, kind) as memory:
                memory[0] = 1
            self.assertTrue(memory.closed)
        self.assertTrue(engine.closed and store.closed and kind.closed)

    def test_what_nobody_refers_to_is_deleted(self):
        finalizer, reference = self.memory._delete, weakref.ref(self.memory)
        self.assertTrue(finalizer.alive)
        self.memory = None
        gc.collect()
        self.assertIsNone(reference())
        self.assertFalse(finalizer.alive)

    def test_another_store(self):
        self.refused(Status.INVALID_ARGUMENT, self.memory.size, Store())

    def test_other_things(self):
        self.assertRaises(TypeError, Store, self.store)
        self.assertRaises(TypeError, Store, 4096)
        self.assertRaises(TypeError, Memory, self.store, Limits(1))
        self.assertRaises(TypeError, Memory, Engine(), MemoryType(Limits(1)))
        self.assertRaises(TypeError, self.memory.size, None)


class Library(Case):
    def test_version(self):
        self.assertRegex(wasm_memory.library_version(), r"^\d+\.\d+\.\d+$")

    def test_statuses_are_those_of_the_library(self):
        name = wasm_memory._library.wasm_memory_status_name
        name.restype, name.argtypes = ctypes.c_char_p, [ctypes.c_int32]
        for status in Status:
            self.assertEqual(name(status).decode(), f"WASM_MEMORY_{status.name}")
        self.assertEqual(WasmMemoryError("", 12345).status, 12345)

    def test_names_of_wasmtime(self):
        self.assertIs(wasm_memory.WasmtimeError, WasmMemoryError)

    def test_each_thread_has_its_own_errors(self):
        sentences = []

        def work():
            memory = Memory(self.store, MemoryType(Limits(2)))
            for _ in range(100):
                sentences.append(self.refused(Status.OUT_OF_BOUNDS, memory.write, self.store, b"x", 2 * PAGE_SIZE))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            self.refused(Status.MAXIMUM_EXCEEDED, self.memory.grow, self.store, 3)
        for thread in threads:
            thread.join()
        self.assertEqual(len(sentences), 400)
        self.assertEqual(len(set(sentences)), 1)

    def test_a_wrong_library_says_so(self):
        environment = dict(os.environ, WASM_MEMORY_LIBRARY=os.path.join(os.sep, "nowhere", "libwasm_memory.so"))
        done = subprocess.run([sys.executable, "-c", "import wasm_memory"], env=environment, stderr=subprocess.PIPE,
                              cwd=os.path.dirname(os.path.abspath(__file__)), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"ImportError: ", done.stderr)
        self.assertIn(b"nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
