/* inspect_pair: which key belongs to which certificate and request, through all inputs. */
#pragma once

struct inspect;

/* A private key that is there with certificates, and fits none, is a finding. */
void inspect_pair(struct inspect *in);
