# Finds LibTorch and makes the imported target `legrad::torch`: libtorch_cpu, libc10 and their headers.
#
# Why not find_package(Torch): in a CUDA build of torch, which is what pip gives on most machines, it demands a whole
# CUDA toolkit, although nothing here is compiled for CUDA. The libraries and headers are all that is needed, so they
# are taken from torch's folder directly, the same way for every kind of torch. `libtorch` itself is never linked: in
# a CUDA build it drags in gigabytes of CUDA libraries that a machine without a GPU need not have.
#
#   legrad_find_torch(<problem> [HINTS <folder>...])
#
# looks in Torch_DIR (variable or environment), CMAKE_PREFIX_PATH (variable or environment), HINTS, and where
# `python3` would import torch from; the first folder found is used and cached as Torch_DIR. <problem> is empty
# on success, else one message that says what to do. This file is installed too and used by the package config.

set(LEGRAD_TORCH_MINIMUM 2.7)

# The folder that holds TorchConfig.cmake, which is how every torch says where it is; empty if there is none.
function(_legrad_torch_config_folder result)
  find_path(Torch_DIR TorchConfig.cmake
    HINTS ENV Torch_DIR
    PATHS ${CMAKE_PREFIX_PATH} ENV CMAKE_PREFIX_PATH ${ARGN}
    PATH_SUFFIXES share/cmake/Torch Torch
    NO_DEFAULT_PATH
    DOC "Folder of TorchConfig.cmake, in torch's share/cmake/Torch")
  if(NOT Torch_DIR)
    find_program(LEGRAD_PYTHON NAMES python3 python DOC "Python whose torch is used when no other is named")
    mark_as_advanced(LEGRAD_PYTHON)
    if(LEGRAD_PYTHON)
      # find_spec locates the package without importing it, which would take seconds.
      execute_process(
        COMMAND ${LEGRAD_PYTHON} -c
          "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
        OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      find_path(Torch_DIR TorchConfig.cmake PATHS "${folder}/share/cmake/Torch" NO_DEFAULT_PATH)
    endif()
  endif()
  if(Torch_DIR)
    set(${result} "${Torch_DIR}" PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

# Reads "2.13.0" from torch's version header, which moved in 2.9; empty if it is in neither place.
function(_legrad_torch_version result include)
  set(version "")
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(NOT version AND EXISTS "${include}/${header}")
      set(numbers "")
      foreach(part MAJOR MINOR PATCH)
        file(STRINGS "${include}/${header}" line REGEX "#define TORCH_VERSION_${part} +[0-9]+")
        if(line MATCHES "([0-9]+)$")
          list(APPEND numbers ${CMAKE_MATCH_1})
        endif()
      endforeach()
      list(JOIN numbers "." version)
    endif()
  endforeach()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# Which of libstdc++'s two ABIs torch was built with: 1 (std::__cxx11::string), 0, or empty where it cannot be told.
# New torch versions state it nowhere, so the library itself is asked: the mangled name of c10::Error's constructor
# holds the string type.
function(_legrad_torch_cxx11_abi result library)
  set(constructor "_ZN3c105ErrorC[12]ENS_14SourceLocationE")
  file(STRINGS "${library}" new_abi REGEX "${constructor}NSt7__cxx11" LIMIT_COUNT 1)
  file(STRINGS "${library}" old_abi REGEX "${constructor}Ss" LIMIT_COUNT 1)
  if(new_abi)
    set(${result} 1 PARENT_SCOPE)
  elseif(old_abi)
    set(${result} 0 PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

function(legrad_find_torch problem)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HINTS")
  set(${problem} "" PARENT_SCOPE)
  if(TARGET legrad::torch)
    return()
  endif()

  _legrad_torch_config_folder(config ${arg_HINTS})
  if(NOT config)
    set(${problem} "LibTorch was not found in Torch_DIR, CMAKE_PREFIX_PATH or python3. Install it with `pip install torch`, \
or pass -DTorch_DIR=<torch>/share/cmake/Torch." PARENT_SCOPE)
    return()
  endif()
  get_filename_component(root "${config}/../../.." ABSOLUTE)

  set(include "${root}/include")
  _legrad_torch_version(version "${include}")
  if(NOT version)
    set(${problem} "${root} has no LibTorch headers. Point Torch_DIR at a whole LibTorch (or pip torch): \
-DTorch_DIR=<torch>/share/cmake/Torch." PARENT_SCOPE)
    return()
  endif()
  if(version VERSION_LESS LEGRAD_TORCH_MINIMUM)
    set(${problem} "LibTorch ${version} in ${root} is too old: legrad needs ${LEGRAD_TORCH_MINIMUM} or newer. \
Upgrade it, or point Torch_DIR at another: -DTorch_DIR=<torch>/share/cmake/Torch." PARENT_SCOPE)
    return()
  endif()

  set(cpu "${root}/lib/libtorch_cpu.so")
  set(c10 "${root}/lib/libc10.so")
  foreach(library IN ITEMS "${cpu}" "${c10}")
    if(NOT EXISTS "${library}")
      set(${problem} "LibTorch ${version} in ${root} lacks ${library}. Reinstall it as shared libraries, or point \
Torch_DIR at another: -DTorch_DIR=<torch>/share/cmake/Torch." PARENT_SCOPE)
      return()
    endif()
  endforeach()

  # A CUDA build's libtorch_cpu needs two CUDA libraries even where there is no GPU. pip puts them beside torch, where
  # torch's own run path finds them; the linker is told the same places.
  file(GLOB companions "${root}/../nvidia/*/lib")
  list(TRANSFORM companions PREPEND "LINKER:-rpath-link,")

  # torch brings its own OpenMP runtime under a name of its own in some builds. Ours must be the same one, or the
  # program has two thread pools and at::set_num_threads rules over only one.
  file(GLOB openmp "${root}/lib/libgomp*.so*")
  if(openmp)
    list(GET openmp 0 openmp)
  else()
    set(openmp -fopenmp)
  endif()

  _legrad_torch_cxx11_abi(abi "${c10}")
  add_library(legrad::torch SHARED IMPORTED GLOBAL)
  set_target_properties(legrad::torch PROPERTIES
    IMPORTED_LOCATION "${cpu}"
    INTERFACE_INCLUDE_DIRECTORIES "${include};${include}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${c10};${openmp}"
    INTERFACE_LINK_OPTIONS "${companions}"
    LEGRAD_TORCH_VERSION "${version}"
    LEGRAD_TORCH_CXX11_ABI "${abi}")
  if(abi STREQUAL "0")
    target_compile_definitions(legrad::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=0)
  endif()
  message(STATUS "LibTorch ${version}: ${root}")
endfunction()
