// A hostile Xenstore client: `store_flood DEVICE HOME PATTERN SECONDS` sends requests without a pause.
//
// DEVICE is the kernel's device for the guest's ring. All requests name nodes below HOME/PATTERN.
// The patterns:
//
//   values    writes 2,000 bytes to one node
//   perms     sets the permissions of a node with 2,000 bytes
//   deep      makes a chain of 400 nodes and removes it
//   watches   sets a watch 400 levels deep and takes it back
//   commits   writes 40 nodes in a transaction, commits it, and removes the nodes
//   reads     starts a transaction, reads in it, and leaves it open as long as it may
//
// Errors are what such a client gets; only a hang-up ends it early, with status 1. It prints how many
// requests were answered, and how many of them with an error.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Message types: xen/include/public/io/xs_wire.h.
enum { READ = 2, WATCH = 4, UNWATCH, TA_START, TA_END, WRITE = 11, MKDIR, RM, SET_PERMS,
	EVENT = 15, ERROR };
enum { PAYLOAD_MAX = 4096, LEVELS = 400, NODES = 40, VALUE = 2000 };
// Requests under way at most. The kernel keeps any number of them, in one queue for all programs of the
// guest: with more, a program that waits for each answer would hardly get a turn.
#define OUTSTANDING_MAX 8

struct message { uint32_t type, id, transaction, length; char payload[PAYLOAD_MAX + 1]; };
#define HEAD 16

static int fd, outstanding;
static char base[256];
static unsigned long answered, errors;
static struct message answer;

static void give_up(const char *what)
{
	fprintf(stderr, "store_flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void get(void *buffer, size_t size)
{
	ssize_t done;

	for (char *to = buffer; size > 0; to += done, size -= done)
		if ((done = read(fd, to, size)) <= 0)
			give_up("reading");
}

// Takes messages up to the next reply, which is then in `answer`.
static void take_reply(void)
{
	do {
		get(&answer, HEAD);
		if (answer.length > PAYLOAD_MAX)
			give_up("a message is too long");
		get(answer.payload, answer.length);
		answer.payload[answer.length] = 0;
	} while (answer.type == EVENT);
	outstanding--;
	answered++;
	errors += answer.type == ERROR;
}

static void send_request(uint32_t type, uint32_t transaction, const char *payload, size_t length)
{
	static struct message request;

	request = (struct message){ .type = type, .transaction = transaction, .length = length };
	memcpy(request.payload, payload, length);
	while (outstanding >= OUTSTANDING_MAX)
		take_reply();
	// At once: a kernel's device takes one message with one write.
	if (write(fd, &request, HEAD + length) != (ssize_t)(HEAD + length))
		give_up("writing");
	outstanding++;
}

// Sends `path`, a NUL and `rest`, which may hold NULs.
static void send_path(uint32_t type, uint32_t transaction, const char *path, const char *rest,
		      size_t rest_length)
{
	char payload[PAYLOAD_MAX];
	size_t length = strlen(path) + 1;

	memcpy(payload, path, length);
	memcpy(payload + length, rest, rest_length);
	send_request(type, transaction, payload, length + rest_length);
}

// The path of a node LEVELS below the pattern's.
static const char *deep_path(void)
{
	static char path[sizeof(base) + 2 * LEVELS + 1];
	char *end = stpcpy(path, base);

	for (int level = 0; level < LEVELS; level++)
		end = stpcpy(end, "/a");
	return path;
}

static const char *child(int number)
{
	static char path[sizeof(base) + 16];

	snprintf(path, sizeof(path), "%s/%d", base, number);
	return path;
}

static char value[VALUE];

static void flood_values(void)
{
	send_path(WRITE, 0, base, value, VALUE);
}

static void flood_perms(void)
{
	static int others, domid = -1;
	char perms[32];
	int length;

	if (domid < 0) {
		send_path(WRITE, 0, base, value, VALUE);
		send_path(READ, 0, "domid", "", 0);
		while (outstanding > 0)
			take_reply();
		domid = atoi(answer.payload);
	}
	length = sprintf(perms, "n%d", domid) + 1;
	length += sprintf(perms + length, "r%d", ++others % 100 + 1) + 1;
	send_path(SET_PERMS, 0, base, perms, length);
}

static void flood_deep(void)
{
	send_path(MKDIR, 0, deep_path(), "", 0);
	send_path(RM, 0, base, "", 0);
}

static void flood_watches(void)
{
	send_path(WATCH, 0, deep_path(), "token", 6);
	send_path(UNWATCH, 0, deep_path(), "token", 6);
}

static uint32_t start_transaction(void)
{
	while (outstanding > 0)
		take_reply();
	send_request(TA_START, 0, "", 1);
	take_reply();
	return answer.type == ERROR ? 0 : strtoul(answer.payload, NULL, 10);
}

static void flood_commits(void)
{
	uint32_t transaction = start_transaction();

	for (int number = 0; number < NODES; number++)
		send_path(WRITE, transaction, child(number), value, 100);
	if (transaction)
		send_request(TA_END, transaction, "T", 2);
	send_path(RM, 0, base, "", 0);
}

static void flood_reads(void)
{
	static uint32_t open[8];
	static unsigned next;
	uint32_t *transaction = &open[next++ % 8];

	if (*transaction)
		send_request(TA_END, *transaction, "F", 2);
	*transaction = start_transaction();
	if (*transaction)
		send_path(READ, *transaction, "domid", "", 0);
}

static const struct { const char *name; void (*flood)(void); } patterns[] = {
	{ "values", flood_values }, { "perms", flood_perms }, { "deep", flood_deep },
	{ "watches", flood_watches }, { "commits", flood_commits }, { "reads", flood_reads },
};
#define PATTERNS (sizeof(patterns) / sizeof(*patterns))

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

int main(int count, char **args)
{
	void (*flood)(void) = NULL;
	time_t end;

	for (size_t i = 0; count == 5 && i < PATTERNS; i++)
		if (!strcmp(args[3], patterns[i].name))
			flood = patterns[i].flood;
	if (!flood) {
		fputs("store_flood: DEVICE HOME PATTERN SECONDS\n", stderr);
		return 2;
	}
	snprintf(base, sizeof(base), "%s/%s", args[2], args[3]);
	memset(value, 'v', sizeof(value));
	fd = open(args[1], O_RDWR);
	if (fd < 0)
		give_up(args[1]);
	for (end = now() + atoi(args[4]); now() < end;)
		flood();
	while (outstanding > 0)
		take_reply();
	printf("%lu %lu\n", answered, errors);
	return 0;
}
