# The stock clients in dom0.

same dom0-relative 0 "$(xenstore-read domid)"
check dom0-write xenstore-write /tool/rig/b 1 /tool/rig/a 'two words'
same dom0-read 'two words' "$(xenstore-read /tool/rig/a)"
same dom0-list 'a b' "$(xenstore-list /tool/rig | sort | tr '\n' ' ' | sed 's/ $//')"
same dom0-ls '/tool/rig/a = "two words"' "$(xenstore-ls -f /tool/rig | grep two)"
check dom0-chmod xenstore-chmod /tool/rig/a n0 r0
same dom0-perms '/tool/rig/a = "two words"   (n0,r0)' "$(xenstore-ls -f -p /tool/rig | grep two)"
check dom0-exists xenstore-exists /tool/rig/a
check dom0-rm xenstore-rm /tool/rig
refused dom0-removed xenstore-exists /tool/rig/a
check dom0-test-xenstore test-xenstore
check dom0-test-xenstore-through-its-ring env XENSTORED_PATH=/dev/xen/xenbus test-xenstore
if store_is_ours; then
	same dom0-xs-read Domain-0 "$(xs read /local/domain/0/name)"
	ln -s /usr/bin/xs /tmp/xenstore-list
	same dom0-xs-as-stock-tool xenstored "$(/tmp/xenstore-list /tool)"
fi
