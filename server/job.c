#include "server/job.h"

#include <assert.h>
#include <stdlib.h>

void serve_params_init(serve_params *params) {
    *params = (serve_params){
        .sampling = {.top_p = 1, .repetition_penalty = 1, .repeat_last_n = 64},
        .max_tokens = 16,
        .n = 1,
        .top_logprobs = -1,
    };
}

serve_job *serve_job_create(void) {
    serve_job *job = calloc(1, sizeof *job);
    if (!job) return NULL;
    serve_params_init(&job->params);
    job->bos = -1;
    atomic_init(&job->refs, 1);
    atomic_init(&job->cancelled, false);
    return job;
}

void serve_job_hold(serve_job *job) {
    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
}

void serve_job_release(serve_job *job) {
    if (!job || atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1) return;
    assert(!job->choices && !job->session);
    serve_stops_clear(&job->params.stops);
    free(job->ids);
    free(job->marks);
    free(job->known);
    free(job->load_path);
    free(job->save_path);
    free(job);
}

void serve_job_cancel(serve_job *job) {
    atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
}
