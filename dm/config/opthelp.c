/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, lists and the man page's tables, out of the option, device and back-end tables. */
#include <string.h>

#include "chardev/chardev_backends.h"
#include "dm/config/devprops.h"
#include "dm/config/options.h"
#include "dm/cpu/cpu_spec.h"
#include "net/netdev.h"

#define HELP_COLUMN 30
#define HELP_WIDTH 78

static const char *const section_titles[SECTION_COUNT] = {
    [SECTION_MACHINE] = "Machine", [SECTION_DISK] = "Disks",
    [SECTION_NET] = "Network", [SECTION_DISPLAY] = "Display and sound", [SECTION_CHAR] = "Ports and monitors",
    [SECTION_BOOT] = "Firmware, boot and end", [SECTION_PROCESS] = "Process",
    [SECTION_DEBUG] = "Tests",
};

void options_print_version(FILE *out)
{
    /* Tools take the first digits and dots for the version of the interface. */
    fprintf(out, "QEMU-compatible emulator version 7.2.0 (kvm-dm %s)\n", KVM_DM_VERSION);
    fprintf(out, "kvm-dm is its own program; it takes a subset of QEMU's options and QMP.\n");
}

/* The text from the given column on, broken at blanks. */
static void print_wrapped(FILE *out, unsigned column, const char *text)
{
    unsigned at = column;
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **w = words; *w; w++) {
        unsigned len = (unsigned)strlen(*w);

        if (at > column && at + 1 + len > HELP_WIDTH) {
            fprintf(out, "\n%*s", (int)column, "");
            at = column;
        }
        at += (unsigned)fprintf(out, "%s%s", at > column ? " " : "", *w);
    }
    fputc('\n', out);
}

static void print_entry(FILE *out, const char *left, const char *text)
{
    if (strlen(left) < HELP_COLUMN - 1)
        fprintf(out, "%-*s", HELP_COLUMN, left);
    else
        fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
    print_wrapped(out, HELP_COLUMN, text);
}

static char *desc_text(const struct opt_desc *d)
{
    return g_strdup_printf("%s%s%s%s", d->help ? d->help : "", d->fallback ? " [" : "",
                           d->fallback ? d->fallback : "", d->fallback ? "]" : "");
}

static void print_subs(FILE *out, const char *indent, const struct opt_desc *subs)
{
    for (const struct opt_desc *d = subs; d && d->name; d++) {
        g_autofree char *type = opt_type_text(d), *text = desc_text(d), *left = NULL;

        if (d->refusal || d->alias_of)
            continue;
        left = g_strdup_printf("%s%s=%s", indent, d->name, type);
        print_entry(out, left, text);
    }
}

void options_print_subs(FILE *out, const char *title, const struct opt_desc *subs)
{
    fprintf(out, "%s options:\n", title);
    print_subs(out, "  ", subs);
}

void options_print_help(FILE *out)
{
    unsigned count;
    const struct option_spec *specs = option_specs(&count);

    options_print_version(out);
    fprintf(out, "usage: kvm-dm [options] [disk image]\n"
                 "Options begin with one dash or two; ',,' stands for a comma in a value.\n");
    for (unsigned s = 0; s < SECTION_COUNT; s++) {
        fprintf(out, "\n%s:\n", section_titles[s]);
        for (unsigned i = 0; i < count; i++) {
            g_autofree char *left = NULL;

            if (specs[i].section != s)
                continue;
            left = g_strdup_printf("-%s%s%s", specs[i].name, specs[i].arg_text ? " " : "",
                                   specs[i].arg_text ? specs[i].arg_text : "");
            print_entry(out, left, specs[i].help);
            print_subs(out, "    ", specs[i].name[0] == 'M' ? NULL : specs[i].subs);
        }
    }
    fprintf(out, "\nExit codes: 0 guest off, quit or SIGTERM; 1 nothing was started; 2 guest reset\n"
                 "and 4 triple fault, with -no-reboot; 3 internal error. More: man kvm-dm\n");
}

/* ---- lists ---- */

void list_devices(FILE *out)
{
    unsigned count;
    const struct device_desc *d = device_descs(&count);

    fprintf(out, "Devices:\n");
    for (unsigned i = 0; i < count; i++) {
        if (d[i].user_creatable)
            fprintf(out, "name \"%s\", bus %s, desc \"%s\"\n", d[i].name, d[i].bus, d[i].help);
    }
}

void list_machines(FILE *out)
{
    fprintf(out, "Supported machines are:\n"
                 "pc                   Standard PC (i440FX + PIIX) (alias of " MACHINE_PC_NAME ")\n"
                 MACHINE_PC_NAME "        Standard PC (i440FX + PIIX) (default)\n"
                 "isapc                ISA-only PC\n"
                 "none                 empty machine\n");
}

void list_accels(FILE *out)
{
    fprintf(out, "Accelerators supported in this binary:\nkvm\nqtest\n");
}

static void list_cpu_features(FILE *out)
{
    size_t column = 0;

    fprintf(out, "\nRecognized CPUID flags:\n");
    for (unsigned w = 0; w < CPU_WORDS; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *name = cpu_word_place((enum cpu_word)w)->bits[b];

            if (!name || (w == CPU_KVM_EAX && b == KVM_FEATURE_CLOCKSOURCE2)) /* kvmclock's second bit */
                continue;
            if (column + strlen(name) > 75) {
                fprintf(out, "\n");
                column = 0;
            }
            column += (size_t)fprintf(out, "%s%s", column ? " " : "  ", name);
        }
    }
    fprintf(out, "\n");
}

