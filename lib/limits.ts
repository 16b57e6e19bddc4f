/**
 * Every bound of the project, each with its reason. A queue, loop or buffer that is not bounded
 * by something named here is a defect.
 */

/**
 * Bytes read from one client in one turn, and the most of its input that is ever held: enough
 * for three of the largest messages or some hundred usual ones a system call, too little to hurt
 * with thousands of clients.
 */
export const INPUT_BYTES_MAX = 16_384;

/**
 * Work of one turn, in units of the meter (some 50 us): enough to amortise its commit, its poll of
 * the kernel and a client's write, few enough for a client that comes meanwhile. A turn ends behind
 * the request that crosses the bound.
 */
export const TURN_UNITS = 5_000;

/**
 * Work of one turn between two looks at the kernel, in units (some 20 us), for clients that were quiet and have asked meanwhile:
 * they are served next, and the turn ends. A look takes 1 to 2 us.
 */
export const LOOK_UNITS = 1_800;

/** What a client may use at least, in units, once it is its turn: less is not worth a read. */
export const STEP_UNITS_MIN = 1_000;

/** What one of several quiet clients that begin may use before the others have a turn, in units: two or three short requests. */
export const QUIET_STEP_UNITS = 300;

/**
 * A client that was not served for so long, in ms, begins: its first step is short. The next one is not, since then ten clients
 * with 64 requests each would all have a read and a write in each turn, which halves their rate.
 */
export const QUIET_PAUSE_MS = 10;

/**
 * A request that will cost more, in units, is charged before it is done: some 10 us, so that thirty clients that were
 * quiet, with a long request each, come behind one with a short one.
 */
export const PREPAID_UNITS_MIN = 1_000;

/**
 * The credit of a client that was quiet, in units: so much (some 2 ms of work) it does before busy
 * clients go on. That is what a tool or a driver does at once.
 */
export const CREDIT_UNITS = 200_000;

/**
 * How much less credit a guest has at most, in units, because it uses much at a time: it still goes before
 * busy clients, but behind quiet ones whose requests are short. Thirty guests that begin at once with requests that each wake
 * many watches kept a quiet one waiting for 25 to 80 ms.
 */
export const STEP_CREDIT_UNITS = CREDIT_UNITS / 4;

/**
 * What stands for the steps of a guest that is new, in units: more than a short request takes. A busy client of domain 0 uses
 * {@link PRIVILEGED_WEIGHT} times as many before such a guest is served.
 */
export const STEP_UNITS_FIRST = 500;

/** By such a part a guest's most expensive step fades with each that costs less: after twelve short ones it counts as quiet. */
export const STEP_FADE = 4;

/**
 * Credit that all clients get for a millisecond without waiting clients, in units: a twentieth of
 * what could be done in that time. With more, busy clients that pause would soon count as quiet.
 */
export const IDLE_UNITS_PER_MS = 5_000;

/**
 * How far a privileged client stands before others that have used as much, in units: enough for what a tool
 * asks. A busy one stands behind a quiet guest when it has used eight times as many, so that ten that begin
 * at once delay that guest by less than half a millisecond.
 */
export const PRIVILEGED_LEAD_UNITS = 500;

/** One of so many units that a privileged client uses counts against it. */
export const PRIVILEGED_WEIGHT = 8;

/**
 * A client that has used so much more than the first of a turn, in units, waits for the next turn:
 * answers to quiet clients leave before the work of busy ones is done.
 */
export const TURN_SPREAD_UNITS = CREDIT_UNITS - STEP_CREDIT_UNITS - 10_000;

/**
 * Unsent bytes of one client beyond which its next request is not read: a client that does not take its
 * answers gets no new ones, as with a full ring. More than fifteen of the largest replies.
 */
export const OUTPUT_STALL_BYTES = 65_536;

/**
 * Unsent bytes of one socket client beyond which it is disconnected, with a line in the log, without the
 * events that are charged to the guests that caused them. Only watch events can bring it there; an event left
 * out in silence would be a client that waits for ever. Removing a tree of 100,000 watched nodes fits.
 */
export const SOCKET_OUTPUT_BYTES_MAX = 16_777_216;

/**
 * Unsent bytes of one domain beyond which its further watch events are dropped, with a line in
 * the log: a ring cannot be disconnected, and a guest must not take the daemon's memory (XSA-326). Events
 * that are charged to the guests that caused them do not count; the records of all others do.
 */
export const RING_OUTPUT_BYTES_MAX = 1_048_576;

/**
 * Bytes of events that one guest has caused and no client has taken, with their records, at which its
 * requests are not read any more: a thousand of the usual ones. With the events of the request that
 * crosses it, at most 2.2 MiB for each watch that hears of all, that is what a guest can fill.
 */
export const UNREAD_BYTES_MAX = 262_144;

/**
 * Bytes of such events beyond which further ones for other guests are dropped, with a line in the log: a hundred
 * watches of one guest hear of each node in another's commit of a thousand, half a gigabyte in one request.
 * All that such a commit tells one watch fits. Of events for privileged clients none is dropped.
 */
export const UNREAD_DROP_BYTES = 2_621_440;

/**
 * Events for guests that one request of a guest leads to; the connections for which there is no room left
 * hear nothing, with a line in the log. All that a commit of a thousand nodes tells four watches fits, and
 * one node that thirty guests watch with all that they may; it takes some 5 ms.
 */
export const EVENTS_PER_REQUEST_MAX = 4_096;

/** What the record of a queued event takes beside its bytes: see tests/server/unread_memory_test.ts. */
export const EVENT_RECORD_BYTES = 136;

/**
 * Events of guests that wait for one client, in bytes, beyond which a further one does not make its request
 * outstanding and is charged by its bytes alone: a guest is not to wait because of what others have caused.
 */
export const FLOOD_BYTES = 65_536;

/** First size of an output buffer: the usual turn's answers, without growing. */
export const OUTPUT_BYTES_FIRST = 16_384;

/** Size of each further chunk of output: few system calls for much, little left unused. */
export const OUTPUT_CHUNK_BYTES = 65_536;

/** Spare buffers kept for reuse: one for each client active in a busy turn, 1 MiB in all. */
export const SPARE_BUFFERS_MAX = 64;

/** Pending events compared one by one for a duplicate; beyond it a set is cheaper. */
export const EVENTS_COMPARED_MAX = 8;

/** Ready file descriptors taken from the kernel in one call; the rest come in the next turn. */
export const EPOLL_EVENTS_MAX = 256;

/**
 * Starts of transactions of one connection that wait for the end of a live update: a kernel speaks
 * for many programs, which all may begin one; what is beyond waits in its ring.
 */
export const DEFERRED_REQUESTS_MAX = 64;

/**
 * Connections accepted in one turn: each takes some 50 us, and a storm of them must not hold up
 * clients that are already there.
 */
export const ACCEPTS_PER_TURN_MAX = 5;

/** Clients that the status names as the busiest: they fit into a reply with all else. */
export const STATUS_BUSIEST_MAX = 8;

