# Part of an installation (cmake --install): writes the record that uninstall.cmake reads.
#
#   wasm_memory_step     begin: look which folders are missing; end: write the record
#   wasm_memory_folders  the folders that will have files, relative to the prefix or absolute
#   wasm_memory_records  the folder of the records
#
# A line of a record is a word and a path: `at` (the place; the first line), `file`, `folder`. Paths within the prefix are
# relative to it, so that a strange prefix is nothing to split a list at.
# Installation scripts have no policies set.
cmake_policy(VERSION 3.20)
get_filename_component(wasm_memory_prefix "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)

if(wasm_memory_step STREQUAL "begin")
    set(wasm_memory_made "")
    foreach(folder IN LISTS wasm_memory_folders)
        # From the destination up to the first folder that exists, or to the prefix. A root is what it is in.
        while(NOT folder STREQUAL "")
            get_filename_component(absolute "${folder}" ABSOLUTE BASE_DIR "${wasm_memory_prefix}")
            get_filename_component(above "${folder}" DIRECTORY)
            if(EXISTS "$ENV{DESTDIR}${absolute}" OR above STREQUAL folder)
                break()
            endif()
            if(NOT "${folder}" IN_LIST wasm_memory_made)
                list(APPEND wasm_memory_made "${folder}")
            endif()
            set(folder "${above}")
        endwhile()
    endforeach()
    # And from the prefix up; what DESTDIR names is somebody else's.
    set(folder "${wasm_memory_prefix}")
    get_filename_component(above "${folder}" DIRECTORY)
    while(NOT EXISTS "$ENV{DESTDIR}${folder}" AND NOT folder STREQUAL above)
        list(APPEND wasm_memory_made "${folder}")
        set(folder "${above}")
        get_filename_component(above "${folder}" DIRECTORY)
    endwhile()
else()
    string(SHA256 record "$ENV{DESTDIR}${wasm_memory_prefix}")
    string(SUBSTRING "${record}" 0 16 record)
    set(record "${wasm_memory_records}/${record}.txt")

    set(lines "")
    foreach(file IN LISTS CMAKE_INSTALL_MANIFEST_FILES)
        string(LENGTH "${wasm_memory_prefix}/" length)
        string(FIND "${file}" "${wasm_memory_prefix}/" found)
        if(found EQUAL 0)
            string(SUBSTRING "${file}" ${length} -1 file)
        endif()
        list(APPEND lines "file ${file}")
    endforeach()
    foreach(folder IN LISTS wasm_memory_made)
        list(APPEND lines "folder ${folder}")
    endforeach()
    if(EXISTS "${record}")
        file(STRINGS "${record}" before REGEX "^(file|folder) ")
        list(APPEND lines ${before})
        list(REMOVE_DUPLICATES lines)
    endif()
    list(JOIN lines "\n" lines)
    file(WRITE "${record}" "at $ENV{DESTDIR}${wasm_memory_prefix}\n${lines}\n")
    file(WRITE "${wasm_memory_records}/last" "${wasm_memory_prefix}")
endif()
