/*
 * SQLite as a guest: a fixed piece of work on a database in memory. The argument says how much: so many customers, and
 * ten times as many orders. Every answer of every query goes into one checksum, which is printed at the end; it is
 * the same on every machine and host.
 *
 * The numbers are made so that floating point has nothing to round: amounts are quarters.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

/* --- the system below SQLite: none ------------------------------------------------------------------------------- */

/* There are no files: the database and all that is temporary lies in memory (SQLITE_TEMP_STORE=3). */
static int open_nothing(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs;
    (void)name;
    (void)flags;
    (void)out_flags;
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
}

static int delete_nothing(sqlite3_vfs *vfs, const char *name, int synchronously) {
    (void)vfs;
    (void)name;
    (void)synchronously;
    return SQLITE_IOERR_DELETE_NOENT;
}

static int access_nothing(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)vfs;
    (void)name;
    (void)flags;
    *out = 0;
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int room, char *out) {
    (void)vfs;
    sqlite3_snprintf(room, out, "%s", name);
    return SQLITE_OK;
}

/* The same at every run: what SQLite does with it must not differ. */
static int fixed_randomness(sqlite3_vfs *vfs, int length, char *out) {
    (void)vfs;
    for (int i = 0; i < length; i++) {
        out[i] = (char)(i * 37 + 11);
    }
    return length;
}

static int sleep_not(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int fixed_time(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

static int no_last_error(sqlite3_vfs *vfs, int length, char *out) {
    (void)vfs;
    if (length > 0) {
        out[0] = '\0';
    }
    return SQLITE_OK;
}

static sqlite3_vfs no_system = {
    .iVersion = 1,
    .szOsFile = (int)sizeof(sqlite3_file),
    .mxPathname = 256,
    .zName = "none",
    .xOpen = open_nothing,
    .xDelete = delete_nothing,
    .xAccess = access_nothing,
    .xFullPathname = full_name,
    .xRandomness = fixed_randomness,
    .xSleep = sleep_not,
    .xCurrentTime = fixed_time,
    .xGetLastError = no_last_error,
};

/* SQLITE_OS_OTHER: SQLite asks for these two. */
int sqlite3_os_init(void) { return sqlite3_vfs_register(&no_system, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

/* --- what is asked of it ----------------------------------------------------------------------------------------- */

static sqlite3 *database;
static uint64_t checksum = UINT64_C(0xcbf29ce484222325);
static uint64_t rows_seen;

static void fail(const char *what) {
    fprintf(stderr, "sqlite: %s: %s\n", what, database != NULL ? sqlite3_errmsg(database) : "no database");
    exit(1);
}

static void need(int result, int expected, const char *what) {
    if (result != expected) {
        fail(what);
    }
}

/* FNV-1a. */
static void count_in(const void *bytes, size_t length) {
    const unsigned char *each = bytes;
    for (size_t i = 0; i < length; i++) {
        checksum = (checksum ^ each[i]) * UINT64_C(0x100000001b3);
    }
}

static uint64_t state = 1;

/* Two uses in one expression would make the work depend on the compiler: C does not say which comes first. */
static uint32_t next(uint32_t below) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % below);
}

static void run(const char *sql) { need(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK, sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement = NULL;
    need(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK, sql);
    return statement;
}

/* Takes every row of a prepared statement into the checksum, and makes the statement ready for the next time. */
static void take_rows(sqlite3_stmt *statement) {
    int result = SQLITE_ROW;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        rows_seen++;
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);
            count_in(text, (size_t)sqlite3_column_bytes(statement, i));
            count_in("|", 1);
        }
    }
    need(result, SQLITE_DONE, sqlite3_sql(statement));
    need(sqlite3_reset(statement), SQLITE_OK, "reset");
}

static void ask(const char *sql) {
    sqlite3_stmt *statement = prepare(sql);
    take_rows(statement);
    sqlite3_finalize(statement);
}

static const char *const words[] = {
    "memory", "page",  "grow",   "table", "index", "stack", "frame",  "value", "local",  "global", "import", "export",
    "module", "trap",  "branch", "block", "loop",  "call",  "return", "drop",  "select", "load",   "store",  "fill",
    "copy",   "init",  "data",   "elem",  "start", "type",  "func",   "code",  "shared", "atomic", "wait",   "notify",
};
static const char *word(void) { return words[next(sizeof words / sizeof words[0])]; }

/* A sentence of some words, cut at `room`. */
static int write_text(char *out, int room, uint32_t count) {
    int length = 0;
    for (uint32_t i = 0; i < count && length < room - 16; i++) {
        const char *name = word();
        unsigned number = next(100);
        length += snprintf(out + length, (size_t)(room - length), "%s%s%u", i == 0 ? "" : " ", name, number);
    }
    return length;
}

