# The target `uninstall`, and the record of what was installed where, which it goes by.
#
# A record is one file in BUILD/installed for each place (DESTDIR and prefix together): which files this build put there,
# with whatever it put there before, and which folders did not exist then. So uninstalling takes away what an older
# version left too, and a folder only if we made it and nobody else uses it now. cmake/uninstall.cmake reads them.

# wasm_memory_uninstall(begin FOLDER...): before the install rules; FOLDER are the destinations that they have.
# wasm_memory_uninstall(end): after them.
function(wasm_memory_uninstall when)
    if(when STREQUAL "begin")
        install(CODE "set(wasm_memory_folders \"${ARGN}\")
set(wasm_memory_step begin)
include(\"${CMAKE_CURRENT_FUNCTION_LIST_DIR}/record_install.cmake\")")
        return()
    endif()
    install(CODE "set(wasm_memory_step end)
set(wasm_memory_records \"${CMAKE_CURRENT_BINARY_DIR}/installed\")
include(\"${CMAKE_CURRENT_FUNCTION_LIST_DIR}/record_install.cmake\")")
    add_custom_target(uninstall
        COMMAND "${CMAKE_COMMAND}" "-DBUILD=${CMAKE_CURRENT_BINARY_DIR}"
                -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/uninstall.cmake"
        COMMENT "Removing what was installed last" VERBATIM)
endfunction()
