# Sourced by scripts that check many things: one line of result for each, where
# the time went and a sum at the end, whatever the end is, and after it what
# failed first.
#
#	tally_begin FOLDER NAME	logs are below FOLDER; NAME: stands before each
#				name and before the sum, if it is not empty
#	tally_now WHAT		begins: for the times, and if we end early
#	step NAME COMMAND...	runs it, its output in FOLDER/NAME.log
#	step_begin NAME COMMAND...	the same beside what follows ...
#	step_end NAME		... until this, which waits for it
#	pass NAME
#	skip NAME [REASON]	without one when NAME says it
#	fail NAME LOG		and shows the end of LOG
#	tally_add NAME LOG FOLDER	another script's sum, which is in LOG
#	tally_groups		what is killed with us: "-PGID ..."
#	tally_end		the last command: exits, 1 when something failed
#
# FOLDER/first has what failed first: what others show as their cause.

passed=0
failed=0
skipped=0

tally_begin() { # FOLDER NAME
	tally_folder=$1
	tally_name=${2:+$2: }
	tally_doing=starting
	tally_since=$(date +%s)
	tally_complete=false
	tally_groups=
	mkdir -p "$tally_folder"
	rm -f "$tally_folder/first" "$tally_folder/times"
	trap 'tally_exit "$?"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

tally_now() { # WHAT: what was done before has taken the time until now
	tally_second=$(date +%s)
	echo "$((tally_second - tally_since))	$tally_doing" \
		>>"$tally_folder/times"
	tally_doing=$1
	tally_since=$tally_second
}

# Seconds for each, the longest first; what took less does not matter.
tally_times() {
	tally_now times
	sort -rn "$tally_folder/times" | awk -F '\t' -v name="$tally_name" '
		{ all += $1 }
		$1 >= 5 { shown = shown sprintf("%8d s  ", $1) $2 "\n" }
		END {
			if (shown)
				printf "%s%d seconds in all:\n%s", name, all, shown
		}'
}

pass() { # NAME
	passed=$((passed + 1))
	echo "PASS: $tally_name$1"
}

skip() { # NAME [REASON]
	skipped=$((skipped + 1))
	echo "SKIP: $tally_name$1${2:+: $2}"
}

fail() { # NAME LOG
	failed=$((failed + 1))
	{
		echo "FAIL: $tally_name$1, the end of $2:"
		tail -n 40 "$2" || :
	} >"$tally_folder/failed" 2>&1
	cat "$tally_folder/failed"
	tally_first "$tally_folder/failed"
}

tally_first() { # FILE: keeps it, if nothing failed before
	[ -s "$tally_folder/first" ] || cp "$1" "$tally_folder/first"
}

# Not in an "if": the shell would not stop at what fails in COMMAND.
tally_run() ( # NAME COMMAND...
	exec >"$tally_folder/$1.log" 2>&1 </dev/null
	shift
	trap - EXIT
	set -e
	"$@"
)

tally_result() { # NAME, whose status is tally_status
	if [ "$tally_status" -eq 0 ]; then
		pass "$1"
	else
		fail "$1" "$tally_folder/$1.log"
	fi
}

step() { # NAME COMMAND...
	tally_now "$1"
	set +e
	tally_run "$@"
	tally_status=$?
	set -e
	tally_result "$1"
}

step_begin() { # NAME COMMAND...
	tally_run "$@" &
	echo "$!" >"$tally_folder/$1.pid"
}

step_end() { # NAME
	tally_now "$1"
	tally_status=0
	wait "$(cat "$tally_folder/$1.pid")" || tally_status=$?
	tally_result "$1"
}

tally_add() { # NAME LOG FOLDER
	# Three words.
	# shellcheck disable=SC2046
	set -- "$1" "$2" "$3" $(sed -n 's/^'"$1"': \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$2")
	if [ $# -ne 6 ]; then
		fail "$1: it did not come to its end" "$2"
		return
	fi
	passed=$((passed + $4))
	failed=$((failed + $5))
	skipped=$((skipped + $6))
	[ ! -s "$3/first" ] || tally_first "$3/first"
}

tally_end() {
	tally_complete=true
	exit 0
}

# By whatever way the script ends.
tally_exit() { # STATUS
	trap - EXIT
	set +e
	# Split into words on purpose.
	# shellcheck disable=SC2086
	[ -z "$tally_groups" ] || kill -- $tally_groups
	if ! $tally_complete; then
		echo "status $1; what it said stands above" \
			>"$tally_folder/died.log"
		fail "ended early, at: $tally_doing" "$tally_folder/died.log"
	fi
	tally_times
	echo "$tally_name$passed passed, $failed failed, $skipped skipped"
	if [ "$failed" -gt 0 ]; then
		echo
		echo "What failed first:"
		cat "$tally_folder/first"
		exit 1
	fi
	exit 0
}
