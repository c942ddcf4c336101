"""Tests of wasm_memory.py: `python3 test_wasm_memory.py`, with WASM_MEMORY_LIBRARY as it says there."""

import array
import ctypes
import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import weakref

import wasm_memory
from wasm_memory import (Config, Engine, Limits, MapMode, Memory, MemoryImage, MemoryType, PAGE_SIZE, Pool, Protection,
                         Rmw, SharedMemory, Status, Store, WaitResult, WasmMemoryError)


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


class Shared(Case):
    def setUp(self):
        super().setUp()
        self.engine = Engine()
        self.shared = self.new_shared(1, 9)

    def new_shared(self, minimum, maximum):
        return SharedMemory(self.engine, MemoryType(Limits(minimum, maximum), shared=True))

    def together(self, count, work):
        """Runs `work(number)` in so many threads at once. What they return, or the first of their exceptions."""
        results, failures = [None] * count, []

        def run(number):
            try:
                results[number] = work(number)
            except BaseException as failure:  # also what an assertion raises
                failures.append(failure)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return results

    def wake(self, shared, offset, count=1):
        """Wakes somebody who will wait soon, or does already."""
        while shared.atomic_notify(offset, count) == 0:
            time.sleep(0.001)


class SharedMemories(Shared):
    def test_shared_type(self):
        kind = self.shared.type()
        self.assertEqual((kind.limits, kind.is_shared, kind.is_64), (Limits(1, 9), True, False))
        large = SharedMemory(self.engine, MemoryType(Limits(1, 2), is_64=True, shared=True))
        self.assertTrue(large.type().is_64 and large.type().is_shared)

    def test_shared_of_a_type_with_a_maximum(self):
        config = Config()
        config.wasm_threads(True)
        config.wasm_threads = True
        kind = MemoryType(Limits(1, 5))
        shared = SharedMemory(Engine(config), kind)
        self.assertEqual((shared.type().limits, shared.type().is_shared, kind.is_shared), (Limits(1, 5), True, False))

    def test_shared_without_a_maximum_is_refused(self):
        self.assertIn("maximum", self.refused(Status.INVALID_TYPE, SharedMemory, self.engine, MemoryType(Limits(1))))

    def test_shared_of_other_things(self):
        self.assertRaises(TypeError, SharedMemory, self.store, MemoryType(Limits(1, 2), shared=True))
        self.assertRaises(TypeError, SharedMemory, self.engine, Limits(1, 2))
        self.assertRaises(TypeError, self.shared.as_memory, self.engine)
        self.assertRaises(TypeError, Engine, 1)

    def test_shared_sizes_and_growth(self):
        self.assertEqual((self.shared.size(), self.shared.data_len()), (1, PAGE_SIZE))
        self.assertEqual(self.shared.grow(2), 1)
        self.assertEqual((self.shared.size(), self.shared.data_len()), (3, 3 * PAGE_SIZE))
        self.assertEqual(self.shared.type().limits, Limits(3, 9))
        self.refused(Status.MAXIMUM_EXCEEDED, self.shared.grow, 7)
        self.refused(Status.INVALID_ARGUMENT, self.shared.grow, -1)
        self.assertEqual(self.shared.size(), 3)

    def test_shared_bytes(self):
        address = self.shared.data_ptr()
        self.shared.write(b"shared", 5)
        self.assertEqual(ctypes.string_at(address + 5, 6), b"shared")
        self.assertEqual(self.shared.read(5, 11), b"shared")
        self.assertEqual(len(self.shared.read()), PAGE_SIZE)
        self.assertIn("73 68 61 72 65 64", self.shared.hexdump(5, 6))
        self.refused(Status.OUT_OF_BOUNDS, self.shared.read, 0, PAGE_SIZE + 1)
        self.refused(Status.OUT_OF_BOUNDS, self.shared.write, b"xx", PAGE_SIZE - 1)
        self.shared.grow(1)
        self.assertEqual(self.shared.data_ptr(), address)

    def test_as_memory(self):
        first, second = Store(self.engine), Store()
        memory, twin = self.shared.as_memory(first), self.shared.as_memory(second)
        memory.write(first, b"one memory")
        self.assertEqual(twin.read(second, 0, 10), b"one memory")
        self.assertEqual(twin.grow(second, 1), 1)
        self.assertEqual((memory.size(first), len(memory), self.shared.size()), (2, 2 * PAGE_SIZE, 2))
        self.assertTrue(memory.type(first).is_shared)
        self.assertEqual(memory.data_ptr(first), twin.data_ptr(second))
        memory[0:10:3] = b"ABCD"
        self.assertEqual(self.shared.read(0, 10), b"AneBmeCorD")
        self.refused(Status.INVALID_ARGUMENT, memory.size, second)

    def test_a_store_makes_shared_memories_too(self):
        memory = Memory(self.store, MemoryType(Limits(1, 2), shared=True))
        self.assertTrue(memory.type(self.store).is_shared)
        memory[0] = 1
        self.assertEqual(memory[0], 1)

    def test_shared_lifetimes(self):
        store = Store(self.engine)
        memory = self.shared.as_memory(store)
        self.engine.close()
        with self.shared:
            self.shared.write(b"still here")
        self.assertTrue(self.shared.closed)
        self.shared.close()
        self.assertEqual(memory.read(store, 0, 10), b"still here")
        for use in (self.shared.size, self.shared.type, self.shared.interrupt_waiters,
                    lambda: self.shared.as_memory(store), lambda: self.shared.read(0, 1),
                    lambda: self.shared.atomic_load(0), lambda: self.shared.atomic_wait32(0, 0, 0)):
            with self.assertRaisesRegex(ValueError, "SharedMemory is closed"):
                use()

    def test_threads_write_where_each_has_its_place(self):
        def work(number):
            store = Store(self.engine)
            self.shared.as_memory(store).write(store, f"Thread {number} was here!".encode(), number * 32)

        self.together(3, work)
        for number in range(3):
            text = self.shared.read(number * 32, number * 32 + 32)
            self.assertEqual(text.rstrip(b"\0"), f"Thread {number} was here!".encode())

    def test_threads_grow_to_different_sizes(self):
        found = self.together(4, lambda _: [self.shared.grow(1) for _ in range(2)])
        self.assertEqual(sorted(sum(found, [])), [1, 2, 3, 4, 5, 6, 7, 8])
        self.assertEqual(self.shared.size(), 9)


