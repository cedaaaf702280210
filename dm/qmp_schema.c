/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checking of calls against the table, the table of events, and the schema that both give. */
#include <string.h>

#include "dm/json.h"
#include "dm/optlist.h"
#include "dm/qmp.h"

static const struct qmp_event events[] = {
    {"BLOCK_IO_ERROR", true}, {"POWERDOWN", false}, {"RESET", false},    {"RESUME", false},
    {"RTC_CHANGE", true},     {"SHUTDOWN", false},  {"STOP", false},
};

const struct qmp_event *qmp_events(unsigned *count)
{
    *count = G_N_ELEMENTS(events);
    return events;
}

const struct qmp_event *qmp_event_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        if (!strcmp(events[i].name, name))
            return &events[i];
    }
    return NULL;
}

/* ---- checking a call ---- */

static const char *type_word(enum qmp_type type)
{
    static const char *const words[] = {
        [QMP_STR] = "string", [QMP_INT] = "integer", [QMP_BOOL] = "boolean", [QMP_ENUM] = "string"};

    return words[type];
}

static bool type_ok(const struct qmp_arg *arg, JsonNode *value)
{
    static const GType types[] = {[QMP_STR] = G_TYPE_STRING, [QMP_INT] = G_TYPE_INT64,
                                  [QMP_BOOL] = G_TYPE_BOOLEAN, [QMP_ENUM] = G_TYPE_STRING};

    return JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == types[arg->type];
}

static bool check_arg(struct qmp_call *call, const struct qmp_arg *arg)
{
    JsonNode *value = call->args ? json_object_get_member(call->args, arg->name) : NULL;

    if (!value && !arg->optional)
        qmp_fail(call, "GenericError", "Parameter '%s' is missing", arg->name);
    else if (value && !type_ok(arg, value))
        qmp_fail(call, "GenericError", "Invalid parameter type for '%s', expected: %s", arg->name,
                 type_word(arg->type));
    else if (value && arg->type == QMP_ENUM &&
             !opt_word_among(arg->values, json_node_get_string(value)))
        qmp_fail(call, "GenericError", "Parameter '%s' does not accept value '%.64s'", arg->name,
                 json_node_get_string(value));
    return !call->error_class;
}

static bool known_arg(const struct qmp_arg *args, const char *name)
{
    for (; args && args->name; args++) {
        if (!strcmp(args->name, name))
            return true;
    }
    return false;
}

void qmp_run(const struct qmp_command *command, struct qmp_call *call)
{
    g_autoptr(GList) names = call->args ? json_object_get_members(call->args) : NULL;

    for (const struct qmp_arg *arg = command->args; arg && arg->name; arg++) {
        if (!check_arg(call, arg))
            return;
    }
    for (GList *l = names; l; l = l->next) {
        if (!known_arg(command->args, l->data)) {
            qmp_fail(call, "GenericError", "Parameter '%.64s' is unexpected", (char *)l->data);
            return;
        }
    }
    command->handle(call);
}

/* ---- schema ---- */

static JsonObject *entry(JsonArray *schema, const char *name, const char *meta)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "name", name);
    json_object_set_string_member(o, "meta-type", meta);
    json_array_add_object_element(schema, o);
    return o;
}

static void add_builtin(JsonArray *schema, const char *name, const char *json_type)
{
    json_object_set_string_member(entry(schema, name, "builtin"), "json-type", json_type);
}

static void add_enum(JsonArray *schema, const char *name, const char *values)
{
    JsonObject *o = entry(schema, name, "enum");
    JsonArray *words = json_array_new(), *members = json_array_new();
    g_auto(GStrv) list = g_strsplit(values, "|", -1);

    for (char **w = list; *w; w++) {
        JsonObject *member = json_object_new();

        json_array_add_string_element(words, *w);
        json_object_set_string_member(member, "name", *w);
        json_array_add_object_element(members, member);
    }
    json_object_set_array_member(o, "values", words);
    json_object_set_array_member(o, "members", members);
}

static void add_arguments(JsonArray *schema, const struct qmp_command *c, const char *type_name)
{
    static const char *const types[] = {[QMP_STR] = "str", [QMP_INT] = "int", [QMP_BOOL] = "bool"};
    JsonObject *o = entry(schema, type_name, "object");
    JsonArray *members = json_array_new();

    for (const struct qmp_arg *arg = c->args; arg->name; arg++) {
        JsonObject *member = json_object_new();
        g_autofree char *enum_name = g_strdup_printf("%s-%s", c->name, arg->name);

        json_object_set_string_member(member, "name", arg->name);
        json_object_set_string_member(member, "type",
                                      arg->type == QMP_ENUM ? enum_name : types[arg->type]);
        if (arg->optional)
            json_object_set_null_member(member, "default");
        if (arg->type == QMP_ENUM)
            add_enum(schema, enum_name, arg->values);
        json_array_add_object_element(members, member);
    }
    json_object_set_array_member(o, "members", members);
}

/* Answers are described as far as it helps: any value, any list of values, or nothing. */
static const char *return_type(const char *returns)
{
    if (!returns)
        return "q_empty";
    return strcmp(returns, "array") ? "any" : "[any]";
}

JsonNode *qmp_schema(void)
{
    JsonArray *schema = json_array_new();
    unsigned count;
    const struct qmp_command *c = qmp_commands(&count);

    add_builtin(schema, "str", "string");
    add_builtin(schema, "int", "int");
    add_builtin(schema, "bool", "boolean");
    add_builtin(schema, "any", "value");
    json_object_set_string_member(entry(schema, "[any]", "array"), "element-type", "any");
    json_object_set_array_member(entry(schema, "q_empty", "object"), "members", json_array_new());
    for (unsigned i = 0; i < count; i++) {
        JsonObject *o = entry(schema, c[i].name, "command");
        g_autofree char *type_name = g_strdup_printf("q_obj_%s-arg", c[i].name);

        json_object_set_string_member(o, "arg-type", c[i].args ? type_name : "q_empty");
        json_object_set_string_member(o, "ret-type", return_type(c[i].returns));
        json_object_set_boolean_member(o, "allow-oob", FALSE);
        if (c[i].args)
            add_arguments(schema, &c[i], type_name);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++)
        json_object_set_string_member(entry(schema, events[i].name, "event"), "arg-type", "q_empty");
    return json_node_of_array(schema);
}
