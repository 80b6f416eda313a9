# skald_protobuf(TARGET name [ROOT dir] PROTOS a.proto b/c.proto ... [OBJECT])
#
# Makes a library `name` from .proto files with protoc-c. PROTOS are relative to ROOT (default: the
# current source folder), as import statements name them. Who links it can include "a.pb-c.h" and
# "b/c.pb-c.h".
find_program(SKALD_PROTOC_C NAMES protoc-c)

function(skald_protobuf)
  cmake_parse_arguments(ARG "OBJECT" "TARGET;ROOT" "PROTOS" ${ARGN})
  if(NOT SKALD_PROTOC_C)
    message(FATAL_ERROR "skald_protobuf: protoc-c is missing: apt-get install protobuf-c-compiler")
  endif()
  if(NOT ARG_TARGET OR NOT ARG_PROTOS)
    message(FATAL_ERROR "skald_protobuf: TARGET and PROTOS are needed")
  endif()
  if(NOT ARG_ROOT)
    set(ARG_ROOT ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${ARG_TARGET}.protobuf)
  set(sources)
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND ${SKALD_PROTOC_C} --proto_path=${ARG_ROOT} --c_out=${out} ${ARG_ROOT}/${proto}
      DEPENDS ${ARG_ROOT}/${proto}
      COMMENT "protoc-c ${proto}" VERBATIM)
    list(APPEND sources ${out}/${stem}.pb-c.c ${out}/${stem}.pb-c.h)
  endforeach()
  if(ARG_OBJECT)
    add_library(${ARG_TARGET} OBJECT ${sources})
  else()
    add_library(${ARG_TARGET} STATIC ${sources})
  endif()
  target_include_directories(${ARG_TARGET} PUBLIC ${out})
  if(TARGET PkgConfig::PROTOBUF_C)
    target_link_libraries(${ARG_TARGET} PUBLIC PkgConfig::PROTOBUF_C)
  else()
    target_link_libraries(${ARG_TARGET} PUBLIC protobuf-c)
  endif()
endfunction()
