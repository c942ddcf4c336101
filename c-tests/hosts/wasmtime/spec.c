/* spec: runs scripts of the official WebAssembly tests on wasmtime, on its own memories or on ours.
 *
 *     spec --memory own|ours [--bounds auto|guarded|checked] FOLDER
 *     spec --version
 *
 * FOLDER has a file `script`, one directive a line, and the modules that it names; spec/ makes both from a .wast file,
 * and its README.md describes them.
 * Prints a line for each directive that did not pass, `fail LINE what happened` or `skip LINE reason`, and in the end
 * `total PASSED FAILED SKIPPED MEMORIES`, where the last is how many memories we made. Ends with 0 unless this program
 * itself could not do its work. With --bounds our engine has that option; by default its memories are as they come. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wasm_memory_wasmtime.h>

/* The library does not say it; who compiles this knows. */
#if !defined(LIBWASMTIME_VERSION)
#define LIBWASMTIME_VERSION WASMTIME_VERSION
#endif

/* ---- texts ---- */

typedef struct {
    char *data; /* a NUL follows, and may be within */
    size_t size;
} text_t;

static void broken(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("spec: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void *allocate(size_t size) {
    void *const block = calloc(1, size > 0 ? size : 1);
    if (block == NULL) broken("no memory left");
    return block;
}

static void *resized(void *block, size_t size) {
    void *const moved = realloc(block, size);
    if (moved == NULL) broken("no memory left");
    return moved;
}

static text_t text_of(const char *data, size_t size) {
    text_t text;
    text.data = (char *)allocate(size + 1);
    text.size = size;
    memcpy(text.data, data, size);
    return text;
}

static bool same_text(text_t left, text_t right) {
    return left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* A token without its percent signs. */
static text_t decoded(const char *token) {
    text_t text = text_of(token, strlen(token));
    size_t from, to = 0;
    if (strcmp(token, "%") == 0) {
        text.size = 0;
        return text;
    }
    for (from = 0; from < text.size; to++) {
        if (token[from] == '%') {
            const int high = digit_of(token[from + 1]), low = high < 0 ? -1 : digit_of(token[from + 2]);
            if (low < 0) broken("\"%s\" has a %% without two digits", token);
            text.data[to] = (char)(high * 16 + low);
            from += 3;
        } else {
            text.data[to] = token[from++];
        }
    }
    text.data[to] = '\0';
    text.size = to;
    return text;
}

static text_t file_of(const char *folder, const char *name) {
    char path[4096];
    text_t text;
    FILE *file;
    long size;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) broken("%s: too long a path", folder);
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        broken("%s cannot be read", path);
        return text_of("", 0);
    }
    text.size = (size_t)size;
    text.data = (char *)allocate(text.size + 1);
    if (fread(text.data, 1, text.size, file) != text.size) broken("%s cannot be read", path);
    fclose(file);
    return text;
}

/* ---- the script ---- */

#define MOST_TOKENS 200

typedef struct {
    char **tokens;
    size_t count;
} line_t;

typedef struct {
    const char *folder;
    bool ours;
    wasm_engine_t *engine;
    my_wasm_memory_wasmtime_t *maker; /* NULL on wasmtime's own memories */
    bool has_threads;
    const char *enabled; /* features, separated by commas */
    line_t *lines;
    size_t count, first; /* the first one after the header */
    size_t directives;
} script_t;

static script_t script;

static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;
static unsigned long passed, failed, skipped;

/* At most so much of what wasmtime says fits on a line. */
#define MESSAGE 600

static void one_line(char *text) {
    for (; *text != '\0'; text++)
        if (*text == '\n' || *text == '\r') *text = ' ';
}

static void report(bool skips, const char *line, const char *format, va_list arguments) {
    char what[2 * MESSAGE];
    vsnprintf(what, sizeof what, format, arguments);
    one_line(what);
    pthread_mutex_lock(&printing);
    printf("%s %s %s\n", skips ? "skip" : "fail", line, what);
    fflush(stdout);
    *(skips ? &skipped : &failed) += 1;
    pthread_mutex_unlock(&printing);
}

static void fail(const char *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(false, line, format, arguments);
    va_end(arguments);
}

static void skip(const char *line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(true, line, format, arguments);
    va_end(arguments);
}

static void pass(void) {
    pthread_mutex_lock(&printing);
    passed++;
    pthread_mutex_unlock(&printing);
}

/* ---- what wasmtime says ---- */

#define NO_CODE 255

typedef struct {
    bool failed, traps;
    uint8_t code;
    char message[MESSAGE];
} outcome_t;

/* Consumes both. */
static outcome_t outcome_of(wasmtime_error_t *error, wasm_trap_t *trap) {
    outcome_t outcome;
    wasm_name_t name;
    memset(&outcome, 0, sizeof outcome);
    outcome.code = NO_CODE;
    outcome.failed = error != NULL || trap != NULL;
    outcome.traps = trap != NULL;
    if (!outcome.failed) return outcome;
    if (trap != NULL) {
        if (!wasmtime_trap_code(trap, &outcome.code)) outcome.code = NO_CODE;
        wasm_trap_message(trap, &name);
    } else {
        wasmtime_error_message(error, &name);
    }
    snprintf(outcome.message, sizeof outcome.message, "%.*s", (int)name.size, name.data);
    wasm_byte_vec_delete(&name);
    if (trap != NULL) wasm_trap_delete(trap);
    if (error != NULL) wasmtime_error_delete(error);
    return outcome;
}

