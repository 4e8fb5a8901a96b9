package command

import (
	"fmt"
	"sort"
	"strings"

	"github.com/urfave/cli"

	"mydocker/step06-final/internal/engine"
)

// completionScripts ask this program what may follow, so that they know every command and flag, and
// the names that exist now.
var completionScripts = map[string]string{
	"bash": `_mydocker() {
    local IFS=$'\n'
    COMPREPLY=($("${COMP_WORDS[0]}" internal-complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _mydocker mydocker
`,
	"zsh": `#compdef mydocker
_mydocker() {
    local -a found
    found=(${(f)"$("${words[1]}" internal-complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -a found; else _files; fi
}
compdef _mydocker mydocker
`,
	"fish": `function __mydocker_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] internal-complete -- $words[2..-1] 2>/dev/null
end
complete -c mydocker -a '(__mydocker_complete)'
`,
}

func completionCommands() []cli.Command {
	return []cli.Command{{
		Name: "completion", Usage: "Print a script that completes command lines", ArgsUsage: "bash|zsh|fish",
		Description: examples("source <(mydocker completion bash)", "mydocker completion zsh > ~/.zfunc/_mydocker",
			"mydocker completion fish > ~/.config/fish/completions/mydocker.fish"),
		Action: func(ctx *cli.Context) error {
			script, known := completionScripts[ctx.Args().First()]
			if !known || ctx.NArg() != 1 {
				return fmt.Errorf(
					"'mydocker completion' requires the name of a shell: bash, zsh or fish; see `mydocker completion --help`")
			}

			fmt.Print(script)
			return nil
		},
	}, {
		Name: "internal-complete", Hidden: true, Usage: "What may follow on a command line", ArgsUsage: "[WORD...]",
		Action: func(ctx *cli.Context) error {
			for _, candidate := range complete(ctx, ctx.Args()) {
				fmt.Println(candidate)
			}
			return nil
		},
	}}
}

// complete lists what the last of the words can become. Nothing is an answer too: the shell
// completes names of files then.
func complete(ctx *cli.Context, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}

	known, commands, path := ctx.App.Flags, ctx.App.Commands, ""
	var candidates []string
	value := "" // the flag whose value comes next

	for _, word := range words[:len(words)-1] {
		form, isFlag := flagTable(known)[strings.TrimLeft(word, "-")]
		switch {
		case value != "":
			value = ""
		case strings.HasPrefix(word, "-") && isFlag && !form.isSwitch:
			value = form.name
		case strings.HasPrefix(word, "-"):
		case len(commands) > 0:
			c := findCommand(commands, word)
			if c == nil {
				return nil
			}
			known, commands, path = append(c.Flags, cli.HelpFlag), c.Subcommands, strings.TrimSpace(path+" "+c.Name)
		case takesCommand[path]:
			return nil // another program's arguments
		}
	}

	last := words[len(words)-1]

	switch {
	case value != "":
		candidates = namesFor(ctx, value)
	case strings.HasPrefix(last, "-"):
		for name := range flagTable(known) {
			if len(name) > 1 {
				candidates = append(candidates, "--"+name)
			}
		}
	case len(commands) > 0:
		for _, c := range commands {
			if !c.Hidden {
				candidates = append(candidates, c.Name)
			}
		}
	default:
		candidates = namesFor(ctx, path)
	}

	return beginningWith(last, candidates)
}

func beginningWith(prefix string, words []string) (matching []string) {
	for _, word := range words {
		if strings.HasPrefix(word, prefix) {
			matching = append(matching, word)
		}
	}
	sort.Strings(matching)
	return matching
}

// namesFor are the names that exist for a command's arguments or a flag's value.
func namesFor(ctx *cli.Context, what string) []string {
	e, err := open(ctx)
	if err != nil {
		return nil
	}

	switch strings.TrimPrefix(what, "container ") {
	case "start", "stop", "restart", "kill", "pause", "unpause", "rm", "wait", "rename", "update", "exec", "logs",
		"attach", "port", "top", "stats",
		"commit", "diff", "export", "cp", "explain", "--volumes-from":
		return containerNames(e)
	case "inspect":
		return append(containerNames(e), imageNames(e)...)
	case "run", "create", "rmi", "tag", "history", "save", "push", "image rm", "image inspect", "image tag",
		"image history", "image save", "image push":
		return imageNames(e)
	case "volume rm", "volume inspect":
		return volumeNames(e)
	case "network rm", "network inspect", "network connect", "network disconnect", "--network":
		return networkNames(e)
	case "--restart":
		return []string{"no", "always", "unless-stopped", "on-failure"}
	case "--pull":
		return []string{"missing", "always", "never"}

	case "completion":
		return []string{"bash", "zsh", "fish"}
	}

	return nil
}

func containerNames(e *engine.Engine) (names []string) {
	containers, _, err := e.Store.List()
	if err != nil {
		return nil
	}
	for _, c := range containers {
		names = append(names, c.Name)
	}
	return names
}

func imageNames(e *engine.Engine) (names []string) {
	images, err := e.Images.List()
	if err != nil {
		return nil
	}
	for _, img := range images {
		names = append(names, img.RepoTags...)
	}
	return names
}

func volumeNames(e *engine.Engine) (names []string) {
	volumes, err := e.Store.Volumes()
	if err != nil {
		return nil
	}
	for _, v := range volumes {
		names = append(names, v.Name)
	}
	return names
}

func networkNames(e *engine.Engine) (names []string) {
	networks, err := e.Networks.List()
	if err != nil {
		return nil
	}
	for _, n := range networks {
		names = append(names, n.Name)
	}
	return names
}
