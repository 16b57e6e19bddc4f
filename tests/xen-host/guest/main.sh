# A guest: tells dom0 that it is up, makes its checks when told its neighbour's domid, then obeys.
. /rig/lib.sh

name=$(xenstore-read name)
domid=$(xenstore-read domid)
SCOPE=$name.

# Its side of the watches: dom0 writes data/ping, we answer in data/pong.
check_watch() {
	xenstore-watch -n 2 data/ping >/tmp/watch &
	within $PATIENCE lines /tmp/watch 1 || return 1
	xenstore-write data/state watching
	within $PATIENCE lines /tmp/watch 2 || return 1
	xenstore-write data/pong "$(xenstore-read data/ping)"
}

check_nodes() {
	same relative-domid "$domid" "$(xenstore-read /local/domain/$domid/domid)"
	xenstore-write data/hello "from $name"
	same relative-path "from $name" "$(xenstore-read /local/domain/$domid/data/hello)"
	xenstore-write data/list/b 1 data/list/a 2
	same list "a b" "$(xenstore-list data/list | sort | tr '\n' ' ' | sed 's/ $//')"
	same ls '/local/domain/'$domid'/data/hello = "from '$name'"' \
		"$(xenstore-ls -f /local/domain/$domid/data | grep hello)"
	check exists xenstore-exists data/list/a
	check rm xenstore-rm data/list
	refused removed xenstore-exists data/list/a
	check chmod xenstore-chmod data/hello n$domid r0
}

check_denied() { # NEIGHBOUR
	refused denied-dom0-read xenstore-read /local/domain/0/name
	refused denied-dom0-write xenstore-write /local/domain/0/trespass x
	refused denied-root-ls xenstore-list /
	refused denied-tool-write xenstore-write /tool/trespass x
	refused denied-own-home-write xenstore-write trespass x
	refused denied-own-name-write xenstore-write name trespass
	refused denied-neighbour-read xenstore-read /local/domain/$1/data/secret
	refused denied-neighbour-write xenstore-write /local/domain/$1/data/secret trespass
	refused denied-neighbour-rm xenstore-rm /local/domain/$1/data/secret
	refused denied-neighbour-chmod xenstore-chmod /local/domain/$1/data/secret b$domid
	refused denied-owner-change xenstore-chmod data/hello b$1
}

# Two programs that use the store all the time and end when they see an error other than EAGAIN.
loops_start() {
	# An event may come twice when the daemon was killed.
	[ -n "$loop_pid" ] && return
	rm -f /tmp/loops-end
	store_loop /dev/xen/xenbus data/loop &
	loop_pid=$!
	test_loop &
	test_pid=$!
}

# For seconds in one process: to start one takes longer here than all its tests.
test_loop() {
	local runs=0 again=0
	until [ -e /tmp/loops-end ]; do
		if test-xenstore -r 2 >/tmp/test-said 2>&1; then
			runs=$((runs + 1))
		elif grep -q 'ret = 11,' /tmp/test-said; then
			# EAGAIN, for a transaction that was open when the daemon was killed.
			again=$((again + 1))
		else
			xenstore-write data/tests/fault "$(one_line </tmp/test-said)"
			return 1
		fi
		xenstore-write data/tests/runs $runs data/tests/again $again
		sleep 2
	done
}

loops_end() {
	local loop tests
	touch /tmp/loops-end
	kill $loop_pid
	wait $loop_pid
	loop=$?
	wait $test_pid
	tests=$?
	loop_pid=
	xenstore-write data/loop/status $loop data/tests/status $tests
}

# Floods the store in the background, by each pattern at once; dom0 reads how many requests were answered.
flood() { # SECONDS
	local pattern pids=
	xenstore-write data/flood/state running
	for pattern in values perms deep watches commits reads; do
		store_flood /dev/xen/xenbus data/flood $pattern $1 >/tmp/flood.$pattern &
		pids="$pids $!"
	done
	wait $pids
	for pattern in values perms deep watches commits reads; do
		xenstore-rm data/flood/$pattern 2>/dev/null
		xenstore-write data/flood/answered/$pattern "$(cut -d' ' -f1 /tmp/flood.$pattern)"
	done
	xenstore-write data/flood/state over
}

obey() { # COMMAND
	case $1 in
	say:*) echo "said ${1#say:}" ;;
	loops:start) loops_start ;;
	loops:end) loops_end ;;
	flood:*) flood ${1#flood:} & ;;
	echo:*) xenstore-write data/reply "${1#echo:}" ;;
	attack:*) insmod /rig/ring_vandal.ko attack="${1#attack:}" ;;
	revival:*)
		# In the background: what follows the attack must not wait for us.
		insmod /rig/ring_vandal.ko attack="${1#revival:}" revival=1 &&
			xenstore-write data/revived yes &
		;;
	esac
}

check_all() {
	check watch check_watch
	check_nodes
	check_denied "$(xenstore-read data/neighbour)"
	check test-xenstore test-xenstore
	echo "[guest] $name made $checks checks"
	xenstore-write data/checks $checks data/state finished
}

xenstore-write data/secret "of $name" data/state booted
case $(cat /proc/cmdline) in
*rig.role=checks*)
	within $PATIENCE xenstore-exists data/neighbour
	check_all
	;;
esac
xenstore-watch data/request | while read -r path; do
	obey "$(xenstore-read "$path" 2>/dev/null)"
done
