# Install rules and the package config: find_package(legrad CONFIG [COMPONENTS image]).
include(CMakePackageConfigHelpers)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/legrad)

# One export set a component, so that who does not ask for `image` needs no OpenCV.
install(TARGETS legrad EXPORT legradTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT legradTargets NAMESPACE legrad:: DESTINATION ${config_folder})
if(LEGRAD_WITH_OPENCV)
  install(TARGETS legrad_image EXPORT legradImageTargets)
  install(EXPORT legradImageTargets NAMESPACE legrad:: DESTINATION ${config_folder})
endif()
install(DIRECTORY include/legrad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
foreach(program IN ITEMS legrad_program legrad_bench)
  if(TARGET ${program})
    install(TARGETS ${program})
  endif()
endforeach()

configure_package_config_file(cmake/legradConfig.cmake.in ${PROJECT_BINARY_DIR}/legradConfig.cmake
  INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/legradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/legradConfig.cmake
    ${PROJECT_BINARY_DIR}/legradConfigVersion.cmake
    cmake/LegradTorch.cmake
  DESTINATION ${config_folder})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
