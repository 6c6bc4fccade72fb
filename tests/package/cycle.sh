# Sourced in a box: the life of the package, the same with every init.  The init
# brings these:
#
#	service VERB		asks for it as its administrator would
#	daemon_pid		prints the daemon's number, or nothing
#	daemon_log		prints the daemon's log
#	is_on			does it run?
#	feed VERB NAME		the same for a check of forkgreet-feed
#	restarts_in_place	is its restart an upgrade, with the same process?

conf=/etc/forkgreet.conf
package=$(echo /share/forkgreet_*_*.deb)
upgraded=/share/forkgreet-upgrade.deb
previous=/share/forkgreet-previous.deb
client=$(echo /share/forkgreet-client_*.deb)

# What the test itself would need from the network is in apt's cache.
apt() {
	apt-get -qq -y -o Dpkg::Options::=--force-confold "$@"
}

serves() { # TEXT [HOST [PORT]]
	text=$1
	shift
	[ "$(forkgreet "$@")" = "$text" ]
}

logged() { # PATTERN
	daemon_log | grep -E -- "$1"
}

configure_with() { # SED-SCRIPT...: from the file as it was installed
	sed "$@" /tmp/forkgreet.conf >"$conf"
}

break_file() { # the line that is broken is its last
	configure_with '$a\
nonsense = 1;'
	broken="$conf:$(wc -l <"$conf"): nonsense"
}

newcomer() {
	group "newcomer: apt install, greeted, edit, reload, a line in the log"
	check apt install "$package" "$client"
	cp "$conf" /tmp/forkgreet.conf
	check is_on
	check_equal "$(printf '' | nc -N 127.0.0.1 4444)" "hi client"
	check serves "hi client"
	check serves "hi client" ::1
	configure_with 's/hi client/good day/'
	check service reload
	check serves "good day"
	check serves "good day" ::1
	check_soon logged 'client id=.* src=127\.0\.0\.1 .* outcome=greeted'
	check id forkgreet
	check_equal "$(ps -o user= -p "$(daemon_pid)")" forkgreet
	check_equal "$(stat -c %U:%a /run/forkgreet)" forkgreet:755
	check_equal "$(stat -c %U:%a /var/lib/forkgreet)" forkgreet:755
}

shipped_text() {
	group "d13: a text in /etc/forkgreet is shipped, and served"
	file_is /etc/forkgreet/notice.txt
	check service reload
	check serves "$(cat /etc/forkgreet/notice.txt)"
	check_not serves ""
	configure_with 's/hi client/good day/'
	check service reload
}

file_is() { # PATH: what is served
	configure_with "s|greeting = \"hi client.n\"|greeting_file = \"$1\"|"
	check grep -q "$1" "$conf"
}

verbs() {
	group "stop, start, restart"
	before=$(daemon_pid)
	check service restart
	check restarted_as_usual "$before"
	check serves "good day"
	check service stop
	check_not serves "good day"
	check_not is_on
	check service start
	check serves "good day"
}

restarted_as_usual() { # PID-BEFORE
	if restarts_in_place; then
		[ "$(daemon_pid)" = "$1" ]
	else
		[ "$(daemon_pid)" != "$1" ]
	fi
}

kept_state() {
	group "what forkgreetctl said is kept over a restart"
	check forkgreetctl maintenance --reason "a test"
	check serves "under maintenance"
	check service restart
	check serves "under maintenance"
	check forkgreetctl ready
	check serves "good day"
	check service restart
	check serves "good day"
}

# With a daemon that runs.
broken_file_running() {
	group "broken file: reload and upgrade say where, the daemon serves on"
	before=$(daemon_pid)
	break_file
	check_not service reload
	check_soon logged "$broken"
	check apt install "$upgraded"
	check_said "$broken"
	check_equal "$(daemon_pid)" "$before"
	check serves "good day"
	check_equal "$(dpkg-query -W -f '${Version}' forkgreet)" \
		"$(dpkg-deb -f "$upgraded" Version)"
	check apt install --allow-downgrades "$package"
	check_equal "$(daemon_pid)" "$before"
}

broken_file_stopped() {
	group "broken file: start and restart fail and say where"
	break_file
	service stop
	check_not service start
	check_soon logged "$broken"
	check_not service restart
	check_not is_on
}

upgrade() {
	group "upgrade: the same process; an edited conffile survives"
	configure_with 's/hi client/edited/'
	check service restart
	before=$(daemon_pid)
	check apt install "$upgraded"
	check_equal "$(daemon_pid)" "$before"
	check is_on
	check serves edited
	check apt install --allow-downgrades "$package"
	check serves edited
}

