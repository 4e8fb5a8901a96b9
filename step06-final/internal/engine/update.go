package engine

import (
	"fmt"
	"reflect"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/spec"
)

// Rename gives a container another name.
func (e *Engine) Rename(v View, name string) error {
	if err := spec.CheckName(name); err != nil {
		return err
	}

	lock, err := v.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if name == v.Name {
		return fmt.Errorf("container %s has that name already", name)
	}

	old := v.Name
	if err := v.Container.Rename(name); err != nil {
		return err
	}
	if err := e.Networks.Rename(v.ID, name); err != nil {
		return err
	}

	e.event(v.Container, "rename", map[string]string{"oldName": old})
	return nil
}

// UpdateOptions are those of `update`; zero values change nothing.
type UpdateOptions struct {
	Resources    spec.Resources
	Restart      string
	RestartGiven bool
}

// Update changes limits, of a running container in the kernel too. What cannot be done is not
// recorded.
func (e *Engine) Update(v View, o UpdateOptions) error {
	lock, err := v.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if before, memory := v.HostConfig.MemorySwap, o.Resources.Memory; before > 0 && memory > before &&
		o.Resources.MemorySwap == 0 {
		return fmt.Errorf(
			"--memory %d is more than the limit of memory and swap together, %d: give --memory-swap too", memory,
			before)
	}

	merged := mergeResources(v.HostConfig.Resources, o.Resources)
	if err := spec.CheckResources(merged); err != nil {
		return err
	}

	if o.RestartGiven {
		policy, err := spec.ParseRestart(o.Restart)
		if err != nil {
			return err
		}
		if v.HostConfig.AutoRemove && policy.Name != "no" && policy.Name != "" {
			return fmt.Errorf("container %s was created with --rm: it cannot have a restart policy", v.Name)
		}

		v.HostConfig.RestartPolicy = policy
	}

	if v, err = e.withState(v); err != nil {
		return err
	}

	if v.Running {
		rc, err := e.running(v)
		if err != nil {
			return err
		}

		resources, err := spec.LinuxResources(merged)
		if err != nil {
			return err
		}

		if !reflect.DeepEqual(*resources, specs.LinuxResources{}) {
			if err := rc.Update(resources); err != nil {
				return fmt.Errorf("update container %s: %w", v.Name, err)
			}
		}
	}

	v.HostConfig.Resources = merged
	if err := v.Save(); err != nil {
		return err
	}

	e.event(v.Container, "update", nil)
	return nil
}

// withState is settle that keeps changes of the container's record that are not saved yet.
func (e *Engine) withState(v View) (View, error) {
	settled, err := e.settle(v.Container)
	settled.Container = v.Container
	return settled, err
}

// mergeResources puts the given limits on top of the present ones.
func mergeResources(base, over spec.Resources) spec.Resources {
	setInt := func(to *int64, from int64) {
		if from != 0 {
			*to = from
		}
	}
	setInt(&base.Memory, over.Memory)
	setInt(&base.MemorySwap, over.MemorySwap)
	setInt(&base.MemoryReservation, over.MemoryReservation)
	setInt(&base.CPUShares, over.CPUShares)
	setInt(&base.PidsLimit, over.PidsLimit)
	if over.NanoCPUs != 0 {
		base.NanoCPUs, base.CPUPeriod, base.CPUQuota = over.NanoCPUs, 0, 0
	}

	if over.CPUPeriod != 0 || over.CPUQuota != 0 {
		base.NanoCPUs = 0
		setInt(&base.CPUPeriod, over.CPUPeriod)
		setInt(&base.CPUQuota, over.CPUQuota)
	}
	if over.CpusetCpus != "" {
		base.CpusetCpus = over.CpusetCpus
	}

	if over.CpusetMems != "" {
		base.CpusetMems = over.CpusetMems
	}
	if over.BlkioWeight != 0 {
		base.BlkioWeight = over.BlkioWeight
	}
	return base
}
