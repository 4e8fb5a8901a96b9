package command

import (
	"fmt"
	"math"
	"time"
)

// humanDuration writes a duration in docker's words.
func humanDuration(d time.Duration) string {
	seconds, minutes, hours := int(d.Seconds()), int(d.Minutes()), int(math.Round(d.Hours()))

	switch {
	case seconds < 1:
		return "Less than a second"
	case seconds == 1:
		return "1 second"
	case seconds < 60:
		return fmt.Sprintf("%d seconds", seconds)
	case minutes == 1:
		return "About a minute"
	case minutes < 60:
		return fmt.Sprintf("%d minutes", minutes)
	case hours == 1:
		return "About an hour"
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	case hours < 24*7*2:
		return fmt.Sprintf("%d days", hours/24)

	case hours < 24*30*2:
		return fmt.Sprintf("%d weeks", hours/24/7)
	case hours < 24*365*2:
		return fmt.Sprintf("%d months", hours/24/30)
	}

	return fmt.Sprintf("%d years", hours/24/365)
}

func ago(t time.Time) string { return humanDuration(time.Since(t)) + " ago" }

// humanSize writes bytes in powers of 1000 (images, network, I/O), with so many digits.
func humanSize(bytes float64, digits int) string {
	return scaled(bytes, 1000, []string{"B", "kB", "MB", "GB", "TB", "PB"}, digits)
}

// humanBytes writes bytes in powers of 1024 (memory).
func humanBytes(bytes float64) string {
	return scaled(bytes, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}, 4)
}

func scaled(value, base float64, units []string, digits int) string {
	unit := 0
	for value >= base && unit < len(units)-1 {
		value /= base
		unit++
	}
	return fmt.Sprintf("%.*g%s", digits, value, units[unit])
}
