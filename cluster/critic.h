/* A language model behind HTTP that says which of two texts is better: any server that speaks OpenAI's protocol
 * (address ending in /v1), or Ollama's own (/api). */
#ifndef CLUSTER_CRITIC_H
#define CLUSTER_CRITIC_H

#include <stdint.h>

#include <xlstm/status.h>

typedef struct cluster_critic cluster_critic;

typedef struct cluster_critic_options {
    const char *address; /* "http://127.0.0.1:8080/v1", "http://127.0.0.1:11434/api"; /v1 where no path is given */
    const char *model;   /* NULL: the first that the server names */
    const char *key;     /* sent as "Authorization: Bearer …"; NULL: none */
    const char *rubric;  /* what makes a text better */
    int (*cancel)(void *user); /* may be NULL */
    void *user;
} cluster_critic_options;

typedef enum cluster_choice { CLUSTER_FIRST, CLUSTER_SECOND, CLUSTER_TIE, CLUSTER_UNCLEAR } cluster_choice;

/* Asks the server for its models where none is given. Options are copied. EARG for an address that is none, EIO
 * where no answer comes, ENOTFOUND where the server has no model, EUNSUPPORTED without libcurl. */
int cluster_critic_open(cluster_critic **out, const cluster_critic_options *options, xlstm_error *err);
void cluster_critic_close(cluster_critic *critic);
const char *cluster_critic_model(const cluster_critic *critic);

/* Which of two continuations of a prompt is better (UTF-8). *words, malloc'd, is what the model answered; UNCLEAR
 * where that says neither A nor B nor TIE. A busy server (429, 503) is asked again, three times. */
int cluster_critic_ask(cluster_critic *critic, const char *prompt, const char *first, const char *second,
                       int64_t seed, cluster_choice *choice, char **words, xlstm_error *err);

/* What an answer says: its first word out of A, B and TIE behind the last "</think>", if any. */
cluster_choice cluster_choice_of(const char *words);

#endif
