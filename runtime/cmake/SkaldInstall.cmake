# Installation: the library, its headers in one include/skald, the command, and what pkg-config and
# find_package(skald) need. Everything is found relative to its own place, so that the installed tree
# can be moved.
install(TARGETS skald EXPORT skaldTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS skald_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY sagas/include/skald runtime/include/skald
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# pkg-config. CMAKE_INSTALL_LIBDIR may be absolute; then so is the prefix.
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR absolute)
if(absolute)
  set(SKALD_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH SKALD_PC_PREFIX /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x/)
  string(REGEX REPLACE "/$" "" SKALD_PC_PREFIX "\${pcfiledir}/${SKALD_PC_PREFIX}")
endif()
set(SKALD_PC_LIBDIR "\${prefix}")
set(SKALD_PC_INCLUDEDIR "\${prefix}")
cmake_path(APPEND SKALD_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
cmake_path(APPEND SKALD_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(runtime/cmake/skald.pc.in ${CMAKE_CURRENT_BINARY_DIR}/skald.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/skald.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# find_package(skald)
set(SKALD_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/skald)
configure_package_config_file(runtime/cmake/skaldConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/skaldConfig.cmake
  INSTALL_DESTINATION ${SKALD_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/skaldConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(EXPORT skaldTargets NAMESPACE skald:: DESTINATION ${SKALD_PACKAGE_DIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/skaldConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/skaldConfigVersion.cmake runtime/cmake/SkaldProtobuf.cmake
  DESTINATION ${SKALD_PACKAGE_DIR})
