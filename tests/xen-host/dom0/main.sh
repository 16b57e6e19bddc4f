# dom0: runs the checks in their order. They share one shell, so that later ones find the guests of
# earlier ones.
. /rig/lib.sh
. /rig/store.sh
. /rig/guests.sh
. /rig/loops.sh

for script in /rig/checks/*.sh; do
	echo "--- $script at $(cut -d' ' -f1 /proc/uptime) s"
	. $script
	script=${script##*/??-}
	check ${script%.sh}-ends-its-clients clients_end
done
tail -n 40 /var/log/xen/store.log | sed 's/^/[store] /'
for log in /var/log/xen/console/*.log; do
	tail -n 15 $log | tr -d '\r' | grep -v '\[check\]' | sed "s|^|[${log##*/}] |"
done
echo "[check] end $checks"
