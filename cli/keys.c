#include "cli/keys.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <xlstm/model.h>
#include <xlstm/tunable.h>

#include "base/cpu.h"
#include "tuner/search/strategy.h"

#define RUNS_PROMPT (CLI(optimize) | CLI(save_outputs) | CLI(judge) | CLI(generate) | CLI(bench))
#define COUNTS_NEW (CLI(optimize) | CLI(save_outputs) | CLI(bench))
#define HAS_MODEL                                                                                                  \
    (CLI_ENGINE | CLI(agent) | CLI(tokenize) | CLI(detokenize) | CLI(params) | CLI(devices) | CLI(info) |          \
     CLI(convert))
#define HAS_JSON                                                                                                   \
    (CLI(perplexity) | CLI(params) | CLI(devices) | CLI(info) | CLI(verify) | CLI(explain) | CLI(replay) |         \
     CLI(cluster) | CLI(top))
#define HAS_RUN (CLI(save_outputs) | CLI(judge) | CLI(plot) | CLI(explain) | CLI(report))
/* The formats by the names that PyTorch has for them. */
#define WEIGHT_NAMES "float32=f32|float16=f16|bfloat16=bf16"
#define HUGE_COUNT 1e12

/* clang-format off: one row a line, sorted by group and then by name, which is the order of the help */
static char strategies[256], tunables[512];       /* filled from the tables of those names */
static char first_strategy[64], first_device[64]; /* the defaults are the first rows of those tables */
static const cli_key fixed[] = {
    {"model_path", CLI_GROUP_INPUT, CLI_STR, HAS_MODEL, 0, 0, NULL, NULL, "DIR",
     "checkpoint folder, or the name of one in the Hugging Face cache (default: $XLTUNE_MODEL, else the embedded "
     "checkpoint)",
     0},
    {"prompt", CLI_GROUP_INPUT, CLI_STR, RUNS_PROMPT, 0, 0, "The capital of France is", NULL, "TEXT", "the prompt",
     0},
    {"prompt", CLI_GROUP_INPUT, CLI_STR, CLI(tokenize), 0, 0, NULL, NULL, "TEXT", "the text", 0},
    {"prompt_file", CLI_GROUP_INPUT, CLI_STR, RUNS_PROMPT | CLI(tokenize), 0, 0, NULL, NULL, "FILE",
     "file with the prompt, used byte for byte; - is standard input", 0},
    {"system", CLI_GROUP_INPUT, CLI_STR, CLI(chat), 0, 0, NULL, NULL, "TEXT",
     "message of the system, which comes before all others", 0},
    {"chat_template", CLI_GROUP_INPUT, CLI_STR, CLI(chat) | CLI(generate), 0, 0, NULL, NULL, "NAME",
     "chat template: the name of one of the checkpoint's, a file, or none (default: the checkpoint's own)", 0},
    {"load_state", CLI_GROUP_INPUT, CLI_STR, CLI(generate), 0, 0, NULL, NULL, "FILE",
     "continue from a saved state; a prompt, if given, is fed after it", 0},
    {"file", CLI_GROUP_INPUT, CLI_STR, CLI(perplexity) | CLI(tokenize) | CLI(detokenize), 0, 0, NULL, NULL, "FILE",
     "file to read; - is standard input", 0},
    {"kl", CLI_GROUP_INPUT, CLI_STR, CLI(perplexity), 0, 0, NULL, NULL, "FILE",
     "compare the logits with those that --kl-base wrote for the same text", 0},
    {"calibrate", CLI_GROUP_INPUT, CLI_STR, CLI(convert), 0, 0, NULL, NULL, "FILE",
     "text on which the importance of columns is measured", 0},
    {"importance", CLI_GROUP_INPUT, CLI_STR, CLI(convert), 0, 0, NULL, NULL, "FILE",
     "importance of columns, where scales are searched: read, or with --calibrate written (safetensors)", 0},
    {"golden", CLI_GROUP_INPUT, CLI_STR, CLI(verify), 0, 0, NULL, NULL, "FILE",
     "golden file to compare with (safetensors)", 0},
    {"tolerance", CLI_GROUP_INPUT, CLI_NUM, CLI(verify), 0, 1, NULL, NULL, NULL,
     "largest relative L2 error that passes (default: by the format of the weights)", 0},
    {"run", CLI_GROUP_INPUT, CLI_STR, HAS_RUN, 0, 0, NULL, NULL, "DIR", "run folder to read", 0},
    {"landscape", CLI_GROUP_INPUT, CLI_STR, CLI(replay), 0, 0, NULL, NULL, "FILE", "measured space, csv or csv.gz",
     0},
    {"like", CLI_GROUP_INPUT, CLI_STR, CLI(synth), 0, 0, NULL, NULL, "NAME",
     "size: 160m, 1.3b, 7b, or DxBxHxV for width x blocks x heads x vocabulary", 0},
    {"dtype", CLI_GROUP_INPUT, CLI_CHOICE, CLI(synth), 0, 0, "bf16", "f32|f16|bf16|" WEIGHT_NAMES, NULL,
     "format in which the weights are written", 0},
    {"bos", CLI_GROUP_INPUT, CLI_BOOL, CLI(tokenize), 0, 0, "true", NULL, NULL,
     "put the beginning-of-sequence token first", 0},

    {"backend", CLI_GROUP_SEARCH, CLI_CHOICE, CLI(optimize), 0, 0, "ray",
     "ray|queued|ray_compiled_steps=ray|queued_compiled_steps=queued", NULL, "scheduler to tune", 0},
    {"target", CLI_GROUP_SEARCH, CLI_STR, CLI(optimize), 0, 0, "engine", NULL, "NAME[:ARG]", "what is tuned", 0},
    {"target", CLI_GROUP_SEARCH, CLI_STR, CLI(save_outputs) | CLI(judge), 0, 0, NULL, NULL, "NAME[:ARG]",
     "what was tuned, as for optimize (default: the run's)", 0},
    {"target", CLI_GROUP_SEARCH, CLI_STR, CLI(agent), 0, 0, NULL, NULL, "NAME[:ARG]",
     "what the search must be of (default: whatever the study says)", 0},
    {"mode", CLI_GROUP_SEARCH, CLI_CHOICE, CLI(optimize), 0, 0, first_strategy, strategies, NULL, "search strategy",
     0},
    {"tune", CLI_GROUP_SEARCH, CLI_NAMES, CLI(optimize), 0, 0, NULL, tunables, "NAMES",
     "tunables to search; may be given several times (default: heads_per_band, chunk_size and, with queued, "
     "workers)",
     0},
    {"space", CLI_GROUP_SEARCH, CLI_OBJECT, CLI(optimize), 0, 0, NULL, NULL, "JSON",
     "search space as JSON: ranges, lists, conditions", 0},
    {"objective", CLI_GROUP_SEARCH, CLI_NAMES, CLI(optimize), 0, 0, "request_s", NULL, "NAMES",
     "metrics to optimize, see below; the first one decides the winner", 0},
    {"generations", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 1e6, "5", NULL, NULL,
     "generations of the genetic algorithm", 0},
    {"population", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 1e6, "10", NULL, NULL, "points in a generation", 0},
    {"trials", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 1e6, "20", NULL, NULL,
     "number of proposals in the other modes", 0},
    {"heads_min", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 65536, "2", NULL, NULL,
     "smallest heads_per_band to try", 0},
    {"heads_max", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 65536, "8", NULL, NULL,
     "largest heads_per_band to try", 0},
    {"chunks_min", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 1e6, "16", NULL, NULL, "smallest chunk_size to try",
     0},
    {"chunks_max", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 1e6, "64", NULL, NULL, "largest chunk_size to try",
     0},
    {"workers_min", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 65536, "4", NULL, NULL, "fewest workers to try",
     0},
    {"workers_max", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize), 1, 65536, "8", NULL, NULL, "most workers to try", 0},
    {"budget", CLI_GROUP_SEARCH, CLI_DURATION, CLI(optimize), 0, 1e8, NULL, NULL, "TIME",
     "time for the whole run, as in 90s, 30m, 2h (default: no limit)", 0},
    {"spread", CLI_GROUP_SEARCH, CLI_DURATION, CLI(optimize), 0, 1e8, NULL, NULL, "TIME",
     "spread the final comparison's processes over this time, as in 1h (default: one after the other)", 0},
    {"effort", CLI_GROUP_SEARCH, CLI_CHOICE, CLI(optimize), 0, 0, "normal", "quick|normal|thorough", NULL,
     "how precise the final comparison is, and how long it may take", 0},
    {"max_kl", CLI_GROUP_SEARCH, CLI_NUM, CLI(optimize), 0, 1e6, NULL, NULL, NULL,
     "largest KL divergence from the baseline that is accepted, in nats a token", 0},
    {"require_identical", CLI_GROUP_SEARCH, CLI_BOOL, CLI(optimize), 0, 0, "false", NULL, NULL,
     "accept only points that generate the baseline's tokens", 0},
    {"placebo", CLI_GROUP_SEARCH, CLI_BOOL, CLI(optimize), 0, 0, "false", NULL, NULL,
     "test the verdict: run the baseline's settings at every point", 0},
    {"resume", CLI_GROUP_SEARCH, CLI_STR, CLI(optimize), 0, 0, NULL, NULL, "RUN",
     "continue the run of this run folder in place", 0},
    {"strategy", CLI_GROUP_SEARCH, CLI_NAMES, CLI(replay), 0, 0, first_strategy, strategies, "NAMES",
     "strategies to replay", 0},
    {"budget", CLI_GROUP_SEARCH, CLI_INT, CLI(replay), 1, 1e9, "400", NULL, NULL, "evaluations in each replay", 0},
    {"seeds", CLI_GROUP_SEARCH, CLI_INT, CLI(replay), 1, 1e6, "10", NULL, NULL,
     "number of replays, each with the next seed", 0},
    {"first_seed", CLI_GROUP_SEARCH, CLI_INT, CLI(replay), 0, 0x1p53, "0", NULL, NULL, "seed of the first replay",
     0},
    {"pending", CLI_GROUP_SEARCH, CLI_INT, CLI(replay), 1, 1e6, "1", NULL, NULL,
     "number of points that are measured at the same time", 0},
    {"noise", CLI_GROUP_SEARCH, CLI_STR, CLI(replay), 0, 0, "none", NULL, "KIND",
     "noise of an evaluation: none, native:R, gauss:S:R, halves or halves:R", 0},
    {"seed", CLI_GROUP_SEARCH, CLI_INT, CLI(optimize) | CLI(synth), 0, 0x1p53, "1337", NULL, NULL,
     "seed of the random numbers", 0},

    {"command", CLI_GROUP_COMMAND, CLI_WORDS, CLI(optimize), 0, 0, NULL, NULL, "WORDS",
     "the command; on the command line it usually follows --", 0},
    {"shell", CLI_GROUP_COMMAND, CLI_BOOL, CLI(optimize), 0, 0, "false", NULL, NULL,
     "run the commands by /bin/sh -c, the words joined by spaces", 0},
    {"baseline", CLI_GROUP_COMMAND, CLI_OBJECT, CLI(optimize), 0, 0, NULL, NULL, "JSON",
     "the parameters' values before the search (default: the first value of each)", 0},
    {"setup", CLI_GROUP_COMMAND, CLI_WORDS, CLI(optimize), 0, 0, NULL, NULL, "WORDS",
     "command to run when the samples of another point begin", 0},
    {"prepare", CLI_GROUP_COMMAND, CLI_WORDS, CLI(optimize), 0, 0, NULL, NULL, "WORDS",
     "command to run before each execution, not timed", 0},
    {"cleanup", CLI_GROUP_COMMAND, CLI_WORDS, CLI(optimize), 0, 0, NULL, NULL, "WORDS",
     "command to run when the samples of a point end", 0},
    {"metrics", CLI_GROUP_COMMAND, CLI_OBJECT, CLI(optimize), 0, 0, NULL, NULL, "JSON",
     "metrics that it prints, as in {\"rate\": {\"regex\": \"([0-9.]+) MB/s\", \"better\": \"larger\"}}", 0},
    {"output_hash", CLI_GROUP_COMMAND, CLI_STR, CLI(optimize), 0, 0, "stdout", NULL, "WHAT",
     "what must be as with the baseline: stdout, none, or a file's content", 0},
    {"expect", CLI_GROUP_COMMAND, CLI_INTS, CLI(optimize), 0, 255, "0", NULL, "N,N", "exit codes of a success", 0},
    {"time_limit", CLI_GROUP_COMMAND, CLI_DURATION, CLI(optimize), 0, 1e8, NULL, NULL, "TIME",
     "time of one execution (default: ten times the baseline's and 10 s)", 0},
    {"memory_limit", CLI_GROUP_COMMAND, CLI_NUM, CLI(optimize), 1, 1e12, NULL, NULL, "MIB",
     "address space of each of its processes (default: no limit)", 0},

    {"agents", CLI_GROUP_CLUSTER, CLI_INT, CLI(optimize), 0, 1e6, NULL, NULL, "N",
     "propose only; processes of `xltune agent` measure. Begins when N of them are there", 0},
    {"lease", CLI_GROUP_CLUSTER, CLI_DURATION, CLI(optimize), 1, 1e6, "30s", NULL, "TIME",
     "an agent that is silent for so long is gone, and another measures what it was measuring", 0},
    {"fleet", CLI_GROUP_CLUSTER, CLI_STR, CLI(agent), 0, 0, NULL, NULL, "NAME",
     "which search of the study to measure for (default: the newest that is open)", 0},
    {"patience", CLI_GROUP_CLUSTER, CLI_DURATION, CLI(agent), 1, 1e8, "60s", NULL, "TIME",
     "how long to wait for a search, and for one whose proposing process is silent", 0},
    {"ray_address", CLI_GROUP_CLUSTER, CLI_STR, CLI(optimize) | CLI(cluster), 0, 0, NULL, NULL, "URL",
     "the dashboard of a Ray cluster's head, as in http://HEAD:8265", 0},
    {"nodes", CLI_GROUP_CLUSTER, CLI_STR, CLI(optimize), 0, 0, "all", NULL, "N",
     "measure on so many nodes of the cluster, or on all", 0},
    {"resources", CLI_GROUP_CLUSTER, CLI_OBJECT, CLI(optimize), 0, 0, NULL, NULL, "JSON",
     "what an agent takes of its node, as in {\"GPU\": 1} (default: all its CPUs)", 0},
    {"ship", CLI_GROUP_CLUSTER, CLI_NAMES, CLI(optimize), 0, 0, NULL, NULL, "PATHS",
     "files and folders to send to the nodes, into the agents' working folder", 0},
    {"host", CLI_GROUP_SERVER, CLI_STR, CLI(serve), 0, 0, "127.0.0.1", NULL, "ADDRESS",
     "address to listen at; one that others can reach wants an API key", 0},
    {"port", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 0, 65535, "8080", NULL, NULL,
     "port to listen at; 0: any that is free", 0},
    {"port", CLI_GROUP_SERVER, CLI_INT, CLI(dash), 0, 65535, "0", NULL, NULL,
     "port of 127.0.0.1 to listen at; 0: any that is free", 0},
    {"api_key_file", CLI_GROUP_SERVER, CLI_STR, CLI(serve), 0, 0, NULL, NULL, "FILE",
     "API keys, one a line, of 8 characters or more; $XLTUNE_API_KEY is another", 0},
    {"sessions", CLI_GROUP_SERVER, CLI_STR, CLI(serve), 0, 0, NULL, NULL, "DIR",
     "folder of the conversations that requests name by session_id (default: none are kept)", 0},
    {"max_batch", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 1, 4096, "32", NULL, NULL,
     "sequences that get a token in one step at most", 0},
    {"slice", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 1, 65536, "512", NULL, NULL,
     "tokens of prompts that are read in one step at most", 0},
    {"max_itl_ms", CLI_GROUP_SERVER, CLI_NUM, CLI(serve), 0, 1e6, "0", NULL, "MS",
     "longest time between two tokens of a stream while prompts are read; 0: twice that without prompts, or more "
     "where reading any takes longer",
     0},
    {"max_streams", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 0, 1e5, "0", NULL, NULL,
     "sequences in memory at once; 0: as many as fit into half of what is free, at most 1024", 0},
    {"max_queue", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 0, 1e6, "256", NULL, NULL,
     "sequences that wait beyond these; others are refused with 429", 0},
    {"max_tokens", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 1, 1e9, "4096", NULL, NULL, "tokens of an answer at most",
     0},
    {"max_connections", CLI_GROUP_SERVER, CLI_INT, CLI(serve), 1, 1e5, "1100", NULL, NULL,
     "open connections at most", 0},
    {"max_body_mb", CLI_GROUP_SERVER, CLI_NUM, CLI(serve), 0.001, 1024, "2", NULL, "MIB",
     "size of a request at most", 0},
    {"request_limit", CLI_GROUP_SERVER, CLI_DURATION, CLI(serve), 0, 1e6, "10m", NULL, "TIME",
     "time of a request, waiting included; 0: no limit", 0},
    {"idle_limit", CLI_GROUP_SERVER, CLI_DURATION, CLI(serve), 1, 1e6, "60s", NULL, "TIME",
     "time after which a client is dropped that does not send or read what it should", 0},
    {"drain_limit", CLI_GROUP_SERVER, CLI_DURATION, CLI(serve), 0, 1e6, "30s", NULL, "TIME",
     "time that running answers get to end after SIGTERM", 0},
    {"cache_mb", CLI_GROUP_SERVER, CLI_NUM, CLI(serve), 0, HUGE_COUNT, "512", NULL, "MIB",
     "memory for the states behind beginnings of prompts; 0: none are kept", 0},
    {"cache_dir", CLI_GROUP_SERVER, CLI_STR, CLI(serve), 0, 0, NULL, NULL, "DIR",
     "folder for such states that leave the memory (default: they are dropped)", 0},
    {"cache_dir_mb", CLI_GROUP_SERVER, CLI_NUM, CLI(serve), 0, HUGE_COUNT, "4096", NULL, "MIB",
     "size of that folder", 0},

    {"new", CLI_GROUP_MEASURE, CLI_INT, CLI(optimize), 0, 1e9, "64", NULL, NULL,
     "number of tokens to generate; end of text is ignored", 0},
    {"new", CLI_GROUP_MEASURE, CLI_INT, CLI(save_outputs), 0, 1e9, "32", NULL, NULL,
     "number of tokens to generate; end of text is ignored", 0},
    {"max_new_tokens", CLI_GROUP_MEASURE, CLI_INT, CLI(generate), 0, 1e9, "20", NULL, NULL,
     "most tokens to generate; generation also stops at end of text", 0},
    {"max_new_tokens", CLI_GROUP_MEASURE, CLI_INT, CLI(chat), 0, 1e9, "512", NULL, NULL,
     "most tokens of an answer; it also ends at end of text", 0},
    {"n", CLI_GROUP_MEASURE, CLI_INT, CLI(generate), 1, 64, "1", NULL, NULL,
     "number of continuations; more than one are printed as with --json, each drawn with the next seed", 0},
    {"batch_size", CLI_GROUP_MEASURE, CLI_INT, CLI(generate), 1, 4096, "16", NULL, NULL,
     "most sequences that are continued together, with --jsonl or --n", 0},
    {"repeats", CLI_GROUP_MEASURE, CLI_INT, CLI(optimize), 1, 1e6, "1", NULL, NULL,
     "samples of each point in the search", 0},
    {"new", CLI_GROUP_MEASURE, CLI_INTS, CLI(bench), 0, 1e9, "128", NULL, "N,N",
     "numbers of tokens to generate (list)", 0},
    {"n_prompt", CLI_GROUP_MEASURE, CLI_INTS, CLI(bench), 0, 1e9, "512", NULL, "N,N",
     "prompt lengths in tokens (list)", 0},
    {"repeats", CLI_GROUP_MEASURE, CLI_INT, CLI(bench), 1, 1e6, "5", NULL, NULL, "samples of each test", 0},
    {"roofline", CLI_GROUP_MEASURE, CLI_BOOL, CLI(bench), 0, 0, "false", NULL, NULL,
     "also measure read bandwidth and the rates of products, and print each result's share of them", 0},
    {"profile_gpu", CLI_GROUP_MEASURE, CLI_BOOL, CLI(bench), 0, 0, "false", NULL, NULL,
     "also print where the device's time goes, by operation; the kernels of a GPU run one after another then", 0},

    {"device", CLI_GROUP_ENGINE, CLI_STR, CLI_ENGINE | CLI(params) | CLI(agent), 0, 0, first_device, NULL, "NAME",
     "device to run on, one of those that `xltune devices` lists", 0},
    {"cpu_mask", CLI_GROUP_ENGINE, CLI_CHOICE, CLI_ENGINE | CLI(params), 0, 0, NULL, XL_CPU_MASKS, NULL,
     "use no instruction set beyond this one", 0},

    {"temperature", CLI_GROUP_SAMPLING, CLI_NUM, CLI(generate), 0, 1e6, "0", NULL, NULL,
     "sampling temperature; 0 always takes the likeliest token", 0},
    {"temperature", CLI_GROUP_SAMPLING, CLI_NUM, CLI(chat), 0, 1e6, "0.7", NULL, NULL,
     "sampling temperature; 0 always takes the likeliest token", 0},
    {"top_k", CLI_GROUP_SAMPLING, CLI_INT, CLI(generate) | CLI(chat), 0, 1e9, "0", NULL, NULL,
     "sample from the k likeliest tokens only; 0 means all", 0},
    {"top_p", CLI_GROUP_SAMPLING, CLI_NUM, CLI(generate) | CLI(chat), 1e-6, 1, "1", NULL, NULL,
     "sample from the likeliest tokens whose probabilities sum to p only; 1 means all", 0},
    {"min_p", CLI_GROUP_SAMPLING, CLI_NUM, CLI(generate) | CLI(chat), 0, 1, "0", NULL, NULL,
     "drop tokens less likely than this share of the likeliest token's probability; 0 drops none", 0},
    {"repetition_penalty", CLI_GROUP_SAMPLING, CLI_NUM, CLI(generate) | CLI(chat), 0.01, 100, "1", NULL, NULL,
     "a value above 1 makes repeated tokens less likely", 0},
    {"repeat_last_n", CLI_GROUP_SAMPLING, CLI_INT, CLI(generate) | CLI(chat), -1, 1e9, "64", NULL, NULL,
     "how many tokens the penalty looks back; 0 turns it off, -1 means all", 0},
    {"seed", CLI_GROUP_SAMPLING, CLI_INT, CLI(generate) | CLI(chat), 0, 0x1p53, "1337", NULL, NULL,
     "seed of the random numbers", 0},
    {"stop", CLI_GROUP_SAMPLING, CLI_TEXTS, CLI(generate) | CLI(chat), 0, 0, NULL, NULL, "TEXT",
     "text at which a continuation ends, which is not printed; may be given up to 16 times", 0},

    {"via", CLI_GROUP_OPINION, CLI_STR, CLI(judge), 0, 0, NULL, NULL, "URL",
     "server whose model compares the texts: http://HOST:PORT/v1, or Ollama's /api", 0},
    {"via_model", CLI_GROUP_OPINION, CLI_STR, CLI(judge), 0, 0, NULL, NULL, "NAME",
     "model of that server (default: the first that it names)", 0},
    {"via_repeats", CLI_GROUP_OPINION, CLI_INT, CLI(judge), 1, 100, "2", NULL, NULL,
     "how often each pair is asked about, the order turned each time", 0},
    {"via_seed", CLI_GROUP_OPINION, CLI_INT, CLI(judge), 0, 0x1p53, "1337", NULL, NULL,
     "seed of the order, of the choice of pairs and of the model", 0},
    {"comparisons", CLI_GROUP_OPINION, CLI_INT, CLI(judge), 1, 1e6, "100", NULL, NULL,
     "most pairs that are compared; of more, so many are chosen at random", 0},
    {"rubric", CLI_GROUP_OPINION, CLI_STR, CLI(judge), 0, 0, NULL, NULL, "TEXT",
     "what makes a text better (default: fluent, coherent, relevant, no repetition)", 0},

    {"log_dir", CLI_GROUP_OUTPUT, CLI_STR, CLI(optimize), 0, 0, "runs", NULL, "DIR",
     "folder in which run folders are made", 0},
    {"tag", CLI_GROUP_OUTPUT, CLI_WORD, CLI(optimize), 0, 0, "", NULL, "WORD",
     "word at the end of the run folder's name", 0},
    {"study", CLI_GROUP_OUTPUT, CLI_STR, CLI(optimize) | CLI(study) | CLI(agent), 0, 0, NULL, NULL, "STUDY",
     "study to use: a file, or postgresql://USER@HOST/DATABASE (default: the run folder's own)", 0},
    {"export_landscape", CLI_GROUP_OUTPUT, CLI_STR, CLI(optimize), 0, 0, NULL, NULL, "FILE",
     "write all samples as a landscape, for replay and Kernel Tuner", 0},
    {"outputs", CLI_GROUP_OUTPUT, CLI_STR, CLI(save_outputs) | CLI(judge), 0, 0, NULL, NULL, "DIR",
     "folder of the continuations (default: RUN/outputs)", 0},
    {"out", CLI_GROUP_OUTPUT, CLI_STR, CLI(plot) | CLI(explain) | CLI(synth) | CLI(study) | CLI(convert), 0, 0,
     NULL, NULL, "PATH", "where to write", 0},
    {"study", CLI_GROUP_OUTPUT, CLI_STR, CLI(dash), 0, 0, NULL, NULL, "STUDY",
     "study whose runs are shown: a file, or the address of a PostgreSQL server", 0},
    {"html", CLI_GROUP_OUTPUT, CLI_STR, CLI(report), 0, 0, NULL, NULL, "FILE",
     "the page to write (default: report.html in the run folder)", 0},
    {"kl_base", CLI_GROUP_OUTPUT, CLI_STR, CLI(perplexity), 0, 0, NULL, NULL, "FILE",
     "write the logits of every token here, for --kl", 0},
    {"dump", CLI_GROUP_OUTPUT, CLI_STR, CLI(verify), 0, 0, NULL, NULL, "FILE",
     "write the computed results here (safetensors)", 0},
    {"trace", CLI_GROUP_OUTPUT, CLI_STR, CLI(replay), 0, 0, NULL, NULL, "FILE",
     "write the row number of each evaluation here (csv)", 0},
    {"save_state", CLI_GROUP_OUTPUT, CLI_STR, CLI(generate), 0, 0, NULL, NULL, "FILE",
     "write the state at the end here", 0},
    {"stats_log", CLI_GROUP_OUTPUT, CLI_STR, CLI(generate), 0, 0, NULL, NULL, "FILE",
     "write the time of each token here (csv)", 0},
    {"stats_every", CLI_GROUP_OUTPUT, CLI_INT, CLI(generate), 1, 1e9, "1", NULL, NULL, "log every N-th token", 0},
    {"output", CLI_GROUP_OUTPUT, CLI_CHOICE, CLI(bench), 0, 0, "md", "md|csv|json|jsonl|sql", NULL,
     "format of the table", 0},
    {"format", CLI_GROUP_OUTPUT, CLI_CHOICE, CLI(study), 0, 0, NULL, "csv|json", NULL,
     "output format (default: plain text; of export csv where --out ends in .csv, else json)", 0},
    {"json", CLI_GROUP_OUTPUT, CLI_BOOL, HAS_JSON, 0, 0, "false", NULL, NULL, "print one JSON object", 0},
    {"once", CLI_GROUP_OUTPUT, CLI_BOOL, CLI(top), 0, 0, "false", NULL, NULL, "print the view once, then end", 0},
    {"json", CLI_GROUP_OUTPUT, CLI_BOOL, CLI(generate), 0, 0, "false", NULL, NULL,
     "print each continuation as one JSON object on a line, see below", 0},
    {"logprobs", CLI_GROUP_OUTPUT, CLI_INT, CLI(generate), 0, 20, NULL, NULL, NULL,
     "print as with --json, with each token's log-probability and those of the N likeliest", 0},
    {"jsonl", CLI_GROUP_OUTPUT, CLI_BOOL, CLI(tokenize) | CLI(detokenize) | CLI(generate), 0, 0, "false", NULL,
     NULL, "read and write one JSON object on each line", 0},

    {"mem_log", CLI_GROUP_MEMORY, CLI_STR, CLI(generate), 0, 0, NULL, NULL, "FILE",
     "write the memory in use here (csv)", 0},
    {"mem_every", CLI_GROUP_MEMORY, CLI_INT, CLI(generate), 0, 1e9, "200", NULL, "MS",
     "milliseconds between two readings of the memory in use, at least 50", 0},
    {"mem_soft_pct", CLI_GROUP_MEMORY, CLI_NUM, CLI(generate), 0, 1, "0.85", NULL, NULL,
     "soft limit as a share of the machine's memory; 0 turns it off", 0},
    {"mem_hard_pct", CLI_GROUP_MEMORY, CLI_NUM, CLI(generate), 0, 1, "0.92", NULL, NULL,
     "limit at which generation stops, as a share of the machine's memory; 0 turns it off", 0},
    {"mem_soft_mb", CLI_GROUP_MEMORY, CLI_NUM, CLI(generate), 0, HUGE_COUNT, "0", NULL, "MIB",
     "soft limit in MiB, used instead of the share; 0 leaves it to the share", 0},
    {"mem_hard_mb", CLI_GROUP_MEMORY, CLI_NUM, CLI(generate), 0, HUGE_COUNT, "0", NULL, "MIB",
     "limit at which generation stops, in MiB, used instead of the share; 0 leaves it to the share", 0},
    {"mem_action", CLI_GROUP_MEMORY, CLI_CHOICES, CLI(generate), 0, 0, "warn,empty_cache", "warn|empty_cache|none",
     "LIST", "what to do at the soft limit", 0},

    {"config", CLI_GROUP_CONFIG, CLI_STR, CLI_ALL, 0, 0, NULL, NULL, "FILE",
     "JSON file with these settings; the command line overrides it", 0},
    {"profile", CLI_GROUP_CONFIG, CLI_STR, CLI_TUNED, 0, 0, NULL, NULL, "NAME",
     "packaged profile, or a file (default: golden_<backend>)", 0},
    {"best", CLI_GROUP_CONFIG, CLI_BOOL, CLI_TUNED, 0, 0, "true", NULL, NULL,
     "use the newest snapshot of this machine and checkpoint", 0},
    {"best_dir", CLI_GROUP_CONFIG, CLI_STR, CLI_TUNED, 0, 0, "best", NULL, "DIR", "folder of the best snapshots",
     0},
    {"print_effective_config", CLI_GROUP_CONFIG, CLI_BOOL, CLI_ALL, 0, 0, "false", NULL, NULL,
     "print each setting and where it comes from, then exit", 0},

    {"streams", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "N", "submissions in flight on a GPU", 0},
    {"outputs_dir", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"ray_dashboard", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"ray_dashboard_port", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"ray_local_mode", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"ray_keep_alive", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"cfc_calibrate", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"cfc_hidden", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"cfc_backbone", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"cfc_mode", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
    {"cfc_topk", CLI_GROUP_INERT, CLI_INERT, CLI_ALL, 0, 0, NULL, NULL, "X", "", 0},
};

