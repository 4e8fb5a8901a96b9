package plainjson

import (
	"encoding/json"
	"reflect"
	"sort"
	"strconv"
)

// Marshal is json.Marshal.
func Marshal(v interface{}) ([]byte, error) {
	if out, ok := appendValue(make([]byte, 0, 2048), reflect.ValueOf(v)); ok {
		return out, nil
	}
	return json.Marshal(v)
}

// appendValue answers false for what it leaves to encoding/json.
func appendValue(out []byte, v reflect.Value) ([]byte, bool) {
	switch v.Kind() {
	case reflect.String:
		return appendString(out, v.String())
	case reflect.Bool:
		return strconv.AppendBool(out, v.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(out, v.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(out, v.Uint(), 10), true
	case reflect.Ptr:
		if v.IsNil() {
			return append(out, "null"...), true
		}
		return appendValue(out, v.Elem())
	case reflect.Struct:
		return appendStruct(out, v)
	case reflect.Map:
		return appendMap(out, v)
	case reflect.Slice:
		return appendSlice(out, v)
	}

	return nil, false
}

// appendString writes printable ASCII itself, but for what JSON or HTML would have escaped.
func appendString(out []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			quoted, err := json.Marshal(s)
			return append(out, quoted...), err == nil
		}
	}
	return append(append(append(out, '"'), s...), '"'), true
}

func appendStruct(out []byte, v reflect.Value) ([]byte, bool) {
	s := fieldsOf(v.Type())
	if s == nil {
		return nil, false
	}

	out = append(out, '{')
	for i := range s.fields {
		f := &s.fields[i]
		value := v.Field(f.index)
		if f.omitEmpty && isEmpty(value) {
			continue
		}

		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), f.name...), '"', ':')
		var ok bool
		if out, ok = appendValue(out, value); !ok {
			return nil, false
		}
	}

	return append(out, '}'), true
}

func appendMap(out []byte, v reflect.Value) ([]byte, bool) {
	if v.IsNil() {
		return append(out, "null"...), true
	}
	if v.Type().Key().Kind() != reflect.String {
		return nil, false
	}

	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })

	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		var ok bool
		if out, ok = appendString(out, key.String()); !ok {
			return nil, false
		}
		if out, ok = appendValue(append(out, ':'), v.MapIndex(key)); !ok {
			return nil, false
		}
	}

	return append(out, '}'), true
}

func appendSlice(out []byte, v reflect.Value) ([]byte, bool) {
	if v.IsNil() {
		return append(out, "null"...), true
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return nil, false
	}

	out = append(out, '[')
	for i := 0; i < v.Len(); i++ {
		if i > 0 {
			out = append(out, ',')
		}
		var ok bool
		if out, ok = appendValue(out, v.Index(i)); !ok {
			return nil, false
		}
	}
	return append(out, ']'), true
}

// isEmpty is what omitempty leaves out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