static void fill_customers(uint32_t customers) {
    sqlite3_stmt *insert = prepare("INSERT INTO customer(name, city, note) VALUES (?, ?, ?)");
    char text[512];
    run("BEGIN");
    for (uint32_t i = 0; i < customers; i++) {
        const char *first = word();
        const char *second = word();
        int length = snprintf(text, sizeof text, "%s-%s-%u", first, second, (unsigned)i);
        sqlite3_bind_text(insert, 1, text, length, SQLITE_TRANSIENT);
        sqlite3_bind_text(insert, 2, word(), -1, SQLITE_STATIC);
        length = write_text(text, sizeof text, 4 + next(20));
        sqlite3_bind_text(insert, 3, text, length, SQLITE_TRANSIENT);
        need(sqlite3_step(insert), SQLITE_DONE, "insert a customer");
        sqlite3_reset(insert);
    }
    run("COMMIT");
    sqlite3_finalize(insert);
}

static void fill_orders(uint32_t customers) {
    sqlite3_stmt *insert = prepare("INSERT INTO purchase(customer, day, amount, what) VALUES (?, ?, ?, ?)");
    char text[128];
    run("BEGIN");
    for (uint32_t i = 0; i < customers * 10; i++) {
        sqlite3_bind_int64(insert, 1, 1 + next(customers));
        sqlite3_bind_int(insert, 2, (int)next(365));
        sqlite3_bind_double(insert, 3, (double)next(4000) * 0.25);
        int length = write_text(text, sizeof text, 1 + next(5));
        sqlite3_bind_text(insert, 4, text, length, SQLITE_TRANSIENT);
        need(sqlite3_step(insert), SQLITE_DONE, "insert an order");
        sqlite3_reset(insert);
    }
    run("COMMIT");
    sqlite3_finalize(insert);
}

static void look_up(uint32_t customers) {
    sqlite3_stmt *by_name = prepare("SELECT id, city, length(note) FROM customer WHERE name LIKE ? "
                                    "ORDER BY id LIMIT 5");
    sqlite3_stmt *of_customer = prepare("SELECT count(*), sum(amount), min(day), max(what) FROM purchase "
                                        "WHERE customer = ?");
    char text[64];
    for (uint32_t i = 0; i < customers; i++) {
        sqlite3_bind_int64(of_customer, 1, 1 + next(customers));
        take_rows(of_customer);
        if (i % 500 == 0) {
            const char *name = word();
            unsigned number = next(100);
            int length = snprintf(text, sizeof text, "%%%s-%u%%", name, number);
            sqlite3_bind_text(by_name, 1, text, length, SQLITE_TRANSIENT);
            take_rows(by_name);
        }
    }
    sqlite3_finalize(by_name);
    sqlite3_finalize(of_customer);
}

int main(int argument_count, char **arguments) {
    long size = argument_count == 2 ? strtol(arguments[1], NULL, 10) : 0;
    if (size < 1 || size > 1000000) {
        fprintf(stderr, "usage: sqlite CUSTOMERS (1 to 1000000)\n");
        return 2;
    }
    uint32_t customers = (uint32_t)size;
    need(sqlite3_open(":memory:", &database), SQLITE_OK, "open");

    run("CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, note TEXT);"
        "CREATE TABLE purchase(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, day INTEGER NOT NULL,"
        "                      amount REAL NOT NULL, what TEXT);");
    fill_customers(customers);
    fill_orders(customers);
    run("CREATE UNIQUE INDEX customer_by_name ON customer(name);"
        "CREATE INDEX purchase_by_customer ON purchase(customer, day);"
        "CREATE INDEX purchase_by_what ON purchase(what);");
    look_up(customers);

    ask("SELECT c.city, count(*), sum(p.amount), min(p.what) FROM customer c JOIN purchase p ON p.customer = c.id "
        "GROUP BY c.city ORDER BY c.city");
    ask("SELECT day, total, sum(total) OVER (ORDER BY day) FROM "
        "(SELECT day, sum(amount) AS total FROM purchase GROUP BY day) ORDER BY day");
    ask("SELECT what, count(*) AS n FROM purchase GROUP BY what ORDER BY n DESC, what LIMIT 50");
    ask("SELECT count(*), sum(length(note)) FROM customer WHERE note LIKE '%shared1%' OR note GLOB '*grow?2*'");
    ask("SELECT upper(substr(group_concat(name, ','), 1, 200)), count(DISTINCT city) FROM "
        "(SELECT name, city FROM customer ORDER BY name DESC)");
    run("UPDATE purchase SET amount = amount + 0.25, what = what || ' paid' WHERE day % 7 = 3");
    run("DELETE FROM purchase WHERE day % 11 = 5");
    run("DROP INDEX purchase_by_what");
    run("VACUUM");
    ask("SELECT a.city, count(*) FROM customer a JOIN purchase p ON p.customer = a.id AND p.amount > 900 "
        "WHERE a.id IN (SELECT customer FROM purchase WHERE day BETWEEN 100 AND 110) GROUP BY a.city ORDER BY 1");
    ask("PRAGMA integrity_check");
    ask("PRAGMA page_count");

    need(sqlite3_close(database), SQLITE_OK, "close");
    printf("sqlite %s, %" PRIu32 " customers: %" PRIu64 " rows, checksum %016" PRIx64 "\n", SQLITE_VERSION, customers,
           rows_seen, checksum);
    return 0;
}
