/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Argument vectors as tools have sent them. Those of libvirt, virt-install and packer were recorded in front of kvm-dm
 * (tests/guest/libvirt.sh, libvirtd.sh, packer.sh; paths shortened); the others are what such tools send to emulators
 * with more in them.
 */
#ifndef TESTS_UNIT_HOST_ARGV_RECORDED_H
#define TESTS_UNIT_HOST_ARGV_RECORDED_H

/* libvirt 9.0, embedded. */
static const char *const libvirt_probe[] = {
    "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", "none,accel=kvm:tcg", "-qmp",
    "unix:/t/root/lib/qemu/qmp-3WWOZ3/qmp.monitor,server=on,wait=off", "-pidfile",
    "/t/root/lib/qemu/qmp-3WWOZ3/qmp.pid", "-daemonize", NULL,
};

/* libvirt 9.0, embedded. */
static const char *const libvirt_run[] = {
    "-name", "guest=button,debug-threads=on", "-S", "-object",
    "secret,id=masterKey0,format=raw,file=/t/root/lib/qemu/domain-1-button/master-key.aes", "-machine",
    "pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram", "-accel", "kvm", "-cpu",
    "host,migratable=on", "-m", "64", "-object", "memory-backend-ram,id=pc.ram,size=67108864", "-overcommit",
    "mem-lock=off", "-smp", "1,sockets=1,cores=1,threads=1", "-uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "-no-user-config", "-nodefaults", "-chardev", "socket,id=charmonitor,fd=7,server=on,wait=off", "-mon",
    "chardev=charmonitor,id=monitor,mode=control", "-rtc", "base=utc", "-no-shutdown", "-boot", "strict=on",
    "-blockdev",
    "{\"driver\":\"file\",\"filename\":\"/t/files/a.img\",\"node-name\":\"libvirt-3-storage\",\"auto-read-only\":true,\"discard\":\"unmap\"}",
    "-blockdev",
    "{\"node-name\":\"libvirt-3-format\",\"read-only\":false,\"driver\":\"raw\",\"file\":\"libvirt-3-storage\"}",
    "-device", "ide-hd,bus=ide.0,unit=0,drive=libvirt-3-format,id=ide0-0-0,bootindex=1,serial=SER-A",
    "-blockdev",
    "{\"driver\":\"file\",\"filename\":\"/t/files/b.qcow2\",\"node-name\":\"libvirt-2-storage\",\"auto-read-only\":true,\"discard\":\"unmap\"}",
    "-blockdev",
    "{\"node-name\":\"libvirt-2-format\",\"read-only\":false,\"driver\":\"qcow2\",\"file\":\"libvirt-2-storage\",\"backing\":null}",
    "-device", "ide-hd,bus=ide.0,unit=1,drive=libvirt-2-format,id=ide0-0-1", "-blockdev",
    "{\"driver\":\"file\",\"filename\":\"/t/files/c.iso\",\"node-name\":\"libvirt-1-storage\",\"auto-read-only\":true,\"discard\":\"unmap\"}",
    "-blockdev",
    "{\"node-name\":\"libvirt-1-format\",\"read-only\":true,\"driver\":\"raw\",\"file\":\"libvirt-1-storage\"}",
    "-device", "ide-cd,bus=ide.1,unit=0,drive=libvirt-1-format,id=ide0-1-0", "-netdev",
    "{\"type\":\"user\",\"id\":\"hostnet0\"}", "-device",
    "e1000,netdev=hostnet0,id=net0,mac=52:54:00:00:00:01,bus=pci.0,addr=0x3", "-add-fd",
    "set=0,fd=5,opaque=serial0-source", "-chardev", "file,id=charserial0,path=/dev/fdset/0,append=on",
    "-device", "isa-serial,chardev=charserial0,id=serial0,index=0", "-chardev", "pty,id=charserial1", "-device",
    "isa-serial,chardev=charserial1,id=serial1,index=1", "-chardev",
    "socket,id=charserial2,fd=6,server=on,wait=off", "-device",
    "isa-serial,chardev=charserial2,id=serial2,index=2", "-audiodev", "{\"id\":\"audio1\",\"driver\":\"none\"}",
    "-vnc", "127.0.0.1:0,password=on,audiodev=audio1", "-device",
    "VGA,id=video0,vgamem_mb=16,bus=pci.0,addr=0x2", "-msg", "timestamp=on", NULL,
};

