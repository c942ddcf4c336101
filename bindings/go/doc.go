// Package wasmmemory is the Go side of wasm_memory: linear memories for WebAssembly runtimes.
//
// An [Engine] has the policy and the pool, a [Store] the limits, and a [Memory] is a reference to a linear memory. The
// manual of all that they do is the library's header, wasm_memory.h; here is what is particular to Go.
//
// # Closing
//
// Engines, stores, memories, images and the like are handles. Close gives one up; twice does no harm, and what is
// called afterwards answers [ErrHandleClosed]. They may be closed in any order: a memory lives until its last handle is
// closed, whatever became of its store and engine. A handle that nobody can reach any more is closed by the garbage
// collector, as a safety net only: the collector does not know how large a memory is and is in no hurry.
//
// # Errors
//
// What failed is an *[Error]: the status, the library's sentence with the numbers in it, and the system's own error
// where the system refused. Compare with errors.Is(err, wasmmemory.ErrOutOfBounds) and the like.
//
// # Goroutines
//
// Engines, stores, images, segments and shared memories may be used by any number of goroutines at once. An unshared
// [Memory] is like a map: any number of readers, or one writer. Programs built with -race are told when that is broken.
// Close may be called at any time; a call that is under way ends first.
//
// A call into C occupies a thread of the system while it runs. That matters for [Memory.Wait32], [Memory.Wait64] and
// [Future.Wait], which block: a thousand goroutines that wait are a thousand threads. [Future.WaitContext] occupies
// none.
//
// # Pointers
//
// [Memory.Bytes] gives the memory itself as a slice, without a call into C for each access. It is refused where growth
// could move the memory, and is valid until the memory is closed: keep the Memory reachable (runtime.KeepAlive) as long
// as the slice is used. The library keeps no pointer to Go memory and blocks no signal, and installs no signal handler but those of
// [InstallTrapHandlers].
package wasmmemory

// #cgo pkg-config: wasm_memory
// #include "bridge.h"
import "C"

// Version is the version of the library that is linked.
func Version() string { return C.GoString(C.wasm_memory_version()) }
