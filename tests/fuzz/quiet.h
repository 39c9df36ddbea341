/* quiet: in place of agent/role/log.c, for targets that would say a line for each input. */
#pragma once

#include "agent/role/log.h"

void log_setup(enum log_form form, uint32_t level, const char *role)
{
	(void)form;
	(void)level;
	(void)role;
}

void log_error(const char *fmt, ...)
{
	(void)fmt;
}

void log_warn(const char *fmt, ...)
{
	(void)fmt;
}

void log_info(const char *fmt, ...)
{
	(void)fmt;
}

void log_debug(const char *fmt, ...)
{
	(void)fmt;
}
