package security

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
)

// capabilityNames in the order of include/uapi/linux/capability.h: the position is the number.
var capabilityNames = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
	"CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD", "CAP_LEASE",
	"CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"}

// CapSysAdmin is the bit of CAP_SYS_ADMIN.
const CapSysAdmin = 1 << 21

// LastCapability is the highest number that the running kernel knows: 36 on CentOS 7, 40 since
// Linux 5.9.
func LastCapability() int {
	lastCapability.once.Do(func() {
		lastCapability.number = 36
		data, err := atomicfile.Read("/proc/sys/kernel/cap_last_cap")
		if err == nil {
			if last, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
				lastCapability.number = last
			}
		}
	})
	return lastCapability.number
}

var lastCapability struct {
	once   sync.Once
	number int
}

// AllCapabilities are the names of every capability that the running kernel has, in the kernel's
// order.
func AllCapabilities() []string {
	count := LastCapability() + 1
	if count > len(capabilityNames) {
		count = len(capabilityNames)
	}
	return append([]string(nil), capabilityNames[:count]...)
}

// AvailableCapabilities is our bounding set: nothing beyond it can be given to a process of our
// user namespace. Root of a virtual machine's or a container's host may lack some. Without procfs
// it is the full set, and the kernel refuses later.
func AvailableCapabilities() uint64 {
	status, err := atomicfile.Read("/proc/self/status")
	if err != nil {
		return ^uint64(0)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "CapBnd:") {
			bits, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(line, "CapBnd:")), 16, 64)
			if err == nil {
				return bits
			}
		}
	}
	return ^uint64(0)
}

// CapabilityBits turns names into the kernel's bit set. Names that this kernel does not know are
// returned.
func CapabilityBits(names []string) (bits uint64, unknown []string) {
	known := AllCapabilities()
	for _, name := range names {
		number := -1
		for i, k := range known {
			if strings.EqualFold(name, k) {
				number = i
			}
		}
		if number < 0 {
			unknown = append(unknown, name)
			continue
		}
		bits |= 1 << uint(number)
	}
	return bits, unknown
}

// CapabilityNames is the inverse of CapabilityBits. A bit without a name is written as its number.
func CapabilityNames(bits uint64) []string {
	var names []string
	for i := 0; i < 64; i++ {
		if bits&(1<<uint(i)) == 0 {
			continue
		}
		if i < len(capabilityNames) {
			names = append(names, capabilityNames[i])
		} else {
			names = append(names, strconv.Itoa(i))
		}
	}
	return names
}

// HeldCapabilities are the bits that this process can pass on: its permitted set (capget(2)).
// Root of a virtual machine or of another container may lack some.
func HeldCapabilities() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("capget: %w", err)
	}
	return uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32, nil
}
