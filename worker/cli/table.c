/* Tables and member lists for people; what came from outside is made harmless
 * for the terminal. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 256
#define COLUMNS_MAX 16
#define WIDTH_MAX 60 /* characters of a cell in a table */

static const cJSON *
member(const cJSON *object, const char *path)
{
    char name[64];

    while (object != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int) len, path);
        object = cJSON_GetObjectItemCaseSensitive(object, name);
        path += len + (path[len] == '.');
    }
    return object;
}

/* Control characters could move the cursor or colour the screen. */
static void
append(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);

    for (; *text != '\0' && len + 1 < size; text++) {
        unsigned char c = (unsigned char) *text;

        out[len++] = c < 0x20 || c == 0x7f ? ' ' : (char) c;
    }
    /* Not within a character. */
    while (
        len > 0 && len + 1 == size && ((unsigned char) out[len - 1] & 0x80)) {
        len--;
    }
    out[len] = '\0';
}

static void
cell(const cJSON *value, char out[CELL_MAX])
{
    const cJSON *item;

    out[0] = '\0';
    if (cJSON_IsString(value)) {
        append(out, CELL_MAX, value->valuestring);
    } else if (cJSON_IsBool(value)) {
        append(out, CELL_MAX, cJSON_IsTrue(value) ? "yes" : "no");
    } else if (cJSON_IsNumber(value)) {
        char *text = cJSON_PrintUnformatted(value);

        append(out, CELL_MAX, text ? text : "");
        free(text);
    } else if (cJSON_IsArray(value)) {
        cJSON_ArrayForEach(item, value)
        {
            if (out[0] != '\0') {
                append(out, CELL_MAX, ", ");
            }
            append(
                out, CELL_MAX, cJSON_IsString(item) ? item->valuestring : "");
        }
    }
    if (out[0] == '\0') {
        append(out, CELL_MAX, "-");
    }
}

/* Characters, not bytes. */
static int
width(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++) {
        n += ((unsigned char) *text & 0xc0) != 0x80;
    }
    return n;
}

/* Cuts after `max` characters. */
static void
cut(char *text, int max)
{
    int n = 0;

    for (char *p = text; *p != '\0'; p++) {
        if (((unsigned char) *p & 0xc0) != 0x80 && n++ == max) {
            *p = '\0';
            return;
        }
    }
}

static void
put(const char *text, int room, int right, int last)
{
    int padding = room - width(text);

    printf("%*s%s%*s%s", right && padding > 0 ? padding : 0, "", text,
        !right && !last && padding > 0 ? padding : 0, "", last ? "\n" : "  ");
}

static void
row(const cJSON *object, const cli_column_t *columns, const int *widths)
{
    char text[CELL_MAX];

    for (size_t i = 0; columns[i].title != NULL; i++) {
        cell(member(object, columns[i].member), text);
        cut(text, WIDTH_MAX);
        put(text, widths[i], columns[i].right, columns[i + 1].title == NULL);
    }
}

void
cli_table(const cJSON *rows, const cli_column_t *columns)
{
    int widths[COLUMNS_MAX] = { 0 };
    const cJSON *object;
    char text[CELL_MAX];

    for (size_t i = 0; columns[i].title != NULL; i++) {
        widths[i] = width(columns[i].title);
        cJSON_ArrayForEach(object, rows)
        {
            cell(member(object, columns[i].member), text);
            cut(text, WIDTH_MAX);
            if (width(text) > widths[i]) {
                widths[i] = width(text);
            }
        }
    }
    for (size_t i = 0; columns[i].title != NULL; i++) {
        put(columns[i].title, widths[i], columns[i].right,
            columns[i + 1].title == NULL);
    }
    cJSON_ArrayForEach(object, rows)
    {
        row(object, columns, widths);
    }
}

void
cli_members(const cJSON *object, const cli_column_t *members)
{
    char text[CELL_MAX];
    int widest = 0;

    for (size_t i = 0; members[i].title != NULL; i++) {
        widest =
            width(members[i].title) > widest ? width(members[i].title) : widest;
    }
    for (size_t i = 0; members[i].title != NULL; i++) {
        cell(member(object, members[i].member), text);
        put(members[i].title, widest, 0, 0);
        printf("%s\n", text);
    }
}

void
cli_more(const cJSON *page)
{
    const cJSON *next = cJSON_GetObjectItemCaseSensitive(page, "next_cursor");

    if (cJSON_IsString(next)) {
        printf("... more with --cursor %s\n", next->valuestring);
    }
}