port_80() {
	group "port 80: added by a reload, had at a start, sandbox all the same"
	configure_with 's/port = 4444;/port = 80; hold = true;/'
	check service reload
	check port_80_confined
	check_not serves "hi client" 127.0.0.1 4444
	check service restart
	check port_80_confined
	# And after an upgrade there may be one more.
	check forkgreetctl upgrade
	check port_80_confined
	configure_with 's/port = 4444;/port = 79;/'
	check service reload
	check serves "hi client" 127.0.0.1 79
}

# A client that stays, so that its child can be looked at.
port_80_confined() {
	: >/tmp/held
	nc -d 127.0.0.1 80 >/tmp/held &
	holder=$!
	tries=0
	until grep -q 'hi client' /tmp/held; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || break
		sleep 0.1
	done
	status=0
	confined || status=1
	kill "$holder"
	wait "$holder" 2>/dev/null || :
	return "$status"
}

# Master, spawner, the next spawner and child: no capability in effect; all but the
# master: a filter; the master cannot get more than what binds.
confined() {
	tries=0
	until all_confined >/tmp/confined; do # the next may be on trial
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || { cat /tmp/confined; return 1; }
		sleep 0.1
	done
}

all_confined() {
	set -- $(pgrep -u forkgreet)
	[ $# -eq 4 ] || { echo "processes: $*"; return 1; }
	for process; do
		state=/proc/$process/status
		cat "$state"
		grep -q '^CapEff:.*0000000000000000$' "$state" || return 1
		grep -q '^NoNewPrivs:.*1$' "$state" || return 1
		[ "$process" = "$(daemon_pid)" ] ||
			grep -q '^Seccomp:.*2$' "$state" || return 1
	done
	grep -Eq '^CapPrm:.*0000000000000(0|4)00$' "/proc/$(daemon_pid)/status"
}

# init reaps it.
no_feed() {
	! pgrep -x forkgreet-feed
}

# Whatever init starts it: words as they are, files that the daemon may read.
feeds() {
	group "feed: a check's verdict and output, and they are served"
	written=/run/forkgreet-feed/one
	printf "# words\nCOMMAND=\"printf '%%s;' 'a  b' c\"\nINTERVAL=0.5\n" \
		>/etc/forkgreet/feed/one
	check feed start one
	check_equal "$(cat $written/health)" up
	check_equal "$(cat $written/greeting)" "a  b;c;"
	check_not_equal "$(stat -c %u $written/health)" 0
	check_not_equal "$(stat -c %U $written/health)" forkgreet
	check_equal "$(stat -c %a $written $written/health)" "755
644"
	file_is $written/greeting
	check service reload
	check serves "a  b;c;"
	configure_with 's/hi client/good day/'
	check service reload
	check feed restart one
	check_equal "$(cat $written/health)" up
	check feed stop one
	check_not test -e $written/health
	check_soon no_feed
	echo 'COMMAND="/usr/share/forkgreet/feed/load 1000"' \
		>/etc/forkgreet/feed/one
	check feed start one
	check grep '^up ready ' $written/health
	check feed stop one
	rm /etc/forkgreet/feed/one
}

remove_and_purge() {
	group "remove stops, reinstall starts, purge leaves nothing but the user"
	check apt install "$package"
	configure_with 's/hi client/edited/'
	check service restart
	check apt remove forkgreet
	check_not serves edited
	check_not pgrep -x forkgreetd
	check test -e "$conf"
	check apt install "$package"
	check serves edited
	check apt purge forkgreet
	check_not pgrep -u forkgreet
	check_equal "$(find / -xdev \( -path /proc -o -path /sys -o \
		-path /share -o -path /tmp -o -path /var/log -o \
		-path /var/cache/man \) -prune -o \
		-name '*forkgreet*' -print | leftovers)" ""
	check id forkgreet
}

# The client's package is still there.
leftovers() {
	while read -r path; do
		dpkg-query -S "$path" >/dev/null 2>&1 || echo "$path"
	done | grep -v '^/var/lib/dpkg/\|^/var/cache/apt/' | tr '\n' ' '
}

port_taken_at_installation() {
	group "d14: a port that is taken at installation: the daemon's own reason"
	configure_with ''
	check apt remove forkgreet
	nc -l -k 127.0.0.1 4444 >/dev/null </dev/null &
	holder=$!
	check_soon nc -z 127.0.0.1 4444
	check apt install "$package"
	check_said '127\.0\.0\.1:4444: Address already in use'
	kill "$holder"
	wait "$holder" 2>/dev/null || :
}

missing_user() {
	group "bad input: a missing user is named"
	configure_with '$a\
user = "nobodyofthatname";'
	service stop
	bad_user
}

port_taken() {
	group "bad input: a port that is taken at boot is named"
	configure_with ''
	service stop
	nc -l -k 127.0.0.1 4444 >/dev/null </dev/null &
	holder=$!
	check_soon nc -z 127.0.0.1 4444
	boot
	check_soon logged '127\.0\.0\.1:4444: Address already in use'
	kill "$holder"
	wait "$holder" 2>/dev/null || :
}
