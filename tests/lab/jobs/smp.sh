# SPDX-License-Identifier: GPL-2.0-or-later
# Job "smp": the same kernel with two processors, up to its reset.
prepare_smp()
{
    :
}

run_smp()
{
    linux smp 900 "lab=smp" -smp 2 </dev/null
}

check_smp()
{
    expect smp 'lab: task smp.* 2 processors'
    expect smp 'lab: siblings 2'
    expect smp 'lab: cores 2'
    expect smp 'lab: reset'
    expect_exit smp 2 0
}
