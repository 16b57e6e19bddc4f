# Three guests are created at the same time.

xenstore-watch @introduceDomain >/tmp/introduced &
introduced_pid=$!
for g in a b c; do
	# So that the xl that stays behind, to clean up, outlives the daemon (45-crash).
	through_ring guest_create $g checks >/tmp/$g.create 2>&1 &
	eval create_$g=$!
done
for g in a b c; do
	eval "wait \$create_$g"
	same create-$g 0 $?
	sed "s/^/[xl create $g] /" /tmp/$g.create
done
same xl-list 'Domain-0 a b c' "$(xl_names)"
check introduce-domain-seen within $PATIENCE lines /tmp/introduced 4
ended $introduced_pid
