/* Nodes that cannot run the program that was sent: of another kind of processor, or without an instruction. Small
 * programs stand for it, and a `uname` of our own for the node. */
#include <sys/wait.h>

#include "helper.h"

#include "cluster/package.h"
#include "cluster/roster.h"

/* Packs a program of these bytes, unpacks it as Ray does and starts it on a node of kind `machine` (NULL: this
 * one). Returns the exit code; *printed is what it printed, without its end of line, and is the caller's. */
static int start(const void *program, size_t bytes, const char *machine, char **printed) {
    cluster_package p;
    xlstm_error err;
    test_put_bytes("bin/program", program, bytes);
    char *path = test_path("bin/program");
    const cluster_package_options o = {.program = path};
    if (cluster_package_make(&p, &o, &err)) fail_msg("%s", err.text);
    test_put_bytes("p.zip", p.data, p.bytes);
    cluster_package_clear(&p);
    char *uname = machine
                      ? xl_format("#!/bin/sh\ncase $1 in -m) echo %s;; -n) echo far;; *) exit 1;; esac\n", machine)
                      : NULL;
    if (uname) test_put("tools/uname", uname);
    char *command =
        xl_format("cd '%s' && chmod +x tools/uname 2>/dev/null; rm -rf out && python3 -c \"import zipfile; "
                  "zipfile.ZipFile('p.zip').extractall('out')\" && %s sh out/run.sh agent 'a b' >printed 2>&1",
                  test_folder, machine ? "PATH=\"$PWD/tools:$PATH\"" : "");
    const int status = system(command); /* NOLINT: of our own making */
    *printed = test_read(test_folder, "printed");
    const size_t length = strlen(*printed);
    if (length && (*printed)[length - 1] == '\n') (*printed)[length - 1] = 0;
    free(command);
    free(uname);
    free(path);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The beginning of a program for a machine. What follows would be run by a shell that takes it for a script. */
static void make_elf(char out[128], int bits, bool big, int machine) {
    static const char magic[] = {0x7f, 'E', 'L', 'F'};
    memset(out, ' ', 128);
    snprintf(out + 64, 64, "\necho taken for a script\n");
    memcpy(out, magic, sizeof magic);
    out[4] = (char)(bits == 64 ? 2 : 1);
    out[5] = (char)(big ? 2 : 1);
    out[big ? 19 : 18] = (char)(machine & 0xff);
    out[big ? 18 : 19] = (char)(machine >> 8);
}

static void another_kind(void **state) {
    static const struct {
        int bits, code;
        bool big;
        const char *node, *wanted;
    } cases[] = {{64, 183, false, "x86_64", "aarch64"},    {64, 62, false, "aarch64", "x86_64"},
                 {64, 22, true, "ppc64le", "s390x"},       {64, 21, false, "ppc64", "ppc64le"},
                 {64, 21, true, "ppc64le", "ppc64"},       {64, 243, false, "riscv32", "riscv64"},
                 {64, 258, false, "x86_64", "loongarch64"}};
    char elf[128], *printed;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_elf(elf, cases[i].bits, cases[i].big, cases[i].code);
        assert_int_equal(start(elf, sizeof elf, cases[i].node, &printed), 126);
        char *wanted =
            xl_format("xltune: node far: found a processor of kind %s, wanted %s, which the program that was "
                      "sent is for; build xltune there and start 'xltune agent' by hand",
                      cases[i].node, cases[i].wanted);
        assert_string_equal(printed, wanted);
        free(wanted);
        free(printed);
    }
}

static void an_instruction_is_missing(void **state) {
    char *printed;
    static const char program[] = "#!/bin/sh\nkill -ILL $$\n";
    assert_int_equal(start(program, strlen(program), "x86_64", &printed), 126);
    /* A shell may have a line of its own about it before. */
    const char *last = strrchr(printed, '\n') ? strrchr(printed, '\n') + 1 : printed;
    assert_memory_equal(last, "xltune: node far: its processor (", 33);
    assert_non_null(
        strstr(last, ") lacks instructions that the program that was sent was built for; build it for"));
    free(printed);
}

