// Command wazero-spec runs official tests of WebAssembly through wazero, on its own memories or on those of
// wasm_memory.
//
//	wazero-spec [--engine compiler|interpreter] --memory own|ours DIR
//
// DIR has a script, one directive to a line, and the modules that it names. A line is printed for each directive that
// did not pass, `fail LINE what happened` or `skip LINE reason`, and at the end `total PASSED FAILED SKIPPED MEMORIES`.
// The exit status tells whether the runner worked, not whether the tests passed.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"wasmmemory"
	wazeromemory "wasmmemory/wazero"
)

var (
	//go:embed spectest.wasm
	spectest []byte
	//go:embed spectest_shared.wasm
	spectestShared []byte
)

// Features, by the words that scripts have for them. What is not here, wazero lacks.
var features = map[string]api.CoreFeatures{
	"mvp":                     0,
	"mutable-global":          api.CoreFeatureMutableGlobal,
	"sign-extension":          api.CoreFeatureSignExtensionOps,
	"saturating-float-to-int": api.CoreFeatureNonTrappingFloatToIntConversion,
	"multi-value":             api.CoreFeatureMultiValue,
	"bulk-memory":             api.CoreFeatureBulkMemoryOperations,
	"reference-types":         api.CoreFeatureReferenceTypes,
	"simd":                    api.CoreFeatureSIMD,
	"threads":                 experimental.CoreFeaturesThreads,
	"tail-call":               experimental.CoreFeaturesTailCall,
	"extended-const":          experimental.CoreFeaturesExtendedConst,
	"exceptions":              experimental.CoreFeaturesExceptionHandling,
	"function-references":     experimental.CoreFeaturesTypedFunctionReferences,
}

func main() {
	memory := flag.String("memory", "", "whose memories: own (wazero's) or ours")
	engine := flag.String("engine", "compiler", "compiler or interpreter")
	version := flag.Bool("version", false, "print the version of wazero")
	flag.Parse()
	if *version {
		fmt.Println("wazero", wazeroVersion())
		return
	}
	if flag.NArg() != 1 || (*memory != "own" && *memory != "ours") || (*engine != "compiler" && *engine != "interpreter") {
		fmt.Fprintln(os.Stderr, "usage: wazero-spec [--engine compiler|interpreter] --memory own|ours DIR")
		os.Exit(2)
	}
	if err := run(os.Stdout, *memory == "ours", *engine == "interpreter", flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "wazero-spec:", err)
		os.Exit(1)
	}
}

func wazeroVersion() string {
	if info, found := debug.ReadBuildInfo(); found {
		for _, module := range info.Deps {
			if module.Path == "github.com/tetratelabs/wazero" {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}

func run(out io.Writer, ours, interpreter bool, directory string) (err error) {
	enabled, directives, err := read(filepath.Join(directory, "script"))
	if err != nil {
		return err
	}
	config := wazero.NewRuntimeConfigCompiler()
	if interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	ctx := context.Background()
	r := &runner{directory: directory, instances: map[string]*instance{}, definitions: map[string]*definition{},
		registered: map[string]*instance{}}
	r.runtime = wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(enabled))
	if ours {
		engine, err := wasmmemory.NewEngine(wasmmemory.WithBounds(wasmmemory.BoundsChecked))
		if err != nil {
			return err
		}
		defer engine.Close()
		store, err := engine.NewStore()
		if err != nil {
			return err
		}
		defer store.Close()
		threads := enabled.IsEnabled(experimental.CoreFeaturesThreads)
		if r.allocator, err = wazeromemory.NewAllocator(store, wazeromemory.Options{Shared: threads}); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, r.runtime.Close(ctx)) }()

	if r.spectest, err = r.host(ctx, spectest); err != nil {
		return fmt.Errorf("the module spectest: %w", err)
	}
	if enabled.IsEnabled(experimental.CoreFeaturesThreads) {
		if r.spectestShared, err = r.host(ctx, spectestShared); err != nil {
			return fmt.Errorf("the module spectest with a shared memory: %w", err)
		}
	}
	for _, words := range directives {
		err := r.directive(ctx, words)
		var wrong broken
		if errors.As(err, &wrong) {
			return fmt.Errorf("line %s of the test: %w", words[1], wrong.error)
		}
		r.report(words[1], err)
	}
	var memories uint64
	if r.allocator != nil {
		memories = r.allocator.Made()
	}
	if r.loaded == 0 && r.unloadable != nil {
		// wazero can do nothing with this file; that it also refuses what is not valid shows nothing.
		r.lines = []string{"skip 0 " + r.unloadable.Error()}
		r.passed, r.failed, r.skipped, memories = 0, 0, len(directives), 0
	}
	r.lines = append(r.lines, fmt.Sprintf("total %d %d %d %d", r.passed, r.failed, r.skipped, memories))
	_, err = fmt.Fprintln(out, strings.Join(r.lines, "\n"))
	return err
}

// read reads a script: the features that it wants, and the directives.
//
// The second version of the specification is on always: modules of older tests are encoded in its way.
func read(path string) (enabled api.CoreFeatures, directives [][]string, err error) {
	enabled = api.CoreFeaturesV2
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, nil, err
	}
	for number, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		words := strings.Split(line, " ")
		if len(words) < 2 {
			return 0, nil, fmt.Errorf("%s:%d: %q is no directive", path, number+1, line)
		}
		switch words[0] {
		case "file", "features", "text":
		case "enable":
			for _, name := range strings.Split(words[1], ",") {
				enabled |= features[name]
			}
		default:
			directives = append(directives, words)
		}
	}
	return enabled, directives, nil
}

