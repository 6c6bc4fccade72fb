# Sourced in a box, after assert.sh and cycle.sh, which set some names: clients that come all the time, two loops of
# them and perhaps one that is held, while something is done to the daemon.
#
#	under_load DOING HELD COMMAND...
#				HELD: stays, goes, none.  Does that with clients
#				coming before, during and after it: none is
#				refused, none is reset, and who is held is still
#				there, unless it "goes"
#	load_begin, load_end DOING
#				the same in two steps, without any judgement;
#				load_end sets greeted, refused, reset and other
#	operations		all that refuses nobody, whatever the init is
#
# One that brings also:
#
#	restarts_in_place	is its restart an upgrade?
# shellcheck disable=SC2154

held_port=4445
loops=
holder=

load_conf() { # one text, and one that is held
	printf '%s\n' 'control_socket = "/run/forkgreet/control";' \
		'state_file = "/var/lib/forkgreet/state";' \
		'log = { level = "notice"; }; timeouts = { shutdown = 2; };' \
		'listeners = (' \
		'	{ name = "main"; address = ( "127.0.0.1", "::1" );' \
		'	  port = 4444; greeting = "loaded\n"; },' \
		'	{ name = "held"; address = "127.0.0.1"; hold = true;' \
		"	  port = $held_port; greeting = \"held\\n\"; }" \
		');' >"$conf"
}

# How many clients the daemon has had of the loops.
passed_by() {
	forkgreetctl metrics | sed -n \
		's/^forkgreet_accepted_total{listener="main"} //p'
}

# Clients come and go, whatever has happened until now.
clients_come() {
	clients_before=$(passed_by)
	[ -n "$clients_before" ] || return 1
	clients_tries=0
	until [ "$(($(passed_by) - clients_before))" -ge 50 ]; do
		clients_tries=$((clients_tries + 1))
		[ "$clients_tries" -lt 300 ] || return 1
		sleep 0.1
	done
}

# What is done meanwhile has the processor first.
load_begin() {
	loops=
	for loop in 1 2; do
		nice -n 19 forkgreet --load -j -n 1000000000 -c 1 -w 60 127.0.0.1 4444 \
			>"/tmp/loop.$loop" 2>&1 &
		loops="$loops $!"
	done
	check clients_come
}

ended() { # KIND: how many connections of both loops
	cat /tmp/loop.1 /tmp/loop.2 | sed -n \
		's/.*"ends": {[^}]*"'"$1"'": \([0-9]*\).*/\1/p' |
		awk '{ sum += $1 } END { print sum + 0 }'
}

load_end() { # DOING
	check clients_come
	for loop in $loops; do
		kill -TERM "$loop"
		wait "$loop" 2>/dev/null
	done
	greeted=$(ended greeted)
	refused=$(ended refused)
	reset=$(ended reset)
	other=0
	for kind in timeout short ports local other; do
		other=$((other + $(ended $kind)))
	done
	echo "# load: $BOX $VERSION_CODENAME: $1: $greeted clients greeted," \
		"$refused refused, $reset reset, $other otherwise"
}

hold() {
	: >/tmp/held
	nc -d 127.0.0.1 "$held_port" >/tmp/held &
	holder=$!
	check_soon grep -q held /tmp/held
	held_as=$(held_client)
}

# Its number and its process.
held_client() {
	forkgreetctl clients --listener held |
		sed -n 's/^id=\([0-9]*\) .* pid=\([0-9]*\)$/\1 \2/p'
}

let_go() {
	kill "$holder" 2>/dev/null
	wait "$holder" 2>/dev/null
	holder=
}

under_load() { # DOING HELD COMMAND...
	doing=$1
	held=$2
	shift 2
	[ "$held" = none ] || hold
	load_begin
	check "$@"
	cp "$last_output" /tmp/done.out
	load_end "$doing, $(if [ "$held" = none ]; then
		echo "nobody held"; else echo "one client held"; fi)"
	check_equal "$refused refused, $reset reset, $other otherwise" \
		"0 refused, 0 reset, 0 otherwise"
	check [ "$greeted" -ge 100 ]
	if [ "$held" = stays ]; then
		check kill -0 "$holder"
		check_equal "$(held_client)" "$held_as"
		check_not_equal "$held_as" ""
	fi
	[ "$held" = none ] || let_go
}

