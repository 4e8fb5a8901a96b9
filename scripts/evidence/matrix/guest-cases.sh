#!/usr/bin/env bash
# guest-cases.sh "STEP…" WORDS…: inside a virtual machine of the matrix, the stage checks of the steps in every situation
# WORDS in turn. The outputs go to /results/WORDS/STEP.out, with the seconds that each took in STEP.seconds.
set -u
steps=$1
shift
for words in "$@"; do
	mkdir -p "/results/$words"
	for step in $steps; do
		begin=$SECONDS
		timeout -k 10 "${MATRIX_STEP_TIMEOUT:-3600}" bash scripts/evidence/matrix/guest-case.sh "$words" bash "scripts/verify-$step.sh" >"/results/$words/$step.out" 2>&1 </dev/null
		echo "status $?" >>"/results/$words/$step.out"
		echo $((SECONDS - begin)) >"/results/$words/$step.seconds"
		printf '%-26s %-7s %4ss  %s\n' "$words" "$step" "$((SECONDS - begin))" "$(grep -E '^[0-9]+ passed' "/results/$words/$step.out" || tail -n 2 "/results/$words/$step.out" | tr '\n' ' ')"
		grep -A1 '^✘' "/results/$words/$step.out" | cut -c 1-600
	done
	# What is done is kept, should the machine not come to its end.
	tar -c -f /dev/vdc -C / results && sync
done
exit 0
