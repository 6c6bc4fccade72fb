# Sourced in a box: groups of assertions, each one line of result on standard
# output.  What a failed assertion saw stands above it, after a "#".

group_name=
group_failed=false
last_output=/tmp/assert.out

group_end() {
	[ -n "$group_name" ] || return 0
	if $group_failed; then
		! command -v daemon_log >/dev/null || daemon_log |
			tail -n 40 | sed 's/^/#	log: /'
		echo "FAIL: $group_name"
	else
		echo "PASS: $group_name"
	fi
	group_name=
}

group() { # NAME: ends the last one
	group_end
	group_name="$BOX: $1"
	group_failed=false
}

failed() { # TEXT: what was expected; the end of the last output is shown
	group_failed=true
	echo "# $group_name: $1"
	tail -n 60 "$last_output" | sed 's/^/#	/'
}

check() { # COMMAND...: succeeds
	"$@" >"$last_output" 2>&1 || failed "status $?: $*"
}

check_not() { # COMMAND...: fails
	! "$@" >"$last_output" 2>&1 || failed "status 0: $*"
}

check_status() { # STATUS COMMAND...: ends with it
	wanted=$1
	shift
	status=0
	"$@" >"$last_output" 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || failed "status $status not $wanted: $*"
}

check_said() { # PATTERN: the command of the last check said so
	grep -Eq -- "$1" "$last_output" || failed "nothing like: $1"
}

check_equal() { # IS SHOULD
	: >"$last_output"
	[ "$1" = "$2" ] || failed "\"$1\" is not \"$2\""
}

check_not_equal() { # IS SHOULD-NOT
	: >"$last_output"
	[ "$1" != "$2" ] || failed "still \"$1\""
}

check_soon() { # COMMAND...: succeeds within half a minute
	tries=0
	until "$@" >"$last_output" 2>&1; do
		tries=$((tries + 1))
		if [ "$tries" -ge 150 ]; then
			failed "not within 30 s: $*"
			return
		fi
		sleep 0.2
	done
}
