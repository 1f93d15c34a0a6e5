# The functions with which Belfry's folders declare what they build.
#
#   belfry_library(NAME SOURCES file... [DEPS target...] [PCH rpc] [SEARCHED])
#   belfry_executable(NAME SOURCES file... [DEPS target...] [PCH rpc])
#   belfry_test(NAME LABELS label... SOURCES file... [DEPS target...]
#               [ARGS arg...] [TIMEOUT seconds] [PCH rpc])
#   belfry_proto_library(NAME ROOT dir PROTOS file... [GRPC] [DEPS target...])
#   belfry_embed(TARGET FUNCTION HEADER header FILES file...)
#
# DEPS of a library are public: who links it gets them too. `PCH rpc` is for
# sources that include gRPC or generated services: they share one precompiled
# header (see belfry_use_pch). SEARCHED is what the tests run millions of states
# through: the sanitizers' presets, which optimise nothing else, optimise it.
# Labels decide where a test runs: `unit` and `smoke` run in the sanitizer builds as
# well (tests/CMakeLists.txt), all others in `dev` only.
include_guard(GLOBAL)
include(GoogleTest)

# What our own code is compiled with. Generated code gets the sanitizers only.
#
# Not in the list: -Wconversion, because every size that crosses from a
# container to a proto field would need a cast that says nothing.
function(belfry_compile_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wpedantic -Wnon-virtual-dtor -Woverloaded-virtual
    -Wextra-semi -Wcast-qual -Wunused -Wvla
    # Designated initialisers leave the rest at its default on purpose.
    -Wno-missing-field-initializers
    # g++ 12 warns falsely: about std::string operator+ (GCC bug 105651) ...
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    # ... and about std::optional and std::variant under optimisation.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(BELFRY_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  belfry_sanitize(${target})
endfunction()

function(belfry_sanitize target)
  if(BELFRY_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${BELFRY_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${BELFRY_SANITIZE})
  endif()
endfunction()

# Every compiler run goes through ccache where it is installed. The variable is
# read when a target is made, so it must be set before the folders are entered.
find_program(BELFRY_CCACHE ccache DOC "ccache, or empty to do without")
if(BELFRY_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  # pch_defines, time_macros: what ccache asks for with precompiled headers.
  # BASEDIR and NOHASHDIR: build/dev and build/mine share their results.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      "${BELFRY_CCACHE}")
endif()

function(belfry_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SEARCHED" "PCH" "SOURCES;DEPS")
  add_library(${name} STATIC ${arg_SOURCES})
  string(REGEX REPLACE "^belfry_" "belfry::" alias ${name})
  add_library(${alias} ALIAS ${name})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  belfry_compile_options(${name})
  if(arg_SEARCHED AND BELFRY_SANITIZE)
    target_compile_options(${name} PRIVATE -O1)
  endif()
  belfry_use_pch(${name} "${arg_PCH}")
endfunction()

function(belfry_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PCH" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  # All programs in one folder, where they find each other and scripts find them.
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  belfry_compile_options(${name})
  belfry_use_pch(${name} "${arg_PCH}")
endfunction()

# `tests-LABEL` builds all that the tests with that label need.
function(belfry_label_target label)
  if(NOT TARGET tests-${label})
    add_custom_target(tests-${label})
  endif()
  if(ARGN)
    add_dependencies(tests-${label} ${ARGN})
  endif()
endfunction()

function(belfry_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;PCH" "LABELS;SOURCES;DEPS;ARGS")
  if(NOT arg_LABELS)
    message(FATAL_ERROR "belfry_test(${name}): LABELS is missing")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(BELFRY_SANITIZE)
    math(EXPR arg_TIMEOUT "5 * ${arg_TIMEOUT}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE
    "BELFRY_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\""
    "BELFRY_BINARY_DIR=\"${PROJECT_BINARY_DIR}\"")
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gtest GTest::gmock
    GTest::gtest_main)
  belfry_compile_options(${name})
  # What is tested is optimised; the tests run once, and are half of the build.
  target_compile_options(${name} PRIVATE -O0)
  belfry_use_pch(${name} "${arg_PCH}")
  foreach(label IN LISTS arg_LABELS)
    belfry_label_target(${label} ${name})
  endforeach()
  # PRE_TEST: the cases are listed when ctest starts, not at every link.
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    TEST_PREFIX "${name}."
    EXTRA_ARGS ${arg_ARGS}
    PROPERTIES TIMEOUT ${arg_TIMEOUT})
  # A list does not survive as a property above, so ctest sets the labels after
  # it has read the cases.
  set(script "${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake")
  file(CONFIGURE OUTPUT "${script}" @ONLY CONTENT [[
if(@name@_TESTS)
  set_tests_properties(${@name@_TESTS} PROPERTIES LABELS "@arg_LABELS@")
endif()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${script}")
endfunction()

# Makes a library of .proto files. ROOT is what imports and includes start from:
# ROOT/belfry/v1/node.proto is "belfry/v1/node.pb.h". With GRPC it holds the
# service stubs (node.grpc.pb.h) and nothing else.
function(belfry_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "GRPC" "ROOT" "PROTOS;DEPS")
  # Not with -fsanitize=thread: protobuf's headers lay out maps otherwise then.
  if(BELFRY_PLAIN_BUILD AND NOT BELFRY_SANITIZE MATCHES thread)
    file(RELATIVE_PATH here "${PROJECT_BINARY_DIR}" "${CMAKE_CURRENT_BINARY_DIR}")
    set(plain "${BELFRY_PLAIN_BUILD}/${here}")
    add_library(${name} INTERFACE)
    target_include_directories(${name} SYSTEM INTERFACE "${plain}/gen")
    target_link_libraries(${name} INTERFACE "${plain}/lib${name}.a" ${arg_DEPS})
    return()
  endif()
  set(out "${CMAKE_CURRENT_BINARY_DIR}/gen")
  file(MAKE_DIRECTORY "${out}")
  if(arg_GRPC)
    set(suffixes .grpc.pb.h .grpc.pb.cc)
    set(flags "--grpc_out=${out}"
        "--plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>")
  else()
    set(suffixes .pb.h .pb.cc)
    set(flags "--cpp_out=${out}")
  endif()
  list(TRANSFORM arg_PROTOS PREPEND "${arg_ROOT}/" OUTPUT_VARIABLE inputs)
  set(generated "")
  foreach(proto input IN ZIP_LISTS arg_PROTOS inputs)
    string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
    list(TRANSFORM suffixes PREPEND "${out}/${stem}" OUTPUT_VARIABLE outputs)
    # An import may be any other of the files: there are few, so depend on all.
    add_custom_command(OUTPUT ${outputs}
      COMMAND protobuf::protoc ${flags} "--proto_path=${arg_ROOT}" "${input}"
      DEPENDS ${inputs} protobuf::protoc
      COMMENT "protoc ${proto}" VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  add_library(${name} STATIC ${generated})
  target_compile_features(${name} PUBLIC cxx_std_20)
  # protoc names the tables of every file alike.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_include_directories(${name} SYSTEM PUBLIC "${out}")
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  belfry_sanitize(${name})
endfunction()

# Embeds files in TARGET, so that a program needs no data folder. FUNCTION is
# qualified, declared in HEADER, and returns std::span<const EmbeddedFile>, where
# EmbeddedFile{name, content} lives in the function's namespace. The name is the
# file's own, without its folder.
function(belfry_embed target function)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "HEADER" "FILES")
  string(MAKE_C_IDENTIFIER "${function}" id)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${id}.cc")
  set(script "${PROJECT_SOURCE_DIR}/cmake/Embed.cmake")
  list(TRANSFORM arg_FILES PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/"
       OUTPUT_VARIABLE files)
  list(JOIN files "|" joined)
  add_custom_command(OUTPUT "${source}"
    COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${source}" "-DFUNCTION=${function}"
      "-DHEADER=${arg_HEADER}" "-DFILES=${joined}" -P "${script}"
    DEPENDS ${files} "${script}"
    COMMENT "Embedding files for ${function}()" VERBATIM)
  target_sources(${target} PRIVATE "${source}")
  # Generated sources keep out of the precompiled header, and of each other.
  set_source_files_properties("${source}" PROPERTIES
    SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# The presets compile several sources as one (unity builds): the headers of gRPC and
# of the generated code cost more than all of our own, and a clean build takes a
# third of the time. Whoever works on one file wants -DCMAKE_UNITY_BUILD=OFF; then
# sources that include those headers share them precompiled.
set(default ON)
if(CMAKE_UNITY_BUILD)
  set(default OFF)
endif()
option(BELFRY_PCH "Share precompiled headers among the sources that use gRPC"
       ${default})
unset(default)

# belfry_pch(KIND HEADERS header... DEPS target...): makes what `PCH KIND` uses.
function(belfry_pch kind)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;DEPS")
  if(BELFRY_PCH)
    set(empty "${CMAKE_CURRENT_BINARY_DIR}/pch_${kind}.cc")
    file(CONFIGURE OUTPUT "${empty}" CONTENT "// Exists for its precompiled header.\n")
    belfry_library(belfry_pch_${kind} SOURCES "${empty}" DEPS ${arg_DEPS})
    target_precompile_headers(belfry_pch_${kind} PRIVATE ${arg_HEADERS})
    belfry_pch_for_ccache(belfry_pch_${kind})
    # The header itself is made anew each time: ccache was seen to hand out one
    # that did not know a field just added to a message.
    set_target_properties(belfry_pch_${kind} PROPERTIES CXX_COMPILER_LAUNCHER "")
  endif()
endfunction()

function(belfry_use_pch target kind)
  if(BELFRY_PCH AND kind)
    target_precompile_headers(${target} REUSE_FROM belfry_pch_${kind})
    belfry_pch_for_ccache(${target})
  endif()
endfunction()

# Without this flag g++ gives ccache nothing to hash for the precompiled part.
function(belfry_pch_for_ccache target)
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
