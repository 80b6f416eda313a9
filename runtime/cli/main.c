/* The `skald` command. */

int main(void)
{
    return 0;
}