class Atomics(Shared):
    def test_widths(self):
        for bits in (8, 16, 32, 64):
            top = 2**bits - 1
            self.shared.write(bytes(16))
            self.shared.atomic_store(8, top - 1, bits)
            self.assertEqual(self.shared.read(8, 16), ((top - 1).to_bytes(bits // 8, "little")).ljust(8, b"\0"))
            self.assertEqual(self.shared.atomic_load(8, bits), top - 1)
            for op, operand, after in ((Rmw.ADD, 3, 1), (Rmw.SUB, 2, top), (Rmw.AND, 0x5A, 0x5A), (Rmw.OR, 5, 0x5F),
                                       (Rmw.XOR, 0xF, 0x50), (Rmw.XCHG, top, top)):
                before = self.shared.atomic_load(8, bits)
                self.assertEqual(self.shared.atomic_rmw(op, 8, operand, bits), before)
                self.assertEqual(self.shared.atomic_load(8, bits), after)
            self.assertEqual(self.shared.atomic_cmpxchg(8, 1, 2, bits), top)
            self.assertEqual(self.shared.atomic_cmpxchg(8, top, 2, bits), top)
            self.assertEqual(self.shared.atomic_load(8, bits), 2)

    def test_atomics_refused(self):
        self.refused(Status.UNALIGNED, self.shared.atomic_load, 2)
        self.refused(Status.UNALIGNED, self.shared.atomic_store, 4, 0, 64)
        self.refused(Status.OUT_OF_BOUNDS, self.shared.atomic_rmw, Rmw.ADD, PAGE_SIZE, 1)
        self.refused(Status.OUT_OF_BOUNDS, self.shared.atomic_cmpxchg, 2**64 - 8, 0, 1, 64)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_load, -4)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_store, 0, 2**32)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_rmw, Rmw.ADD, 0, -1)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_cmpxchg, 0, 256, 0, 8)
        self.assertRaises(ValueError, self.shared.atomic_load, 0, 24)
        self.assertRaises(ValueError, self.shared.atomic_rmw, 6, 0, 1)
        self.assertRaises(TypeError, self.shared.atomic_store, 0, "1")
        self.assertEqual(self.shared.read(), bytes(PAGE_SIZE))

    def test_nothing_is_lost(self):
        def work(_):
            for _ in range(1000):
                self.shared.atomic_rmw(Rmw.ADD, 0, 1)

        self.together(4, work)
        self.assertEqual(self.shared.atomic_load(0), 4000)


