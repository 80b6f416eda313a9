/* Programs that the keeper starts to tell people of something, for tests of alerts. */
#ifndef TEST_SUPPORT_TOLD_H
#define TEST_SUPPORT_TOLD_H

/* A shell script with this body; what it writes goes to files of the test's folder. Its path is
 * valid until the next call. */
const char *told_command(const char *name, const char *body);

/* What stands in a file of the folder, "" without one; valid until the next call. */
const char *told_file(const char *name);

/* How many lines a text has. */
unsigned told_lines(const char *text);

/* Of the whole program: the folder, and the servers. */
int told_setup(void **state);
int told_teardown(void **state);

#endif
