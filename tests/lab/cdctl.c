// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What busybox-static lacks in the Linux guest: the ioctls of linux/cdrom.h, one per argument, each
 * with a line about its result. cdctl DEVICE eject|close|lock|unlock|status...
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cdrom.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *status_name(int status)
{
    switch (status) {
    case CDS_NO_DISC: return "no disc";
    case CDS_TRAY_OPEN: return "tray open";
    case CDS_DRIVE_NOT_READY: return "not ready";
    case CDS_DISC_OK: return "disc";
    default: return "no information";
    }
}

static int one(int fd, const char *word)
{
    if (!strcmp(word, "eject"))
        return ioctl(fd, CDROMEJECT, 0);
    if (!strcmp(word, "close"))
        return ioctl(fd, CDROMCLOSETRAY, 0);
    if (!strcmp(word, "lock"))
        return ioctl(fd, CDROM_LOCKDOOR, 1);
    if (!strcmp(word, "unlock"))
        return ioctl(fd, CDROM_LOCKDOOR, 0);
    if (!strcmp(word, "status"))
        return ioctl(fd, CDROM_DRIVE_STATUS, CDSL_CURRENT);
    errno = EINVAL;
    return -1;
}

int main(int argc, char **argv)
{
    /* Non-blocking: opens without a disc, and does not close the tray. */
    int fd = argc < 2 ? -1 : open(argv[1], O_RDONLY | O_NONBLOCK);

    if (fd < 0) {
        perror(argc < 2 ? "cdctl" : argv[1]);
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        int result = one(fd, argv[i]);

        if (result < 0)
            printf("%s: %s\n", argv[i], strerror(errno));
        else
            printf("%s: %s\n", argv[i], strcmp(argv[i], "status") ? "done" : status_name(result));
    }
    close(fd);
    return 0;
}
