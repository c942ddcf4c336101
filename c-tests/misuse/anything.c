/* misuse_anything [SECONDS [SEED]]: makes, uses and deletes everything at random and in any order: engines of all
 * kinds, stores, memories and their copies, tokens, imports, futures, tickets, images, segments, mappings, protections,
 * forks, sizes that nobody has. It takes every failure for an answer that the header lists for it, so that it can run
 * where the system refuses whatever it likes (under.c), and knows what the bytes of each memory have to be. */
#define _GNU_SOURCE
#include "wasm_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/children.h"
#include "support/memories.h"
#include "support/watched.h"

#define SHADOW 8192
#define HOST_PAGE 4096 /* of what changes are looked for in */

/* What a memory has to be. */
typedef struct {
    uint64_t references, length, page;
    uint8_t bytes[SHADOW], at_clear[SHADOW]; /* its first ones, now and when changes were cleared */
    wasm_memory_protection_t protection;     /* of its first 64 KiB */
    bool is_vague;                           /* a failure may have undone protections and mappings */
    bool is_shared, is_exportable, is_imported, is_host_made;
    unsigned finalized;
    bool has_info;
} model_t;

static model_t models[64];

enum { ENGINES = 3, STORES = 6, MEMORIES = 20, TOKENS = 6, FUTURES = 6, TICKETS = 6, IMAGES = 4, SEGMENTS = 4 };

static wasm_engine_t *engines[ENGINES];
static bool engine_exports[ENGINES], engine_is_hosts[ENGINES];
static struct {
    wasm_store_t *store;
    bool asks, exports, is_hosts;
} stores[STORES];
static struct {
    wasm_memory_t *handle;
    model_t *model;
} memories[MEMORIES];
static struct {
    wasm_shared_memory_t *token;
    model_t *model;
} tokens[TOKENS];
static struct {
    wasm_memory_future_t *future;
} futures[FUTURES];
static wasm_memory_ticket_t *tickets[TICKETS];
static struct {
    wasm_memory_image_t *image;
    uint64_t length, page; /* of a snapshot; page 0: of segments */
    uint8_t bytes[SHADOW];
} images[IMAGES];
static struct {
    wasm_data_segment_t *segment;
    bool is_dropped;
} segments[SEGMENTS];

static uint64_t seed, state, steps, refused, forks, made;
static unsigned infos_given, infos_finalized, datas_given, datas_finalized, limiters_given, limiters_finalized;
static int file_descriptor;
static bool is_child;
static wasm_memory_status_t last_status;
static const char *last_operation = "nothing";

static uint64_t random_below(uint64_t end) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % end;
}
static bool one_in(uint64_t chances) { return random_below(chances) == 0; }

static uint8_t pattern(uint64_t at) { return (uint8_t)(at * 7 + (at >> 8) + 1); }

static void fail(const char *what) {
    char sentence[200];
    wasm_memory_last_error(sentence, sizeof sentence);
    if (check_state.failures++ < 10) {
        printf("  step %" PRIu64 ", %s: %s (%s; last error: %s), seed %" PRIu64 "%s\n", steps, last_operation, what,
               wasm_memory_status_name(last_status), sentence, seed, is_child ? ", in a child" : "");
        fflush(stdout);
    }
}

/* Whether it succeeded; if not, the status has to be one of up to four, and there is a sentence. */
static bool fine(wasm_memory_status_t status, wasm_memory_status_t a, wasm_memory_status_t b, wasm_memory_status_t c,
                 wasm_memory_status_t d) {
    last_status = status;
    if (status == WASM_MEMORY_OK) return true;
    refused++;
    if (status != a && status != b && status != c && status != d) fail("a failure that it must not have");
    if (wasm_memory_last_error(NULL, 0) == 0) fail("no sentence");
    return false;
}
#define FINE(call, ...) (last_operation = #call, fine(call, __VA_ARGS__))
#define NO_MEMORY WASM_MEMORY_OUT_OF_MEMORY

/* A handle, or the heap is exhausted. */
static bool there_is(const void *made_one, const char *what) {
    char sentence[64];
    if (made_one != NULL) return true;
    refused++;
    wasm_memory_last_error(sentence, sizeof sentence);
    if (strncmp(sentence, "out of memory", 13) != 0) fail(what);
    return false;
}

static void count_one(void *counter) { ++*(unsigned *)counter; }
static void info_ends(void *model) {
    ((model_t *)model)->finalized++;
    infos_finalized++;
}

/* A model lives until its references are gone and its memory's finalizer ran: by then it has to have run. */
static void release(model_t *model) {
    if (--model->references > 0) return;
    if (!model->is_imported && model->has_info && model->finalized != 1) fail("a finalizer that ran not once");
}

/* ---- what is chosen ---- */

#define PICK(array, field, index)                                                         \
    do {                                                                                  \
        const size_t count_ = sizeof(array) / sizeof *(array);                            \
        size_t tries_ = 0, at_ = (size_t)random_below(count_);                            \
        while ((array)[at_] field == NULL && tries_++ < count_) at_ = (at_ + 1) % count_; \
        (index) = (array)[at_] field == NULL ? -1 : (int)at_;                             \
    } while (0)
