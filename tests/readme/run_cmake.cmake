# Configures and builds a CMake block of the README as a project of its own, against the package that
# consumer_find_package installed.
#   cmake -DPREFIX=<install prefix> -DSCRATCH=<folder> -DBLOCK=<file> -DMAIN=<source> -DGENERATOR=<name> -P run_cmake.cmake
file(MAKE_DIRECTORY ${SCRATCH})
file(READ ${BLOCK} block)
if(NOT block MATCHES "project\\(")
  string(PREPEND block "cmake_minimum_required(VERSION 3.22)\nproject(readme LANGUAGES CXX)\n")
endif()
file(WRITE ${SCRATCH}/CMakeLists.txt "${block}")
file(COPY_FILE ${MAIN} ${SCRATCH}/main.cpp)
foreach(step IN ITEMS "-G;${GENERATOR};-S;${SCRATCH};-B;${SCRATCH}/build;-Dlegrad_ROOT=${PREFIX}" "--build;${SCRATCH}/build")
  execute_process(COMMAND ${CMAKE_COMMAND} ${step} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