class Waiting(Shared):
    def test_wait_mismatch(self):
        self.assertIs(self.shared.atomic_wait32(0, 1), WaitResult.MISMATCH)
        self.assertIs(self.shared.atomic_wait64(0, 1), WaitResult.MISMATCH)

    def test_wait_timed_out(self):
        for wait in (self.shared.atomic_wait32, self.shared.atomic_wait64):
            for timeout in (0, -1, 0.0000000001, 0.02):
                start = time.monotonic()
                self.assertIs(wait(0, 0, timeout), WaitResult.TIMED_OUT)
                self.assertGreaterEqual(time.monotonic() - start, timeout)

    def test_wait_woken(self):
        for wait in (self.shared.atomic_wait32, self.shared.atomic_wait64):
            for timeout in (None, 1000, 1e300, float("inf")):
                results = self.together(2, lambda number: wait(0, 0, timeout) if number else self.wake(self.shared, 0))
                self.assertIs(results[1], WaitResult.OK)

    def test_wait_refused(self):
        self.refused(Status.UNALIGNED, self.shared.atomic_wait32, 2, 0)
        self.refused(Status.UNALIGNED, self.shared.atomic_wait64, 4, 0)
        self.refused(Status.OUT_OF_BOUNDS, self.shared.atomic_wait32, PAGE_SIZE, 0)
        self.refused(Status.OUT_OF_BOUNDS, self.shared.atomic_wait64, PAGE_SIZE, 0)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_wait32, 0, 2**32)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_wait64, -8, 0)
        self.assertRaises(ValueError, self.shared.atomic_wait32, 0, 0, float("nan"))

    def test_notify(self):
        self.assertEqual(self.shared.atomic_notify(0), 0)
        self.refused(Status.UNALIGNED, self.shared.atomic_notify, 2)
        self.refused(Status.OUT_OF_BOUNDS, self.shared.atomic_notify, PAGE_SIZE, 0)
        self.refused(Status.INVALID_ARGUMENT, self.shared.atomic_notify, 0, 2**32)

    def test_notify_wakes_as_many_as_it_says(self):
        woken = []

        def work(number):
            if number < 3:
                return self.shared.atomic_wait32(64, 0)
            while sum(woken) < 3:
                woken.append(self.shared.atomic_notify(64, 2))
                time.sleep(0.001)

        self.assertEqual(self.together(4, work)[:3], [WaitResult.OK] * 3)
        self.assertEqual(sum(woken), 3)
        self.assertLessEqual(max(woken), 2)

    def test_interrupted(self):
        def work(number):
            if number:
                return self.refused(Status.INTERRUPTED, self.shared.atomic_wait32, 8 * number, 0)
            interrupted = 0
            while interrupted < 3:
                interrupted += self.shared.interrupt_waiters()
                time.sleep(0.001)
            return interrupted

        self.assertEqual(self.together(4, work)[0], 3)
        self.assertEqual(self.shared.interrupt_waiters(), 0)
        self.assertIs(self.shared.atomic_wait32(0, 0, 0), WaitResult.TIMED_OUT)  # later ones are not concerned

    def test_closed(self):
        def work(number):
            if number:
                return self.refused(Status.CLOSED, self.shared.atomic_wait64, 8 * number, 0)
            time.sleep(0.01)
            return self.shared.close_waiters()

        self.together(4, work)
        self.shared.close_waiters()
        self.refused(Status.CLOSED, self.shared.atomic_wait32, 0, 0, 0)
        self.assertEqual(self.shared.atomic_notify(0), 0)

    def test_a_mutex_of_one_word(self):
        mutex, counter = 0, 64

        def lock():
            if self.shared.atomic_cmpxchg(mutex, 0, 1) == 0:
                return
            while self.shared.atomic_rmw(Rmw.XCHG, mutex, 2) != 0:
                self.shared.atomic_wait32(mutex, 2)

        def work(_):
            for _ in range(500):
                lock()
                count = int.from_bytes(self.shared.read(counter, counter + 4), "little")
                self.shared.write((count + 1).to_bytes(4, "little"), counter)
                if self.shared.atomic_rmw(Rmw.XCHG, mutex, 0) == 2:
                    self.shared.atomic_notify(mutex)

        self.together(4, work)
        self.assertEqual(self.shared.atomic_load(counter), 2000)

    def test_closing_leaves_those_who_wait(self):
        store = Store()
        memory = self.shared.as_memory(store)
        started = threading.Event()

        def work(number):
            if number:
                started.set()
                return self.shared.atomic_wait32(0, 0, 0.2)
            started.wait()
            time.sleep(0.05)
            return self.shared.close()

        self.assertIs(self.together(2, work)[1], WaitResult.TIMED_OUT)
        self.assertEqual(memory[0], 0)

    def test_a_program_ends_while_its_daemons_wait(self):
        program = ("import threading, time, wasm_memory as w\n"
                   "shared = w.SharedMemory(w.Engine(), w.MemoryType(w.Limits(1, 1), shared=True))\n"
                   "for _ in range(3):\n"
                   "    threading.Thread(target=lambda: shared.atomic_wait32(0, 0), daemon=True).start()\n"
                   "time.sleep(0.05)\n"
                   "print('the end')\n")
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              cwd=os.path.dirname(os.path.abspath(__file__)), timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout.split(), done.stderr), (0, [b"the", b"end"], b""))


