# skald_embed_migrations(VARIABLE): sets VARIABLE to a C file, made at build time, that holds every
# migrations/NNNN_name.sql and its NNNN_name.down.sql as bytes (see runtime/schema/migrations.h).
function(skald_embed_migrations variable)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/migrations/*.sql)
  set(out ${PROJECT_BINARY_DIR}/migrations.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${PROJECT_SOURCE_DIR}/migrations -DOUT=${out}
            -P ${PROJECT_SOURCE_DIR}/runtime/cmake/EmbedMigrations.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/runtime/cmake/EmbedMigrations.cmake
    COMMENT "Embedding migrations" VERBATIM)
  set(${variable} ${out} PARENT_SCOPE)
endfunction()
