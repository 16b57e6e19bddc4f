# The daemon is killed, ten times unless told, and started again, while three guests write, watch and run
# test-xenstore: their programs see no error but EAGAIN, and xl goes on working.

# crash_kill NUMBER: kills the daemon and starts it again, once a while later; all loops go on
crash_kill() {
	local uptime killed
	store_end KILL
	read_uptime
	killed=$uptime
	[ $1 = 5 ] && sleep 1
	check crash-$1-starts-again store_start
	read_uptime
	at_most crash-$1-down $PATIENCE $((uptime - killed)) s
	check crash-$1-guests-go-on loops_go_on a b c
}

# crash_warnings: but for those about a domain that was dying, so that its page could not be mapped, and about
# slow turns, since an emulated host is slow
crash_warnings() {
	grep warning: $STORE_LOG | grep -v -e "domain ${crash_extra:-none}:" -e 'warning: turn: it took'
}

if store_is_ours; then
	crash_warnings >/tmp/warnings.before
	check crash-loops-start loops_start a b c
	guest_config extra idle
	crash_kills=$(cat /rig/kills)
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ $i -le $crash_kills ] || break
		crash_kill $i
		case $i in
		1)
			through_ring xl create /tmp/extra.cfg >/tmp/extra.create 2>&1 &
			crash_extra=$!
			;;
		2)
			wait $crash_extra
			same crash-xl-create 0 $?
			crash_extra=$(through_ring xl domid extra)
			check crash-xl-destroy timeout $PATIENCE xl destroy extra
			;;
		3) same crash-xl-list 'Domain-0 a b c' "$(xl_names)" ;;
		4) check crash-xl-console console_shows a ;;
		esac
	done
	same crash-nodes-kept "of a" "$(xenstore-read /local/domain/$(guest_id a)/data/secret)"
	check crash-loops-end loops_end a b c
	for g in a b c; do loop_checks crash $g; done
	check crash-guest-answers guest_answers a
	same crash-dom0-ring Domain-0 "$(through_ring timeout 20 xenstore-read name)"
	check dump xs dump -o /tmp/dump
	check dump-is-the-store xs diff /tmp/dump live
	same dump-domains "0 1 2 3 " "$(xs dump /tmp/dump --format text |
		sed -n 's/^# domain \([0-9]*\): introduced.*/\1/p' | sort -n | tr '\n' ' ')"
	# A counter that differs from a recount is a warning in the log, and so is a ring that is lost.
	check crash-recount xenstore-control check
	crash_warnings >/tmp/warnings
	check crash-no-warnings diff /tmp/warnings.before /tmp/warnings
else
	report skip crash "$STORE forgets all when it ends"
fi
