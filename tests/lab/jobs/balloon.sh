# SPDX-License-Identifier: GPL-2.0-or-later
# Job "balloon": Linux's virtio_balloon and virtio_console: free pages reported, the balloon filled and emptied, its
# statistics, a channel by name with data both ways, a console.
prepare_balloon()
{
    command -v python3 >/dev/null || leave_out balloon "no python3 here"
}

run_balloon()
{
    SERIAL=$share/balloon.serial run_python balloon "$share/jobs/balloon.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=balloon"
}

check_balloon()
{
    expect_exit balloon 0 0
    grep -h '^ok:' "$share/balloon.err" | sed 's/^ok: /  /'
    expect balloon 'lab: driver: virtio_balloon$'
    expect balloon 'lab: driver: virtio_console$'
    expect balloon 'lab: port: .* org.qemu.guest_agent.0$'
    expect balloon 'lab: kept: OK$'
    no_trouble balloon
}
