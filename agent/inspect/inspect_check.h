/* inspect_check: what is wrong with each item by itself, and what a CRL says of others. */
#pragma once

struct inspect;

void inspect_check(struct inspect *in);