type runner struct {
	directory                string
	runtime                  wazero.Runtime
	allocator                *wazeromemory.Allocator // nil: wazero's own memories
	spectest, spectestShared api.Module

	current     *instance // nil after a module that could not be instantiated
	last        *definition
	instances   map[string]*instance
	definitions map[string]*definition
	registered  map[string]*instance

	lines                   []string
	passed, failed, skipped int
	loaded                  int
	unloadable              error // why the first module was skipped
}

// A definition or an instance that is not there has the reason why.
type definition struct {
	compiled wazero.CompiledModule
	missing  error
}

type instance struct {
	module  api.Module
	missing error
}

// dependent is why what depends on a module of a line cannot be: the module was skipped, or it failed.
func dependent(line string, missing error) error {
	var skip skipped
	if missing == nil || errors.As(missing, &skip) {
		return missing
	}
	return fmt.Errorf("no instance: module at line %s", line)
}

// skipped is an error for what wazero cannot do; every other error is a failure.
type skipped struct{ reason string }

func (s skipped) Error() string { return s.reason }

// broken is an error in the script: the runner gives up.
type broken struct{ error }

func (r *runner) report(line string, err error) {
	var skip skipped
	switch {
	case err == nil:
		r.passed++
	case errors.As(err, &skip):
		r.skipped++
		r.lines = append(r.lines, fmt.Sprintf("skip %s %s", line, oneLine(err.Error())))
	default:
		r.failed++
		r.lines = append(r.lines, fmt.Sprintf("fail %s %s", line, oneLine(err.Error())))
	}
}

func oneLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return text
}

func (r *runner) directive(ctx context.Context, words []string) (err error) {
	// wazero, or what is under it, may panic: that is a failure of this directive.
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	line, arguments := words[1], words[2:]
	expect := func(count int) error {
		if len(arguments) != count {
			return broken{fmt.Errorf("%s has %d words, not %d", words[0], len(arguments), count)}
		}
		return nil
	}
	switch words[0] {
	case "module":
		if err := expect(3); err != nil {
			return err
		}
		r.last = r.compile(ctx, arguments[0], arguments[2])
		return r.become(ctx, r.last, line, arguments[1])
	case "define":
		if err := expect(3); err != nil {
			return err
		}
		defined := r.compile(ctx, arguments[0], arguments[2])
		r.last = &definition{defined.compiled, dependent(line, defined.missing)}
		r.definitions[arguments[1]] = r.last
		return defined.missing
	case "instance":
		if err := expect(2); err != nil {
			return err
		}
		defined := r.last
		if arguments[1] != "-" {
			defined = r.definitions[arguments[1]]
		}
		if defined == nil {
			return broken{fmt.Errorf("there is no definition %s", arguments[1])}
		}
		return r.become(ctx, defined, line, arguments[0])
	case "register":
		if err := expect(2); err != nil {
			return err
		}
		name, err := decode(arguments[0])
		if err != nil {
			return err
		}
		found, err := r.instance(arguments[1])
		if err != nil {
			return err
		}
		r.registered[name] = found
		return found.missing
	case "do", "return":
		action, results := arguments, []string(nil)
		for i, word := range arguments {
			if word == "=>" {
				action, results = arguments[:i], arguments[i+1:]
				break
			}
		}
		values, err := r.action(ctx, action)
		if err != nil || words[0] == "do" {
			return err
		}
		return values.compare(results)
	case "trap", "exhaustion":
		if len(arguments) < 3 {
			return broken{fmt.Errorf("%s needs a message and an action", words[0])}
		}
		message, err := decode(arguments[0])
		if err != nil {
			return err
		}
		values, err := r.action(ctx, arguments[1:])
		var trapped trap
		switch {
		case errors.As(err, &trapped):
			return sameKind(message, trapped)
		case err != nil:
			return err
		}
		return fmt.Errorf("returned %v, and should trap: %s", values.raw, message)
	case "unlinkable", "uninstantiable", "invalid", "malformed":
		if err := expect(3); err != nil {
			return err
		}
		message, err := decode(arguments[0])
		if err != nil {
			return err
		}
		return r.refused(ctx, words[0], message, arguments[1], arguments[2])
	}
	return fmt.Errorf("directive not known: %s", words[0])
}

