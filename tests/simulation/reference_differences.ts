/**
 * Where C xenstored 4.17 differs from the tables on rings, and how that shows. Most of it came to
 * C after 4.17; what `xs` does otherwise than today's C is in docs/compatibility.md.
 */
export interface Difference {
  readonly why: string;
  /** Part of what the first row that differs is reported with. */
  readonly shows: string;
  readonly scenarios: readonly string[];
}

export const C_DIFFERENCES: readonly Difference[] = [
  {
    why: "requests that came after 4.17: features and quotas",
    shows: "got ERROR ENOSYS",
    scenarios: [
      "vector 20: SET_FEATURE",
      "vector 26: what only dom0 may do",
      "vector 27: a guest's own features",
      "every domain means nothing to one without the feature",
      "depth needs the feature",
      "requests that are not on nodes act at once, whatever the transaction",
      "a guest's quota of nodes is checked at the commit too",
      "a quota hit inside a transaction spoils it",
      "CONTROL: quota set changes what later domains get",
      "SET_QUOTA of a domain holds at once; 0 switches it off",
      "SET_QUOTA: another quota of outstanding requests holds at once",
      "SET_QUOTA: without a quota of outstanding requests all are handled",
      "a request is charged for all the nodes it makes (C: one)",
      "features of a domain are set before its introduction",
      "XSA-115: RM is possible at every quota",
      "XSA-115: a failed creation leaves no parents and no count",
      "XSA-330: RESET_WATCHES frees the quota of watches, and nothing fires",
      "XSA-326: memory is limited, and what was there stays usable",
      "XSA-326: memory is limited where a node grows, and nothing is lost",
      "XSA-326: what a transaction holds is limited",
      "XSA-326: watches are charged for their path and token",
      "XSA-414: a creation that fails half way is undone at once, and can be tried again",
      "XSA-415: a failed creation in a transaction commits nothing",
      "XSA-415: permissions that make a node too large commit nothing else either",
      "XSA-421: made and removed in a transaction costs no node",
      "XSA-421: many transactions do not sum up to more nodes than allowed",
    ],
  },
  {
    why: "DOMID_ANY came after 4.17",
    shows: "wanted ",
    scenarios: [
      "vector 33: a guest can't give a node away",
      "an entry r for every domain",
      "an entry w for every domain",
      "an entry b for every domain",
      "an early entry for every domain hides later ones",
      "every domain set by one with the feature",
      "every domain set through a socket (C aborts)",
    ],
  },
  {
    why: "a watch's depth came after 4.17",
    shows: "wanted OK, got ERROR EINVAL",
    scenarios: [
      "vector 41: a shutdown is announced once",
      "vector 41: the domain's own event before the plain one",
      "vector 42: death removes the domain's nodes, then announces it",
      "vector 43: another domain of the same domid means death of the first",
      "specials: an introduction is told plain, by domid, or not at all",
      "specials: RELEASE",
      "XSA-425: RELEASE while others' connections are looked at",
    ],
  },
  {
    why: "4.17 allows one more than the quota",
    shows: "wanted ENOSPC, got",
    scenarios: [
      "vector 55: 128 watches are allowed, one more is not (C: 127)",
      "vector 55: 10 transactions are allowed, one more is not (C: 9)",
    ],
  },
  {
    why: "4.17 counts these sizes otherwise",
    shows: "wanted ",
    scenarios: [
      "a guest's path of 2048 bytes is allowed, one of 2049 is not (C: 2047)",
      "a node of 2048 bytes is allowed, one of 2049 is not (C: 2047)",
    ],
  },
  {
    why: "entries of the dead are purged since 2026",
    shows: "wanted ",
    scenarios: [
      "a dead domain's entries leave the nodes of others without an event",
      "a domain never introduced goes without a word",
    ],
  },
  {
    why: "the specials' permissions, and who owns what the dead leave, changed after 4.17",
    shows: "wanted ",
    scenarios: [
      "specials: a guest hears what it may read",
      "specials: who reads the root hears all of them",
      "XSA-322: nor on specials",
      "XSA-322: nor by owning the root or a special",
    ],
  },
  {
    why: "a commit's events are judged by what is applied: in compatibility.md",
    shows: "wanted for g1",
    scenarios: [
      "a commit removes a node: who reads the parent hears of it (C 4.17: who reads the node)",
      "a commit sets the parent's permissions too: all of it counts (C: what is applied)",
    ],
  },
  {
    why: "CONTROL quota shows one column less",
    shows: "CONTROL quota",
    scenarios: [
      "CONTROL: quota of a domain shows what it uses and its highest",
      "CONTROL: quota max",
      "XSA-272: the count follows every kind of change",
      "XSA-483: a reused domid starts with no nodes counted",
      "XSA-483: nor if nobody saw that there was no domain between",
      "XSA-484: a ring breaks with a transaction open",
    ],
  },
  {
    why: "4.17 ends when the domid of a target that died is introduced again",
    shows: "the server closed the connection",
    scenarios: ["XSA-233: a target ends with its domain, not with its domid"],
  },
  {
    why: "a commit whose grant names the dead: in compatibility.md",
    shows: "wanted EAGAIN, got TRANSACTION_END OK",
    scenarios: [
      "XSA-322: nor by a transaction that the last one's death did not touch",
      "XSA-322: nor if its domid was given anew before the commit",
    ],
  },
  {
    why: "4.17 takes junk for the number 0",
    shows: "wanted EINVAL, got",
    scenarios: [
      "INTRODUCE checks its strings, the domid, the port",
      "SET_TARGET is checked, and replaced by the next",
    ],
  },
  {
    why: "features came after 4.17",
    shows: "word 516",
    scenarios: ["offered features stand in the page"],
  },
  {
    why: "what was dropped half read is not forgotten, an ignored ring never revived",
    shows: "no reply",
    scenarios: [
      "a guest ignored for its length is introduced again (C: never revived)",
      "INTRODUCE again drops half a request",
    ],
  },
  {
    why: "the error word stays",
    shows: "word 518",
    scenarios: ["XSA-38: broken indices are found, and the guest ignored until introduced again"],
  },
];

