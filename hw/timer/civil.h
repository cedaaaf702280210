/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dates of the Gregorian calendar as numbers. No time zones, no leap seconds. */
#ifndef HW_TIMER_CIVIL_H
#define HW_TIMER_CIVIL_H

#include <stdint.h>

struct civil {
    int64_t year; /* 2026 */
    unsigned month, day; /* 1 .. 12, 1 .. 31 */
};

/* Days since 1970-01-01. month 1 .. 12; a day beyond its month counts into the next one. */
int64_t civil_to_days(const struct civil *date);
struct civil civil_from_days(int64_t days);
/* 1: Sunday .. 7: Saturday */
unsigned civil_weekday(int64_t days);

#endif
