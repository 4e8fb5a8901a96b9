package plainjson

import (
	"reflect"
	"strings"
	"sync"
)

// field is one field of a struct, by its name in JSON.
type field struct {
	name      string
	index     int
	omitEmpty bool
}

// structFields are the fields of a type. The list of types is short: it is searched.
type structFields struct {
	of     reflect.Type
	fields []field
}

var known struct {
	sync.Mutex
	types []*structFields
}

// fieldsOf is nil for a type that encoding/json has rules of its own for: embedded structs, fields
// without a name in JSON, methods.
func fieldsOf(t reflect.Type) *structFields {
	known.Lock()
	defer known.Unlock()
	for _, s := range known.types {
		if s.of == t {
			return s
		}
	}

	if reflect.PtrTo(t).NumMethod() > 0 {
		return nil
	}
	s := &structFields{of: t, fields: make([]field, 0, t.NumField())}
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		name, options := f.Tag.Get("json"), ""
		if comma := strings.IndexByte(name, ','); comma >= 0 {
			name, options = name[:comma], name[comma+1:]
		}
		if f.Anonymous || f.PkgPath != "" || name == "" || name == "-" || options != "" && options != "omitempty" {
			return nil
		}

		s.fields = append(s.fields, field{name, i, options != ""})
	}

	known.types = append(known.types, s)
	return s
}

// find answers nil for a name that the type does not have, and false for one that only other
// letters would make a field.
func (s *structFields) find(name string) (*field, bool) {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i], true
		}
	}
	for i := range s.fields {
		if strings.EqualFold(s.fields[i].name, name) {
			return nil, false
		}
	}
	return nil, true
}
