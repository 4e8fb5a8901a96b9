package command

// commandHelp is docker's layout of a command's help. A command's Description holds its examples.
const commandHelp = `Usage:  {{if .UsageText}}{{.UsageText}}{{else}}{{.HelpName}} {{if .VisibleFlags}}[OPTIONS] {{end}}{{.ArgsUsage}}{{end}}

{{.Usage}}
{{if .Aliases}}
Aliases:
  {{join .Names ", "}}
{{end}}{{if .VisibleFlags}}
Options:
{{range .VisibleFlags}}  {{.}}
{{end}}{{end}}{{if .Description}}
Examples:
{{.Description}}
{{end}}`

// groupHelp is the same for a command that has commands.
const groupHelp = `Usage:  {{.HelpName}} COMMAND

{{.Usage}}

Commands:
{{range .VisibleCommands}}  {{join .Names ", "}}{{"\t"}}{{.Usage}}
{{end}}`

// examples writes example lines with the indentation of the help.
func examples(lines ...string) string {
	text := ""
	for i, line := range lines {
		if i > 0 {
			text += "\n"
		}
		text += "  " + line
	}
	return text
}
