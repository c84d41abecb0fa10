/* A worker for xltune in C (docs/worker-protocol.md): transposes a matrix in blocks.
 *
 *     cc -O2 -o worker examples/worker.c -ljansson && xltune optimize --target worker:./worker
 */
#define _POSIX_C_SOURCE 200809L /* for clock_gettime and getline, also where the compiler is told -std=c17 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N = 512 };
static float from[N][N], to[N][N];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static json_t *describe(void) {
    return json_loads("{\"protocol\": 1, \"identity\": {\"worker\": \"transpose\", \"version\": \"1\"},"
                      " \"workload\": {\"rows\": 512}, \"metrics\": [{\"name\": \"wall_s\", \"unit\": \"s\"}],"
                      " \"tunables\": [{\"name\": \"block\", \"min\": 1, \"max\": 512, \"powers_of_two\": true}]}",
                      0, NULL);
}

static double run(int block) {
    const double began = now();
    for (int i = 0; i < N; i += block) {
        for (int k = 0; k < N; k += block) {
            for (int y = i; y < i + block; y++) {
                for (int x = k; x < k + block; x++) to[x][y] = from[y][x];
            }
        }
    }
    return now() - began;
}

static json_t *measure(const json_t *request) {
    const int block = (int)json_integer_value(json_object_get(json_object_get(request, "point"), "block"));
    if (block < 1 || N % block) return json_pack("{s:s, s:b}", "error", "block: wanted a divisor", "infeasible", 1);
    json_t *samples = json_array();
    for (json_int_t i = json_integer_value(json_object_get(request, "repeats")); i > 0; i--)
        json_array_append_new(samples, json_pack("{s:f}", "wall_s", run(block)));
    int wrong = 0;
    for (int y = 0; y < N; y++) wrong += memcmp(&to[y][N - 1], &from[N - 1][y], sizeof(float)) != 0;
    return json_pack("{s:o, s:s}", "samples", samples, "output", wrong ? "wrong" : "right");
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    for (int i = 0; i < N * N; i++) from[i / N][i % N] = (float)i;
    while (getline(&line, &room, stdin) > 0) {
        json_t *request = json_loads(line, 0, NULL);
        const char *what = json_string_value(json_object_get(request, "do"));
        json_t *answer = what && !strcmp(what, "describe") ? describe() : measure(request);
        json_object_set(answer, "id", json_object_get(request, "id"));
        json_dumpf(answer, stdout, JSON_COMPACT);
        puts("");
        fflush(stdout);
        json_decref(answer);
        json_decref(request);
    }
    free(line);
    return 0;
}