/** Pairs of clients in conflict that `xs status` prints. */
export const STATUS_CONFLICTS_MAX = 5;

/** Characters that the status says of who each of them is: likewise. */
export const STATUS_AUTHOR_MAX = 120;

/** Pairs of clients, one of which made the other's commits fail, that are told apart: a screen full. */
export const CONFLICT_PAIRS_MAX = 64;

/** Seconds of which the worst turn is remembered; and over which requests a second are counted, in whole ones. */
export const WORST_TURN_SECONDS = 60;
export const RATE_SECONDS = 10;

/** A turn that takes longer is told in the log, in ms: ten times what a turn takes under the worst known attack. */
export const SLOW_TURN_MS = 200;

/** How often the service manager is told how the daemon is, in ms, if it does not ask for signs of life more often. */
export const NOTIFY_STATUS_MS = 30_000;

/**
 * Lines about commits that one client's changes refuse to another, at once, and a second: two toolstacks that work
 * against each other are seen, and fill no disk.
 */
export const CONFLICT_LINES_BURST = 5;
export const CONFLICT_LINES_PER_SECOND = 0.1;

/** Connections the kernel queues for us while a turn runs. */
export const LISTEN_BACKLOG = 128;

/** Files of the store that the status names: those that there can be, within one reply. */
export const STATUS_FILES_MAX = 16;

/** Longest path of a Unix socket, without its NUL (unix(7), `sun_path`). */
export const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Empty polls in a row before the loop waits in the kernel, when spinning pays: some 40 us, what
 * waking an idle virtual CPU costs both sides.
 */
export const SPIN_POLLS_MAX = 150;

/** Waits without a spin after one that did not pay; doubled each time, up to the second value. */
export const SPIN_REST_FIRST = 16;
export const SPIN_REST_MAX = 4_096;

/** Longest wait in the kernel on the main thread, in ms: how late a signal can be. */
export const BLOCKING_WAIT_MS = 1;

/** Longest wait of a parked loop, in ms: far apart, yet within what epoll_wait(2) can be told. */
export const PARK_MS_MAX = 86_400_000;

/** How long without traffic before the loop parks on a helper thread, in ms. */
export const LINGER_MS = 20;

/** Longest time under load without a turn for JavaScript's own events (signals), in ms. */
export const JS_TURN_MS = 10;
/**
 * The same of a daemon: a signal may be that late. The runtime's own turn takes milliseconds where other
 * processes want the processor, so each is a wait for clients.
 */
export const DAEMON_JS_TURN_MS = 50;

/** Wait before a commit that failed is tried again, in ms. Nothing leaves the process till then. */
export const COMMIT_RETRY_MS = 100;

/**
 * The least time between two images of the store, in ms, unless the turns after the last one exceed one and a
 * quarter of its bytes: so a large store that changes all the time spends little on them.
 */
export const IMAGES_APART_MS = 5_000;
/** The same while the daemon writes an image to make space: each try costs a part of one. */
export const IMAGE_RETRY_MS = 500;

/** How often the daemon looks whether its store's files are still there, in ms: three stat(2). */
export const STORE_LOOK_MS = 5_000;

/**
 * Bytes of upkeep of the store file that each byte of a turn pays for: an image is whole when turns have
 * grown by a quarter of it, and all files are four images and 16 MiB at most (lib/journal/upkeep.ts).
 */
export const UPKEEP_SHARE = 4;
/** The least that a turn pays: so that upkeep comes to an end under reads, too. */
export const UPKEEP_BYTES_LEAST = 256;
/**
 * Bytes of upkeep that turns may owe: they are paid a slice behind each turn, while quiet clients go on and busy
 * ones wait. That can be a megabyte of turns, as four guests' RESET_WATCHES are; the files have room for it in their 16 MiB.
 */
export const UPKEEP_OWED_MAX = 4_194_304;
/** Slices of upkeep after a turn while turns owe more than that: a few milliseconds. */
export const UPKEEP_STEPS_PER_TURN_MAX = 8;

/** Bytes kept free in the store file, besides one and a half images: the next turns' and image's place. */
export const FREE_BYTES_LEAST = 3_145_728;
/** The same, beyond which it is made smaller although there is other work. */
export const FREE_BYTES_MAX = 6_291_456;

/**
 * Bytes of watches that rings and held sockets may register and drop while there is no space: some
 * thousand usual ones. All that has to be kept meanwhile shares 2 MiB of the tail.
 */
export const WATCH_BYTES_WHILE_FULL_MAX = 524_288;
/** {@link OUTPUT_STALL_BYTES} of a ring or held socket meanwhile: pending answers have to be kept, too. */
export const OUTPUT_STALL_BYTES_WHILE_FULL = 1_024;

/** Bytes held for when there is no space: see lib/journal/reserved_space.ts. */
export const RESERVE_BYTES_MAX = 2_097_152;

/** Bytes that SQLite's log keeps when it begins again: two checkpoints' worth. */
export const LOG_BYTES_LEFT = 2_097_152;

/**
 * Tries, one every 50 ms, for the lock that keeps two starting daemons from one socket path: it is
 * held for milliseconds, and an emulated host is fifty times slower.
 */
export const START_LOCK_TRIES_MAX = 40;

/**
 * Event channels taken in one turn: each at most once, so that one guest's storm of events does
 * not keep the others' from us; the rest come in the next turn.
 */
export const WAKEUPS_PER_TURN_MAX = 64;

/** Looks at all rings and domains for an event that got lost, in ms: oxenstored's interval. */
export const RING_RESCAN_MS = 20_000;

/** Pages of domains mapped at a time: one for each possible domid. */
export const GRANTS_MAX = 32_752;

/**
 * Lines in the log that one domain's doings may cause at once, and a second: enough to see what
 * goes wrong, and that it goes on; too few to fill a disk. What was left out is counted in the next.
 */
export const LOG_LINES_BURST = 20;
export const LOG_LINES_PER_SECOND = 1;

/** The same of all domains but the privileged one together: some 5 KB/s at the most. */
export const UNPRIVILEGED_LOG_LINES_BURST = 200;
export const UNPRIVILEGED_LOG_LINES_PER_SECOND = 10;

/** The same of the privileged domain: a toolstack's trouble must be seen, and must end, too. */
export const PRIVILEGED_LOG_LINES_BURST = 200;
export const PRIVILEGED_LOG_LINES_PER_SECOND = 20;

/** Domains whose budget is known at a time: the guests of the largest host. */
export const LOG_BUDGETS_MAX = 4_096;

/** Things of a kind that a turn marks, up to which they are looked through one by one: hashing takes longer. */
export const MARKS_SCANNED_MAX = 16;

/**
 * Overwritten values that are hidden stay in the store's files for so long, in ms, before their erasure begins:
 * many make one image, and half of the minute that is promised is left for it.
 */
export const ERASURE_AFTER_MS = 30_000;

