# Warnings, sanitizers, linker and fault points for every target.
option(SLUICE_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(SLUICE_TSAN "Build with ThreadSanitizer" OFF)
option(SLUICE_FAULTS "Compile fault points in" OFF)

# Warnings are errors where we test; what an optimizing compiler believes to see must not keep anybody from building.
add_compile_options(-Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wswitch-enum $<$<CONFIG:Debug>:-Werror>
                    # The member order of designated initialisers says what is left at its default.
                    -Wno-missing-field-initializers
                    # False alarms of g++ 12 on std::string and std::variant under optimisation.
                    -Wno-restrict -Wno-maybe-uninitialized)
if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
if(SLUICE_TSAN)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
# Code of tests is compiled for the compiler's sake: it runs once, and its thousand assertions are a third of the build.
# AddressSanitizer stays; what it calls is checked for undefined behaviour as everything else.
set(SLUICE_TEST_CODE -O0 -fno-sanitize=undefined)
if(SLUICE_FAULTS)
  add_compile_definitions(SLUICE_FAULTS)
endif()

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  # Without the build folder in the key, all presets and clones share what they can. The last is what precompiled headers need.
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=true CCACHE_SLOPPINESS=pch_defines,time_macros
                                ${SLUICE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
find_program(SLUICE_MOLD mold)
if(SLUICE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