// compile reads and compiles a module. One that needs what wazero lacks is skipped.
func (r *runner) compile(ctx context.Context, file, needs string) *definition {
	if needs != "-" {
		for _, name := range strings.Split(needs, ",") {
			if _, found := features[name]; !found {
				skip := skipped{"lacks " + name}
				if r.unloadable == nil {
					r.unloadable = skip
				}
				return &definition{missing: skip}
			}
		}
	}
	binary, err := os.ReadFile(filepath.Join(r.directory, file))
	if err != nil {
		return &definition{missing: broken{err}}
	}
	compiled, err := r.runtime.CompileModule(ctx, binary)
	if err != nil {
		return &definition{missing: err}
	}
	if needs != "-" {
		r.loaded++
	}
	return &definition{compiled: compiled}
}

func (r *runner) become(ctx context.Context, defined *definition, line, name string) error {
	var module api.Module
	missing := defined.missing
	if missing == nil {
		module, missing = r.instantiate(ctx, defined.compiled)
	}
	r.current = &instance{module, dependent(line, missing)}
	if name != "-" {
		r.instances[name] = r.current
	}
	return missing
}

func (r *runner) host(ctx context.Context, binary []byte) (api.Module, error) {
	compiled, err := r.runtime.CompileModule(ctx, binary)
	if err != nil {
		return nil, err
	}
	return r.instantiate(ctx, compiled)
}

func (r *runner) instantiate(ctx context.Context, compiled wazero.CompiledModule) (module api.Module, err error) {
	shared := false
	for _, memory := range compiled.ImportedMemories() {
		_, name, _ := memory.Import()
		shared = shared || name == "shared_memory"
	}
	var missing error
	ctx = experimental.WithImportResolver(ctx, func(name string) api.Module {
		if found := r.registered[name]; found != nil {
			if found.missing != nil {
				missing = found.missing
			}
			return found.module
		}
		if name == "spectest" && shared && r.spectestShared != nil {
			return r.spectestShared
		}
		if name == "spectest" {
			return r.spectest
		}
		return nil
	})
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	if r.allocator == nil {
		module, err = r.runtime.InstantiateModule(ctx, compiled, config)
	} else {
		module, err = r.allocator.Instantiate(ctx, r.runtime, compiled, config)
	}
	if err != nil && missing != nil {
		err = missing
	}
	return module, err
}

// instance is a named one, or the current one.
func (r *runner) instance(name string) (*instance, error) {
	found := r.current
	if name != "-" {
		found = r.instances[name]
	}
	if found == nil {
		return nil, broken{fmt.Errorf("there is no instance %s", name)}
	}
	return found, nil
}

// refused wants a module to be refused in a certain way.
func (r *runner) refused(ctx context.Context, how, message, file, needs string) error {
	defined := r.compile(ctx, file, needs)
	if how == "invalid" || how == "malformed" {
		var wrong broken
		if errors.As(defined.missing, &wrong) {
			return defined.missing
		}
		if defined.missing == nil {
			return fmt.Errorf("wazero takes a module that is %s: %s", how, message)
		}
		return nil
	}
	if defined.missing != nil {
		return defined.missing
	}
	_, err := r.instantiate(ctx, defined.compiled)
	var skip skipped
	var none *wazeromemory.AllocationError
	switch {
	case err == nil:
		return fmt.Errorf("wazero makes an instance of what is %s: %s", how, message)
	case errors.As(err, &skip) || errors.As(err, &none):
		return err
	}
	text := err.Error()
	ran := strings.Contains(text, "wasm error:") || strings.Contains(text, "out of bounds") ||
		strings.Contains(text, "invalid table access")
	if how == "unlinkable" && ran {
		return fmt.Errorf("it was linked, and should be %s (%s): %v", how, message, err)
	}
	if how == "uninstantiable" && !ran {
		return fmt.Errorf("it was refused for another reason than %s: %v", message, err)
	}
	return nil
}

func decode(word string) (string, error) {
	if word == "%" {
		return "", nil
	}
	text, err := url.PathUnescape(word)
	if err != nil {
		return "", broken{fmt.Errorf("the word %q: %w", word, err)}
	}
	return text, nil
}

func parseUint(text string, base, bits int) (uint64, error) {
	value, err := strconv.ParseUint(text, base, bits)
	if err != nil {
		return 0, broken{err}
	}
	return value, nil
}
