/* Agents on a cluster without a cluster: what Ray answers is written here, and time is a number. */
#include "helper.h"

#include "cluster/roster.h"

/* ---- answers ---- */

static void versions(void **state) {
    cluster_version v;
    xlstm_error err;
    const char *good =
        "{\"version\": \"4\", \"ray_version\": \"2.50.0\", \"ray_commit\": \"x\", \"session_name\": \"s\"}";
    assert_int_equal(cluster_version_read(good, strlen(good), &v, &err), 0);
    assert_string_equal(v.ray, "2.50.0");
    const char *newer = "{\"version\": \"9\", \"ray_version\": \"4.0.0\"}";
    assert_int_equal(cluster_version_read(newer, strlen(newer), &v, &err), XLSTM_EUNSUPPORTED);
    assert_string_equal(err.text, "Ray 4.0.0: found version 9 of the jobs API, wanted 4");
    const char *page = "<html>\n<body>no</body>\n";
    assert_int_equal(cluster_version_read(page, strlen(page), &v, &err), XLSTM_EFORMAT);
    assert_non_null(strstr(err.text, "'<body>no</body>'"));
    assert_int_equal(cluster_version_read("[]", 2, &v, &err), XLSTM_EFORMAT);
    assert_int_equal(cluster_version_read("", 0, &v, &err), XLSTM_EFORMAT);
}

