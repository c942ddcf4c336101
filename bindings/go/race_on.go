//go:build race

package wasmmemory

// A witness tells the race detector who uses an unshared memory. The detector does not see what C does; it sees this
// variable read with every const call and written with every other, so it reports goroutines that break the rule.
type witness struct{ uses *int }

func (w *witness) reads() {
	if w.uses != nil {
		_ = *w.uses
	}
}

func (w *witness) writes() {
	if w.uses != nil {
		*w.uses++
	}
}

// watch begins to watch a memory, which `original` is another reference to, if any.
func (m *Memory) watch(original *Memory) {
	switch {
	case m.shared:
	case original != nil:
		m.witness.uses = original.witness.uses
	default:
		m.witness.uses = new(int)
	}
}
