/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that a management daemon would have passed: some low numbers that are open. */
#ifndef TESTS_UNIT_HOST_PASSED_FDS_H
#define TESTS_UNIT_HOST_PASSED_FDS_H

#include <fcntl.h>
#include <unistd.h>

static inline void make_passed_fds(void)
{
    for (int fd = 5; fd < 31; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            int null = open("/dev/null", O_RDWR);

            if (null != fd) {
                dup2(null, fd);
                close(null);
            }
        }
    }
}

#endif
