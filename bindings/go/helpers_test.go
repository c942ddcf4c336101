package wasmmemory_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	. "wasmmemory"
)

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func engineWith(t *testing.T, options ...Option) *Engine {
	t.Helper()
	engine := must(NewEngine(options...))(t)
	t.Cleanup(func() { engine.Close() })
	return engine
}

func storeOf(t *testing.T, engine *Engine) *Store {
	t.Helper()
	store := must(engine.NewStore())(t)
	t.Cleanup(func() { store.Close() })
	return store
}

func newStore(t *testing.T, options ...Option) *Store {
	t.Helper()
	return storeOf(t, engineWith(t, options...))
}

func memoryIn(t *testing.T, store *Store, memoryType MemoryType) *Memory {
	t.Helper()
	memory := must(store.NewMemory(memoryType))(t)
	t.Cleanup(func() { memory.Close() })
	return memory
}

func newMemory(t *testing.T, memoryType MemoryType, options ...Option) *Memory {
	t.Helper()
	return memoryIn(t, newStore(t, options...), memoryType)
}

// ok and fails say what a call answered.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("failed: %v", err)
	}
}

func fails(t *testing.T, err, target error, words ...string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want %v", err, target)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("%q is not in: %v", word, err)
		}
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// eventually waits for what another goroutine, or the garbage collector, does.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen in a minute", what)
		}
		runtime.GC()
	}
}

// addressSpace is how much the process has mapped, in bytes.
func addressSpace(t *testing.T) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	var pages uint64
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			break
		}
		pages = pages*10 + uint64(digit-'0')
	}
	return pages * uint64(os.Getpagesize())
}
