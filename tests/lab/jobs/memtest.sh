# SPDX-License-Identifier: GPL-2.0-or-later
# Job "memtest": memtest86+ with its screen on the serial port.
memtest=/boot/memtest86+ia32.bin

prepare_memtest()
{
    [ -r $memtest ] || leave_out memtest "no $memtest (Debian package memtest86+)"
}

# What it said, which it draws with escape sequences, and which tests it began.
memtest_text()
{
    sed 's/\x1b\[[0-9;?]*[A-Za-z]/\n/g' "$share/memtest.serial" | tr -d '\000'
}

memtest_tests()
{
    memtest_text | grep -ao '#[0-9]* *\[[^]]*\]' | uniq
}

# memtest86+ never ends of itself: it is ended by the signal for that once it has shown three of its tests.
end_memtest()
{
    until [ "$(memtest_tests 2>/dev/null | wc -l)" -ge 3 ]; do
        sleep 1
    done
    kill "$(cat memtest.pid)"
}

run_memtest()
{
    end_memtest &
    run memtest 600 -pidfile memtest.pid -kernel "$memtest" -append console=ttyS0,115200 -m 32 </dev/null
    kill $! 2>/dev/null
}

check_memtest()
{
    expect_exit memtest 0 0
    memtest_text >"$share/memtest.text"
    grep -q 'Memtest86+' "$share/memtest.text" || wrong "memtest: its title is not on the screen"
    tests=$(memtest_tests | tr '\n' ' ')
    [ -n "$tests" ] && say "memtest86+ ran $tests" || wrong "memtest: no test was run"
    grep -o 'CPU: .*Threads*' "$share/memtest.text" | tail -n 1
    grep 'Errors:' "$share/memtest.text" | grep -v 'Errors: 0 ' && wrong "memtest: errors"
    grep -i 'unexpected interrupt' "$share/memtest.text" && wrong "memtest: interrupt"
}
