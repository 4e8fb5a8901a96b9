package engine

import "strconv"

var adjectives = []string{"agile", "brave", "calm", "clever", "eager", "fair", "gentle", "happy", "keen", "kind",
	"lively", "lucid",
	"merry", "neat", "patient", "proud", "quick", "quiet", "sharp", "steady", "sunny", "tidy", "vivid", "warm",
	"wise", "witty"}

// People without whom there would be no containers, or no systems to run them on.
var people = []string{"biederman", "cox", "dijkstra", "engelbart", "galvin", "gray", "hamilton", "hopper",
	"kernighan", "knuth", "lamport", "liskov", "lovelace", "mccarthy", "menage", "pike", "rashid", "ritchie",
	"shannon", "stallman",
	"tanenbaum", "thompson", "torvalds", "turing", "viro", "wirth"}

// makeName makes up a name for a container that was given none. It depends on the id, whose digits
// make it unique enough.
func makeName(id string) string {
	n, err := strconv.ParseUint(id[:8], 16, 64)
	if err != nil {
		n = 0
	}
	count := uint64(len(adjectives))
	return adjectives[n%count] + "_" + people[n/count%uint64(len(people))] + "_" + id[8:12]
}
