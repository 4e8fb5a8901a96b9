package explain

import (
	"fmt"
	"strings"
)

// capabilities in the order of their numbers: linux/capability.h.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
	SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
	WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// capabilityNames writes a set as the kernel keeps it: bit n is capability n.
func capabilityNames(mask uint64) string {
	var names []string
	for n := 0; n < 64; n++ {
		if mask&(1<<uint(n)) == 0 {
			continue
		}
		if n < len(capabilities) {
			names = append(names, capabilities[n])
		} else {
			names = append(names, fmt.Sprintf("CAP_%d", n))
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, " ")
}
