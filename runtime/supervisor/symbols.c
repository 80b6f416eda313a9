/* Reads an ELF file without trusting it: every range is checked against the file's size. */
#include "supervisor/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct image {
    const unsigned char *bytes;
    size_t size;
} image;

static bool image_open(image *out, const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    void *bytes = MAP_FAILED;
    if (file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0)
        bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (file >= 0)
        close(file);
    if (bytes == MAP_FAILED)
        return false;
    *out = (image){.bytes = bytes, .size = (size_t)about.st_size};
    return true;
}

static void image_close(image *of)
{
    munmap((void *)(uintptr_t)of->bytes, of->size);
}

/* `size` bytes at `offset`, NULL when the file is shorter. */
static const void *range(const image *of, uint64_t offset, uint64_t size)
{
    return offset <= of->size && size <= of->size - offset ? of->bytes + offset : NULL;
}

static const ElfW(Ehdr) * header(const image *of)
{
    const ElfW(Ehdr) *found = range(of, 0, sizeof *found);
    const unsigned char class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    return found != NULL && memcmp(found->e_ident, ELFMAG, SELFMAG) == 0 &&
                   found->e_ident[EI_CLASS] == class
               ? found
               : NULL;
}

/* Where the file wants to be loaded: not 0 in a program that is not position-independent. */
static uintptr_t first_address(const image *of, const ElfW(Ehdr) * top)
{
    const ElfW(Phdr) *segments =
        range(of, top->e_phoff, (uint64_t)top->e_phnum * sizeof(ElfW(Phdr)));
    for (size_t i = 0; segments != NULL && i < top->e_phnum; i++) {
        if (segments[i].p_type == PT_LOAD)
            return segments[i].p_vaddr & ~(uintptr_t)4095;
    }
    return 0;
}

typedef struct wanted {
    uintptr_t address;
    char *name;
    size_t name_size;
    uintptr_t into;
} wanted;

static bool table_search(const image *of, const ElfW(Shdr) * table, const ElfW(Shdr) * strings,
                         wanted *out)
{
    const ElfW(Sym) *symbols = range(of, table->sh_offset, table->sh_size);
    const char *names = range(of, strings->sh_offset, strings->sh_size);
    if (symbols == NULL || names == NULL || strings->sh_size == 0 ||
        names[strings->sh_size - 1] != '\0')
        return false;
    for (size_t i = 0; i < table->sh_size / sizeof *symbols; i++) {
        const ElfW(Sym) *symbol = &symbols[i];
        if ((symbol->st_info & 0xf) != STT_FUNC || symbol->st_name >= strings->sh_size ||
            out->address < symbol->st_value || out->address - symbol->st_value >= symbol->st_size)
            continue;
        snprintf(out->name, out->name_size, "%s", names + symbol->st_name);
        out->into = out->address - symbol->st_value;
        return true;
    }
    return false;
}

static bool image_search(const image *of, uintptr_t offset, wanted *out)
{
    const ElfW(Ehdr) *top = header(of);
    if (top == NULL)
        return false;
    const ElfW(Shdr) *sections =
        range(of, top->e_shoff, (uint64_t)top->e_shnum * sizeof(ElfW(Shdr)));
    out->address = first_address(of, top) + offset;
    for (size_t i = 0; sections != NULL && i < top->e_shnum; i++) {
        const ElfW(Shdr) *section = &sections[i];
        if (section->sh_type == SHT_SYMTAB && section->sh_link < top->e_shnum &&
            table_search(of, section, &sections[section->sh_link], out))
            return true;
    }
    return false;
}

bool skald_symbols_find(const char *path, uintptr_t offset, char *name, size_t name_size,
                        uintptr_t *into)
{
    image file;
    if (!image_open(&file, path))
        return false;
    wanted out = {.name = name, .name_size = name_size};
    const bool found = image_search(&file, offset, &out);
    image_close(&file);
    if (found)
        *into = out.into;
    return found;
}

/* "#0 ? (path+0x1c)" with the name in it; other lines as they are. */
static void line_fill(const char *line, char *out, size_t size)
{
    const char *unknown = strstr(line, " ? (");
    const char *plus = strrchr(line, '+');
    char path[1024], name[256];
    uintptr_t into;
    snprintf(out, size, "%s", line);
    if (unknown == NULL || plus == NULL || plus < unknown)
        return;
    snprintf(path, sizeof path, "%.*s", (int)(plus - unknown - 4), unknown + 4);
    if (skald_symbols_find(path, strtoull(plus + 1, NULL, 16), name, sizeof name, &into))
        snprintf(out, size, "%.*s %s+0x%jx%s", (int)(unknown - line), line, name, (uintmax_t)into,
                 unknown + 2);
}

void skald_symbols_fill(char *text, size_t size)
{
    char *filled = calloc(1, size);
    char *rest = NULL;
    size_t used = 0;
    for (char *line = strtok_r(text, "\n", &rest); filled != NULL && line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char longer[1400];
        line_fill(line, longer, sizeof longer);
        const size_t length = strlen(longer);
        if (used + length + 2 > size)
            break;
        memcpy(filled + used, longer, length);
        filled[used + length] = '\n';
        used += length + 1;
    }
    if (filled != NULL)
        memcpy(text, filled, size);
    free(filled);
}
