/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of subcommands, in the order in which the help shows them. */
#include "ctl/ctl.h"

const struct ctl_option ctl_global_options[] = {
    {"socket", "SOCKET", NULL, "the VM's QMP unix socket, or its name in the usual directory; short: -s"},
    {"json", NULL, NULL, "print what the VM answered, as JSON; short: -j"},
    {"limit", "SECONDS", NULL, "how long the VM may take to answer [30]"},
    {"help", NULL, NULL, "help, also after a subcommand; short: -h"},
    {"version", NULL, NULL, "the version of this program"},
    {0}};

#define WAIT_FOR_JOB                                                                               \
    {"speed", "BYTES", NULL, "at most so many bytes a second, with k, M, G, T"},                   \
    {"job", "ID", NULL, "the name of the job [the disk's]"},                                       \
    {"no-wait", NULL, NULL, "start the job and leave it to run; see jobs"}

static const struct ctl_option powerdown_options[] = {
    {"wait", NULL, NULL, "return when the guest is off"},
    {"timeout", "SECONDS", NULL, "with --wait: exit code 4 if it is not off by then [120]"},
    {0}};
static const struct ctl_option screenshot_options[] = {
    {"format", "FORMAT", "png|ppm", "the picture's format [png if FILE ends in .png, else ppm]"}, {0}};
static const struct ctl_option record_options[] = {
    {"stop", NULL, NULL, "end the recording, and print how long it is"},
    {"max", "BYTES", NULL, "end by itself before the file is longer, with k, M, G [64M]"},
    {0}};
static const struct ctl_option wait_options[] = {
    {"text", "REGEX", NULL, "a regular expression that is to match the screen's text"},
    {"hash", "HASH", NULL, "wait for the picture with that hash instead, as wait-screen tells it"},
    {"stable", "SECONDS", NULL, "wait until the screen has not changed for so long instead"},
    {"timeout", "SECONDS", NULL, "exit code 4 if it has not come by then [30]"},
    {"ignore-case", NULL, NULL, "capitals and small letters are the same"},
    {"quiet", NULL, NULL, "do not print the screen where the words did not come"},
    {0}};
static const struct ctl_option type_options[] = {
    {"layout", "LAYOUT", NULL, "the keyboard layout that the guest is set to [us]"},
    {"enter", NULL, NULL, "press Enter after the text"},
    {"skip", NULL, NULL, "leave out what the layout has no key for, and say so"},
    {"interval", "MS", NULL, "milliseconds between two keys"},
    {"timeout", "SECONDS", NULL, "exit code 4 if the guest reads nothing for so long"},
    {0}};
static const struct ctl_option key_options[] = {
    {"hold", "MS", NULL, "how long the keys are held down, in milliseconds [100]"}, {0}};
static const struct ctl_option eject_options[] = {
    {"force", NULL, NULL, "even if the guest has locked the tray"}, {0}};
static const struct ctl_option change_options[] = {
    {"format", "FORMAT", NULL, "the image's format [raw]"},
    {"force", NULL, NULL, "even if the guest has locked the tray"},
    {"mode", "MODE", "retain|read-only|read-write", "whether the guest may write to it [retain]"},
    {0}};
static const struct ctl_option snapshot_options[] = {
    {"node", "NAME", NULL, "a name for the new overlay's node"},
    {"existing", NULL, NULL, "FILE is there already and is to be used as it is"},
    {0}};
static const struct ctl_option backup_options[] = {
    {"format", "FORMAT", NULL, "of FILE [qcow2 if it ends in .qcow2, else raw]"},
    {"sync", "WHAT", "full|top|none", "the whole disk, or its topmost image, or only what is overwritten [full]"},
    {"existing", NULL, NULL, "FILE is there already and is to be overwritten"},
    {"to-node", NULL, NULL, "FILE is the name of a node that blockdev-add has opened"},
    WAIT_FOR_JOB,
    {0}};
static const struct ctl_option commit_options[] = {
    {"base", "FILE", NULL, "the image of the chain to write into [the last one]"}, WAIT_FOR_JOB, {0}};
static const struct ctl_option top_options[] = {
    {"interval", "SECONDS", NULL, "between two looks [1]"},
    {"count", "N", NULL, "so many times [on a terminal without end, else 1]"},
    {"all", NULL, NULL, "also the regions that nobody accessed"},
    {0}};
static const struct ctl_option events_options[] = {
    {"count", "N", NULL, "return after so many"},
    {"timeout", "SECONDS", NULL, "return then; exit code 4 if none has come, or not N"},
    {0}};

