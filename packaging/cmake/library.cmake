# SPDX-License-Identifier: MIT
# The library for projects that add weir by FetchContent or add_subdirectory. Meson builds the tests and installs.
# The lists of files are Meson's.

# weir_read_list(VARIABLE LIST): the sources that src/meson.build names in a list.
function(weir_read_list variable list)
    set(build_file "${PROJECT_SOURCE_DIR}/src/meson.build")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${build_file}")
    file(READ "${build_file}" text)
    if(NOT text MATCHES "(^|\n)${list} = \\[\n([^]]*)\\]")
        message(FATAL_ERROR "src/meson.build has no list ${list}")
    endif()
    string(REGEX MATCHALL "'[^']+'" names "${CMAKE_MATCH_2}")
    list(TRANSFORM names REPLACE "'(.+)'" "${PROJECT_SOURCE_DIR}/src/\\1")
    set(${variable} ${names} PARENT_SCOPE)
endfunction()

set(WEIR_IO_URING AUTO CACHE STRING "The io_uring backend, which needs liburing: AUTO, ON or OFF")
set_property(CACHE WEIR_IO_URING PROPERTY STRINGS AUTO ON OFF)

find_package(Threads REQUIRED)

weir_read_list(sources weir_sources)
add_library(weir ${sources})
add_library(weir::weir ALIAS weir)
target_compile_features(weir PUBLIC cxx_std_20)
target_include_directories(weir PUBLIC "${PROJECT_SOURCE_DIR}/include" PRIVATE "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(weir PUBLIC Threads::Threads)
set_target_properties(weir PROPERTIES
    CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

set(uring no)
if(WEIR_IO_URING)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(WEIR_LIBURING QUIET IMPORTED_TARGET "liburing>=2.3")
    endif()
    if(WEIR_LIBURING_FOUND)
        weir_read_list(sources weir_uring_sources)
        target_sources(weir PRIVATE ${sources})
        target_compile_definitions(weir PRIVATE WEIR_HAVE_URING=1)
        target_link_libraries(weir PRIVATE PkgConfig::WEIR_LIBURING)
        set(uring yes)
    elseif(NOT WEIR_IO_URING STREQUAL "AUTO")
        message(FATAL_ERROR "WEIR_IO_URING is ${WEIR_IO_URING}, but pkg-config finds no liburing >= 2.3")
    endif()
endif()

option(WEIR_TLS "The library weir::tls, which needs OpenSSL" OFF)
if(WEIR_TLS)
    find_package(OpenSSL 3.0 REQUIRED)
    weir_read_list(sources weir_tls_sources)
    add_library(weir-tls ${sources})
    add_library(weir::tls ALIAS weir-tls)
    target_include_directories(weir-tls PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(weir-tls PUBLIC weir PRIVATE OpenSSL::SSL)
    set_target_properties(weir-tls PROPERTIES
        CXX_EXTENSIONS OFF
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()

option(WEIR_HTTP "The library weir::http, which needs llhttp" OFF)
if(WEIR_HTTP)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(WEIR_LLHTTP QUIET IMPORTED_TARGET "libllhttp>=8.1")
    endif()
    weir_read_list(sources weir_http_sources)
    add_library(weir-http ${sources})
    add_library(weir::http ALIAS weir-http)
    target_include_directories(weir-http PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(weir-http PUBLIC weir)
    if(WEIR_LLHTTP_FOUND)
        target_link_libraries(weir-http PRIVATE PkgConfig::WEIR_LLHTTP)
    elseif(EXISTS /usr/share/llhttp/llhttp.c) # Debian's package node-llhttp
        enable_language(C)
        set(sources /usr/share/llhttp/api.c /usr/share/llhttp/http.c /usr/share/llhttp/llhttp.c)
        target_sources(weir-http PRIVATE ${sources})
        set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "-w;-DLLHTTP_STRICT_MODE=1;-fvisibility=hidden")
        target_include_directories(weir-http SYSTEM PRIVATE /usr/share/include/llhttp)
    else()
        message(FATAL_ERROR "WEIR_HTTP is ON, but pkg-config finds no libllhttp >= 8.1, and there is no node-llhttp")
    endif()
    option(WEIR_ZLIB "Compressed bodies in weir::http, which need zlib" OFF)
    if(WEIR_ZLIB)
        find_package(ZLIB REQUIRED)
        target_link_libraries(weir-http PRIVATE ZLIB::ZLIB)
        target_compile_definitions(weir-http PRIVATE WEIR_HTTP_ZLIB)
    endif()
    set_target_properties(weir-http PROPERTIES
        CXX_EXTENSIONS OFF
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()

option(WEIR_WEBSOCKET "The library weir::websocket, which needs weir::http and wslay" OFF)
if(WEIR_WEBSOCKET)
    if(NOT WEIR_HTTP)
        message(FATAL_ERROR "WEIR_WEBSOCKET is ON, but WEIR_HTTP is OFF")
    endif()
    find_path(WEIR_WSLAY_INCLUDE wslay/wslay.h REQUIRED)
    find_library(WEIR_WSLAY wslay REQUIRED)
    weir_read_list(sources weir_websocket_sources)
    add_library(weir-websocket ${sources})
    add_library(weir::websocket ALIAS weir-websocket)
    target_include_directories(weir-websocket PRIVATE "${PROJECT_SOURCE_DIR}/src" "${WEIR_WSLAY_INCLUDE}")
    target_link_libraries(weir-websocket PUBLIC weir-http PRIVATE "${WEIR_WSLAY}")
    set_target_properties(weir-websocket PROPERTIES
        CXX_EXTENSIONS OFF
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()

option(WEIR_MESSAGES "The library weir::messages" OFF)
option(WEIR_REDIS "The library weir::redis, which needs hiredis and weir::messages" OFF)
if(WEIR_MESSAGES OR WEIR_REDIS)
    weir_read_list(sources weir_messages_sources)
    add_library(weir-messages ${sources})
    add_library(weir::messages ALIAS weir-messages)
    target_link_libraries(weir-messages PUBLIC weir)
    set_target_properties(weir-messages PROPERTIES
        CXX_EXTENSIONS OFF
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()
if(WEIR_REDIS)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(WEIR_HIREDIS REQUIRED IMPORTED_TARGET "hiredis>=0.14")
    weir_read_list(sources weir_redis_sources)
    add_library(weir-redis ${sources})
    add_library(weir::redis ALIAS weir-redis)
    target_include_directories(weir-redis PRIVATE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(weir-redis PUBLIC weir weir-messages PRIVATE PkgConfig::WEIR_HIREDIS)
    set_target_properties(weir-redis PROPERTIES
        CXX_EXTENSIONS OFF
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR})
endif()

message(STATUS "weir ${PROJECT_VERSION}: io_uring: ${uring}")