/* libvirtd 9.0 with a domain of virt-install 4.1 --import. */
static const char *const libvirtd_probe[] = {
    "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", "none,accel=kvm:tcg", "-qmp",
    "unix:/var/lib/libvirt/qemu/qmp-44X2Y3/qmp.monitor,server=on,wait=off", "-pidfile",
    "/var/lib/libvirt/qemu/qmp-44X2Y3/qmp.pid", "-daemonize", NULL,
};

/* libvirtd 9.0 with a domain of virt-install 4.1 --import. */
static const char *const virt_install_run[] = {
    "-name", "guest=imported,debug-threads=on", "-S", "-object",
    "secret,id=masterKey0,format=raw,file=/var/lib/libvirt/qemu/domain-1-imported/master-key.aes", "-machine",
    "pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram,hpet=off", "-accel", "kvm", "-cpu",
    "host,migratable=on", "-m", "64", "-object", "memory-backend-ram,id=pc.ram,size=67108864", "-overcommit",
    "mem-lock=off", "-smp", "1,sockets=1,cores=1,threads=1", "-uuid", "445370a7-1610-4edf-af18-113ab6f5a104",
    "-no-user-config", "-nodefaults", "-chardev", "socket,id=charmonitor,fd=27,server=on,wait=off", "-mon",
    "chardev=charmonitor,id=monitor,mode=control", "-rtc", "base=utc,driftfix=slew", "-global",
    "kvm-pit.lost_tick_policy=delay", "-no-shutdown", "-global", "PIIX4_PM.disable_s3=1", "-global",
    "PIIX4_PM.disable_s4=1", "-boot", "strict=on", "-blockdev",
    "{\"driver\":\"file\",\"filename\":\"/t/disk.img\",\"node-name\":\"libvirt-1-storage\",\"auto-read-only\":true,\"discard\":\"unmap\"}",
    "-blockdev",
    "{\"node-name\":\"libvirt-1-format\",\"read-only\":false,\"driver\":\"raw\",\"file\":\"libvirt-1-storage\"}",
    "-device", "ide-hd,bus=ide.0,unit=0,drive=libvirt-1-format,id=ide0-0-0,bootindex=1", "-netdev",
    "{\"type\":\"user\",\"id\":\"hostnet0\"}", "-device",
    "e1000,netdev=hostnet0,id=net0,mac=52:54:00:bb:a2:9d,bus=pci.0,addr=0x3", "-add-fd",
    "set=0,fd=24,opaque=serial0-source", "-chardev", "file,id=charserial0,path=/dev/fdset/0,append=on",
    "-device", "isa-serial,chardev=charserial0,id=serial0,index=0", "-audiodev",
    "{\"id\":\"audio1\",\"driver\":\"none\"}", "-vnc", "127.0.0.1:0,audiodev=audio1", "-device",
    "VGA,id=video0,vgamem_mb=16,bus=pci.0,addr=0x2", "-msg", "timestamp=on", NULL,
};

/* packer 1.6.6. */
static const char *const packer_run[] = {
    "-name", "built", "-machine", "type=pc,accel=kvm", "-netdev", "user,id=user.0", "-boot", "c", "-vnc",
    "127.0.0.1:25", "-m", "64M", "-device", "e1000,netdev=user.0", "-drive",
    "file=/t/out/built,if=ide,cache=writeback,discard=ignore,format=raw", "-serial", "file:/t/serial", NULL,
};

