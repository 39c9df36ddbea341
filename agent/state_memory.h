/* state_memory: SQLite has memory, or the role ends (base/mem.h). */
#pragma once

/* Before a database is opened; again and again is as good as once. */
void state_memory(void);
