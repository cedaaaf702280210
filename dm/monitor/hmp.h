/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The human monitor: lines of text over the same commands that QMP has. A subset of QEMU's, whose words and layout
 * people and scripts know; `help` lists it. Through QMP it is human-monitor-command.
 */
#ifndef DM_HMP_H
#define DM_HMP_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Carries out one line, `cpu` being the processor that is looked at where none is named; returns what is to be printed (g_free), errors included, as QEMU does. Never NULL. */
char *hmp_run(struct vm *vm, const char *line, unsigned cpu);

/* ---- for the files of the human monitor ---- */

struct hmp {
    struct vm *vm;
    GString *out;
    char **argv; /* words of the line; argv[0] is the command (of `info`: the subject) */
    int argc;
    unsigned cpu;   /* the processor that is meant where none is named */
};

struct hmp_command {
    const char *name;   /* "stop|s" : with its short form */
    const char *args;   /* for help */
    const char *help;
    int min, max;       /* words behind the name */
    void (*run)(struct hmp *h);
    const char *flags;  /* letters of "-x" words that it takes; NULL: none */
};

const struct hmp_command *hmp_info_commands(unsigned *count); /* hmp_info.c */

/* "on" or "off"; false, with a line about it: neither. */
bool hmp_on_off(struct hmp *h, const char *word, bool *on);
/* A whole number from 0; false, with a line about it: it is none. */
bool hmp_number(struct hmp *h, const char *word, uint64_t *value);

/* Runs a QMP command (args: taken, may be NULL). NULL: it failed and the error has been printed. */
JsonNode *hmp_qmp(struct hmp *h, const char *name, JsonObject *args);
/* The same where only success matters. */
void hmp_do(struct hmp *h, const char *name, JsonObject *args);

#endif
