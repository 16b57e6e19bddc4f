# C xenstored is replaced by xs, that by another xs, and that by C xenstored again, under guests
# and programs of dom0 that go on meanwhile. At the end oxenstored's dump is read.

STORE_IN_C=/usr/lib/xen-4.17/bin/xenstored
LIVE="live1 live2 socket"
# A loop that waits longer than this, ms, does not wait for the new daemon's start: it hangs.
PAUSE_MAX=180000

# live_values: all that should not change, with permissions. Of a node that goes while it is listed, the
# tool prints an empty line.
live_values() {
	xenstore-ls -f -p / | grep -v -e '^$' -e '/loop/' -e '/tests/' -e /xenstore-test -e ^/@ | sort
}

live_mark() {
	local loop
	for loop in $LIVE; do xenstore-write $(loop_home $loop)/mark $1; done
	for loop in $LIVE; do within $PATIENCE reads $(loop_home $loop)/since $1 || return 1; done
}

# live_update NAME PROGRAM [TOOL...]: updates to PROGRAM, with Xen's tool unless told otherwise
live_update() {
	local name=live-update-$1 program=$2 loop
	shift 2
	check $name-ready live_mark $name
	check $name timeout $((2 * PATIENCE)) "${@:-xenstore-control}" live-update $program
	same $name-program "$(readlink -f $program)" "$(readlink /proc/$store_pid/exe)"
	check $name-all-go-on loops_go_on $LIVE
	for loop in $LIVE; do
		at_most $name-longest-wait-$loop $PAUSE_MAX "$(xenstore-read $(loop_home $loop)/longest)" ms
	done
	live_values >/tmp/values.now
	check $name-values-kept diff /tmp/values /tmp/values.now
	same $name-xl-list 'Domain-0 live1 live2' "$(xl_names)"
}

live_start() {
	local i
	kill -0 $store_pid 2>/dev/null && store_end TERM
	STORE_COMMAND="$STORE_IN_C ${STORE_COMMAND#xenstored}"
	check live-c-starts store_start
	check live-xen-init-dom0 xen-init-dom0
	consoles_end
	check live-xenconsoled consoles_start
	live_consoles=$(consoles_pid)
	guests_create live live idle 1 2
	store_loop /run/xenstored/socket /tool/loop &
	live_loop=$!
	check live-loops-start loops_start live1 live2
	check live-socket-loop within $PATIENCE xenstore-exists /tool/loop/longest
	live_values >/tmp/values
}

live_end() {
	check live-loops-end loops_end live1 live2
	for i in 1 2; do loop_checks live live$i; done
	kill $live_loop
	ends_with 0 live-socket-loop-ends wait $live_loop
	refused live-socket-no-fault xenstore-exists /tool/loop/fault
	for i in 1 2; do check live-guest-answers-$i guest_answers live$i; done
	# Programs that were connected when C xenstored was the store.
	same live-xenconsoled-stays "$live_consoles" "$(pidof xenconsoled)"
	check live-xl-create guest_create live3 idle
	check live-xl-shutdown timeout $PATIENCE xl shutdown -w live1
	check live-xl-background within $PATIENCE guest_is_gone live1
	for i in 2 3; do check live-xl-destroy-$i timeout $PATIENCE xl destroy live$i; done
}

# ox_dump FILE: lets oxenstored update itself into a script, which keeps the state that it is given
ox_dump() {
	cat >/tmp/next <<-C
		#!/bin/sh
		case "\$*" in *--help*) exit 0 ;; esac
		cp /run/xenstored/db $1.new && mv $1.new $1
		exec sleep 600
	C
	chmod 755 /tmp/next
	# The tool asks again and again while it is BUSY: oxenstored begins by force when the time is over.
	timeout 60 xenstore-control live-update -F -t 5 /tmp/next &
	ox_tool=$!
	# It looks whether it may begin only when something comes.
	within 60 ox_poked $1
}

ox_poked() {
	timeout 2 xenstore-exists /
	test -e $1
}

live_read_oxenstored() {
	store_end TERM
	consoles_end
	STORE_COMMAND="/usr/lib/xen-4.17/bin/oxenstored --no-fork --no-access-log"
	check ox-starts store_start
	check ox-xen-init-dom0 xen-init-dom0
	check ox-write xenstore-write /tool/ox/a 'of oxenstored'
	xenstore-chmod /tool/ox/a n0 r0
	check ox-dump ox_dump /tmp/ox
	# Nobody answers it.
	ended $ox_tool
	check ox-dump-is-read xs restore --dry-run /tmp/ox
	same ox-dump-value '/tool/ox/a = "of oxenstored"   (n0,r0)' \
		"$(xs dump /tmp/ox --format text | grep /tool/ox/a)"
}

if store_is_ours; then
	cp /usr/bin/xs /usr/bin/xs-newer
	live_start
	live_update from-c /usr/sbin/xenstored
	live_update to-newer /usr/bin/xs-newer xs control
	live_update to-c $STORE_IN_C
	live_end
	live_read_oxenstored
else
	report skip live-update "$STORE has no xs to be replaced by"
fi
