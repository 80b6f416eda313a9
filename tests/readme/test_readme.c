/* What the README says is tried as it stands there: Skald is installed into a folder, the folder is
 * moved, and an outsider follows the README's blocks with nothing but that folder. */
#include "support/child.h"
#include "support/test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_SIZE_MAX 65536u
#define HELLO_LINES_MAX 60u

/* An instrumented library needs its users to be instrumented too: it is not what people install. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED 0
#endif

static char home[64];    /* everything of this test */
static char prefix[128]; /* where Skald is installed */
static char readme[TEXT_SIZE_MAX];

static void path_in(const char *folder, const char *file, char out[512])
{
    snprintf(out, 512, "%s/%s", folder, file);
}

static void write_file(const char *folder, const char *name, const char *text, size_t size)
{
    char path[512];
    path_in(folder, name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void read_readme(void)
{
    char path[512];
    path_in(test_variable("SKALD_SOURCE_DIR"), "README.md", path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t size = fread(readme, 1, sizeof(readme) - 1, file);
    assert_true(size > 0 && size < sizeof(readme) - 1);
    fclose(file);
}

/* The README's first block of a language after `from`, without its fences. */
static const char *find_block(const char *from, const char *language, size_t *size)
{
    char fence[32];
    snprintf(fence, sizeof(fence), "\n```%s\n", language);
    const char *begin = strstr(from, fence);
    assert_non_null(begin);
    begin += strlen(fence);
    const char *end = strstr(begin, "\n```\n");
    assert_non_null(end);
    *size = (size_t)(end - begin) + 1;
    return begin;
}

static const char *find_section(const char *title)
{
    const char *section = strstr(readme, title);
    if (section == NULL)
        fail_msg("the README has no section \"%s\"", title);
    return section;
}

/* Runs a shell in `folder` with what an installation gives: a PATH, pkg-config, CMake and the
 * loader that look into the prefix. */
static void run_script(const char *folder, const char *script, test_child **out)
{
    char line[TEXT_SIZE_MAX];
    char path[1024];
    char package[256];
    char library[256];
    char cmake[256];
    snprintf(line, sizeof(line), "set -eu\ncd '%s'\n%s", folder, script);
    snprintf(path, sizeof(path), "PATH=%s/bin:%s", prefix, getenv("PATH"));
    snprintf(package, sizeof(package), "PKG_CONFIG_PATH=%s/lib/pkgconfig", prefix);
    snprintf(library, sizeof(library), "LD_LIBRARY_PATH=%s/lib", prefix);
    snprintf(cmake, sizeof(cmake), "CMAKE_PREFIX_PATH=%s", prefix);
    const char *const argv[] = {"sh", "-c", line, NULL};
    const char *const environment[] = {path, package, library, cmake, NULL};
    *out = child_start(argv, environment);
    const int code = child_wait(*out);
    if (code != 0)
        fail_msg("exit code %d from:\n%s\n%s%s", code, script, child_out(*out), child_err(*out));
}

static void make_folder(const char *name, char out[512])
{
    path_in(home, name, out);
    assert_int_equal(mkdir(out, 0755), 0);
}

/* A new folder with hello.proto and hello.c as the README has them. */
static void write_hello(const char *name, char folder[512])
{
    const char *section = find_section("\n## Hello, world\n");
    size_t size = 0;
    make_folder(name, folder);
    const char *text = find_block(section, "proto", &size);
    write_file(folder, "hello.proto", text, size);
    text = find_block(section, "c", &size);
    write_file(folder, "hello.c", text, size);
}

static void test_hello_world_is_at_most_60_lines(void **state)
{
    (void)state;
    size_t size = 0;
    const char *text = find_block(find_section("\n## Hello, world\n"), "c", &size);
    unsigned lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    assert_in_range(lines, 10, HELLO_LINES_MAX);
}

static void test_hello_world_runs_with_the_commands_of_the_readme(void **state)
{
    (void)state;
    char folder[512];
    char script[TEXT_SIZE_MAX];
    size_t size = 0;
    test_child *shell = NULL;
    write_hello("pkg-config", folder);
    const char *commands = find_block(find_section("\n## Hello, world\n"), "sh", &size);
    snprintf(script, sizeof(script), "%.*s", (int)size, commands);

    run_script(folder, script, &shell);

    assert_contains(child_out(shell), "hello, world\n");
    child_free(shell);
}

static void test_hello_world_builds_with_find_package(void **state)
{
    (void)state;
    char folder[512];
    size_t size = 0;
    test_child *shell = NULL;
    write_hello("find-package", folder);
    const char *text = find_block(find_section("\n## Hello, world\n"), "cmake", &size);
    write_file(folder, "CMakeLists.txt", text, size);

    run_script(folder,
               "cmake -S . -B build\n"
               "cmake --build build\n"
               "skald dev --ephemeral -- build/hello\n",
               &shell);

    assert_contains(child_out(shell), "hello, world\n");
    child_free(shell);
}

/* Each header is included alone, twice, in C and in C++, with the warnings that strict users have.
 */
static void compile_header(const char *folder, const char *name)
{
    char source[1024];
    test_child *shell = NULL;
    snprintf(source, sizeof(source),
             "#include <skald/%s>\n#include <skald/%s>\nint main(void);\n"
             "int main(void)\n{\n    return 0;\n}\n",
             name, name);
    write_file(folder, "alone.c", source, strlen(source));
    run_script(folder,
               "warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'\n"
               "flags=$(pkg-config --cflags skald)\n"
               "cc -std=c17 $warnings -fsyntax-only $flags alone.c\n"
               "c++ -std=c++17 $warnings -fsyntax-only -x c++ $flags alone.c\n",
               &shell);
    child_free(shell);
}

static void test_every_public_header_compiles_alone_in_c_and_cpp(void **state)
{
    (void)state;
    char folder[512];
    char headers[512];
    unsigned count = 0;
    make_folder("headers", folder);
    path_in(prefix, "include/skald", headers);
    DIR *directory = opendir(headers);
    assert_non_null(directory);
    for (struct dirent *entry = NULL; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        compile_header(folder, entry->d_name);
        count++;
    }
    closedir(directory);
    assert_true(count >= 10);
}

/* Only skald_ names leave the library, so that it can live beside any other. */
static void test_the_library_exports_only_its_own_names(void **state)
{
    (void)state;
    test_child *shell = NULL;
    run_script(prefix,
               "nm -D --defined-only lib/libskald.so | awk '{print $3}' |"
               " sed 's/@.*//' | grep -v -e '^skald_' -e '^SKALD_0$' || true\n"
               "nm -D --defined-only lib/libskald.so | grep -c ' T skald_' >&2\n",
               &shell);
    assert_string_equal(child_out(shell), "");
    assert_true(strtol(child_err(shell), NULL, 10) > 10);
    child_free(shell);
}

/* A path in backquotes that begins with one of our folders must exist. */
static void test_every_path_the_readme_names_exists(void **state)
{
    (void)state;
    static const char *const roots[] = {"sagas/",      "runtime/",  "proto/",
                                        "migrations/", "examples/", "tests/"};
    unsigned found = 0;
    for (const char *at = readme; (at = strchr(at, '`')) != NULL; at++) {
        char path[512];
        char name[256];
        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
            if (strncmp(at + 1, roots[i], strlen(roots[i])) != 0)
                continue;
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, "` \n"), at + 1);
            path_in(test_variable("SKALD_SOURCE_DIR"), name, path);
            if (access(path, F_OK) != 0)
                fail_msg("the README names `%s`, which does not exist", name);
            found++;
        }
    }
    assert_true(found >= 6);
}

