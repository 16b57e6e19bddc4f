# A Debian on which the packages were installed, and nothing else was done: it boots, the daemon is killed,
# upgraded and removed, under guests, xenconsoled and a client of the socket that notice nothing.
. /rig/common.sh

same unit active "$(unit_state $UNIT)"
same xen-service active "$(unit_state xen)"
same pid-file "$(unit_pid)" "$(daemon_pid)"
same only-daemon "/usr/bin/xs " "$(daemons)"
needed host_is_up
same dom0-name Domain-0 "$(xenstore-read /local/domain/0/name)"
same xl-list Domain-0 "$(xl_names)"
check xenconsoled pidof xenconsoled
check dom0-comes-first xl sched-credit2 -d 0 -w 1024
consoles=$(pidof xenconsoled)

guests_create up guest idle 1 2
for n in 1 2; do sed "s/^/[xl create guest$n] /" /tmp/guest$n.create; done
check console console_shows guest1
loops_begin guest1 guest2
for kill in 1 2 3; do
	pid=$(daemon_pid)
	kill -9 $pid
	check kill-$kill-starts-again within $PATIENCE serves_anew $pid
	same kill-$kill-unit active "$(unit_state $UNIT)"
	check kill-$kill-all-go-on loops_go_on guest1 guest2 socket
done
same kill-xenconsoled-stays "$consoles" "$(pidof xenconsoled)"
check kill-console console_shows guest1
same kill-xl-list 'Domain-0 guest1 guest2' "$(xl_names)"

# "Insufficient privileges", as the LSB has it.
ends_with 4 stop-is-refused systemctl stop $UNIT
pid=$(daemon_pid)
check upgrade /usr/bin/dpkg -i /rig/debs/2/*.deb
same upgrade-daemon-stays "$pid /usr/bin/xs (deleted)" "$(daemon_pid) $(daemon_program)"
check live-update timeout $((2 * PATIENCE)) xs live-update
same live-update-program "$pid /usr/bin/xs" "$(daemon_pid) $(daemon_program)"
check live-update-all-go-on loops_go_on guest1 guest2 socket
pid=$(daemon_pid)
kill -9 $pid
check live-update-kill within $PATIENCE serves_anew $pid
check live-update-kill-all-go-on loops_go_on guest1 guest2 socket

pid=$(daemon_pid)
check remove /usr/bin/dpkg -r xenstored-xs
same remove-daemon-stays "$pid" "$(daemon_pid)"
check remove-all-go-on loops_go_on guest1 guest2 socket
loops_finish guest1 guest2
same xenconsoled-stays "$consoles" "$(pidof xenconsoled)"
finish
