# The guests make their checks, with dom0 at the other end of their watches.

for g in a b c; do
	check boots-$g within $PATIENCE guest_state $g booted
	check console-$g grep -q . "$(guest_log $g)"
	eval id_$g=$(guest_id $g)
done
pongs=
for pair in "$id_a $id_b" "$id_b $id_c" "$id_c $id_a"; do
	set -- $pair
	# Where test-xenstore works; a guest can't make nodes in its home itself.
	xenstore-write /local/domain/$1/xenstore-test ''
	xenstore-chmod /local/domain/$1/xenstore-test n$1
	xenstore-watch /local/domain/$1/data/pong >/tmp/pong.$1 &
	pongs="$pongs $!"
	xenstore-write /local/domain/$1/data/neighbour $2
done
for g in a b c; do
	id=$(guest_id $g)
	check watching-$g within $PATIENCE guest_state $g watching
	xenstore-write /local/domain/$id/data/ping "ping $g"
	check watch-in-dom0-$g within $PATIENCE lines /tmp/pong.$id 2
	same watch-round-$g "ping $g" "$(xenstore-read /local/domain/$id/data/pong)"
done
for g in a b c; do
	check finishes-$g within $PATIENCE guest_state $g finished
	guest_checks $g
	same secret-kept-$g "of $g" "$(xenstore-read /local/domain/$(guest_id $g)/data/secret)"
done
ended $pongs
for path in /local/domain/0/trespass /tool/trespass /local/domain/$id_a/trespass; do
	refused trespass-free-$(echo $path | tr / .) xenstore-exists $path
done