void list_cpus(FILE *out)
{
    unsigned count;
    const struct cpu_model *m = cpu_models(&count);

    fprintf(out, "Available CPUs:\n");
    for (unsigned i = 0; i < count; i++) {
        if (m[i].versioned)
            fprintf(out, "x86 %-25s (alias of %s)\n", m[i].name, m[i].versioned);
        fprintf(out, *m[i].model_id ? "x86 %-25s %s\n" : "x86 %s%s\n", m[i].versioned ? m[i].versioned : m[i].name,
                m[i].model_id);
    }
    list_cpu_features(out);
    options_print_subs(out, "\nOther", cpu_props);
}

void list_displays(FILE *out)
{
    fprintf(out, "Available display backend types:\ntext\ncurses\nvnc\nweb\nnone\n");
}

void list_chardevs(FILE *out)
{
    unsigned count;
    const struct chardev_driver *d = chardev_drivers(&count);

    fprintf(out, "Available chardev backend types:\n");
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(d[i].name, "memory"))
            fprintf(out, "  %s\n", d[i].name);
    }
}

/* ---- the man page ---- */

/* Text for man(7): dashes and backslashes escaped, no line that looks like a request. */
static void print_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void print_man_entry(FILE *out, const char *bold, const char *rest, const char *text)
{
    fputs(".TP\n.B \"", out);
    print_roff(out, bold);
    print_roff(out, rest);
    fputs("\"\n", out);
    print_roff(out, text);
    fputs(".\n", out);
}

static void print_man_subs(FILE *out, const struct opt_desc *subs)
{
    fputs(".RS\n", out);
    for (const struct opt_desc *d = subs; d->name; d++) {
        g_autofree char *type = opt_type_text(d), *left = g_strdup_printf("%s=", d->name);
        g_autofree char *text = NULL;

        if (d->refusal || d->alias_of)
            continue;
        text = g_strdup_printf("%s%s%s", d->help ? d->help : "",
                               d->fallback ? "; default: " : "", d->fallback ? d->fallback : "");
        print_man_entry(out, left, type, text);
    }
    fputs(".RE\n", out);
}

static void print_man_devices(FILE *out)
{
    unsigned count;
    const struct device_desc *d = device_descs(&count);

    fputs(".SH DEVICES\nFor\n.BR \\-device ;\n.B \\-global\ntakes the same properties.\n", out);
    for (unsigned i = 0; i < count; i++) {
        if (!d[i].user_creatable)
            continue;
        print_man_entry(out, d[i].name, "", d[i].help);
        print_man_subs(out, d[i].props);
    }
}

/* What all back ends have is said once. */
static void cut_common(struct opt_desc *descs)
{
    while (descs && descs->name && strcmp(descs->name, chardev_common_options()->name))
        descs++;
    if (descs)
        descs->name = NULL;
}

static void print_man_chardevs(FILE *out)
{
    g_autofree struct opt_desc *common = NULL;
    unsigned count;
    const struct chardev_driver *d = chardev_drivers(&count);

    fputs(".SH CHARACTER BACK ENDS\nFor\n.BR \\-chardev .\n", out);
    for (unsigned i = 0; i < count; i++) {
        g_autofree struct opt_desc *descs = chardev_descs(d[i].name);

        if (!strcmp(d[i].name, "memory"))
            continue;
        print_man_entry(out, d[i].name, "", d[i].help);
        cut_common(descs);
        if (descs && descs->name)
            print_man_subs(out, descs);
    }
    common = chardev_descs(NULL);
    print_man_entry(out, "any of them", "", "the log of what the guest sends: logfile=, or the file of file");
    print_man_subs(out, common);
}

static void print_man_netdevs(FILE *out)
{
    unsigned count;
    const struct netdev_driver *const *d = netdev_drivers(&count);

    fputs(".SH NETWORK BACK ENDS\nFor\n.BR \\-netdev ,\n.B \\-nic\nand\n.BR \\-net .\n", out);
    for (unsigned i = 0; i < count; i++) {
        g_autofree struct opt_desc *descs = netdev_descs(d[i]->name);

        print_man_entry(out, d[i]->name, "", d[i]->help);
        print_man_subs(out, descs);
    }
}

void options_print_man(FILE *out)
{
    unsigned count;
    const struct option_spec *specs = option_specs(&count);

    fputs(".SH OPTIONS\n", out);
    for (unsigned s = 0; s < SECTION_COUNT; s++) {
        fprintf(out, ".SS %s\n", section_titles[s]);
        for (unsigned i = 0; i < count; i++) {
            g_autofree char *name = g_strdup_printf("-%s", specs[i].name), *arg = NULL;

            if (specs[i].section != s)
                continue;
            arg = specs[i].arg_text ? g_strdup_printf(" %s", specs[i].arg_text) : g_strdup("");
            print_man_entry(out, name, arg, specs[i].help);
            if (specs[i].subs && strcmp(specs[i].name, "M"))
                print_man_subs(out, specs[i].subs);
        }
    }
    print_man_devices(out);
    print_man_chardevs(out);
    print_man_netdevs(out);
}
