# A guest floods its ring, for a minute unless told, by every pattern of guest/store_flood.c at once.
# Meanwhile another guest's programs see no error, and xl creates and destroys guests.

FLOOD_SECONDS=$(cat /rig/flood)
FLOOD_PATTERNS='values perms deep watches commits reads'

flood_is() { reads $flood_home/state $1; }

# flood_guest NUMBER: a guest comes, starts, is heard of and goes
flood_guest() {
	check flood-xl-create-$1 guest_create flooded$1 idle
	check flood-boots-$1 within $PATIENCE guest_state flooded$1 booted
	check flood-xl-destroy-$1 timeout $PATIENCE xl destroy flooded$1
	check flood-gone-$1 within $PATIENCE guest_is_gone flooded$1
}

flood_home=/local/domain/$(guest_id b)/data/flood
check flood-loops-start loops_start a
xenstore-write /local/domain/$(guest_id b)/data/request flood:$FLOOD_SECONDS
check flood-begins within $PATIENCE flood_is running
flood_guests=0
while [ $flood_guests -lt 1 ] || { flood_is running && [ $flood_guests -lt 5 ]; }; do
	flood_guests=$((flood_guests + 1))
	flood_guest $flood_guests
done
check flood-ends within $PATIENCE flood_is over
for pattern in $FLOOD_PATTERNS; do
	at_least flood-$pattern 20 "$(xenstore-read $flood_home/answered/$pattern)" requests
done
check flood-loops-end loops_end a
loop_checks flood a
check flood-guest-answers guest_answers b
check flood-recount xenstore-control check
