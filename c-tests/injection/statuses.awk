# What the header lists as statuses of each function: awk -f statuses.awk wasm_memory.h > statuses.h
#
# A paragraph "Returns:" names them, or other functions whose statuses they are.

/^#define WASM_MEMORY_[A-Z_]+ [0-9]+$/ { number[substr($2, 13)] = $3 }
/^\/\*\*/ { returns = ""; inside = 0 }
/^ \* Returns:/ { inside = 1 }
/^ \* (Ownership|On failure|Threads|Invalidates|Parameters|Specification):/ { inside = 0 }
inside { returns = returns " " $0 }
/^WASM_MEMORY_API/ { declared = 1 }
declared && match($0, /wasm_[a-z0-9_]+\(/) {
    name = substr($0, RSTART, RLENGTH - 1)
    text[name] = returns
    order[++count] = name
    declared = 0
}

function add(to, token) {
    if (token in number && !((to, token) in has)) {
        has[to, token] = 1
        changed = 1
    }
}

END {
    for (i = 1; i <= count; i++) {
        name = order[i]
        rest = text[name]
        while (match(rest, /`[A-Za-z0-9_]+`/)) {
            token = substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH)
            add(name, token)
            if (token in text) refers[name] = refers[name] " " token
        }
    }
    do {
        changed = 0
        for (name in refers) {
            others = split(refers[name], list, " ")
            for (i = 1; i <= others; i++)
                for (token in number)
                    if ((list[i], token) in has) add(name, token)
        }
    } while (changed)
    print "static const struct {\n    const char *function;\n    uint32_t statuses; /* a bit for each */\n} documented[] = {"
    for (i = 1; i <= count; i++) {
        line = ""
        for (token in number)
            if ((order[i], token) in has) line = line " | UINT32_C(1) << " number[token]
        printf "    {\"%s\", 0%s},\n", order[i], line
    }
    print "};"
}
