# The guests' loops (guest/store_loop.c and test-xenstore), and one on the daemon's socket, seen
# from dom0. A loop is told by its name: a guest's, or `socket`.

loop_home() { # LOOP
	if [ $1 = socket ]; then echo /tool/loop; else echo /local/domain/$(guest_id $1)/data/loop; fi
}

# loops_start GUEST...: returns when all go round
loops_start() {
	local g id left
	for g; do
		id=$(guest_id $g)
		# Where test-xenstore works. It removes the node when it is empty, which this one never is.
		xenstore-write /local/domain/$id/xenstore-test/of-dom0 ''
		xenstore-chmod /local/domain/$id/xenstore-test n$id
		# What an earlier run has left would be taken for this one's.
		for left in tests loop; do xenstore-rm /local/domain/$id/data/$left 2>/dev/null; done
		xenstore-write /local/domain/$id/data/request loops:start
	done
	for g; do within $PATIENCE xenstore-exists /local/domain/$(guest_id $g)/data/tests/runs || return 1; done
	loops_go_on "$@"
}

loops_rounds() { # LOOP...
	local loop paths=
	for loop; do paths="$paths $(loop_home $loop)/rounds"; done
	xenstore-read $paths
}

loops_beyond() { # "ROUND..." LOOP...
	local round was=$1
	shift
	for round in $(loops_rounds "$@"); do
		[ $round -gt ${was%% *} ] || return 1
		was=${was#* }
	done
	[ -n "$round" ]
}

# loops_go_on LOOP...: waits until each has counted on, which means that its writes are answered
loops_go_on() {
	local was
	was=$(loops_rounds "$@" | tr '\n' ' ') || return 1
	within $PATIENCE loops_beyond "$was" "$@"
}

# loops_end LOOP...: ends them; loop_checks then tells how they fared
loops_end() {
	local g
	for g; do xenstore-write /local/domain/$(guest_id $g)/data/request loops:end; done
	for g; do
		within $PATIENCE xenstore-exists /local/domain/$(guest_id $g)/data/tests/status || return 1
	done
}

# loop_checks PREFIX GUEST: no program of the guest saw an error, and both did their work
loop_checks() {
	local home=/local/domain/$(guest_id $2)/data loop
	same $1-loop-$2 "0 " "$(xenstore-read $home/loop/status) $(xenstore-read $home/loop/fault 2>/dev/null)"
	same $1-test-xenstore-$2 "0 " \
		"$(xenstore-read $home/tests/status) $(xenstore-read $home/tests/fault 2>/dev/null)"
	loop=$(xenstore-read $home/loop/rounds $home/loop/again $home/tests/runs $home/tests/again |
		tr '\n' ' ')
	set -- $1 $2 $loop
	at_least $1-rounds-$2 10 "$3" "rounds, $4 transactions again"
	at_least $1-tests-$2 2 "$5" "runs of test-xenstore, $6 ended by EAGAIN"
}