/* The first six are other names that we chose; the others are those that other programs use. */
static const cli_alias aliases[] = {
    {"model", "model_path", CLI_ALL, false, NULL},
    {"heads", "heads_per_band", CLI_ALL, false, NULL},
    {"chunks", "chunk_size", CLI_ALL, false, NULL},
    {"chunkwise_backend", "scheduler", CLI_ALL, false, NULL},
    {"mem_poll_ms", "mem_every", CLI_ALL, false, NULL},
    {"backend", "scheduler", CLI_ENGINE & ~CLI(optimize), true, NULL},

    {"m", "model_path", CLI_ALL, true, NULL},
    {"model_name_or_path", "model_path", CLI_ALL, true, NULL},
    {"t", "workers", CLI_ENGINE, true, "decode_workers"},
    {"threads", "workers", CLI_ENGINE, true, "decode_workers"},
    {"n_threads", "workers", CLI_ENGINE, true, "decode_workers"},
    {"num_threads", "workers", CLI_ENGINE, true, "decode_workers"},
    {"dtype", "weights", CLI_ENGINE, true, NULL},
    {"torch_dtype", "weights", CLI_ENGINE, true, NULL},

    {"p", "prompt", RUNS_PROMPT & ~CLI(bench), true, NULL},
    {"f", "prompt_file", RUNS_PROMPT, true, NULL},
    {"f", "file", CLI(perplexity) | CLI(tokenize) | CLI(detokenize), true, NULL},
    {"file", "prompt_file", RUNS_PROMPT, true, NULL},
    {"text", "prompt", CLI(tokenize), true, NULL},

    {"new", "max_new_tokens", CLI(generate) | CLI(chat), true, NULL},
    {"n", "max_new_tokens", CLI(generate) | CLI(chat), true, NULL}, /* behind one dash */
    {"n_predict", "max_new_tokens", CLI(generate) | CLI(chat), true, NULL},
    {"predict", "max_new_tokens", CLI(generate) | CLI(chat), true, NULL},
    {"max_tokens", "max_new_tokens", CLI(generate) | CLI(chat), true, NULL},
    {"max_new_tokens", "new", COUNTS_NEW, true, NULL},
    {"n", "new", COUNTS_NEW, true, NULL},
    {"n_predict", "new", COUNTS_NEW, true, NULL},
    {"n_gen", "new", CLI(bench), true, NULL},
    {"p", "n_prompt", CLI(bench), true, NULL},
    {"r", "repeats", CLI(optimize) | CLI(bench), true, NULL},
    {"runs", "repeats", CLI(optimize), true, NULL},
    {"S", "shell", CLI(optimize), true, NULL},
    {"repetitions", "repeats", CLI(bench), true, NULL},

    {"sys", "system", CLI(chat), true, NULL},
    {"system_prompt", "system", CLI(chat), true, NULL},
    {"temp", "temperature", CLI(generate) | CLI(chat), true, NULL},
    {"repeat_penalty", "repetition_penalty", CLI(generate) | CLI(chat), true, NULL},
    {"s", "seed", CLI(generate) | CLI(chat) | CLI(optimize) | CLI(synth), true, NULL},
    {"random_seed", "seed", CLI(generate) | CLI(chat) | CLI(optimize) | CLI(synth), true, NULL},

    {"o", "output", CLI(bench), true, NULL},
    {"o", "out", CLI(plot) | CLI(explain) | CLI(synth) | CLI(study) | CLI(convert), true, NULL},
    {"output", "out", CLI(plot) | CLI(explain) | CLI(synth) | CLI(study) | CLI(convert), true, NULL},
    {"o", "html", CLI(report), true, NULL},
    {"out", "html", CLI(report), true, NULL},
    {"output", "html", CLI(report), true, NULL},
};
/* clang-format on */

