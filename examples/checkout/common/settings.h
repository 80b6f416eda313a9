/* What a program of the shop is told through its environment. A wrong value ends the program with
 * one sentence: nothing is guessed. */
#ifndef SHOP_SETTINGS_H
#define SHOP_SETTINGS_H

/* The variable's value; `otherwise` (which may be NULL) when it is not set. */
const char *setting_text(const char *name, const char *otherwise);

/* The same for a number in min..max. */
long setting_number(const char *name, long otherwise, long min, long max);

/* Writes `port` into the file that the variable SHOP_PORT_FILE names, at once and whole, so that
 * whoever started us can read where we listen. Nothing to do when it is not set. */
void setting_announce_port(unsigned port);

/* Sleeps at least this long, signals or not. */
void setting_sleep_ms(long milliseconds);

#endif