/** Pages that a slice writes which overwrites what it deletes: of a quarter of {@link PIECES_DELETED_MAX}, nine each. */
export const ERASED_PAGES_PER_SLICE = 36;

/** Removed nodes of a turn among which hidden values are looked for: beyond, an erasure costs less than to look on. */
export const HIDDEN_LOOKED_FOR_MAX = 256;

/** Bytes of a process's command line, or of a domain's name, that say who an author is: all of most. */
export const AUTHOR_TEXT_MAX = 256;

/** Bytes of a domain's name in a line of the log: those of most. */
export const LOG_NAME_MAX = 64;

/** Characters of a path in a line of the log: what all but hostile ones have. */
export const LOG_TEXT_MAX = 200;

/**
 * How long an event may wait for its guest to read it before it is dropped, in ms, unless the
 * command line says something else: C xenstored's.
 */
export const EVENT_TIMEOUT_MS = 20_000;

/**
 * How often one guest's events may be dropped within that time: each drop writes all that the guest is
 * owed, up to {@link RING_OUTPUT_BYTES_MAX}, to the journal again.
 */
export const EVENT_DROPS_PER_TIMEOUT = 4;

/** How often the events of guests that read nothing are looked at for their age, in ms. */
export const EVENT_LOOK_MS = 1_000;

/**
 * `--memory` by default: an eighth of the host's, which is half of what V8 allows itself for its heap,
 * so that garbage, buffers and images of the store fit beside it; within these bounds, in bytes.
 */
export const MEMORY_DEFAULT_PART = 8;
export const MEMORY_DEFAULT_MIN = 67_108_864;
export const MEMORY_DEFAULT_MAX = 1_073_741_824;

/** The least that `--memory` can be, in bytes: what a host with a few guests needs. */
export const MEMORY_MIN = 16_777_216;

/**
 * The part of V8's heap limit, or of the host's memory, above which a death counts as one for lack of
 * memory, and below which it does not again.
 */
export const MEMORY_SHORT_SHARE = 0.8;
export const MEMORY_WELL_SHARE = 0.6;

/**
 * What V8 is told when `xs` starts, since its own bounds suit a browser: young objects may take 96 MB, and the heap
 * may grow to four times what is alive in it. During a collection nobody is served (docs/performance.md#garbage).
 * - Semi-spaces of 4 MiB (young objects take three at most): what is alive of the young is copied in one pause of
 *   0.2 to 0.6 ms under attack. With 2 MiB there are twice as many pauses, and records and permissions count as old
 *   before they die; with V8's own bound a pause takes 3 to 14 ms.
 * - A heap of 30 % more than what was alive, and of at least 48 MiB: some 15 MiB are alive, so most attacks need no
 *   collection of old objects, and 50 guests with chains of 990 nodes leave no more garbage.
 * - No more garbage outside of the heap, where values are, than the heap may have; V8's default allows a tenth more. Fifty guests
 *   that replace 80 MB of values take 244 MB instead of 262, with 2.4 collections of 7 ms in a second instead of 1.4 of 10 ms.
 * - All objects begin young. V8 would put what often survives among the old at once, but the nodes of a chain survive
 *   only until the next RM, and only a collection of old objects frees them then.
 * - An idle daemon collects garbage itself (lib/server/process/give_back_memory.ts), for which it needs the last flag.
 *
 * The heap's limit is V8's own, which goes by the host's memory: see docs/operations.md.
 */
export const V8_FLAGS: readonly string[] = [
  "--max-semi-space-size=4",
  "--heap-growing-percent=30",
  "--initial-old-space-size=48",
  "--external-memory-max-growing-factor=1",
  "--no-allocation-site-pretenuring",
  "--expose-gc",
];

/** How often a daemon looks how much memory is left, in ms. */
export const MEMORY_LOOK_MS = 250;

/**
 * How much more than it needs the process must have in memory before an idle daemon collects garbage and
 * gives memory back to the host: so many bytes, and one part in so many of what it needs, so that a daemon
 * with much to keep pauses seldom.
 */
export const GIVE_BACK_BYTES = 8_388_608;
export const GIVE_BACK_PART = 8;

/**
 * A busy daemon rests before that: so many ms, or so many for each ms of work if that is less, since a monitor that asks every
 * second is no load. Then the least time between two of these, in ms; and how long after that the values are free, which
 * another thread frees.
 */
export const GIVE_BACK_IDLE_MS = 2_000;
export const GIVE_BACK_REST_PER_WORK = 100;
export const GIVE_BACK_APART_MS = 20_000;
export const GIVE_BACK_TRIM_MS = 500;

/**
 * Bytes from which on the C library maps a buffer by itself, and unmaps it when it is freed. Smaller ones lie between the values of
 * nodes, and leave holes there that larger ones do not fit into. The library's own bound is 128 KiB, and grows to 32 MiB. The buffers of
 * 64 KiB to 128 KiB are those with which rows of the history are compressed.
 */
export const MAPPED_BYTES_MIN = 65_536;

/** Bytes at the end of the C library's heap that it keeps for the next allocations: to return each of them takes a system call. */
export const HEAP_END_SPARE_BYTES = 1_048_576;

/**
 * Bytes of pages that SQLite keeps in memory for each of the two files: a few slices of upkeep. Upkeep seldom reads what it has
 * written, and SQLite's own 2 MB lie in small pieces between the values of nodes.
 */
export const PAGE_CACHE_BYTES = 524_288;

/** How long a daemon must run without shortage before earlier deaths no longer count, in ms. */
export const SETTLED_MS = 60_000;

/** Deaths in a row for lack of memory, after which guests' large collections of watches are not loaded. */
export const MEMORY_DEATHS = 2;

/**
 * Bytes of a guest's watches and unsent answers beyond which they are not loaded then: more than 128 usual
 * watches and a full ring take. After one more death, no guest's are loaded.
 */
export const LOADED_GUEST_BYTES_MAX = 98_304;

/** Records that recovery reads between two looks at the memory that is left. */
export const RECORDS_A_LOOK = 512;

/**
 * What clients of the socket that is only for reading may have: how many there may be, and watches and open
 * transactions of each. They are no guests, so no quota of a domain holds them; their users need not be root.
 */
export const READERS_MAX = 32;
export const READER_WATCHES_MAX = 1_024;
export const READER_TRANSACTIONS_MAX = 10;

/**
 * The part of `--memory` that guests cannot use: one in so many is for the privileged domain, so that
 * the toolstack can still destroy and start domains when guests have used up all that they may.
 */
export const MEMORY_RESERVE_PART = 8;

/** Lines a second in the log about requests refused because of `--memory`: one says it all. */
export const MEMORY_LINES_PER_SECOND = 1;

/** Shortest time between two lines of the log about one domain's memory, in ms: C xenstored's. */
export const MEMORY_REPORT_MS = 10_000;

/** The largest value of a quota: what C xenstored holds in an int. */
export const QUOTA_VALUE_MAX = 0x7fffffff;

