# What the targets of this project have in common. Everything is set on targets; nothing is global.

# Our own code: strict warnings, and OpenMP switched on at compile time, without which at::parallel_for silently runs
# on one thread. (The runtime it calls into is torch's own, linked by legrad::torch.)
function(legrad_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra
    # g++ 12 raises these on the inside of std::string when it optimises (GCC bugs 105329, 105651).
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow>"
    $<$<BOOL:${LEGRAD_WARNINGS_AS_ERRORS}>:-Werror>
    -fopenmp)
  if(LEGRAD_SANITIZE)
    # LibTorch does not export the type information that `vptr` compares.
    target_compile_options(${target} PRIVATE
      -fsanitize=${LEGRAD_SANITIZE} -fno-sanitize=vptr -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS)
    target_link_options(${target} PRIVATE -fsanitize=${LEGRAD_SANITIZE})
  endif()
endfunction()

# Sources that include much of torch take half a minute each; with its headers precompiled they take seconds. The
# library precompiles them once and others reuse the result, which needs the very same flags: hence
# position-independent code (not the -fPIE of a program) everywhere.
function(legrad_reuse_precompiled_torch target)
  target_compile_options(${target} PRIVATE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})
  target_precompile_headers(${target} REUSE_FROM legrad)
endfunction()

# Every source that reads torch instantiates its templates anew, seconds of work, so a clean build reads some together.
# What is named in anonymous namespaces has to differ within a target then.
function(legrad_compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${LEGRAD_UNITY_BUILD} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# Those of the calling folder that have names of their own all the same.
function(legrad_compile_apart target)
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# Sources of the library, in the calling folder, that include a few of torch's headers only and compile faster without
# the precompiled one.
function(legrad_compile_without_precompiled_torch)
  set_source_files_properties(${ARGN} TARGET_DIRECTORY legrad PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# A program of this project, put in <build>/bin, which finds torch's libraries when installed too. (Named outright:
# CMake's INSTALL_RPATH_USE_LINK_PATH leaves out what lies inside the checkout, as .deps/ does.)
function(legrad_add_program target)
  add_executable(${target} ${ARGN})
  legrad_compile_options(${target})
  # Options are given by name, {.relu = false}, and the rest keep their defaults: nothing is missing.
  target_compile_options(${target} PRIVATE -Wno-missing-field-initializers)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin"
    INSTALL_RPATH "$<TARGET_FILE_DIR:legrad::torch>")
  if(LEGRAD_SANITIZE)
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/sanitizers/options.cpp)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/sanitizers/options.cpp PROPERTIES
      SKIP_PRECOMPILE_HEADERS ON
      COMPILE_DEFINITIONS LEGRAD_SUPPRESSIONS="${PROJECT_SOURCE_DIR}/tests/sanitizers")
  endif()
endfunction()
