# What the scripts in dom0 and in the guests share: checks, and waiting.
# SCOPE, when set, comes before the names of checks: a guest's name and a dot.

# How long things may take that should happen, s: the emulated host of a busy machine is slow, and
# only failures take so long.
PATIENCE=400

checks=0

report() { # OUTCOME NAME [WHY]
	checks=$((checks + 1))
	echo "[check] $1 ${SCOPE:-}$2${3:+: $3}"
}

one_line() { tr '\r\n\t' '   ' | tail -c 300; }

# ends_with STATUS NAME COMMAND...: passes when the command ends so. It runs in this shell, not in
# a subshell: what it sets stays set.
ends_with() {
	local wanted=$1 name=$2 status
	shift 2
	"$@" >/tmp/said 2>&1
	status=$?
	if [ $status = $wanted ]; then report ok "$name"; else
		report "not ok" "$name" "status $status, not $wanted, of '$*': $(one_line </tmp/said)"
	fi
}

# check NAME COMMAND...: passes when the command does
check() { ends_with 0 "$@"; }

# refused NAME COMMAND...: passes when the command fails, as itself and not as a missing program
refused() { ends_with 1 "$@"; }

# same NAME WANTED GOT: passes when the two texts are equal
same() {
	if [ "$2" = "$3" ]; then report ok "$1"; else
		report "not ok" "$1" "got '$(echo -n "$3" | one_line)', not '$(echo -n "$2" | one_line)'"
	fi
}

# at_least NAME BOUND GOT WHAT: passes when the number is that high; shows it
at_least() {
	if [ "${3:-x}" -ge "$2" ] 2>/dev/null; then report ok "$1" "$3 $4"; else
		report "not ok" "$1" "'$3' $4, less than $2"
	fi
}

# at_most NAME BOUND GOT WHAT: passes when the number is that low; shows it
at_most() {
	if [ "${3:-x}" -le "$2" ] 2>/dev/null; then report ok "$1" "$3 $4"; else
		report "not ok" "$1" "'$3' $4, more than $2"
	fi
}

# read_uptime: sets `uptime` to the seconds for which this machine has run. Like the other things that
# are done again and again while one waits, it starts no program: the daemon has the same processor.
read_uptime() {
	local rest
	read -r uptime rest </proc/uptime
	uptime=${uptime%.*}
}

# within SECONDS COMMAND...: repeats the command until it succeeds; fails when the time is over
within() {
	local uptime end
	read_uptime
	end=$((uptime + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		read_uptime
		if [ $uptime -ge $end ]; then
			echo "not within the time: $*"
			return 1
		fi
		sleep 0.5
	done
}

# reads PATH VALUE: whether the node has that value
reads() { [ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]; }

# lines FILE COUNT: whether the file has at least so many lines
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

# same_count_of COMMAND WANTED: whether the command prints that number
same_count_of() { [ "$($1)" -eq "$2" ]; }