/**
 * Lines about requests that quotas refuse, of one domain at once, and a second; and of all domains together: fewer
 * than of other warnings, since a guest that is refused often asks again at once, and each line says how often it was.
 */
export const QUOTA_LINES_BURST = 5;
export const QUOTA_LINES_PER_SECOND = 0.1;
export const ALL_QUOTA_LINES_BURST = 100;
export const ALL_QUOTA_LINES_PER_SECOND = 5;

/**
 * Commits in a row that guests' changes refuse before the next transaction reserves what it sees: one
 * may be chance, and a client that tries again three times gets through.
 */
export const RESERVED_AFTER = 2;

/**
 * How long a transaction's reservation lasts at most, and a guest's change waits for reservations
 * in a row, in ms: a toolstack's transaction takes some 1 to 5 ms, and no quiet guest is to wait longer.
 */
export const RESERVATION_MS_MAX = 20;

/**
 * A reservation shorter than this, for which changes have waited, entitles the next transaction to one,
 * in ms: the attack goes on, and guests that wait get on between the two.
 */
export const RESERVATION_SHORT_MS = 5;

/**
 * Transactions in a row that may be open for longer than their reservations: a client that had no
 * processor for a while tries again at once. One that is left open is one too many.
 */
export const RESERVATIONS_LATE_MAX = 3;

/**
 * How long a connection with more of those reserves nothing, in ms: a client whose transactions take
 * long takes less than a third of the time of guests that write what it reads.
 */
export const RESERVATION_REST_MS = 200;

/** Reservations at once of privileged clients, and as many of guests: each change looks at all. */
export const RESERVATIONS_MAX = 16;

/** Nodes that a transaction may touch and still reserve: the removal of a node looks at all. */
export const RESERVATION_PATHS_MAX = 256;

/**
 * How long a guest's changes wait for other guests' reservations in each of the times below, in ms:
 * guests that help each other to reserve what a third one writes slow it by a fiftieth.
 */
export const WAIT_FOR_GUESTS_MS_MAX = 20;
export const WAIT_WINDOW_MS = 1_000;

/**
 * Received bytes of a held socket that wait for their commit, in memory that outlives the process:
 * two of the largest messages less their headers. A power of two, since counts of bytes wrap at one.
 */
export const HELD_INPUT_BYTES = 8_192;

/** Bytes of one send on a held socket: they are copied to a place that the kernel knows. */
export const HELD_SEND_BYTES = 65_536;

/** Slots of held sockets made at a time: half a megabyte. */
export const HELD_SLOTS_STEP = 64;

/**
 * Descriptors that `xs serve --supervise` holds. More than any toolstack has clients; their names
 * go to the daemon in one variable of its environment, which Linux limits to 128 KiB.
 */
export const HELD_DESCRIPTORS_MAX = 4_096;

/**
 * Connections that the supervisor has accepted and the daemon has not taken yet: six turns' worth.
 * Further clients wait in the listening socket's queue, as they do for a daemon that accepts itself.
 */
export const PASSED_MAX = 32;

/** Wait before the supervisor tries again what the kernel had no room for, in ms. */
export const ACCEPT_RETRY_MS = 100;

/** How long the daemon waits for a holder that is busy before it does without, in ms. */
export const HOLDER_WAIT_MS = 1_000;

/** The supervisor gives up after this many deaths of the daemon within the time (ms) below. */
export const RESTARTS_MAX = 10;
export const RESTARTS_WITHIN_MS = 60_000;

/** Wait before the second restart in a row, in ms: doubled each time, up to the second value. */
export const RESTART_DELAY_MS = 50;
export const RESTART_DELAY_MAX_MS = 5_000;
/** Longest delay that can be asked for, in ms: a longer one is milliseconds without their unit. */
export const RESTART_DELAY_LIMIT_MS = 10_000;

/** Bytes of a program that are looked through for what kind of daemon it is: ours has 100 MB. */
export const CANDIDATE_BYTES_MAX = 1_073_741_824;

/** Bytes of it that are looked through at once: a millisecond, about. */
export const CANDIDATE_PIECE_BYTES = 1_048_576;

/**
 * How long the next daemon may take to read a state in a trial, in ms: it takes a second; an
 * emulated host is fifty times slower. This daemon serves on meanwhile.
 */
export const TRIAL_MS_MAX = 60_000;

/**
 * How long a state file may stay beside the socket of a daemon that has just started, in ms, until it counts as left by a killed
 * process. The daemon for which it is reads it at its start, which takes a second, and fifty times as long on an emulated host.
 */
export const STATE_FILE_MS_MAX = 60_000;

/** Bytes kept of what it prints in a trial: enough for the line that says what is wrong. */
export const TRIAL_OUTPUT_BYTES_MAX = 65_536;

/** How long a daemon of a Xen host waits for Xen's devices at its start, in ms: modules may load late. */
export const DEVICES_WAIT_MS = 20_000;

/** How often it looks whether they are there, in ms. */
export const DEVICES_LOOK_MS = 50;

/** How long `xs live-update` lets open transactions take to end, in ms: as long as Xen's own tool. */
export const UPDATE_WAIT_MS = 60_000;

/** How often a live update that waits looks whether transactions have ended, in ms. */
export const UPDATE_LOOK_MS = 50;

/**
 * Longest slice of a dump or a restore, in ms: half of what a client may wait under an attack, long
 * enough that most of the time goes to the work itself. It is charged for as that much work.
 */
export const ARCHIVE_SLICE_MS = 1;

/**
 * Dumps and restores that wait while another is under way: some more than operators and cron jobs
 * of one host begin at once.
 */
export const ARCHIVE_QUEUE_MAX = 16;

/** Dumps and restores whose end is remembered for clients that have not asked yet. */
export const ARCHIVE_ENDS_REMEMBERED = 64;

/**
 * How long a dump or a restore waits for its client to ask again, in ms: `xs` asks some hundred times a
 * second, and a stopped client must not hold up others, or a snapshot of the store.
 */
export const ARCHIVE_IDLE_MS = 10_000;

/**
 * Bytes of nodes replaced since a dump began, which only its snapshot keeps in memory, beyond which it
 * is given up: more than any usual store has, so that only a slow client of a busy one meets it.
 */
export const DUMP_PINNED_BYTES_MAX = 268_435_456;

/** Work on one record of a dump, in units of the meter: to find it, to encode it, to copy its bytes. */
export const DUMP_RECORD_UNITS = 200;

/** Nodes of a domain's part restored at once, in one turn: some 50 ms of work. */
export const RESTORE_PART_NODES_MAX = 10_000;

/** Bytes of a dump that is restored: it is held in memory, and a store of millions of nodes fits. */
export const RESTORE_BYTES_MAX = 1_073_741_824;

/**
 * Bytes of a path, token or value that is restored: twice what a request could have made, a
 * relative path behind its home included; the journal has 16 bits for the length of the first two.
 */
export const RESTORE_TEXT_BYTES_MAX = 8_192;