#define FREE_PLACE(array, field, index)                                                    \
    do {                                                                                   \
        size_t at_ = 0;                                                                    \
        while (at_ < sizeof(array) / sizeof *(array) && (array)[at_] field != NULL) at_++; \
        (index) = at_ == sizeof(array) / sizeof *(array) ? -1 : (int)at_;                  \
    } while (0)

/* ---- the bytes ---- */

static uint64_t shadowed(const model_t *model) { return model->length < SHADOW ? model->length : SHADOW; }

static void verify(size_t at) {
    const model_t *const model = memories[at].model;
    wasm_memory_t *const memory = memories[at].handle;
    uint8_t found[SHADOW];
    uint8_t last = 1;
    const wasm_memory_view_t *const view = wasm_memory_view(memory);
    wasm_memory_status_t status;
    last_operation = "verify";
    if (wasm_memory_data_size(memory) != model->length || view->byte_length != model->length)
        fail("the size is another");
    if (wasm_memory_page_size(memory) != model->page) fail("the page size is another");
    status = wasm_memory_read(memory, 0, found, (size_t)shadowed(model));
    last_status = status;
    if (model->is_vague) return;
    if (model->protection == WASM_MEMORY_PROT_NONE && model->length > 0) {
        if (status != WASM_MEMORY_PROTECTED) fail("what is protected is read");
        return;
    }
    if (status != WASM_MEMORY_OK) {
        fail("it cannot be read");
        return;
    }
    if (memcmp(found, model->bytes, (size_t)shadowed(model)) != 0) fail("the bytes are others");
    /* Beyond its first 64 KiB nobody writes here. */
    if (model->length > PAGE && (wasm_memory_read(memory, model->length - 1, &last, 1) != WASM_MEMORY_OK || last != 0))
        fail("the last byte is not zero");
}

static void write_some(size_t at) {
    model_t *const model = memories[at].model;
    wasm_memory_t *const memory = memories[at].handle;
    uint8_t bytes[512];
    const uint64_t room = shadowed(model);
    const uint64_t offset = random_below(room + 1),
                   length = random_below((room - offset < 512 ? room - offset : 512) + 1);
    const bool is_readable = model->protection == WASM_MEMORY_PROT_READ_WRITE || (offset >= PAGE);
    wasm_memory_status_t status;
    uint64_t i;
    if (model->is_vague) return;
    for (i = 0; i < length; i++) bytes[i] = (uint8_t)random_below(256);
    switch (random_below(5)) {
    case 0:
        last_operation = "wasm_memory_fill";
        status = wasm_memory_fill(memory, offset, bytes[0], length);
        memset(bytes, bytes[0], sizeof bytes);
        break;
    case 1:
        last_operation = "wasm_memory_discard";
        status = wasm_memory_discard(memory, offset, length);
        memset(bytes, 0, sizeof bytes);
        break;
    case 2: /* as guest code does */
        if (!is_readable) return;
        last_operation = "guest code";
        memcpy(wasm_memory_view(memory)->base + offset, bytes, (size_t)length);
        status = WASM_MEMORY_OK;
        break;
    default:
        last_operation = "wasm_memory_write";
        status = wasm_memory_write(memory, offset, bytes, (size_t)length);
        break;
    }
    last_status = status;
    if (!is_readable && length > 0) {
        if (status != WASM_MEMORY_PROTECTED) fail("what is protected is written");
    } else if (status == WASM_MEMORY_OK) {
        memcpy(model->bytes + offset, bytes, (size_t)length);
    } else {
        fail("it cannot be written");
    }
    last_status = wasm_memory_store_u64(memory, model->length - random_below(8), 1);
    if (last_status != WASM_MEMORY_OUT_OF_BOUNDS) fail("a store past the end");
    last_status = wasm_memory_fill(memory, UINT64_MAX - random_below(9), 1, random_below(100) + 10);
    if (last_status != WASM_MEMORY_OUT_OF_BOUNDS) fail("a fill past all addresses");
}

typedef struct {
    const model_t *model;
    uint64_t end;
    bool told[SHADOW / HOST_PAGE];
} changes_t;

static void hear_of_change(void *env, uint64_t offset, uint64_t length) {
    changes_t *const changes = (changes_t *)env;
    size_t i;
    if (length == 0 || (changes->end != 0 && offset <= changes->end) || offset + length > changes->model->length)
        fail("ranges out of order, or past the end");
    changes->end = offset + length;
    for (i = 0; i < SHADOW / HOST_PAGE; i++)
        if (offset <= i * HOST_PAGE && offset + length > i * HOST_PAGE) changes->told[i] = true;
}

