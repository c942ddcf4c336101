"""Tests of wasm_memory.py: `python3 test_wasm_memory.py`, with WASM_MEMORY_LIBRARY as it says there."""

import array
import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
import unittest
import weakref

import wasm_memory
from wasm_memory import (Config, Engine, Limits, Memory, MemoryType, PAGE_SIZE, Rmw, SharedMemory, Status, Store,
                         WaitResult, WasmMemoryError)


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
