/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, the man page's tables and the completion, out of the table of subcommands. */
#include <string.h>

#include "ctl/ctl.h"

#define HELP_COLUMN 26
#define HELP_WIDTH 78

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

static void print_options(FILE *out, const struct ctl_option *options)
{
    for (const struct ctl_option *o = options; o && o->name; o++) {
        const char *value = o->words ? o->words : o->arg;
        g_autofree char *left = g_strdup_printf("  --%s%s%s", o->name, value ? " " : "",
                                                value ? value : "");

        print_entry(out, left, o->help);
    }
}

char *help_synopsis(const struct ctl_command *c)
{
    return g_strdup_printf("%s%s%s%s", c->name, c->options ? " [options]" : "",
                           *c->operands ? " " : "", c->operands);
}

static const char exit_codes[] =
    "Exit codes: 0 done; 1 the VM refused, or it came to nothing; 2 bad command line; 3 no VM "
    "answers; 4 not in time; 5 the VM does not have that command; 6 no such disk, device or job.";

void help_print(FILE *out)
{
    unsigned count;
    const struct ctl_command *c = ctl_commands(&count);

    fprintf(out, "usage: kvm-dm-ctl [-s SOCKET] [--json] SUBCOMMAND [options] [operands]\n"
                 "Controls a running kvm-dm by its QMP socket.\n\nSubcommands:\n");
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *left = g_strdup_printf("  %s %s", c[i].name, strlen(c[i].operands) < 14
                                                                          ? c[i].operands : "...");

        print_entry(out, left, c[i].help);
    }
    fprintf(out, "\nOptions:\n");
    print_options(out, ctl_global_options);
    fprintf(out, "\n");
    print_wrapped(out, 0, "Without -s: $KVM_DM_SOCKET, or the only socket in $XDG_RUNTIME_DIR/kvm-dm "
                          "or /run/kvm-dm.");
    print_wrapped(out, 0, exit_codes);
    fprintf(out, "kvm-dm-ctl SUBCOMMAND --help tells more of one.\n");
}

void help_print_command(FILE *out, const struct ctl_command *c)
{
    g_autofree char *synopsis = help_synopsis(c);

    fprintf(out, "usage: kvm-dm-ctl %s\n", synopsis);
    print_wrapped(out, 0, c->help);
    if (c->details) {
        fputc('\n', out);
        print_wrapped(out, 0, c->details);
    }
    if (c->options) {
        fprintf(out, "\nOptions:\n");
        print_options(out, c->options);
    }
}

/* ---- the man page ---- */

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

static void print_man_options(FILE *out, const struct ctl_option *options)
{
    for (const struct ctl_option *o = options; o && o->name; o++) {
        fputs(".TP\n.BI \"", out);
        print_roff(out, "--");
        print_roff(out, o->name);
        fputs(o->arg ? " \" \"" : "", out);
        print_roff(out, o->words ? o->words : o->arg ? o->arg : "");
        fputs("\"\n", out);
        print_roff(out, o->help);
        fputs(".\n", out);
    }
}

static void print_man_command(FILE *out, const struct ctl_command *c)
{
    g_autofree char *synopsis = help_synopsis(c);

    fputs(".TP\n.B \"", out);
    print_roff(out, synopsis);
    fputs("\"\n", out);
    fputc(g_ascii_toupper(*c->help), out);
    print_roff(out, c->help + 1);
    fputs(".\n", out);
    if (c->details) {
        print_roff(out, c->details);
        fputc('\n', out);
    }
    if (c->options) {
        fputs(".RS\n", out);
        print_man_options(out, c->options);
        fputs(".RE\n", out);
    }
}

void help_print_man(FILE *out)
{
    unsigned count;
    const struct ctl_command *c = ctl_commands(&count);

    fputs(".SH OPTIONS\n", out);
    print_man_options(out, ctl_global_options);
    fputs(".SH SUBCOMMANDS\n", out);
    for (unsigned i = 0; i < count; i++)
        print_man_command(out, &c[i]);
}

/* ---- completion for bash ---- */

static void print_bash_options(FILE *out, const struct ctl_option *options)
{
    for (const struct ctl_option *o = options; o && o->name; o++)
        fprintf(out, "%s--%s", o == options ? "" : " ", o->name);
}

/* Options that take a value: what stands after them is no operand. */
static void print_bash_values(FILE *out, const struct ctl_option *options, const char *command)
{
    for (const struct ctl_option *o = options; o && o->name; o++) {
        g_auto(GStrv) words = o->words ? g_strsplit(o->words, "|", -1) : NULL;
        g_autofree char *list = words ? g_strjoinv(" ", words) : g_strdup("");

        if (o->arg)
            fprintf(out, "    %s:--%s) echo \"value %s\" ;;\n", command, o->name, list);
    }
}