static void ask_for_changes(size_t at) {
    model_t *const model = memories[at].model;
    changes_t changes;
    size_t i;
    memset(&changes, 0, sizeof changes);
    changes.model = model;
    if (!FINE(wasm_memory_dirty_ranges(memories[at].handle, hear_of_change, &changes), NO_MEMORY,
              model->protection == WASM_MEMORY_PROT_NONE || model->is_vague ? WASM_MEMORY_PROTECTED : NO_MEMORY,
              NO_MEMORY, NO_MEMORY))
        return;
    if (model->is_vague || model->is_imported || model->is_exportable) return;
    for (i = 0; i < SHADOW / HOST_PAGE && i * HOST_PAGE < model->length; i++) {
        /* What lies behind the end of a memory that a reset has made shorter is no part of it. */
        const uint64_t rest = model->length - i * HOST_PAGE;
        const size_t bytes = rest < HOST_PAGE ? (size_t)rest : HOST_PAGE;
        if (!changes.told[i] && memcmp(model->bytes + i * HOST_PAGE, model->at_clear + i * HOST_PAGE, bytes) != 0)
            fail("a change that is not told");
    }
}

/* ---- a host that makes memories ---- */

typedef struct {
    uint8_t *base;
    size_t length, room;
} block_t;
static size_t block_size(void *env) { return ((block_t *)env)->length; }
static uint8_t *block_base(void *env) { return ((block_t *)env)->base; }
static wasm_memory_status_t block_grow(void *env, size_t length) {
    block_t *const block = (block_t *)env;
    if (length > block->room) return WASM_MEMORY_OUT_OF_MEMORY;
    block->length = length;
    return WASM_MEMORY_OK;
}
static void block_end(void *env) {
    munmap(((block_t *)env)->base, ((block_t *)env)->room);
    free(env);
}
static wasm_memory_status_t block_new(void *env, const wasm_memorytype_t *type, size_t minimum, size_t maximum,
                                      size_t reserved, size_t guard, wasm_linear_memory_t *out) {
    block_t *block;
    void *base;
    (void)env, (void)type, (void)maximum, (void)reserved, (void)guard;
    if (minimum > MIB) return WASM_MEMORY_OUT_OF_MEMORY;
    base = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return WASM_MEMORY_OUT_OF_MEMORY;
    block = (block_t *)malloc(sizeof *block);
    if (block == NULL) {
        munmap(base, 2 * MIB);
        return WASM_MEMORY_OUT_OF_MEMORY;
    }
    block->base = (uint8_t *)base;
    block->length = minimum;
    block->room = 2 * MIB;
    out->struct_size = sizeof *out;
    out->env = block;
    out->byte_size = block_size;
    out->grow_to = block_grow;
    out->as_ptr = block_base;
    out->finalizer = block_end;
    return WASM_MEMORY_OK;
}

/* ---- making ---- */

static void make_engine(size_t at) {
    wasm_config_t *const config = wasm_config_new();
    const uint64_t kind = random_below(8);
    const uint64_t huge[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 47, UINT64_C(1) << 46, 3, 0};
    bool is_absurd = false;
    last_operation = "an engine";
    wasm_config_memory_bounds_set(config, (wasm_memory_bounds_t)random_below(3));
    engine_exports[at] = engine_is_hosts[at] = false;
    if (kind == 1 || kind == 2) {
        wasm_memory_pool_options_t options;
        memset(&options, 0, sizeof options);
        options.struct_size = sizeof options;
        options.slots = 1 + random_below(20);
        options.slot_bytes = one_in(2) ? 0 : MIB;
        options.decommit_batch = random_below(4);
        options.overflow = one_in(2);
        if (one_in(6)) options.slots = huge[random_below(6)], is_absurd = true;
        if (one_in(6)) options.slot_bytes = huge[random_below(6)], is_absurd = true;
        wasm_config_memory_pool_set(config, &options);
    }
    if (kind == 3) {
        wasm_config_memory_may_move_set(config, true);
        wasm_config_memory_reservation_set(config, PAGE);
        wasm_config_memory_reservation_for_growth_set(config, PAGE);
    }
    if (kind == 4) {
        engine_exports[at] = true;
        wasm_config_memory_exportable_set(config, true);
    }
    if (kind == 5) {
        wasm_memory_allocator_t allocator;
        memset(&allocator, 0, sizeof allocator);
        allocator.struct_size = sizeof allocator;
        allocator.new_memory = block_new;
        allocator.env = &limiters_finalized;
        allocator.finalizer = count_one;
        limiters_given++;
        wasm_config_memory_bounds_set(config, WASM_MEMORY_BOUNDS_AUTO);
        wasm_config_memory_allocator_set(config, &allocator);
        engine_is_hosts[at] = true;
    }
    if (kind == 6) {
        is_absurd = true;
        if (one_in(2)) wasm_config_memory_reservation_set(config, huge[random_below(6)]);
        if (one_in(2)) wasm_config_memory_guard_size_set(config, huge[random_below(6)]);
        if (one_in(2)) wasm_config_memory_reservation_for_growth_set(config, huge[random_below(6)]);
    }
    if (kind == 7) wasm_config_memory_huge_pages_set(config, true);
    engines[at] = wasm_engine_new_with_config(config);
    if (!is_absurd) there_is(engines[at], "no engine");
}

static void keep_ticket(void *env, uint64_t now, uint64_t wanted, uint64_t most, wasm_memory_ticket_t *ticket) {
    int place;
    (void)env, (void)now, (void)wanted, (void)most;
    FREE_PLACE(tickets, , place);
    if (place < 0 || one_in(4))
        wasm_memory_ticket_resolve(ticket, one_in(2));
    else
        tickets[place] = ticket;
}

