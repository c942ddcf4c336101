package main

import (
	"wasmmemory"
	wazeromemory "wasmmemory/wazero"
)

// ourKind makes an engine of ours and wazero's way to it. wazero compares every access with the length, so the engine
// is one that relies on that.
func ourKind(option ...wasmmemory.Option) *kind {
	options := append([]wasmmemory.Option{wasmmemory.WithBounds(wasmmemory.BoundsChecked)}, option...)
	engine, err := wasmmemory.NewEngine(options...)
	need(err, "no engine of ours")
	store, err := engine.NewStore()
	need(err, "no store of ours")
	allocator, err := wazeromemory.NewAllocator(store, wazeromemory.Options{})
	need(err, "no allocator of ours")
	made := func() uint64 {
		stats, err := engine.PoolStats()
		need(err, "figures of our engine")
		return stats.Hits + stats.Misses
	}
	return &kind{instantiate: allocator.Instantiate, made: made}
}
