# Installs the programs, moves them, and runs one: it must find LibTorch from where it is.
#   cmake -DBUILD=<legrad's build folder> -DSCRATCH=<folder> -P installed_program.cmake
file(REMOVE_RECURSE ${SCRATCH})
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/installed --component programs
  COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${SCRATCH}/installed ${SCRATCH}/moved)
execute_process(COMMAND ${SCRATCH}/moved/bin/legrad --version COMMAND_ERROR_IS_FATAL ANY)
