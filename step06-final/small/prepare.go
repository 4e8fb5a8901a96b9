// From an image's config and the flags to a container that can start.
//
// Chapter: docs/zh/08-small-overlay.md
package main

import (
	"fmt"
	"os"
	"strings"
)

// useImage splits the arguments into image and command, and takes the rest from the image's config.
// With --rootfs there is no image.
func useImage(c *container, args []string) error {
	if c.Rootfs != "" {
		c.Image, c.Command = c.Rootfs, args
		return nil
	}

	c.Image, c.Command = args[0], args[1:]
	if c.Image == hostImage {
		if len(c.Command) == 0 {
			c.Command = []string{"sh"}
		}
		return nil
	}

	i, err := findImage(c.Image)
	if err != nil {
		return err
	}

	c.Image, c.Layers = i.Name, i.Layers
	c.Env, c.WorkDir, c.User = i.Config.Env, i.Config.WorkingDir, i.Config.User
	if len(c.Command) == 0 {
		c.Command = i.Config.Cmd
	}

	c.Command = append(append([]string(nil), i.Config.Entrypoint...), c.Command...)
	if len(c.Command) == 0 {
		return fail("the image %s names no command: run %s COMMAND", c.Image, c.Image)
	}
	return nil
}

// adopt makes c the config of the record. Root's containers have a cgroup of their name; an
// ordinary user's only if a limit asks for one.
func (r *record) adopt(c *container, remove bool) {
	c.ID = r.ID
	if c.Hostname == "" {
		c.Hostname = r.ID[:12]
	}
	if os.Geteuid() == 0 || !c.Limits.none() {
		c.Name = r.Name
	}
	r.Config, r.AutoRemove = *c, remove
}

// prepare makes what the start needs on disk.
func prepare(r *record) error {
	c := &r.Config
	if len(c.Layers) > 0 {
		text, err := os.ReadFile("/etc/resolv.conf")
		if err == nil && (c.Bridge || c.HostNet) {
			c.Resolv = reachable(text, c.HostNet)
		}
		if err := prepareLayers(c); err != nil {
			return err
		}
	}
	return r.save()
}

// reachable leaves out name servers on the host's own loopback, which a container on a bridge does
// not reach, and takes public ones if none is left, as docker does.
func reachable(text []byte, hostNet bool) []byte {
	if hostNet {
		return text
	}

	var lines []string
	servers := 0
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "nameserver" {
			if strings.HasPrefix(fields[1], "127.") || strings.HasPrefix(fields[1], "::1") {
				continue
			}
			servers++
		}

		lines = append(lines, line)
	}

	if servers == 0 {
		lines = append(lines, "nameserver 8.8.8.8", "nameserver 8.8.4.4")
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// hostLine names the container itself in /etc/hosts.
func (c *container) hostLine() string {
	return fmt.Sprintf("127.0.1.1\t%s\n", c.Hostname)
}

// layerDirs are the layers as absolute paths.
func (c *container) layerDirs() []string {
	var dirs []string
	for _, layer := range c.Layers {
		dirs = append(dirs, c.Root+"/"+layer)
	}
	return dirs
}