class Images(Case):
    def from_image(self, image, minimum=1, maximum=3):
        return Memory.from_image(self.store, MemoryType(Limits(minimum, maximum)), image)

    def test_segments(self):
        for segments in ([(5, b"hello"), (10, bytearray(b" again")), (9, memoryview(b"O")), (PAGE_SIZE, b"")],
                         ((5, b"hellO again"),)):
            with MemoryImage(segments) as image:
                memory, twin = self.from_image(image), self.from_image(image)
            self.assertEqual(memory.read(self.store, 0, 20), b"\0\0\0\0\0hellO again\0\0\0\0")
            memory[5] = 0
            self.assertEqual(twin[5], ord("h"))
        self.assertEqual(self.from_image(MemoryImage())[:], bytes(PAGE_SIZE))

    def test_segments_refused(self):
        self.refused(Status.OUT_OF_BOUNDS, self.from_image, MemoryImage([(PAGE_SIZE - 1, b"xx")]))
        self.refused(Status.OUT_OF_BOUNDS, self.from_image, MemoryImage([(PAGE_SIZE + 1, b"")]))
        self.refused(Status.OUT_OF_BOUNDS, MemoryImage, [(2**64 - 1, b"xx")])
        self.refused(Status.INVALID_ARGUMENT, MemoryImage, [(-1, b"x")])
        self.assertRaises(TypeError, MemoryImage, [(0, "text")])
        self.assertRaises(TypeError, self.from_image, b"x")
        self.assertRaises(TypeError, Memory.from_image, self.store, Limits(1), MemoryImage())

    def test_snapshot(self):
        self.memory.grow(self.store, 1)
        self.memory.write(self.store, b"the end", -7)
        snapshot = MemoryImage.from_memory(self.store, self.memory)
        self.memory[-1] = 0
        copy = self.from_image(snapshot)
        self.assertEqual((copy.size(self.store), copy.read(self.store, -7)), (2, b"the end"))
        self.refused(Status.MAXIMUM_EXCEEDED, self.from_image, snapshot, 1, 1)
        self.refused(Status.INVALID_ARGUMENT, MemoryImage.from_memory, Store(), self.memory)
        self.assertRaises(TypeError, MemoryImage.from_memory, self.store, snapshot)

    def test_snapshot_of_a_shared_memory(self):
        engine = Engine()
        shared = SharedMemory(engine, MemoryType(Limits(1, 2), shared=True))
        shared.write(b"shared")
        store = Store(engine)
        self.assertEqual(self.from_image(MemoryImage.from_memory(store, shared.as_memory(store)))[:6], b"shared")

    def test_reset(self):
        image = MemoryImage([(0, b"start")])
        snapshot = MemoryImage.from_memory(self.store, self.new(2))
        for number in range(1, 20):
            self.memory.reset(self.store, image)
            self.assertEqual((self.memory[:5], self.memory.size(self.store)), (b"start", 1))
            self.assertFalse(any(self.memory[5:]))
            self.memory.grow(self.store, number % 3)
            self.memory[number * 3000 % len(self.memory)] = 255
            self.memory[-1] = 1
        self.memory.reset(self.store)
        self.assertEqual(self.memory[:], bytes(PAGE_SIZE))
        self.memory.reset(self.store, snapshot)
        self.assertEqual(self.memory[:], bytes(2 * PAGE_SIZE))

    def test_reset_refused(self):
        self.memory[0] = 1
        self.refused(Status.OUT_OF_BOUNDS, self.memory.reset, self.store, MemoryImage([(PAGE_SIZE, b"x")]))
        self.refused(Status.MAXIMUM_EXCEEDED, self.memory.reset, self.store,
                     MemoryImage.from_memory(self.store, self.new(4)))
        self.assertRaises(TypeError, self.memory.reset, self.store, b"x")
        closed = MemoryImage()
        closed.close()
        self.assertRaisesRegex(ValueError, "MemoryImage is closed", self.memory.reset, self.store, closed)
        self.assertEqual((self.memory[0], self.memory.size(self.store)), (1, 1))

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "image \u00e4")
            MemoryImage([(100, b"x")]).save(path)
            self.memory.write(self.store, b"kept")
            MemoryImage.from_memory(self.store, self.memory).save(path)
            self.assertEqual(os.listdir(folder), ["image \u00e4"])
            self.assertLess(os.path.getsize(path), PAGE_SIZE)
            self.assertEqual(self.from_image(MemoryImage.load(path.encode()))[:4], b"kept")

            with open(path, "rb") as file:
                saved = file.read()
            damaged = saved[:100] + bytes([saved[100] ^ 1]) + saved[101:]
            for content, reason in ((saved[:-1], "truncated"), (damaged, "damaged"), (b"other", "is not an image")):
                with open(path, "wb") as file:
                    file.write(content)
                self.assertIn(reason, self.refused(Status.IO, MemoryImage.load, path))
            self.refused(Status.IO, MemoryImage.load, os.path.join(folder, "missing"))
            self.refused(Status.IO, MemoryImage.load, folder)
            self.refused(Status.IO, MemoryImage().save, os.path.join(folder, "missing", "image"))
            self.assertRaises(ValueError, MemoryImage.load, path + "\0")
            self.assertRaises(TypeError, MemoryImage.load, 1)


