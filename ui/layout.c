/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui/layout.h"

#include <string.h>

#define LEVELS 4 /* plain, shift, AltGr, both */
#define KEYS   48

#define DEAD_GRAVE      "\u0300"
#define DEAD_ACUTE      "\u0301"
#define DEAD_CIRCUMFLEX "\u0302"
#define DEAD_DIAERESIS  "\u0308"

/* The keys of a table's row, from the left of the top row of a keyboard to the right of the last. */
static const uint8_t keys[KEYS] = {
    0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, /* digits */
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,
    0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2b,
    0x56, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, /* from left of Z */
};

struct layout {
    const char *names;         /* separated by spaces */
    const char *level[LEVELS]; /* a character per key; a combining one: dead; space: none */
};

#define NO_DIGITS "             "
#define NO_ROW    "            "

static const struct layout layouts[] = {
    {"us en-us",
     {"`1234567890-=" "qwertyuiop[]" "asdfghjkl;'\\" " zxcvbnm,./",
      "~!@#$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:\"|" " ZXCVBNM<>?",
      "", ""}},
    {"de",
     {DEAD_CIRCUMFLEX "1234567890ß" DEAD_ACUTE "qwertzuiopü+" "asdfghjklöä#" "<yxcvbnm,.-",
      "°!\"§$%&/()=?" DEAD_GRAVE "QWERTZUIOPÜ*" "ASDFGHJKLÖÄ'" ">YXCVBNM;:_",
      "  ²³   {[]}\\ " "@ €        ~" NO_ROW "|      µ", ""}},
    {"fr",
     {"²&é\"'(-è_çà)=" "azertyuiop" DEAD_CIRCUMFLEX "$" "qsdfghjklmù*" "<wxcvbn,;:!",
      " 1234567890°+" "AZERTYUIOP" DEAD_DIAERESIS "£" "QSDFGHJKLM%µ" ">WXCVBN?./§",
      "  ~#{[|`\\^@]}" "  €        ¤", ""}},
    {"uk gb en-gb",
     {"`1234567890-=" "qwertyuiop[]" "asdfghjkl;'#" "\\zxcvbnm,./",
      "¬!\"£$%^&*()_+" "QWERTYUIOP{}" "ASDFGHJKL:@~" "|ZXCVBNM<>?",
      "    €", ""}},
    {"es",
     {"º1234567890'¡" "qwertyuiop" DEAD_GRAVE "+" "asdfghjklñ" DEAD_ACUTE "ç" "<zxcvbnm,.-",
      "ª!\"·$%&/()=?¿" "QWERTYUIOP" DEAD_CIRCUMFLEX "*" "ASDFGHJKLÑ" DEAD_DIAERESIS "Ç"
      ">ZXCVBNM;:_",
      "\\|@#~ ¬      " "  €       []" "          {}", ""}},
    {"it",
     {"\\1234567890'ì" "qwertyuiopè+" "asdfghjklòàù" "<zxcvbnm,.-",
      "|!\"£$%&/()=?^" "QWERTYUIOPé*" "ASDFGHJKLç°§" ">ZXCVBNM;:_",
      "           `~" "  €       []" "         @#",
      NO_DIGITS "          {}"}},
};

/* Characters by themselves that a dead key and a space type. */
static const struct {
    gunichar spacing, dead;
} accents[] = {{'`', 0x300}, {0xb4, 0x301}, {'^', 0x302}, {'~', 0x303}, {0xa8, 0x308}};

static const struct {
    gunichar c;
    uint8_t key;
} control_keys[] = {{'\n', 0x1c}, {'\r', 0x1c}, {'\t', 0x0f}, {'\b', 0x0e},
                    {0x1b, 0x01}, {' ', 0x39}};

const struct layout *layout_by_name(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(layouts); i++) {
        g_auto(GStrv) names = g_strsplit(layouts[i].names, " ", -1);

        if (g_strv_contains((const char *const *)names, name))
            return &layouts[i];
    }
    return NULL;
}

const char *layout_names(void)
{
    return "us, de, fr, uk, es, it";
}

static bool find_key(const struct layout *layout, gunichar c, struct layout_stroke *stroke)
{
    static const uint8_t modifiers[LEVELS] = {0, LAYOUT_SHIFT, LAYOUT_ALTGR,
                                             LAYOUT_SHIFT | LAYOUT_ALTGR};

    for (unsigned i = 0; i < G_N_ELEMENTS(control_keys); i++) {
        if (control_keys[i].c == c) {
            *stroke = (struct layout_stroke){control_keys[i].key, 0};
            return true;
        }
    }
    for (unsigned level = 0; level < LEVELS; level++) {
        const char *p = layout->level[level];

        for (unsigned i = 0; i < KEYS && *p; i++, p = g_utf8_next_char(p)) {
            if (g_utf8_get_char(p) == c) {
                *stroke = (struct layout_stroke){keys[i], modifiers[level]};
                return true;
            }
        }
    }
    return false;
}

unsigned layout_find(const struct layout *layout, gunichar c,
                     struct layout_stroke strokes[LAYOUT_STROKES])
{
    gunichar base = 0, mark = 0;

    if (g_unichar_ismark(c))
        return 0; /* a dead key's own name in the tables; nothing to type by itself */
    if (find_key(layout, c, &strokes[0]))
        return 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(accents); i++) {
        if (accents[i].spacing == c) {
            base = ' ';
            mark = accents[i].dead;
        }
    }
    if (!mark && !g_unichar_decompose(c, &base, &mark))
        return 0;
    return find_key(layout, mark, &strokes[0]) && find_key(layout, base, &strokes[1]) ? 2 : 0;
}

bool layout_find_dead(const struct layout *layout, gunichar mark, struct layout_stroke *stroke)
{
    return g_unichar_ismark(mark) && find_key(layout, mark, stroke);
}