/** Times that a restore is prepared again because a domain came or went meanwhile. */
export const RESTORE_TRIES_MAX = 5;

/**
 * Bytes of a path or token in a stream: what the final format's 16-bit lengths hold beside the NUL.
 * The older formats have no bound of their own, and a path of millions of names is no path.
 */
export const STREAM_TEXT_BYTES_MAX = 65_534;

/** Bytes of a stream written at a time: small beside a large store, large beside a record. */
export const STREAM_CHUNK_BYTES = 65_536;

/** Kinds of things that are noted as left out of one stream, one by one. */
export const STREAM_NOTES_MAX = 10;

/**
 * How long a client command waits while the daemon sends nothing, in ms, by default: longer than a
 * supervised daemon's restart and a collection of garbage take, short enough for a person.
 */
export const CLIENT_TIMEOUT_MS = 30_000;

/**
 * How long a client whose time-out rings late still reads what has come meanwhile, in ms: reading takes a turn
 * of its event loop, and a busy machine gives it one within that.
 */
export const LATE_READ_MS = 250;

/**
 * The least time that the daemon has to answer a command that waits for something, in ms, however short
 * its --timeout: with 0 it looks once.
 */
export const WAITING_TIMEOUT_MS = 2_000;

/** The pause before a client's second attempt in a row to reconnect, in ms: each next one is twice as long. */
export const RECONNECT_DELAY_MS = 50;

/** The longest pause between two attempts to reconnect, in ms: a daemon that is back is found within it. */
export const RECONNECT_DELAY_MS_MAX = 2_000;

/** How often one request is made again after losses of the connection: one that kills the daemon is given up. */
export const REQUEST_RETRIES_MAX = 3;

/** How long the daemon may take to answer `xs status`, in ms: it takes one or two. */
export const STATUS_TIMEOUT_MS = 2_000;

/** How long the daemon may take to answer each request of `xs metrics`, in ms: half of what Prometheus waits. */
export const METRICS_TIMEOUT_MS = 5_000;

/** How often `xs metrics --otlp` asks the daemon, in ms: Prometheus' usual interval. */
export const METRICS_INTERVAL_MS = 15_000;

/** The limit for a shell's completion, which a person waits for at the prompt. */
export const COMPLETION_TIMEOUT_MS = 2_000;

/**
 * Work on what dead domains have left in the store, in units of the meter, that one turn does: some
 * 250 us, or 1,700 nodes looked at. A store of 100,000 nodes is looked through in sixty turns.
 */
export const ERASE_UNITS_PER_TURN = 25_000;

/**
 * Paths that say where the pruned changes of an author were: a guest's are all below a few, and a set of so many is
 * looked through in no time.
 */
export const HISTORY_PREFIXES_MAX = 16;

/** Authors with a note of their thinned changes; beyond that two share a note. A look at a past moment compares each path with all notes. */
export const HISTORY_THINNED_MAX = 128;

/**
 * A domain that lives for so long keeps its share of the history for itself. A guest that restarts itself has one share if it does so faster,
 * and 168 in a week if each life lasts an hour: the shares of 64 MiB are then 390 KiB, or some 15,000 commits.
 */
export const HISTORY_LONG_LIFE_MICROSECONDS = 3_600_000_000;

/** With more domains than this, the history forgets those without records. */
export const HISTORY_LIVES_MIN = 256;

/** Nodes in a row of a history's keyframe: to change one node is to write so many, a few KiB when compressed. */
export const HISTORY_PIECE_NODES = 256;

/** Bytes of paths and values in such a row, about: to read, change and write them takes less than a millisecond. */
export const HISTORY_PIECE_BYTES = 65_536;

/** Records of a block of the history: so many compress well, and one look-up decodes no more for nothing. */
export const HISTORY_BLOCK_RECORDS = 512;

/** Bytes of a block before it is compressed: with large values it holds fewer records. */
export const HISTORY_BLOCK_BYTES = 131_072;

/**
 * Bytes of a history's bound for which each block counts at least: the daemon keeps 0.3 to 2 KiB of each block in memory. A block
 * of usual records has 8 to 15 KiB, one of values that compress very well some hundred bytes.
 */
export const HISTORY_BLOCK_SHARE_MIN = 4_096;

/**
 * Records of one author in one block from which on they come too fast, if the whole block took less than the second value: they
 * are folded by their paths. It is twice the rate at which 64 MiB last for a day.
 */
export const HISTORY_FAST_RECORDS = 256;
export const HISTORY_FAST_MICROSECONDS = 8_000_000;

/** Bytes of records that may be in memory only, as long as the history cannot be written; beyond it they are a gap. */
export const HISTORY_UNSAVED_BYTES_MAX = 2_097_152;

/** Authors that a gap names; it counts those of the others together. */
export const HISTORY_MISSING_AUTHORS_MAX = 64;

/** Blocks that one fold or one thinning works on, one in each slice. */
export const HISTORY_FOLD_BLOCKS = 8;

/** New blocks before an author is folded again whose last fold was not worth its cost. */
export const HISTORY_FOLD_PAUSE_BLOCKS = 16;

/** Paths up to which a block's filter is asked: for more it would nearly always say that the block may have one. */
export const HISTORY_PATHS_ASKED_MAX = 64;

/** Records that one thinning searches for the oldest of an author. */
export const HISTORY_THIN_RECORDS = 2_048;

/**
 * Transactions of the history, bytes, and microseconds, after which SQLite's log goes into the file: what was overwritten is out of
 * both within a minute. That is one slice of upkeep, of some 0.25 ms with so many bytes, and of 0.7 ms with four times as many.
 */
export const HISTORY_LOG_COMMITS = 64;
export const HISTORY_LOG_BYTES = 262_144;
export const HISTORY_LOG_MICROSECONDS = 20_000_000;

/** Bytes of changes in one record of the history: a commit that changes more is several records of one number. */
export const HISTORY_PART_BYTES = 65_536;

/**
 * Bytes of a record's detail, which its format limits to 65,535. It names thirty guests that die at once, with the longest names, or some
 * 1,800 without names. No setting's value is longer.
 */
export const HISTORY_DETAIL_MAX = 32_768;

/** Bytes of old values in one commit beyond which only their lengths are told: a guest's quota of nodes, and not a whole store. */
export const HISTORY_OLD_BYTES_MAX = 2_097_152;

/**
 * Bytes that ride with turns and stay in the tail when these go to the store file: so a block of the history is written once
 * for some thousand turns. They are copied each time, some 50 us.
 */
export const TAIL_RIDING_BYTES_MAX = 262_144;

/** Authors whose records since the last closed block are counted one by one. */
export const HISTORY_TALLIES_MAX = 1_024;

/** Bytes up to which a loop copies faster than a call. */
export const LOOPED_BYTES_MAX = 32;

/** Words of four bytes up to which a loop copies faster than a call. */
export const LOOPED_WORDS_MAX = 32;

/** Bytes up to which a text is made of its characters as fast as by a call of the runtime. */
export const SPELLED_TEXT_MAX = 12;