did_say() { # PATTERN: what was done under load last
	cp /tmp/done.out "$last_output"
	check_said "$1"
}

# As apt would, but at once.
install_package() { # FILE
	dpkg --force-confold -i "$1"
}

# ---------------------------------------------------- whatever the init is
runs_what_is_installed() {
	[ "$(stat -Lc %d:%i "/proc/$(daemon_pid)/exe")" = \
		"$(stat -Lc %d:%i /usr/sbin/forkgreetd)" ]
}

serving_version() {
	forkgreetctl -j status | sed -n 's/^{"version": "\([^"]*\)".*/\1/p'
}

is_upgraded() { # PID-BEFORE: the same process, another program, which serves
	check_equal "$(daemon_pid)" "$1"
	check runs_what_is_installed
	check is_on
	check serves loaded
}

# In a row.
five_times() { # COMMAND...
	for _ in 1 2 3 4 5; do
		"$@" || return
	done
}

nobody_is_refused() { # HELD
	load_conf
	service start
	check service reload
	before=$(daemon_pid)
	under_load "package upgrade" "$1" install_package "$upgraded"
	is_upgraded "$before"
	check_equal "$(serving_version)" "$later_version"
	under_load "package downgrade" "$1" install_package "$package"
	is_upgraded "$before"
	check_equal "$(serving_version)" "$first_version"
	under_load "forkgreetctl upgrade, 5 times" "$1" \
		five_times forkgreetctl upgrade
	is_upgraded "$before"
	under_load "reload, 5 times" "$1" five_times service reload
	is_upgraded "$before"
	if restarts_in_place; then
		under_load "restart, 5 times" "$1" five_times service restart
		is_upgraded "$before"
	fi
}

# Each is configured all the same, and the one after it mends it.
program_does_not_start() {
	load_conf
	service start
	check service reload
	before=$(daemon_pid)
	for program in notours foreign; do
		under_load "upgrade to a program that does not start" stays \
			install_package "/share/forkgreet-$program.deb"
		did_say "goes on as it is"
		did_say '(upgrade|execveat): '
		check_equal "$(daemon_pid)" "$before"
		check is_on
		check serves loaded
		check_equal "$(dpkg-query -W -f '${db:Status-Status}' forkgreet)" \
			installed
		check_not runs_what_is_installed
		if restarts_in_place; then
			check_not service restart
			check_said '(upgrade|execveat): '
			check_equal "$(daemon_pid)" "$before"
			check serves loaded
		fi
	done
	check install_package "$package"
	is_upgraded "$before"
}

# It is stopped and started, as that version would have been.
from_the_first_version() {
	check install_package "$previous"
	load_conf
	service start
	check service reload
	before=$(daemon_pid)
	break_file
	check install_package "$package"
	check_said "$broken"
	check_equal "$(daemon_pid)" "$before"
	check serves loaded
	load_conf
	check install_package "$upgraded"
	check_not_equal "$(daemon_pid)" "$before"
	check runs_what_is_installed
	check serves loaded
	before=$(daemon_pid)
	check install_package "$package"
	is_upgraded "$before"
}

# The administrator's policy forbids restarts: no upgrade either.
forbidden_by_policy() {
	before=$(daemon_pid)
	program=$(stat -Lc %d:%i "/proc/$before/exe")
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	check install_package "$upgraded"
	check_equal "$(stat -Lc %d:%i "/proc/$before/exe")" "$program"
	check serves loaded
	rm /usr/sbin/policy-rc.d
	check forkgreetctl upgrade
	is_upgraded "$before"
	check install_package "$package"
}

operations() {
	group "upgrade, reload$(! restarts_in_place || echo ", restart") under load: nobody is refused"
	first_version=$(forkgreetctl -V | cut -d ' ' -f 2)
	later_version=${first_version%?}x
	nobody_is_refused none
	group "the same with a client that is held: it stays"
	nobody_is_refused stays
	group "an upgrade to a program that does not start: the old one serves on"
	program_does_not_start
	group "policy-rc.d: what may not be restarted is not upgraded"
	forbidden_by_policy
	if [ -e "$previous" ]; then
		group "an upgrade from the first version: stopped and started once"
		from_the_first_version
	fi
	group_end
	[ ! -e no-previous ] ||
		echo "SKIP: $BOX: an upgrade from the first version: $(cat no-previous)"
}
