# Runs a shell block of the README as a reader would at the root of the checkout, with the program on the PATH; what
# it writes lands in a scratch folder, whose entries are links to the checkout's.
#   cmake -DSOURCE=<checkout> -DBUILD=<build folder> -DSCRATCH=<folder> -DBLOCK=<file> -P run_shell.cmake
file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH})
file(GLOB entries RELATIVE ${SOURCE} ${SOURCE}/*)
foreach(entry IN LISTS entries)
  if(NOT entry MATCHES "^(\\.git|\\.deps|out|build.*)$")
    file(CREATE_LINK ${SOURCE}/${entry} ${SCRATCH}/${entry} SYMBOLIC)
  endif()
endforeach()
file(CREATE_LINK ${BUILD} ${SCRATCH}/build SYMBOLIC)
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env "PATH=${BUILD}/bin:$ENV{PATH}" bash -euo pipefail ${BLOCK}
  WORKING_DIRECTORY ${SCRATCH}
  COMMAND_ERROR_IS_FATAL ANY)
