/*
 * What the worker puts into its run folder is for nginx too: files and sockets
 * take the folder's group, so that the folder alone says who may come in.
 */
#ifndef SELLIFY_WORKER_FOLDER_H
#define SELLIFY_WORKER_FOLDER_H

/* Gives the file to the group of its folder, where we are allowed to; by `fd`,
 * or by `path` when fd is -1. */
void folder_share(int fd, const char *path);

/* "<folder of path>/<name>" into out. -1 when it does not fit. */
int folder_sibling(
    const char *path, const char *name, char *out, unsigned long size);

#endif
