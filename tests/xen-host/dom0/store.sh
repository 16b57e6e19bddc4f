# The Xenstore daemon of the host, as the unit files would run it.

STORE=$(cat /rig/store)
STORE_LOG=/var/log/xen/store.log
STORE_TRACE=/var/log/xen/trace.log
STORE_PID_FILE=/run/xen/xenstored.pid
CONSOLES_PID_FILE=/run/xen/xenconsoled.pid

# What is started as the daemon.
STORE_COMMAND="xenstored --no-fork --pid-file $STORE_PID_FILE --trace-file $STORE_TRACE"

store_start() {
	$STORE_COMMAND >>$STORE_LOG 2>&1 &
	store_pid=$!
	store_guard $store_pid &
	case $STORE_COMMAND in *--pid-file*) within $PATIENCE store_has_begun ;; esac
	# Without a socket the client asks through the kernel, which waits for ever.
	within $PATIENCE timeout 8 xenstore-exists /
}

# Whether the daemon has come as far as its pid file: clients have no chance before, and to start
# them would only take the processor from it.
store_has_begun() {
	local pid=
	[ -e $STORE_PID_FILE ] && read -r pid <$STORE_PID_FILE
	[ "$pid" = $store_pid ]
}

# Ends the run when the daemon ends unasked: its clients would wait for ever.
store_guard() { # PID
	while store_lives $1; do sleep 2; done
	[ -e /tmp/may-end.$1 ] && return
	tail -n 20 $STORE_LOG | sed 's/^/[store] /'
	echo "the daemon ended unasked"
	# What was said is on its way to the console yet.
	sleep 2
	poweroff -f
}

# Whether there is a process of that pid which has not ended; another program may take its place.
store_lives() { # PID
	local stat=
	read -r stat </proc/$1/stat || return 1
	case $stat in *") Z "*) return 1 ;; esac
} 2>/dev/null

# store_end SIGNAL: ends the daemon; store_status is then how it ended
store_end() {
	touch /tmp/may-end.$store_pid
	kill -$1 $store_pid
	wait $store_pid
	store_status=$?
}

store_is_ours() { [ $STORE = xs ]; }

# How many guests' rings the daemon has mapped.
store_maps() { grep -c gntdev /proc/$store_pid/maps; }

store_fds() { ls /proc/$store_pid/fd | wc -l; }

# through_ring COMMAND...: with the kernel's device in place of the socket. Programs of dom0 are then
# as little disturbed by the daemon's death as guests.
through_ring() (
	export XENSTORED_PATH=/dev/xen/xenbus
	"$@"
)

# It goes on in a process of a process of its own: only its pid file says in which.
consoles_start() {
	xenconsoled --log=guest --log-dir=/var/log/xen/console && within $PATIENCE test -s $CONSOLES_PID_FILE
}

consoles_pid() { cat $CONSOLES_PID_FILE; }

consoles_end() {
	local pid
	[ -e $CONSOLES_PID_FILE ] || return 0
	pid=$(consoles_pid)
	kill $pid
	within $PATIENCE test ! -e /proc/$pid
	rm $CONSOLES_PID_FILE
}

# ended PID...: ends clients that this shell has started
ended() {
	kill $*
	wait $*
}

# clients_end: whether no client of the checks is left. When the daemon ends, xenstore-watch goes
# round for ever without waiting, so that all else gets but a part of the processor.
clients_end() { ! pidof xenstore-watch xenstore-exists xenstore-control store_loop test-xenstore; }
