# What cmake/LegradTorch.cmake says about a LibTorch that will not do, tried on folders that look like one.
#   cmake -DSCRATCH=<folder> -P torch_search_test.cmake
cmake_minimum_required(VERSION 3.22)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/LegradTorch.cmake)

# Nothing of this machine's may be found.
set(ENV{Torch_DIR} "")
set(ENV{CMAKE_PREFIX_PATH} "")
set(LEGRAD_PYTHON ${CMAKE_COMMAND} CACHE FILEPATH "no Python: it imports no torch")

function(make_torch folder major minor)
  file(WRITE ${folder}/share/cmake/Torch/TorchConfig.cmake "")
  file(WRITE ${folder}/include/torch/csrc/api/include/torch/version.h
    "#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH 0\n")
endfunction()

function(expect_problem expected)
  unset(Torch_DIR CACHE)
  legrad_find_torch(problem HINTS ${ARGN})
  if(NOT problem MATCHES "${expected}")
    message(SEND_ERROR "expected a message that matches '${expected}', got '${problem}'")
  endif()
endfunction()

function(expect_abi expected symbol)
  file(WRITE ${SCRATCH}/libc10.so "${symbol}")
  _legrad_torch_cxx11_abi(abi ${SCRATCH}/libc10.so)
  if(NOT "${abi}" STREQUAL "${expected}")
    message(SEND_ERROR "expected ABI '${expected}' for ${symbol}, got '${abi}'")
  endif()
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
expect_problem("was not found.*pip install torch" ${SCRATCH}/nothing)

make_torch(${SCRATCH}/old 2 6)
expect_problem("LibTorch 2\\.6\\.0 in .*old is too old: legrad needs 2\\.7 or newer" ${SCRATCH}/old)

make_torch(${SCRATCH}/static 2 13)
expect_problem("LibTorch 2\\.13\\.0 in .*static lacks .*libtorch_cpu\\.so" ${SCRATCH}/static)

file(WRITE ${SCRATCH}/bare/share/cmake/Torch/TorchConfig.cmake "")
expect_problem("bare has no LibTorch headers" ${SCRATCH}/bare)

expect_abi(1 "_ZN3c105ErrorC1ENS_14SourceLocationENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE")
expect_abi(0 "_ZN3c105ErrorC1ENS_14SourceLocationESs")
expect_abi("" "nothing of the kind")
