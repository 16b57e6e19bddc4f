# Guests, by name.

guest_config() { # NAME ROLE
	cat >/tmp/$1.cfg <<-C
		name="$1"
		kernel="/boot/vmlinux"
		ramdisk="/boot/guest.cpio"
		extra="console=hvc0 rdinit=/init quiet norandmaps rig.role=$2"
		memory=180
		on_poweroff="destroy"
	C
}

# guest_create NAME ROLE: for the role, see guest/main.sh
guest_create() {
	guest_config $1 $2
	xl create /tmp/$1.cfg && xl domid $1 >/tmp/$1.id
}

# guests_create PREFIX NAME ROLE NUMBER...: several at the same time, with their numbers behind
# their name, and waits until they are up
guests_create() {
	local prefix=$1 name=$2 role=$3 n
	shift 3
	for n; do
		guest_create $name$n $role >/tmp/$name$n.create 2>&1 &
		eval create_$n=$!
	done
	for n; do
		eval "wait \$create_$n"
		same $prefix-create-$name$n 0 $?
	done
	for n; do check $prefix-boots-$name$n within $PATIENCE guest_state $name$n booted; done
}

# xl_names: the domains, as xl has them
xl_names() { xl list | tail -n +2 | cut -d' ' -f1 | sort | tr '\n' ' ' | sed 's/ $//'; }

# guest_is_gone NAME: whether nothing is left of it
guest_is_gone() { ! xl domid $1 && ! xenstore-exists /local/domain/$(guest_id $1); }

# Kept in a file: xl takes long to start here, and we ask often.
guest_id() { cat /tmp/$1.id; }

guest_log() { echo /var/log/xen/console/guest-$1.log; }

# guest_state NAME STATE: whether the guest says so
guest_state() { reads /local/domain/$(guest_id $1)/data/state $2; }

# guest_answers NAME: whether it takes a request through its ring and answers it
guest_answers() {
	local home=/local/domain/$(guest_id $1)/data word=$RANDOM
	xenstore-write $home/request echo:$word
	within $PATIENCE reads $home/reply $word
}

# console_shows GUEST: `xl console` shows what the guest says. Without a terminal it sends nothing.
console_shows() {
	local word=$RANDOM pid status
	xenstore-write /local/domain/$(guest_id $1)/data/request say:$word
	sleep $PATIENCE | timeout $PATIENCE xl console $1 >/tmp/console 2>&1 &
	pid=$!
	within $PATIENCE grep -q "said $word" /tmp/console
	status=$?
	kill $pid
	cat /tmp/console
	return $status
}

# guest_attack NAME KIND [HOW]: lets the guest spoil its own ring; prints the error word that it got.
# HOW is `attack`, or `revival` for a guest that waits to be introduced again.
guest_attack() {
	xenstore-write /local/domain/$(guest_id $1)/data/request ${3:-attack}:$2
	within $PATIENCE grep -q "ring_vandal: $2: error word" "$(guest_log $1)" || return 1
	sed -n "s/.*ring_vandal: $2: error word \([0-9]*\).*/\1/p" "$(guest_log $1)"
}

# guest_introduce NAME: sends INTRODUCE for a guest that is there already, as no tool does
guest_introduce() {
	local id=$(guest_id $1) home payload
	home=/local/domain/$id/store
	payload="$id-$(xenstore-read $home/ring-ref)-$(xenstore-read $home/port)-"
	{
		printf '\010\000\000\000\001\000\000\000\000\000\000\000'
		printf "\\$(printf %03o ${#payload})\\000\\000\\000"
		echo -n "$payload" | tr - '\000'
	} >/tmp/introduce
	timeout 20 sh -c 'exec 3<>/dev/xen/xenbus; cat /tmp/introduce >&3; dd bs=64 count=1 <&3' \
		2>/dev/null | tail -c +17 | tr -d '\000'
}

# Shows the checks that a guest made, as its console has them.
guest_checks() { # NAME
	local made
	tr -d '\r' <$(guest_log $1) | sed -n 's/.*\(\[check\] .*\)/\1/p' >/tmp/$1.checks
	cat /tmp/$1.checks
	made=$(wc -l </tmp/$1.checks)
	checks=$((checks + made))
	same $1.all-checks-shown "$(xenstore-read /local/domain/$(guest_id $1)/data/checks)" $made
}
