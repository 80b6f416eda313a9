/* Time as the examples need it; none of it is the time of day. */
#ifndef EXAMPLES_CLOCK_H
#define EXAMPLES_CLOCK_H

/* Milliseconds of a clock that only goes forward. */
double clock_now_ms(void);

/* Sleeps at least this long, signals or not. */
void clock_sleep_ms(long milliseconds);

/* Sleeps until clock_now_ms() is at least `when_ms`. */
void clock_sleep_until_ms(double when_ms);

#endif
