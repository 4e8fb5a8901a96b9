// Package plainjson reads and writes plain JSON without preparation. Package encoding/json first
// compiles a table of encoders and decoders for each type that it meets, which pays off for who
// reads many documents; a runtime reads one, and ends. With it, a quarter of the memory that a
// start touches was such tables.
//
// It is no second implementation of JSON. What is not plain (an escape, another number format, a
// name in other letters, a type with methods of its own, any mistake) is left to encoding/json,
// whose result and whose error messages are the ones that count. Where the time of a start goes is
// told in docs/zh/08-step06-oci.md.
package plainjson

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// Unmarshal is json.Unmarshal into a pointer to an empty value.
func Unmarshal(data []byte, into interface{}) error {
	target := reflect.ValueOf(into).Elem()
	d := decoder{text: string(data)}
	if d.value(target, 0) && d.next() == 0 && d.at == len(d.text) {
		return nil
	}

	target.Set(reflect.Zero(target.Type()))
	return json.Unmarshal(data, into)
}

// decoder goes through a document. Its methods answer false where encoding/json has to decide.
type decoder struct {
	text string // strings of the result are parts of it
	at   int
}

const maxDepth = 50

// next skips white space and returns the byte there, 0 at the end.
func (d *decoder) next() byte {
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and the given byte.
func (d *decoder) take(c byte) bool {
	if d.next() != c {
		return false
	}
	d.at++
	return true
}

// value reads one value into v, or over it if v is not valid: a field that the type does not have.
func (d *decoder) value(v reflect.Value, depth int) bool {
	if depth > maxDepth {
		return false
	}

	switch d.next() {
	case '{':
		return d.object(v, depth)
	case '[':
		return d.array(v, depth)
	case '"':
		s, ok := d.string()
		return ok && set(v, reflect.String, func(v reflect.Value) bool { v.SetString(s); return true })
	case 't':
		return d.word("true") && set(v, reflect.Bool, func(v reflect.Value) bool { v.SetBool(true); return true })
	case 'f':
		return d.word("false") && set(v, reflect.Bool, func(v reflect.Value) bool { v.SetBool(false); return true })
	case 'n':
		return d.word("null") && (!v.IsValid() || isEmptyReference(v))
	}

	return d.integer(v)
}

// set gives a value of one kind to v, or to what a new pointer in v points to.
func set(v reflect.Value, kind reflect.Kind, to func(reflect.Value) bool) bool {
	if !v.IsValid() {
		return true
	}
	target, ok := dereference(v)
	return ok && target.Kind() == kind && to(target)
}

// dereference makes what a pointer is to point to. A pointer that is set already comes from a name
// that is there twice.
func dereference(v reflect.Value) (reflect.Value, bool) {
	if v.Kind() != reflect.Ptr {
		return v, true
	}
	if !v.IsNil() {
		return v, false
	}
	v.Set(reflect.New(v.Type().Elem()))
	return v.Elem(), v.Elem().Kind() != reflect.Ptr
}

func isEmptyReference(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Ptr, reflect.Map, reflect.Slice:
		return v.IsNil()
	}
	return false
}

func (d *decoder) word(w string) bool {
	if !strings.HasPrefix(d.text[d.at:], w) {
		return false
	}
	d.at += len(w)
	return true
}

// string reads a string of printable ASCII itself.
func (d *decoder) string() (string, bool) {
	if !d.take('"') {
		return "", false
	}
	begin, plain := d.at, true
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"' && plain:
			d.at++
			return d.text[begin : d.at-1], true
		case c == '"':
			d.at++
			var s string
			err := json.Unmarshal([]byte(d.text[begin-1:d.at]), &s)
			return s, err == nil
		case c == '\\':
			plain = false
			d.at++
		case c < ' ' || c > '~':
			plain = false
		}
	}

	return "", false
}

