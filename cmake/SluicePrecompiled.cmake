# sluice_precompile(folder): every target of the folder and of those below reads the system headers that most of them want
# precompiled, which takes a quarter off a build from nothing. Presets without SLUICE_PRECOMPILE, and ./dev lint, show that
# every file still names what it uses.
option(SLUICE_PRECOMPILE "Precompile the headers of the standard library, fmt and GoogleTest" OFF)

function(sluice_precompiled_headers name)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${name}.cc CONTENT "")
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE fmt::fmt)
  target_precompile_headers(${name} PRIVATE <fmt/format.h> <algorithm> <array> <chrono> <functional> <map> <memory>
                            <mutex> <optional> <set> <span> <string> <string_view> <thread> <unordered_map> <variant> <vector> ${ARGN})
endfunction()

function(sluice_precompile folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    get_target_property(options ${target} COMPILE_OPTIONS)
    if(NOT type MATCHES "STATIC_LIBRARY|EXECUTABLE")
      continue()
    elseif("-O0" IN_LIST options)
      target_precompile_headers(${target} REUSE_FROM sluice_test_headers)
    else()
      target_precompile_headers(${target} REUSE_FROM sluice_headers)
    endif()
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(below ${folders})
    sluice_precompile(${below})
  endforeach()
endfunction()

if(SLUICE_PRECOMPILE)
  # What decides about a precompiled header must be the same for all that use it.
  add_compile_options(-pthread -fpch-preprocess)
  add_compile_definitions(GTEST_HAS_PTHREAD=1)
endif()
