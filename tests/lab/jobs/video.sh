# SPDX-License-Identifier: GPL-2.0-or-later
# Job "video": Linux with vgacon and bochs-drm, which sets modes; then with vesafb, in the VBE mode that vga= on the
# command line asks the kernel's setup code for. vga16fb is not there: Debian 12's kernel has the driver, but makes
# no device for it (its sysfb takes the setup code's word for VGA graphics for none).
video_modes="640x480 800x600 1024x768 1280x1024 1920x1080"

prepare_video()
{
    [ -z "${EMU:-}" ] || { leave_out video "$EMU does not read screens"; return; }
    mkdir -p "$share/pictures"
}

run_video()
{
    python_s=1800
    SERIAL=$share/video.serial run_python video "$share/jobs/video.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=video step=drivers skip=bochs" "$share/pictures"
    SERIAL=$share/vesa.serial run_python vesa "$share/jobs/video.py" "$share/vmlinuz" "$share/inner.img" \
        "$append lab=video step=vesa skip=bochs vga=0x317" "$share/pictures"
    python_s=
}

check_video()
{
    expect_exit video 0 0
    expect_exit vesa 0 0
    grep -h '^ok:' "$share/video.err" "$share/vesa.err" | sed 's/^ok: /  /'
    expect video 'lab: bochs: fb0 bochs-drm'
    for mode in $video_modes; do
        expect video "lab: ask $mode"
        expect video "lab: mode $mode"
    done
    expect vesa 'lab: vesafb: fb0 VESA'
    expect vesa 'lab: kernel: vesafb: mode is 1024x768x16'
    expect vesa 'lab: takeover: fb0 bochs-drm'
    no_trouble video
    no_trouble vesa
}