static void make_store(size_t at) {
    int engine;
    PICK(engines, , engine);
    if (engine < 0) return;
    stores[at].store = wasm_store_new(engines[engine]);
    if (!there_is(stores[at].store, "no store")) return;
    stores[at].exports = engine_exports[engine];
    stores[at].is_hosts = engine_is_hosts[engine];
    stores[at].asks = one_in(4);
    if (one_in(2)) {
        wasm_store_data_set(stores[at].store, &datas_finalized, count_one);
        datas_given++;
    }
    if (stores[at].asks) {
        wasm_memory_limiter_async_t limiter;
        memset(&limiter, 0, sizeof limiter);
        limiter.struct_size = sizeof limiter;
        limiter.env = &limiters_finalized;
        limiter.memory_growing = keep_ticket;
        limiter.finalizer = count_one;
        limiters_given++;
        if (!FINE(wasm_store_limiter_async_set(stores[at].store, &limiter), NO_MEMORY, NO_MEMORY, NO_MEMORY, NO_MEMORY))
            stores[at].asks = false;
    }
}

static wasm_memorytype_t *random_type(bool is_shared, uint64_t *page, bool *is_huge) {
    const uint8_t log2 = one_in(5) ? 0 : 16;
    wasm_memorytype_t *type = NULL;
    const bool is_64 = one_in(3);
    uint64_t minimum = log2 == 0 ? random_below(3 * PAGE) : random_below(4);
    uint64_t maximum = minimum + (log2 == 0 ? random_below(PAGE) : random_below(20));
    bool has_maximum = is_shared || one_in(2);
    *is_huge = one_in(12);
    *page = UINT64_C(1) << log2;
    if (*is_huge) {
        const uint64_t most_64 = log2 == 0 ? UINT64_MAX : UINT64_C(1) << 48;
        const uint64_t most_32 = log2 == 0 ? UINT32_MAX : UINT64_C(1) << 16;
        maximum = is_64 ? most_64 : most_32;
        if (is_64 && one_in(2)) minimum = maximum - random_below(3);
        has_maximum = is_shared || one_in(2);
    }
    last_operation = "a type";
    fine(wasm_memorytype_try_new(minimum, has_maximum, maximum, is_64, is_shared, log2, &type), NO_MEMORY, NO_MEMORY,
         NO_MEMORY, NO_MEMORY);
    return type;
}

static model_t *new_model(const wasm_memory_t *memory) {
    model_t *model = models;
    while (model->references > 0) model++; /* there are more than places for handles and tokens */
    memset(model, 0, sizeof *model);
    model->references = 1;
    model->page = wasm_memory_page_size(memory);
    model->length = wasm_memory_data_size(memory);
    model->protection = WASM_MEMORY_PROT_READ_WRITE;
    made++;
    return model;
}

static void give_info(size_t at) {
    model_t *const model = memories[at].model;
    if (model->has_info || model->is_imported || model->is_shared) return;
    model->has_info = true;
    infos_given++;
    wasm_memory_set_host_info_with_finalizer(memories[at].handle, model, info_ends);
}

static void adopt(size_t at, wasm_memory_t *memory, size_t store, bool is_shared) {
    memories[at].handle = memory;
    memories[at].model = new_model(memory);
    memories[at].model->is_shared = is_shared;
    memories[at].model->is_exportable = is_shared && stores[store].exports;
    memories[at].model->is_host_made = stores[store].is_hosts;
}

static void make_memory(size_t at) {
    int store, image;
    bool is_huge;
    const bool is_shared = one_in(4);
    uint64_t page;
    wasm_memorytype_t *type;
    wasm_memory_t *memory = NULL;
    PICK(stores, .store, store);
    PICK(images, .image, image);
    if (store < 0) return;
    type = random_type(is_shared, &page, &is_huge);
    if (type == NULL) return;
    if (stores[store].asks) {
        last_operation = "wasm_memory_try_new";
        last_status = wasm_memory_try_new(stores[store].store, type, &memory);
        refused++;
        if (last_status != WASM_MEMORY_ASYNC_REQUIRED && !(last_status == WASM_MEMORY_UNSUPPORTED && is_shared))
            fail("nobody is asked");
    } else if (image >= 0 && one_in(3)) {
        if (FINE(wasm_memory_new_from_image(stores[store].store, type, images[image].image, &memory), NO_MEMORY,
                 is_shared && (stores[store].is_hosts || stores[store].exports) ? WASM_MEMORY_UNSUPPORTED : NO_MEMORY,
                 is_shared && stores[store].exports ? WASM_MEMORY_IO
                 : images[image].page == 0          ? WASM_MEMORY_OUT_OF_BOUNDS
                 : images[image].page == page       ? WASM_MEMORY_MAXIMUM_EXCEEDED
                                                    : WASM_MEMORY_INVALID_TYPE,
                 images[image].page == 0      ? WASM_MEMORY_OUT_OF_BOUNDS
                 : images[image].page == page ? WASM_MEMORY_MAXIMUM_EXCEEDED
                                              : WASM_MEMORY_INVALID_TYPE)) {
            adopt(at, memory, (size_t)store, is_shared);
            memcpy(memories[at].model->bytes, images[image].bytes, SHADOW);
            memcpy(memories[at].model->at_clear, images[image].bytes, SHADOW);
        }
    } else if (FINE(wasm_memory_try_new(stores[store].store, type, &memory), NO_MEMORY,
                    is_shared && (stores[store].is_hosts || stores[store].exports) ? WASM_MEMORY_UNSUPPORTED
                                                                                   : NO_MEMORY,
                    is_shared && stores[store].exports ? WASM_MEMORY_IO : NO_MEMORY, NO_MEMORY)) {
        adopt(at, memory, (size_t)store, is_shared);
    }
    if ((memories[at].handle == NULL) != (memory == NULL)) fail("a handle and a failure");
    wasm_memorytype_delete(type);
    if (memory != NULL && one_in(2)) give_info(at);
}

