package wazeromemory_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"wasmmemory"
	wazeromemory "wasmmemory/wazero"
)

func Example() {
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	binary, _ := testdata.ReadFile("testdata/guest.wasm")
	compiled, _ := runtime.CompileModule(ctx, binary)

	engine, _ := wasmmemory.NewEngine(wasmmemory.WithBounds(wasmmemory.BoundsChecked),
		wasmmemory.WithPool(wasmmemory.PoolOptions{Slots: 1000}))
	store, _ := engine.NewStore()
	allocator, _ := wazeromemory.NewAllocator(store, wazeromemory.Options{})
	module, err := allocator.Instantiate(ctx, runtime, compiled, wazero.NewModuleConfig())
	memory, err := allocator.Memory(module) // Snapshot, DirtyRanges, Stats, WithData ...

	text := make([]byte, 5)
	memory.Read(1024, text)
	fmt.Printf("%s %v\n", text, err)
	// Output: hello <nil>
}

// What the README shows is what the example above does.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "## wazero\n\n```go\n")
	shown, _, ends := strings.Cut(rest, "```\n")
	if !found || !ends {
		t.Fatal("the README has no example of wazero")
	}
	shown = "\t" + strings.TrimSuffix(strings.ReplaceAll(shown, "\n", "\n\t"), "\t")
	if !strings.Contains(string(example), shown) {
		t.Errorf("the README shows:\n%s", shown)
	}
}