/** Characters up to which a loop writes a text as bytes faster than a call; for 1,900 a call takes a twentieth of the loop's time. */
export const LOOPED_TEXT_MAX = 64;

/** Spare records of the history, for reuse: those of a turn under load. */
export const HISTORY_RECORDS_SPARE_MAX = 64;

/** Records that ride with one turn in the journal; more are a gap, if the process dies before they are saved. */
export const HISTORY_RIDING_RECORDS_MAX = 1_024;

/** The same in parts of large commits. */
export const HISTORY_RIDING_PARTS_MAX = 8;

/** Changes that a restore is told by; one that changes more is told by a keyframe of what it left. */
export const HISTORY_RESTORE_CHANGES_MAX = 512;

/** Compressed bytes of records behind the last keyframe at which another one is written: some 100,000, half a second to read. */
export const HISTORY_KEYFRAME_BYTES = 2_097_152;

/**
 * The part of a history's bound that keyframes may have: records have the rest. A store whose keyframe does not fit is looked at again
 * when so many microseconds have passed, as to try costs as much as to write that part.
 */
export const HISTORY_KEYFRAME_PARTS = 2;
export const HISTORY_KEYFRAME_RETRY_MICROSECONDS = 600_000_000;

/** Bytes of a value that one line of `xs log` shows. */
export const HISTORY_VALUE_COLUMNS = 40;

/**
 * Numbers of commits that a store reserves at once for its history, in case the history's file is lost: none is used twice,
 * and to reserve writes a row.
 */
export const HISTORY_NUMBERS_RESERVED = 65_536;

/** How often, in ms, a history is looked at although nothing was recorded: whether some of it is too old. */
export const HISTORY_LOOK_MS = 10_000;

/**
 * Slices of upkeep that each block of records pays for under load: it is compressed, and as many older ones as it takes the place of
 * are folded, thinned or pruned.
 */
export const HISTORY_STEPS_A_BLOCK = 16;

/**
 * Slices of upkeep that may be due: those of two blocks. While more are due, busy clients wait, so that no flood records more than the
 * daemon has time to compress and prune.
 */
export const HISTORY_STEPS_OWED_MAX = 2 * HISTORY_STEPS_A_BLOCK;

/** Bytes and age of a history unless told: what is kept of a busy host's week. */
export const HISTORY_BYTES_USUAL = 67_108_864;
export const HISTORY_AGE_MS_USUAL = 604_800_000;

/** The part of the file system that it has unless told: a tenth, where that is less. */
export const HISTORY_FILE_SYSTEM_PARTS = 10;

/**
 * Bytes that stay free in the file of a history: a block that is compressed frees most of its room, which the next
 * ones take.
 */
export const HISTORY_FREE_BYTES = 4 * HISTORY_BLOCK_BYTES;

/** Bytes of a history in memory unless told: a store that nothing outlives has little past, and memory is dear. */
export const HISTORY_BYTES_IN_MEMORY = 4_194_304;

/** How long to wait, in ms, before a history that cannot be used is opened once more. */
export const HISTORY_RETRY_MS = 1_000;

/** `--history` takes at least so many bytes: a keyframe of a usual store, and some blocks. */
export const HISTORY_BYTES_MIN = 1_048_576;

/** Requests of a dump in flight: enough that neither side waits for the other, few beside a client's buffers. */
export const DUMP_REQUESTS_AHEAD = 16;

/** Times that a dump is begun again because another daemon has taken over. */
export const DUMP_TRIES_MAX = 3;

/** Between two looks at a job of the daemon, in ms, at first: most jobs are short. */
export const JOB_LOOK_FIRST_MS = 4;

/** The same at most: a user does not see how late the end of a long one is told. */
export const JOB_LOOK_MAX_MS = 50;

/** Lines of a dump that are put together before they are written. */
export const LINES_PER_CHUNK = 512;

/** Bytes of a dump that are put together before they are written: a write takes as long as some of a daemon's replies. */
export const WRITE_BUFFER_BYTES = 262_144;

/** Records of a dump that are put together before they are written. */
export const RECORDS_PER_CHUNK = 1_024;

/** Nodes asked about at once: enough to keep the daemon busy, little enough to be fair. */
export const WALK_REQUESTS_AHEAD = 64;

/** Nodes asked about at once: enough to hide the round trip, little enough to be fair. */
export const LS_REQUESTS_AHEAD = 32;

/** Most parentheses and `not` within one another in a condition: the parser is recursive. */
export const NESTING_MAX = 200;

/** Most bytes of a reply that is taken. The protocol's limit is 4096, but oxenstored sends longer
listings over sockets, and they can be read; a length beyond this is noise. */
export const REPLY_BYTES_MAX = 1 << 20;

/** Longest pause between two attempts of a client's transaction, in ms. */
export const TRANSACTION_PAUSE_MS_MAX = 50;

/** Bytes of a file of an unknown format that are looked at and shown. */
export const UNKNOWN_BYTES_SHOWN = 32;

/** Nodes that one note about a dump names; the rest is counted. */
export const HAZARD_NODES_SHOWN_MAX = 3;

/** Characters of an unknown kind of line that an error shows. */
export const KIND_CHARACTERS_SHOWN_MAX = 20;

/** A signal so soon behind another, in ms, is the same: `timeout` sends it to the process and to its group. */
export const SAME_SIGNAL_MS = 500;

/** What takes less time, in ms, is not worth a line of progress. */
export const PROGRESS_AFTER_MS = 1_000;

/** Between two such lines, in ms. */
export const PROGRESS_INTERVAL_MS = 100;

/** Paths in two caches: texts by their bytes, and whether a path is hidden; a power of two. */
export const KNOWN_PATHS_MAX = 1_024;

/** Bytes of such a path at most: longer ones are rare, and would take the memory of many. */
export const KNOWN_PATH_BYTES_MAX = 128;

/** What the structures of a domain may cost whatever its quota: those of a guest that has just started. */
export const DOMAIN_ALLOWANCE_BYTES = 65_536;

/**
 * What a domain's open transactions may keep in memory of what others replace, whatever its nodes cost: a thousand usual nodes. More
 * must fit into its quota `memory` with all else: fifty guests could keep 36 MB more otherwise.
 */
export const OLD_VERSIONS_ALLOWANCE_BYTES = 262_144;

/** Entries of changed nodes kept for reuse from turn to turn: more than most turns change. */
export const DIRTY_ENTRIES_REUSED = 1_024;

/** Such entries up to which to look through them costs less than to walk what was removed. */
export const DIRTY_ENTRIES_SCANNED_MAX = 32;

/** Bytes of a path for which the hashes of its beginnings have room from the start. */
export const HASHED_PATH_BYTES_FIRST = 256;

/** Up to so many numbers a queue keeps its memory when it is empty: most of what a guest has unsent while it reads. */
export const QUEUE_NUMBERS_REUSED = 1_024;

