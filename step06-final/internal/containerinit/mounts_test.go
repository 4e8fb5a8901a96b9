package containerinit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMountPoints(t *testing.T) {
	mountinfo := "1 0 254:0 / / rw,relatime - ext4 /dev/vda rw\n" +
		"30 1 0:29 / /mnt/a\\040blank\\134 rw shared:5 - tmpfs tmpfs rw\n" +
		"31 30 0:30 / /mnt/a\\040blank\\134/below rw - tmpfs tmpfs rw\n"
	assert.Equal(t, []hostMount{{"/", "ext4"}, {`/mnt/a blank\`, "tmpfs"}, {`/mnt/a blank\/below`, "tmpfs"}}, mountPoints(mountinfo))
}
