/** Features of the daemon that guests and clients may use (xs_wire.h, server features). */
export const FEATURE_WATCH_DEPTH = 4;
export const FEATURE_DOMID_ANY = 8;

/** All that are offered to domains: these, and the error word of their rings. */
export const FEATURES = 14;
