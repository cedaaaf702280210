# SPDX-License-Identifier: GPL-2.0-or-later
"""In the laboratory: puts the tray of the host's CD drive out."""
import fcntl
import os
import sys

CDROMEJECT = 0x5309
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
fcntl.ioctl(fd, CDROMEJECT)
os.close(fd)
