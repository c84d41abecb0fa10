/* What is sent to the nodes: the program, the shared libraries that it uses, the checkpoint where it is small, and
 * what the user names, as one zip archive that Ray unpacks into the working folder of a job. */
#ifndef CLUSTER_PACKAGE_H
#define CLUSTER_PACKAGE_H

#include <stddef.h>

#include <xlstm/status.h>

#include "cluster/zip.h"

/* A checkpoint of up to so many bytes is sent; of a larger one every node needs its own copy at the same path. */
#define CLUSTER_MODEL_MOST ((size_t)64 << 20)
/* Ray's head keeps packages in memory and takes none of 100 MiB. */
#define CLUSTER_PACKAGE_MOST ((size_t)99 << 20)

typedef struct cluster_package_options {
    const char *program;     /* a file */
    const char *model;       /* a checkpoint's folder; NULL: none is needed */
    const char *const *ship; /* files and folders; each gets the last part of its name, in the working folder */
    size_t ships;
} cluster_package_options;

typedef struct cluster_package {
    cluster_zip *zip;
    const void *data; /* of the archive; owned by zip */
    size_t bytes;
    char name[64]; /* "_ray_pkg_<hash of the content>.zip" */
    char *model;   /* the checkpoint as a node finds it: a path in the working folder, or an absolute one; NULL */
    char *words;   /* what is in it, for people: "xltune, 12 libraries, the checkpoint" */
} cluster_package;

/* *out is to be cleared after success. XLSTM_EUNSUPPORTED where it would be too large. */
int cluster_package_make(cluster_package *out, const cluster_package_options *options, xlstm_error *err);
void cluster_package_clear(cluster_package *package);

/* The command that starts the program of the package with these arguments (ended by NULL) in a job, quoted for a
 * shell, malloc'd; NULL when out of memory. */
char *cluster_package_command(const char *const *arguments);

#endif
