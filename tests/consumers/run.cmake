# Configures, builds and runs the programs of one consumer project, as somebody else would. Run by ctest:
#   cmake -DPROJECT=find_package|add_subdirectory -DBUILD=<legrad's build folder> -DSCRATCH=<folder> -DTORCH_DIR=<folder>
#         -DGENERATOR=<name> -DWITH_IMAGE=ON|OFF -DWITH_TEXT=ON|OFF -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(arguments -G ${GENERATOR} -DWITH_IMAGE=${WITH_IMAGE} -DWITH_TEXT=${WITH_TEXT})
if(PROJECT STREQUAL "find_package")
  # Installed, then moved: the package must not remember where it was put. Torch is found by the package itself.
  file(REMOVE_RECURSE ${SCRATCH})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/installed --component development)
  file(RENAME ${SCRATCH}/installed ${SCRATCH}/moved)
  list(APPEND arguments -Dlegrad_ROOT=${SCRATCH}/moved)
else()
  # The library is compiled again here, unoptimised as that is all this test needs; the folder is kept, so that a
  # second run is quick.
  list(APPEND arguments -DLEGRAD_SOURCE=${CMAKE_CURRENT_LIST_DIR}/../.. -DTorch_DIR=${TORCH_DIR})
endif()

cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/${PROJECT} -B ${SCRATCH}/build ${arguments})
run(${CMAKE_COMMAND} --build ${SCRATCH}/build --target consumer own_method --parallel ${cores})
run(${SCRATCH}/build/consumer)
run(${SCRATCH}/build/own_method ${CMAKE_CURRENT_LIST_DIR}/../../models/emoji-vit/vision.ts)
