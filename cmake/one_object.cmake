# cmake -P: make a static library of one object file out of one of Rust's, with nothing global but the API.
#
# A Rust static library brings the whole standard library with global names, so that two of them in one program clash
# (rust_eh_personality is defined twice). Linked into one relocatable object first, all of that can be made local.
#
#   LINKER OBJCOPY NM AR   the tools
#   SOURCE RESULT          the two libraries
#   PREFIX                 what the functions of the API are to start with besides
foreach(variable LINKER OBJCOPY NM AR SOURCE RESULT)
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

run("${NM}" --defined-only --extern-only "${SOURCE}")
string(REGEX MATCHALL " T wasm_[a-z0-9_]+" functions "${said}")
list(TRANSFORM functions REPLACE "^ T " "")
list(SORT functions)
list(REMOVE_DUPLICATES functions)
if(NOT functions)
    message(FATAL_ERROR "${SOURCE} has none of the functions of the API")
endif()

set(roots "")
set(renamed "")
set(kept "")
foreach(name IN LISTS functions)
    list(APPEND roots -u ${name})
    string(APPEND renamed "${name} ${PREFIX}${name}\n")
    string(APPEND kept "${PREFIX}${name}\n")
endforeach()
file(WRITE "${RESULT}.renamed" "${renamed}")
file(WRITE "${RESULT}.kept" "${kept}")
get_filename_component(name "${RESULT}" NAME_WE)
get_filename_component(folder "${RESULT}" DIRECTORY)
set(object "${folder}/${name}.o")

run("${LINKER}" -r --gc-sections ${roots} -o "${object}" "${SOURCE}")
run("${OBJCOPY}" "--redefine-syms=${RESULT}.renamed" "--keep-global-symbols=${RESULT}.kept" "${object}")
file(REMOVE "${RESULT}")
run("${AR}" rcs "${RESULT}" "${object}")
