// ps and images are docker's tables.
//
// Chapter: docs/zh/08-small-supervision.md
package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli"
)

func psAction(ctx *cli.Context) error {
	records, err := readRecords()
	if err != nil {
		return err
	}

	w := tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0)
	if !ctx.Bool("quiet") {
		fmt.Fprintln(w, "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES")
	}

	for _, r := range records {
		if !r.Finished.IsZero() && !ctx.Bool("all") {
			continue
		}
		if ctx.Bool("quiet") {
			fmt.Fprintln(w, r.ID[:12])
			continue
		}

		var ports []string
		for _, p := range r.Config.Ports {
			ports = append(ports, p.String())
		}

		command := strings.Join(r.Config.Command, " ")
		if len(command) > 20 {
			command = command[:17] + "..."
		}

		fmt.Fprintf(w, "%.12s\t%s\t%q\t%s ago\t%s\t%s\t%s\n",
			r.ID, r.Image, command, ago(r.Created), r.status(), strings.Join(ports, ", "), r.Name)
	}

	return w.Flush()
}

// status is docker's column.
func (r *record) status() string {
	switch {
	case !r.Finished.IsZero():
		return fmt.Sprintf("Exited (%d) %s ago", r.ExitCode, ago(r.Finished))
	case r.Pid == 0:
		return "Created"
	}
	return "Up " + ago(r.Created)
}

func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func imagesAction(*cli.Context) error {
	images, err := readImages()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0)
	fmt.Fprintln(w, "REPOSITORY\tTAG\tIMAGE ID\tCREATED")
	for _, i := range images {
		colon := strings.LastIndex(i.Name, ":")
		fmt.Fprintf(w, "%s\t%s\t%.12s\t%s ago\n", i.Name[:colon], i.Name[colon+1:],
			strings.TrimPrefix(i.ID, "sha256:"), ago(i.Created))
	}
	return w.Flush()
}
