/* The time of --until: when an operator's word is over. */
#ifndef CTL_UNTIL_H
#define CTL_UNTIL_H

#include <stddef.h>
#include <stdint.h>

#define UNTIL_DAYS_MAX 3653 /* ten years: what is later is a slip */
#define UNTIL_TEXT_MAX 96 /* bytes, with the NUL; a zone's name may be long */

/*
 * Reads a time that is later than now (both in seconds since 1970, now at least
 * 0) by UNTIL_DAYS_MAX days at most:
 *
 *	2026-11-25T22:00:00Z    RFC 3339, section 5.6, also with an offset, with
 *	                        a blank or lower case letters, and with a
 *	                        fraction, which is left out; no leap second
 *	22:00, 9:30             the next time that the local clock shows it
 *	+2h, +90s, +1d, +1h30m  from now: days of 24 hours, hours, minutes and
 *	                        seconds, in that order, each at most once
 *
 * Returns 0 and stores the time; *why is then NULL, or a remark for the
 * operator: the local clock is put forward over HH:MM, and the time is when
 * that is done.  Returns -1 with the reason in *why; *until is then unchanged.
 * Texts in *why are static.
 */
int until_parse(
    const char *text, int64_t now, int64_t *until, const char **why);

/*
 * Writes the time, for people and for programs, to out (size bytes; what does
 * not fit is cut off, UNTIL_TEXT_MAX are enough):
 * "2026-11-25 23:00:00 CET (2026-11-25T22:00:00Z)".
 */
void until_format(int64_t until, char *out, size_t size);

#endif
