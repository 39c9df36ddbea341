/* state_memory: what SQLite has of us. It has memory, or the role ends (base/mem.h); what it has
 * locked is let go, even if the system fails to at first. */
#pragma once

/* Before a database is opened; again and again is as good as once. */
void state_memory(void);
