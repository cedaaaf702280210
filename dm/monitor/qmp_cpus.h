/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processors as objects of QMP's tree, for qmp_qom.c. */
#ifndef DM_QMP_CPUS_H
#define DM_QMP_CPUS_H

#include <json-glib/json-glib.h>

struct cpu_spec;

/* {"name", "type"} of each property at the end of the array: the features, unavailable-features. */
void qmp_cpu_list_props(JsonArray *array);
/* A property's value; NULL: there is none of that name. */
JsonNode *qmp_cpu_get_prop(const struct cpu_spec *spec, const char *name);

#endif
