#include "tuner/driver/proposer.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum { WHOLE, FIRST = 0, SECOND = 1, PARTS = 2 };

/* Context of the function that gives a part's canonical keys. The space keeps a pointer to it. */
typedef struct part_context {
    const tune_proposer *proposer;
    int which;
} part_context;

struct tune_proposer {
    const tune_space *space;
    bool apart;
    bool several; /* whether there are several objectives */
    tune_space *part[PARTS];
    part_context context[PARTS];
    size_t param[PARTS][TUNE_SPACE_PARAMS]; /* the number in the whole space of each parameter of a part */
    tune_strategy *strategy[PARTS];         /* one for each part; where the space is not divided, only [WHOLE] */
    bool checked;                           /* whether the joined point was proposed */
    uint32_t pending[PARTS];                /* the point that each part proposed last */
    bool asked[PARTS];                      /* whether the result for `pending` has not been told yet */
};

static unsigned times(const tune_param *p) {
    return p->affects & TUNE_AFFECTS_TIMES;
}

bool tune_space_divides(const tune_space *space) {
    size_t groups[PARTS] = {0};
    for (size_t i = 0; i < tune_space_params(space); i++) {
        const tune_param *p = tune_space_param(space, i);
        if (p->count == 1) continue;
        if (p->affects & (TUNE_AFFECTS_OUTPUT | TUNE_AFFECTS_OPENING)) return false;
        if (times(p) == TUNE_AFFECTS_FIRST) groups[FIRST]++;
        else if (times(p) == TUNE_AFFECTS_SECOND) groups[SECOND]++;
        else return false;
    }
    return groups[FIRST] && groups[SECOND];
}

/* Two sets of values for one part are equal in effect where the rule of the whole space says so, with all other
 * parameters at their first value. */
static uint64_t part_key(void *context, const tune_space *part, const tune_value *values) {
    const part_context *c = context;
    const tune_space *space = c->proposer->space;
    tune_value all[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < tune_space_params(space); i++) all[i] = tune_space_param(space, i)->values[0];
    for (size_t i = 0; i < tune_space_params(part); i++) all[c->proposer->param[c->which][i]] = values[i];
    return tune_space_key(space, all);
}

static int make_part(tune_proposer *p, int which, xlstm_error *err) {
    const unsigned wanted = which == FIRST ? TUNE_AFFECTS_FIRST : TUNE_AFFECTS_SECOND;
    tune_space *s = p->part[which] = tune_space_create();
    if (!s) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory");
    int status = XLSTM_OK;
    for (size_t i = 0; !status && i < tune_space_params(p->space); i++) {
        const tune_param *q = tune_space_param(p->space, i);
        if (q->count == 1 || times(q) != wanted) continue;
        size_t at = tune_space_params(s);
        p->param[which][at] = i;
        status = tune_space_add_list(s, q->name, q->affects, q->values, q->count, err);
        if (!status && q->preset != TUNE_NO_POINT) tune_space_set_preset(s, at, q->values[q->preset]);
        if (!status) tune_space_set_original(s, at, q->draw, q->moves[0], q->moves[1]);
    }
    if (status) return status;
    p->context[which] = (part_context){p, which};
    tune_space_set_canonical(s, part_key, &p->context[which]);
    return tune_space_seal(s, err);
}

/* Returns the point of a part that a point of the whole space contains. */
static uint32_t part_point(const tune_proposer *p, int which, uint32_t point) {
    tune_value values[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < tune_space_params(p->part[which]); i++)
        values[i] = tune_space_value(p->space, point, p->param[which][i]);
    return tune_space_find_values(p->part[which], values);
}

static uint32_t join(const tune_proposer *p, const uint32_t point[PARTS]) {
    tune_value all[TUNE_SPACE_PARAMS];
    for (size_t i = 0; i < tune_space_params(p->space); i++) all[i] = tune_space_param(p->space, i)->values[0];
    for (int which = 0; which < PARTS; which++) {
        for (size_t i = 0; i < tune_space_params(p->part[which]); i++)
            all[p->param[which][i]] = tune_space_value(p->part[which], point[which], i);
    }
    return tune_space_find_values(p->space, all);
}

static int make_strategies(tune_proposer *p, const char *mode, const tune_strategy_options *options,
                           xlstm_error *err) {
    if (!p->apart) return tune_strategy_create(mode, p->space, options, &p->strategy[WHOLE], err);
    int status = XLSTM_OK;
    for (int which = 0; !status && which < PARTS; which++) {
        tune_strategy_options own = *options;
        uint32_t *priors = calloc(options->prior_count + 1, sizeof *priors);
        if (!priors) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory");
        own.prior_count = 0;
        for (size_t i = 0; i < options->prior_count; i++) {
            uint32_t point = part_point(p, which, options->priors[i]);
            if (point != TUNE_NO_POINT) priors[own.prior_count++] = point;
        }
        own.priors = priors;
        own.seed += (uint64_t)which;
        status = make_part(p, which, err);
        if (!status) status = tune_strategy_create(mode, p->part[which], &own, &p->strategy[which], err);
        free(priors);
    }
    return status;
}

