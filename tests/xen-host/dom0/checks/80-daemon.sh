# What an administrator does to the daemon, and what goes wrong around it.

traced() { grep -q "$1" $2; }

mv $STORE_TRACE $STORE_TRACE.1
kill -HUP $store_pid
check sighup-reopens within $PATIENCE test -e $STORE_TRACE
xenstore-write /tool/after-sighup x
check sighup-traces-on within $PATIENCE traced /tool/after-sighup $STORE_TRACE

mkdir /mnt/full
mount -t tmpfs -o size=64k full /mnt/full
dd if=/dev/zero of=/mnt/full/filler bs=1k 2>/dev/null
same full-disk-logfile OK "$(xenstore-control logfile /mnt/full/trace)"
for i in 1 2 3; do check full-disk-goes-on-$i xenstore-write /tool/full-$i x; done
if store_is_ours; then check full-disk-said within $PATIENCE grep -qi 'no space' $STORE_LOG; fi
rm /mnt/full/filler
xenstore-write /tool/space-again x
check full-disk-traces-again within $PATIENCE traced /tool/space-again /mnt/full/trace
same full-disk-logfile-back OK "$(xenstore-control logfile $STORE_TRACE)"
umount /mnt/full

if store_is_ours; then
	ends_with 0 second-daemon-leaves xenstored --no-fork --pid-file /run/xen/xenstored.pid
else
	report skip second-daemon-leaves "$STORE locks its pid file in the background only"
fi
check second-daemon-no-harm xenstore-exists /tool

mkdir -m 777 /tmp/nobody
as_nobody() {
	env XENSTORED_RUNDIR=/tmp/nobody DENO_DIR=/tmp/nobody timeout $PATIENCE \
		/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}
refused no-rights-refused as_nobody xenstored --no-fork --pid-file /tmp/nobody/pid
mv /tmp/said /tmp/no-rights
sed 's/^/[no rights] /' /tmp/no-rights
if store_is_ours; then
	same no-rights-one-line 1 "$(wc -l </tmp/no-rights)"
	check no-rights-names-what grep -q '/dev/xen/\|/proc/xen/' /tmp/no-rights
fi
