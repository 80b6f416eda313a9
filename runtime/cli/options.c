/* Parsing options by a command's table. */
#include "cli/command.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 24
#define HELP_CODE 1000

typedef struct option_parser {
    const skald_command *command;
    const char *names[OPTIONS_MAX + 2];
    struct option table[OPTIONS_MAX + 2];
} option_parser;

static void add(option_parser *parser, size_t at, const char *name, bool argument, int code)
{
    assert(at < OPTIONS_MAX + 1);
    parser->names[at] = name;
    parser->table[at] = (struct option){
        .name = name, .has_arg = argument ? required_argument : no_argument, .val = code};
}

static void init(option_parser *parser, const skald_command *command)
{
    size_t count = 0;
    parser->command = command;
    for (; command->options[count].name != NULL; count++)
        add(parser, count, command->options[count].name,
            command->options[count].kind != SKALD_OPTION_FLAG, HELP_CODE + 1 + (int)count);
    add(parser, count, "help", false, HELP_CODE);
}

static bool number_read(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value == 0)
        return false;
    *out = value;
    return true;
}

/* False when the value is not of the option's kind. */
static bool take(const skald_command_option *option, void *options, const char *value)
{
    char *field = (char *)options + option->offset;
    if (option->kind == SKALD_OPTION_FLAG)
        *(bool *)(void *)field = true;
    else if (option->kind == SKALD_OPTION_TEXT)
        *(const char **)(void *)field = value;
    else
        return number_read(value, (int64_t *)(void *)field);
    return true;
}

static int refuse_number(const option_parser *parser, const char *name, const char *value)
{
    fprintf(stderr, "skald %s: --%s takes a whole number above 0, not \"%s\"\n",
            parser->command->name, name, value);
    return EX_USAGE;
}

static int refuse_option(const option_parser *parser, const char *word)
{
    const char *bare = word + strspn(word, "-");
    const char *meant = skald_command_nearest(bare, parser->names);
    fprintf(stderr, "skald %s: there is no option %s", parser->command->name, word);
    if (meant != NULL)
        fprintf(stderr, "; did you mean --%s?\n", meant);
    else
        fprintf(stderr, "; see \"skald help %s\"\n", parser->command->name);
    return EX_USAGE;
}

static int refuse_missing(const option_parser *parser, const char *word)
{
    fprintf(stderr, "skald %s: option %s needs a value\n", parser->command->name, word);
    return EX_USAGE;
}

static int refuse_operand(const option_parser *parser, const char *word)
{
    fprintf(stderr, "skald %s: \"%s\" is one word too many; see \"skald help %s\"\n",
            parser->command->name, word, parser->command->name);
    return EX_USAGE;
}

/* True to go on; false when `exit_code` is decided. */
static bool handle(const option_parser *parser, int code, char **argv, void *options,
                   int *exit_code)
{
    switch (code) {
    case 'h':
    case HELP_CODE:
        skald_command_help_print(parser->command, stdout);
        *exit_code = EX_OK;
        return false;
    case 'o':
        if (strcmp(optarg, "json") != 0 && strcmp(optarg, "table") != 0) {
            fprintf(stderr, "skald %s: -o is \"table\" or \"json\"\n", parser->command->name);
            *exit_code = EX_USAGE;
            return false;
        }
        for (const skald_command_option *at = parser->command->options; at->name != NULL; at++)
            if (strcmp(at->name, "json") == 0 && strcmp(optarg, "json") == 0)
                take(at, options, NULL);
        return true;
    case ':':
        *exit_code = refuse_missing(parser, argv[optind - 1]);
        return false;
    case '?':
        *exit_code = refuse_option(parser, argv[optind - 1]);
        return false;
    default: {
        const skald_command_option *option = &parser->command->options[code - HELP_CODE - 1];
        if (take(option, options, optarg))
            return true;
        *exit_code = refuse_number(parser, option->name, optarg);
        return false;
    }
    }
}

int skald_command_parse(const skald_command *command, int argc, char **argv, void *options,
                        int *exit_code)
{
    option_parser parser = {0};
    init(&parser, command);
    opterr = 0;
    optind = 1;
    /* "+": the first operand ends the options, so that a command's own options are left to it. All
     * others take options before, between and after their operands. */
    const char *letters = command->runs ? "+:ho:" : ":ho:";
    for (int code; (code = getopt_long(argc, argv, letters, parser.table, NULL)) != -1;)
        if (!handle(&parser, code, argv, options, exit_code))
            return -1;
    if (optind < argc && command->operands == NULL) {
        *exit_code = refuse_operand(&parser, argv[optind]);
        return -1;
    }
    return optind;
}