/* libvirt 9.0 where JSON is understood for devices, objects and wires; a domain with most of what there is. */
static const char *const libvirt_json[] = {
    "-name", "guest=j,debug-threads=on", "-S", "-object",
    "{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\",\"file\":\"/t/master-key.aes\"}", "-machine",
    "pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram", "-accel", "kvm", "-cpu",
    "Westmere,vme=on,x2apic=on,hypervisor=on,arat=off", "-m", "128", "-object",
    "{\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":134217728}", "-overcommit", "mem-lock=off",
    "-smp", "1,maxcpus=2,sockets=2,cores=1,threads=1", "-uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "-smbios",
    "type=1,manufacturer=X", "-no-user-config", "-nodefaults", "-chardev",
    "socket,id=charmonitor,fd=24,server=on,wait=off", "-mon", "chardev=charmonitor,id=monitor,mode=control", "-rtc",
    "base=localtime,driftfix=slew", "-no-hpet", "-no-shutdown", "-no-acpi", "-boot",
    "menu=on,splash-time=3000,strict=on", "-blockdev",
    "{\"driver\":\"file\",\"filename\":\"/t/a.raw\",\"aio\":\"native\",\"node-name\":\"libvirt-2-storage\","
    "\"cache\":{\"direct\":true,\"no-flush\":false},\"auto-read-only\":true,\"discard\":\"unmap\"}",
    "-blockdev",
    "{\"node-name\":\"libvirt-2-format\",\"read-only\":false,\"discard\":\"unmap\",\"detect-zeroes\":\"on\","
    "\"cache\":{\"direct\":true,\"no-flush\":false},\"driver\":\"raw\",\"file\":\"libvirt-2-storage\"}",
    "-device",
    "{\"driver\":\"ide-hd\",\"bus\":\"ide.0\",\"unit\":0,\"drive\":\"libvirt-2-format\",\"id\":\"ide0-0-0\","
    "\"bootindex\":1,\"write-cache\":\"on\",\"serial\":\"S\",\"werror\":\"stop\",\"rerror\":\"stop\"}",
    "-device", "{\"driver\":\"ide-cd\",\"bus\":\"ide.1\",\"unit\":0,\"id\":\"ide0-1-0\"}", "-netdev",
    "{\"type\":\"tap\",\"fd\":\"30\",\"id\":\"hostnet0\"}", "-device",
    "{\"driver\":\"rtl8139\",\"netdev\":\"hostnet0\",\"id\":\"net0\",\"mac\":\"52:54:00:00:00:02\","
    "\"bus\":\"pci.0\",\"addr\":\"0x3\"}",
    "-chardev", "pty,id=charserial0,logfile=/t/log,logappend=on", "-device",
    "{\"driver\":\"isa-serial\",\"chardev\":\"charserial0\",\"id\":\"serial0\",\"index\":0}", "-chardev",
    "socket,id=charserial1,host=127.0.0.1,port=4555,telnet=on,server=on,wait=off", "-device",
    "{\"driver\":\"isa-serial\",\"chardev\":\"charserial1\",\"id\":\"serial1\",\"index\":1}", "-audiodev",
    "{\"id\":\"audio1\",\"driver\":\"none\"}", "-vnc", "127.0.0.1:0,share=force-shared,password=on,audiodev=audio1", "-k",
    "de", "-device", "{\"driver\":\"VGA\",\"id\":\"video0\",\"vgamem_mb\":16,\"bus\":\"pci.0\",\"addr\":\"0x2\"}",
    "-device", "{\"driver\":\"ib700\",\"id\":\"watchdog0\"}", "-watchdog-action", "reset", "-device", "pvpanic", "-global",
    "PIIX4_PM.disable_s3=1", "-sandbox", "off", "-msg", "timestamp=on", NULL,
};

/* packer with a disk image, firmware's boot order and a forwarded port. */
static const char *const packer_iso[] = {
    "-name", "v1", "-machine", "type=pc,accel=kvm", "-m", "128M", "-smp", "cpus=2,sockets=2", "-boot", "once=d", "-device",
    "e1000,netdev=user.0", "-netdev", "user,id=user.0,hostfwd=tcp::3211-:22", "-drive",
    "file=out/v1,if=ide,cache=writeback,discard=ignore,format=raw", "-drive", "file=x.iso,media=cdrom", "-vnc",
    "127.0.0.1:32,password", "-qmp", "unix:out/v1.monitor,server,nowait", NULL,
};

/* kvm-unit-tests' runner, but for its -device pci-testdev, which is refused by name. */
static const char *const unit_tests_run[] = {
    "-nodefaults", "-device", "pc-testdev", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4", "-vnc", "none", "-serial",
    "stdio", "-machine", "accel=kvm", "-kernel", "/t/x86/msr.flat", "-initrd", "/t/env", "-smp",
    "1", "-cpu", "max", NULL,
};

/* A qtest client. */
static const char *const qtest_client[] = {
    "-qtest", "unix:/t/qtest.sock", "-qtest-log", "/dev/null", "-chardev", "socket,path=/t/qmp.sock,id=char0", "-mon",
    "chardev=char0,mode=control", "-display", "none", "-audio", "none", "-accel", "qtest", "-drive",
    "if=none,id=drive0,driver=null-co,size=1M", "-device", "ide-hd,drive=drive0,bus=ide.0,unit=0,ver=1.0", NULL,
};

#endif
