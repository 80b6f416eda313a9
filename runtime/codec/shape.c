/* Walks the structures that user code filled, with a stack of its own. Every element and every
 * message costs at least a byte when packed, so counting them bounds the walk even where a message
 * is reached in many ways. */
#include "codec/shape.h"
#include "codec/path.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

typedef struct frame {
    const ProtobufCMessage *message;
    unsigned field; /* the one to look at next */
    size_t element; /* of that field, where it is repeated messages */
} frame;

typedef struct walk {
    skald_error *error;
    size_t visited;
    size_t depth;
    skald_path path;
    frame frames[SKALD_DECODE_DEPTH_MAX];
} walk;

static skald_status refuse(const walk *in, const ProtobufCFieldDescriptor *field,
                           const char *reason)
{
    char path[SKALD_PATH_TEXT_SIZE];
    skald_path_text(&in->path, field, path);
    return skald_error_set(in->error, SKALD_INVALID, "%s: %s", path, reason);
}

static skald_status visit(walk *in, size_t count)
{
    if (count <= SKALD_BODY_SIZE_MAX - in->visited) {
        in->visited += count;
        return SKALD_OK;
    }
    return skald_error_set(in->error, SKALD_FULL, "%s: does not fit into %u bytes",
                           in->path.root->name, SKALD_BODY_SIZE_MAX);
}

static const void *member(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

static size_t element_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)member(message, field->quantifier_offset);
}

static const void *elements(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return *(const void *const *)member(message, field->offset);
}

/* Members of a oneof share their place: only the chosen one may be looked at. */
static bool chosen(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return true;
    return *(const uint32_t *)member(message, field->quantifier_offset) == field->id;
}

static skald_status enter(walk *in, const ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field)
{
    if (message == NULL)
        return refuse(in, field, "a message is missing");
    if (message->descriptor != field->descriptor)
        return refuse(in, field, "a message of another type, or not initialised");
    if (in->depth == SKALD_DECODE_DEPTH_MAX)
        return refuse(in, field, "nested too deep");
    in->path.fields[in->path.count++] = field;
    in->frames[in->depth++] = (frame){.message = message};
    return visit(in, 1);
}

static skald_status bytes_check(walk *in, const ProtobufCFieldDescriptor *field,
                                const ProtobufCBinaryData *bytes)
{
    if (bytes->len > 0 && bytes->data == NULL)
        return refuse(in, field, "bytes with a length and no data");
    return visit(in, bytes->len);
}

static skald_status text_check(walk *in, const ProtobufCFieldDescriptor *field, const char *text)
{
    if (text == NULL)
        return refuse(in, field, "a string is missing");
    return visit(in, strnlen(text, SKALD_BODY_SIZE_MAX + 1));
}

static skald_status single_check(walk *in, const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *field)
{
    const bool required = field->label == PROTOBUF_C_LABEL_REQUIRED;
    const void *value = member(message, field->offset);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)value;
        return text == NULL && !required ? SKALD_OK : text_check(in, field, text);
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        const bool has = field->label != PROTOBUF_C_LABEL_OPTIONAL ||
                         (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 ||
                         *(const protobuf_c_boolean *)member(message, field->quantifier_offset);
        return has ? bytes_check(in, field, value) : SKALD_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)value;
        return inner == NULL && !required ? SKALD_OK : enter(in, inner, field);
    }
    return SKALD_OK;
}

static skald_status repeated_check(walk *in, const ProtobufCMessage *message,
                                   const ProtobufCFieldDescriptor *field)
{
    const size_t count = element_count(message, field);
    const void *array = elements(message, field);
    if (count > 0 && array == NULL)
        return refuse(in, field, "a count and no elements");
    skald_status status = visit(in, count);
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        if (field->type == PROTOBUF_C_TYPE_STRING)
            status = text_check(in, field, ((const char *const *)array)[i]);
        else if (field->type == PROTOBUF_C_TYPE_BYTES)
            status = bytes_check(in, field, &((const ProtobufCBinaryData *)array)[i]);
        else
            break;
    }
    return status;
}

/* Repeated messages are entered one at a time; top->element says which is next. */
static skald_status messages_check(walk *in, frame *top, const ProtobufCFieldDescriptor *field)
{
    const size_t count = element_count(top->message, field);
    const ProtobufCMessage *const *array = elements(top->message, field);
    if (top->element == count) {
        top->element = 0;
        top->field++;
        return SKALD_OK;
    }
    if (array == NULL)
        return refuse(in, field, "a count and no elements");
    return enter(in, array[top->element++], field);
}

static skald_status leave(walk *in, const ProtobufCMessage *message)
{
    if (message->n_unknown_fields > 0 && message->unknown_fields == NULL)
        return refuse(in, NULL, "a count and no unknown fields");
    skald_status status = visit(in, message->n_unknown_fields);
    for (unsigned i = 0; i < message->n_unknown_fields && status == SKALD_OK; i++) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i];
        status = unknown->len > 0 && unknown->data == NULL
                     ? refuse(in, NULL, "an unknown field without data")
                     : visit(in, unknown->len);
    }
    in->depth--;
    if (in->path.count > 0)
        in->path.count--;
    return status;
}

static skald_status next_check(walk *in)
{
    frame *top = &in->frames[in->depth - 1];
    const ProtobufCMessageDescriptor *descriptor = top->message->descriptor;
    if (top->field == descriptor->n_fields)
        return leave(in, top->message);
    const ProtobufCFieldDescriptor *field = &descriptor->fields[top->field];
    const bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (repeated && field->type == PROTOBUF_C_TYPE_MESSAGE)
        return messages_check(in, top, field);
    top->field++;
    if (!chosen(top->message, field))
        return SKALD_OK;
    return repeated ? repeated_check(in, top->message, field)
                    : single_check(in, top->message, field);
}

skald_status skald_shape_check(const ProtobufCMessage *message, skald_error *error)
{
    if (message == NULL || message->descriptor == NULL ||
        message->descriptor->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
        return skald_error_set(error, SKALD_INVALID,
                               "the message is NULL or was not initialised with its _INIT");
    walk in;
    in.error = error;
    in.visited = 0;
    in.depth = 1;
    in.path.root = message->descriptor;
    in.path.count = 0;
    in.frames[0] = (frame){.message = message};
    skald_status status = SKALD_OK;
    while (status == SKALD_OK && in.depth > 0)
        status = next_check(&in);
    return status;
}