class Changes(Case):
    def changed(self):
        """The bytes that are in a range, by the whole granules that they lie in."""
        granule = self.memory.stats(self.store).dirty_granule_bytes
        changed, end = [], -1
        for offset, length in self.memory.dirty_ranges(self.store):
            self.assertEqual(offset % granule, 0)
            self.assertTrue(offset > end and length > 0)
            end = offset + length
            self.assertTrue(end % granule == 0 or end == len(self.memory))
            changed += range(offset // granule, -(-end // granule))
        return changed, granule

    def test_changes(self):
        self.assertEqual(self.changed()[0], [])
        self.memory[5] = 1
        self.memory.write(self.store, b"x", 40000)
        ctypes.c_ubyte.from_address(self.memory.data_ptr(self.store) + 60000).value = 7
        changed, granule = self.changed()
        self.assertEqual(changed, sorted({0, 40000 // granule, 60000 // granule}))
        self.memory.dirty_clear(self.store)
        self.memory.read(self.store)
        self.assertEqual(self.changed()[0], [])
        self.memory[40001] = 1
        self.assertEqual(self.changed()[0], [40000 // granule])

    def test_growth_and_reset_are_changes(self):
        self.memory[0] = 1
        self.memory.dirty_clear(self.store)
        self.memory.grow(self.store, 1)
        changed, granule = self.changed()
        self.assertEqual(changed, list(range(PAGE_SIZE // granule, -(-len(self.memory) // granule))))
        self.memory.reset(self.store)
        self.assertIn(0, self.changed()[0])


class Pools(Case):
    def setUp(self):
        config = Config()
        config.memory_pool = Pool(slots=4, slot_bytes=2 * PAGE_SIZE)
        self.engine = Engine(config)
        self.store = Store(self.engine)
        self.memory = self.new(1, 3)

    def needs_slots(self):
        if self.engine.pool_stats().reserved_bytes == 0:
            self.skipTest("no pool has slots here: memories lie on the heap")

    def test_pool(self):
        self.needs_slots()
        self.assertEqual(self.engine.pool_stats().live, 1)
        self.assertEqual(self.memory.grow(self.store, 1), 1)
        self.assertIn("slot_bytes", self.refused(Status.OUT_OF_MEMORY, self.memory.grow, self.store, 1))
        self.assertIn("slot_bytes", self.refused(Status.OUT_OF_MEMORY, self.new, 3))
        others = [self.new(1) for _ in range(3)]
        self.assertIn("slots", self.refused(Status.OUT_OF_MEMORY, self.new, 1))
        for number in range(50):
            memory = others.pop()
            memory[number] = 1
            memory.close()
            others.append(self.new(1))
            self.assertEqual(others[-1][:], bytes(PAGE_SIZE))
        stats = self.engine.pool_stats()
        self.assertEqual((stats.live, stats.hits + stats.misses), (4, 54))
        self.assertGreater(stats.hits, 0)

    def test_trim(self):
        self.needs_slots()
        self.memory[0] = 1
        self.new(1).close()
        self.engine.pool_trim()
        stats = self.engine.pool_stats()
        self.assertEqual((stats.live, stats.warm, stats.cold, stats.resident_bytes), (1, 0, 0, 0))
        self.assertEqual(self.memory[0], 1)

    def test_overflow(self):
        config = Config()
        config.memory_pool = Pool(1, PAGE_SIZE, overflow=True)
        self.store = Store(Engine(config))
        memories = [self.new(1), self.new(1), self.new(5)]
        memories[2][-1] = 1
        self.assertEqual(memories[2].size(self.store), 5)

    def test_options_refused(self):
        config = Config()
        for pool, name in ((Pool(slots=2**63, slot_bytes=2**40), "memory_pool"), (Pool(decommit_batch=5000), "batch"),
                           (Pool(slot_bytes=2**60), "slot_bytes")):
            config.memory_pool = pool
            self.assertIn(name, self.refused(None, Engine, config))
        config.memory_pool = 4
        self.assertRaises(TypeError, Engine, config)
        self.refused(Status.INVALID_ARGUMENT, Pool, -1)

    def test_an_engine_without_one(self):
        engine = Engine()
        store = Store(engine)
        Memory(store, MemoryType(Limits(1))).close()
        stats = engine.pool_stats()
        self.assertEqual((stats.live, stats.hits + stats.misses), (0, 1))
        engine.pool_trim()
        self.assertEqual(engine.pool_stats().warm, 0)


class Mapping(Case):
    def setUp(self):
        super().setUp()
        self.file = tempfile.TemporaryFile(buffering=0)
        self.addCleanup(self.file.close)
        self.file.write(b"in a file".ljust(PAGE_SIZE, b"."))
        try:
            self.map(MapMode.READ_ONLY)
        except WasmMemoryError as error:
            if error.status is not Status.UNSUPPORTED:
                raise
            self.skipTest(str(error))

    def map(self, mode):
        self.memory.map_file(self.store, 0, self.file, PAGE_SIZE, mode)

    def in_file(self):
        self.file.seek(0)
        return self.file.read(9)

    def test_modes(self):
        self.assertEqual(self.memory[:10], b"in a file.")
        self.refused(Status.PROTECTED, self.memory.write, self.store, b"x")
        self.map(MapMode.COPY_ON_WRITE)
        self.memory[:4] = b"not "
        self.assertEqual((self.memory[:9], self.in_file()), (b"not  file", b"in a file"))
        self.map(MapMode.SHARED)
        self.memory[:2] = b"IN"
        self.assertEqual((self.memory[:9], self.in_file()), (b"IN a file", b"IN a file"))
        self.memory.unmap(self.store, 0, PAGE_SIZE)
        self.assertEqual(self.memory[:], bytes(PAGE_SIZE))
        self.memory[0] = 1

    def test_mapping_refused(self):
        alignment = self.memory.stats(self.store).map_alignment_bytes
        with self.assertRaises(ValueError):
            self.map(4)
        for offset, length in ((1, alignment), (0, alignment + 1)):
            self.assertIn(str(alignment), self.refused(Status.UNALIGNED, self.memory.map_file, self.store, offset,
                                                       self.file, length))
        self.refused(Status.OUT_OF_BOUNDS, self.memory.map_file, self.store, PAGE_SIZE, self.file, alignment)
        self.refused(Status.IO, self.memory.map_file, self.store, 0, self.file, alignment, MapMode.READ_ONLY, PAGE_SIZE)
        number = os.dup(self.file.fileno())
        os.close(number)
        self.refused(Status.IO, self.memory.map_file, self.store, 0, number, alignment)
        self.assertEqual(self.memory[:9], b"in a file")

    def test_protection(self):
        self.memory.unmap(self.store, 0, PAGE_SIZE)
        alignment = self.memory.stats(self.store).map_alignment_bytes
        self.memory[0] = 1
        self.memory.protect(self.store, 0, alignment, Protection.READ)
        self.refused(Status.PROTECTED, self.memory.__setitem__, 0, 2)
        self.assertEqual(self.memory[0], 1)
        self.memory.protect(self.store, 0, alignment, Protection.NONE)
        self.refused(Status.PROTECTED, self.memory.__getitem__, 0)
        self.refused(Status.PROTECTED, MemoryImage.from_memory, self.store, self.memory)
        self.memory.protect(self.store, 0, alignment, Protection.READ_WRITE)
        self.memory[1] = 2
        self.assertEqual(self.memory[:2], b"\1\2")
        self.assertRaises(ValueError, self.memory.protect, self.store, 0, alignment, 3)
        self.refused(Status.UNALIGNED, self.memory.protect, self.store, 8, alignment, Protection.READ)

    def test_reset_undoes_it(self):
        self.memory.protect(self.store, 0, self.memory.stats(self.store).map_alignment_bytes, Protection.NONE)
        self.memory.reset(self.store)
        self.assertEqual(self.memory[:], bytes(PAGE_SIZE))
        self.memory[0] = 1


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
        nowhere = os.path.join(os.sep, "nowhere", "libwasm_memory.so")
        error = self.not_imported(WASM_MEMORY_LIBRARY=nowhere)
        self.assertIn(nowhere, error)
        # One that is no library of ours, and one that has other names.
        self.assertIn(os.path.basename(__file__), self.not_imported(WASM_MEMORY_LIBRARY=os.path.abspath(__file__)))
        found = wasm_memory.library_path()
        if os.path.isabs(found):
            error = self.not_imported(WASM_MEMORY_LIBRARY=found, WASM_MEMORY_PREFIX="absent_")
            self.assertIn("names that start with absent_", error)

    def test_a_missing_library_says_where_it_was_looked_for(self):
        error = self.not_imported(WASM_MEMORY_LIBRARY="", WASM_MEMORY_PREFIX="absent_", PKG_CONFIG="no-pkg-config")
        for place in ("the library absent_wasm_memory was not found", "WASM_MEMORY_LIBRARY: it is not set",
                      "no-pkg-config --variable=libdir absent_wasm_memory", os.path.join(sys.prefix, "lib"),
                      "the system's loader"):
            self.assertIn(place, error)

    def not_imported(self, **environment):
        done = subprocess.run([sys.executable, "-c", "import wasm_memory"], env=dict(os.environ, **environment),
                              stderr=subprocess.PIPE, cwd=os.path.dirname(os.path.abspath(__file__)), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"ImportError: ", done.stderr)
        return done.stderr.decode()

    def test_versions(self):
        self.assertEqual(wasm_memory.__version__, wasm_memory.library_version())

    def test_a_second_module_over_the_same_library(self):
        prefix = os.environ.get("WASM_MEMORY_PREFIX", "")
        second = wasm_memory.load(wasm_memory.library_path(), prefix)
        self.assertEqual(second.library_path(), wasm_memory.library_path())
        self.assertIsNot(second.Memory, Memory)
        store = second.Store()
        memory = second.Memory(store, second.MemoryType(second.Limits(1)))
        self.assertEqual(memory.size(store), 1)
        self.assertRaises(TypeError, Memory, store, MemoryType(Limits(1)))
        self.assertRaises(ImportError, wasm_memory.load, os.path.join(os.sep, "nowhere"))


if __name__ == "__main__":
    unittest.main()
