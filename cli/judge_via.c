#include "cli/judge_via.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cluster/critic.h"

enum { TEXT_LIMIT = 16 << 20 };

static const char default_rubric[] = "The better one is fluent, coherent and relevant, and does not repeat itself.";

typedef struct text {
    char *file;
    char *data;
    size_t same; /* index of the first file with this text */
    unsigned wins, losses, ties;
} text;

typedef struct pair {
    size_t a, b;
} pair;

typedef struct panel {
    text *texts;
    size_t count, distinct;
    pair *pairs;
    size_t pair_count;
    unsigned asked, clear, unclear, first; /* answers; those that preferred what came first */
    unsigned decided;                      /* clear ones that are no tie */
    unsigned repeated, agreed;             /* pairs of answers about the same two texts, and those that are equal */
    xl_bytes lines;                        /* of opinions.jsonl */
} panel;

static int is_text_file(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return length > 4 && !strcmp(entry->d_name + length - 4, ".txt");
}

static int read_text(const char *folder, const char *name, text *t, xlstm_error *err) {
    size_t bytes = 0;
    char *path = xl_path_join(folder, name);
    t->file = strdup(name);
    if (!path || !t->file) {
        free(path);
        return xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    }
    int status = xl_file_read(path, TEXT_LIMIT, &t->data, &bytes, err);
    if (!status && (xl_utf8_valid(t->data, bytes) < bytes || strlen(t->data) < bytes))
        status = xl_fail(err, XLSTM_EFORMAT, "%s: the text is not UTF-8, or holds a NUL", path);
    free(path);
    return status;
}

static int read_texts(panel *p, const char *folder, xlstm_error *err) {
    struct dirent **entries = NULL;
    const int found = scandir(folder, &entries, is_text_file, alphasort);
    if (found < 0)
        return xl_fail(err, errno == ENOENT ? XLSTM_ENOTFOUND : XLSTM_EIO, "%s: %s", folder, strerror(errno));
    int status = XLSTM_OK;
    p->texts = calloc(found ? (size_t)found : 1, sizeof *p->texts);
    if (!p->texts) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    for (int i = 0; i < found; i++) {
        if (!status) {
            text *t = &p->texts[p->count];
            t->same = p->count++;
            status = read_text(folder, entries[i]->d_name, t, err);
            for (size_t k = 0; !status && k + 1 < p->count; k++) {
                if (strcmp(p->texts[k].data, t->data) != 0) continue;
                t->same = k;
                break;
            }
            p->distinct += t->same == p->count - 1;
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* Chooses which pairs are compared: all, or as many by lot. */
static int choose_pairs(panel *p, size_t most, xl_rng *rng, xlstm_error *err) {
    const size_t all = p->distinct * (p->distinct - 1) / 2;
    p->pairs = xl_array(all ? all : 1, sizeof *p->pairs);
    if (!p->pairs) return xl_fail(err, XLSTM_ENOMEM, "out of memory for %zu pairs of texts", all);
    for (size_t a = 0; a < p->count; a++) {
        for (size_t b = a + 1; b < p->count && p->texts[a].same == a; b++) {
            if (p->texts[b].same == b) p->pairs[p->pair_count++] = (pair){a, b};
        }
    }
    for (size_t i = 0; i < p->pair_count; i++) {
        const size_t other = i + xl_rng_below(rng, p->pair_count - i);
        const pair kept = p->pairs[i];
        p->pairs[i] = p->pairs[other];
        p->pairs[other] = kept;
    }
    if (p->pair_count > most) p->pair_count = most;
    return XLSTM_OK;
}

static int keep_line(panel *p, const pair *at, bool swapped, cluster_choice choice, const char *words,
                     xlstm_error *err) {
    static const char *const names[] = {"first", "second", "tie", "unclear"};
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "first", p->texts[swapped ? at->b : at->a].file, "second",
                          p->texts[swapped ? at->a : at->b].file, "better", names[choice], "answer", words);
    char *line = json_dumps(o, JSON_ENSURE_ASCII);
    json_decref(o);
    const bool kept = line && xl_bytes_append(&p->lines, line, strlen(line)) && xl_bytes_append(&p->lines, "\n", 1);
    free(line);
    return kept ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "out of memory for the opinions");
}

static void count(panel *p, const pair *at, bool swapped, cluster_choice choice) {
    p->asked++;
    if (choice == CLUSTER_UNCLEAR) {
        p->unclear++;
        return;
    }
    p->clear++;
    p->first += choice == CLUSTER_FIRST;
    p->decided += choice != CLUSTER_TIE;
    text *a = &p->texts[at->a], *b = &p->texts[at->b];
    if (choice == CLUSTER_TIE) {
        a->ties++;
        b->ties++;
    } else {
        text *better = (choice == CLUSTER_FIRST) != swapped ? a : b;
        better->wins++;
        (better == a ? b : a)->losses++;
    }
}

/* Which of the pair's own two is better, whatever order they were shown in. */
static cluster_choice turned(cluster_choice choice, bool swapped) {
    if (!swapped || choice == CLUSTER_TIE || choice == CLUSTER_UNCLEAR) return choice;
    return choice == CLUSTER_FIRST ? CLUSTER_SECOND : CLUSTER_FIRST;
}

/* Asks about one pair so often; the order is by lot at first and turned each time. */
static int ask_pair(panel *p, cluster_critic *critic, const pair *at, const char *prompt, int64_t repeats,
                    int64_t seed, xl_rng *rng, xlstm_error *err) {
    bool swapped = xl_rng_below(rng, 2) == 1;
    unsigned seen[4] = {0};
    int status = XLSTM_OK;
    for (int64_t i = 0; i < repeats && !status; i++, swapped = !swapped) {
        cluster_choice choice;
        char *words = NULL;
        status = cluster_critic_ask(critic, prompt, p->texts[swapped ? at->b : at->a].data,
                                    p->texts[swapped ? at->a : at->b].data, seed + i, &choice, &words, err);
        if (status) break;
        count(p, at, swapped, choice);
        status = keep_line(p, at, swapped, choice, words, err);
        free(words);
        const cluster_choice better = turned(choice, swapped);
        if (better == CLUSTER_UNCLEAR) continue;
        p->agreed += seen[better];
        p->repeated += seen[CLUSTER_FIRST] + seen[CLUSTER_SECOND] + seen[CLUSTER_TIE];
        seen[better]++;
    }
    return status;
}

/* The share of comparisons that it won, a tie counting half; -1: it was in none. */
static double score(const text *t) {
    const unsigned all = t->wins + t->losses + t->ties;
    return all ? (t->wins + 0.5 * t->ties) / all : -1;
}

static int write_table(const panel *p, const char *folder, xlstm_error *err) {
    char *path = xl_path_join(folder, "opinions.csv"), *lines = xl_path_join(folder, "opinions.jsonl"),
         *data = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&data, &bytes);
    int status = path && lines && out ? XLSTM_OK : xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    if (out) {
        fputs("file,score,wins,ties,losses\n", out);
        for (size_t i = 0; i < p->count; i++) {
            const text *t = &p->texts[p->texts[i].same];
            xl_csv_put_text(out, p->texts[i].file);
            fputc(',', out);
            if (score(t) >= 0) xl_csv_put_number(out, score(t), 6);
            fprintf(out, ",%u,%u,%u\n", t->wins, t->ties, t->losses);
        }
        if (!xl_text_end(out, &data) && !status) status = xl_fail(err, XLSTM_ENOMEM, "%s: out of memory", folder);
    }
    if (!status) status = xl_file_write(lines, p->lines.data, p->lines.size, err);
    if (!status) status = xl_file_write(path, data, bytes, err);
    free(data);
    free(path);
    free(lines);
    return status;
}

