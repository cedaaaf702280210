/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/timer/civil.h"

/*
 * Years are counted from March, so that the leap day is the last of its year: then the days before
 * month m (0: March) are (153 m + 2) / 5, and 400 years always have 146097 days. Day 0 is
 * 0000-03-01, which is 719468 days before 1970-01-01.
 */
#define DAYS_400Y 146097
#define DAYS_TO_1970 719468

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t civil_to_days(const struct civil *date)
{
    int64_t year = date->year - (date->month <= 2);
    int64_t month = (date->month + 9) % 12;

    return year * 365 + floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400) +
           (153 * month + 2) / 5 + date->day - 1 - DAYS_TO_1970;
}

struct civil civil_from_days(int64_t days)
{
    int64_t d = days + DAYS_TO_1970;
    int64_t cycle = floor_div(d, DAYS_400Y);
    int64_t in_cycle = d - cycle * DAYS_400Y;
    /* Leap days passed are taken out, so that every year has 365. */
    int64_t year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int64_t in_year = in_cycle - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    struct civil date = {
        .year = cycle * 400 + year + (month >= 10),
        .month = (unsigned)(month < 10 ? month + 3 : month - 9),
        .day = (unsigned)(in_year - (153 * month + 2) / 5 + 1),
    };

    return date;
}

unsigned civil_weekday(int64_t days)
{
    return (unsigned)(days + 4 - 7 * floor_div(days + 4, 7)) + 1; /* 1970-01-01 was a Thursday */
}