/** Where oxenstored 4.17 says the same as the tables; elsewhere it is a daemon of its own mind. */
export const OXENSTORED_AGREES: readonly string[] = [
  "vector 29: missing below what a guest can read",
  "vector 31: RM needs no right on the parent",
  "vector 32: implicit parents belong to the guest",
  "vector 38: no event of what a guest can't read",
  "relative paths stand for the caller's home (specification: not on sockets)",
  "MKDIR needs the right to write even of what exists",
  "the owner's letter n is for all without an entry",
  "an entry n for the domain itself",
  "an entry n for every domain",
  "the owner's letter r is for all without an entry",
  "an entry r for the domain itself",
  "the owner's letter w is for all without an entry",
  "an entry w for the domain itself",
  "the owner's letter b is for all without an entry",
  "an entry b for the domain itself",
  "the owner has all rights whatever its letter",
  "no right on parents is needed",
  "the first of two entries for a domain decides",
  "a new node has its parent's entries; a guest's belongs to the guest",
  "an entry for a domain that exists is good before its introduction",
  "a dead domain's entries leave the nodes of others without an event",
  "relative and absolute form of a path are one watch",
  "a watch needs neither node nor right",
  "losing the right to read gives one last event, getting it back one",
  "who reads the parent hears of the child",
  "a removal is told by the permissions before it",
  "specials: other names never fire, the root's watchers hear nothing",
  "specials: who reads the root hears all of them",
  "a commit removes a node: who reads the parent hears of it (C 4.17: who reads the node)",
  "a commit sets the parent's permissions too: all of it counts (C: what is applied)",
  "death takes whole subtrees, whoever owns what is in them",
  "two domains die at once",
  "XSA-115: an event tells no name that the watcher can't read",
  "XSA-115: specials are heard only with the right to read them",
  "XSA-322: a new domain has no right given to the last of its domid",
  "XSA-322: nor on specials",
  "XSA-353: the root has permissions like any node",
  "XSA-484: RESET_WATCHES inside a transaction",
  "half a header delays nobody",
  "XSA-38: a full ring is no error",
  "XSA-72: an answer never has more than 4096 bytes",
  "indices start anywhere and wrap",
  "a page that its guest zeroed is taken as it is",
];
