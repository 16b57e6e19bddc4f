# The daemon starts on a host that has no domain but dom0, and dom0's own ring works.

check store-starts store_start
check xen-init-dom0 xen-init-dom0
same dom0-name Domain-0 "$(xenstore-read /local/domain/0/name)"
check dom0-kernel-writes within $PATIENCE xenstore-exists /local/domain/0/control/feature-poweroff
same dom0-through-its-ring Domain-0 "$(XENSTORED_PATH=/dev/xen/xenbus xenstore-read name)"
check xenconsoled through_ring consoles_start
# With one processor for all, three busy guests must not starve dom0 (each has 256).
check dom0-comes-first xl sched-credit2 -d 0 -w 1024
