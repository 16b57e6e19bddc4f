# What the checks of a Debian with systemd share: the daemon and its unit, and how a run ends.
. /rig/lib.sh
. /rig/guests.sh
. /rig/loops.sh

# The shell is busybox: programs that it has as well, such as dpkg, are named by their paths.

UNIT=xs-xenstored
PID_FILE=/run/xenstore.pid

daemon_pid() { cat $PID_FILE; }

daemon_program() { readlink /proc/$(daemon_pid)/exe; }

# host_is_up: whether Xen's own script has come to its end, and the daemon answers
host_is_up() { [ "$(unit_state xen)" = active ] && timeout 60 xenstore-exists /; }

unit_state() { systemctl is-active $1; }

unit_pid() { systemctl show --property MainPID --value $UNIT; }

# daemons: the programs of all Xenstore daemons that run
daemons() {
	local exe
	for exe in /proc/[0-9]*/exe; do readlink $exe; done | grep -E '/(xs|o?xenstored)( .deleted.)?$' | tr '\n' ' '
}

# serves_anew PID: whether another daemon than that one serves, and answers
serves_anew() {
	local pid=$(daemon_pid)
	[ -n "$pid" ] && [ "$pid" != $1 ] && timeout 20 xenstore-exists /
}

# loops_begin GUEST...: guests' loops, and one on the daemon's socket
loops_begin() {
	store_loop /run/xenstored/socket /tool/loop &
	socket_loop=$!
	check loops-start loops_start "$@"
	check socket-loop within $PATIENCE xenstore-exists /tool/loop/longest
}

# loops_finish GUEST...: none has seen an error
loops_# needed COMMAND...: without this nothing else can be checked
needed() {
	"$@" && return
	systemctl --no-pager --failed
	lsmod
	cat /proc/mounts | grep xen
	ls -l /dev/xen /proc/xen
	journalctl --no-pager -o short-monotonic -b | tail -n 150 | sed 's/^/[journal] /'
	finish
	sleep 100
}

finish() {
	check loops-end loops_end "$@"
	local g
	for g; do loop_checks loops $g; done
	kill $socket_loop
	ends_with 0 socket-loop-ends wait $socket_loop
	refused socket-no-fault xenstore-exists /tool/loop/fault
}

# needed COMMAND...: without this nothing else can be checked
needed() {
	"$@" && return
	systemctl --no-pager --failed
	lsmod
	cat /proc/mounts | grep xen
	ls -l /dev/xen /proc/xen
	grep -E '^(Protect|Private|Device|Restrict|SystemCall|Cap|Lock|NoNew)' /usr/lib/systemd/system/xs-xenstored.service | while read -r opt; do
		echo "[opt] $opt: $(systemd-run --wait --pipe -q -p "$opt" ls /proc/xen/xsd_kva 2>&1)"
	done
	echo "[opt] all: $(systemd-run --wait --pipe -q -p ProtectSystem=full -p ProtectHome=read-only -p ProtectKernelTunables=yes cat /proc/self/mountinfo)"
	journalctl --no-pager -o short-monotonic -b | tail -n 150 | sed 's/^/[journal] /'
	finish
	sleep 100
}

finish() {
	journalctl --no-pager -o cat -u xs-xenstored -u xen | tail -n 60 | sed 's/^/[journal] /'
	echo "[check] end $checks"
	sleep 2
	poweroff -f
}

echo "dom0 up after $(cut -d' ' -f1 /proc/uptime) s"