/* Installed in one place and used in another, as a package would be unpacked anywhere. */
static int install(void **state)
{
    (void)state;
    char first[512];
    char command[1536];
    test_child *shell = NULL;
    strcpy(home, "/tmp/skald-readme-XXXXXX");
    assert_non_null(mkdtemp(home));
    assert_int_equal(chmod(home, 0755), 0);
    read_readme();
    path_in(home, "first", first);
    snprintf(prefix, sizeof(prefix), "%s/moved", home);
    snprintf(command, sizeof(command),
             "cmake --install '%s' --prefix '%s' >/dev/null\nmv '%s' '%s'\n",
             test_variable("SKALD_BINARY_DIR"), first, first, prefix);
    run_script("/", command, &shell);
    child_free(shell);
    return 0;
}

static int uninstall(void **state)
{
    (void)state;
    test_child *removal = child_run("rm", "-rf", home, NULL);
    const int code = child_wait(removal);
    child_free(removal);
    return code;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_path_the_readme_names_exists),
        cmocka_unit_test(test_hello_world_is_at_most_60_lines),
        cmocka_unit_test(test_every_public_header_compiles_alone_in_c_and_cpp),
        cmocka_unit_test(test_the_library_exports_only_its_own_names),
        cmocka_unit_test(test_hello_world_runs_with_the_commands_of_the_readme),
        cmocka_unit_test(test_hello_world_builds_with_find_package),
    };
    if (INSTRUMENTED) {
        printf("skipped: an instrumented library is not what people install\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, install, uninstall);
}
