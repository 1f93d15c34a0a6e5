# BELFRY_STATIC: gRPC, protobuf, Abseil and what they stand on come out of archives.
# Hundreds of nodes run on one host: of a shared library each has its own relocated
# tables, and each relocates them at its start. Debian's CMake packages name the shared
# libraries only; the archives lie beside them. What has none (prometheus-cpp,
# civetweb) stays shared, and so does the C++ library that it uses as well.
include_guard(GLOBAL)

# To be called in a folder whose find_package() calls have made the targets.
function(belfry_use_archives)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX
       "^(absl|gRPC|protobuf|c-ares|OpenSSL|ZLIB)::")
  foreach(target IN LISTS targets)
    belfry_use_archive(${target})
  endforeach()
  # Found by pkg-config, which gives it as -lre2.
  find_library(BELFRY_RE2_ARCHIVE libre2.a REQUIRED)
  set_target_properties(re2::re2 PROPERTIES
    INTERFACE_LINK_LIBRARIES "${BELFRY_RE2_ARCHIVE}")
  # An executable at an address of its own choice would have to be relocated, too.
  add_link_options(-no-pie)
endfunction()

function(belfry_use_archive target)
  foreach(property IN ITEMS IMPORTED_LOCATION IMPORTED_LOCATION_NONE
                            IMPORTED_LOCATION_RELEASE)
    get_target_property(library ${target} ${property})
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${library}")
    if(library MATCHES "\\.so" AND EXISTS "${archive}")
      set_target_properties(${target} PROPERTIES ${property} "${archive}")
    endif()
  endforeach()
endfunction()
