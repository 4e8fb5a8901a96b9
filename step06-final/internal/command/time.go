package command

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// parseTime reads a point in time: a duration before now, RFC 3339 (or its beginning, local time),
// or seconds since 1970.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && text != "0" { // 0 is 1970
		return time.Now().Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}

	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e11 {
		whole := int64(seconds)
		return time.Unix(whole, int64((seconds-float64(whole))*1e9)), nil
	}

	return time.Time{}, fmt.Errorf(
		"invalid time %q: want 10m, 2024-01-02T03:04:05Z, 2024-01-02 or seconds since 1970", text)
}

// labelList writes labels as docker's lists do: key=value, sorted, comma separated.
func labelList(labels map[string]string) string {
	var list []string
	for key, value := range labels {
		list = append(list, key+"="+value)
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}
