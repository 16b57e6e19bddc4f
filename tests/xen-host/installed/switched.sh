# A Debian on which the packages were installed and removed again: it boots with C xenstored. They are
# installed on the running host, and xs takes C's place at once.
. /rig/common.sh

C_XENSTORED=/usr/lib/xen-4.17/bin/xenstored

same c-serves "$C_XENSTORED " "$(daemons)"
same xen-service active "$(unit_state xen)"
needed host_is_up
check xenconsoled pidof xenconsoled
check dom0-comes-first xl sched-credit2 -d 0 -w 1024
consoles=$(pidof xenconsoled)
guests_create up guest idle 1 2
for n in 1 2; do sed "s/^/[xl create guest$n] /" /tmp/guest$n.create; done
loops_begin guest1 guest2

pid=$(daemon_pid)
check install /usr/bin/dpkg -i /rig/debs/1/*.deb
same install-daemon-stays "$pid $C_XENSTORED" "$(daemon_pid) $(daemon_program)"
same install-starts-nothing inactive "$(unit_state $UNIT)"
# Not beside C xenstored, and not where the host's settings name it.
check start-is-skipped systemctl start $UNIT
same start-is-skipped-unit inactive "$(unit_state $UNIT)"

check switch timeout $((2 * PATIENCE)) xs live-update
same switch-program "$pid /usr/bin/xs" "$(daemon_pid) $(daemon_program)"
check switch-all-go-on loops_go_on guest1 guest2 socket
same switch-xl-list 'Domain-0 guest1 guest2' "$(xl_names)"
check switch-console console_shows guest1
same switch-xenconsoled-stays "$consoles" "$(pidof xenconsoled)"
loops_finish guest1 guest2

# It dies where nothing starts it again: the unit goes on from its store.
sed -i '/^XENSTORED=/d' /etc/default/xen
pid=$(daemon_pid)
kill -9 $pid
check unit-starts systemctl start $UNIT
check unit-serves within $PATIENCE serves_anew $pid
same unit-program /usr/bin/xs "$(daemon_program)"
for g in 1 2; do check unit-guest-answers-$g guest_answers guest$g; done
finish
