package command

import (
	"os/exec"
	"strings"
)

// looksLikeCommand says whether a word that should be an image's name is rather a program of this
// host, as in `run sh -c …` of the earlier steps. Some images are called like programs, so this is
// only for hints; no one means an image by sh.
func looksLikeCommand(name string) bool {
	if strings.HasPrefix(name, "/") || strings.HasPrefix(name, ".") || name == "sh" {
		return true
	}
	_, err := exec.LookPath(name)
	return err == nil
}

// quoteArgs writes arguments so that a shell reads them back.
func quoteArgs(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'`$&|;<>()*?[]#~\\!{}") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func containsFold(list []string, value string) bool {
	for _, item := range list {
		if strings.EqualFold(item, value) {
			return true
		}
	}
	return false
}