// integer reads a number without fraction and exponent.
func (d *decoder) integer(v reflect.Value) bool {
	begin := d.at
	for d.at < len(d.text) && strings.IndexByte("+-0123456789.eE", d.text[d.at]) >= 0 {
		d.at++
	}

	text := d.text[begin:d.at]
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] == '+' || digits[0] == '0' && len(digits) > 1 {
		return false
	}

	signed, signedErr := strconv.ParseInt(text, 10, 64)
	unsigned, unsignedErr := strconv.ParseUint(text, 10, 64)
	if !v.IsValid() {
		return signedErr == nil || unsignedErr == nil
	}

	target, ok := dereference(v)
	if !ok {
		return false
	}
	switch target.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		target.SetInt(signed)
		return signedErr == nil && !target.OverflowInt(signed)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		target.SetUint(unsigned)
		return unsignedErr == nil && !target.OverflowUint(unsigned)
	}

	return false
}

// array reads a list. It is counted first: one that grows would touch memory several times.
func (d *decoder) array(v reflect.Value, depth int) bool {
	if v.IsValid() {
		var ok bool
		if v, ok = dereference(v); !ok || v.Kind() != reflect.Slice || !v.IsNil() ||
			v.Type().Elem().Kind() == reflect.Uint8 {
			return false
		}

		v.Set(reflect.MakeSlice(v.Type(), d.count(), d.count()))
	}

	d.at++
	if d.take(']') {
		return true
	}

	for i := 0; ; i++ {
		var element reflect.Value
		if v.IsValid() {
			if i >= v.Len() {
				return false
			}
			element = v.Index(i)
		}

		if !d.value(element, depth+1) {
			return false
		}
		if d.take(']') {
			return !v.IsValid() || i+1 == v.Len()
		}
		if !d.take(',') {
			return false
		}
	}
}

// count says how many values the list has that begins here. For a list with a mistake it may be
// wrong.
func (d *decoder) count() int {
	depth, n, empty := 0, 0, true

	for i := d.at; i < len(d.text); i++ {
		switch d.text[i] {
		case ' ', '\t', '\n', '\r':
			continue
		case '"':
			for i++; i < len(d.text) && d.text[i] != '"'; i++ {
				if d.text[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth++; depth == 1 {
				continue
			}
		case ']', '}':
			if depth--; depth == 0 {
				if !empty {
					n++
				}
				return n
			}
		case ',':
			if depth == 1 {
				n++
			}
		}

		empty = false
	}

	return n
}

// object reads a struct or a map with names.
func (d *decoder) object(v reflect.Value, depth int) bool {
	var fields *structFields
	if v.IsValid() {
		var ok bool
		if v, ok = dereference(v); !ok {
			return false
		}

		switch v.Kind() {
		case reflect.Struct:
			if fields = fieldsOf(v.Type()); fields == nil {
				return false
			}
		case reflect.Map:
			if !v.IsNil() || v.Type().Key().Kind() != reflect.String {
				return false
			}
			v.Set(reflect.MakeMap(v.Type()))
		default:
			return false
		}
	}

	d.at++
	if d.take('}') {
		return true
	}

	for {
		name, ok := d.string()
		if !ok || !d.take(':') || !d.member(v, fields, name, depth) {
			return false
		}

		if d.take('}') {
			return true
		}
		if !d.take(',') || d.next() != '"' {
			return false
		}
	}
}

// member reads the value of one name of an object.
func (d *decoder) member(v reflect.Value, fields *structFields, name string, depth int) bool {
	switch {
	case !v.IsValid():
		return d.value(v, depth+1)
	case fields == nil:
		element := reflect.New(v.Type().Elem()).Elem()
		if !d.value(element, depth+1) {
			return false
		}
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), element)
		return true
	}

	f, ok := fields.find(name)
	if !ok {
		return false
	}
	if f == nil {
		return d.value(reflect.Value{}, depth+1)
	}
	return d.value(v.Field(f.index), depth+1)
}