/** Places that a set of hashes has from the start: what most blocks of a history touch. */
export const HASH_SET_PLACES_FIRST = 4_096;

/** Paths, and bytes of their names, for which a table of paths has room from the start. */
export const PATH_TABLE_PLACES_FIRST = 1_024;
export const PATH_TABLE_BYTES_FIRST = 4_096;

/** Up to so many of them it keeps its memory for the next paths: half a megabyte in all. */
export const PATH_TABLE_PLACES_REUSED = 16_384;
export const PATH_TABLE_BYTES_REUSED = 131_072;

/** Bytes of a path for which a trail has room from the start: most need no more. */
export const TRAIL_BYTES_FIRST = 256;

/** Growth of what snapshots keep, in bytes, after which it is looked at again. */
export const PINNED_LOOK_BYTES = 65_536;

/** Snapshots up to which each holder is told of each node at once: that takes less than to defer it. */
export const SNAPSHOTS_REPORTED_AT_ONCE_MAX = 4;

/** Names that recovery has at hand for further nodes: a power of two. */
export const LOADED_NAMES_CACHED = 1_024;

/** Bytes up to which a copy shares its memory with others, as it would else take 600 ns to get some. */
export const SHARED_COPY_BYTES_MAX = 128;

/** Bytes of such memory, of which a copy that is kept keeps all: little more than what a hostile one could keep anyway. */
export const SHARED_BLOCK_BYTES = 1_024;

/** Bytes of one piece of an image: some hundred nodes, well under a millisecond of work. */
export const IMAGE_PIECE_BYTES = 32_768;

/** Bytes up to which a value may well be that of other nodes, too: a state, a number, a path's end. */
export const SHORT_VALUE_BYTES = 16;

/** Such values that recovery has at hand for further nodes: a power of two. */
export const SHORT_VALUES_CACHED = 1_024;

/** Bytes of a file read or written at once. */
export const BLOCK_BYTES = 262_144;

/** Space that there must be beside the reserve before it counts as found again. */
export const RESERVE_SPARE_BYTES = 524_288;

/** Copies of a store that is written meanwhile may not fit together: then they are made again, so many times. */
export const READ_TRIES_MAX = 5;

/** What a slice that deletes or moves counts as, in bytes: it takes as long as a piece of an image. */
export const UPKEEP_SLICE_BYTES = 32_768;

/** Pieces of former images deleted at once: some tenths of a millisecond. */
export const PIECES_DELETED_MAX = 16;

/**
 * Characters up to which a path is its own key among the nodes that a transaction has touched. V8 copies a text that becomes a key
 * of a Map. The paths of a deep chain are parts of one text, and their copies would take more than the rest of their nodes.
 */
export const OWN_KEY_MAX = 128;

/** Pages of the store file moved or cut off at once. */
export const PAGES_PER_SLICE = 32;

/** Records between two pauses of {@link collect}: some hundred microseconds of work. */
export const RECORDS_PER_PAUSE = 256;

/** Steps of a restore into a living store between two pauses: some hundred microseconds of work. */
export const STEPS_PER_PAUSE = 128;

/** Nodes that two trees are compared at between two pauses. */
export const NODES_PER_PAUSE = 128;

/** Records of a dump that are encoded between two looks at how many bytes there are. */
export const RECORDS_PER_LOOK = 16;

/** Records of a live update that are encoded in one slice, between two turns. */
export const RECORDS_PER_SLICE = 1_000;

/** Lines of what a restore left out, of some hundred bytes each, that fit a reply to CONTROL. */
export const LEFT_OUT_LINES_MAX = 16;

/** How long after the end of a trial what it has printed may take to come, in ms. */
export const TRIAL_OUTPUT_MS = 1_000;

/** Bytes up to which a loop copies faster than `set` gets going. */
export const LOOP_COPY_BYTES_MAX = 32;

/** Bytes up to which payloads of a lone request in the shared buffer have a view to be used again. */
export const VIEWED_BYTES_MAX = 512;

/** Between two tries to get the lock of the start, in ms. */
export const START_LOCK_RETRY_MS = 50;

/** Lost spins in a row before the loop rests; each won one makes up for a lost one. */
export const LOST_SPINS_MAX = 4;

/** Bytes of an image that are expected however small the store is. */
export const IMAGE_BYTES_LEAST = 131_072;

/** Places that the queue of ready clients begins with: it doubles when there are more. */
export const READY_ROOM_FIRST = 64;

/** Bytes of a command's output that are collected before they are written. */
export const SHELL_OUTPUT_BYTES = 64 * 1024;

/** Bytes of each half of the journal's tail: thousands of turns, and memory on most hosts. */
export const TAIL_HALF_BYTES = 2_097_152;

/** Bytes read of /proc/PID/stat: more than any line there. */
export const STAT_BYTES_MAX = 2_048;

/** Bytes of a payload up to which what it names is not estimated: it costs little. */
export const CHEAP_PAYLOAD_BYTES = 256;

/** Readers of streams: each takes {@link STREAM_QUEUE_BYTES} and a part of the work of each message. */
export const STREAM_READERS_MAX = 8;

/** Bytes that wait for one reader of a stream: a tenth of a second of all that a busy daemon says. */
export const STREAM_QUEUE_BYTES = 1_048_576;

/** Room that a reader who has lost frames must have made before it gets more: else each frame is a loss of its own. */
export const STREAM_ROOM_AGAIN_BYTES = 262_144;

/** Bytes for a reader of a stream at which they are sent at once: one system call for some hundred messages. */
export const STREAM_SEND_BYTES = 32_768;

/** How long fewer bytes for a reader of a stream wait for more, in ms: nobody sees it. */
export const STREAM_DELAY_MS = 20;

/** How long the difference of the host's clock and the daemon's is believed in a stream, in ms. */
export const STREAM_WALL_MS = 1_000;

/** Characters of one condition of a stream: the longest path is shorter. */
export const STREAM_PATTERN_MAX = 3_072;

/** Bytes of a frame of a stream that a client believes: a call has two of the largest messages. */
export const FRAME_BYTES_MAX = 65_536;

/** Connections of a stream or a recording that a reader remembers: any host has fewer guests and clients. */
export const TRACE_CLIENTS_MAX = 16_384;

/** Bytes of a client's frame in a recording: three texts of 256 characters, each up to six bytes, fit. */
export const TRACE_CLIENT_BYTES_MAX = 5_120;

/** Kinds of requests that `xs trace -c` counts one by one; some dozens exist. It counts further ones together. */
export const TRACE_KINDS_MAX = 64;

/** Clients of a recording that `xs replay` plays at once: each has a connection. */
export const REPLAY_CLIENTS_MAX = 4_096;

/** Transactions of one client that `xs replay` keeps open: a daemon keeps a snapshot for each. */
export const REPLAY_TRANSACTIONS_MAX = 1_000;

/** Kinds of events of one client that `xs replay` compares one by one. It compares further ones together. */
export const REPLAY_EVENTS_MAX = 10_000;

