/* The pictures of the thumbnails: read, scaled and written without a library. */
#include "common/draw.h"
#include "picture/picture.h"
#include "support/test.h"

static image make(unsigned width, unsigned height, unsigned channels, uint64_t seed)
{
    image made = {.width = width, .height = height, .channels = channels};
    made.pixels = malloc(picture_size(&made));
    for (size_t i = 0; i < picture_size(&made); i++)
        made.pixels[i] = (uint8_t)draw(&seed);
    return made;
}

static image scale(const image *from, unsigned width)
{
    image to = picture_shape(from, width);
    to.pixels = malloc(picture_size(&to));
    picture_scale(from, &to, 0, to.height);
    return to;
}

static void test_a_picture_is_what_was_written(void **state)
{
    (void)state;
    image written = make(5, 3, 3, 1);
    size_t size = 0;
    void *file = picture_write(&written, &size);
    image read;

    assert_null(picture_read(&read, file, size));

    assert_int_equal(read.width, 5);
    assert_int_equal(read.height, 3);
    assert_int_equal(read.channels, 3);
    assert_memory_equal(read.pixels, written.pixels, picture_size(&written));
    free(file);
    free(written.pixels);
}

static void test_what_is_no_picture_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t size;
        const char *wrong;
    } cases[] = {
        {"", 0, "P5 or P6"},
        {"P3 1 1 255 a", 12, "P5 or P6"},
        {"P5 0 1 255\n", 11, "width and height"},
        {"P5 1 99999999999 255\na", 22, "width and height"},
        {"P5 1 1 65535\naa", 15, "8 bits"},
        {"P5 1 1 255", 10, "does not end"},
        {"P5 2 2 255\nabc", 14, "more or fewer pixels"},
        {"P5 2 2 255\nabcde", 16, "more or fewer pixels"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char file[64];
        image read = {0};
        memcpy(file, cases[i].file, cases[i].size);
        const char *wrong = picture_read(&read, file, cases[i].size);
        assert_non_null(wrong);
        assert_contains(wrong, cases[i].wrong);
        assert_null(read.pixels);
    }
}

/* What covers whole pixels is their mean, rounded. */
static void test_a_block_of_pixels_becomes_its_mean(void **state)
{
    (void)state;
    uint8_t pixels[] = {0, 1, 10, 20, 1, 1, 30, 41};
    const image from = {.width = 4, .height = 2, .channels = 1, .pixels = pixels};

    image to = scale(&from, 2);

    assert_int_equal(to.height, 1);
    assert_int_equal(to.pixels[0], 1);  /* 3 / 4 */
    assert_int_equal(to.pixels[1], 25); /* 101 / 4 */
    free(to.pixels);
}

/* Three pixels on two: the one in the middle counts half for each. */
static void test_a_pixel_on_the_border_is_shared(void **state)
{
    (void)state;
    uint8_t pixels[] = {30, 90, 150, 30, 90, 150, 30, 90, 150};
    const image from = {.width = 3, .height = 3, .channels = 1, .pixels = pixels};

    image to = scale(&from, 2);

    assert_int_equal(to.height, 2);
    assert_int_equal(to.pixels[0], 50);  /* (30 + 90 / 2) / 1.5 */
    assert_int_equal(to.pixels[1], 130); /* (90 / 2 + 150) / 1.5 */
    free(to.pixels);
}

static double mean(const image *picture)
{
    double sum = 0;
    for (size_t i = 0; i < picture_size(picture); i++)
        sum += picture->pixels[i];
    return sum / (double)picture_size(picture);
}

/* Whatever the sizes: nothing is lost or counted twice, so the mean of a plain picture stays
 * exactly, and that of any other but for rounding and the row that the shape cuts off. */
static void test_light_is_kept_for_any_size(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 300; i++) {
        const unsigned width = (unsigned)(draw(&random) % 90) + 1;
        const unsigned height = (unsigned)(draw(&random) % 90) + 1;
        const unsigned channels = i % 2 == 0 ? 1 : 3;
        image from = make(width, height, channels, random);
        const unsigned target = (unsigned)(draw(&random) % width) + 1;
        image noisy = scale(&from, target);
        assert_true(mean(&noisy) > mean(&from) - 1 && mean(&noisy) < mean(&from) + 1);
        memset(from.pixels, i % 256, picture_size(&from));
        image plain = scale(&from, target);
        for (size_t at = 0; at < picture_size(&plain); at++)
            assert_int_equal(plain.pixels[at], i % 256);
        free(noisy.pixels);
        free(plain.pixels);
        free(from.pixels);
    }
}

static void test_bands_make_the_same_picture_as_the_whole(void **state)
{
    (void)state;
    const image from = make(97, 61, 3, 3);
    image whole = scale(&from, 40);
    image bands = scale(&from, 40);
    memset(bands.pixels, 0, picture_size(&bands));

    for (unsigned row = 0; row < bands.height; row += 7)
        picture_scale(&from, &bands, row, row + 7 < bands.height ? row + 7 : bands.height);

    assert_memory_equal(bands.pixels, whole.pixels, picture_size(&whole));
    free(whole.pixels);
    free(bands.pixels);
    free(from.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture_is_what_was_written),
        cmocka_unit_test(test_what_is_no_picture_is_refused),
        cmocka_unit_test(test_a_block_of_pixels_becomes_its_mean),
        cmocka_unit_test(test_a_pixel_on_the_border_is_shared),
        cmocka_unit_test(test_light_is_kept_for_any_size),
        cmocka_unit_test(test_bands_make_the_same_picture_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
