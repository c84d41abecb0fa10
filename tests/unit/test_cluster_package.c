/* What agents on a cluster get: the package with the program and its files, their command; and addresses of heads.
 */
#include "helper.h"

#include "cluster/http.h"
#include "cluster/package.h"

static char *text_of_file(const char *path) {
    char *data;
    size_t bytes;
    assert_int_equal(xl_file_read(path, 1 << 20, &data, &bytes, NULL), 0);
    return data;
}

static void packages(void **state) {
    test_put("bin/program", "#!/bin/sh\necho program\n");
    test_put("model/config.json", "{}");
    test_put("ship/a/b", "deep\n");
    test_put("ship/.pgpass", "secret");
    char *program = test_path("bin/program"), *model = test_path("model"), *ship = test_path("ship");
    char *pass = test_path("ship/.pgpass");
    const char *const ships[] = {ship, pass};
    cluster_package p, again;
    xlstm_error err;
    const cluster_package_options o = {.program = program, .model = model, .ship = ships, .ships = 2};
    assert_int_equal(cluster_package_make(&p, &o, &err), 0);
    assert_int_equal(cluster_package_make(&again, &o, &err), 0);
    assert_string_equal(p.name, again.name); /* the same files, the same name */
    assert_string_equal(p.model, "model");
    cluster_package_clear(&again);
    test_put_bytes("p.zip", p.data, p.bytes);
    cluster_package_clear(&p);

    /* Unpacked by another program, as Ray does it: Python's zipfile. */
    char *command =
        xl_format("cd '%s' && python3 -c \"import zipfile; z = zipfile.ZipFile('p.zip'); assert z.testzip() is "
                  "None; z.extractall('out')\" && ls -A out out/ship >listing && sh out/run.sh >printed",
                  test_folder);
    assert_int_equal(system(command), 0); /* NOLINT: of our own making */
    free(command);
    char *path = test_path("printed"), *text = text_of_file(path);
    assert_string_equal(text, "program\n");
    free(text);
    free(path);
    path = test_path("listing");
    text = text_of_file(path);
    assert_non_null(strstr(text, ".pgpass\nlib\nmodel\nrun.sh\nship\nxltune\n"));
    assert_non_null(strstr(text, "out/ship:\n.pgpass\na\n"));
    free(text);
    free(path);

    /* A checkpoint inside of what is shipped is not sent twice; a missing one is named. */
    const char *const whole[] = {model};
    const cluster_package_options inside = {.program = program, .model = model, .ship = whole, .ships = 1};
    assert_int_equal(cluster_package_make(&p, &inside, &err), XLSTM_EARG); /* the name is taken */
    assert_non_null(strstr(err.text, "the name model is taken"));
    char *elsewhere = test_path("ship/a");
    const char *const outer[] = {ship};
    const cluster_package_options part = {.program = program, .model = elsewhere, .ship = outer, .ships = 1};
    assert_int_equal(cluster_package_make(&p, &part, &err), 0);
    assert_string_equal(p.model, "ship/a");
    cluster_package_clear(&p);
    const cluster_package_options none = {.program = program, .model = "/nowhere"};
    assert_int_equal(cluster_package_make(&p, &none, &err), XLSTM_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere"));
    free(elsewhere);
    free(program);
    free(model);
    free(ship);
    free(pass);
}

static void commands(void **state) {
    const char *const words[] = {"agent", "--study", "postgresql://h/d?a='b'&c", NULL};
    char *text = cluster_package_command(words);
    assert_string_equal(text, "exec sh run.sh 'agent' '--study' 'postgresql://h/d?a='\\''b'\\''&c'");
    free(text);
}

static void archives(void **state) {
    cluster_zip *zip = cluster_zip_create(1000);
    xlstm_error err;
    const void *data;
    size_t bytes;
    char noise[2000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
    assert_int_equal(cluster_zip_add(zip, "empty", "", 0, 0644, &err), 0);
    assert_int_equal(cluster_zip_add(zip, "noise", noise, sizeof noise, 0644, &err), XLSTM_EUNSUPPORTED);
    assert_int_equal(cluster_zip_add(zip, "", "", 0, 0644, &err), XLSTM_EARG);
    assert_int_equal(cluster_zip_end(zip, &data, &bytes, &err), 0);
    assert_int_equal(bytes, 30 + 5 + 2 + 46 + 5 + 22);
    cluster_zip_free(zip);
}

#ifdef XL_HAVE_CURL
static void addresses(void **state) {
    static const char *const bad[][2] = {
        {"head:8265", "wanted an address"},
        {"ray://head:10001", "wanted the address of the head's dashboard"},
        {"http://u:secret@head:8265", "every process list shows"},
        {"http://head:8265/api", "nothing after the port"},
        {"http://", "wanted an address"},
        {"", "wanted an address"},
    };
    cluster_http *http;
    xlstm_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const cluster_http_options o = {.address = bad[i][0]};
        assert_int_equal(cluster_http_open(&http, &o, &err), XLSTM_EARG);
        if (!strstr(err.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], err.text);
        assert_null(strstr(err.text, "secret"));
        assert_null(http);
    }
    const cluster_http_options o = {.address = "http://127.0.0.1:8265/"};
    assert_int_equal(cluster_http_open(&http, &o, &err), 0);
    assert_string_equal(cluster_http_address(http), "http://127.0.0.1:8265");
    cluster_http_close(http);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages),
        cmocka_unit_test(commands),
        cmocka_unit_test(archives),
#ifdef XL_HAVE_CURL
        cmocka_unit_test(addresses),
#endif
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
