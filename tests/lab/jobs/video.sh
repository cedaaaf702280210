# SPDX-License-Identifier: GPL-2.0-or-later
# Job "video": Linux with vgacon and bochs-drm, which sets modes; then with vga16fb and with vesafb, in the BIOS's and
# the VBE mode that vga= on the command line asks the kernel's setup code for.
video_modes="640x480 800x600 1024x768 1280x1024 1920x1080"

prepare_video()
{
    [ -z "${EMU:-}" ] || { leave_out video "$EMU does not read screens"; return; }
    mkdir -p "$share/pictures"
}

run_video()
{
    python_s=500
    SERIAL=$share/video.serial run_python video "$share/jobs/video.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=video step=drivers skip=bochs" "$share/pictures"
    SERIAL=$share/planar.serial run_python planar "$share/jobs/video.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=video step=planar skip=bochs vga=0x112" "$share/pictures"
    SERIAL=$share/vesa.serial run_python vesa "$share/jobs/video.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=video step=vesa skip=bochs vga=0x317" "$share/pictures"
    python_s=
}

check_video()
{
    expect_exit video 0 0
    expect_exit planar 0 0
    expect_exit vesa 0 0
    grep -h '^ok:' "$share/video.err" "$share/planar.err" "$share/vesa.err" | sed 's/^ok: /  /'
    # Linux 6.1 makes no device for this driver: its sysfb takes the setup code's 1 for no VGA.
    said planar | grep -q 'lab: vga16fb does not bind' && say "this kernel's vga16fb does not bind: not tried" ||
        expect planar 'lab: vga16fb: fb0 VGA16'
    expect video 'lab: bochs: fb0 bochs-drm'
    for mode in $video_modes; do
        expect video "lab: ask $mode"
        expect video "lab: mode $mode"
    done
    expect vesa 'lab: vesafb: fb0 VESA'
    expect vesa 'lab: kernel: vesafb: mode is 1024x768x16'
    expect vesa 'lab: takeover: fb0 bochs-drm'
    no_trouble video
    no_trouble planar
    no_trouble vesa
}
