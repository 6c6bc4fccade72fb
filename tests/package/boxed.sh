# Sourced, after tests/tally.sh, by what boots boxes.

# Empty, or why this machine cannot have one.
why_no_box() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "needs root, to mount and to have namespaces"
	elif ! unshare --mount --pid --net --cgroup --fork true 2>/dev/null; then
		echo "namespaces are not permitted here"
	fi
}

# What the box printed as a result counts, each for itself; then the box itself.
boxed() { # NAME KIND ROOT SHARE (which has been staged)
	tally_now "$1"
	boxed_log=$4/log
	boxed_status=0
	sh "$here/box" "$2" "$3" "$4" >"$4/box.log" 2>&1 || boxed_status=$?
	[ -e "$boxed_log" ] || cat "$4/box.log" "$4/console" >"$boxed_log"
	boxed_results "$4"
	if [ "$boxed_status" -eq 0 ] && grep -qx 'box: done' "$boxed_log"; then
		pass "$1: the box came up and went down"
	else
		fail "$1: the box came up and went down (status $boxed_status)" \
			"$boxed_log"
	fi
}

# Each result in that log counts.
boxed_results() { # FOLDER
	while read -r boxed_line; do
		case "$boxed_line" in
		'PASS: '*) pass "${boxed_line#PASS: }" ;;
		'SKIP: '*) skip "${boxed_line#SKIP: }" ;;
		'FAIL: '*)
			boxed_cause "$boxed_line" >"$1/cause"
			fail "${boxed_line#FAIL: }" "$1/cause"
			;;
		esac
	done <"$boxed_log"
}

# What stands before that line, back to the result before it.
boxed_cause() { # LINE
	awk -v line="$1" '
		$0 == line { for (i = 0; i < n; i++) print seen[i]; exit }
		/^(PASS|FAIL|SKIP): / { n = 0; next }
		{ seen[n++] = $0 }' "$boxed_log"
}

# The boxes are gone and the machine is as it was.  What a run that was killed has
# left is not this one's, nor what one has that goes on.
host_before() { # FOLDER
	grep -v box /proc/self/mounts >"$1/mounts.before" || :
	box_cgroups >"$1/cgroups.before"
}

host_as_before() { # FOLDER
	grep -v box /proc/self/mounts | diff "$1/mounts.before" -
	box_cgroups | comm -13 "$1/cgroups.before" - >"$1/cgroups.left"
	if grep . "$1/cgroups.left"; then
		return 1
	fi
}

box_cgroups() {
	find "${boxed_cgroups:-/sys/fs/cgroup}" -maxdepth 5 \
		-name 'forkgreet-box-*' | sort | while read -r boxed_cgroup; do
		kill -0 "${boxed_cgroup##*-}" 2>/dev/null ||
			echo "$boxed_cgroup"
	done
}