/** Events of one watch of the library that wait for the program: some thousand nodes may change at once, and a guest's events never end. */
export const WATCH_QUEUED_MAX = 8_192;

/** Bytes that a client reads of a stream at once. */
export const STREAM_READ_BYTES = 65_536;

/** Nodes for which `xs doctor` asks the history who changed them last: each is a search of its own. */
export const DOCTOR_BLAMES_MAX = 100;

/** Watches that one request of `xs who` looks at: some 50 us, so that it is no way to stop the daemon. */
export const WHO_WATCHES_PER_REQUEST = 2_000;

/** Characters of a path that a row of `xs who` shows: with all else of it, a row fits one message. */
export const WHO_PATH_SHOWN_MAX = 1_024;

/** Characters of a token, or of a domain's name, in such a row: each may take six bytes. */
export const WHO_TOKEN_SHOWN_MAX = 128;

/** Characters of a command in such a row. */
export const WHO_COMMAND_SHOWN_MAX = 128;

/** Rows that `xs who` prints unless it is told otherwise: what a person looks at. */
export const WHO_ROWS_MAX = 200;

/** How long `xs who` counts events unless it is told otherwise, in ms. */
export const WHO_COUNT_MS = 1_000;

/** Connections of which the last malformed message is kept: the newest. */
export const MALFORMED_MAX = 256;

/** Bytes of such a message that are kept: its header, a path and some more. */
export const MALFORMED_BYTES_MAX = 272;

/** How long `xs ring` looks for what moves unless it is told otherwise, in ms. */
export const RING_LOOK_MS = 1_000;

/** Processes, or kinds of paths, that `xs top` counts one by one; others are counted together. */
export const TOP_ROWS_COUNTED_MAX = 10_000;

/** Pages of watches that `xs top` reads each time, after it has read all once: some ms of the daemon's time. */
export const TOP_WATCH_PAGES = 50;

/** Rows that `xs top --once` prints. */
export const TOP_ROWS_PRINTED_MAX = 1_000;

/** How long `xs top` waits between two looks unless it is told otherwise, in ms. */
export const TOP_INTERVAL_MS = 1_000;

/** Bytes of keys that `xs top` reads at once. */
export const TOP_KEYS_BYTES = 64;

/** Domids that one request asks the hypervisor about: each may be a call to it. */
export const HOST_DOMAINS_PER_REQUEST = 100;

/** How long `xs doctor` looks for what moves unless it is told otherwise, in ms. */
export const DOCTOR_LOOK_MS = 2_000;

/** Rings that `xs doctor` looks at. */
export const DOCTOR_RINGS_MAX = 1_000;

/** Watches that `xs doctor` looks at. */
export const DOCTOR_WATCHES_MAX = 20_000;

/** How often `xs doctor` tries a change again that others have met. */
export const DOCTOR_TRIES_MAX = 5;

/** Use of a quota, in percent, from which on `xs doctor` speaks of it: there is time left to do something. */
export const DOCTOR_QUOTA_PERCENT = 80;

/** Events a second that the watches on one path get together, from which on `xs doctor` speaks of them. */
export const DOCTOR_EVENTS_PER_SECOND = 1_000;

/** Clients that watch one path, from which on `xs doctor` speaks of them. */
export const DOCTOR_SHARED_WATCHES = 100;

/** Bytes that wait for one client from which on `xs doctor` speaks of it: a guest stops at as many. */
export const DOCTOR_QUEUED_BYTES = 262_144;

/** Share of a processor from which on a tool spins. */
export const DOCTOR_SPINNING_SHARE = 0.9;

/** Mean time of a commit, in ms, from which on `xs doctor` calls the store slow: clients feel it. */
export const DOCTOR_COMMIT_MS = 50;

/** Large nodes for which `xs doctor` searches the history, all in one pass: since when they are so large. */
export const DOCTOR_SIZES_MAX = 16;

/** Records of the history that `xs doctor` reads to find since when a quota is nearly reached: this takes a second. */
export const DOCTOR_RECORDS_MAX = 65_536;

/** Difference of the host's clock and the daemon's, in ms, that `xs doctor` calls a jump. */
export const DOCTOR_CLOCK_JUMP_MS = 5_000;

/** Rows of an answer that are collected before the first one is sent: some hundred bytes each, less than a large store. */
export const HISTORY_ROWS_MAX = 250_000;

/** Characters of a file in git before its suffix, of a node's name: file systems take names of 255. */
export const GIT_NAME_MAX = 240;

/** Paths of a commit whose folded changes its message in git names: a message is for people. */
export const GIT_COUNTED_MAX = 20;

/** Bytes of a frame of an answer: 64 records of the largest size, and as much again. */
export const HISTORY_FRAME_BYTES_MAX = 16_777_216;

/** Queries of the history that are answered at once: a moment of a large store may take some 50 MB while it is. */
export const HISTORY_QUERIES_MAX = 4;

/**
 * A query that its client has not read for so long gives way to another one, in ms: a pager that shows a page must
 * not hold others up, and a client that reads on asks some hundred times a second.
 */
export const HISTORY_REST_MS = 1_000;

/** Work on one step of a query, in units of the meter: to read a block of records. */
export const HISTORY_STEP_UNITS = 50_000;

/** Purges of the history that have not ended: each keeps its paths in memory, and nothing else of the history's upkeep is done meanwhile. */
export const HISTORY_PURGES_MAX = 8;

/** Purges whose ends are remembered for clients that ask late. */
export const HISTORY_PURGE_ENDS_REMEMBERED = 32;

/** Rows of turns of which one slice takes out what rode with them: with `disk` a row is a turn of some hundred bytes. */
export const RIDING_ROWS_A_STEP = 32;

/** How often a tool asks again while the daemon answers other queries of the history, once in 50 ms: for 10 s. */
export const HISTORY_BUSY_TRIES_MAX = 200;

/** How often `xs log -f` asks for news, in ms: as good as at once to people, and no load. */
export const HISTORY_FOLLOW_MS = 200;

/** Records that `xs log -f` shows before the news: what fits above them on any terminal, as `tail -f` does. */
export const HISTORY_FOLLOW_ROWS = 10;

/** Paths of one commit that `xs log` lists; `xs show` has them all. */
export const HISTORY_LOG_PATHS = 10;

/** Records, nodes or changes of one frame of an answer: a few replies of usual ones, which name their authors once. */
export const HISTORY_BATCH = 64;

/** Paths that are named when not all of a moment is known: more says no more to people. */
export const HISTORY_UNKNOWN_LINES = 5;

/**
 * Events that `xs watch` keeps until it prints them. Beyond that, one event of a path stands for those that follow, and one of the
 * watched node for other paths: guests may make events faster than `xs watch` prints them.
 */
export const EVENTS_UNPRINTED_MAX = 1_024;

/** Paths of which `xs watch --by` remembers the last commit that it printed: a guest may name any number of paths in the course of time. */
export const EVENTS_PRINTED_MAX = 8_192;
