# cmake -DFOLDER=migrations -DOUT=migrations.c -P EmbedMigrations.cmake
#
# Writes the table that runtime/schema/migrations.h declares. The texts are byte arrays, since C
# promises no string literal longer than 4095 characters.

function(embed file symbol out)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  set(${out} "static const unsigned char ${symbol}[] = {\n${bytes}0x00};\n" PARENT_SCOPE)
endfunction()

file(GLOB files ${FOLDER}/*.sql)
list(FILTER files EXCLUDE REGEX "\\.down\\.sql$")
list(SORT files)

set(texts "")
set(rows "")
set(count 0)
foreach(file IN LISTS files)
  get_filename_component(stem ${file} NAME_WLE)
  if(NOT stem MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)$")
    message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
  endif()
  set(digits ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  math(EXPR count "${count} + 1")
  math(EXPR number "1${digits} - 10000")
  if(NOT number EQUAL count)
    message(FATAL_ERROR "${file}: expected number ${count}; numbers have no gaps and no repeats")
  endif()
  set(down_file ${FOLDER}/${stem}.down.sql)
  if(NOT EXISTS ${down_file})
    message(FATAL_ERROR "${file}: its way back, ${stem}.down.sql, is missing")
  endif()
  embed(${file} up_${digits} up)
  embed(${down_file} down_${digits} down)
  file(SHA256 ${file} checksum)
  string(APPEND texts "${up}${down}")
  string(APPEND rows "    {${number}, \"${name}\", (const char *)up_${digits}, "
                     "(const char *)down_${digits},\n     \"${checksum}\"},\n")
endforeach()

file(WRITE ${OUT} "/* Made from migrations/ by runtime/cmake/EmbedMigrations.cmake; do not edit. */
#include \"schema/migrations.h\"

${texts}
static const skald_migration migrations[] = {
${rows}};

const skald_migration_set skald_migrations = {migrations, ${count}};
")
