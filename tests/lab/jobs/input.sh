# SPDX-License-Identifier: GPL-2.0-or-later
# Job "input": Linux with atkbd and vmmouse; then with psmouse and the keyboard in scan code set 3. INPUT_COUNT: how
# many characters are typed (10000 for the proof that none is lost; 3000 here, for time), a fifth of them in set 3.
input_count=${INPUT_COUNT:-3000}
input3_count=$((input_count / 5))

prepare_input()
{
    [ -z "${EMU:-}" ] || leave_out input "$EMU has no type-text"
}

run_input()
{
    python_s=1800
    SERIAL=$share/input.serial run_python input "$share/jobs/input.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=input count=$input_count" $input_count vmmouse
    SERIAL=$share/input3.serial run_python input3 "$share/jobs/input.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=input count=$input3_count i8042.direct atkbd.set=3" $input3_count psmouse
    python_s=
}

check_input()
{
    expect_exit input 0 0
    grep -h '^ok:' "$share/input.err" | sed 's/^ok: /  /'
    expect input 'lab: kernel: input: AT Translated Set 2 keyboard'
    no_trouble input
    expect_exit input3 0 0
    grep -h '^ok:' "$share/input3.err" | sed 's/^ok: /  /'
    for job in input input3; do
        expect $job 'lab: interrupts: *1: *[1-9].*i8042'
        expect $job 'lab: interrupts: *12: *[1-9].*i8042'
    done
    expect input3 'lab: kernel: input: AT Raw Set 3 keyboard'
    no_trouble input3
}