static const struct ctl_command commands[] = {
    {"status", "", 0, 0, "", NULL, "show whether the guest runs, and what machine it is", NULL, cmd_status},
    {"pause", "", 0, 0, "", NULL, "stop the guest's processors and its clock", NULL, cmd_pause},
    {"resume", "", 0, 0, "", NULL, "let the guest go on",
     "After an error of a disk this also tries the failed accesses again.", cmd_resume},
    {"reset", "", 0, 0, "", NULL, "press the reset button", NULL, cmd_reset},
    {"powerdown", "", 0, 0, "", powerdown_options, "press the ACPI power button",
     "It is for the guest to shut down then; one without ACPI, or that does not listen, goes on.",
     cmd_powerdown},
    {"quit", "", 0, 0, "", NULL, "end the VM at once, as if its plug were pulled",
     "What the guest has flushed is on the disks; what it holds in its own memory is lost.", cmd_quit},
    {"screen", "", 0, 0, "", NULL, "print the guest's screen as text",
     "Blanks at the ends of lines are left out. With --json there are the cursor and the mode, too.",
     cmd_screen},
    {"screenshot", "FILE", 1, 1, "file", screenshot_options, "write the guest's screen into a picture",
     "The VM's process writes the file, with its own rights.", cmd_screenshot},
    {"record", "[FILE]", 0, 1, "file", record_options, "record the guest's text screen, or see how far that is",
     "FILE is in the format of asciinema (asciicast v2): asciinema play FILE. The VM's process writes it, until "
     "record --stop or the end of the VM; it can be played at any time.", cmd_record},
    {"web", "", 0, 0, "", NULL, "print the address of the web console, with its token", NULL, cmd_web},
    {"wait", "", 0, 0, "", wait_options, "wait until words are on the guest's screen",
     "Returns 0 as soon as the regular expression matches, which may be at once, and prints the line. If it "
     "does not in time, the screen is printed to standard error and the exit code is 4. Lines of the "
     "screen are separated by line ends for the expression; ^ and $ match at them.", cmd_wait},
    {"type", "TEXT...", 1, ANY_OPERANDS, "", type_options, "type text on the guest's keyboard",
     "Several TEXTs are joined by blanks; - as the only one reads standard input. A line end is "
     "Enter, a tab is Tab. Each key is sent when the guest has read the one before it. If the "
     "layout has no key for something, it is named and nothing is typed. Ctrl-C ends the typing.", cmd_type},
    {"key", "KEYS...", 1, ANY_OPERANDS, "key", key_options, "press keys together: ctrl-alt-delete",
     "The names are QMP's: a to z, 0 to 9, ret, esc, tab, spc, backspace, up, f1, ctrl, alt, shift, "
     "meta_l ... Keys of one argument are pressed together; several arguments, one after the other. "
     "Names with a dash in them do not exist, + separates as well.", cmd_key},
    {"disks", "", 0, 0, "", NULL, "list the disks, what is in them and what they did", NULL, cmd_disks},
    {"eject", "DISK", 1, 1, "disk", eject_options, "take the medium out of a drive", NULL, cmd_eject},
    {"change", "DISK FILE", 2, 2, "disk file", change_options, "put another medium into a drive",
     "FILE may also be what -drive file= takes, such as nbd://host/export.", cmd_change},
    {"snapshot", "DISK FILE", 2, 2, "disk file", snapshot_options,
     "from now on write into a new qcow2 overlay",
     "What was the disk until now does not change any more and can be copied. To go back to one "
     "file, see commit.", cmd_snapshot},
    {"backup", "DISK FILE", 2, 2, "disk file", backup_options,
     "copy a disk as it is now, while the guest runs",
     "FILE becomes the disk as it was when the command was given. Shows the progress and returns when "
     "the copy is complete. Ctrl-C cancels the backup.", cmd_backup},
    {"commit", "DISK", 1, 1, "disk", commit_options, "write overlays back into the image behind them",
     "Shows the progress and returns when the disk is on that image; the overlays may be deleted "
     "then. Ctrl-C cancels, and the disk stays on the overlay.", cmd_commit},
    {"jobs", "[ACTION ID]", 0, 2, "job-action job", NULL, "list the jobs, or act on one",
     "ACTION is one of pause, resume, cancel, complete, finalize, dismiss.", cmd_jobs},
    {"devices", "[ID]", 0, 1, "device", NULL, "list the devices, or show all registers of one",
     "For each device: its place, interrupt lines, the mistakes that the guest made with it, the ports and the "
     "memory that it answers at now. With ID: every field of its state, by the name in the data book.", cmd_devices},
    {"top", "", 0, 0, "", top_options, "accesses of the guest per region and second",
     "Counted are elements: a string access of 256 words is 256. On a terminal the list is "
     "renewed until Ctrl-C.", cmd_top},
    {"events", "[NAME...]", 0, ANY_OPERANDS, "event", events_options, "print events as they come",
     "With NAMEs only those. The output is a line each; with --json a JSON object each.", cmd_events},
    {"qmp", "COMMAND [NAME=VALUE|NAME:=JSON]...", 1, ANY_OPERANDS, "qmp", NULL, "send any QMP command",
     "NAME=VALUE is a string argument, NAME:=JSON one of another type: qmp block_resize device=hd "
     "size:=1073741824. A COMMAND that begins with { is a whole QMP command; - reads such commands "
     "from standard input. The answer is always JSON.", cmd_qmp},
};

const struct ctl_command *ctl_commands(unsigned *count)
{
    *count = G_N_ELEMENTS(commands);
    return commands;
}