/* The codes that wasmtime has for what the tests call so; the first that is in the text counts. */
static const struct {
    const char *message;
    uint8_t code, or_code;
} kinds_of_traps[] = {
    {"out of bounds memory access", WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, NO_CODE},
    {"unaligned atomic", WASMTIME_TRAP_CODE_HEAP_MISALIGNED, NO_CODE},
    {"expected shared memory", WASMTIME_TRAP_CODE_ATOMIC_WAIT_NON_SHARED_MEMORY, NO_CODE},
    {"out of bounds table access", WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS, NO_CODE},
    {"out of bounds array access", WASMTIME_TRAP_CODE_ARRAY_OUT_OF_BOUNDS, NO_CODE},
    {"undefined element", WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS, WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL},
    {"uninitialized element", WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL, WASMTIME_TRAP_CODE_NULL_REFERENCE},
    {"indirect call type mismatch", WASMTIME_TRAP_CODE_BAD_SIGNATURE, NO_CODE},
    {"integer divide by zero", WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO, NO_CODE},
    {"integer overflow", WASMTIME_TRAP_CODE_INTEGER_OVERFLOW, NO_CODE},
    {"invalid conversion to integer", WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER, NO_CODE},
    {"call stack exhausted", WASMTIME_TRAP_CODE_STACK_OVERFLOW, NO_CODE},
    {"cast failure", WASMTIME_TRAP_CODE_CAST_FAILURE, NO_CODE},
    {"null", WASMTIME_TRAP_CODE_NULL_REFERENCE, WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL},
    {"unreachable", WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED, NO_CODE},
};

static bool is_expected_trap(const outcome_t *outcome, text_t message) {
    size_t i;
    for (i = 0; i < sizeof kinds_of_traps / sizeof *kinds_of_traps; i++) {
        if (strstr(message.data, kinds_of_traps[i].message) == NULL) continue;
        return outcome->code == kinds_of_traps[i].code ||
               (kinds_of_traps[i].or_code != NO_CODE && outcome->code == kinds_of_traps[i].or_code);
    }
    return true;
}

/* ---- modules ---- */

/* An instance; or, on a thread, what it was given of one. */
typedef struct {
    bool is_there; /* its module compiled and was instantiated */
    text_t name;   /* no data: none */
    wasmtime_instance_t instance;
    wasmtime_sharedmemory_t **shared; /* on a thread */
    text_t *shared_names;
    size_t shared_count;
    bool is_given;
} named_t;

typedef struct {
    text_t name;
    wasmtime_module_t *module;
} definition_t;

typedef struct thread_t thread_t;

/* What directives work on: one for the script, and one for each thread. */
typedef struct {
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    wasmtime_linker_t *linker;
    named_t *named; /* the last one is the current one */
    size_t named_count;
    definition_t *definitions;
    size_t definition_count;
    thread_t *threads;
} world_t;

struct thread_t {
    text_t name;
    world_t world;
    size_t first, end; /* lines */
    pthread_t id;
    thread_t *next;
};

static const char spectest_text[] =
    "(module"
    " (global (export \"global_i32\") i32 (i32.const 666)) (global (export \"global_i64\") i64 (i64.const 666))"
    " (global (export \"global_f32\") f32 (f32.const 666.6)) (global (export \"global_f64\") f64 (f64.const 666.6))"
    " (table (export \"table\") 10 20 funcref) (memory (export \"memory\") 1 2)"
    " (func (export \"print\")) (func (export \"print_i32\") (param i32)) (func (export \"print_i64\") (param i64))"
    " (func (export \"print_f32\") (param f32)) (func (export \"print_f64\") (param f64))"
    " (func (export \"print_i32_f32\") (param i32 f32)) (func (export \"print_f64_f64\") (param f64 f64)))";
static const char spectest_table64[] = "(module (table (export \"table64\") i64 10 20 funcref))";
static const char spectest_shared[] = "(module (memory (export \"shared_memory\") 1 2 shared))";

/* All exports of an instance become importable. */
static void make_importable(world_t *world, text_t as, const wasmtime_instance_t *instance) {
    char *name = NULL;
    size_t size = 0, i;
    wasmtime_extern_t item;
    for (i = 0; wasmtime_instance_export_nth(world->context, instance, i, &name, &size, &item); i++) {
        const outcome_t outcome = outcome_of(
            wasmtime_linker_define(world->linker, world->context, as.data, as.size, name, size, &item), NULL);
        if (outcome.failed) broken("an export cannot be made importable: %s", outcome.message);
        wasmtime_extern_delete(&item);
    }
}

static bool make_spectest(world_t *world, const char *text) {
    const text_t as = text_of("spectest", 8);
    wasm_byte_vec_t bytes;
    wasmtime_module_t *module = NULL;
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error = wasmtime_wat2wasm(text, strlen(text), &bytes);
    outcome_t outcome;
    if (error == NULL) {
        error = wasmtime_module_new(script.engine, (const uint8_t *)bytes.data, bytes.size, &module);
        wasm_byte_vec_delete(&bytes);
    }
    if (error == NULL) error = wasmtime_instance_new(world->context, module, NULL, 0, &instance, &trap);
    if (module != NULL) wasmtime_module_delete(module);
    outcome = outcome_of(error, trap);
    if (!outcome.failed) make_importable(world, as, &instance);
    free(as.data);
    if (outcome.failed) broken("the module spectest: %s", outcome.message);
    return true;
}

