# The build with prefixed names, for programs that link another library which exports the names of wasm.h as well.

# What starts with wasm_ in the headers and keeps its name: a field, and constants that only wasm.h's own users want.
set(wasm_memory_unprefixed wasm_accessible wasm_limits_max_default)

# wasm_memory_check_prefix(PREFIX): end the configuration unless PREFIX can start an identifier of C.
function(wasm_memory_check_prefix prefix)
    if(NOT prefix MATCHES "^([A-Za-z_][A-Za-z0-9_]*)?$")
        message(FATAL_ERROR "WASM_MEMORY_SYMBOL_PREFIX is \"${prefix}\", which cannot start a name in C: "
                            "letters, digits and _ are allowed, and no digit at the start")
    endif()
endfunction()

# wasm_memory_prefix_header(PREFIX SOURCE RESULT): write the header SOURCE to RESULT with its functions and types renamed.
#
# Constants (WASM_MEMORY_*) keep their names, the include guard does not. A line with the comment `wasm.h` means the
# standard's names and stays. What only stands aside for wasm.h is declared always. WASM_MEMORY_PLAIN_NAMES gives the
# plain names back, by macros.
function(wasm_memory_prefix_header prefix source result)
    file(READ "${source}" text)
    get_filename_component(file "${source}" NAME)

    # Names of files, of things that stay, and the standard's are put out of reach first. Lists of CMake end at
    # semicolons and know brackets, so the lines to keep are found without one.
    set(keep "\\1@kept@")
    string(REGEX REPLACE "wasm_(memory(_[a-z]+)*\\.(h|hpp|dll|so))" "@kept@\\1" text "${text}")
    foreach(name IN LISTS wasm_memory_unprefixed)
        string(REGEX REPLACE "wasm_" "@kept@" kept "${name}")
        string(REPLACE "${name}" "${kept}" text "${text}")
    endforeach()
    set(before "")
    while(NOT text STREQUAL before)
        set(before "${text}")
        string(REGEX REPLACE "(\n[^\n]*[^A-Za-z0-9_\n])wasm_([^\n]*/\\* wasm\\.h \\*/)" "\\1@kept@\\2" text "${text}")
    endwhile()

    # What is left out beside wasm.h is wanted here in any case; only its constants and byte_t are not.
    string(REGEX MATCH "#if !defined\\(WASM_H\\)\n#if defined\\(__GNUC__\\).*#undef WASM_MEMORY_UNUSED\n#endif\n" constants "${text}")
    string(REPLACE "${constants}" "" text "${text}")
    string(REGEX REPLACE "#if !defined\\(WASM_H\\)\n(/\\*\\*\n[^#]*)?typedef char byte_t;\n#endif\n" "" text "${text}")
    string(REGEX REPLACE "#if !defined\\(WASM_H\\)\n([^#]*)#endif\n" "\\1" text "${text}")
    string(REGEX REPLACE "(^|[^A-Za-z0-9_])byte_t([^A-Za-z0-9_])" "\\1char\\2" text "${text}")
    string(REGEX REPLACE " \\* Beside the standard wasm\\.h:[^/]*\\*/"
           " * The names in here start with ${prefix}, so that they can stand beside the standard wasm.h and other libraries\n * that export its names. WASM_MEMORY_PLAIN_NAMES, defined before this header, gives the plain ones back.\n */"
           text "${text}")

    # The names that this header brings, for the macros.
    string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" code "${text}")
    string(REGEX MATCHALL "(^|[^A-Za-z0-9_@])wasm_[A-Za-z0-9_]+" names "${code}")
    string(REGEX REPLACE "[^A-Za-z0-9_;]" "" names "${names}")
    list(SORT names)
    list(REMOVE_DUPLICATES names)
    set(macros "")
    foreach(name IN LISTS names)
        if(name STREQUAL "wasm_memory")
            # A macro of this name would reach into everything; it is a namespace.
            string(APPEND macros "namespace wasm_memory = ${prefix}wasm_memory;\n")
        elseif(NOT DEFINED wasm_memory_mapped_${name})
            string(APPEND macros "#define ${name} ${prefix}${name}\n")
            # One header says it for those that include it.
            set(wasm_memory_mapped_${name} TRUE PARENT_SCOPE)
        endif()
    endforeach()

    string(REGEX REPLACE "(^|[^A-Za-z0-9_@])wasm_" "\\1${prefix}wasm_" text "${text}")
    string(REPLACE "@kept@" "wasm_" text "${text}")

    string(MAKE_C_IDENTIFIER "${file}" guard)
    string(TOUPPER "${guard}" guard)
    string(TOUPPER "${prefix}${guard}" new_guard)
    string(REGEX REPLACE "(#ifndef|#define|#endif +/\\*) +${guard}([^A-Za-z0-9_])" "\\1 ${new_guard}\\2" text "${text}")
    if(file STREQUAL "wasm_memory.h")
        string(REPLACE "#define ${new_guard}\n" "#define ${new_guard}\n\n/* All functions and types are called ${prefix}wasm_*. */\n#define WASM_MEMORY_PREFIXED 1\n" text "${text}")
        string(REPLACE "@kept@" "wasm_" constants "${constants}")
        string(APPEND macros "${constants}#if !defined(WASM_H)\ntypedef char byte_t;\n#endif\n")
    endif()

    # The guard's #endif is the last of the file.
    string(FIND "${text}" "#endif" end REVERSE)
    string(SUBSTRING "${text}" 0 ${end} body)
    string(SUBSTRING "${text}" ${end} -1 tail)
    file(CONFIGURE OUTPUT "${result}" @ONLY CONTENT
"@body@/* For sources that were written for the plain names. */
#if defined(WASM_MEMORY_PLAIN_NAMES)
@macros@#endif

@tail@")
    if(NOT text MATCHES "${new_guard}" OR text MATCHES "!defined\\(WASM_H\\)\n[^#]")
        message(FATAL_ERROR "${source} has a shape that the renaming does not know: its guard is not ${guard}, "
                            "or something in it stands aside for wasm.h in a new way")
    endif()
endfunction()