static void something_else(void **state) {
    char *printed;
    static const char broken[] = "#!/bin/sh\necho first >&2\necho no libc here >&2\nexit 3\n";
    assert_int_equal(start(broken, strlen(broken), "x86_64", &printed), 126);
    assert_string_equal(printed, "xltune: node far: it cannot run the program that was sent: no libc here");
    free(printed);
    /* With the libraries of the package it runs. */
    static const char needs[] = "#!/bin/sh\n[ -n \"$LD_LIBRARY_PATH\" ] || exit 127\necho \"$# $2\"\n";
    assert_int_equal(start(needs, strlen(needs), NULL, &printed), 0);
    assert_string_equal(printed, "2 a b");
    free(printed);
    /* A program that says of no kind what it is for is tried. */
    static const char plain[] = "#!/bin/sh\necho \"$# $1\"\n";
    assert_int_equal(start(plain, strlen(plain), "vax", &printed), 0);
    assert_string_equal(printed, "2 agent");
    free(printed);
    /* One of 32 bits, or of a kind without a name, too; what comes of it is up to the node. */
    char elf[128];
    make_elf(elf, 32, false, 183);
    start(elf, sizeof elf, "x86_64", &printed);
    assert_null(strstr(printed, "found a processor of kind"));
    free(printed);
    make_elf(elf, 64, false, 0x1234);
    start(elf, sizeof elf, "x86_64", &printed);
    assert_null(strstr(printed, "found a processor of kind"));
    free(printed);
}

/* One node of a cluster whose agent ends with a code, as Ray tells it. */
static void told(int code, const char *why, char said[600], cluster_roster *roster) {
    cluster_node node = {.id = "n",
                         .ip = "10.0.0.7",
                         .alive = true,
                         .resources = json_pack("{s:f, s:f}", "CPU", 2.0, "node:10.0.0.7", 1.0)};
    const cluster_nodes nodes = {&node, 1};
    cluster_job job = {
        .state = CLUSTER_FAILED, .node = "10.0.0.7", .search = "r", .exited = true, .exit_code = code};
    const cluster_jobs none = {NULL, 0}, jobs = {&job, 1};
    *said = 0;
    assert_true(cluster_roster_look(roster, &nodes, &none, 100));
    cluster_agent *agent = cluster_roster_due(roster, 100);
    assert_non_null(agent);
    json_decref(cluster_roster_request(roster, agent));
    cluster_roster_submitted(roster, agent, NULL, 100);
    memcpy(job.id, agent->job, sizeof job.id < sizeof agent->job ? sizeof job.id : sizeof agent->job);
    snprintf(job.why, sizeof job.why, "%s", why);
    assert_true(cluster_roster_look(roster, &nodes, &jobs, 101));
    json_decref(node.resources);
}

static void on_say(void *user, const char *text) {
    char *all = user;
    snprintf(all + strlen(all), 600 - strlen(all), "%s\n", text);
}

/* The node is named, and what cannot be otherwise the next time is not tried again. */
static void the_node_is_named(void **state) {
    char said[600], why[600];
    cluster_roster r;
    const cluster_roster_plan plan = {.search = "r", .command = "c", .package = "p", .say = on_say, .user = said};
    assert_int_equal(cluster_roster_init(&r, &plan, NULL), 0);
    told(126, "xltune: node far: found a processor of kind aarch64, wanted x86_64", said, &r);
    assert_non_null(
        strstr(said, "10.0.0.7: the agent failed and is not started again: xltune: node far: found a processor of "
                     "kind aarch64, wanted x86_64\n"));
    assert_true(cluster_roster_is_over(&r, why, sizeof why));
    assert_string_equal(why, "10.0.0.7: xltune: node far: found a processor of kind aarch64, wanted x86_64");
    cluster_roster_clear(&r);
    /* The signal may also come later, from a fault of the program. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cluster_roster_init(&r, &plan, NULL), 0);
        told(i ? 132 : -4, "some line", said, &r);
        assert_non_null(
            strstr(said, "10.0.0.7: the agent is lost and is started again: its processor lacks an instruction of "
                         "the program (signal 4)\n"));
        assert_false(cluster_roster_is_over(&r, why, sizeof why));
        cluster_roster_clear(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_kind),
        cmocka_unit_test(an_instruction_is_missing),
        cmocka_unit_test(something_else),
        cmocka_unit_test(the_node_is_named),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