static bool has_feature(const char *features, const char *name) {
    const size_t length = strlen(name);
    const char *at = features;
    while ((at = strstr(at, name)) != NULL) {
        if ((at == features || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) return true;
        at += length;
    }
    return false;
}

static bool has_memory64;

static world_t world_new(void) {
    world_t world;
    memset(&world, 0, sizeof world);
    world.store = wasmtime_store_new(script.engine, NULL, NULL);
    world.context = wasmtime_store_context(world.store);
    world.linker = wasmtime_linker_new(script.engine);
    wasmtime_linker_allow_shadowing(world.linker, true);
    make_spectest(&world, spectest_text);
    if (has_memory64) make_spectest(&world, spectest_table64);
    if (script.has_threads) make_spectest(&world, spectest_shared);
    return world;
}

static void world_delete(world_t *world) {
    size_t i, j;
    for (i = 0; i < world->named_count; i++) {
        for (j = 0; j < world->named[i].shared_count; j++) {
            wasmtime_sharedmemory_delete(world->named[i].shared[j]);
            free(world->named[i].shared_names[j].data);
        }
        free(world->named[i].shared);
        free(world->named[i].shared_names);
        free(world->named[i].name.data);
    }
    for (i = 0; i < world->definition_count; i++) {
        if (world->definitions[i].module != NULL) wasmtime_module_delete(world->definitions[i].module);
        free(world->definitions[i].name.data);
    }
    free(world->named);
    free(world->definitions);
    wasmtime_linker_delete(world->linker);
    wasmtime_store_delete(world->store);
}

static named_t *add_named(world_t *world, const char *token) {
    named_t *added;
    world->named = (named_t *)resized(world->named, (world->named_count + 1) * sizeof *world->named);
    added = &world->named[world->named_count++];
    memset(added, 0, sizeof *added);
    if (strcmp(token, "-") != 0) added->name = decoded(token);
    return added;
}

/* The last one of that name; `-`: the current one. */
static named_t *find_named(world_t *world, const char *token) {
    text_t name;
    size_t i;
    named_t *found = NULL;
    if (strcmp(token, "-") == 0) {
        for (i = world->named_count; i > 0 && found == NULL; i--)
            if (!world->named[i - 1].is_given) found = &world->named[i - 1];
        return found;
    }
    name = decoded(token);
    for (i = world->named_count; i > 0 && found == NULL; i--)
        if (world->named[i - 1].name.data != NULL && same_text(world->named[i - 1].name, name))
            found = &world->named[i - 1];
    free(name.data);
    return found;
}

static outcome_t compile(const char *file, wasmtime_module_t **out) {
    const text_t bytes = file_of(script.folder, file);
    wasmtime_error_t *const error =
        wasmtime_module_new(script.engine, (const uint8_t *)bytes.data, bytes.size, out);
    free(bytes.data);
    return outcome_of(error, NULL);
}

static outcome_t instantiate(world_t *world, const wasmtime_module_t *module, wasmtime_instance_t *out) {
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *const error = wasmtime_linker_instantiate(world->linker, world->context, module, out, &trap);
    return outcome_of(error, trap);
}

/* ---- values ---- */

static bool hex_of(const char *digits, size_t most, uint64_t *out) {
    uint64_t number = 0;
    size_t i;
    for (i = 0; digits[i] != '\0'; i++) {
        const int digit = digit_of(digits[i]);
        if (digit < 0 || i >= most) return false;
        number = number << 4 | (uint64_t)digit;
    }
    *out = number;
    return i > 0;
}

static bool starts(const char *text, const char *with, const char **rest) {
    const size_t length = strlen(with);
    if (strncmp(text, with, length) != 0) return false;
    *rest = text + length;
    return true;
}

/* 32 digits, the most significant first; a vector has them the other way round. */
static bool vector_of(const char *digits, wasmtime_v128 out) {
    size_t i;
    if (strlen(digits) != 32) return false;
    for (i = 0; i < 16; i++) {
        const int high = digit_of(digits[30 - 2 * i]), low = digit_of(digits[31 - 2 * i]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool argument_of(world_t *world, const char *token, wasmtime_val_t *out) {
    const char *rest = token;
    uint64_t bits = 0;
    memset(out, 0, sizeof *out);
    if (starts(token, "i32:", &rest) && hex_of(rest, 8, &bits)) {
        out->kind = WASMTIME_I32;
        out->of.i32 = (int32_t)(uint32_t)bits;
    } else if (starts(token, "i64:", &rest) && hex_of(rest, 16, &bits)) {
        out->kind = WASMTIME_I64;
        out->of.i64 = (int64_t)bits;
    } else if (starts(token, "f32:", &rest) && hex_of(rest, 8, &bits)) {
        const uint32_t narrow = (uint32_t)bits;
        out->kind = WASMTIME_F32;
        memcpy(&out->of.f32, &narrow, sizeof narrow);
    } else if (starts(token, "f64:", &rest) && hex_of(rest, 16, &bits)) {
        out->kind = WASMTIME_F64;
        memcpy(&out->of.f64, &bits, sizeof bits);
    } else if (starts(token, "v128:", &rest)) {
        out->kind = WASMTIME_V128;
        return vector_of(rest, out->of.v128);
    } else if (strcmp(token, "funcref:null") == 0) {
        out->kind = WASMTIME_FUNCREF;
        wasmtime_funcref_set_null(&out->of.funcref);
    } else if (strcmp(token, "externref:null") == 0) {
        out->kind = WASMTIME_EXTERNREF;
        wasmtime_externref_set_null(&out->of.externref);
    } else if (starts(token, "externref:", &rest) && hex_of(rest, 16, &bits)) {
        out->kind = WASMTIME_EXTERNREF;
        /* Not the number itself, which may be 0 and then no pointer. */
        return wasmtime_externref_new(world->context, (void *)(uintptr_t)(bits + 1), NULL, &out->of.externref);
    } else {
        return false;
    }
    return true;
}

/* One number of that many bytes: digits, or a kind of NaN. */
static bool lane_matches(const char *expected, size_t length, const uint8_t *bytes, size_t width) {
    char text[32];
    uint64_t actual = 0, wanted = 0;
    memcpy(&actual, bytes, width); /* little-endian, as the vector is */
    if (length >= sizeof text) return false;
    memcpy(text, expected, length);
    text[length] = '\0';
    if (strcmp(text, "nan:canonical") == 0)
        return width == 4 ? (actual & 0x7fffffff) == 0x7fc00000
                          : (actual & UINT64_C(0x7fffffffffffffff)) == UINT64_C(0x7ff8000000000000);
    if (strcmp(text, "nan:arithmetic") == 0)
        return width == 4 ? (actual & 0x7fc00000) == 0x7fc00000
                          : (actual & UINT64_C(0x7ff8000000000000)) == UINT64_C(0x7ff8000000000000);
    return hex_of(text, 2 * width, &wanted) && wanted == actual;
}

static bool lanes_match(const char *expected, const uint8_t *bytes, size_t width) {
    size_t at;
    for (at = 0; at < 16; at += width) {
        const size_t length = strcspn(expected, ",");
        if (!lane_matches(expected, length, bytes + at, width)) return false;
        expected += length;
        if (*expected == ',') expected++;
    }
    return *expected == '\0';
}

static bool one_matches(world_t *world, const char *expected, const wasmtime_val_t *actual) {
    const char *rest = expected;
    uint64_t bits = 0;
    wasmtime_v128 vector;
    if (starts(expected, "i32:", &rest))
        return actual->kind == WASMTIME_I32 && hex_of(rest, 8, &bits) && (uint32_t)bits == (uint32_t)actual->of.i32;
    if (starts(expected, "i64:", &rest))
        return actual->kind == WASMTIME_I64 && hex_of(rest, 16, &bits) && bits == (uint64_t)actual->of.i64;
    if (starts(expected, "f32:", &rest))
        return actual->kind == WASMTIME_F32 && lane_matches(rest, strlen(rest), (const uint8_t *)&actual->of.f32, 4);
    if (starts(expected, "f64:", &rest))
        return actual->kind == WASMTIME_F64 && lane_matches(rest, strlen(rest), (const uint8_t *)&actual->of.f64, 8);
    if (starts(expected, "v128:", &rest))
        return actual->kind == WASMTIME_V128 && vector_of(rest, vector) && memcmp(vector, actual->of.v128, 16) == 0;
    if (starts(expected, "v128.f32x4:", &rest))
        return actual->kind == WASMTIME_V128 && lanes_match(rest, actual->of.v128, 4);
    if (starts(expected, "v128.f64x2:", &rest))
        return actual->kind == WASMTIME_V128 && lanes_match(rest, actual->of.v128, 8);
    if (strcmp(expected, "ref:null") == 0)
        return (actual->kind == WASMTIME_FUNCREF && wasmtime_funcref_is_null(&actual->of.funcref)) ||
               (actual->kind == WASMTIME_EXTERNREF && wasmtime_externref_is_null(&actual->of.externref)) ||
               (actual->kind == WASMTIME_ANYREF && actual->of.anyref.store_id == 0) ||
               (actual->kind == WASMTIME_EXNREF && actual->of.exnref.store_id == 0);
    if (strcmp(expected, "funcref:null") == 0)
        return actual->kind == WASMTIME_FUNCREF && wasmtime_funcref_is_null(&actual->of.funcref);
    if (strcmp(expected, "externref:null") == 0)
        return actual->kind == WASMTIME_EXTERNREF && wasmtime_externref_is_null(&actual->of.externref);
    if (starts(expected, "externref:", &rest))
        return actual->kind == WASMTIME_EXTERNREF && !wasmtime_externref_is_null(&actual->of.externref) &&
               hex_of(rest, 16, &bits) &&
               wasmtime_externref_data(world->context, &actual->of.externref) == (void *)(uintptr_t)(bits + 1);
    if (strcmp(expected, "ref") == 0 || starts(expected, "funcref:", &rest))
        return (actual->kind == WASMTIME_FUNCREF && !wasmtime_funcref_is_null(&actual->of.funcref)) ||
               (actual->kind == WASMTIME_EXTERNREF && !wasmtime_externref_is_null(&actual->of.externref)) ||
               (actual->kind == WASMTIME_ANYREF && actual->of.anyref.store_id != 0) ||
               (actual->kind == WASMTIME_EXNREF && actual->of.exnref.store_id != 0);
    return false;
}

/* With A|B, one of them. */
static bool matches(world_t *world, const char *expected, const wasmtime_val_t *actual) {
    char *const copy = (char *)allocate(strlen(expected) + 1);
    char *at = copy;
    bool found = false;
    strcpy(copy, expected);
    while (at != NULL && !found) {
        char *const end = strchr(at, '|');
        if (end != NULL) *end = '\0';
        found = one_matches(world, at, actual);
        at = end != NULL ? end + 1 : NULL;
    }
    free(copy);
    return found;
}

static void print_value(char *out, size_t room, const wasmtime_val_t *value) {
    uint64_t bits = 0;
    size_t i;
    switch (value->kind) {
        case WASMTIME_I32: snprintf(out, room, "i32:%" PRIx32, (uint32_t)value->of.i32); break;
        case WASMTIME_I64: snprintf(out, room, "i64:%" PRIx64, (uint64_t)value->of.i64); break;
        case WASMTIME_F32:
            memcpy(&bits, &value->of.f32, 4);
            snprintf(out, room, "f32:%" PRIx64, bits);
            break;
        case WASMTIME_F64:
            memcpy(&bits, &value->of.f64, 8);
            snprintf(out, room, "f64:%" PRIx64, bits);
            break;
        case WASMTIME_V128:
            snprintf(out, room, "v128:");
            for (i = 16; i > 0; i--) snprintf(out + strlen(out), room - strlen(out), "%02x", value->of.v128[i - 1]);
            break;
        default: snprintf(out, room, "a reference of kind %u", (unsigned)value->kind); break;
    }
}

/* ---- actions ---- */

#define MOST_VALUES 128

typedef struct {
    outcome_t outcome;
    wasmtime_val_t results[MOST_VALUES];
    size_t count;
    bool is_done; /* else it was reported */
} action_t;

/* Does `invoke NAME FUNCTION ARGUMENT...` or `get NAME GLOBAL`; false: there is nothing to do it on, and it was said. */
static bool act(world_t *world, const char *line, char **tokens, size_t count, action_t *out) {
    named_t *on;
    text_t name;
    wasmtime_extern_t item;
    bool found;
    memset(out, 0, sizeof *out);
    if (count < 3) broken("line %s: an action has a verb, a module and a name", line);
    on = find_named(world, tokens[1]);
    if (on == NULL || !on->is_there || on->is_given) {
        fail(line, "there is no module %s to act on", tokens[1]);
        return false;
    }
    name = decoded(tokens[2]);
    found = wasmtime_instance_export_get(world->context, &on->instance, name.data, name.size, &item);
    free(name.data);
    if (!found) {
        fail(line, "nothing is exported as %s", tokens[2]);
        return false;
    }
    if (strcmp(tokens[0], "get") == 0) {
        if (item.kind != WASMTIME_EXTERN_GLOBAL) {
            fail(line, "%s is no global", tokens[2]);
            return false;
        }
        wasmtime_global_get(world->context, &item.of.global, &out->results[0]);
        out->count = 1;
    } else if (strcmp(tokens[0], "invoke") == 0) {
        wasmtime_val_t arguments[MOST_VALUES];
        wasm_functype_t *type;
        wasm_trap_t *trap = NULL;
        wasmtime_error_t *error;
        size_t i;
        if (item.kind != WASMTIME_EXTERN_FUNC) {
            fail(line, "%s is no function", tokens[2]);
            return false;
        }
        type = wasmtime_func_type(world->context, &item.of.func);
        out->count = wasm_functype_results(type)->size;
        wasm_functype_delete(type);
        if (out->count > MOST_VALUES || count - 3 > MOST_VALUES) broken("line %s: too many values", line);
        for (i = 3; i < count; i++) {
            if (!argument_of(world, tokens[i], &arguments[i - 3])) {
                skip(line, "this runner cannot pass %s to wasmtime", tokens[i]);
                return false;
            }
        }
        error = wasmtime_func_call(world->context, &item.of.func, arguments, count - 3, out->results, out->count, &trap);
        out->outcome = outcome_of(error, trap);
        for (i = 3; i < count; i++) wasmtime_val_unroot(&arguments[i - 3]);
    } else {
        broken("line %s: %s is no action", line, tokens[0]);
    }
    wasmtime_extern_delete(&item);
    return true;
}

static void action_delete(action_t *action) {
    size_t i;
    if (action->outcome.failed) return;
    for (i = 0; i < action->count; i++) wasmtime_val_unroot(&action->results[i]);
}

static void expect_results(world_t *world, const line_t *line) {
    const char *const number = line->tokens[1];
    action_t action;
    size_t arrow = 2, i;
    while (arrow < line->count && strcmp(line->tokens[arrow], "=>") != 0) arrow++;
    if (arrow == line->count) broken("line %s: no => before the results", number);
    if (!act(world, number, line->tokens + 2, arrow - 2, &action)) return;
    if (action.outcome.failed) {
        fail(number, "%s: %s", line->tokens[4], action.outcome.message);
        return;
    }
    if (action.count != line->count - arrow - 1) {
        fail(number, "%s returns %zu values, not %zu", line->tokens[4], action.count, line->count - arrow - 1);
    } else {
        for (i = 0; i < action.count; i++) {
            const char *const expected = line->tokens[arrow + 1 + i];
            if (!matches(world, expected, &action.results[i])) {
                char found[64];
                print_value(found, sizeof found, &action.results[i]);
                fail(number, "%s returns %s, not %s", line->tokens[4], found, expected);
                break;
            }
        }
        if (i == action.count) pass();
    }
    action_delete(&action);
}

static void expect_trap(world_t *world, const line_t *line) {
    const char *const number = line->tokens[1];
    const text_t message = decoded(line->tokens[2]);
    action_t action;
    if (act(world, number, line->tokens + 3, line->count - 3, &action)) {
        const bool exhausts = strcmp(line->tokens[0], "exhaustion") == 0;
        if (!action.outcome.failed)
            fail(number, "%s does not trap, expected: %s", line->tokens[5], message.data);
        else if (exhausts ? action.outcome.code != WASMTIME_TRAP_CODE_STACK_OVERFLOW
                          : !is_expected_trap(&action.outcome, message))
            fail(number, "another trap than: %s: %s", message.data, action.outcome.message);
        else
            pass();
        action_delete(&action);
    }
    free(message.data);
}

/* ---- directives ---- */

static void expect_refusal(world_t *world, const line_t *line) {
    const char *const verb = line->tokens[0], *const number = line->tokens[1];
    const text_t message = decoded(line->tokens[2]);
    wasmtime_module_t *module = NULL;
    wasmtime_instance_t instance;
    outcome_t outcome = compile(line->tokens[3], &module);
    if (strcmp(verb, "invalid") == 0 || strcmp(verb, "malformed") == 0) {
        if (outcome.failed)
            pass();
        else
            fail(number, "the module is taken, expected: %s", message.data);
    } else if (outcome.failed) {
        fail(number, "the module does not compile: %s", outcome.message);
    } else {
        outcome = instantiate(world, module, &instance);
        if (!outcome.failed)
            fail(number, "the module is instantiated, expected: %s", message.data);
        else if (outcome.traps != (strcmp(verb, "uninstantiable") == 0))
            fail(number, "it %s, expected: %s: %s", outcome.traps ? "traps" : "cannot be linked", message.data,
                 outcome.message);
        else if (outcome.traps && !is_expected_trap(&outcome, message))
            fail(number, "another trap than: %s: %s", message.data, outcome.message);
        else
            pass();
    }
    if (module != NULL) wasmtime_module_delete(module);
    free(message.data);
}

static void new_instance(world_t *world, const char *number, const char *name, const wasmtime_module_t *module) {
    named_t *const added = add_named(world, name);
    const outcome_t outcome = instantiate(world, module, &added->instance);
    added->is_there = !outcome.failed;
    if (outcome.failed)
        fail(number, "the module is not instantiated: %s", outcome.message);
    else
        pass();
}

static void define(world_t *world, const char *number, const char *file, const char *name, bool and_instantiate) {
    wasmtime_module_t *module = NULL;
    const outcome_t outcome = compile(file, &module);
    if (outcome.failed) {
        fail(number, "the module does not compile: %s", outcome.message);
        if (and_instantiate) add_named(world, name); /* so that nobody takes the one before for it */
    } else if (and_instantiate) {
        new_instance(world, number, name, module);
        wasmtime_module_delete(module);
        return;
    } else {
        pass();
    }
    if (!and_instantiate) {
        definition_t *added;
        world->definitions = (definition_t *)resized(world->definitions,
                                                     (world->definition_count + 1) * sizeof *world->definitions);
        added = &world->definitions[world->definition_count++];
        memset(added, 0, sizeof *added);
        if (strcmp(name, "-") != 0) added->name = decoded(name);
        added->module = module;
    }
}

static void instantiate_definition(world_t *world, const char *number, const char *name, const char *definition) {
    const definition_t *found = NULL;
    size_t i;
    if (strcmp(definition, "-") == 0) {
        if (world->definition_count > 0) found = &world->definitions[world->definition_count - 1];
    } else {
        const text_t wanted = decoded(definition);
        for (i = world->definition_count; i > 0 && found == NULL; i--)
            if (world->definitions[i - 1].name.data != NULL && same_text(world->definitions[i - 1].name, wanted))
                found = &world->definitions[i - 1];
        free(wanted.data);
    }
    if (found == NULL || found->module == NULL) {
        add_named(world, name);
        fail(number, "there is no definition %s", definition);
    } else {
        new_instance(world, number, name, found->module);
    }
}

static void make_registered(world_t *world, const char *number, const char *as_token, const char *name) {
    const named_t *const on = find_named(world, name);
    text_t as;
    size_t i;
    if (on == NULL || !on->is_there) {
        fail(number, "there is no module %s to register", name);
        return;
    }
    as = decoded(as_token);
    if (!on->is_given) make_importable(world, as, &on->instance);
    for (i = 0; i < on->shared_count; i++) {
        wasmtime_extern_t item;
        outcome_t outcome;
        item.kind = WASMTIME_EXTERN_SHAREDMEMORY;
        item.of.sharedmemory = on->shared[i];
        outcome = outcome_of(wasmtime_linker_define(world->linker, world->context, as.data, as.size,
                                                    on->shared_names[i].data, on->shared_names[i].size, &item),
                             NULL);
        if (outcome.failed) broken("line %s: %s", number, outcome.message);
    }
    free(as.data);
    pass();
}

static void run_lines(world_t *world, size_t first, size_t end);

static void *run_thread(void *env) {
    thread_t *const thread = (thread_t *)env;
    run_lines(&thread->world, thread->first, thread->end);
    return NULL;
}

/* Begins a thread, which has a store of its own and the shared memories of one instance; where its `end` is. */
static size_t begin_thread(world_t *world, size_t at, size_t end) {
    const line_t *const line = &script.lines[at];
    thread_t *const thread = (thread_t *)allocate(sizeof *thread);
    size_t depth = 1;
    if (line->count != 4) broken("line %s: thread NAME INSTANCE", line->tokens[1]);
    thread->name = decoded(line->tokens[2]);
    thread->world = world_new();
    thread->first = at + 1;
    for (thread->end = at + 1; thread->end < end; thread->end++) {
        if (strcmp(script.lines[thread->end].tokens[0], "thread") == 0) depth++;
        if (strcmp(script.lines[thread->end].tokens[0], "end") == 0 && --depth == 0) break;
    }
    if (depth != 0) broken("line %s: a thread without an end", line->tokens[1]);
    if (strcmp(line->tokens[3], "-") != 0) {
        const named_t *const from = find_named(world, line->tokens[3]);
        char *name = NULL;
        size_t size = 0, i;
        wasmtime_extern_t item;
        /* If it is not there, what the thread does with it fails, and is counted. */
        if (from != NULL && from->is_there && !from->is_given) {
            named_t *const given = add_named(&thread->world, line->tokens[3]);
            given->is_there = given->is_given = true;
            for (i = 0; wasmtime_instance_export_nth(world->context, &from->instance, i, &name, &size, &item); i++) {
                if (item.kind != WASMTIME_EXTERN_SHAREDMEMORY) {
                    wasmtime_extern_delete(&item);
                    continue;
                }
                given->shared = (wasmtime_sharedmemory_t **)resized(
                    given->shared, (given->shared_count + 1) * sizeof *given->shared);
                given->shared_names =
                    (text_t *)resized(given->shared_names, (given->shared_count + 1) * sizeof *given->shared_names);
                given->shared[given->shared_count] = item.of.sharedmemory;
                given->shared_names[given->shared_count++] = text_of(name, size);
            }
        }
    }
    if (pthread_create(&thread->id, NULL, run_thread, thread) != 0)
        broken("line %s: no thread is to be had", line->tokens[1]);
    thread->next = world->threads;
    world->threads = thread;
    return thread->end;
}

static void thread_join(thread_t *thread) {
    pthread_join(thread->id, NULL);
    world_delete(&thread->world);
    free(thread->name.data);
    free(thread);
}

static void wait_for(world_t *world, const char *number, const char *token) {
    const text_t name = decoded(token);
    thread_t **at = &world->threads;
    while (*at != NULL && !same_text((*at)->name, name)) at = &(*at)->next;
    if (*at == NULL) {
        fail(number, "there is no thread %s to wait for", token);
    } else {
        thread_t *const found = *at;
        *at = found->next;
        thread_join(found);
        pass();
    }
    free(name.data);
}

static void run_lines(world_t *world, size_t first, size_t end) {
    static const struct {
        const char *verb;
        size_t least, most; /* tokens */
    } shapes[] = {{"module", 4, 5},    {"define", 4, 5},      {"instance", 4, 4},       {"register", 4, 4},
                  {"do", 5, 0},        {"return", 6, 0},      {"trap", 6, 0},           {"exhaustion", 6, 0},
                  {"unlinkable", 4, 5}, {"uninstantiable", 4, 5}, {"invalid", 4, 5},    {"malformed", 4, 5},
                  {"thread", 4, 4},    {"wait", 3, 3}};
    size_t at, i;
    for (at = first; at < end; at++) {
        const line_t *const line = &script.lines[at];
        const char *const verb = line->tokens[0];
        char **const tokens = line->tokens;
        for (i = 0; i < sizeof shapes / sizeof *shapes && strcmp(verb, shapes[i].verb) != 0; i++) continue;
        if (i == sizeof shapes / sizeof *shapes) broken("line %zu of the script: %s is no directive", at + 1, verb);
        if (line->count < shapes[i].least || (shapes[i].most != 0 && line->count > shapes[i].most))
            broken("line %zu of the script: %s with %zu tokens", at + 1, verb, line->count);
        if (strcmp(verb, "module") == 0) {
            define(world, tokens[1], tokens[2], tokens[3], true);
        } else if (strcmp(verb, "define") == 0) {
            define(world, tokens[1], tokens[2], tokens[3], false);
        } else if (strcmp(verb, "instance") == 0) {
            instantiate_definition(world, tokens[1], tokens[2], tokens[3]);
        } else if (strcmp(verb, "register") == 0) {
            make_registered(world, tokens[1], tokens[2], tokens[3]);
        } else if (strcmp(verb, "do") == 0) {
            action_t action;
            if (!act(world, tokens[1], tokens + 2, line->count - 2, &action)) continue;
            if (action.outcome.failed)
                fail(tokens[1], "%s: %s", tokens[4], action.outcome.message);
            else
                pass();
            action_delete(&action);
        } else if (strcmp(verb, "return") == 0) {
            expect_results(world, line);
        } else if (strcmp(verb, "trap") == 0 || strcmp(verb, "exhaustion") == 0) {
            expect_trap(world, line);
        } else if (strcmp(verb, "thread") == 0) {
            at = begin_thread(world, at, end);
        } else if (strcmp(verb, "wait") == 0) {
            wait_for(world, tokens[1], tokens[2]);
        } else {
            expect_refusal(world, line);
        }
    }
    /* Those that nobody waited for. */
    while (world->threads != NULL) {
        thread_t *const left = world->threads;
        world->threads = left->next;
        thread_join(left);
    }
}

/* ---- set-up ---- */

static void read_script(void) {
    const text_t text = file_of(script.folder, "script");
    char *at = text.data;
    size_t at_line;
    while (*at != '\0') {
        char *tokens[MOST_TOKENS], *end = strchr(at, '\n');
        size_t count = 0;
        line_t *line;
        if (end != NULL) *end = '\0';
        for (at = strtok(at, " \r"); at != NULL; at = strtok(NULL, " \r")) {
            if (count == MOST_TOKENS)
                broken("line %zu of the script has more than %d tokens", script.count + 1, MOST_TOKENS);
            tokens[count++] = at;
        }
        if (count > 0) {
            script.lines = (line_t *)resized(script.lines, (script.count + 1) * sizeof *script.lines);
            line = &script.lines[script.count++];
            line->count = count;
            line->tokens = (char **)allocate(count * sizeof *tokens);
            memcpy(line->tokens, tokens, count * sizeof *tokens);
            if (count < 2) broken("line %zu of the script has one word: %s", script.count, tokens[0]);
        }
        if (end == NULL) break;
        at = end + 1;
    }
    for (script.first = 0; script.first < script.count; script.first++) {
        const line_t *const line = &script.lines[script.first];
        const char *const verb = line->tokens[0];
        /* What it needs is what is switched on, if it does not say otherwise. */
        if (strcmp(verb, "enable") == 0 || (strcmp(verb, "features") == 0 && script.enabled == NULL))
            script.enabled = line->tokens[1];
        else if (strcmp(verb, "file") != 0 && strcmp(verb, "features") != 0 && strcmp(verb, "text") != 0)
            break;
    }
    if (script.enabled == NULL) broken("%s/script does not say which features it needs", script.folder);
    for (at_line = script.first; at_line < script.count; at_line++)
        if (strcmp(script.lines[at_line].tokens[0], "thread") != 0 &&
            strcmp(script.lines[at_line].tokens[0], "end") != 0)
            script.directives++;
    /* The text itself is never freed: tokens lie in it. */
}

/* Switches on what the file names, and nothing else. */
static void set_features(wasm_config_t *config, const char *features) {
    static const struct {
        const char *name;
        void (*set)(wasm_config_t *, bool);
    } switches[] = {
        {"multi-value", wasmtime_config_wasm_multi_value_set},
        {"bulk-memory", wasmtime_config_wasm_bulk_memory_set},
        {"reference-types", wasmtime_config_wasm_reference_types_set},
        {"simd", wasmtime_config_wasm_simd_set},
        {"multi-memory", wasmtime_config_wasm_multi_memory_set},
        {"memory64", wasmtime_config_wasm_memory64_set},
        {"threads", wasmtime_config_wasm_threads_set},
        {"custom-page-sizes", wasmtime_config_wasm_custom_page_sizes_set},
        {"tail-call", wasmtime_config_wasm_tail_call_set},
        {"relaxed-simd", wasmtime_config_wasm_relaxed_simd_set},
        {"wide-arithmetic", wasmtime_config_wasm_wide_arithmetic_set},
        {"function-references", wasmtime_config_wasm_function_references_set},
        {"gc", wasmtime_config_wasm_gc_set},
        {"exceptions", wasmtime_config_wasm_exceptions_set},
    };
    /* There is no switch for these. */
    static const char *const always[] = {"mvp", "mutable-global", "sign-extension", "saturating-float-to-int",
                                         "extended-const"};
    char *const list = (char *)allocate(strlen(features) + 1);
    char *name, *rest;
    size_t i;
    for (i = 0; i < sizeof switches / sizeof *switches; i++)
        switches[i].set(config, has_feature(features, switches[i].name));
    /* Garbage collection is built on these. */
    if (has_feature(features, "gc")) wasmtime_config_wasm_function_references_set(config, true);
    script.has_threads = has_feature(features, "threads");
    has_memory64 = has_feature(features, "memory64");
    wasmtime_config_shared_memory_set(config, script.has_threads);

    strcpy(list, features);
    for (name = list; name != NULL; name = rest) {
        bool known = false;
        rest = strchr(name, ',');
        if (rest != NULL) *rest++ = '\0';
        for (i = 0; i < sizeof switches / sizeof *switches; i++) known = known || strcmp(name, switches[i].name) == 0;
        for (i = 0; i < sizeof always / sizeof *always; i++) known = known || strcmp(name, always[i]) == 0;
        if (!known) {
            printf("skip 0 wasmtime's C API cannot turn on the feature %s\ntotal 0 0 %zu 0\n", name,
                   script.directives);
            exit(0);
        }
    }
    free(list);
}

int main(int argc, char **argv) {
    my_wasm_memory_bounds_t bounds = WASM_MEMORY_BOUNDS_AUTO;
    my_wasm_engine_t *ours = NULL;
    wasm_config_t *const config = wasm_config_new();
    my_wasm_memory_wasmtime_stats_t stats;
    const char *memory = NULL;
    outcome_t outcome;
    world_t world;
    int i;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("wasmtime " LIBWASMTIME_VERSION);
        return 0;
    }
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--memory") == 0 && i + 1 < argc) {
            memory = argv[++i];
        } else if (strcmp(argv[i], "--bounds") == 0 && i + 1 < argc) {
            i++;
            if (strcmp(argv[i], "guarded") == 0)
                bounds = WASM_MEMORY_BOUNDS_GUARDED;
            else if (strcmp(argv[i], "checked") == 0)
                bounds = WASM_MEMORY_BOUNDS_CHECKED;
            else if (strcmp(argv[i], "auto") != 0)
                broken("--bounds is auto, guarded or checked, not %s", argv[i]);
        } else if (script.folder == NULL && argv[i][0] != '-') {
            script.folder = argv[i];
        } else {
            broken("unknown: %s", argv[i]);
        }
    }
    if (script.folder == NULL || memory == NULL || (strcmp(memory, "own") != 0 && strcmp(memory, "ours") != 0))
        broken("usage: spec --memory own|ours [--bounds auto|guarded|checked] FOLDER");
    script.ours = strcmp(memory, "ours") == 0;
    read_script();
    set_features(config, script.enabled);

    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    if (script.ours) {
        my_wasm_config_t *const policy = my_wasm_config_new();
        my_wasm_config_memory_bounds_set(policy, bounds);
        ours = my_wasm_engine_new_with_config(policy);
        outcome = outcome_of(my_wasm_memory_wasmtime_new(ours, NULL, &script.maker), NULL);
        if (!outcome.failed) outcome = outcome_of(my_wasm_memory_wasmtime_configure(script.maker, config), NULL);
        if (outcome.failed) broken("%s", outcome.message);
    }
    script.engine = wasm_engine_new_with_config(config);
    if (script.engine == NULL) broken("wasmtime refuses the features %s", script.enabled);

    world = world_new();
    run_lines(&world, script.first, script.count);
    world_delete(&world);
    if (script.ours) {
        outcome = outcome_of(my_wasm_memory_wasmtime_stats(script.maker, &stats), NULL);
        if (outcome.failed) broken("%s", outcome.message);
        if (stats.live != 0) broken("%" PRIu64 " memories are left", stats.live);
    }
    wasm_engine_delete(script.engine);
    my_wasm_memory_wasmtime_delete(script.maker);
    my_wasm_engine_delete(ours);
    printf("total %lu %lu %lu %" PRIu64 "\n", passed, failed, skipped, stats.made);
    return fflush(stdout) != 0;
}
