# Ten guests come and go. The first two boot and break their rings, the others die while they boot.

fds_before=$(store_fds)
for i in 1 2 3 4 5 6 7 8 9 10; do
	g=loop$i
	check loop-create-$i guest_create $g idle
	id=$(guest_id $g)
	case $i in
	1 | 2)
		check loop-boots-$i within $PATIENCE guest_state $g booted
		[ $i = 1 ] && same loop-attack-response 2 "$(guest_attack $g response)"
		[ $i = 2 ] && same loop-attack-noise 3 "$(guest_attack $g noise)"
		;;
	esac
	check loop-destroy-$i xl destroy $g
	refused loop-gone-$i xenstore-exists /local/domain/$id
done
check loop-maps within $PATIENCE same_count_of store_maps 0
check loop-fds within $PATIENCE same_count_of store_fds $fds_before
