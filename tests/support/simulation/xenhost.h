// What the files of a simulated host have in them: for xenhost.c, which stands in for Xen's
// libraries, and for programs that play guests.  simulated_host.ts knows the same offsets.
#ifndef XENHOST_H
#define XENHOST_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { DOMAINS = 32768, PORTS = 65536, PAGE = 4096 };

struct domain {
	_Atomic uint32_t state, caps;
	uint64_t unique_id;
	uint8_t handle[16];
	_Atomic uint32_t map_errno, bind_errno; // to be given instead of success, if not 0
	_Atomic uint32_t mapped;                // how often its page is mapped as a grant
	_Atomic uint32_t bound;                 // its port that the daemon has bound, or 0
	_Atomic uint32_t local;                 // the daemon's end of it
	uint32_t pad[3];
};
struct port {
	_Atomic uint32_t owner; // domid + 1; VIRQ for the virtual interrupt; 0 when free
	_Atomic uint32_t remote, masked, pending;
};
struct host {
	_Atomic uint32_t virq_port, mapped, bound;
	_Atomic uint32_t pendings, unmasks, notifies, infos; // calls
	uint8_t pad[PAGE - 28];
	struct domain domain[DOMAINS];
	struct port port[PORTS];
	// A bit a domid, so that looking for domains takes no longer than it does in Xen.
	_Atomic uint32_t present[DOMAINS / 32]; // the state is not 0
	_Atomic uint32_t changed[DOMAINS / 32]; // not yet polled
};
_Static_assert(sizeof(struct domain) == 64, "the test knows these offsets");
_Static_assert(offsetof(struct host, domain) == PAGE, "and these");

#endif
