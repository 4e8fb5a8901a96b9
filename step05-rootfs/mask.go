package main

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maskedPaths leak or change host state; the list is docker's. * is a number.
var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	"/sys/devices/system/cpu/cpu*/thermal_throttle", "/sys/devices/virtual/powercap", "/sys/firmware",
}

// readonlyPaths may be read but not written.
var readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// maskKernelFiles covers what must not be seen, and makes the rest read-only.
func maskKernelFiles() error {
	for _, pattern := range maskedPaths {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}

		for _, path := range paths {
			if err := maskPath(path); err != nil {
				return err
			}
		}
	}

	for _, path := range readonlyPaths {
		err := bind(path, path)
		if errors.Is(err, unix.ENOENT) {
			continue // not in this kernel
		}
		if err == nil {
			err = remountReadOnly(path)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

// maskPath covers a file with /dev/null, and a directory with an empty one. The path is there: if
// something is missing now, it is /dev/null, and then nothing would be masked.
func maskPath(path string) error {
	err := mount("/dev/null", path, "", unix.MS_BIND, "")
	if errors.Is(err, unix.ENOTDIR) { // a file cannot be mounted on a directory
		err = mount("tmpfs", path, "tmpfs", unix.MS_RDONLY, "size=0")
	}
	return err
}
