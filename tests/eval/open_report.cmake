# Makes a small report and opens it in a browser without a window: its script must run to the end, with nothing on the
# console, and show one block of LeGrad's at a time.
#   cmake -DPROGRAM=<legrad> -DBROWSER=<chromium> -DSOURCE=<checkout> -DSCRATCH=<folder> -P open_report.cmake
file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH})
execute_process(
  COMMAND ${PROGRAM} evaluate --model ${SOURCE}/models/emoji-vit --data ${SOURCE}/examples/scenes --format scenes --limit 2
    --methods legrad,rollout --metrics pixel_ap,perturbation_positive_target --controls random --per-layer
    --out ${SCRATCH}/out
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(
  COMMAND ${BROWSER} --headless --no-sandbox --disable-gpu --user-data-dir=${SCRATCH}/profile --enable-logging=stderr
    --virtual-time-budget=3000 --dump-dom file://${SCRATCH}/out/report.html
  OUTPUT_VARIABLE page ERROR_VARIABLE log COMMAND_ERROR_IS_FATAL ANY)
if(NOT page MATCHES "<html[^>]*data-ready=\"4\"")
  message(FATAL_ERROR "the page's script did not run to its end")
endif()
if(log MATCHES "CONSOLE[^\n]*")
  message(FATAL_ERROR "the page complains: ${CMAKE_MATCH_0}")
endif()
string(REGEX MATCHALL "<img[^>]*data-layer=\"[0-9]+\"[^>]*hidden" hidden "${page}")
string(REGEX MATCHALL "<img[^>]*data-layer=\"[0-9]+\"" layers "${page}")
list(LENGTH hidden hidden)
list(LENGTH layers layers)
if(layers EQUAL 0 OR NOT hidden LESS layers)
  message(FATAL_ERROR "${hidden} of ${layers} pictures of blocks are hidden; expected all but one a picture")
endif()
