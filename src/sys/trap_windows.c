/*
 * Faults that become results, on Windows: what trap.c has for signals. A handler of the process looks at each exception before
 * any frame does. One that is to end a catch goes on in a function of ours on the thread's own stack, which jumps to where the
 * catch began: the system has done with the exception by then, and nothing is unwound. Threads need nothing to be armed with:
 * the handler runs on their own stacks, where the system has just put the exception.
 */
#include "trap.h"

#include <setjmp.h>
#include <windows.h>

/* A catch that has not returned. On the stack of its thread. */
struct frame {
    struct frame *outer;
    /* Where what was found about the fault goes. */
    void *found;
    jmp_buf jump;
};

static wasm_memory_trap_recognizer *recognize;
static void *installed;

/* The innermost frame of each thread. A word of the system's, which a handler can ask for without allocating it. */
static DWORD slot = TLS_OUT_OF_INDEXES;

/* Asking for it sets the last error. */
static struct frame *innermost(void)
{
    const DWORD before = GetLastError();
    struct frame *frame = slot == TLS_OUT_OF_INDEXES ? NULL : TlsGetValue(slot);
    SetLastError(before);
    return frame;
}

static void set_innermost(struct frame *frame)
{
    const DWORD before = GetLastError();
    if (slot != TLS_OUT_OF_INDEXES) TlsSetValue(slot, frame);
    SetLastError(before);
}

/* Where the thread goes on after a fault that ends a catch. */
static void land(struct frame *frame)
{
    longjmp(frame->jump, 1);
}

/* Has the thread call `land` below the stack of the function that made the frame; what was called from there is over. */
static void go_to_land(CONTEXT *context, struct frame *frame)
{
    const _JUMP_BUFFER *jump = (const _JUMP_BUFFER *)&frame->jump;
    enum { ROOM = 256 };
#if defined(__x86_64__) || defined(_M_X64)
    /* As a call leaves it: the return address, which nobody uses, where 16 bytes would begin. */
    context->Rsp = ((jump->Rsp - ROOM) & ~(DWORD64)15) - 8;
    context->Rcx = (DWORD64)(uintptr_t)frame;
    context->Rip = (DWORD64)(uintptr_t)land;
    /* The direction flag is clear between functions. */
    context->EFlags &= ~(DWORD)0x400;
#elif defined(__aarch64__) || defined(_M_ARM64)
    context->Sp = (jump->Sp - ROOM) & ~(DWORD64)15;
    context->X0 = (DWORD64)(uintptr_t)frame;
    context->Pc = (DWORD64)(uintptr_t)land;
#else
#error "traps are written for x86-64 and ARM64; build.rs leaves this file out elsewhere"
#endif
}

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *exception)
{
    const EXCEPTION_RECORD *record = exception->ExceptionRecord;
    const int is_page_error = record->ExceptionCode == (DWORD)EXCEPTION_IN_PAGE_ERROR;
    if (record->ExceptionCode != (DWORD)EXCEPTION_ACCESS_VIOLATION && !is_page_error) return EXCEPTION_CONTINUE_SEARCH;
    if (record->NumberParameters < 2) return EXCEPTION_CONTINUE_SEARCH;
    struct frame *frame = innermost();
    if (!frame) return EXCEPTION_CONTINUE_SEARCH;
    const DWORD before = GetLastError();
    const int answer = recognize((uintptr_t)record->ExceptionInformation[1], is_page_error ? 2 : 0, frame->found);
    SetLastError(before);
    if (answer == WASM_MEMORY_TRAP_AGAIN) return EXCEPTION_CONTINUE_EXECUTION;
    if (answer != WASM_MEMORY_TRAP_END) return EXCEPTION_CONTINUE_SEARCH;
    set_innermost(frame->outer);
    go_to_land(exception->ContextRecord, frame);
    return EXCEPTION_CONTINUE_EXECUTION;
}

int wasm_memory_trap_install(wasm_memory_trap_recognizer *recognizer)
{
    recognize = recognizer;
    /* Kept from then on: a thread may be in a catch while the handler goes. */
    if (slot == TLS_OUT_OF_INDEXES) slot = TlsAlloc();
    if (slot == TLS_OUT_OF_INDEXES) return (int)GetLastError();
    installed = AddVectoredExceptionHandler(1, on_exception);
    return installed ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}

void wasm_memory_trap_uninstall(void)
{
    /* Handlers are a list here: whoever came since is not concerned. */
    if (installed) RemoveVectoredExceptionHandler(installed);
    installed = NULL;
}

enum wasm_memory_trap_outcome wasm_memory_trap_catch(void (*body)(void *), void *env, void *found)
{
    if (slot == TLS_OUT_OF_INDEXES) return WASM_MEMORY_TRAP_UNARMED;
    struct frame frame;
    frame.outer = innermost();
    frame.found = found;
    if (setjmp(frame.jump) != 0) return WASM_MEMORY_TRAP_CAUGHT;
    /* A jump to no frame in particular: one to a frame would unwind all that lies between. */
    ((_JUMP_BUFFER *)&frame.jump)->Frame = 0;
    set_innermost(&frame);
    body(env);
    set_innermost(frame.outer);
    return WASM_MEMORY_TRAP_RETURNED;
}

void *wasm_memory_trap_suspend(void)
{
    struct frame *frame = innermost();
    if (frame) set_innermost(NULL);
    return frame;
}

void wasm_memory_trap_resume(void *frame)
{
    if (frame) set_innermost(frame);
}
