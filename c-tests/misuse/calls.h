/* calls.h: what the generated calls (generator/) get their arguments from, and say what came of them to. Each argument
 * has choices: 0 is a valid value, for pointers 1 is NULL, the others are nonsense of a kind that the header defines an
 * answer for. calls.c goes through them and judges. */
#ifndef CALLS_H
#define CALLS_H

#define _GNU_SOURCE
#include "wasm_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    HANDLE_wasm_config_t,
    HANDLE_wasm_engine_t,
    HANDLE_wasm_store_t,
    HANDLE_wasm_memorytype_t,
    HANDLE_wasm_memory_t,
    HANDLE_wasm_memory_future_t,
    HANDLE_wasm_memory_ticket_t,
    HANDLE_wasm_data_segment_t,
    HANDLE_wasm_memory_image_t,
    HANDLE_wasm_shared_memory_t
} handle_t;

typedef enum {
    KIND_HANDLE,
    KIND_HANDLES, /* an array of them */
    KIND_OUT_HANDLE,
    KIND_OUT,
    KIND_OUT_DESCRIPTOR,
    KIND_OUT_STRUCTURE, /* that starts with its size */
    KIND_STRUCTURE,     /* an array of eight, of which most functions read one */
    KIND_OUT_VECTOR,
    KIND_VECTOR,
    KIND_BYTES,
    KIND_BUFFER,
    KIND_PATH,
    KIND_TOKEN, /* passed to a callback, and never looked at */
    KIND_ADDRESS,
    KIND_CALLBACK,
    KIND_INTEGER,
    KIND_TIMEOUT,
    KIND_DESCRIPTOR,
    KIND_BOOL,
    KIND_FLOAT
} kind_t;

/* Whether a pointer may be NULL; WITH_LENGTH: only if its length is 0. */
typedef enum { OPTIONAL, REQUIRED, WITH_LENGTH } need_t;

typedef enum { FIELD_SIZE, FIELD_INTEGER, FIELD_LENGTH, FIELD_BOOL, FIELD_POINTER, FIELD_CALLBACK } field_kind_t;

typedef struct {
    field_kind_t kind;
    size_t offset, size;
} field_t;

typedef struct {
    size_t size, field_count;
    const field_t *fields;
    void (*fill)(void *at, void *token);
} structure_t;

typedef struct {
    const char *name;
    kind_t kind;
    need_t need;
    bool is_consumed;
    int counter; /* which parameter is the length of this one; -1: none */
    handle_t handle;
    size_t size;
    const structure_t *structure;
} parameter_t;

typedef struct call call_t;

typedef struct {
    const char *name;
    const parameter_t *parameters;
    size_t parameter_count;
    const wasm_memory_status_t *statuses; /* those that the header lists */
    size_t status_count;
    void (*call)(call_t *call);
} function_t;

extern const function_t functions[];
extern const size_t function_count;

/* What is off until a function whose name ends in _install is called, in as many worlds as not. */
void switch_everything(bool on);

#define MOST_PARAMETERS 8

typedef struct {
    bool is_null;
    void *pointer;
    uint8_t *base;      /* of a memory, before the call */
    uint64_t length;    /* of it */
    uint8_t bytes[64];  /* its first and last ones */
    bool is_unreadable; /* it was protected */
} given_t;

struct call {
    const function_t *function;
    unsigned choice[MOST_PARAMETERS];
    given_t given[MOST_PARAMETERS];
    bool succeeded;
};

extern const uint8_t some_bytes[];

void *given_pointer(call_t *call, size_t index);
uint64_t given_integer(call_t *call, size_t index);
double given_float(call_t *call, size_t index);
bool given_is_null(call_t *call, size_t index);

void begin(call_t *call);
void end_status(call_t *call, wasm_memory_status_t status);
void end_value(call_t *call, bool is_something);
void end_handle(call_t *call, handle_t handle, void *made);
void end_text(call_t *call, const char *text);
void end_nothing(call_t *call);

/* For the callbacks. */
void called_back(void *token, bool is_finalizer);
void consume(handle_t handle, void *passed);
void read_text(const char *text);
void look_at_bytes(const uint8_t *bytes);

#endif
