package spec

import (
	"fmt"
	"time"
)

// Healthcheck is the command that checks whether a container does its work. Times are
// nanoseconds; 0 means the default.
type Healthcheck struct {
	// empty: the image's; NONE; CMD ARG…; CMD-SHELL LINE
	Test        []string      `json:",omitempty"`
	Interval    time.Duration `json:",omitempty"`
	Timeout     time.Duration `json:",omitempty"`
	StartPeriod time.Duration `json:",omitempty"`
	Retries     int           `json:",omitempty"` // failures in a row that make it unhealthy
}

// Defaults of a health check.
const (
	healthInterval = 30 * time.Second
	healthTimeout  = 30 * time.Second
	healthRetries  = 3
)

// Active says whether there is anything to run.
func (h *Healthcheck) Active() bool { return h != nil && len(h.Test) > 0 && h.Test[0] != "NONE" }

// WithDefaults fills in what was not said.
func (h Healthcheck) WithDefaults() Healthcheck {
	if h.Interval == 0 {
		h.Interval = healthInterval
	}
	if h.Timeout == 0 {
		h.Timeout = healthTimeout
	}
	if h.Retries == 0 {
		h.Retries = healthRetries
	}
	return h
}

// Argv is the command line of one check. A CMD-SHELL line is for the shell of the image.
func (h Healthcheck) Argv(shell []string) []string {
	if h.Test[0] == "CMD" {
		return h.Test[1:]
	}
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(append([]string(nil), shell...), h.Test[1:]...)
}

// MergeHealthcheck fills in what the flags left open from the image's check.
func MergeHealthcheck(image, flags *Healthcheck) *Healthcheck {
	if image == nil || flags == nil {
		if flags == nil {
			return image
		}
		return flags
	}

	merged := *flags
	if len(merged.Test) == 0 {
		merged.Test = image.Test
	}
	if merged.Interval == 0 {
		merged.Interval = image.Interval
	}
	if merged.Timeout == 0 {
		merged.Timeout = image.Timeout
	}

	if merged.StartPeriod == 0 {
		merged.StartPeriod = image.StartPeriod
	}
	if merged.Retries == 0 {
		merged.Retries = image.Retries
	}
	return &merged
}

// Check refuses what docker refuses.
func (h *Healthcheck) Check() error {
	if h == nil {
		return nil
	}
	for name, value := range map[string]time.Duration{"interval": h.Interval, "timeout": h.Timeout,
		"start period": h.StartPeriod} {
		if value != 0 && value < time.Millisecond {
			return fmt.Errorf("the health check's %s is %s: give at least 1ms, or 0 for the default", name, value)
		}
	}
	if h.Retries < 0 {
		return fmt.Errorf("the health check's number of retries is %d: give at least 1, or 0 for the default",
			h.Retries)
	}
	return nil
}