static void say(const panel *p, const char *model) {
    const text *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        if (p->texts[i].same == i && score(&p->texts[i]) >= 0 && (!best || score(&p->texts[i]) > score(best)))
            best = &p->texts[i];
    }
    printf("%s compared %zu pair%s of %zu different texts, %u answers", cli_plain(model), p->pair_count,
           p->pair_count == 1 ? "" : "s", p->distinct, p->asked);
    if (p->unclear) printf(", %u of them unclear", p->unclear);
    putchar('\n');
    if (p->repeated) printf("repeats agree in %.0f %%", 100.0 * p->agreed / p->repeated);
    else printf("no pair was asked about twice");
    if (p->decided) printf("; the text that came first was preferred in %.0f %%", 100.0 * p->first / p->decided);
    putchar('\n');
    if (best) printf("preferred most: %s, %.2f of its comparisons\n", cli_plain(best->file), score(best));
}

int cli_judge_via(cli_config *cfg, const char *folder, const char *prompt, xlstm_error *err) {
    panel p = {0};
    xl_rng rng;
    cluster_critic *critic = NULL;
    const int64_t seed = cli_int(cfg, "via_seed");
    xl_rng_seed(&rng, (uint64_t)seed);
    int status = read_texts(&p, folder, err);
    if (!status && p.distinct < 2) {
        printf("--via: nothing to compare, %s\n",
               p.count < 2 ? "there are not two texts" : "all texts are identical");
    } else if (!status) {
        const char *rubric = cli_str(cfg, "rubric");
        status = choose_pairs(&p, (size_t)cli_int(cfg, "comparisons"), &rng, err);
        if (!status)
            status = cluster_critic_open(&critic,
                                         &(cluster_critic_options){.address = cli_str(cfg, "via"),
                                                                   .model = cli_str(cfg, "via_model"),
                                                                   .key = getenv("XLTUNE_VIA_KEY"),
                                                                   .rubric = rubric ? rubric : default_rubric,
                                                                   .cancel = cli_signals_cancel},
                                         err);
        for (size_t i = 0; i < p.pair_count && !status; i++) {
            cli_progress("judge: pair", i, p.pair_count);
            status = ask_pair(&p, critic, &p.pairs[i], prompt, cli_int(cfg, "via_repeats"), seed, &rng, err);
        }
        cli_progress_end();
        if (!status) status = write_table(&p, folder, err);
        if (!status) say(&p, cluster_critic_model(critic));
    }
    cluster_critic_close(critic);
    for (size_t i = 0; i < p.count; i++) {
        free(p.texts[i].file);
        free(p.texts[i].data);
    }
    free(p.texts);
    free(p.pairs);
    free(p.lines.data);
    return status;
}
