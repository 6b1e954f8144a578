# Configures, builds and runs the programs of one consumer project, as somebody else would. Run by ctest:
#   cmake -DPROJECT=find_package|add_subdirectory -DBUILD=<legrad's build folder> -DSCRATCH=<folder> -DTORCH_DIR=<folder>
#         -DGENERATOR=<name> -DWITH_IMAGE=ON|OFF -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
set(arguments -S ${CMAKE_CURRENT_LIST_DIR}/${PROJECT} -B ${SCRATCH}/build -DWITH_IMAGE=${WITH_IMAGE})
set(programs consumer own_method)
if(WITH_IMAGE)
  list(APPEND programs evaluates)
endif()
file(REMOVE_RECURSE ${SCRATCH})
if(PROJECT STREQUAL "find_package")
  # Installed, then moved: the package must not remember where it was put. Torch is found by the package itself.
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/installed --component development)
  file(RENAME ${SCRATCH}/installed ${SCRATCH}/moved)
  run(${CMAKE_COMMAND} ${arguments} -G ${GENERATOR} -Dlegrad_ROOT=${SCRATCH}/moved)
  run(${CMAKE_COMMAND} --build ${SCRATCH}/build --target ${programs} --parallel ${cores})
else()
  # The libraries were built from these sources a moment ago: they are put where this project would build them, and
  # `/fast`, which makefiles have, builds a target without what it links. Everything else is this project's own: the
  # targets and options that the sources bring, what they make a user compile and link with.
  run(${CMAKE_COMMAND} ${arguments} -G "Unix Makefiles"
    -DLEGRAD_SOURCE=${CMAKE_CURRENT_LIST_DIR}/../.. -DTorch_DIR=${TORCH_DIR})
  file(GLOB_RECURSE libraries RELATIVE ${BUILD} ${BUILD}/src/liblegrad*)
  foreach(library IN LISTS libraries)
    get_filename_component(folder ${SCRATCH}/build/legrad/${library} DIRECTORY)
    file(COPY ${BUILD}/${library} DESTINATION ${folder})
  endforeach()
  foreach(program IN LISTS programs)
    run(${CMAKE_COMMAND} --build ${SCRATCH}/build --target ${program}/fast)
  endforeach()
endif()

run(${SCRATCH}/build/consumer)
set(root ${CMAKE_CURRENT_LIST_DIR}/../..)
run(${SCRATCH}/build/own_method ${root}/models/emoji-vit/vision.ts)
if(WITH_IMAGE)
  run(${SCRATCH}/build/evaluates ${root}/models/emoji-vit ${root}/examples/scenes ${SCRATCH}/evaluation)
endif()
