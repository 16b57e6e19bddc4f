# The daemon is killed while a guest is connected, and started again: the guest notices nothing.

if store_is_ours; then
	check crash-create guest_create survivor idle
	check crash-boots within $PATIENCE guest_state survivor booted
	check crash-answers-before guest_answers survivor
	id=$(guest_id survivor)
	store_end KILL
	check crash-starts-again store_start
	same crash-nodes-kept "of survivor" "$(xenstore-read /local/domain/$id/data/secret)"
	check crash-guest-goes-on guest_answers survivor
	same crash-dom0-ring Domain-0 "$(XENSTORED_PATH=/dev/xen/xenbus timeout 20 xenstore-read name)"
	check crash-destroy timeout $PATIENCE xl destroy survivor
	refused crash-gone xenstore-exists /local/domain/$id
	check crash-maps within $PATIENCE same_count_of store_maps 0
else
	report skip crash "$STORE forgets all when it ends"
fi
