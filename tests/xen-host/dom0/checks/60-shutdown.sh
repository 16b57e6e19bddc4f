# Guests end: one by itself, when asked to, and two by force, their rings broken.

gone() { # GUEST DOMID
	refused gone-$1-from-xl xl domid $1
	refused gone-$1-home xenstore-exists /local/domain/$2
	refused gone-$1-node-elsewhere xenstore-exists /tool/of-$1
}

xenstore-watch @releaseDomain >/tmp/released &
released_pid=$!
within $PATIENCE lines /tmp/released 1
for g in a b c; do
	eval id_$g=$(guest_id $g)
	xenstore-write /tool/of-$g x
	xenstore-chmod /tool/of-$g n$(guest_id $g)
done
check xl-shutdown timeout $PATIENCE xl shutdown -w a
# One event for the shutdown, one for the end.
check release-domain-seen-shutdown within $PATIENCE lines /tmp/released 3
gone a $id_a
seen=$(wc -l </tmp/released)
check xl-destroy-b xl destroy b
check xl-destroy-c xl destroy c
check release-domain-seen-destroy within $PATIENCE lines /tmp/released $((seen + 2))
gone b $id_b
gone c $id_c
ended $released_pid
same xl-list-alone 'Domain-0' "$(xl list | tail -n +2 | cut -d' ' -f1)"
check maps-released within $PATIENCE same_count_of store_maps 0