static void grow(size_t at) {
    model_t *const model = memories[at].model;
    const uint64_t huge[] = {UINT64_MAX, UINT64_C(1) << 48, UINT64_C(1) << 32, UINT64_MAX >> 1};
    const uint64_t delta = one_in(5) ? huge[random_below(4)] : model->page == 1 ? random_below(5000) : random_below(3);
    uint64_t before = 77;
    wasm_memory_status_t status;
    if (model->is_exportable && is_child) return;
    last_operation = "wasm_memory_try_grow";
    status = wasm_memory_try_grow(memories[at].handle, delta, &before);
    if (!fine(status, NO_MEMORY, WASM_MEMORY_MAXIMUM_EXCEEDED, WASM_MEMORY_ASYNC_REQUIRED,
              WASM_MEMORY_MAXIMUM_EXCEEDED)) {
        if (before != 0) fail("a size after a failure");
        return;
    }
    if (before * model->page != model->length) fail("the size before is another");
    model->length += delta * model->page;
}

/* ---- one step ---- */

static void reset(size_t at) {
    model_t *const model = memories[at].model;
    int image;
    bool takes_image;
    wasm_memory_status_t status;
    PICK(images, .image, image);
    takes_image = image >= 0 && one_in(2);
    last_operation = "wasm_memory_reset";
    status = wasm_memory_reset(memories[at].handle, takes_image ? images[image].image : NULL);
    if (model->is_shared) {
        last_status = status;
        if (status != WASM_MEMORY_SHARED) fail("a shared memory is reset");
        return;
    }
    if (fine(status, NO_MEMORY, takes_image && images[image].page == 0 ? WASM_MEMORY_OUT_OF_BOUNDS : NO_MEMORY,
             takes_image && images[image].page != 0
                 ? (images[image].page == model->page ? WASM_MEMORY_MAXIMUM_EXCEEDED : WASM_MEMORY_INVALID_TYPE)
                 : NO_MEMORY,
             WASM_MEMORY_ASYNC_REQUIRED)) {
        if (takes_image)
            memcpy(model->bytes, images[image].bytes, SHADOW);
        else
            memset(model->bytes, 0, SHADOW);
        model->protection = WASM_MEMORY_PROT_READ_WRITE;
        model->is_vague = false;
        model->length = wasm_memory_data_size(memories[at].handle); /* verified against its parts by verify() */
    } else if (status == NO_MEMORY) {
        model->is_vague = true;
    }
}

static void map_or_protect(size_t at) {
    model_t *const model = memories[at].model;
    wasm_memory_t *const memory = memories[at].handle;
    wasm_memory_status_t status;
    const wasm_memory_protection_t protection = (wasm_memory_protection_t)random_below(3);
    const uint64_t what = random_below(3);
    size_t i;
    last_operation = what == 0 ? "wasm_memory_protect" : what == 1 ? "wasm_memory_map_file" : "wasm_memory_unmap";
    if (what == 0)
        status = wasm_memory_protect(memory, 0, PAGE, protection);
    else if (what == 1)
        status = wasm_memory_map_file(memory, 0, file_descriptor, 0, PAGE, WASM_MEMORY_MAP_COPY_ON_WRITE);
    else
        status = wasm_memory_unmap(memory, 0, PAGE);
    last_status = status;
    if (model->is_shared) {
        if (status != WASM_MEMORY_SHARED) fail("a shared memory is mapped or protected");
        return;
    }
    if (!fine(status, NO_MEMORY, WASM_MEMORY_UNSUPPORTED, model->length < PAGE ? WASM_MEMORY_OUT_OF_BOUNDS : NO_MEMORY,
              what == 1 ? WASM_MEMORY_IO : NO_MEMORY)) {
        if (status == NO_MEMORY && what == 0) model->is_vague = true;
        return;
    }
    if (what == 0) {
        model->protection = protection;
        return;
    }
    for (i = 0; i < SHADOW; i++) model->bytes[i] = what == 1 ? pattern(i) : 0;
    model->protection = WASM_MEMORY_PROT_READ_WRITE;
    if (model->is_vague && what == 2) model->is_vague = false;
}

