/* Walks along a path of field names. */
#include "codec/text_at.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* The field that the path begins with; `*path` moves behind its name and the dot. NULL: there is
 * no such field. */
static const ProtobufCFieldDescriptor *field_next(const ProtobufCMessageDescriptor *descriptor,
                                                  const char **path)
{
    const size_t size = strcspn(*path, ".");
    const char *name = *path;
    *path += size + ((*path)[size] == '.' ? 1 : 0);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (strlen(field->name) == size && memcmp(field->name, name, size) == 0)
            return field;
    }
    return NULL;
}

skald_status skald_text_at_check(const ProtobufCMessageDescriptor *descriptor, const char *path,
                                 skald_error *error)
{
    const char *rest = path;
    for (;;) {
        const char *name = rest;
        const ProtobufCFieldDescriptor *field = field_next(descriptor, &rest);
        if (field == NULL)
            return skald_error_set(error, SKALD_INVALID, "%s has no field \"%.*s\" (of \"%s\")",
                                   descriptor->name, (int)strcspn(name, "."), name, path);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            return skald_error_set(error, SKALD_INVALID,
                                   "field \"%s\" of %s is repeated: no one value of it is meant",
                                   field->name, descriptor->name);
        const ProtobufCType wanted =
            *rest == '\0' ? PROTOBUF_C_TYPE_STRING : PROTOBUF_C_TYPE_MESSAGE;
        if (field->type != wanted)
            return skald_error_set(error, SKALD_INVALID, "field \"%s\" of %s is no %s", field->name,
                                   descriptor->name, *rest == '\0' ? "text" : "message");
        if (*rest == '\0')
            return SKALD_OK;
        descriptor = field->descriptor;
    }
}

/* What the field points to; NULL where it is not set. */
static const void *pointer_of(const ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field)
{
    const unsigned char *start = (const unsigned char *)message;
    const void *pointer = NULL;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t chosen = 0;
        memcpy(&chosen, start + field->quantifier_offset, sizeof chosen);
        if (chosen != field->id)
            return NULL;
    }
    memcpy(&pointer, start + field->offset, sizeof pointer);
    return pointer;
}

const char *skald_text_at(const ProtobufCMessage *message, const char *path)
{
    while (message != NULL) {
        const ProtobufCFieldDescriptor *field = field_next(message->descriptor, &path);
        assert(field != NULL && "the path was checked");
        const void *pointer = pointer_of(message, field);
        if (*path == '\0')
            return pointer != NULL ? pointer : "";
        message = pointer;
    }
    return "";
}