static void reasons(void **state) {
    char why[32];
    static const char *const cases[][2] = {
        {"a\nlast line\n\n  \n", "last line"},
        {"one", "one"},
        {"", ""},
        {"\n\n", ""},
        {"a\n\tb\x1b[31m", "b?[31m"},
        {"0123456789012345678901234567890123456789", "0123456789012345678901234567890"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cluster_reason(cases[i][0], strlen(cases[i][0]), why, sizeof why);
        assert_string_equal(why, cases[i][1]);
    }
}

static void logs(void **state) {
    char *text;
    size_t bytes;
    const char *good = "{\"logs\": \"a\\u0000b\\n\"}";
    assert_int_equal(cluster_logs_read(good, strlen(good), &text, &bytes, NULL), 0);
    assert_int_equal(bytes, 3);
    assert_string_equal(text, "ab\n");
    free(text);
    assert_int_equal(cluster_logs_read("{\"logs\": 1}", 11, &text, &bytes, NULL), XLSTM_EFORMAT);
    assert_null(text);
}

/* ---- a cluster on paper ---- */

enum { NODES = 4, JOBS = 64 };

typedef struct paper {
    cluster_node node[NODES];
    size_t nodes;
    cluster_job job[JOBS];
    size_t jobs;
    cluster_roster roster;
    double now;
    char said[4096];
} paper;

static void on_say(void *user, const char *text) {
    paper *p = user;
    const size_t used = strlen(p->said);
    snprintf(p->said + used, sizeof p->said - used, "%s\n", text);
}

static void add_node(paper *p, const char *ip, double cpus, double gpus) {
    char name[80];
    cluster_node *n = &p->node[p->nodes];
    *n = (cluster_node){.alive = true, .resources = json_pack("{s:f, s:f}", "CPU", cpus, "GPU", gpus)};
    snprintf(n->id, sizeof n->id, "id%zu", p->nodes++);
    snprintf(n->ip, sizeof n->ip, "%s", ip);
    snprintf(name, sizeof name, "node:%s", ip);
    json_object_set_new(n->resources, name, json_real(1));
}

static void begin(paper *p, size_t nodes, const char *resources) {
    *p = (paper){.now = 100};
    const cluster_roster_plan plan = {.search = "r",
                                      .command = "sh run.sh 'agent'",
                                      .package = "_ray_pkg_0.zip",
                                      .nodes = nodes,
                                      .resources = resources ? json_loads(resources, 0, NULL) : NULL,
                                      .say = on_say,
                                      .user = p};
    assert_int_equal(cluster_roster_init(&p->roster, &plan, NULL), 0);
}

static void end(paper *p) {
    json_decref((json_t *)(uintptr_t)p->roster.plan.resources);
    for (size_t i = 0; i < p->nodes; i++) json_decref(p->node[i].resources);
    cluster_roster_clear(&p->roster);
}

/* Shows the cluster to the roster and submits what is due; returns how many jobs that were. */
static int step(paper *p, double seconds) {
    const cluster_nodes nodes = {p->node, p->nodes};
    const cluster_jobs jobs = {p->job, p->jobs};
    cluster_agent *agent;
    int count = 0;
    p->now += seconds;
    assert_true(cluster_roster_look(&p->roster, &nodes, &jobs, p->now));
    for (; (agent = cluster_roster_due(&p->roster, p->now)); count++) {
        json_t *request = cluster_roster_request(&p->roster, agent);
        assert_non_null(request);
        assert_true(p->jobs < JOBS);
        cluster_job *job = &p->job[p->jobs++];
        *job = (cluster_job){.state = CLUSTER_PENDING, .began_s = p->now};
        snprintf(job->id, sizeof job->id, "%s", json_string_value(json_object_get(request, "submission_id")));
        snprintf(job->node, sizeof job->node, "%s", agent->ip);
        snprintf(job->search, sizeof job->search, "r");
        json_decref(request);
        cluster_roster_submitted(&p->roster, agent, NULL, p->now);
    }
    return count;
}

/* Ray starts every job that is pending on a node that is alive. */
static void run_all(paper *p) {
    for (size_t i = 0; i < p->jobs; i++) {
        for (size_t n = 0; n < p->nodes; n++) {
            cluster_job *job = &p->job[i];
            if (job->state != CLUSTER_PENDING || !p->node[n].alive || strcmp(job->node, p->node[n].ip) != 0)
                continue;
            job->state = CLUSTER_RUNNING;
            memcpy(job->at, p->node[n].id, sizeof job->at);
        }
    }
}

static void fails(cluster_job *job, int code, const char *why) {
    job->state = CLUSTER_FAILED;
    job->exited = true;
    job->exit_code = code;
    snprintf(job->why, sizeof job->why, "%s", why);
}

static bool said(const paper *p, const char *text) {
    return strstr(p->said, text) != NULL;
}

static void one_agent_a_machine(void **state) {
    paper p;
    begin(&p, 0, NULL);
    add_node(&p, "10.0.0.1", 0, 0); /* a head that does no work */
    add_node(&p, "10.0.0.2", 8, 0);
    add_node(&p, "10.0.0.2", 4, 0); /* the same machine */
    add_node(&p, "10.0.0.3", 2, 0);
    assert_int_equal(step(&p, 0), 2);
    assert_string_equal(p.job[0].id, "xltune-r-10.0.0.2-1");
    assert_string_equal(p.job[1].id, "xltune-r-10.0.0.3-1");
    assert_int_equal(step(&p, 1), 0);
    run_all(&p);
    assert_int_equal(step(&p, 1), 0);
    const cluster_counts n = cluster_roster_count(&p.roster);
    assert_int_equal(n.at_work, 2);
    assert_string_equal(p.said, "10.0.0.2: the agent is at work\n10.0.0.3: the agent is at work\n");
    end(&p);
}

static void what_an_agent_asks_for(void **state) {
    paper p;
    begin(&p, 0, "{\"GPU\": 1, \"memory\": 1e9, \"A100\": 0.5}");
    add_node(&p, "10.0.0.1", 8, 0);
    add_node(&p, "fe80::1", 8, 2);
    json_object_set_new(p.node[1].resources, "memory", json_real(2e9));
    json_object_set_new(p.node[1].resources, "A100", json_real(1));
    const cluster_nodes nodes = {p.node, p.nodes};
    const cluster_jobs none = {NULL, 0};
    assert_true(cluster_roster_look(&p.roster, &nodes, &none, p.now));
    cluster_agent *agent = cluster_roster_due(&p.roster, p.now);
    assert_non_null(agent);
    json_t *request = cluster_roster_request(&p.roster, agent);
    json_t *wanted = json_loads(
        "{\"submission_id\": \"xltune-r-fe80__1-1\", \"entrypoint\": \"sh run.sh 'agent'\", \"runtime_env\": "
        "{\"working_dir\": \"gcs://_ray_pkg_0.zip\"}, \"metadata\": {\"xltune_search\": \"r\", \"xltune_node\": "
        "\"fe80::1\"}, \"entrypoint_num_cpus\": 8.0, \"entrypoint_num_gpus\": 1, \"entrypoint_memory\": "
        "1000000000, \"entrypoint_resources\": {\"node:fe80::1\": 0.51, \"A100\": 0.5}}",
        0, NULL);
    assert_true(json_equal(request, wanted));
    json_decref(request);
    json_decref(wanted);
    cluster_roster_submitted(&p.roster, agent, NULL, p.now);
    assert_null(cluster_roster_due(&p.roster, p.now + 1000));
    end(&p);

    cluster_roster roster;
    xlstm_error err;
    static const char *const bad[] = {"[]", "{\"GPU\": 0}", "{\"GPU\": \"1\"}", "{\"node:10.0.0.1\": 1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *resources = json_loads(bad[i], 0, NULL);
        const cluster_roster_plan plan = {.search = "r", .resources = resources};
        assert_int_equal(cluster_roster_init(&roster, &plan, &err), XLSTM_EARG);
        json_decref(resources);
    }
}

static void waits_politely(void **state) {
    paper p;
    begin(&p, 3, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    assert_int_equal(step(&p, 0), 1);
    assert_true(said(&p, "waiting for 2 more nodes: the cluster has 1 that would do\n"));
    step(&p, 5);
    step(&p, 6);
    assert_true(said(&p, "10.0.0.1: the agent waits until all 2 CPUs of its node are free"));
    const size_t before = strlen(p.said);
    step(&p, 60);
    assert_int_equal(strlen(p.said), before); /* once */
    add_node(&p, "10.0.0.2", 2, 0);
    add_node(&p, "10.0.0.3", 2, 0);
    add_node(&p, "10.0.0.4", 2, 0);
    assert_int_equal(step(&p, 1), 2); /* three are wanted */
    end(&p);
    /* Ray fails what was pending for 900 s; that is nobody's fault, however often it happens. */
    begin(&p, 0, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    assert_int_equal(step(&p, 0), 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(step(&p, 905), 0);
        cluster_job *job = &p.job[p.jobs - 1];
        job->state = CLUSTER_FAILED;
        snprintf(job->why, sizeof job->why, "Job supervisor actor failed to start within 900.0 seconds.");
        assert_int_equal(step(&p, 1), 0);
        assert_int_equal(step(&p, 2), 1);
    }
    assert_int_equal(cluster_roster_count(&p.roster).given_up, 0);
    end(&p);
}

static void lost_ones_start_again(void **state) {
    paper p;
    begin(&p, 0, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    step(&p, 0);
    run_all(&p);
    for (int i = 1; i < 20; i++) {
        step(&p, 1);
        step(&p, 30);
        fails(&p.job[p.jobs - 1], -9, "killed");
        assert_int_equal(step(&p, 1), 0);
        assert_int_equal(step(&p, 2), 1);
        char wanted[40];
        snprintf(wanted, sizeof wanted, "xltune-r-10.0.0.1-%d", i + 1);
        assert_string_equal(p.job[p.jobs - 1].id, wanted);
        run_all(&p);
    }
    assert_true(said(&p, "10.0.0.1: the agent is lost and is started again: it was killed by signal 9\n"));
    assert_true(said(&p, "10.0.0.1: the agent is at work again\n"));
    end(&p);
}

static void a_node_without_the_checkpoint_is_named(void **state) {
    paper p;
    char why[300];
    begin(&p, 0, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    int jobs = 0;
    for (int i = 0; i < 300; i++) {
        jobs += step(&p, 1);
        for (size_t j = 0; j < p.jobs; j++) {
            if (p.job[j].state == CLUSTER_PENDING) fails(&p.job[j], 1, "model_path: /models/x: no such folder");
        }
    }
    assert_int_equal(jobs, CLUSTER_TRIES);
    assert_true(
        said(&p, "10.0.0.1: the agent failed 5 times and is not started again: exit code 1: model_path: /models/x: "
                 "no such folder\n"));
    assert_true(cluster_roster_is_over(&p.roster, why, sizeof why));
    assert_string_equal(why, "10.0.0.1: exit code 1: model_path: /models/x: no such folder");
    end(&p);
}

static void nodes_come_and_go(void **state) {
    paper p;
    begin(&p, 1, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    add_node(&p, "10.0.0.2", 2, 0);
    assert_int_equal(step(&p, 0), 1);
    run_all(&p);
    step(&p, 1);
    /* Ray still says that the job runs, on a node that is dead: another node takes its place, and the job is ended.
     */
    p.node[0].alive = false;
    assert_int_equal(step(&p, 1), 1);
    assert_string_equal(p.job[1].node, "10.0.0.2");
    assert_string_equal(p.roster.at[0].orphan, "xltune-r-10.0.0.1-1");
    run_all(&p);
    p.node[0].alive = true;
    assert_int_equal(step(&p, 1), 0); /* one is wanted, and one is at work */
    p.node[1].alive = false;
    assert_int_equal(step(&p, 1) + step(&p, 1), 1);
    assert_string_equal(p.job[2].id, "xltune-r-10.0.0.1-2");
    end(&p);
}

static void what_another_process_has_started(void **state) {
    paper p;
    begin(&p, 0, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    add_node(&p, "10.0.0.2", 2, 0);
    p.job[0] =
        (cluster_job){.id = "xltune-r-10.0.0.1-3", .search = "r", .node = "10.0.0.1", .state = CLUSTER_STOPPED};
    p.job[1] =
        (cluster_job){.id = "xltune-r-10.0.0.1-4", .search = "r", .node = "10.0.0.1", .state = CLUSTER_PENDING};
    p.job[2] = (cluster_job){.id = "xltune-other-10.0.0.2-1", .search = "other", .node = "10.0.0.2"};
    p.jobs = 3;
    run_all(&p);
    assert_int_equal(step(&p, 0), 1); /* for the second node alone */
    assert_string_equal(p.job[3].id, "xltune-r-10.0.0.2-1");
    /* A job that somebody stops is not started again. */
    p.job[1].state = CLUSTER_STOPPED;
    assert_int_equal(step(&p, 1) + step(&p, 100), 0);
    assert_true(said(&p, "10.0.0.1: somebody has stopped the agent's job"));
    end(&p);
}

static void a_head_that_forgets(void **state) {
    paper p;
    begin(&p, 0, NULL);
    add_node(&p, "10.0.0.1", 2, 0);
    step(&p, 0);
    run_all(&p);
    step(&p, 30);
    p.jobs = 0;
    step(&p, 1);
    assert_int_equal(step(&p, 20) + step(&p, 2), 1);
    assert_true(said(&p, "the head does not know its job"));
    end(&p);
}

/* Whatever happens in whatever order, no machine has two jobs that are not over, except that one is an orphan. */
static void never_two(void **state) {
    uint64_t seed = 1;
    for (int game = 0; game < 200; game++) {
        paper p;
        begin(&p, (size_t)game % 4, NULL);
        for (int i = 0; i < 3; i++) {
            char ip[20];
            snprintf(ip, sizeof ip, "10.0.0.%d", i + 1);
            add_node(&p, ip, 2, 0);
        }
        for (int turn = 0; turn < 100 && p.jobs + 4 < JOBS; turn++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const unsigned dice = (unsigned)(seed >> 40);
            cluster_job *job = p.jobs ? &p.job[dice / 8 % p.jobs] : NULL;
            if (dice % 8 == 0) p.node[dice / 8 % 3].alive = !p.node[dice / 8 % 3].alive;
            if (dice % 8 == 1 && job && !cluster_state_over(job->state)) fails(job, 1, "x");
            if (dice % 8 == 2) run_all(&p);
            step(&p, dice % 8 == 3 ? 40 : 1);
            for (size_t i = 0; i < p.roster.count; i++) { /* what is asked to end does */
                for (size_t j = 0; *p.roster.at[i].orphan && j < p.jobs; j++) {
                    if (!strcmp(p.job[j].id, p.roster.at[i].orphan)) p.job[j].state = CLUSTER_STOPPED;
                }
            }
            for (size_t i = 0; i < p.nodes; i++) {
                int alive = 0;
                for (size_t j = 0; j < p.jobs; j++)
                    alive += !cluster_state_over(p.job[j].state) && !strcmp(p.job[j].node, p.node[i].ip);
                assert_true(alive <= 1);
            }
        }
        end(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),
        cmocka_unit_test(reasons),
        cmocka_unit_test(logs),
        cmocka_unit_test(one_agent_a_machine),
        cmocka_unit_test(what_an_agent_asks_for),
        cmocka_unit_test(waits_politely),
        cmocka_unit_test(lost_ones_start_again),
        cmocka_unit_test(a_node_without_the_checkpoint_is_named),
        cmocka_unit_test(nodes_come_and_go),
        cmocka_unit_test(what_another_process_has_started),
        cmocka_unit_test(a_head_that_forgets),
        cmocka_unit_test(never_two),
    };
    return cmocka_run_group_tests(tests, test_make_folder, test_remove_folder);
}
