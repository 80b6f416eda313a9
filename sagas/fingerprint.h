/* Which failures have the same cause? A fingerprint of what is the same about them. */
#ifndef SKALD_SAGAS_FINGERPRINT_H
#define SKALD_SAGAS_FINGERPRINT_H

enum { SKALD_FINGERPRINT_SIZE = 17 };

/* 16 hex digits over subscription, type, class, SQLSTATE and the reason, of which what differs from
 * case to case is left out: numbers, UUIDs and other hex ids, what stands in quotes, e-mail
 * addresses; blanks are merged. NULL counts as "". */
void skald_fingerprint(char out[SKALD_FINGERPRINT_SIZE], const char *subscription, const char *type,
                       const char *error_class, const char *sqlstate, const char *reason);

/* The reason with those parts replaced by "?", cut to `size` with its NUL: how a group is named. */
void skald_fingerprint_reason(char *out, unsigned long size, const char *reason);

#endif