int tune_proposer_create(tune_proposer **out, const char *mode, const tune_space *space, bool apart,
                         const tune_strategy_options *options, xlstm_error *err) {
    tune_proposer *p = calloc(1, sizeof *p);
    if (!p) return xl_fail(err, XLSTM_ENOMEM, "search: out of memory");
    p->space = space;
    p->several = options->objectives > 1;
    p->apart = apart && !p->several && tune_space_divides(space);
    int status = make_strategies(p, mode, options, err);
    if (status) tune_proposer_destroy(p);
    else *out = p;
    return status;
}

void tune_proposer_destroy(tune_proposer *p) {
    if (!p) return;
    for (int i = 0; i < PARTS; i++) {
        tune_strategy_destroy(p->strategy[i]);
        tune_space_destroy(p->part[i]);
    }
    free(p);
}

uint32_t tune_proposer_joined(const tune_proposer *p) {
    if (!p->apart) return TUNE_NO_POINT;
    uint32_t best[PARTS];
    for (int i = 0; i < PARTS; i++) {
        best[i] = tune_strategy_best(p->strategy[i]).point;
        if (best[i] == TUNE_NO_POINT) return TUNE_NO_POINT;
    }
    return join(p, best);
}

static bool both_done(const tune_proposer *p) {
    return tune_strategy_done(p->strategy[FIRST]) && tune_strategy_done(p->strategy[SECOND]);
}

bool tune_proposer_done(const tune_proposer *p) {
    if (!p->apart) return tune_strategy_done(p->strategy[WHOLE]);
    return both_done(p) && (p->checked || tune_proposer_joined(p) == TUNE_NO_POINT);
}

/* Makes a point of what each part proposes; a part that is done contributes its best point. */
static int ask_parts(tune_proposer *p, uint32_t *point, xlstm_error *err) {
    tune_proposal proposal;
    uint32_t share[PARTS];
    for (int i = 0; i < PARTS; i++) {
        p->asked[i] = !tune_strategy_done(p->strategy[i]);
        if (p->asked[i]) {
            int status = tune_strategy_ask(p->strategy[i], &proposal, err);
            if (status) return status;
            p->pending[i] = proposal.point;
        }
        share[i] = p->asked[i] ? p->pending[i] : tune_strategy_best(p->strategy[i]).point;
        if (share[i] == TUNE_NO_POINT) share[i] = 0;
    }
    *point = join(p, share);
    return XLSTM_OK;
}

int tune_proposer_ask(tune_proposer *p, uint32_t *point, xlstm_error *err) {
    static const double failed[TUNE_TOLD_COUNT] = {
        NAN, NAN, NAN}; /* the other values are not read where the space is divided */
    if (!p->apart) {
        tune_proposal proposal;
        int status = tune_strategy_ask(p->strategy[WHOLE], &proposal, err);
        if (!status) *point = proposal.point;
        return status;
    }
    while (!both_done(p)) {
        int status = ask_parts(p, point, err);
        if (status || *point != TUNE_NO_POINT) return status;
        /* A condition that involves both groups excludes this combination, so it counts as failed. */
        status = tune_proposer_tell(p, *point, failed, NAN, err);
        if (status) return status;
    }
    *point = tune_proposer_joined(p);
    if (p->checked || *point == TUNE_NO_POINT) return xl_fail(err, XLSTM_EARG, "search: nothing left to ask");
    p->checked = true;
    return XLSTM_OK;
}

int tune_proposer_tell(tune_proposer *p, uint32_t point, const double told[TUNE_TOLD_COUNT], double cost_s,
                       xlstm_error *err) {
    if (p->several)
        return tune_strategy_tell_all(p->strategy[WHOLE], point, told + TUNE_TOLD_OBJECTIVES, cost_s, err);
    if (!p->apart) return tune_strategy_tell(p->strategy[WHOLE], point, told[TUNE_TOLD_VALUE], cost_s, err);
    int status = XLSTM_OK;
    for (int i = 0; !status && i < PARTS; i++) {
        /* A failure may be caused by either part, so it counts only for a point that the part itself proposed. */
        double value = told[i == FIRST ? TUNE_TOLD_FIRST : TUNE_TOLD_SECOND];
        if (!p->asked[i]) continue;
        status = tune_strategy_tell(p->strategy[i], p->pending[i], value, cost_s, err);
        p->asked[i] = false;
    }
    return status;
}

int tune_proposer_exchange(tune_proposer *p, uint32_t asked, uint32_t point, xlstm_error *err) {
    if (!p->apart) return tune_strategy_exchange(p->strategy[WHOLE], asked, point, err);
    int status = XLSTM_OK;
    for (int i = 0; !status && i < PARTS; i++) {
        if (!p->asked[i]) continue;
        const uint32_t share = part_point(p, i, point);
        if (share == TUNE_NO_POINT) continue;
        status = tune_strategy_exchange(p->strategy[i], p->pending[i], share, err);
        p->pending[i] = share;
    }
    return status;
}