static void use_segment(size_t at) {
    model_t *const model = memories[at].model;
    int segment;
    size_t i;
    wasm_memory_status_t status;
    PICK(segments, .segment, segment);
    if (segment < 0 || model->is_vague || model->length < 256 || model->protection != WASM_MEMORY_PROT_READ_WRITE)
        return;
    last_operation = "wasm_memory_init";
    status = wasm_memory_init(memories[at].handle, 16, segments[segment].segment, 3, 100);
    last_status = status;
    if (segments[segment].is_dropped) {
        if (status != WASM_MEMORY_OUT_OF_BOUNDS) fail("a dropped segment has bytes");
        return;
    }
    if (status != WASM_MEMORY_OK) fail("no bytes of a segment");
    for (i = 0; i < 100; i++) model->bytes[16 + i] = pattern(3 + i);
}

static void step_on_memory(void) {
    int at, other;
    model_t *model;
    PICK(memories, .handle, at);
    if (at < 0) return;
    model = memories[at].model;
    if (is_child && model->is_exportable) return; /* the parent sees what is done to it */
    switch (random_below(12)) {
    case 0: grow((size_t)at); break;
    case 1: reset((size_t)at); break;
    case 2: map_or_protect((size_t)at); break;
    case 3: use_segment((size_t)at); break;
    case 4: ask_for_changes((size_t)at); break;
    case 5:
        if (FINE(wasm_memory_dirty_clear(memories[at].handle), NO_MEMORY,
                 model->protection == WASM_MEMORY_PROT_NONE || model->is_vague ? WASM_MEMORY_PROTECTED : NO_MEMORY,
                 NO_MEMORY, NO_MEMORY))
            memcpy(model->at_clear, model->bytes, SHADOW);
        break;
    case 6:
        FREE_PLACE(memories, .handle, other);
        if (other < 0) break;
        memories[other].handle = wasm_memory_copy(memories[at].handle);
        if (!there_is(memories[other].handle, "no copy")) break;
        memories[other].model = model;
        model->references++;
        break;
    case 7:
        FREE_PLACE(images, .image, other);
        if (other < 0) break;
        if (model->is_vague) break;
        if (FINE(wasm_memory_image_from_memory(memories[at].handle, &images[other].image), NO_MEMORY,
                 model->protection == WASM_MEMORY_PROT_NONE ? WASM_MEMORY_PROTECTED : NO_MEMORY, NO_MEMORY,
                 NO_MEMORY)) {
            images[other].length = model->length;
            images[other].page = model->page;
            memcpy(images[other].bytes, model->bytes, SHADOW);
        }
        break;
    case 8:
        last_operation = "wasm_memory_erase";
        last_status = wasm_memory_erase(memories[at].handle);
        if (last_status == WASM_MEMORY_OK)
            memset(model->bytes, 0, SHADOW);
        else if (last_status != WASM_MEMORY_PROTECTED ||
                 (!model->is_vague && model->protection == WASM_MEMORY_PROT_READ_WRITE))
            fail("it cannot be erased");
        break;
    default: write_some((size_t)at); break;
    }
    if (memories[at].handle != NULL) verify((size_t)at);
}

static void step_on_tokens(void) {
    int token, memory, store, engine;
    PICK(tokens, .token, token);
    PICK(memories, .handle, memory);
    PICK(stores, .store, store);
    PICK(engines, , engine);
    switch (random_below(4)) {
    case 0: {
        int place;
        wasm_shared_memory_t *made_token;
        FREE_PLACE(tokens, .token, place);
        if (memory < 0 || place < 0) break;
        made_token = wasm_memory_share(memories[memory].handle);
        if ((made_token != NULL) != memories[memory].model->is_shared)
            fail("a token of what is not shared, or the reverse");
        if (made_token == NULL) break;
        tokens[place].token = made_token;
        tokens[place].model = memories[memory].model;
        memories[memory].model->references++;
        break;
    }
    case 1: {
        int place;
        FREE_PLACE(memories, .handle, place);
        if (token < 0 || store < 0 || place < 0) break;
        memories[place].handle = wasm_memory_obtain(stores[store].store, tokens[token].token);
        if (memories[place].handle == NULL) {
            if (!stores[store].asks) there_is(NULL, "no handle of a token");
            break;
        }
        memories[place].model = tokens[token].model;
        tokens[token].model->references++;
        break;
    }
    case 2: {
        intptr_t descriptor = -1;
        int place;
        FREE_PLACE(tokens, .token, place);
        if (token < 0 || place < 0 || engine < 0) break;
        if (FINE(wasm_shared_memory_export(tokens[token].token, &descriptor), WASM_MEMORY_IO, WASM_MEMORY_UNSUPPORTED,
                 WASM_MEMORY_IO, WASM_MEMORY_IO)) {
            wasm_memorytype_t *const type = wasm_shared_memory_type(tokens[token].token);
            wasm_shared_memory_t *imported = NULL;
            if (!there_is(type, "no type")) break;
            if (!tokens[token].model->is_exportable) fail("it is exported");
            tokens[token].model->is_imported = true; /* its changes are not all told */
            if (FINE(wasm_shared_memory_import(engines[engine], type, descriptor, &imported), NO_MEMORY,
                     WASM_MEMORY_UNSUPPORTED, WASM_MEMORY_IO, NO_MEMORY)) {
                tokens[place].token = imported;
                tokens[place].model = tokens[token].model;
                tokens[token].model->references++;
            }
            wasm_memorytype_delete(type);
            close((int)descriptor);
        } else if (descriptor != 0) {
            fail("a descriptor after a failure");
        }
        break;
    }
    default:
        if (token < 0) break;
        wasm_shared_memory_delete(tokens[token].token);
        tokens[token].token = NULL;
        release(tokens[token].model);
        break;
    }
}

