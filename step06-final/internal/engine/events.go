package engine

import (
	"strings"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/store"
)

// report records one event. A full disk must not keep a container from being stopped, so a failure
// is only a warning.
func (e *Engine) report(kind, action, id string, attributes map[string]string) {
	if err := e.Store.AddEvent(kind, action, id, attributes); err != nil {
		e.Warn("%v", err)
	}
}

// event records what happened to a container.
func (e *Engine) event(c *store.Container, action string, attributes map[string]string) {
	all := map[string]string{"image": c.Image, "name": c.Name}
	for key, value := range c.Config.Labels {
		all[key] = value
	}
	for key, value := range attributes {
		all[key] = value
	}
	e.report("container", action, c.ID, all)
}

// Event is event for what a command does by itself.
func (e *Engine) Event(v View, action string) { e.event(v.Container, action, nil) }

// Told records an action that has succeeded, and passes its error on.
func (e *Engine) Told(v View, action string, err error) error {
	if err == nil {
		e.Event(v, action)
	}
	return err
}

// networkEvent records that a container has come into a network or has left it.
func (e *Engine) networkEvent(c *store.Container, action, name string) {
	n, err := e.Networks.Inspect(name)
	if err != nil {
		return // removed since
	}
	e.report("network", action, n.ID, map[string]string{"container": c.ID, "name": n.Name, "type": n.Driver})
}

// networksOf are the networks that a container is in while it runs; none when it shares another
// container's.
func networksOf(c *store.Container) []string {
	name := networkName(c)
	if _, shared := sharedNetwork(name); shared {
		return nil
	}
	names := []string{name}
	for _, more := range c.Networks {
		names = append(names, more.Network)
	}
	return names
}

// begun records what a container has come to hold with its start, ended what it has given back.
func (e *Engine) begun(c *store.Container) {
	for _, name := range networksOf(c) {
		e.networkEvent(c, "connect", name)
	}
	for _, m := range c.Mounts {
		if m.Type == "volume" {
			writable := map[bool]string{true: "false", false: "true"}[m.ReadOnly]
			e.report("volume", "mount", m.Name, map[string]string{
				"container": c.ID, "destination": m.Destination, "driver": "local",
				"propagation": m.Propagation, "read/write": writable,
			})
		}
	}
	e.event(c, "start", nil)
}

func (e *Engine) ended(c *store.Container) {
	for _, name := range networksOf(c) {
		e.networkEvent(c, "disconnect", name)
	}
	for _, m := range c.Mounts {
		if m.Type == "volume" {
			e.report("volume", "unmount", m.Name, map[string]string{"container": c.ID, "driver": "local"})
		}
	}
}

// ImageEvent records what happened to an image; name is empty where docker names it by its id.
func (e *Engine) ImageEvent(action string, img *image.Image, name string) {
	attributes := map[string]string{"name": img.ID}
	for key, value := range img.Config.Config.Labels {
		attributes[key] = value
	}
	if name != "" {
		attributes["name"] = name
	}
	e.report("image", action, img.ID, attributes)
}

// NamedImageEvent is ImageEvent for an image that has just got or kept this name.
func (e *Engine) NamedImageEvent(action, name string) {
	img, err := e.Images.Resolve(name)
	if err != nil {
		return // removed since
	}
	if action != "tag" {
		name = ""
	} else if ref, err := image.ParseReference(name); err == nil {
		name = ref.Familiar()
	}
	e.ImageEvent(action, img, name)
}

// RemoveImage takes a name away, and the image with its last name. The lines are what docker
// prints.
func (e *Engine) RemoveImage(name string, o image.RemoveOptions) ([]string, error) {
	img, _ := e.Images.Resolve(name) // what is not there is an error of Remove
	lines, err := e.Images.Remove(name, o)
	for _, line := range lines {
		switch {
		case img == nil:
		case strings.HasPrefix(line, "Untagged: ") && !strings.Contains(line, "@sha256:"):
			e.ImageEvent("untag", img, "")
		case line == "Deleted: "+img.ID:
			e.report("image", "delete", img.ID, map[string]string{"name": img.ID})
		}
	}
	return lines, err
}

// RemoveNetwork removes a network that no container is in.
func (e *Engine) RemoveNetwork(name string) error {
	n, err := e.Networks.Inspect(name)
	if err != nil {
		return err
	}
	if err := e.Networks.Remove(name); err != nil {
		return err
	}
	e.networkDestroyed(n.Network)
	return nil
}

func (e *Engine) networkDestroyed(n network.Network) {
	e.report("network", "destroy", n.ID, map[string]string{"name": n.Name, "type": n.Driver})
}
