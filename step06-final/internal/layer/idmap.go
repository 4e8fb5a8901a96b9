package layer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// maxID is the largest owner that exists: (uid_t)-1 means "unchanged" in chown(2).
const maxID = 1<<32 - 2

// Key is a short name for the map, for use in file names; "" for no map.
func (m *IDMap) Key() string {
	if m == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(fmt.Sprint(m.UIDs, m.GIDs)))
	return hex.EncodeToString(sum[:4])
}

// ToHost translates an owner in the archive to the owner on disk.
func (m *IDMap) ToHost(uid, gid int) (int, int, error) {
	if uid < 0 || int64(uid) > maxID || gid < 0 || int64(gid) > maxID {
		return 0, 0, fmt.Errorf("owner %d:%d does not exist on Linux", uid, gid)
	}
	if m == nil {
		return uid, gid, nil
	}

	hostUID, ok := shift(m.UIDs, uid, true)
	if !ok {
		return 0, 0, fmt.Errorf("user id %d is not in the user namespace's map; give the map more ids (see "+
			"/etc/subuid)", uid)
	}

	hostGID, ok := shift(m.GIDs, gid, true)
	if !ok {
		return 0, 0, fmt.Errorf("group id %d is not in the user namespace's map; give the map more ids (see "+
			"/etc/subgid)", gid)
	}
	return hostUID, hostGID, nil
}

// toContainer is the way back; an owner from outside of the map is shown as 65534, as the kernel
// does.
func (m *IDMap) toContainer(uid, gid int) (int, int) {
	if m == nil {
		return uid, gid
	}
	const overflowID = 65534
	inUID, ok := shift(m.UIDs, uid, false)
	if !ok {
		inUID = overflowID
	}
	inGID, ok := shift(m.GIDs, gid, false)
	if !ok {
		inGID = overflowID
	}
	return inUID, inGID
}

func shift(ranges []specs.LinuxIDMapping, id int, toHost bool) (int, bool) {
	for _, r := range ranges {
		from, to := int64(r.ContainerID), int64(r.HostID)
		if !toHost {
			from, to = to, from
		}
		if int64(id) >= from && int64(id) < from+int64(r.Size) {
			return int(int64(id) - from + to), true
		}
	}
	return 0, false
}
