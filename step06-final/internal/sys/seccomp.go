package sys

import "unsafe"

// SockFilter is struct sock_fprog (seccomp(2)).
type SockFilter struct {
	length       uint16
	instructions unsafe.Pointer
}

// IsFilter says whether bytes can be a filter: an array of struct sock_filter of eight bytes each.
func IsFilter(filter []byte) bool { return len(filter) > 0 && len(filter)%8 == 0 }

// NewSockFilter points to a filter.
func NewSockFilter(filter []byte) SockFilter {
	return SockFilter{uint16(len(filter) / 8), unsafe.Pointer(&filter[0])}
}

// Empty says that there is no filter.
func (f *SockFilter) Empty() bool { return f.length == 0 }

// Numbers to load a filter with.
const (
	SetModeFilter = 1 // of seccomp(2); prctl(2) counts from 1, and calls it 2
	PrSetSeccomp  = 22
)
