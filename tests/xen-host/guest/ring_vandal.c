// A guest that breaks the Xenstore ring protocol: run by `insmod ring_vandal.ko attack=KIND`.
//
// A guest's page and event channel belong to its kernel, so the attack is a kernel module. It
// spoils the page, wakes the daemon and prints what the daemon writes into the error word. With
// revival=1 it then waits until the daemon takes that back.
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/string.h>
#include <xen/events.h>
#include <xen/xenbus.h>

#define RING 1024
#define ERROR_PATIENCE_MS 10000
#define REVIVAL_PATIENCE_MS 60000

// The page in 32-bit words: xen/include/public/io/xs_wire.h.
enum { REQ_CONS = 512, REQ_PROD, RSP_CONS, RSP_PROD, FEATURES, CONNECTION, ERROR };

static char *attack = "";
module_param(attack, charp, 0);

static bool revival;
module_param(revival, bool, 0);

static volatile u32 *page;

static void push(const void *bytes, u32 length)
{
	u32 i, prod = page[REQ_PROD];

	for (i = 0; i < length; i++)
		((volatile u8 *)page)[(prod + i) % RING] = ((const u8 *)bytes)[i];
	mb();
	page[REQ_PROD] = prod + length;
}

// A request that is all there, for a daemon to answer.
static void push_request(u32 type, u32 stated_length)
{
	const struct { u32 type, req_id, tx_id, length; u8 payload[8]; } request = {
		type, 0, 0, stated_length, "domid"
	};

	push(&request, sizeof(request) - 2);
}

static int spoil(void)
{
	static u8 noise[RING];

	if (!strcmp(attack, "index")) {
		page[REQ_PROD] = page[REQ_CONS] + 2000;
	} else if (!strcmp(attack, "length")) {
		push_request(2, 5000);
	} else if (!strcmp(attack, "response")) {
		page[RSP_CONS] = page[RSP_PROD] - 3000;
		push_request(2, 6);
	} else if (!strcmp(attack, "noise")) {
		get_random_bytes(noise, sizeof(noise));
		push(noise, page[REQ_CONS] + RING - page[REQ_PROD]);
	} else {
		return -EINVAL;
	}
	return 0;
}

// Returns what the daemon makes of the spoilt page. Interrupts are off meanwhile: this guest's own
// kernel would put indices right that it finds wrong.
static int attack_and_wait(void)
{
	unsigned long flags;
	int waited, failure;

	local_irq_save(flags);
	failure = spoil();
	mb();
	if (!failure)
		notify_remote_via_evtchn(xen_store_evtchn);
	for (waited = 0; !failure && waited < ERROR_PATIENCE_MS && !page[ERROR]; waited++)
		mdelay(1);
	local_irq_restore(flags);
	return failure;
}

static int __init ring_vandal_init(void)
{
	int waited, failure;

	page = (volatile u32 *)xen_store_interface;
	failure = attack_and_wait();
	if (failure)
		return failure;
	pr_alert("ring_vandal: %s: error word %u, features %u\n", attack, page[ERROR],
		 page[FEATURES]);
	for (waited = 0; revival && page[ERROR]; waited += 50) {
		if (waited >= REVIVAL_PATIENCE_MS)
			return -ETIMEDOUT;
		msleep(50);
	}
	return 0;
}

module_init(ring_vandal_init);
MODULE_DESCRIPTION("Breaks the Xenstore ring of the guest that loads it");
MODULE_LICENSE("GPL");
