package command

import (
	"fmt"
	"strings"

	"mydocker/step06-final/internal/engine"
)

// What docker has and this engine has not, on purpose (docs/en/differences.md, "Left out"), with
// what to use in its place. A user who writes one of these is told that, and not that he has
// mistyped something.

// leftOutFlags are flags of the commands in which they are looked for; run and create have them in
// common.
var leftOutFlags = map[string]string{
	"run --link":                "put both containers into a user-defined network (network create), where they find each other by name",
	"run --gpus":                "give the devices with --device, such as --device /dev/dri",
	"run --runtime":             "the runtime is part of this program; cmd/myrunc is an OCI runtime for other engines",
	"run --isolation":           "there is one kind on Linux; leave it away",
	"run --storage-opt":         "give the data a volume of its own, on a file system of the size that you want",
	"run --volume-driver":       "there is only the driver local; mount what else there is on the host and use -v",
	"run --ip6":                 "networks have IPv4 only",
	"run --link-local-ip":       "networks have IPv4 only, with --ip",
	"run --cpu-rt-period":       "use --cpus or --cpu-shares",
	"run --cpu-rt-runtime":      "use --cpus or --cpu-shares",
	"run --cpu-count":           "it is for Windows; use --cpus",
	"run --cpu-percent":         "it is for Windows; use --cpus",
	"run --io-maxbandwidth":     "it is for Windows; use --device-read-bps and --device-write-bps",
	"run --io-maxiops":          "it is for Windows; use --device-read-iops and --device-write-iops",
	"run --kernel-memory":       "docker has dropped it too; --memory counts the kernel's memory of the container",
	"run --blkio-weight-device": "use --blkio-weight, or the limits --device-read-bps and --device-write-bps",
	"run --use-api-socket":      "there is no daemon and no socket",

	"run --disable-content-trust": "images are checked by their digest; name one as IMAGE@sha256:…",

	"system df --verbose": "use `mydocker ps -as`, `mydocker images` and `mydocker volume ls`",
	"system df -v":        "use `mydocker ps -as`, `mydocker images` and `mydocker volume ls`",

	"volume create --opt":     "mount it on the host and use -v /DIR:/DIR, or --tmpfs for memory",
	"volume create -o":        "mount it on the host and use -v /DIR:/DIR, or --tmpfs for memory",
	"run --memory-swappiness": "--memory-swap limits how much is swapped; the host's own is the sysctl vm.swappiness",

	"network create --ipv6":       "networks have IPv4 only",
	"network create --attachable": "it is for swarm; every network here can be joined with network connect",
	"network create --ingress":    "it is for swarm",
	"network create --scope":      "there are only networks of this host",
	"network connect --link":      "containers of a network find each other by name; --alias gives further names",
	"network connect --ip6":       "networks have IPv4 only",

	"build --output":  "the image is kept in the store; `mydocker save` or `mydocker export` write it out",
	"build -o":        "the image is kept in the store; `mydocker save` or `mydocker export` write it out",
	"build --secret":  "use a stage that is not the last one, and COPY --from",
	"build --squash":  "end with a stage FROM scratch that has one COPY --from",
	"build --ssh":     "fetch into the context before the build",
	"pull --all-tags": "pull each tag by its name",
	"push --all-tags": "push each tag by its name",
}

// leftOutCommands are commands, and commands of a group.
var leftOutCommands = map[string]string{
	"login":      "the credentials of ~/.docker/config.json are not used; run a registry without a password, or bring images with load",
	"logout":     "there is no login",
	"search":     "look with a browser, and pull by name",
	"context":    "there is no daemon to choose; --root and --state name the directories of an engine",
	"buildx":     "use `mydocker build`",
	"builder":    "the build cache goes with `mydocker image prune`",
	"compose":    "write the commands into a script; user-defined networks give the names",
	"swarm":      "there are no clusters",
	"node":       "there are no clusters",
	"service":    "there are no clusters; use run --restart",
	"stack":      "there are no clusters",
	"secret":     "mount a file with -v FILE:/run/secrets/NAME:ro",
	"config":     "mount a file with -v FILE:/NAME:ro",
	"plugin":     "there are no plug-ins",
	"trust":      "images are checked by their digest; name one as IMAGE@sha256:…",
	"manifest":   "pull and load choose the platform themselves, or take --platform",
	"checkpoint": "CRIU is not used; pause and unpause stop a container and let it go on",
	"scout":      "save the image and give the archive to a scanner",

	"volume update": "remove the volume and create it anew",
}

// leftOutFlag is the error for a flag of docker that is missing on purpose, nil for any other.
func leftOutFlag(command, flag string) error {
	path := strings.TrimPrefix(strings.TrimPrefix(command, "mydocker "), "container ")
	if path == "create" || path == "update" {
		path = "run"
	}
	return leftOut(flag, leftOutFlags[strings.TrimPrefix(path, "image ")+" "+flag], engine.ExitFailure)
}

func leftOutCommand(group, name string) error {
	path := strings.TrimSpace(strings.TrimPrefix(group, "mydocker") + " " + name)
	return leftOut(path, leftOutCommands[path], exitFailure)
}

func leftOut(what, instead string, status int) error {
	if instead == "" {
		return nil
	}
	return &statusError{status, fmt.Errorf("%s is left out of mydocker (docs/en/differences.md): %s", what, instead)}
}
