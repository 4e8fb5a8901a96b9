package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"text/template"

	"mydocker/step06-final/internal/engine"
)

// list describes how one kind of rows is printed.
type list struct {
	headers map[string]string // field of a row → heading
	columns string            // of the default table: a template such as {{.ID}}\t{{.Names}}
	quiet   string            // the template of -q
	row     interface{}       // an empty row, on which a format is tried before there are any
}

// functions are those that docker's --format knows beside the template language's own.
var functions = template.FuncMap{
	"json": func(v interface{}) (string, error) {
		var buffer bytes.Buffer
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		err := encoder.Encode(v)
		return strings.TrimRight(buffer.String(), "\n"), err
	},
	"join":  strings.Join,
	"split": strings.Split,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"title": func(s string) string {
		if s == "" {
			return s
		}
		return strings.ToUpper(s[:1]) + s[1:]
	},
	"println": fmt.Sprintln,
	"memory":  func(bytes uint64) string { return humanBytes(float64(bytes)) }, // ours, for info
	"pad": func(s string, before, after int) string {
		return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
	},
	"truncate": func(s string, n int) string {
		if len(s) > n {
			return s[:n]
		}
		return s
	},
}

// labelCall is {{.Label "key"}}, whose heading is the key.
var labelCall = regexp.MustCompile(`\.Label\s+"([^"]*)"`)

// print prints rows in a format: "" is the default table, "table TEMPLATE" a table of other
// columns, "json" an object a line, anything else a template for each row.
func (l list) print(rows []interface{}, format string, quiet bool) error {
	if quiet && (format == "" || format == "table") {
		format = l.quiet
	}

	table := false

	switch {
	case format == "" || format == "table":
		table, format = true, l.columns
	case strings.HasPrefix(format, "table "):
		table, format = true, strings.TrimPrefix(format, "table ")
	case format == "json":
		format = "{{json .}}"
	}

	format = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format)
	t, err := template.New("").Funcs(functions).Parse(format)
	if err != nil {
		return fmt.Errorf("invalid --format: %w", err)
	}

	var out bytes.Buffer
	if table {
		heading, err := template.New("").Funcs(functions).Parse(labelCall.ReplaceAllString(format, `"$1"`))
		if err != nil {
			return fmt.Errorf("invalid --format: %w", err)
		}
		if err := heading.Option("missingkey=error").Execute(&out, l.headers); err != nil {
			return fmt.Errorf("invalid --format: %w", err)
		}

		out.WriteByte('\n')
	}

	if err := t.Execute(io.Discard, l.row); err != nil {
		return fmt.Errorf("invalid --format: %w", err)
	}

	for _, row := range rows {
		if err := t.Execute(&out, row); err != nil {
			return fmt.Errorf("invalid --format: %w", err)
		}

		out.WriteByte('\n')
	}

	if !table {
		_, err := os.Stdout.WriteString(visible(out.String()))
		return err
	}

	buffer := bufio.NewWriter(os.Stdout) // a tabwriter writes every cell by itself
	w := tabwriter.NewWriter(buffer, 10, 1, 3, ' ', 0)
	if _, err = io.WriteString(w, visible(out.String())); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = buffer.Flush()
	}
	if err != nil {
		return fmt.Errorf("print table: %w", err)
	}

	return nil
}

// printObjects is `inspect`: objects with a template, or as JSON in a list.
func printObjects(objects []interface{}, format string) error {
	if format == "" || format == "json" {
		var data []byte
		var err error
		if format == "json" {
			data, err = json.Marshal(objects)
		} else {
			data, err = json.MarshalIndent(objects, "", "    ")
		}
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}

		_, err = fmt.Println(visible(string(data)))
		return err
	}

	if len(objects) == 0 {
		fmt.Println() // docker's inspect prints an empty line when it finds nothing
	}

	for i, object := range objects {
		if err := printObject(object, format); err != nil {
			var unreadable *statusError
			if i == 0 && !errors.As(err, &unreadable) {
				fmt.Println() // here too
			}
			return err
		}
	}
	return nil
}

// printObject prints one object with a template; "json" is short for {{json .}}.
func printObject(object interface{}, format string) error {
	if format == "json" {
		format = "{{json .}}"
	}

	t, err := template.New("").Funcs(functions).Parse(format)
	if err != nil {
		return &statusError{64, fmt.Errorf("invalid --format: %w", err)} // docker's status, for one object only
	}

	var out bytes.Buffer
	if err := t.Execute(&out, object); err != nil {
		// As docker does: what is no field of ours is looked up in the JSON, where range works too.
		generic, genericErr := engine.Generic(object)
		if genericErr != nil {
			return genericErr
		}

		out.Reset()
		if err := t.Option("missingkey=error").Execute(&out, generic); err != nil {
			return fmt.Errorf("invalid --format: %w", err)
		}
	}

	_, err = fmt.Println(visible(out.String()))
	return err
}
