# The cargo side of the build: what to run, what it makes, and the targets that stand for it.

# Sets in the caller's scope:
#   WASM_MEMORY_SHARED_FILE   the shared library under its full name
#   WASM_MEMORY_SHARED_LINKS  its shorter names
#   WASM_MEMORY_STATIC_FILE   the static library
#   WASM_MEMORY_SYSTEM_LIBS   what a program that links the static one needs, as -l flags
function(wasm_memory_cargo_build)
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
    set(plain "${CMAKE_SHARED_LIBRARY_PREFIX}wasm_memory${CMAKE_SHARED_LIBRARY_SUFFIX}")
    set(static "${CMAKE_STATIC_LIBRARY_PREFIX}wasm_memory${CMAKE_STATIC_LIBRARY_SUFFIX}")
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

    # Only the two C libraries: without an rlib among the wanted, cargo optimises across crates.
    set(commands
        # A target chosen for other crates by the environment would put the files elsewhere.
        COMMAND "${CMAKE_COMMAND}" -E env --unset=CARGO_BUILD_TARGET "CARGO_TARGET_DIR=${target_dir}"
                "WASM_MEMORY_SONAME=${soname}"
                "${CARGO}" rustc --locked --lib ${profile_flag} --crate-type cdylib,staticlib
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${made}/${plain}" "${staged}/${full}"
        COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${made}/${static}" "${staged}/${static}")
    foreach(link IN LISTS links)
        list(APPEND commands COMMAND "${CMAKE_COMMAND}" -E create_symlink "${full}" "${link}")
    endforeach()
    if(CMAKE_STRIP AND profile STREQUAL "release" AND NOT APPLE)
        # Rust's standard library brings 9 MB of debug information that no program wants to link.
        list(APPEND commands COMMAND "${CMAKE_STRIP}" --strip-debug "${staged}/${static}")
    endif()
    # Cargo knows best what is out of date, so it is asked at every build.
    add_custom_target(wasm_memory_cargo ALL ${commands}
        BYPRODUCTS "${staged}/${full}" ${links} "${staged}/${static}"
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        COMMENT "Building wasm_memory ${PROJECT_VERSION} with cargo"
        USES_TERMINAL VERBATIM)

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

    add_library(wasm_memory::wasm_memory SHARED IMPORTED GLOBAL)
    set_target_properties(wasm_memory::wasm_memory PROPERTIES
        IMPORTED_LOCATION "${staged}/${full}"
        INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_SOURCE_DIR}/include")
    if(soname)
        set_target_properties(wasm_memory::wasm_memory PROPERTIES
            IMPORTED_LOCATION "${staged}/${soname}" IMPORTED_SONAME "${soname}")
    endif()
    add_library(wasm_memory::static STATIC IMPORTED GLOBAL)
    separate_arguments(system_list UNIX_COMMAND "${system_libs}")
    set_target_properties(wasm_memory::static PROPERTIES
        IMPORTED_LOCATION "${staged}/${static}"
        INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_SOURCE_DIR}/include"
        INTERFACE_COMPILE_DEFINITIONS WASM_MEMORY_STATIC
        INTERFACE_LINK_LIBRARIES "${system_list}")
    add_dependencies(wasm_memory::wasm_memory wasm_memory_cargo)
    add_dependencies(wasm_memory::static wasm_memory_cargo)

    set(WASM_MEMORY_SHARED_FILE "${staged}/${full}" PARENT_SCOPE)
    set(WASM_MEMORY_SHARED_LINKS "${links}" PARENT_SCOPE)
    set(WASM_MEMORY_STATIC_FILE "${staged}/${static}" PARENT_SCOPE)
    set(WASM_MEMORY_SYSTEM_LIBS "${system_libs}" PARENT_SCOPE)
    set(WASM_MEMORY_SYSTEM_LIST "${system_list}" PARENT_SCOPE)
    set(WASM_MEMORY_SHARED_NAME "${full}" PARENT_SCOPE)
    set(WASM_MEMORY_SONAME "${soname}" PARENT_SCOPE)
    set(WASM_MEMORY_STATIC_NAME "${static}" PARENT_SCOPE)
endfunction()
