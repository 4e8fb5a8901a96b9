package command

import (
	"fmt"
	"strings"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
)

// normalise rewrites a command line from docker's (GNU's) rules to the simpler ones of package
// flag: -it is -i -t, -p80 is -p 80, --name=x and --name x are one, -e and --env are one flag, and
// flags may stand behind arguments, except for the commands whose arguments are a command of their
// own: there the first argument ends the flags.
func normalise(app *cli.App, args []string) ([]string, error) {
	global, rest, err := splitFlags(app.Flags, args[1:], false, "mydocker")
	if err != nil {
		return nil, err
	}

	out := append([]string{args[0]}, global...)

	commands, path := app.Commands, "mydocker"

	for len(rest) > 0 {
		c := findCommand(commands, rest[0])
		if c == nil {
			if err := leftOutCommand(path, rest[0]); err != nil {
				return nil, err
			}
			return append(append(out, "--"), rest...), nil
		}

		out, path = append(out, c.Name), path+" "+c.Name
		if len(c.Subcommands) > 0 {
			commands, rest = c.Subcommands, rest[1:]
			if len(rest) > 0 && rest[0] == "--help" {
				return append(out, "--help"), nil
			}
			continue
		}

		flags, arguments, err := splitFlags(append(c.Flags, cli.HelpFlag), rest[1:],
			!takesCommand[strings.TrimPrefix(path, "mydocker ")], path)
		if err != nil {
			return nil, err
		}
		return append(append(append(out, flags...), "--"), arguments...), nil
	}

	return out, nil
}

// takesCommand are the commands whose flags end at the first argument, because what follows is
// another program's.
var takesCommand = map[string]bool{"run": true, "create": true, "exec": true, "top": true, engine.CommandInit: true,
	"internal-complete": true,
	"container run":     true, "container create": true, "container exec": true, "container top": true}

func findCommand(commands []cli.Command, name string) *cli.Command {
	for i := range commands {
		if commands[i].HasName(name) {
			return &commands[i]
		}
	}
	return nil
}

// splitFlags separates flags, in the form --name=value or --name, from arguments. Whichever name of
// a flag was written, the first comes out.
func splitFlags(known []cli.Flag, args []string, interspersed bool, command string) (flags, rest []string, err error) {
	table := flagTable(known)
	fail := func(format string, args ...interface{}) ([]string, []string, error) {
		advice := "; see `" + command + " --help`"
		if command == "mydocker" {
			advice += "\n\nUsage:  mydocker [OPTIONS] COMMAND"
		}
		return nil, nil, &statusError{engine.ExitFailure, fmt.Errorf(format+advice, args...)}
	}

	for i := 0; i < len(args); i++ {
		arg := args[i]

		switch {
		case arg == "--":
			return flags, append(rest, args[i+1:]...), nil

		case strings.HasPrefix(arg, "--"):
			name, value, hasValue := strings.Cut(arg[2:], "=")
			flag, exists := table[name]
			switch {
			case !exists || len(name) == 1:
				if err := leftOutFlag(command, "--"+name); err != nil {
					return nil, nil, err
				}
				return fail("unknown flag: --%s", name)
			case hasValue:
				flags = append(flags, flag.name+"="+value)
			case flag.isSwitch:
				flags = append(flags, flag.name)
			case i+1 == len(args):
				return fail("flag needs an argument: --%s", name)
			default:
				i++
				flags = append(flags, flag.name+"="+args[i])
			}

		case strings.HasPrefix(arg, "-") && arg != "-":
			for letters := arg[1:]; letters != ""; {
				letter := letters[:1]
				letters = letters[1:]
				flag, exists := table[letter]
				switch {
				case !exists:
					if err := leftOutFlag(command, "-"+letter); err != nil {
						return nil, nil, err
					}
					return fail("unknown shorthand flag: '%s' in %s", letter, arg)
				case flag.isSwitch && strings.HasPrefix(letters, "="):
					flags, letters = append(flags, flag.name+letters), ""
				case flag.isSwitch:
					flags = append(flags, flag.name)
				case letters != "":
					flags, letters = append(flags, flag.name+"="+strings.TrimPrefix(letters, "=")), ""
				case i+1 == len(args):
					return fail("flag needs an argument: '%s' in %s", letter, arg)
				default:
					i++
					flags = append(flags, flag.name+"="+args[i])
				}
			}

		case interspersed:
			rest = append(rest, arg)
		default:
			return flags, append(rest, args[i:]...), nil
		}
	}

	return flags, rest, nil
}

// flagForm is how a flag is written for package flag.
type flagForm struct {
	name     string // the first of its names, with dashes
	isSwitch bool   // it takes no value
}

// flagTable has an entry for every name of every flag.
func flagTable(flags []cli.Flag) map[string]flagForm {
	table := map[string]flagForm{}
	for _, flag := range flags {
		names := strings.Split(flag.GetName(), ",")
		form := flagForm{name: "--" + strings.TrimSpace(names[0])}
		switch flag.(type) {
		case cli.BoolFlag, cli.BoolTFlag:
			form.isSwitch = true
		}
		for _, name := range names {
			table[strings.TrimSpace(name)] = form
		}
	}
	return table
}
