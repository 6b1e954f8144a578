# Install rules and the package config: find_package(legrad CONFIG [COMPONENTS image text eval]). Two install components:
# `development` (libraries, headers, package config) and `programs`.
include(CMakePackageConfigHelpers)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/legrad)

# One export set a library, so that who does not ask for `image` needs no OpenCV, and for `text` no ICU.
install(TARGETS legrad EXPORT legradTargets
  COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT legradTargets NAMESPACE legrad:: DESTINATION ${config_folder} COMPONENT development)
if(LEGRAD_WITH_OPENCV)
  install(TARGETS legrad_image EXPORT legradImageTargets COMPONENT development)
  install(EXPORT legradImageTargets NAMESPACE legrad:: DESTINATION ${config_folder} COMPONENT development)
  install(TARGETS legrad_eval EXPORT legradEvalTargets COMPONENT development)
  install(EXPORT legradEvalTargets NAMESPACE legrad:: DESTINATION ${config_folder} COMPONENT development)
endif()
if(LEGRAD_WITH_ICU)
  install(TARGETS legrad_text EXPORT legradTextTargets COMPONENT development)
  install(EXPORT legradTextTargets NAMESPACE legrad:: DESTINATION ${config_folder} COMPONENT development)
endif()
if(NOT LEGRAD_WITH_OPENCV)
  set(without_image REGEX "/legrad/(image|eval)(\\.h|/)" EXCLUDE)
endif()
if(NOT LEGRAD_WITH_ICU)
  set(without_text REGEX "/legrad/text(\\.h|/)" EXCLUDE)
endif()
install(DIRECTORY include/legrad
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development
  FILES_MATCHING PATTERN "*.h" ${without_image} ${without_text})

configure_package_config_file(cmake/legradConfig.cmake.in ${PROJECT_BINARY_DIR}/legradConfig.cmake
  INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/legradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/legradConfig.cmake
    ${PROJECT_BINARY_DIR}/legradConfigVersion.cmake
    cmake/LegradTorch.cmake
  DESTINATION ${config_folder}
  COMPONENT development)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)

foreach(program IN ITEMS legrad_program legrad_bench)
  if(TARGET ${program})
    install(TARGETS ${program} COMPONENT programs)
  endif()
endforeach()
