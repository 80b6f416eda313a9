/* skald help: made from the same table as the parser. */
#include "cli/command.h"
#include "cli/terminal.h"

#include <string.h>

#define OPTION_WIDTH 18

static void print_option(const char *name, const char *value, const char *help, FILE *out)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value != NULL ? " " : "",
             value != NULL ? value : "");
    fprintf(out, "  %-*s", OPTION_WIDTH, left);
    /* The help of an option may have several lines; all begin in the same column. */
    for (const char *line = help; line != NULL;) {
        const char *end = strchr(line, '\n');
        const int size = end != NULL ? (int)(end - line) : (int)strlen(line);
        fprintf(out, " %.*s\n", size, line);
        line = end != NULL ? end + 1 : NULL;
        if (line != NULL)
            fprintf(out, "  %-*s", OPTION_WIDTH, "");
    }
}

void skald_command_help_print(const skald_command *command, FILE *out)
{
    fprintf(out, "%sskald %s%s: %s\n\n%s\n", skald_terminal_bold(out), command->name,
            skald_terminal_plain(out), command->purpose, command->examples);
    fprintf(out, "Usage: skald %s [options]%s%s\n\n", command->name,
            command->operands != NULL ? " " : "",
            command->operands != NULL ? command->operands : "");
    for (const skald_command_option *at = command->options; at->name != NULL; at++)
        print_option(at->name, at->value, at->help, out);
    print_option("help", NULL, "print this", out);
    if (command->notes != NULL)
        fprintf(out, "\n%s", command->notes);
}

void skald_command_overview_print(FILE *out)
{
    fprintf(out, "%sskald%s: sagas and an event bus for C services on PostgreSQL and NATS\n\n",
            skald_terminal_bold(out), skald_terminal_plain(out));
    fprintf(out, "  skald dev                       start private servers; Ctrl-C stops them\n"
                 "  skald dev --ephemeral -- CMD    run a command on servers of its own\n"
                 "  skald migrate up                give a database the schema \"skald\"\n\n"
                 "Usage: skald COMMAND [options]\n\n");
    for (size_t i = 0; skald_commands[i] != NULL; i++)
        fprintf(out, "  %-16s %s\n", skald_commands[i]->name, skald_commands[i]->purpose);
    fprintf(out, "\nEvery command has --help; what prints data has --json. Data goes to stdout,\n"
                 "everything else to stderr.\n\n"
                 "Exit codes: 0 done, 1 a negative answer, 2 some of many were refused, 64 wrong\n"
                 "usage, 65 data that does not fit, 69 a server or program is missing, 70\n"
                 "internal, 75 try again, 77 refused, 78 wrong schema or setting.\n");
}

static int run(const void *options, int argc, char **argv)
{
    (void)options;
    int used = 0;
    if (argc == 0) {
        skald_command_overview_print(stdout);
        return EX_OK;
    }
    const skald_command *command = skald_command_find(argc, argv, &used);
    if (command == NULL || used < argc)
        return skald_command_unknown(argc, argv);
    skald_command_help_print(command, stdout);
    return EX_OK;
}

static const skald_command_option no_options[] = {{0}};

const skald_command skald_command_help = {
    .name = "help",
    .purpose = "explain a command",
    .examples = "  skald help                 all commands\n"
                "  skald help migrate up      one of them\n",
    .operands = "[COMMAND]",
    .options = no_options,
    .run = run,
};
