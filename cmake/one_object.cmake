# cmake -P: make a static library of one object file out of one of Rust's, with nothing global but the API.
#
# A Rust static library brings the whole standard library with global names, so that two of them in one program clash
# (rust_eh_personality is defined twice). Linked into one relocatable object first, all of that can be made local.
#
#   LINKER OBJCOPY NM AR   the tools
#   SOURCE RESULT          the two libraries
#   HEADER                 the header that declares the functions of the API
#   PREFIX                 what the functions of the API are to start with besides
foreach(variable LINKER OBJCOPY NM AR SOURCE RESULT HEADER)
    if(NOT ${variable})
        message(FATAL_ERROR "one_object.cmake: ${variable} is not set")
    endif()
endforeach()

function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(failed)
        list(JOIN ARGN " " command)
        message(FATAL_ERROR "${command}\n${said}")
    endif()
    set(said "${said}" PARENT_SCOPE)
endfunction()

# An nm of an older LLVM than Rust's lists all symbols of machine code, and then fails over the bitcode of the standard
# library. Tests compare what the libraries export with the list of what they should.
execute_process(COMMAND "${NM}" --defined-only --extern-only "${SOURCE}" OUTPUT_VARIABLE said ERROR_VARIABLE complaints)
string(REGEX MATCHALL " T wasm_[a-z0-9_]+" functions "${said}")
list(TRANSFORM functions REPLACE "^ T " "")
list(SORT functions)
list(REMOVE_DUPLICATES functions)
# The functions of the library's C part have such names too, and are nobody else's.
file(READ "${HEADER}" header)
foreach(name IN LISTS functions)
    string(FIND "${header}" "${name}(" at)
    if(at EQUAL -1)
        list(REMOVE_ITEM functions ${name})
    endif()
endforeach()
if(NOT functions)
    string(SUBSTRING "${complaints}" 0 1000 complaints)
    message(FATAL_ERROR "${NM} finds none of the functions of the API in ${SOURCE}: ${complaints}")
endif()

set(roots "")
set(renamed "")
set(kept "")
foreach(name IN LISTS functions)
    list(APPEND roots -u ${name})
    string(APPEND renamed "${name} ${PREFIX}${name}\n")
    # GNU's objcopy looks for the new name, LLVM's for the old one.
    string(APPEND kept "${name}\n${PREFIX}${name}\n")
endforeach()
file(WRITE "${RESULT}.renamed" "${renamed}")
file(WRITE "${RESULT}.kept" "${kept}")
get_filename_component(name "${RESULT}" NAME_WE)
get_filename_component(folder "${RESULT}" DIRECTORY)
set(object "${folder}/${name}.o")

# A group that several objects may bring would keep its name after its symbols are local, and a linker that takes ours for
# the one of another Rust library would leave that without.
# Nothing is thrown away here: GNU's ld leaves weak references of what it drops behind as strong ones, and functions of a
# newer C library are then missing.
run("${LINKER}" -r --force-group-allocation ${roots} -o "${object}" "${SOURCE}")
# Without optimisation across crates the bitcode of Rust's standard library is still there: of no use to anyone, and ar
# ends over it where a linker's plugin of an older LLVM is installed.
run("${OBJCOPY}" "--redefine-syms=${RESULT}.renamed" "--keep-global-symbols=${RESULT}.kept"
    --remove-section=.llvmbc --remove-section=.llvmcmd "${object}")

# The tools come from several makers: look at what they have made.
run("${NM}" --defined-only --extern-only "${object}")
string(REGEX MATCHALL " [A-Z] [^\n]+" left "${said}")
list(TRANSFORM left REPLACE "^ [A-Z] " "")
list(SORT left)
list(TRANSFORM functions PREPEND "${PREFIX}")
if(NOT left STREQUAL functions)
    list(LENGTH functions wanted)
    list(LENGTH left found)
    message(FATAL_ERROR "${object} was to have ${wanted} global names, the functions of the API; it has ${found}: ${left}")
endif()
file(REMOVE "${RESULT}")
run("${AR}" rcs "${RESULT}" "${object}")
