package runtime

import (
	"strings"

	"golang.org/x/sys/unix"
)

// mountOptions are the options of one mount of the configuration, sorted by what has to be done for
// them.
type mountOptions struct {
	flags       uintptr // for mount(2)
	clear       uintptr // flags that an option has explicitly taken away
	propagation []uintptr
	set         uint64 // attributes for everything mounted below as well (mount_setattr(2))
	unset       uint64
	copyUp      bool
	idmap       bool
	ridmap      bool   // the mounts below are mapped as well
	ordinary    bool   // see planrootfs.go
	data        string // what the file system itself must understand
}

type mountFlag struct {
	clear bool
	flag  uintptr
}

// mountFlags are the options of mount(8) that are flags of mount(2).
var mountFlags = map[string]mountFlag{
	"defaults": {}, "async": {true, unix.MS_SYNCHRONOUS}, "atime": {true, unix.MS_NOATIME},
	"bind": {false, unix.MS_BIND},
	"dev":  {true, unix.MS_NODEV}, "diratime": {true, unix.MS_NODIRATIME}, "dirsync": {false, unix.MS_DIRSYNC},
	"exec": {true, unix.MS_NOEXEC}, "iversion": {false, unix.MS_I_VERSION}, "lazytime": {false, unix.MS_LAZYTIME},
	"loud": {true, unix.MS_SILENT}, "mand": {false, unix.MS_MANDLOCK}, "noatime": {false, unix.MS_NOATIME},
	"nodev": {false, unix.MS_NODEV}, "nodiratime": {false, unix.MS_NODIRATIME}, "noexec": {false, unix.MS_NOEXEC},
	"noiversion": {true, unix.MS_I_VERSION}, "nolazytime": {true, unix.MS_LAZYTIME}, "nomand": {true, unix.MS_MANDLOCK},
	"norelatime": {true, unix.MS_RELATIME}, "nostrictatime": {true, unix.MS_STRICTATIME},
	"nosuid":      {false, unix.MS_NOSUID},
	"nosymfollow": {false, unix.MS_NOSYMFOLLOW}, "rbind": {false, unix.MS_BIND | unix.MS_REC},
	"relatime": {false, unix.MS_RELATIME}, "remount": {false, unix.MS_REMOUNT}, "ro": {false, unix.MS_RDONLY},
	"rw": {true, unix.MS_RDONLY}, "silent": {false, unix.MS_SILENT}, "strictatime": {false, unix.MS_STRICTATIME},
	"suid": {true, unix.MS_NOSUID}, "symfollow": {true, unix.MS_NOSYMFOLLOW}, "sync": {false, unix.MS_SYNCHRONOUS},
}

// propagationFlags are the options of mount_namespaces(7).
var propagationFlags = map[string]uintptr{
	"private": unix.MS_PRIVATE, "rprivate": unix.MS_PRIVATE | unix.MS_REC,
	"shared": unix.MS_SHARED, "rshared": unix.MS_SHARED | unix.MS_REC,
	"slave": unix.MS_SLAVE, "rslave": unix.MS_SLAVE | unix.MS_REC,
	"unbindable": unix.MS_UNBINDABLE, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

// recursiveAttributes are the options with an r in front, which hold for the mounts below too.
var recursiveAttributes = map[string]struct {
	clear bool
	attr  uint64
}{
	"rro": {false, unix.MOUNT_ATTR_RDONLY}, "rrw": {true, unix.MOUNT_ATTR_RDONLY},
	"rnosuid": {false, unix.MOUNT_ATTR_NOSUID}, "rsuid": {true, unix.MOUNT_ATTR_NOSUID},
	"rnodev": {false, unix.MOUNT_ATTR_NODEV}, "rdev": {true, unix.MOUNT_ATTR_NODEV},
	"rnoexec": {false, unix.MOUNT_ATTR_NOEXEC}, "rexec": {true, unix.MOUNT_ATTR_NOEXEC},
	"rnodiratime": {false, unix.MOUNT_ATTR_NODIRATIME}, "rdiratime": {true, unix.MOUNT_ATTR_NODIRATIME},
	"rrelatime": {false, unix.MOUNT_ATTR_RELATIME}, "rnorelatime": {true, unix.MOUNT_ATTR_RELATIME},
	"rnoatime": {false, unix.MOUNT_ATTR_NOATIME}, "ratime": {true, unix.MOUNT_ATTR_NOATIME},
	"rstrictatime": {false, unix.MOUNT_ATTR_STRICTATIME}, "rnostrictatime": {true, unix.MOUNT_ATTR_STRICTATIME},
	"rnosymfollow": {false, unix.MOUNT_ATTR_NOSYMFOLLOW}, "rsymfollow": {true, unix.MOUNT_ATTR_NOSYMFOLLOW},
}

// MountOptions are the names of all options that are not passed to the file system (for `myrunc
// features`).
func MountOptions() []string {
	names := []string{"tmpcopyup", "idmap", "ridmap"}
	for name := range mountFlags {
		names = append(names, name)
	}
	for name := range propagationFlags {
		names = append(names, name)
	}
	for name := range recursiveAttributes {
		names = append(names, name)
	}
	return names
}

func parseMountOptions(options []string) mountOptions {
	var o mountOptions
	var data []string

	for _, option := range options {
		f, isFlag := mountFlags[option]
		p, isPropagation := propagationFlags[option]
		a, isAttribute := recursiveAttributes[option]

		switch {
		case isFlag && f.clear:
			o.flags &^= f.flag
			o.clear |= f.flag
		case isFlag:
			o.flags |= f.flag
			o.clear &^= f.flag
		case isPropagation:
			o.propagation = append(o.propagation, p)
		case isAttribute:
			o.addAttribute(option, a.attr, a.clear)
		case option == "tmpcopyup":
			o.copyUp = true
		case option == "idmap" || option == "ridmap":
			o.idmap, o.ridmap = true, option == "ridmap"
		case option == ordinary:
			o.ordinary = true
		default:
			data = append(data, option)
		}
	}

	o.data = strings.Join(data, ",")
	return o
}

// addAttribute adds an option that holds for the mounts below as well.
func (o *mountOptions) addAttribute(option string, attribute uint64, clear bool) {
	if clear {
		o.unset |= attribute
		o.set &^= attribute
	} else {
		o.set |= attribute
		o.unset &^= attribute
	}
	if strings.HasSuffix(option, "atime") && !strings.HasSuffix(option, "diratime") {
		o.unset |= unix.MOUNT_ATTR__ATIME // the kernel wants the whole field named
	}
}