enum { FIXED = sizeof fixed / sizeof fixed[0], ALIASES = sizeof aliases / sizeof aliases[0] };
enum { ROWS = FIXED + 2 * XLSTM_TUNABLE_COUNT + 2 };

static cli_key rows[ROWS];
static char choices[XLSTM_TUNABLE_COUNT][256];

/* Adds a name to a list as "a|b". */
static void add_name(char *list, size_t size, const char *name) {
    const size_t used = strlen(list);
    const int length = snprintf(list + used, size - used, "%s%s", used ? "|" : "", name);
    assert(length > 0 && (size_t)length < size - used);
    (void)length;
}

static void add_tunable(int id, cli_key *one, cli_key *list) {
    const xlstm_tunable *t = xlstm_tunable_get(id);
    assert(t);
    bool choice = t->type == XLSTM_TYPE_CHOICE;
    if (choice) {
        for (const char *const *name = t->choices; *name; name++) add_name(choices[id], sizeof choices[id], *name);
        if (id == XLSTM_TUNE_WEIGHTS) add_name(choices[id], sizeof choices[id], WEIGHT_NAMES);
        if (id == XLSTM_TUNE_SCHEDULER) {
            add_name(choices[id], sizeof choices[id],
                     "ray_compiled_steps=ray|queued_compiled_steps=queued|native_compiled_autograd=recurrent");
        }
    }
    *one = (cli_key){.name = t->name,
                     .group = CLI_GROUP_ENGINE,
                     .type = choice ? CLI_CHOICE : CLI_INT,
                     .commands = CLI_ENGINE & ~CLI(bench),
                     .min = choice ? 0 : (double)t->min,
                     .max = choice ? 0 : (double)t->max,
                     .choices = choice ? choices[id] : NULL,
                     .text = t->text,
                     .tunable = id + 1};
    if (id == XLSTM_TUNE_WEIGHTS || id == XLSTM_TUNE_HEAD_WEIGHTS) one->commands |= CLI(convert);
    *list = *one;
    list->type = choice ? CLI_CHOICES : CLI_INTS;
    list->commands = CLI(bench);
    /* optimize has the key `backend` for the scheduler. */
    if (id == XLSTM_TUNE_SCHEDULER) one->commands &= ~CLI(optimize);
}

