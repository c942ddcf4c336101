package wasmmemory_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	. "wasmmemory"
)

// use has the library do all that could have to do with signals: guards, faults it handles itself, waits, files.
func use(t *testing.T) *Memory {
	memory := newMemory(t, SharedPages(1, 100), WithBounds(BoundsGuarded))
	must(memory.Grow(10))(t)
	ok(t, memory.Fill(0, 1, 65536))
	must(memory.Wait32(4, 0, time.Millisecond))(t)
	plain := newMemory(t, Pages(1, 10), WithBounds(BoundsGuarded))
	ok(t, plain.DirtyClear())
	ok(t, plain.StoreUint8(1, 1))
	must(plain.DirtyRanges())(t)
	return memory
}

// Go's handlers are Go's still: the kernel tells which signals are caught, blocked and ignored.
func TestSignalsAreGos(t *testing.T) {
	before := signals(t)
	use(t)
	equal(t, signals(t), before)
}

func signals(t *testing.T) string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	text, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	var found []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "SigBlk") || strings.HasPrefix(line, "SigIgn") || strings.HasPrefix(line, "SigCgt") {
			found = append(found, line)
		}
	}
	equal(t, len(found), 3)
	return strings.Join(found, "\n")
}

func TestNilDereferenceIsAPanicStill(t *testing.T) {
	use(t)
	defer func() {
		if err, isError := recover().(runtime.Error); !isError || !strings.Contains(err.Error(), "nil pointer") {
			t.Errorf("recovered %v", err)
		}
	}()
	var nothing *int
	*nothing = 1
	t.Error("nothing happened")
}

// A fault in a guard is Go's, too: a panic for those who ask for it.
func TestFaultInGuardIsGos(t *testing.T) {
	memory := use(t)
	data := must(memory.Bytes())(t)
	past := unsafe.Add(unsafe.Pointer(unsafe.SliceData(data)), len(data)+100)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		err, isError := recover().(interface{ Addr() uintptr })
		if !isError || err.Addr() != uintptr(past) {
			t.Errorf("recovered %v", err)
		}
		runtime.KeepAlive(memory)
	}()
	*(*byte)(past) = 1
	t.Error("nothing happened")
}

func TestProfiling(t *testing.T) {
	var profile bytes.Buffer
	ok(t, pprof.StartCPUProfile(&profile))
	memory := use(t)
	data := make([]byte, 65536)
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		ok(t, memory.Read(0, data))
		ok(t, memory.Write(0, data))
	}
	pprof.StopCPUProfile()
	if profile.Len() < 200 {
		t.Fatalf("the profile has %d bytes", profile.Len())
	}
}

// The memory of the README's example and those of a thousand goroutines do not become threads.
func TestThreads(t *testing.T) {
	store := newStore(t)
	ok(t, store.SetAsyncLimiter(&AsyncLimiter{Growing: func(_ GrowRequest, ticket *Ticket) {
		time.AfterFunc(50*time.Millisecond, func() { ticket.Resolve(true) })
	}}))
	before := threads(t)
	done := make(chan error)
	for range 200 {
		go func() {
			future, err := store.NewMemoryAsync(Pages(1, 1))
			if err == nil {
				err = future.WaitContext(context.Background())
				future.Close()
			}
			done <- err
		}()
	}
	for range 200 {
		ok(t, <-done)
	}
	if after := threads(t); after > before+50 {
		t.Fatalf("%d threads before, %d after", before, after)
	}
}

func threads(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), "Threads:")
	line, _, _ := strings.Cut(rest, "\n")
	return must(strconv.Atoi(strings.TrimSpace(line)))(t)
}

// Two goroutines in one unshared memory are a defect that the race detector reports, though C does the writing. The
// report fails the program, so that is a program of its own: this test binary.
func TestRaceDetectorSeesMisuse(t *testing.T) {
	const name = "WASMMEMORY_TEST_MISUSE"
	if os.Getenv(name) != "" {
		memory := newMemory(t, Pages(1, 1))
		done := make(chan struct{})
		go func() {
			memory.Fill(0, 1, 1000)
			close(done)
		}()
		memory.Fill(0, 2, 1000)
		<-done
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^TestRaceDetectorSeesMisuse$")
	command.Env = append(os.Environ(), name+"=1")
	output, err := command.CombinedOutput()
	if raceDetector != (err != nil) || raceDetector != strings.Contains(string(output), "DATA RACE") {
		t.Fatalf("with race detector: %v; the misuse: %v\n%s", raceDetector, err, output)
	}
}
