# SIGTERM ends the daemon, the log says so, and it can be started again as an init script does.

store_end TERM
refused stop-gone kill -0 $store_pid
if store_is_ours; then
	same stop-status 0 $store_status
	check stop-line grep -q stopped $STORE_LOG
	refused stop-socket-removed test -e /run/xenstored/socket
	check restart-in-background timeout $PATIENCE xenstored --pid-file /run/xen/xenstored.pid
	check restart-serves xenstore-write /tool/restarted x
	check restart-dom0-ring env XENSTORED_PATH=/dev/xen/xenbus xenstore-exists /tool/restarted
	pid=$(cat /run/xen/xenstored.pid)
	check restart-pid-file kill -TERM $pid
	check restart-stops within $PATIENCE test ! -e /proc/$pid
else
	report skip stop-status "$STORE ends with $store_status: only xs defines it"
fi