/* Gives some commands another default for a tunable: a row of their own behind the two that it has. */
static void set_apart(cli_key *one, cli_commands commands, const char *preset) {
    cli_key *other = one + 2;
    *other = *one;
    other->commands &= commands;
    other->preset = preset;
    one->commands &= ~commands;
}

static void fill(void) {
    if (rows[0].name) return;
    for (int i = 0; tune_strategies[i]; i++) add_name(strategies, sizeof strategies, tune_strategies[i]->name);
    assert(tune_strategies[0]);
    add_name(first_strategy, sizeof first_strategy, tune_strategies[0]->name);
    /* The devices are not listed for this, because that would start their drivers for every command. */
    if (xlstm_device_kind_at(0)) add_name(first_device, sizeof first_device, xlstm_device_kind_at(0));
    for (int i = 0; i < XLSTM_TUNABLE_COUNT; i++) add_name(tunables, sizeof tunables, xlstm_tunable_get(i)->name);
    int used = 0, id = 0;
    for (int i = 0; i < FIXED; i++) {
        /* Within their group the tunables come first. */
        for (; id < XLSTM_TUNABLE_COUNT && fixed[i].group == CLI_GROUP_ENGINE; id++, used += 2) {
            add_tunable(id, &rows[used], &rows[used + 1]);
            if (id == XLSTM_TUNE_COMPUTE) set_apart(&rows[used++], CLI_EXACT, "f32");
            if (id == XLSTM_TUNE_HUGE_PAGES) set_apart(&rows[used++], CLI(serve), "auto");
        }
        rows[used++] = fixed[i];
    }
}

int cli_key_count(void) {
    return ROWS;
}

const cli_alias *cli_key_aliases(int *count) {
    *count = ALIASES;
    return aliases;
}

const cli_key *cli_key_at(int index) {
    fill();
    return &rows[index];
}
