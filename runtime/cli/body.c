/* Types come from skald.message_type, where services have written down what they handle. */
#include "cli/body.h"
#include "cli/table.h"

#include "base/utf8.h"
#include "codec/decode.h"
#include "codec/describe.h"
#include "json/print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DUMP_WIDTH = 16, DUMP_MAX = 1024 };

static const char *keep_trouble(cli_session *session)
{
    return skald_arena_text(&session->arena, session->error.text);
}

static void decode(cli_session *session, cli_body *out, skald_bytes description)
{
    if (skald_describe_read(&out->descriptor, description, &session->arena, &session->error) !=
            SKALD_OK ||
        skald_decode(&out->message, out->descriptor, out->bytes, &session->arena,
                     &session->error) != SKALD_OK)
        out->trouble = keep_trouble(session);
}

bool body_load(cli_session *session, cli_body *out, const char *type, const char *content_type,
               skald_bytes bytes)
{
    *out = (cli_body){.type = type, .content_type = content_type, .bytes = bytes};
    if (type == NULL) {
        out->trouble = "its headers do not say of which type it is";
        return true;
    }
    const skald_param params[] = {skald_text(type)};
    const skald_rows *rows = session_ask_binary(
        session, "SELECT description FROM skald.message_type WHERE name = $1", 1, params);
    if (rows == NULL)
        return false;
    if (skald_rows_count(rows) > 0)
        decode(session, out, skald_rows_bytes(rows, 0, 0));
    else
        out->trouble = skald_arena_format(
            &session->arena, "no program of this service that handles %s has run yet", type);
    return true;
}

/* --- printing ------------------------------------------------------------------------------ */

static void dump_line(const unsigned char *at, size_t size, size_t offset)
{
    printf("  %06zx ", offset);
    for (size_t i = 0; i < DUMP_WIDTH; i++) {
        if (i < size)
            printf(" %02x", at[i]);
        else
            printf("   ");
    }
    printf("  ");
    for (size_t i = 0; i < size; i++)
        putchar(at[i] < 0x80 && isprint(at[i]) ? at[i] : '.');
    putchar('\n');
}

static void dump(skald_bytes bytes)
{
    for (size_t i = 0; i < bytes.size && i < DUMP_MAX; i += DUMP_WIDTH)
        dump_line((const unsigned char *)bytes.data + i,
                  bytes.size - i < DUMP_WIDTH ? bytes.size - i : DUMP_WIDTH, i);
    if (bytes.size > DUMP_MAX)
        printf("  ... %zu bytes more; --json has them all\n", bytes.size - DUMP_MAX);
}

/* Strangers may send JSON or plain text. */
static bool is_text(const cli_body *body)
{
    return body->content_type != NULL &&
           (strncmp(body->content_type, "text/", 5) == 0 ||
            strncmp(body->content_type, "application/json", 16) == 0) &&
           skald_utf8_valid_size(body->bytes.data, body->bytes.size) == body->bytes.size;
}

/* The pretty JSON as text whose lines are made safe for a terminal one by one. */
static void print_message(cli_session *session, const ProtobufCMessage *message)
{
    char *text = NULL;
    size_t size = 0;
    skald_json json = {.out = open_memstream(&text, &size), .pretty = true, .depth = 1};
    if (json.out == NULL)
        return;
    skald_json_print(&json, message, true);
    fclose(json.out);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        puts(table_text(&session->arena, line));
    free(text);
}

void body_print(cli_session *session, const cli_body *body)
{
    if (body->message != NULL) {
        print_message(session, body->message);
        return;
    }
    if (is_text(body))
        printf("  %s\n",
               table_text(&session->arena, skald_arena_text_sized(&session->arena, body->bytes.data,
                                                                  body->bytes.size)));
    else
        dump(body->bytes);
    printf("  It cannot be shown as JSON: %s\n", body->trouble);
}

void body_members(cli_session *session, const cli_body *body)
{
    skald_json *json = &session->out;
    skald_json_name(json, "body");
    if (body->message != NULL) {
        skald_json_print(json, body->message, true);
        return;
    }
    skald_json_null(json);
    skald_json_name(json, "body_base64");
    skald_json_bytes(json, body->bytes);
    skald_json_name(json, "body_trouble");
    skald_json_text(json, body->trouble);
}
