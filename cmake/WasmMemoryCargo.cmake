# The cargo side of the build: what to run, what it makes, and the targets that stand for it.

# wasm_memory_cargo_build(NAME PREFIX HEADERS): NAME is what the library is called, PREFIX what its functions are to start
# with besides, HEADERS the folder with the headers for whoever has this tree in theirs.
#
# Sets in the caller's scope:
#   WASM_MEMORY_SHARED_FILE   the shared library under its full name
#   WASM_MEMORY_SHARED_LINKS  its shorter names
#   WASM_MEMORY_STATIC_FILE   the static library
#   WASM_MEMORY_SYSTEM_LIBS   what a program that links the static one needs, as -l flags
function(wasm_memory_cargo_build name prefix headers)
    find_program(CARGO cargo REQUIRED
                 DOC "cargo, of Rust 1.88 or newer: wasm_memory is written in Rust")
    find_program(RUSTC rustc REQUIRED)
    mark_as_advanced(CARGO RUSTC)

    if(CMAKE_BUILD_TYPE STREQUAL "Debug")
        set(profile debug)
        set(profile_flag "")
    else()
        set(profile release)
        set(profile_flag --release)
    endif()
    set(target_dir "${CMAKE_CURRENT_BINARY_DIR}/cargo")
    set(made "${target_dir}/${profile}")
    set(staged "${CMAKE_CURRENT_BINARY_DIR}/lib")
    file(MAKE_DIRECTORY "${staged}")

    # An ABI is compatible within a major version, before 1.0 within a minor one.
    if(PROJECT_VERSION_MAJOR EQUAL 0)
        set(abi "0.${PROJECT_VERSION_MINOR}")
    else()
        set(abi "${PROJECT_VERSION_MAJOR}")
    endif()
    set(made_shared "${made}/${CMAKE_SHARED_LIBRARY_PREFIX}wasm_memory${CMAKE_SHARED_LIBRARY_SUFFIX}")
    set(made_static "${made}/${CMAKE_STATIC_LIBRARY_PREFIX}wasm_memory${CMAKE_STATIC_LIBRARY_SUFFIX}")
    set(plain "${CMAKE_SHARED_LIBRARY_PREFIX}${name}${CMAKE_SHARED_LIBRARY_SUFFIX}")
    set(static "${CMAKE_STATIC_LIBRARY_PREFIX}${name}${CMAKE_STATIC_LIBRARY_SUFFIX}")
    set(links "")
    set(soname "")
    if(APPLE)
        set(full "${plain}")
    elseif(UNIX)
        set(full "${plain}.${PROJECT_VERSION}")
        set(soname "${plain}.${abi}")
        set(links "${staged}/${soname}" "${staged}/${plain}")
    else()
        set(full "${plain}")
    endif()

    # What Rust's standard library needs of the system changes with the compiler: ask it.
    file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/empty.rs" "")
    execute_process(
        COMMAND "${RUSTC}" --crate-type staticlib --print native-static-libs
                -o "${CMAKE_CURRENT_BINARY_DIR}/empty.a" "${CMAKE_CURRENT_BINARY_DIR}/empty.rs"
        ERROR_VARIABLE said RESULT_VARIABLE failed OUTPUT_QUIET)
    if(failed OR NOT said MATCHES "native-static-libs: ([^\n]*)")
        message(FATAL_ERROR "rustc does not say which system libraries a static library needs: ${said}")
    endif()
    string(STRIP "${CMAKE_MATCH_1}" system_libs)
    separate_arguments(system_list UNIX_COMMAND "${system_libs}")

    # Only the two C libraries: without an rlib among the wanted, cargo optimises across crates. What cargo makes has
    # the plain names whatever the prefix, so that no prefix costs another compilation.
    set(cargo_soname "")
    if(soname)
        set(cargo_soname "${CMAKE_SHARED_LIBRARY_PREFIX}wasm_memory${CMAKE_SHARED_LIBRARY_SUFFIX}.${abi}")
    endif()
    set(commands
        # A target chosen for other crates by the environment would put the files elsewhere.
        COMMAND "${CMAKE_COMMAND}" -E env --unset=CARGO_BUILD_TARGET "CARGO_TARGET_DIR=${target_dir}"
                "WASM_MEMORY_SONAME=${cargo_soname}"
                "${CARGO}" rustc --locked --lib ${profile_flag} --crate-type cdylib,staticlib)
    # What is made of that is made aside, and staged if it is new: programs are linked again only then.
    set(aside "${CMAKE_CURRENT_BINARY_DIR}/made")
    file(MAKE_DIRECTORY "${aside}")
    set(has_tools FALSE)
    if(UNIX AND NOT APPLE AND CMAKE_LINKER AND CMAKE_OBJCOPY AND CMAKE_NM AND CMAKE_AR)
        set(has_tools TRUE)
    endif()
    if(has_tools)
        list(APPEND commands
            COMMAND "${CMAKE_COMMAND}" "-DLINKER=${CMAKE_LINKER}" "-DOBJCOPY=${CMAKE_OBJCOPY}" "-DNM=${CMAKE_NM}"
                    "-DAR=${CMAKE_AR}" "-DSOURCE=${made_static}" "-DRESULT=${aside}/${static}" "-DPREFIX=${prefix}"
                    "-DHEADER=${CMAKE_CURRENT_SOURCE_DIR}/include/wasm_memory.h"
                    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/one_object.cmake")
    elseif(prefix)
        message(FATAL_ERROR "WASM_MEMORY_SYMBOL_PREFIX needs a system with ELF files, and ld, objcopy, nm and ar of "
                            "binutils or LLVM; found: ld \"${CMAKE_LINKER}\", objcopy \"${CMAKE_OBJCOPY}\", "
                            "nm \"${CMAKE_NM}\", ar \"${CMAKE_AR}\"")
    else()
        list(APPEND commands
            COMMAND "${CMAKE_COMMAND}" -E copy "${made_static}" "${aside}/${static}")
    endif()
    if(prefix)
        # The same options as build.rs gives for the plain one.
        file(WRITE "${aside}/${name}.map" "{ global: ${prefix}wasm_*; local: *; };\n")
        list(APPEND commands
            COMMAND "${CMAKE_C_COMPILER}" -shared -o "${aside}/${full}" "-Wl,-soname,${soname}"
                    "-Wl,--version-script=${aside}/${name}.map" -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,nodelete
                    -Wl,-Bsymbolic-functions -Wl,--whole-archive "${aside}/${static}" -Wl,--no-whole-archive
                    ${system_list})
    else()
        list(APPEND commands COMMAND "${CMAKE_COMMAND}" -E copy "${made_shared}" "${aside}/${full}")
    endif()
    if(CMAKE_STRIP AND profile STREQUAL "release" AND NOT APPLE)
        # Rust's standard library brings megabytes of debug information that no program wants to link.
        list(APPEND commands COMMAND "${CMAKE_STRIP}" --strip-debug "${aside}/${static}")
        if(prefix)
            list(APPEND commands COMMAND "${CMAKE_STRIP}" --strip-debug "${aside}/${full}")
        endif()
    endif()
    foreach(file IN ITEMS "${full}" "${static}")
        list(APPEND commands COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${aside}/${file}" "${staged}/${file}")
    endforeach()
    foreach(link IN LISTS links)
        list(APPEND commands COMMAND "${CMAKE_COMMAND}" -E create_symlink "${full}" "${link}")
    endforeach()
    # Cargo knows best what is out of date, so it is asked at every build.
    add_custom_target(${name}_cargo ALL ${commands}
        BYPRODUCTS "${staged}/${full}" ${links} "${staged}/${static}"
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        COMMENT "Building ${name} ${PROJECT_VERSION} with cargo"
        USES_TERMINAL VERBATIM)

    add_library(${name}::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(${name}::${name} PROPERTIES
        IMPORTED_LOCATION "${staged}/${full}"
        INTERFACE_INCLUDE_DIRECTORIES "${headers}")
    if(soname)
        set_target_properties(${name}::${name} PROPERTIES
            IMPORTED_LOCATION "${staged}/${soname}" IMPORTED_SONAME "${soname}")
    endif()
    add_library(${name}::static STATIC IMPORTED GLOBAL)
    set_target_properties(${name}::static PROPERTIES
        IMPORTED_LOCATION "${staged}/${static}"
        INTERFACE_INCLUDE_DIRECTORIES "${headers}"
        INTERFACE_COMPILE_DEFINITIONS WASM_MEMORY_STATIC
        INTERFACE_LINK_LIBRARIES "${system_list}")
    add_dependencies(${name}::${name} ${name}_cargo)
    add_dependencies(${name}::static ${name}_cargo)

    set(WASM_MEMORY_SHARED_FILE "${staged}/${full}" PARENT_SCOPE)
    set(WASM_MEMORY_SHARED_LINKS "${links}" PARENT_SCOPE)
    set(WASM_MEMORY_STATIC_FILE "${staged}/${static}" PARENT_SCOPE)
    set(WASM_MEMORY_SYSTEM_LIBS "${system_libs}" PARENT_SCOPE)
    set(WASM_MEMORY_SYSTEM_LIST "${system_list}" PARENT_SCOPE)
    set(WASM_MEMORY_SHARED_NAME "${full}" PARENT_SCOPE)
    set(WASM_MEMORY_SONAME "${soname}" PARENT_SCOPE)
    set(WASM_MEMORY_STATIC_NAME "${static}" PARENT_SCOPE)
endfunction()
