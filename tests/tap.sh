# Sourced: what "make check" (automake's TAP driver) left behind.

# BUILD "FILE NUMBER - NAME", as in its line of result: what the test's log says
# of it; the end of the log when it does not name that test.
tap_cause() {
	# Split into words on purpose.
	# shellcheck disable=SC2086
	set -- "$1" $2
	tap_log=$1/${2%.py}.log
	[ -e "$tap_log" ] || return 0
	awk -v number="${3-}" '
		/^(PASS|FAIL|SKIP|ERROR|XPASS): / { next }
		$1 == "ok" || $1 == "not" {
			shown = $1 == "not" && $3 == number
		}
		shown' "$tap_log" | grep . || tail -n 40 "$tap_log"
}
