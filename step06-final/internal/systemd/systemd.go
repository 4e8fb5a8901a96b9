// Package systemd has systemd make the cgroups of containers, as scopes
// (org.freedesktop.systemd1(5), systemd.scope(5)). On a host that systemd runs it is the one writer
// of the cgroup tree; a container's cgroup is delegated to the runtime. Only cmd/myrunc links this
// (docs/zh/08-step06-oci.md).
package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/runtime"
)

// Manager talks with systemd: the system's, or an ordinary user's. It connects when it is asked for
// something first.
type Manager struct {
	system, user *sd.Conn
}

const patience = 30 * time.Second // for one job of systemd

func (m *Manager) connection(user bool) (*sd.Conn, error) {
	known, dial := &m.system, sd.NewWithContext
	if user {
		known, dial = &m.user, dialUser
	}
	if *known != nil {
		return *known, nil
	}

	connection, err := dial(context.Background())
	if err != nil {
		return nil, fmt.Errorf(
			"connect to systemd over D-Bus: %w: start dbus, or use the cgroupfs manager (no --systemd-cgroup)", err)
	}
	*known = connection
	return connection, nil
}

// dialUser connects to the bus of the user who has started us. Inside of a user namespace we are
// root, but the bus knows us by the id outside.
func dialUser(ctx context.Context) (*sd.Conn, error) {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		directory := os.Getenv("XDG_RUNTIME_DIR")
		if directory == "" {
			return nil, errors.New(
				"neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set (no session of systemd-logind?)")
		}

		address = "unix:path=" + directory + "/bus"
	}

	uid, err := outerID("/proc/self/uid_map", os.Geteuid())
	if err != nil {
		return nil, err
	}

	return sd.NewConnection(func() (*dbus.Conn, error) {
		connection, err := dbus.Dial(address, dbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}

		err = connection.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(uid))})
		if err == nil {
			err = connection.Hello()
		}
		if err != nil {
			connection.Close()
			return nil, err
		}
		return connection, nil
	})
}

// outerID is what an id of this user namespace is called in the one above.
func outerID(mapFile string, id int) (int, error) {
	data, err := os.ReadFile(mapFile)
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		var inside, outside, size int
		if _, err := fmt.Sscan(line, &inside, &outside, &size); err == nil && id >= inside && id < inside+size {
			return outside + id - inside, nil
		}
	}
	return 0, fmt.Errorf("%s does not map the id %d", mapFile, id)
}

// Root is the cgroup below which the manager's slices are: "" for the system's.
func (m *Manager) Root(user bool) (string, error) {
	if !user {
		return "", nil
	}
	connection, err := m.connection(true)
	if err != nil {
		return "", err
	}
	quoted, err := connection.GetManagerProperty("ControlGroup")
	if err != nil {
		return "", fmt.Errorf("ask systemd for its cgroup: %w", err)
	}
	return strings.Trim(quoted, `"`), nil
}

// Start makes a scope with one process in it, and delegates its cgroup.
func (m *Manager) Start(scope runtime.Scope, pid int, r *specs.LinuxResources) error {
	connection, err := m.connection(scope.User)
	if err != nil {
		return err
	}

	properties := append([]sd.Property{
		sd.PropDescription("myrunc container " + scope.Unit), sd.PropSlice(scope.Slice), sd.PropPids(uint32(pid)),
		property("Delegate", true), property("DefaultDependencies", false),
		property("MemoryAccounting", true), property("CPUAccounting", true), property("TasksAccounting", true),
	}, limits(r, runtimeHasV2())...)
	if !scope.User {
		properties = append(properties, devices(r)...)
	}

	err = await(func(ctx context.Context, done chan<- string) error {
		_, err := connection.StartTransientUnitContext(ctx, scope.Unit, "fail", properties, done)
		return err
	})
	if isError(err, "org.freedesktop.systemd1.UnitExists") {
		return fmt.Errorf(
			"systemd has a unit %s already: stop it (systemctl stop %s), or choose another linux.cgroupsPath",
			scope.Unit, scope.Unit)
	}
	if err != nil {
		return fmt.Errorf("have systemd start %s: %w", scope.Unit, err)
	}

	return nil
}

// Set changes the limits of a scope, so that systemd does not put the old ones back.
func (m *Manager) Set(scope runtime.Scope, r *specs.LinuxResources) error {
	properties := limits(r, runtimeHasV2())
	if len(properties) == 0 {
		return nil
	}
	connection, err := m.connection(scope.User)
	if err != nil {
		return err
	}
	if err := connection.SetUnitPropertiesContext(context.Background(), scope.Unit, true, properties...); err != nil {
		return fmt.Errorf("have systemd change the limits of %s: %w", scope.Unit, err)
	}
	return nil
}

// Stop ends a scope whose processes are gone. One that systemd does not know any more has ended by
// itself.
func (m *Manager) Stop(scope runtime.Scope) error {
	connection, err := m.connection(scope.User)
	if err != nil {
		return err
	}
	err = await(func(ctx context.Context, done chan<- string) error {
		_, err := connection.StopUnitContext(ctx, scope.Unit, "replace", done)
		return err
	})
	if err != nil && !isError(err, "org.freedesktop.systemd1.NoSuchUnit") {
		return fmt.Errorf("have systemd stop %s: %w", scope.Unit, err)
	}
	// A scope that has failed is remembered until it is reset. There is
	// nothing to forget after a good end.
	_ = connection.ResetFailedUnitContext(context.Background(), scope.Unit)
	return nil
}

// await starts a job and waits for its end.
func await(start func(ctx context.Context, done chan<- string) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan string, 1)
	if err := start(ctx, done); err != nil {
		return err
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("the job ended with %q: see journalctl", result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s: see systemctl list-jobs", patience)
	}
}

func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