static void step_on_futures(void) {
    int store, future, ticket;
    PICK(stores, .store, store);
    PICK(futures, .future, future);
    PICK(tickets, , ticket);
    switch (random_below(4)) {
    case 0: {
        int place;
        bool is_huge;
        uint64_t page;
        FREE_PLACE(futures, .future, place);
        if (place < 0 || store < 0) break;
        {
            wasm_memorytype_t *const type = random_type(false, &page, &is_huge);
            if (type == NULL) break;
            futures[place].future = wasm_memory_new_async(stores[store].store, type);
            wasm_memorytype_delete(type);
        }
        there_is(futures[place].future, "no future");
        break;
    }
    case 1:
        if (ticket < 0) break;
        wasm_memory_ticket_resolve(tickets[ticket], !one_in(3));
        tickets[ticket] = NULL;
        break;
    case 2: {
        int place;
        if (future < 0) break;
        last_operation = "wasm_memory_future_poll";
        last_status = wasm_memory_future_poll(futures[future].future);
        if (last_status == WASM_MEMORY_PENDING) break;
        fine(last_status, NO_MEMORY, WASM_MEMORY_LIMIT_DENIED, WASM_MEMORY_UNSUPPORTED, NO_MEMORY);
        FREE_PLACE(memories, .handle, place);
        if (place < 0 || last_status != WASM_MEMORY_OK || one_in(3)) break;
        memories[place].handle = wasm_memory_future_take_memory(futures[future].future);
        if (memories[place].handle == NULL) break; /* it was taken */
        memories[place].model = new_model(memories[place].handle);
        break;
    }
    default:
        if (future < 0) break;
        wasm_memory_future_delete(futures[future].future);
        futures[future].future = NULL;
        break;
    }
}

static const uint8_t *segment_bytes(void) {
    static uint8_t bytes[200];
    size_t i;
    for (i = 0; i < sizeof bytes; i++) bytes[i] = pattern(i);
    return bytes;
}

static void delete_memory(size_t at) {
    wasm_memory_delete(memories[at].handle);
    memories[at].handle = NULL;
    release(memories[at].model);
}

static void step_on_the_rest(void) {
    uint64_t i;
    int at;
    switch (random_below(9)) {
    case 0:
        FREE_PLACE(engines, , at);
        if (at >= 0) make_engine((size_t)at);
        break;
    case 1:
        PICK(engines, , at);
        if (at < 0 || !one_in(4)) break;
        wasm_engine_delete(engines[at]);
        engines[at] = NULL;
        break;
    case 2:
        FREE_PLACE(stores, .store, at);
        if (at >= 0) make_store((size_t)at);
        break;
    case 3:
        PICK(stores, .store, at);
        if (at < 0 || !one_in(3)) break;
        wasm_store_delete(stores[at].store);
        stores[at].store = NULL;
        break;
    case 4: {
        FREE_PLACE(images, .image, at);
        if (at >= 0) {
            const wasm_memory_segment_t segment = {40, segment_bytes(), 200};
            last_operation = "wasm_memory_image_new";
            memset(images[at].bytes, 0, SHADOW);
            images[at].page = 0;
            FINE(wasm_memory_image_new(&segment, 1, &images[at].image), NO_MEMORY, NO_MEMORY, NO_MEMORY, NO_MEMORY);
            memcpy(images[at].bytes + 40, segment_bytes(), 200);
        } else {
            PICK(images, .image, at);
            wasm_memory_image_delete(images[at].image);
            images[at].image = NULL;
        }
        break;
    }
    case 5:
        FREE_PLACE(segments, .segment, at);
        if (at >= 0) {
            segments[at].segment = wasm_data_segment_new(segment_bytes(), 200);
            there_is(segments[at].segment, "no segment");
            segments[at].is_dropped = false;
            break;
        }
        PICK(segments, .segment, at);
        if (one_in(2) && !segments[at].is_dropped) {
            wasm_data_segment_drop(segments[at].segment);
            segments[at].is_dropped = true;
        } else {
            wasm_data_segment_delete(segments[at].segment);
            segments[at].segment = NULL;
        }
        break;
    case 6:
        PICK(engines, , at);
        if (at >= 0) wasm_engine_pool_trim(engines[at]);
        break;
    default: break;
    }
    for (i = random_below(3); i > 0; i--) {
        PICK(memories, .handle, at);
        if (at >= 0) delete_memory((size_t)at);
    }
}

static void step(void) {
    int at;
    steps++;
    switch (random_below(10)) {
    case 0:
    case 1:
        FREE_PLACE(memories, .handle, at);
        if (at >= 0) make_memory((size_t)at);
        break;
    case 2: step_on_tokens(); break;
    case 3: step_on_futures(); break;
    case 4: step_on_the_rest(); break;
    default: step_on_memory(); break;
    }
}

