# podman.awk REASONS docker/FILE… mydocker/FILE…: a table from the TAP of both, and what mydocker fails though docker passes it.
FILENAME ~ /reasons.txt$/ {
	if (split($0, part, / *[|] */) == 2) reason[part[1]] = part[2]
	next
}

FNR == 1 {
	count = split(FILENAME, part, "/")
	file = part[count]
	side = part[count - 1]
	if (!(file in seen)) files[++n] = file
	seen[file] = 1
}

/^(not )?ok [0-9]+ / {
	passed = $1 == "ok" && !/ # skip/
	sub(/^(not )?ok [0-9]+ /, "")
	sub(/ # (in|skip).*$/, "")
	test = file " " $0
	if (side == "docker") {
		tests[file]++
		theirs[test] = passed
		docker[file] += passed
	} else if (theirs[test] && passed) {
		both[file]++
	} else if (theirs[test]) {
		missing[++missed] = test
	} else {
		alone[file] += passed
	}
}

END {
	print "| file | tests | docker passes | mydocker of these | mydocker alone |"
	print "|---|--:|--:|--:|--:|"
	for (i = 1; i <= n; i++) {
		file = files[i]
		printf "| %s | %d | %d | %d | %d |\n", file, tests[file], docker[file], both[file], alone[file]
		all += tests[file]; d += docker[file]; b += both[file]; a += alone[file]
	}
	printf "| all | %d | %d | %d | %d |\n", all, d, b, a
	for (i = 1; i <= missed; i++) {
		why = reason[missing[i]]
		print (why == "" ? "✘ " : "– ") missing[i] ": " (why == "" ? "docker passes it, and there is no reason" : why)
		bad += why == ""
	}
	exit bad > 0 || d == 0 || b + missed < d
}
