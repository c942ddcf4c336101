// Command requests instantiates a WebAssembly module for each request, on memories of a pool: what one request leaves
// behind, the next does not see, and the system is asked for nothing. Then it does the same with one instance that is
// reset after each request.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"wasmmemory"
	wazeromemory "wasmmemory/wazero"
)

//go:embed tenant.wasm
var tenant []byte

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	ctx := context.Background()

	// wazero compares every access with the length; memories that need no guards are the cheapest to make.
	engine, err := wasmmemory.NewEngine(wasmmemory.WithBounds(wasmmemory.BoundsChecked),
		wasmmemory.WithPool(wasmmemory.PoolOptions{Slots: 100, SlotBytes: 16 << 20}))
	if err != nil {
		return err
	}
	defer engine.Close()
	store, err := engine.NewStore()
	if err != nil {
		return err
	}
	defer store.Close()

	// No tenant gets more than 256 KiB, whatever its module says.
	err = store.SetLimiter(&wasmmemory.Limiter{
		Growing: func(request wasmmemory.GrowRequest) bool { return request.Desired <= 256<<10 },
	})
	if err != nil {
		return err
	}
	allocator, err := wazeromemory.NewAllocator(store, wazeromemory.Options{
		Failed: func(err error) { fmt.Fprintln(out, "refused:", errors.Is(err, wasmmemory.ErrLimitDenied)) },
	})
	if err != nil {
		return err
	}

	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	compiled, err := runtime.CompileModule(ctx, tenant)
	if err != nil {
		return err
	}
	instantiate := func() (api.Module, error) {
		return allocator.Instantiate(ctx, runtime, compiled, wazero.NewModuleConfig().WithName(""))
	}

	for _, text := range []string{"the secret of tenant one", strings.Repeat("x", 100000), strings.Repeat("y", 1000000)} {
		module, err := instantiate()
		if err != nil {
			return err
		}
		if err := serve(ctx, out, module, text); err != nil {
			return err
		}
		if err := module.Close(ctx); err != nil {
			return err
		}
	}
	stats, err := engine.PoolStats()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d memories made, %d live\n", allocator.Made(), stats.Live)

	// One instance, and the memory as it was after instantiation.
	module, err := instantiate()
	if err != nil {
		return err
	}
	memory, err := allocator.Memory(module)
	if err != nil {
		return err
	}
	start, err := memory.Snapshot()
	if err != nil {
		return err
	}
	defer start.Close()
	for _, text := range []string{"a first request", "a second request"} {
		if err := serve(ctx, out, module, text); err != nil {
			return err
		}
		if err := allocator.Reset(ctx, module, start); err != nil {
			return err
		}
	}
	return nil
}

// serve shows what the module has in its memory, and leaves a text of its own there.
func serve(ctx context.Context, out io.Writer, module api.Module, text string) error {
	before, _ := module.Memory().Read(16, 11)
	fmt.Fprintf(out, "found %q, ", before)
	results, err := module.ExportedFunction("room").Call(ctx, uint64(len(text)))
	if err != nil {
		return err
	}
	if module.Memory().WriteString(uint32(results[0]), text) {
		fmt.Fprintf(out, "wrote %d bytes\n", len(text))
	} else {
		fmt.Fprintf(out, "no room for %d bytes\n", len(text))
	}
	return nil
}