/* In an order at random, with uses of what is left in between. */
static void delete_everything(void) {
    unsigned rest = 1;
    while (rest > 0) {
        const uint64_t what = random_below(8);
        const uint64_t at = random_below(MEMORIES);
        size_t i;
        last_operation = "deleting everything";
        if (what == 0 && at < ENGINES && engines[at] != NULL) wasm_engine_delete(engines[at]), engines[at] = NULL;
        if (what == 1 && at < STORES && stores[at].store != NULL)
            wasm_store_delete(stores[at].store), stores[at].store = NULL;
        if (what == 2 && memories[at].handle != NULL) delete_memory((size_t)at);
        if (what == 3 && at < TOKENS && tokens[at].token != NULL) {
            wasm_shared_memory_delete(tokens[at].token);
            tokens[at].token = NULL;
            release(tokens[at].model);
        }
        if (what == 4 && at < FUTURES && futures[at].future != NULL) {
            wasm_memory_future_delete(futures[at].future);
            futures[at].future = NULL;
        }
        if (what == 5 && at < TICKETS && tickets[at] != NULL)
            wasm_memory_ticket_resolve(tickets[at], one_in(2)), tickets[at] = NULL;
        if (what == 6 && at < IMAGES && images[at].image != NULL)
            wasm_memory_image_delete(images[at].image), images[at].image = NULL;
        if (what == 7 && at < SEGMENTS && segments[at].segment != NULL)
            wasm_data_segment_delete(segments[at].segment), segments[at].segment = NULL;
        rest = 0;
        for (i = 0; i < MEMORIES; i++) rest += memories[i].handle != NULL;
        for (i = 0; i < ENGINES; i++) rest += engines[i] != NULL;
        for (i = 0; i < STORES; i++) rest += stores[i].store != NULL;
        for (i = 0; i < TOKENS; i++) rest += tokens[i].token != NULL;
        for (i = 0; i < FUTURES; i++) rest += futures[i].future != NULL;
        for (i = 0; i < TICKETS; i++) rest += tickets[i] != NULL;
        for (i = 0; i < IMAGES; i++) rest += images[i].image != NULL;
        for (i = 0; i < SEGMENTS; i++) rest += segments[i].segment != NULL;
        if (rest > 0 && one_in(8)) step_on_memory();
    }
    if (infos_given != infos_finalized) fail("finalizers of infos did not run, or too often");
    if (datas_given != datas_finalized) fail("finalizers of store data did not run, or too often");
    if (limiters_given != limiters_finalized) fail("finalizers of limiters did not run, or too often");
}

/* The child goes on with everything, its own way, and ends; nothing of that is seen here. */
static void fork_once(void) {
    int status = 0, i;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        is_child = true;
        alarm(100);
        state += 2 * (uint64_t)steps + 1;
        for (i = 0; i < 100; i++) step();
        if (one_in(2)) delete_everything();
        fflush(stdout);
        _exit(check_state.failures != 0);
    }
    if (child < 0) return; /* it may be refused as well */
    forks++;
    last_operation = "a fork";
    if (waitpid(child, &status, 0) != child || status != 0) {
        printf("  the child ended with status %d\n", status);
        fail("a child that fails");
    }
    for (i = 0; i < MEMORIES; i++)
        if (memories[i].handle != NULL) verify((size_t)i);
}

static void one_life(uint64_t count) {
    uint64_t i;
    for (i = 0; i < ENGINES; i++) make_engine(i);
    for (i = 0; i < STORES; i++) make_store(i);
    for (i = 0; i < count && check_state.failures == 0; i++) {
        step();
        if (one_in(400)) fork_once();
    }
    if (check_state.failures == 0) delete_everything();
}

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    struct timespec start, now;
    uint64_t size, mappings, lives = 0;
    char path[] = "/tmp/anything-XXXXXX";
    uint8_t page[PAGE];
    size_t i;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) * UINT64_C(2654435761) + (uint64_t)getpid();
    state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (i = 0; i < 10; i++) random_below(2);
    for (i = 0; i < PAGE; i++) page[i] = pattern(i);
    file_descriptor = mkstemp(path); /* -1 where there are no descriptors: then mapping is IO */
    if (file_descriptor >= 0) {
        unlink(path);
        if (write(file_descriptor, page, PAGE) != (ssize_t)PAGE) file_descriptor = -1;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    one_life(500);
    size = process_kib("VmSize:");
    mappings = process_mappings();
    do {
        one_life(1000 + random_below(2000));
        lives++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - start.tv_sec) < seconds && check_state.failures == 0);
    if (check_state.failures == 0) {
        last_operation = "the end";
        if (process_mappings() > mappings + 20) fail("mappings stay");
        if (process_kib("VmSize:") > size + 256 * KIB) fail("address space stays");
    }
    printf("%" PRIu64 " steps in %" PRIu64 " lives, %" PRIu64 " memories, %" PRIu64 " forks, %" PRIu64
           " refusals, %d failed; seed %" PRIu64 "\n",
           steps, lives, made, forks, refused, check_state.failures, seed);
    return check_state.failures != 0;
}