static void print_bash_tables(FILE *out, const struct ctl_command *c, unsigned count)
{
    fprintf(out, "_kvm_dm_ctl_commands=\"");
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? " " : "", c[i].name);
    fprintf(out, "\"\n_kvm_dm_ctl_globals=\"");
    print_bash_options(out, ctl_global_options);
    fprintf(out, "\"\n\n# What the option $2 of the subcommand $1 takes: \"value WORDS\", or nothing.\n"
                 "_kvm_dm_ctl_value()\n{\n    case $1:$2 in\n    *:-s) echo value ;;\n");
    print_bash_values(out, ctl_global_options, "*");
    for (unsigned i = 0; i < count; i++)
        print_bash_values(out, c[i].options, c[i].name);
    fprintf(out, "    esac\n}\n\n_kvm_dm_ctl_options()\n{\n    case $1 in\n");
    for (unsigned i = 0; i < count; i++) {
        if (!c[i].options)
            continue;
        fprintf(out, "    %s) echo \"", c[i].name);
        print_bash_options(out, c[i].options);
        fprintf(out, "\" ;;\n");
    }
    fprintf(out, "    esac\n}\n\n# What completes the operands of the subcommand $1, in order.\n"
                 "_kvm_dm_ctl_operands()\n{\n    case $1 in\n");
    for (unsigned i = 0; i < count; i++) {
        if (*c[i].complete)
            fprintf(out, "    %s) echo \"%s\" ;;\n", c[i].name, c[i].complete);
    }
    fprintf(out, "    esac\n}\n");
}

void help_print_bash(FILE *out)
{
    static const char code[] =
        "\n"
        "_kvm_dm_ctl()\n"
        "{\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev= command= socket= kinds kind n=0 i word value\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        word=${COMP_WORDS[i]}\n"
        "        prev=\n"
        "        value=$(_kvm_dm_ctl_value \"$command\" \"$word\")\n"
        "        if [ -n \"$value\" ]; then\n"
        "            prev=$word\n"
        "            i=$((i + 1))\n"
        "            case $word in -s | --socket) socket=${COMP_WORDS[i]} ;; esac\n"
        "            [ $i -lt $COMP_CWORD ] && prev=\n"
        "        elif [ \"${word#-}\" = \"$word\" ]; then\n"
        "            if [ -z \"$command\" ]; then command=$word; else n=$((n + 1)); fi\n"
        "        fi\n"
        "    done\n"
        "    if [ -n \"$prev\" ]; then\n"
        "        value=$(_kvm_dm_ctl_value \"$command\" \"$prev\")\n"
        "        case $prev in\n"
        "        -s | --socket) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
        "        *) COMPREPLY=($(compgen -W \"${value#value}\" -- \"$cur\")) ;;\n"
        "        esac\n"
        "        return\n"
        "    fi\n"
        "    case $cur in\n"
        "    -*) COMPREPLY=($(compgen -W \"$_kvm_dm_ctl_globals $(_kvm_dm_ctl_options \"$command\")\" "
        "-- \"$cur\"))\n"
        "        return ;;\n"
        "    esac\n"
        "    if [ -z \"$command\" ]; then\n"
        "        COMPREPLY=($(compgen -W \"$_kvm_dm_ctl_commands\" -- \"$cur\"))\n"
        "        return\n"
        "    fi\n"
        "    kinds=($(_kvm_dm_ctl_operands \"$command\"))\n"
        "    [ ${#kinds[@]} -gt 0 ] || return\n"
        "    kind=${kinds[$((n < ${#kinds[@]} ? n : ${#kinds[@]} - 1))]}\n"
        "    case $kind in\n"
        "    file) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
        "    *) COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" ${socket:+-s \"$socket\"} --limit 1 "
        "--complete \"$kind\" 2>/dev/null)\" -- \"$cur\")) ;;\n"
        "    esac\n"
        "}\n"
        "complete -o filenames -F _kvm_dm_ctl kvm-dm-ctl\n";
    unsigned count;
    const struct ctl_command *c = ctl_commands(&count);

    fprintf(out, "# SPDX-License-Identifier: GPL-2.0-or-later\n"
                 "# bash completion for kvm-dm-ctl; made by kvm-dm-ctl --completion.\n\n");
    print_bash_tables(out, c, count);
    fputs(code, out);
}
